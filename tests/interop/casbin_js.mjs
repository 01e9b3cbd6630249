// Answers requests by casbin.js, as a browser would for one user:
//   node tests/interop/casbin_js.mjs answer.json SUBJECT requests.json
// `answer.json` is what /casbin/js/KEY answered; the requests are a JSON list of [dom, obj, act].
import { readFileSync } from 'node:fs';
import casbinjs from 'casbin.js';

const [answer, subject, requests] = process.argv.slice(2);
const { Authorizer } = casbinjs;
const authorizer = new Authorizer('auto', { endpoint: 'http://127.0.0.1/unused' });
authorizer.user = subject;
await authorizer.initEnforcer(JSON.parse(readFileSync(answer, 'utf8')).data);
const asked = JSON.parse(readFileSync(requests, 'utf8'));
const answers = [];
for (const [dom, obj, act] of asked) {
  answers.push(await authorizer.can(act, obj, dom));
}
console.log(JSON.stringify(answers));
