"""Texts in, answers out: as a stream, in one of the formats of rows."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nlpkit.cli.options import open_output
from nlpkit.cli.rows import Format, one_line, open_rows
from nlpkit.data.files import Row
from nlpkit.tasks.classification import TextClassifier

logger = logging.getLogger("nlpkit")


@dataclass(frozen=True)
class Answer:
    """A text, the columns it came with, and its labels with their scores, the likeliest first."""

    row: Row
    text: str
    ranked: list[tuple[str, float]]


def answers(classifier: TextClassifier, texts: Iterator[tuple[Row, str]]) -> Iterator[Answer]:
    """The classifier's answer to each text, in order; a note follows when some texts were empty."""
    asked: deque[tuple[Row, str]] = deque()

    def stream() -> Iterator[str]:
        for row, text in texts:
            asked.append((row, text))
            yield text

    empty = 0
    for scores in classifier.predict_stream(stream()):
        row, text = asked.popleft()
        empty += not text.strip()
        ranked = [(classifier.labels[i], float(scores[i])) for i in (-scores).argsort(kind="stable")]
        yield Answer(row, text, ranked)
    if empty:
        logger.warning("texts without a word in them: %d; the answers to them mean nothing", empty)


@contextmanager
def open_writer(format: Format, output: Path | None, top: int) -> Iterator[Callable[[Answer], object]]:
    """A function that writes answers with their `top` labels, to `output`, else to standard output.

    `plain` is a line a text: label, score, text, with tabs between; the others are rows, as `open_rows` writes them.
    The output appears when all is written. Raises NlpkitError when it cannot be.
    """
    if format is Format.plain:
        with open_output(output) as file:
            yield lambda answer: file.write(_line(answer, top))
    else:
        columns = {Format.jsonl: _nested, Format.parquet: _flat}.get(format, _cells)
        with open_rows(format, output) as write:
            yield lambda answer: write(answer.row or {"text": answer.text}, columns(answer, top))


def _line(answer: Answer, top: int) -> str:
    cells = [cell for label, score in answer.ranked[:top] for cell in (one_line(label), f"{score:.4f}")]
    return "\t".join([*cells, one_line(answer.text)]) + "\n"


def _nested(answer: Answer, top: int) -> Row:
    label, score = answer.ranked[0]
    shown = answer.ranked[:top] if top > 1 else answer.ranked
    scores = {name: round(value, 6) for name, value in shown}
    return {"label": label, "score": round(score, 6), "scores": scores}


def _flat(answer: Answer, top: int) -> Row:
    added: Row = {}
    for rank, (label, score) in enumerate(answer.ranked[:top], 1):
        suffix = f"_{rank}" if rank > 1 else ""
        added |= {f"label{suffix}": label, f"score{suffix}": round(score, 6)}
    return added


def _cells(answer: Answer, top: int) -> Row:
    return {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in _flat(answer, top).items()}
