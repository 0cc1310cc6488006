"""Texts in, answers out: as a stream, in one of the formats of rows."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np

from nlpkit.answers.rows import Format, one_line, open_rows
from nlpkit.data.tables import Row
from nlpkit.output import open_output
from nlpkit.tasks.classification.classifier import TextClassifier, Verdict

logger = logging.getLogger("nlpkit")


@dataclass(frozen=True)
class Answer:
    """A text, the columns it came with, and its verdict. `joined` is what stands between several labels in a line."""

    row: Row
    text: str
    verdict: Verdict
    joined: str

    def cells(self, top: int) -> list[tuple[str, str]]:
        """The label and its score as text, and those after it up to the `top`."""
        label, score = self.verdict.label, self.verdict.score
        if isinstance(label, list):
            return [(self.joined.join(map(str, label)), self.joined.join(f"{one:.4f}" for one in score))]
        if label is None:
            return [("", f"{score:.4f}")]
        return [(str(label), f"{score:.4f}") for label, score in self.verdict.ranked[:top]]


def answers(
    classifier: TextClassifier,
    texts: Iterator[tuple[Row, str]],
    choose: Callable[[np.ndarray], list[int]],
    most: int | None,
) -> Iterator[Answer]:
    """The classifier's answer to each text, in order, as its `chooser` chooses, with at most so many ranked labels; a
    note follows when some texts were empty."""
    asked: deque[tuple[Row, str]] = deque()

    def stream() -> Iterator[str]:
        for row, text in texts:
            asked.append((row, text))
            yield text

    joined = classifier.recipe.data.label_delimiter or next(
        mark
        for mark in chain((";", "|", ","), (";" * length for length in count(2)))
        if not any(mark in str(label) for label in classifier.labels)
    )
    empty = 0
    for scores in classifier.predict_stream(stream()):
        row, text = asked.popleft()
        empty += not text.strip()
        yield Answer(row, text, classifier.verdict(scores, choose, most), joined)
    if empty:
        logger.warning("texts without a word in them: %d; the answers to them mean nothing", empty)


@contextmanager
def open_writer(
    format: Format, output: Path | None, top: int, *, source: Path | None = None, keys: Sequence[str] = ()
) -> Iterator[Callable[[Answer], object]]:
    """A function that writes answers with their `top` labels, to `output`, else to standard output.

    `plain` is a line a text: label, score, text, with tabs between; the others are rows, as `open_rows` writes them,
    from the file `source`, whose rows have these `keys`. The output appears when all is written. Raises NlpkitError
    when it cannot be.
    """
    if format is Format.plain:
        with open_output(output) as file:
            yield lambda answer: file.write(_line(answer, top))
    else:

        def empty() -> tuple[Row, Row]:
            return dict.fromkeys(keys or ["text"]), no_columns(top)

        columns = {Format.jsonl: _nested, Format.parquet: columns_of}.get(format, _cells)
        with open_rows(format, output, source, empty) as write:
            yield lambda answer: write(answer.row or {"text": answer.text}, columns(answer, top))


def _line(answer: Answer, top: int) -> str:
    cells = [one_line(cell) for pair in answer.cells(top) for cell in pair]
    return "\t".join([*cells, one_line(answer.text)]) + "\n"


def _nested(answer: Answer, _: int) -> Row:
    return answer.verdict.to_dict()


def columns_of(answer: Answer, top: int) -> Row:
    """What an answer adds to its row, as the values that they are: the `top` labels and their scores."""
    told = answer.verdict.to_dict()
    if told["label"] is None or isinstance(told["label"], list):
        return {"label": told["label"], "score": told["score"]}
    return _numbered([(label, round(score, 6)) for label, score in answer.verdict.ranked[:top]])


def no_columns(top: int) -> Row:
    """The same of no answer."""
    return _numbered([(None, None)] * top)


def _cells(answer: Answer, top: int) -> Row:
    return _numbered(answer.cells(top))


def _numbered(pairs: Sequence[tuple[Any, Any]]) -> Row:
    added: Row = {}
    for rank, (label, score) in enumerate(pairs, 1):
        suffix = f"_{rank}" if rank > 1 else ""
        added |= {f"label{suffix}": label, f"score{suffix}": score}
    return added
