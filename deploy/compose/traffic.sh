#!/bin/sh
# traffic.sh URL [REQUESTS]: sends REQUESTS embedding requests (without it: for ever) one after the other, PAUSE_S (0.2) seconds
# apart. Most have one text; every fifth has eight, every tenth is bulk work with texts that are longer. No text comes twice.
set -eu
url=$1/api/v1/embed
requests=${2:-0}
pause_s=${PAUSE_S:-0.2}

# text SEED WORDS
text() {
    words=
    position=0
    while [ "$position" -lt "$2" ]; do
        words="$words word$((($1 * 31 + position * 17) % 997))"
        position=$((position + 1))
    done
    echo "text $1:$words"
}

# body TEXTS WORDS
body() {
    texts=
    index=0
    while [ "$index" -lt "$1" ]; do
        texts="$texts${texts:+, }\"$(text "$((number * 100 + index))" "$2")\""
        index=$((index + 1))
    done
    echo "{\"texts\": [$texts]}"
}

number=0
while [ "$requests" -eq 0 ] || [ "$number" -lt "$requests" ]; do
    number=$((number + 1))
    if [ $((number % 10)) -eq 0 ]; then
        data=$(body 8 60) priority=bulk
    elif [ $((number % 5)) -eq 0 ]; then
        data=$(body 8 12) priority=auto
    else
        data=$(body 1 12) priority=auto
    fi
    # A server that restarts is no reason to end.
    curl -sS -o /dev/null -H 'content-type: application/json' -H "x-priority: $priority" --data "$data" "$url" || true
    sleep "$pause_s"
done
