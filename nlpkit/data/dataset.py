"""A data set: named splits that are streams, read as often as needed and never held whole."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from nlpkit.data.labels import Label, label_type, read_label
from nlpkit.errors import DataError, UsageError

IN_MEMORY = "texts in memory"  # what a recipe names as its source when a program gave the texts


Row = TypeVar("Row")


class Example(NamedTuple):
    """A text and its label, or its labels."""

    text: str
    label: Label


class Pair(NamedTuple):
    """A sentence and its translation."""

    source: str
    target: str


@dataclass(frozen=True)
class Dataset(Generic[Row]):
    """Splits by name ("train", "validation", "test"), and the SHA-256 of the content behind them.

    A row is an `Example` for classification, the text of one document for generation, a `Pair` for translation.
    """

    name: str
    splits: Mapping[str, Callable[[], Iterator[Row]]]
    fingerprint: str
    label_type: Literal["str", "int"] = "str"
    """What a classifier's answers are: the labels' text, or the integers that a program gave."""

    def read(self, split: str) -> Iterator[Row]:
        """The rows of a split. Raises UsageError when there is no such split."""
        if split not in self.splits:
            raise UsageError(f"{self.name} has no split {split!r}; it has {', '.join(self.splits)}")
        return self.splits[split]()


def dataset_from_lists(texts: Sequence[str], labels: Sequence[Any]) -> Dataset[Example]:
    """A data set of lists that a program holds. Raises DataError when they do not go together."""
    if isinstance(texts, str) or len(texts) != len(labels):
        raise DataError(f"there are {len(texts):,} texts but {len(labels):,} labels; give one label for each text")
    for row, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"text {row} is {'empty' if isinstance(text, str) else repr(text)}; leave such rows out")
    if getattr(labels, "ndim", 1) > 1:
        raise DataError("the labels are a table; give each text its label, or the list of those that it has")
    found = [read_label(label, f"text {row}") for row, label in enumerate(labels)]
    digest = hashlib.sha256()
    for text, label in zip(texts, found, strict=True):
        digest.update(repr((text, label)).encode())

    def read() -> Iterator[Example]:
        return (Example(text, label) for text, label in zip(texts, found, strict=True))

    return Dataset(IN_MEMORY, {"train": read}, digest.hexdigest(), label_type(labels))


def dataset_from_pairs(sources: Sequence[str], targets: Sequence[str]) -> Dataset[Pair]:
    """A data set of sentences that a program holds. Raises DataError when the sides do not go together."""
    if isinstance(sources, str) or isinstance(targets, str) or len(sources) != len(targets):
        raise DataError(f"there are {len(sources):,} sources but {len(targets):,} targets; give one for each")
    pairs = [Pair(*pair) for pair in zip(sources, targets, strict=True)]
    if not all(isinstance(side, str) for pair in pairs for side in pair):
        raise DataError("sources and targets are lists of strings")
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(repr(tuple(pair)).encode())
    return Dataset(IN_MEMORY, {"train": lambda: iter(pairs)}, digest.hexdigest())


def dataset_from_texts(texts: Sequence[str]) -> Dataset[str]:
    """A data set of documents that a program holds. Raises DataError when there is nothing to read in them."""
    if isinstance(texts, str):
        texts = [texts]
    if not all(isinstance(text, str) for text in texts) or not any(text.strip() for text in texts):
        raise DataError("there is no text to train on; give a list of strings with something in them")
    digest = hashlib.sha256()
    for text in texts:
        digest.update(repr(text).encode())
    return Dataset(IN_MEMORY, {"train": lambda: iter(texts)}, digest.hexdigest())
