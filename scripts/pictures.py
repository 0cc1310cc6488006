"""Draws the README's pictures from trained bundles into docs/.

python scripts/pictures.py models/sentiment-imdb models/generate-tiny_shakespeare
"""

import csv
import io
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

import nlpkit

REVIEW = (
    "For the first half hour I was bored: the jokes are old and nothing happens . Then the sister arrives , "
    "and it turns into the funniest , most moving film I have seen this year ."
)
BLUE, RED = "#3d7ec2", "#c2553d"


def main() -> None:
    classifier, generator = (nlpkit.load(folder) for folder in sys.argv[1:])
    assert isinstance(classifier, nlpkit.TextClassifier)
    assert isinstance(generator, nlpkit.TextGenerator)
    plt.rcParams |= {"svg.hashsalt": "nlpkit", "svg.fonttype": "none", "font.family": "sans-serif"}
    docs = Path(__file__).parents[1] / "docs"
    docs.mkdir(exist_ok=True)
    reading(classifier, docs / "reading.svg")
    learning(generator, docs / "learning.svg")


def reading(classifier: nlpkit.TextClassifier, path: Path) -> None:
    """The verdict on a review after each of its words."""
    words = REVIEW.split()
    prefixes = [" ".join(words[: n + 1]).replace(" ,", ",").replace(" .", ".") for n in range(len(words))]
    scores = classifier.predict_proba(prefixes)[:, classifier.labels.index("positive")]
    figure, axis = plt.subplots(figsize=(10, 3), layout="constrained")
    axis.axhline(0.5, color="#999999", linewidth=0.8)
    axis.plot(scores, color="#555555", linewidth=1)
    axis.scatter(range(len(words)), scores, color=[BLUE if score > 0.5 else RED for score in scores], zorder=2, s=22)
    axis.set_xticks(range(len(words)), words, rotation=60, ha="right", fontsize=8)
    axis.set(ylim=(0, 1), ylabel="positive", title="What the model thinks of a review, word by word")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def learning(generator: nlpkit.TextGenerator, path: Path) -> None:
    """The loss on the text held out against the seconds of training."""
    rows = list(csv.DictReader(io.StringIO(generator._trained().files["history.csv"].decode())))
    figure, axis = plt.subplots(figsize=(10, 2.6), layout="constrained")
    axis.plot([float(r["seconds"]) for r in rows], [float(r["val_nats"]) for r in rows], "o-", color=BLUE)
    for row in rows:
        axis.annotate(f"{float(row['val_nats']):.2f}", (float(row["seconds"]), float(row["val_nats"]) + 0.03))
    axis.set(
        xlim=(0, None), xlabel="seconds of training", ylabel="nats a character", title="Learning to write Shakespeare"
    )
    axis.set_ylim(np.floor(float(rows[-1]["val_nats"]) * 10 - 1) / 10, None)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
