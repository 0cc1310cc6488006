#!/bin/sh
# Trains the sentiment recipe on real reviews, then classifies three sentences: yours, if you type some.
set -eu
model=models/demo

if [ -f "$model/metadata.json" ]; then
    echo "$model is trained already; remove it to train again"
elif [ -d "$model/checkpoint" ]; then
    nlpkit train sentiment --epochs 2 --output "$model" --resume
else
    nlpkit train sentiment --epochs 2 --output "$model"
fi

typed=$(mktemp)
trap 'rm -f "$typed"' EXIT
if [ -t 0 ]; then
    echo
    echo "Type three sentences about a film, each with Enter; an empty one ends the list."
    n=0
    while [ $n -lt 3 ] && printf '> ' && IFS= read -r sentence && [ -n "$sentence" ]; do
        printf '%s\n' "$sentence" >>"$typed"
        n=$((n + 1))
    done
fi
if [ ! -s "$typed" ]; then
    printf '%s\n' \
        "I loved every minute of it, and so did my children." \
        "A dull, predictable story with wooden acting." \
        "The first half drags, but the ending is wonderful." >"$typed"
fi
echo
echo "\$ nlpkit predict --model $model"
nlpkit predict --model "$model" <"$typed"
