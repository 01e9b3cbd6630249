'use strict';

// What is typed here may be a password: nothing of it stays when the page goes.
const memory = new Map();
const storage = {
  getItem: (key) => memory.get(key) ?? null,
  setItem: (key, value) => void memory.set(key, value),
  removeItem: (key) => void memory.delete(key),
  clear: () => memory.clear(),
  get length() { return memory.size; },
};

const endpoint = new URL('/graphql', location.href);
const socket = new URL('/graphql/ws', location.href);
socket.protocol = socket.protocol.replace('http', 'ws');
const send = GraphiQL.createFetcher({
  url: endpoint.href,
  subscriptionUrl: socket.href,
  enableIncrementalDelivery: false,
});

// Who has signed in here is asked as, unless the headers of a tab say otherwise.
let token = null;
const fetcher = (operation, options = {}) => {
  const signed = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = send(operation, { ...options, headers: { ...signed, ...options.headers } });
  if (answer instanceof Promise) {
    answer.then(({ data }) => { token = data?.sessionCreate?.token ?? token; }, () => {});
  }
  return answer;
};

const defaultTabs = JSON.parse(document.getElementById('examples').textContent);
const root = document.getElementById('graphiql');
root.style.height = '100vh';
document.body.style.margin = '0';
ReactDOM.createRoot(root).render(React.createElement(GraphiQL, { fetcher, storage, defaultTabs }));
