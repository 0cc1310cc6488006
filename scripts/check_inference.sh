#!/bin/sh
# Builds the distribution that answers alone, installs it into an empty environment, and asks models there.
# Usage: check_inference.sh PYTHON, one that has `build`.
set -eu
python=$1
root=$(pwd)
case $python in /*) ;; *) python=$root/$python ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m build --wheel --outdir "$work" inference >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$root/constraints.txt" "$work"/*.whl
"$work/venv/bin/python" -m pip uninstall --quiet --yes pip
echo "on disk: $(du -sm "$work/venv" | cut -f1) MB"

cp -r "$root/tests/bundles" "$work/models"
mkdir "$work/empty"
cd "$work/empty"
PATH="$work/venv/bin:$PATH"
export NLPKIT_CACHE="$work/cache"
if python -c "import tensorflow" 2>/dev/null || python -c "import keras" 2>/dev/null; then
    echo "a training framework was installed" >&2
    exit 1
fi
nlpkit --help >/dev/null
nlpkit predict "a lovely day" --model "$work/models/classification" | tee answers
grep -q '^positive' answers
nlpkit generate --prompt "one " --seed 1 --length 30 --model "$work/models/generation" | tee answers
grep -q '^one two three four' answers
nlpkit translate "one two three" --model "$work/models/translation" 2>/dev/null | tee answers
grep -q '^eins zwei' answers
nlpkit translate "5 mars 2024" 2>/dev/null | tee answers # by a model that comes with it
grep -q '^2024-03-05' answers
nlpkit info "$work/models/classification" >/dev/null
python -c "import nlpkit, sys; print(nlpkit.load(sys.argv[1]).predict(['so dull']))" "$work/models/classification" | tee answers
grep -q negative answers
printf 'text,label\n' >mine.csv
for i in 1 2 3 4 5 6 7 8 9; do printf 'a good day %s,good\na bad day %s,bad\n' $i $i >>mine.csv; done
if nlpkit inspect "$work/models/classification" "a lovely day" >answers 2>&1; then exit 1; fi
grep -q 'this needs onnx: pip install nlpkit-lstm' answers
if nlpkit train sentiment --data mine.csv --output model >answers 2>&1; then exit 1; fi
tail -n 1 answers
grep -q 'this needs Keras and TensorFlow: pip install nlpkit-lstm' answers

"$python" -m pip --python "$work/venv/bin/python" install --quiet --disable-pip-version-check \
    --constraint "$root/constraints.txt" "$(echo "$work"/*.whl)[serve]"
nlpkit serve mine="$work/models/classification" --port 8799 >log 2>&1 &
server=$!
python - <<'END'
import json, time, urllib.request

body = json.dumps({"texts": ["a lovely day"]}).encode()
request = urllib.request.Request(
    "http://127.0.0.1:8799/v1/models/mine:predict", body, {"content-type": "application/json"}
)
for attempt in range(200):
    try:
        answer = json.load(urllib.request.urlopen(request))
        break
    except OSError:
        time.sleep(0.1)
assert answer["predictions"][0]["label"] == "positive", answer
listed = json.load(urllib.request.urlopen("http://127.0.0.1:8799/v1/models"))
assert [model["verbs"] for model in listed["models"]] == [["predict"]], listed  # inspect takes the whole package
END
kill "$server"
wait "$server"
grep -q '"status": 200' log
echo "what answers works alone, and serves"
