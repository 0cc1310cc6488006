"""A classifier's recipe."""

import tomllib
from collections.abc import Collection, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nlpkit.normalization import Normalization
from nlpkit.recipe import (
    AUTO,
    NOTHING,
    DataSection,
    Fraction,
    StackSection,
    TextRecipe,
    TokenizerSection,
    TrainingSection,
    packaged_recipes,
)

_LEAVE_OPEN = {
    "tokenizer.max_length",
    "tokenizer.truncation",
    "model.start_from",
    "model.labels",
    "model.ngrams",
    "training.class_weights",
    "training.selective_accuracy",
    "training.yardstick",
    "training.devices",
    "training.checkpoint_minutes",
    "training.seed",
}
"""Keys that go with whatever a model starts from."""

Pooling = Literal["last", "mean", "max", "attention"]


class ClassifierData(DataSection):
    source: str = "reviews"
    text_column: str | None = None
    label_column: str | None = None
    label_columns: Annotated[list[str], Field(min_length=1)] | None = None
    label_delimiter: Annotated[str, Field(min_length=1)] | None = None
    unlabelled: Annotated[str, Field(min_length=1)] | None = None
    skip_empty: bool = False


class ClassifierTokenizer(TokenizerSection):
    normalization: Normalization = "web"
    max_length: Annotated[int, Field(ge=4, le=1_000_000)] = 800
    truncation: Literal["head", "tail", "middle"] = "middle"
    sampling: Fraction = 0.0


class ClassifierSection(StackSection):
    labels: Literal["one", "several"] | None = None
    ngrams: Annotated[int, Field(ge=0, le=8)] = 0
    embedding_dropout: Fraction = 0.0
    bidirectional: bool = True
    pooling: Annotated[list[Pooling], Field(min_length=1)] = Field(default=["max", "mean"])

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1


class ClassifierTraining(TrainingSection):
    batch_tokens: Annotated[int, Field(ge=16, le=10_000_000)] = 32_768
    frozen: bool | None = None
    label_smoothing: Fraction = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    selective_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.95


class ClassificationRecipe(TextRecipe):
    task: Literal["classification"] = "classification"
    description: str = ""
    data: ClassifierData = ClassifierData()
    tokenizer: ClassifierTokenizer = ClassifierTokenizer()
    model: ClassifierSection = ClassifierSection()
    training: ClassifierTraining = ClassifierTraining()

    @classmethod
    def settle(cls, table: dict[str, Any], keys: Collection[str]) -> None:
        """What is set of the network or its training, here or in a recipe of one's own, is set for one that starts from
        nothing, unless it says from what."""
        model = table.get("model")
        if not isinstance(model, dict) or model.get("start_from") != AUTO or "model.start_from" in keys:
            return
        if any(map(_decides, {*keys, *_changed(table)})):
            model["start_from"] = NOTHING

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.training.frozen and self.model.start_from is None:
            raise ValueError("training.frozen goes with model.start_from, a model to start from")
        if self.data.unlabelled is not None and not self.model.ngrams:
            raise ValueError("data.unlabelled is what n-grams learn from, and model.ngrams is 0")
        return self


def says_how(recipe: ClassificationRecipe) -> bool:
    """Whether a recipe says what the network or its training is like, other than usual."""
    return any(map(_decides, _changed(recipe.model_dump())))


def of_training(recipe: ClassificationRecipe) -> list[str]:
    """The keys, dotted, by which a recipe says how a network is trained, other than usual."""
    changed = sorted(filter(_decides, _changed(recipe.model_dump())))
    return [key for key in changed if key.startswith("training.") or key.endswith(("dropout", "sampling"))]


def _changed(table: dict[str, Any]) -> Iterator[str]:
    """The keys, dotted, that are not as usual."""
    usual = tomllib.loads((packaged_recipes() / "sentiment.toml").read_text(encoding="utf-8"))
    for section in ("tokenizer", "model", "training"):
        own, other = (one.get(section) for one in (table, usual))
        if isinstance(own, dict) and isinstance(other, dict):
            yield from (f"{section}.{key}" for key in {*own, *other} if own.get(key) != other.get(key))


def _decides(key: str) -> bool:
    """Whether a key, dotted, says what the network or its training is like."""
    return key.partition(".")[0] in ("tokenizer", "model", "training") and key not in _LEAVE_OPEN
