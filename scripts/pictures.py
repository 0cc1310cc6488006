"""Draws the README's pictures into docs/: of what comes with the package, and of trained bundles where they are named.

python scripts/pictures.py
cd models
python ../scripts/pictures.py generate-tiny_shakespeare multi30k-en-de
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

import nlpkit

INSIDE = "I wanted to like it, and the beginning is slow, but the acting is good and the ending is wonderful."
REVIEW = (
    "For the first half hour I was bored: the jokes are old and nothing happens . Then the sister arrives , "
    "and it turns into the funniest , most moving film I have seen this year ."
)
SENTENCE = "A little girl in a red dress is playing with her dog in the snow."
BLUE, RED, ORANGE = "#3d7ec2", "#c2553d", "#c2570c"


def main() -> None:
    plt.rcParams |= {"svg.hashsalt": "nlpkit", "svg.fonttype": "none", "font.family": "sans-serif"}
    docs = Path(__file__).parents[1] / "docs"
    docs.mkdir(exist_ok=True)
    inside(docs / "inside.svg")
    reading(docs / "reading.svg")
    if len(sys.argv) == 1:
        return
    generator, translator = (nlpkit.load(folder) for folder in sys.argv[1:])
    assert isinstance(generator, nlpkit.TextGenerator)
    assert isinstance(translator, nlpkit.Translator)
    learning(generator, docs / "learning.svg")
    aligning(translator, docs / "attention.svg")


def inside(path: Path) -> None:
    """What each word adds to an answer, the answer so far, and the gates and the memory of the units that remember
    longest."""
    found = nlpkit.load("sentiment").inspect(INSIDE)
    part = found.parts[0]
    trace, weights = part.traces[0], part.weights
    lives, memory = trace.half_lives(), trace.steps.memory
    assert lives is not None
    assert weights is not None
    assert memory is not None
    words, adds = [word.strip() for word in part.text.written], part.text.by_word(weights)
    last = [int(np.flatnonzero(part.text.words == number)[-1]) for number in range(len(words))]
    so_far = [dict(part.after[place])["positive"] for place in last]
    figure, axes = plt.subplots(
        4, 1, figsize=(10, 5.6), layout="constrained", sharex=True, height_ratios=(1.1, 0.9, 1.3, 1.3)
    )
    axes[0].bar(range(len(words)), adds, color=[ORANGE if value > 0 else BLUE for value in adds], width=0.75)
    axes[0].axhline(0, color="#999999", linewidth=0.8)
    axes[0].set(ylabel=f"adds to\n{found.about}", title="Inside a model: why it answers so, and what its gates did")
    axes[1].plot(so_far, "o-", color="#555555", markersize=4)
    axes[1].axhline(0.5, color="#999999", linewidth=0.8)
    axes[1].set(ylim=(-0.05, 1.05), ylabel="positive\nso far")
    order = np.argsort(-lives)[:24]
    for axis, values, colours, low, name in (
        (axes[2], trace.steps.gates["forget"], "Oranges", 0, "forget\ngates"),
        (axes[3], memory, "PuOr_r", -1, "memory"),
    ):
        axis.imshow(values[last][:, order].T, aspect="auto", cmap=colours, vmin=low, vmax=1, interpolation="nearest")
        axis.set(yticks=[], ylabel=name)
    axes[3].set_xticks(range(len(words)), words, rotation=60, ha="right")
    for axis in axes:
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
    figure.savefig(path, metadata={"Date": None})


def reading(path: Path) -> None:
    """The verdict on a review after each of its words."""
    classifier = nlpkit.load("sentiment")
    assert isinstance(classifier, nlpkit.TextClassifier)
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
