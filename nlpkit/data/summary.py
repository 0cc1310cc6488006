"""A data set at a glance."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nlpkit.data.dataset import Example, Pair
from nlpkit.data.labels import all_of
from nlpkit.errors import DataError
from nlpkit.terminal import plain_table

if TYPE_CHECKING:
    from rich.console import Console

_SAMPLE = 4  # examples shown
_PERCENTILES = {"shortest": 0, "median": 50, "90 %": 90, "99 %": 99, "longest": 100}


@dataclass(frozen=True)
class Summary(ABC):
    """One split of a data set."""

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)

    @abstractmethod
    def show(self, console: "Console", split: str) -> None:
        """Prints it, under the name of the split."""


@dataclass(frozen=True)
class LabelledSummary(Summary):
    """One split: its size, texts of each label, words a text at some percentiles, and a few examples."""

    examples: int
    labels: dict[str, int]
    words: dict[str, int]
    sample: list[tuple[str, str]]

    def show(self, console: "Console", split: str) -> None:
        from rich.text import Text

        console.print(f"[bold]{split}[/]: {self.examples:,} texts")
        table = plain_table("  label", "texts", "share", "", right=3)
        table.columns[3].justify = "left"
        for label, count in self.labels.items():
            share = count / self.examples
            table.add_row(f"  {label}", f"{count:,}", f"{share:.1%}", "█" * round(share * 30))
        console.print(table)
        lengths = "  ".join(f"{name} {value:,}" for name, value in self.words.items())
        console.print(f"  words a text: {lengths}")
        for text, label in self.sample:
            line = Text.assemble("  ", (label, "bold"), "  ", " ".join(text.split()))
            line.truncate(console.width, overflow="ellipsis")
            console.print(line)
        console.print()


def summarize(examples: Iterable[Example]) -> LabelledSummary:
    """Reads a split once. The examples shown are the first of each label."""
    counts: Counter[str] = Counter()
    words: list[int] = []
    sample: list[tuple[str, str]] = []
    for text, label in examples:
        labels = all_of(label)
        if len(sample) < _SAMPLE and any(one not in counts for one in labels):
            sample.append((text, ", ".join(labels)))
        counts.update(labels)
        words.append(len(text.split()))
    if not words:
        raise DataError("the data is empty")
    return LabelledSummary(len(words), dict(counts.most_common()), _percentiles(words), sample)


@dataclass(frozen=True)
class DocumentsSummary(Summary):
    """One split of documents: how many, how many characters and different ones in all, and how the first begins."""

    documents: int
    characters: int
    alphabet: int
    beginning: str

    def show(self, console: "Console", split: str) -> None:
        from rich.text import Text

        console.print(
            f"[bold]{split}[/]: {self.documents:,} document{'s' if self.documents > 1 else ''}, "
            f"{self.characters:,} characters, {self.alphabet:,} different ones"
        )
        line = Text("  " + " ".join(self.beginning.split()))
        line.truncate(console.width, overflow="ellipsis")
        console.print(line, "")


def summarize_documents(documents: Iterable[str]) -> DocumentsSummary:
    """Reads a split once."""
    count = characters = 0
    alphabet: set[str] = set()
    beginning = ""
    for text in documents:
        count, characters = count + 1, characters + len(text)
        alphabet.update(text)
        beginning = beginning or text[:100]
    if not characters:
        raise DataError("the data is empty")
    return DocumentsSummary(count, characters, len(alphabet), beginning)


@dataclass(frozen=True)
class PairsSummary(Summary):
    """One split of pairs of sentences: how many, words a side at some percentiles, and the first few."""

    pairs: int
    source_words: dict[str, int]
    target_words: dict[str, int]
    sample: list[Pair]

    def show(self, console: "Console", split: str) -> None:
        from rich.text import Text

        console.print(f"[bold]{split}[/]: {self.pairs:,} pairs")
        for side, words in (("source", self.source_words), ("target", self.target_words)):
            console.print(f"  words a {side}: " + "  ".join(f"{name} {value:,}" for name, value in words.items()))
        for source, target in self.sample:
            line = Text(f"  {source}  →  {target}")
            line.truncate(console.width, overflow="ellipsis")
            console.print(line)
        console.print()


def summarize_pairs(pairs: Iterable[Pair]) -> PairsSummary:
    """Reads a split once."""
    words: list[tuple[int, int]] = []
    sample: list[Pair] = []
    for pair in pairs:
        words.append((len(pair.source.split()), len(pair.target.split())))
        if len(sample) < _SAMPLE:
            sample.append(pair)
    if not words:
        raise DataError("the data is empty")
    source, target = zip(*words, strict=True)
    return PairsSummary(len(words), _percentiles(source), _percentiles(target), sample)


def _percentiles(counts: Sequence[int]) -> dict[str, int]:
    values = np.percentile(counts, list(_PERCENTILES.values())).astype(int).tolist()
    return dict(zip(_PERCENTILES, values, strict=True))
