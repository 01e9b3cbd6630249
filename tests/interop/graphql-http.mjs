// Runs the audits of the GraphQL over HTTP specification against a server:
//   node tests/interop/graphql-http.mjs http://127.0.0.1:8080/graphql
// and prints each result as one line of JSON.
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const { status, reason = null } = await audit.fn();
  console.log(JSON.stringify({ id: audit.id, name: audit.name, status, reason }));
}
