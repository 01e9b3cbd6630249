"""Which of these may a user do something with? Asks Bailiwick over AuthZEN, all at once.

    BAILIWICK_SERVER=http://127.0.0.1:8080 BAILIWICK_API_KEY=bwk_… \
        python3 examples/decide.py dana read voice/queues sales billing returns

Prints a line for each. Exit status: 0 all allowed, 1 any denied, 2 nobody answered.
Needs nothing but Python's standard library.
"""

import json
import os
import sys
import urllib.error
import urllib.request

# How long the host can wait. After that it goes on, and without an answer the answer is no.
SECONDS = 5


def decide(user, action, kind, ids):
    """The decisions on these resources, in their order, all made at one revision of the policy."""
    request = {
        # What stands here holds for each evaluation that does not say otherwise.
        "subject": {"type": "user", "id": user},
        "action": {"name": action},
        "evaluations": [{"resource": {"type": kind, "id": one}} for one in ids],
    }
    asked = urllib.request.Request(
        os.environ["BAILIWICK_SERVER"] + "/access/v1/evaluations",
        data=json.dumps(request).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": "Bearer " + os.environ["BAILIWICK_API_KEY"],
        },
    )
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
        return json.load(answer)["evaluations"]


def main(arguments):
    if len(arguments) < 4:
        print("usage: decide.py USER ACTION TYPE ID…", file=sys.stderr)
        return 2
    user, action, kind, *ids = arguments
    try:
        decisions = decide(user, action, kind, ids)
    except (OSError, KeyError, ValueError) as error:
        # Away, too slow, or not what was promised: a host that cannot ask does not allow.
        print(f"no answer, so no: {error}", file=sys.stderr)
        return 2
    for one, decided in zip(ids, decisions, strict=True):
        print(one, "allowed" if decided["decision"] is True else f"denied: {decided['context']['reason']}")
    return 0 if all(decided["decision"] is True for decided in decisions) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
