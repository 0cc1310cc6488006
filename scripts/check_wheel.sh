#!/bin/sh
# Builds the wheel, installs it into an empty environment, and runs the command from an empty folder.
# Usage: check_wheel.sh PYTHON, one that has `build`.
set -eu
python=$1
root=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m build --wheel --outdir "$work" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$root/constraints.txt" "$work"/*.whl
echo "on disk: $(du -sm "$work/venv" | cut -f1) MB"

mkdir "$work/empty"
cd "$work/empty"
PATH="$work/venv/bin:$PATH"
export NLPKIT_CACHE="$work/cache"
nlpkit --version
nlpkit --help >/dev/null
nlpkit recipes | grep sentiment
nlpkit data >/dev/null
nlpkit predict "I loved it" | tee answer.tsv # by a model that comes with it
grep -q '^positive' answer.tsv
nlpkit recipes show sentiment >mine.toml
python - <<'PROGRAM'
import csv, random
words = {"good": ["fine", "bright", "warm"], "bad": ["dull", "cold", "grey"]}
with open("mine.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["text", "label"])
    for i in range(400):
        label = random.choice(sorted(words))
        rows.writerow([f"a {random.choice(words[label])} day, number {i}", label])
PROGRAM
nlpkit train mine.toml --data mine.csv --epochs 6 --output model
nlpkit predict "a bright day" --model model | tee answer.tsv
grep -q '^good' answer.tsv
echo "the wheel works"
