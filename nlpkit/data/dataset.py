"""A labelled data set: named splits that are streams, read as often as needed and never held whole."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nlpkit.errors import DataError, UsageError

IN_MEMORY = "texts in memory"  # what a recipe names as its source when a program gave the texts


class Example(NamedTuple):
    """A text and its label."""

    text: str
    label: str


@dataclass(frozen=True)
class Dataset:
    """Splits by name ("train", "validation", "test"), and the SHA-256 of the content behind them."""

    name: str
    splits: Mapping[str, Callable[[], Iterator[Example]]]
    fingerprint: str

    def read(self, split: str) -> Iterator[Example]:
        """The examples of a split. Raises UsageError when there is no such split."""
        if split not in self.splits:
            raise UsageError(f"{self.name} has no split {split!r}; it has {', '.join(self.splits)}")
        return self.splits[split]()


def dataset_from_lists(texts: Sequence[str], labels: Sequence[str]) -> Dataset:
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
