"""A classifier in int8 beside itself in float32: size, accuracy, and texts a second, interleaved in one process.

    python benchmarks/int8.py models/sentiment-imdb --data imdb --split test

Size counts all of the bundle's files.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import nlpkit
from nlpkit.tasks.classification.report import ClassificationReport

SINGLES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--data", default=None)
    parser.add_argument("--split", default=None)
    parser.add_argument("--limit", type=int, default=None, help="read so many texts only")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    whole = nlpkit.load(asked.bundle)
    assert isinstance(whole, nlpkit.TextClassifier)
    models = {"float32": whole, "int8": whole.exported(int8=True)}
    examples = list(whole.rows(asked.data, asked.split)[1])[: asked.limit]
    texts = [text for text, _ in examples]
    text = " ".join(" ".join(texts[:20]).split()[:200])

    rates: dict[str, list[float]] = {name: [] for name in models}
    singles: dict[str, list[float]] = {name: [] for name in models}
    for number in range(asked.rounds + 1):
        for name, model in models.items():
            started = time.perf_counter()
            model.predict_proba(texts)
            if number:  # the first round warms up
                rates[name].append(len(texts) / (time.perf_counter() - started))
    for _ in range(SINGLES):
        for name, model in models.items():
            started = time.perf_counter()
            model.predict_proba([text])
            singles[name].append(time.perf_counter() - started)

    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            bundle = Path(folder, name)
            model.save(bundle)
            megabytes = sum(file.stat().st_size for file in bundle.iterdir()) / 1e6
            report = model.compare(examples)
            assert isinstance(report, ClassificationReport)
            print(
                f"{name:8} {megabytes:6.2f} MB  accuracy {100 * report.accuracy:.2f} % of {len(texts):,}  "
                f"{np.median(rates[name]):,.0f} texts/s (median of {asked.rounds})  "
                f"one text of 200 words {1e3 * np.median(singles[name]):.2f} ms (median of {SINGLES})"
            )
    print(f"int8 answers {np.median(rates['int8']) / np.median(rates['float32']):.2f} times as fast")


if __name__ == "__main__":
    main()
