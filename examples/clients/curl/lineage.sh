#!/bin/sh
# Ask a running page for a picture with curl alone:
#
#     sh lineage.sh sample gan 7 digit.png      any model that makes pictures; the API, in two requests
#     sh lineage.sh avatar 7 0.7 face.png       seed and truncation of a StyleGAN; one plain GET
#
# PAGE is its address, http://127.0.0.1:7860 unless set.
set -u
page=${PAGE:-http://127.0.0.1:7860}

fail() {
    printf '%s\n' "$1" >&2
    exit 2
}

unreachable() {
    fail "No page answers at $page: start one with 'python -m demo'."
}

# The value of a member of JSON text that holds a string: {"error": "..."} of a refusal, and the like.
member() {
    sed -n "s/.*\"$1\": *\"\(\([^\"\\\\]\|\\\\.\)*\)\".*/\1/p" | head -n 1 | sed 's/\\\(.\)/\1/g'
}

sample() {
    event=$(curl -s "$page/gradio_api/call/sample" -H 'Content-Type: application/json' \
        -d "{\"data\": [[\"$1\"], -1, $2, 1]}") || unreachable
    event=$(printf '%s' "$event" | member event_id)
    [ -n "$event" ] || fail "The page did not take the request: is the seed a whole number?"
    answer=$(curl -sN "$page/gradio_api/call/sample/$event") || unreachable
    case $answer in
        *"data:image/png;base64,"*) ;;
        *) fail "$(printf '%s' "$answer" | member error)" ;;
    esac
    printf '%s' "$answer" | sed -n 's/.*data:image\/png;base64,\([^"]*\)".*/\1/p' | base64 -d >"$3"
}

avatar() {
    status=$(curl -s -o "$3" -w '%{http_code}' "$page/avatar.png?seed=$1&psi=$2")
    case $status in
        200) ;;
        000) unreachable ;;
        *)
            sentence=$(member detail <"$3")
            rm -f "$3"
            fail "$sentence"
            ;;
    esac
}

case ${1-} in
    sample | avatar) [ $# = 4 ] || fail "Three arguments, please: sh lineage.sh sample MODEL SEED FILE, or avatar SEED PSI FILE." ;;
    *) fail "Say what: sh lineage.sh sample MODEL SEED FILE, or sh lineage.sh avatar SEED PSI FILE." ;;
esac
what=$1
shift
"$what" "$@" && printf '%s\n' "$3"
