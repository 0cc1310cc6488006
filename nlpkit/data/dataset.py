"""A data set: named splits that are streams, read as often as needed and never held whole."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from nlpkit.errors import DataError, UsageError

IN_MEMORY = "texts in memory"  # what a recipe names as its source when a program gave the texts


Row = TypeVar("Row")


class Example(NamedTuple):
    """A text and its label."""

    text: str
    label: str


class Pair(NamedTuple):
    """A sentence and its translation."""

    source: str
    target: str


@dataclass(frozen=True)
class Dataset(Generic[Row]):
    """Splits by name ("train", "validation", "test"), and the SHA-256 of the content behind them.

    A row is an `Example` for classification, the text of one document for generation, a `Pair` for translation.
    columns: which columns they come from, by what they are for ("text", "label", "source", "target"), where there are
    any; left_out: how many rows of each split were left out, by reason, once it was read to its end.
    """

    name: str
    splits: Mapping[str, Callable[[], Iterator[Row]]]
    fingerprint: str
    columns: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def read(self, split: str) -> Iterator[Row]:
        """The rows of a split. Raises UsageError when there is no such split."""
        if split not in self.splits:
            raise UsageError(f"{self.name} has no split {split!r}; it has {', '.join(self.splits)}")
        return self.splits[split]()


def dataset_from_lists(texts: Sequence[str], labels: Sequence[str]) -> Dataset[Example]:
    """A data set of lists that a program holds. Raises DataError when they do not go together."""
    if isinstance(texts, str) or len(texts) != len(labels):
        raise DataError(f"there are {len(texts):,} texts but {len(labels):,} labels; give one label for each text")
    for row, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"text {row} is {'empty' if isinstance(text, str) else repr(text)}; leave such rows out")
    digest = hashlib.sha256()
    for text, label in zip(texts, labels, strict=True):
        digest.update(repr((text, str(label))).encode())

    def read() -> Iterator[Example]:
        return (Example(text, str(label)) for text, label in zip(texts, labels, strict=True))

    return Dataset(IN_MEMORY, {"train": read}, digest.hexdigest())


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
