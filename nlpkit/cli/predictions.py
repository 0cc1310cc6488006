"""Texts in, answers out: as a stream, in one of four formats."""

import csv
import json
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from nlpkit.cli.options import open_output
from nlpkit.data.tables import Row
from nlpkit.tasks.classification import TextClassifier

logger = logging.getLogger("nlpkit")


class Format(StrEnum):
    """`plain` is a line a text: label, score, text, with tabs between; the others keep the input's columns."""

    plain = "plain"
    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"


@dataclass(frozen=True)
class Answer:
    """A text, the columns it came with, and its labels with their scores, the likeliest first."""

    row: Row
    text: str
    ranked: list[tuple[str, float]]


def format_of(path: Path | None) -> Format | None:
    """The format that a file's name stands for; Parquet rows are written as JSON lines."""
    suffix = path.suffix.lower() if path is not None else ""
    if suffix in (".jsonl", ".ndjson", ".parquet"):
        return Format.jsonl
    return {".csv": Format.csv, ".tsv": Format.tsv}.get(suffix)


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
def open_writer(format: Format, output: Path | None, top: int) -> Iterator[Callable[[Answer], None]]:
    """A function that writes answers with their `top` labels, to `output`, else to standard output.

    The output appears when all is written. Raises NlpkitError when it cannot be.
    """
    writers = {Format.plain: _plain_writer, Format.jsonl: _jsonl_writer}
    with open_output(output) as file:
        if format in writers:
            yield writers[format](file, top)
        else:
            yield _table_writer(file, top, "," if format is Format.csv else "\t")


def _plain_writer(file: IO[str], top: int) -> Callable[[Answer], None]:
    def write(answer: Answer) -> None:
        cells = [cell for label, score in answer.ranked[:top] for cell in (label, f"{score:.4f}")]
        file.write("\t".join([*cells, " ".join(answer.text.split())]) + "\n")

    return write


def _jsonl_writer(file: IO[str], top: int) -> Callable[[Answer], None]:
    def write(answer: Answer) -> None:
        label, score = answer.ranked[0]
        shown = answer.ranked[:top] if top > 1 else answer.ranked
        scores = {name: round(value, 6) for name, value in shown}
        row = answer.row or {"text": answer.text}
        row |= _beside(row, {"label": label, "score": round(score, 6), "scores": scores})
        file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")

    return write


def _table_writer(file: IO[str], top: int, delimiter: str) -> Callable[[Answer], None]:
    table = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    begun = False

    def write(answer: Answer) -> None:
        nonlocal begun
        row = answer.row or {"text": answer.text}
        added: Row = {}
        for rank, (label, score) in enumerate(answer.ranked[:top], 1):
            suffix = f"_{rank}" if rank > 1 else ""
            added |= {f"label{suffix}": label, f"score{suffix}": f"{score:.4f}"}
        row |= _beside(row, added)
        if not begun:
            table.writerow(row)
            begun = True
        table.writerow(row.values())

    return write


def _beside(row: Row, added: dict[str, Any]) -> Row:
    """Columns to be added, renamed where one of the row's own has the name: nothing is written over."""
    return {f"predicted_{name}" if name in row else name: value for name, value in added.items()}
