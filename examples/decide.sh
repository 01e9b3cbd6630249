#!/usr/bin/env bash
# May a user do something? Asks Bailiwick over AuthZEN.
#
#   BAILIWICK_SERVER=http://127.0.0.1:8080 BAILIWICK_API_KEY=bwk_… examples/decide.sh dana read voice/queues sales
#
# Exit status: 0 allowed, 1 denied, 2 nobody answered. What is not an answer is never taken for an allow.
set -euo pipefail

if [ $# -ne 4 ]; then
    echo "usage: decide.sh USER ACTION TYPE ID" >&2
    exit 2
fi

# jq puts the texts into JSON: whatever is in them stays a text.
request=$(jq -n --arg user "$1" --arg action "$2" --arg type "$3" --arg id "$4" \
    '{subject: {type: "user", id: $user}, action: {name: $action}, resource: {type: $type, id: $id}}')

# The key goes in by a file descriptor: other users of the machine see arguments.
answer=$(curl --silent --show-error --fail-with-body --max-time 5 "$BAILIWICK_SERVER/access/v1/evaluation" \
    --header 'Content-Type: application/json' --header @<(printf 'Authorization: Bearer %s' "$BAILIWICK_API_KEY") \
    --data "$request") || {
    echo "no answer, so no: $answer" >&2
    exit 2
}

if [ "$(jq '.decision == true' <<<"$answer")" = true ]; then
    # An allow may oblige: here, to mask the contacts that are shown.
    jq --raw-output '"allowed", (.context.obligations[] | "  \(.kind) \(.view) \(.characters // "")")' <<<"$answer"
else
    jq --raw-output '"denied: \(.context.reason)"' <<<"$answer"
    exit 1
fi
