"""Tables of any text, labels, column orders, encodings and formats: what goes in comes out, row by row."""

import argparse
import csv
import gzip
import io
import json
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

# what a person may have in a cell: any character but halves of some, and NUL
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
TEXTS = _TEXT.filter(lambda text: bool(text.strip()) and not text.startswith("\ufeff"))
LABELS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_ ", min_size=1, max_size=8).map(lambda name: f"x{name.strip()}")


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[dict[str, str]]]:
    """Columns in any order, `text`, `label` and others, and rows of them."""
    columns = draw(st.permutations(["text", "label", *draw(st.lists(NAMES, max_size=3, unique=True))]))
    cells: dict[str, st.SearchStrategy[str]] = {"text": TEXTS, "label": LABELS}
    row = st.fixed_dictionaries({name: cells.get(name, _TEXT) for name in columns})
    return list(columns), draw(st.lists(row, min_size=1, max_size=6))


def delimited(columns: list[str], rows: list[dict[str, str]], delimiter: str) -> str:
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, columns, delimiter=delimiter)
    table.writeheader()
    table.writerows(rows)
    return out.getvalue()


def json_lines(columns: list[str], rows: list[dict[str, str]]) -> str:
    return "".join(json.dumps({name: row[name] for name in columns}, ensure_ascii=False) + "\n" for row in rows)


Write = Callable[[list[str], list[dict[str, str]]], bytes]

WRITERS: dict[str, Write] = {
    "a.csv": lambda columns, rows: delimited(columns, rows, ",").encode(),
    "bom.csv": lambda columns, rows: delimited(columns, rows, ",").encode("utf-8-sig"),
    "wide.csv": lambda columns, rows: delimited(columns, rows, ",").encode("utf-16"),
    "widest.tsv": lambda columns, rows: delimited(columns, rows, "\t").encode("utf-32"),
    "semicolons.csv": lambda columns, rows: delimited(columns, rows, ";").encode(),
    "bars.csv": lambda columns, rows: delimited(columns, rows, "|").encode(),
    "a.tsv": lambda columns, rows: delimited(columns, rows, "\t").encode(),
    "packed.csv.gz": lambda columns, rows: gzip.compress(delimited(columns, rows, ",").encode()),
    "a.jsonl": lambda columns, rows: json_lines(columns, rows).encode(),
    "a.json": lambda columns, rows: json.dumps([{name: row[name] for name in columns} for row in rows]).encode(),
}
"""By the name of the file, what is in it."""


class _Stub:
    """Answers in place of a classifier: a text's label follows from its length."""

    labels = ("even", "odd")
    recipe = SimpleNamespace(data=SimpleNamespace(label_delimiter=None))

    def predict_stream(self, texts: Iterable[str]) -> Iterator[Any]:
        import numpy as np

        for text in texts:
            yield np.eye(2, dtype=np.float32)[len(text) % 2]

    def verdict(self, scores: Any, choose: Any, most: int | None) -> Any:
        from nlpkit.tasks.classification.classifier import Verdict

        ranked = [(self.labels[i], float(scores[i])) for i in (-scores).argsort()]
        return Verdict(ranked[0][0], ranked[0][1], ranked)


def check(folder: Path, name: str, columns: list[str], rows: list[dict[str, str]]) -> None:
    """Reads a table as one to learn from, has it answered, and reads the answers. Raises AssertionError."""
    from nlpkit.answers.predictions import answers, open_writer
    from nlpkit.answers.rows import Format
    from nlpkit.data.columns import Columns
    from nlpkit.data.files import open_local, read_rows
    from nlpkit.errors import DataError

    source = folder / name
    source.write_bytes(WRITERS[name](columns, rows))
    try:
        learnt = list(open_local(source, Columns("text", "label")).read("train"))
    except DataError as error:
        doubtful = any("\t" in cell and "\n" in cell for row in rows for cell in row.values())
        if not (name.endswith(".tsv") and doubtful and "is not clear" in str(error)):  # whether lines are rows
            raise
        return
    assert [text for text, _ in learnt] == [row["text"] for row in rows]
    assert [label for _, label in learnt] == [unicodedata.normalize("NFC", row["label"]) for row in rows]
    stub: Any = _Stub()
    for answer_in in ("csv", "tsv", "jsonl"):
        output = folder / f"out.{answer_in}"
        with open_writer(Format(answer_in), output, 1) as write:
            for answer in answers(stub, read_rows(source, "text"), lambda scores: [int(scores.argmax())], None):
                write(answer)
        with output.open(encoding="utf-8", newline="") as file:
            plain = {"csv": csv.excel, "tsv": csv.excel_tab}.get(answer_in)
            found = list(csv.DictReader(file, dialect=plain)) if plain else list(map(json.loads, file))
        again = [row for row, _ in read_rows(output, "text")]  # by nlpkit, and by Python
        for told in (found, again):
            assert [{name: row[name] for name in columns} for row in told] == rows
            assert [row["predicted_label"] for row in told] == [("even", "odd")[len(row["text"]) % 2] for row in rows]


def run(count: int) -> None:
    """So many tables of each format."""
    from nlpkit.cli.options import watched

    with tempfile.TemporaryDirectory() as work:
        for name in watched(list(WRITERS), "formats"):
            options = settings(
                max_examples=count,
                database=None,
                deadline=None,
                derandomize=True,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )
            options(given(st.just(Path(work)), st.just(name), tables())(_check))()


def _check(folder: Path, name: str, table: tuple[list[str], list[dict[str, str]]]) -> None:
    check(folder, name, *table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m soak.tables", description=__doc__)
    parser.add_argument("--count", type=int, default=2_000, help="tables of each format")
    count, began = parser.parse_args().count, time.monotonic()
    run(count)
    print(f"{count * len(WRITERS):,} tables in {time.monotonic() - began:,.0f} s: what went in came out, row by row")


if __name__ == "__main__":
    main()
