"""What the card of a classifier tells."""

from typing import Any

from nlpkit.data.labels import listed
from nlpkit.model_card import CardText, made_with, pieces_told
from nlpkit.tasks.classification.recipe import ClassificationRecipe

_KEPT = {"head": "beginning", "tail": "end", "middle": "first quarter and the end"}


def card_text(metadata: dict[str, Any], recipe: ClassificationRecipe) -> CardText:
    """The parts of the card that are the task's own."""
    labels, several, text = metadata["labels"], recipe.model.labels == "several", recipe.tokenizer
    gives = f"those of {len(labels):,} labels that go with it" if several else f"one of {len(labels):,} labels"
    if several:
        columns = {"texts": "examples", "micro F1": "micro_f1", "macro F1": "macro_f1"}
        columns |= {"all labels right": "subset_accuracy", "Hamming loss": "hamming_loss", "log loss": "log_loss"}
    else:
        columns = {"texts": "examples", "accuracy": "accuracy", "macro F1": "macro_f1"}
        columns |= {"log loss": "log_loss", "calibration error": "calibration_error"}
        if any("mean_absolute_error" in scores for scores in metadata["metrics"].values()):
            columns |= {"mean absolute error": "mean_absolute_error", "within one label": "within_one"}
    head = f" under {' and '.join(recipe.model.pooling)} pooling"
    if "ngrams" in metadata:
        head += f", beside a linear model of n-grams of up to {recipe.model.ngrams} words"
        if count := metadata["ngrams"].get("unlabelled"):
            taught = (
                ", and the embedding at its beginning," if "vectors" in metadata and not recipe.model.vectors else ""
            )
            source = f" of `{recipe.data.unlabelled}`" if recipe.data.unlabelled else ""
            head += f"; that model{taught} learned from {count:,} texts without labels{source}, too"
    return CardText(
        what=f"A text classifier {made_with(metadata)}. It gives each text {gives}: {listed(labels)}.",
        command='nlpkit predict "a text"',
        call='predict(["a text"])',
        columns=columns,
        unit="texts",
        read=f"{pieces_told(metadata, recipe)}; of a text longer than {text.max_length} pieces the "
        f"{_KEPT[text.truncation]} is read",
        kind="bidirectional " if recipe.model.bidirectional else "",
        head=head,
        limits=_limits(metadata, recipe),
    )


def _limits(metadata: dict[str, Any], recipe: ClassificationRecipe) -> str:
    several = recipe.model.labels == "several"
    limits = (
        "It knows the language and the kind of text that it was trained on, and answers with one of its labels "
        "whatever it is given. Its probabilities are as good as the calibration error says, on texts like those."
    )
    if several:
        limits = (
            "It knows the language and the kind of text that it was trained on. Each label has a threshold, chosen "
            "where its F1 was highest on what was held out, so the figures there flatter a little more."
        )
    if "rare_weights" in metadata:
        limits += (
            " Labels that are rare are given more readily than their probabilities alone would have it, by as much "
            "as was best for what was held out, so the figures there flatter a little more."
        )
    if not several and (least := metadata.get("min_score")) is not None:
        limits += (
            f" `--min-score auto`, which is {least:.4f}, leaves texts without an answer below that score, from "
            f"which on {recipe.training.selective_accuracy:.0%} or more of the answers were right on the "
            "validation split."
        )
    return limits
