"""A data set: named splits that are streams, read as often as needed and never held whole."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from nlpkit.data.labels import Label, label_type, one_label, read_label
from nlpkit.data.values import Values, check_lengths, plain, texts, values
from nlpkit.errors import DataError, UsageError

logger = logging.getLogger("nlpkit")

IN_MEMORY = "texts in memory"  # what a recipe names as its source when a program gave the texts


RowT = TypeVar("RowT")


class Example(NamedTuple):
    """A text and its label, or its labels."""

    text: str
    label: Label


class Pair(NamedTuple):
    """A sentence and its translation."""

    source: str
    target: str


@dataclass(frozen=True)
class Dataset(Generic[RowT]):
    """Splits by name ("train", "validation", "test"), and the SHA-256 of the content behind them.

    A row is an `Example` for classification, the text of one document for generation, a `Pair` for translation.
    columns: which columns they come from, by what they are for ("text", "label", "source", "target"), where there are
    any; label_type: what a classifier's answers are, the labels' text, or the integers that a program gave.
    """

    name: str
    splits: Mapping[str, Callable[[], Iterator[RowT]]]
    fingerprint: str
    label_type: Literal["str", "int"] = "str"
    columns: Mapping[str, str] = field(default_factory=dict)

    def read(self, split: str) -> Iterator[RowT]:
        """The rows of a split. Raises UsageError when there is no such split."""
        if split not in self.splits:
            raise UsageError(f"{self.name} has no split {split!r}; it has {', '.join(self.splits)}")
        return self.splits[split]()


def dataset_from_lists(texts: Iterable[Any], labels: Iterable[Any]) -> Dataset[Example]:
    """A data set of texts and labels that a program holds. Raises DataError when they do not go together."""
    return dataset_from_columns({"train": (values(texts, "text"), values(labels, "label"))})


def dataset_from_columns(splits: Mapping[str, tuple[Values, Values]]) -> Dataset[Example]:
    """A data set of the texts and the labels of each split. Raises DataError, with the row, for one that is none."""
    for given, labels in splits.values():
        check_lengths({"texts": given, "labels": labels})
    dataset = dataset_from_rows({split: partial(_examples, *columns) for split, columns in splits.items()})
    given = [label for _, labels in splits.values() for label in map(plain, labels)]
    _tell_merged(given)
    return replace(dataset, label_type=label_type(given))


def dataset_from_pairs(sources: Iterable[Any], targets: Iterable[Any]) -> Dataset[Pair]:
    """A data set of sentences that a program holds. Raises DataError when the sides do not go together."""
    sources, targets = values(sources, "source"), values(targets, "target")
    check_lengths({"sources": sources, "targets": targets})
    return dataset_from_rows({"train": partial(read_pairs, sources, targets)})


def dataset_from_texts(given: Iterable[Any]) -> Dataset[str]:
    """A data set of documents that a program holds. Raises DataError when there is nothing to read in them."""
    documents = [given] if isinstance(given, str) else values(given, "text")
    return documents_with_text(dataset_from_rows({"train": partial(texts, documents)}))


def dataset_from_rows(splits: Mapping[str, Callable[[], Iterator[RowT]]]) -> Dataset[RowT]:
    """A data set of splits that a program holds. Each is read once now, so that every row has been held to be one."""
    digest = hashlib.sha256()
    for split, read in splits.items():
        try:
            for row in read():
                digest.update(repr((split, row)).encode())
        except DataError as error:
            raise DataError(f"{split}: {error}" if len(splits) > 1 else str(error)) from None
    return Dataset(IN_MEMORY, splits, digest.hexdigest())


def documents_with_text(dataset: Dataset[str]) -> Dataset[str]:
    """The same data set. Raises DataError when there is nothing to read in it."""
    if not any(text.strip() for split in dataset.splits for text in dataset.read(split)):
        raise DataError("there is no text to train on; give a list of strings with something in them")
    return dataset


def read_pairs(sources: Iterable[Any], targets: Iterable[Any]) -> Iterator[Pair]:
    """Pairs of two sides of one length. Raises DataError, with the row, for a side that is no text."""
    return map(Pair, texts(sources, "source"), texts(targets, "target"))


def _examples(given: Iterable[Any], labels: Iterable[Any]) -> Iterator[Example]:
    for row, (text, label) in enumerate(zip(texts(given), labels, strict=True)):
        if not text.strip():
            raise DataError(f"text {row} is empty; leave such rows out")
        yield Example(text, read_label(plain(label), f"text {row}"))


def _tell_merged(labels: Iterable[Any]) -> None:
    """Says which labels are one though they were written in several ways."""
    written = {label.strip() for label in labels if isinstance(label, str)}
    ways = Counter(one_label(label, IN_MEMORY) for label in written)
    if merged := [label for label, count in ways.items() if count > 1]:
        logger.warning("labels that differ only in spaces or in Unicode's forms are one: %s", ", ".join(merged))
