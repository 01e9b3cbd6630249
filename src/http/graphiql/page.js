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

// Beside this page, which may stand below a path.
const endpoint = location.origin + location.pathname;
const send = GraphiQL.createFetcher({
  url: endpoint,
  subscriptionUrl: `${endpoint.replace('http', 'ws')}/ws`,
  enableIncrementalDelivery: false,
});

// Who has signed in here is asked as, unless the headers of a tab say otherwise.
let token = null;
const fetcher = async (operation, { headers = {}, ...options } = {}) => {
  const signsItself = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  const sent = signsItself ? null : token;
  const signed = sent ? { ...headers, Authorization: `Bearer ${sent}` } : headers;
  const answer = await send(operation, { ...options, headers: signed });
  const isRefused = answer.errors?.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED');
  if (isRefused && sent === token) token = null;
  token = answer.data?.sessionCreate?.token ?? token;
  return answer;
};

const defaultTabs = JSON.parse(document.getElementById('examples').textContent);
const root = document.getElementById('graphiql');
root.style.height = '100vh';
document.body.style.margin = '0';
const schema = root.dataset.introspection === 'on' ? undefined : null;
ReactDOM.createRoot(root).render(React.createElement(GraphiQL, { fetcher, storage, schema, defaultTabs }));
