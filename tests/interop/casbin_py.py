"""Answers requests by PyCasbin, over a policy that was exported:

    python tests/interop/casbin_py.py model.conf policy.csv requests.json

The requests are a JSON list of [sub, dom, obj, act]; printed is the list of answers.
"""

import json
import sys

import casbin

model, policy, requests = sys.argv[1:]
enforcer = casbin.Enforcer(model, policy)
with open(requests, encoding="utf-8") as asked:
    print(json.dumps([enforcer.enforce(*request) for request in json.load(asked)]))
