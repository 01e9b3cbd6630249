// Answers requests by node-casbin, over a policy that was exported:
//   node tests/interop/casbin.mjs model.conf policy.csv requests.json
// The requests are a JSON list of [sub, dom, obj, act]; printed is the list of answers.
import { readFileSync } from 'node:fs';
import { newEnforcer } from 'casbin';

const [model, policy, requests] = process.argv.slice(2);
const enforcer = await newEnforcer(model, policy);
const asked = JSON.parse(readFileSync(requests, 'utf8'));
console.log(JSON.stringify(asked.map((request) => enforcer.enforceSync(...request))));
