"""Draws the README's pictures from trained bundles into docs/.

cd models
python ../scripts/pictures.py sentiment-imdb generate-tiny_shakespeare multi30k-en-de
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

import nlpkit

REVIEW = (
    "For the first half hour I was bored: the jokes are old and nothing happens . Then the sister arrives , "
    "and it turns into the funniest , most moving film I have seen this year ."
)
SENTENCE = "A little girl in a red dress is playing with her dog in the snow."
BLUE, RED = "#3d7ec2", "#c2553d"


def main() -> None:
    classifier, generator, translator = (nlpkit.load(folder) for folder in sys.argv[1:])
    assert isinstance(classifier, nlpkit.TextClassifier)
    assert isinstance(generator, nlpkit.TextGenerator)
    assert isinstance(translator, nlpkit.Translator)
    plt.rcParams |= {"svg.hashsalt": "nlpkit", "svg.fonttype": "none", "font.family": "sans-serif"}
    docs = Path(__file__).parents[1] / "docs"
    docs.mkdir(exist_ok=True)
    reading(classifier, docs / "reading.svg")
    learning(generator, docs / "learning.svg")
    aligning(translator, docs / "attention.svg")


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
    """The loss on the text held out against the time of training, beside what nanoGPT's CPU recipe comes to."""
    seconds, nats = ([row[key] for row in generator.history] for key in ("seconds", "val_nats"))
    figure, axis = plt.subplots(figsize=(10, 2.6), layout="constrained")
    axis.plot(seconds, nats, "o-", color=BLUE, markersize=5)
    axis.plot(148, 1.886, "s", color=RED, markersize=6)
    for x, y, text in (*zip(seconds, nats, ("", "generate: "), strict=False), (148, 1.886, "nanoGPT on a CPU: ")):
        axis.annotate(f"{text}{y:.3f}", (x, y), (8, 4), textcoords="offset points")
    axis.set(xlim=(0, 200), ylim=(1.5, 2.0), xlabel="seconds of training", ylabel="nats a character")
    axis.set_title("Learning to write Shakespeare")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def aligning(translator: nlpkit.Translator, path: Path) -> None:
    """Where the translator looks in a sentence at each piece of its translation."""
    found = translator.align(SENTENCE)
    source, target = (
        [piece.replace("\u2581", "").replace("</s>", "end") for piece in side] for side in (found.source, found.target)
    )
    figure, axis = plt.subplots(figsize=(0.55 * len(source) + 2, 0.3 * len(target) + 1.2), layout="constrained")
    axis.imshow(found.shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(range(len(source)), source, rotation=40, ha="left")
    axis.set_yticks(range(len(target)), target)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
