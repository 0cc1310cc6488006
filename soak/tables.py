"""Tables of any text, labels, column orders and formats: what goes in comes out, row by row."""

import argparse
import csv
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

# what a person may have in a cell: any character but halves of some, NUL, and a lone carriage return, which Python's
# csv module writes without quotes before 3.13 and then does not read
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1, max_size=40)
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


def write_csv(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8", newline="")


def write_jsonl(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    lines = (json.dumps({name: row[name] for name in columns}, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8", newline="")


WRITERS: dict[str, Callable[[Path, list[str], list[dict[str, str]]], None]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
}


class _Stub:
    """Answers in place of a classifier: a text's label follows from its length."""

    labels = ("even", "odd")

    def predict_stream(self, texts: Iterable[str]) -> Iterator[Any]:
        import numpy as np

        for text in texts:
            yield np.eye(2, dtype=np.float32)[len(text) % 2]


def check(folder: Path, suffix: str, columns: list[str], rows: list[dict[str, str]]) -> None:
    """Reads a table, has it answered, and reads the answers. Raises AssertionError."""
    from nlpkit.cli.predictions import Format, answers, open_writer
    from nlpkit.data.files import read_rows

    source = folder / f"in.{suffix}"
    WRITERS[suffix](source, columns, rows)
    read = list(read_rows(source, "text"))
    assert [text for _, text in read] == [row["text"] for row in rows]
    stub: Any = _Stub()
    for answer_in in ("csv", "jsonl"):
        output = folder / f"out.{answer_in}"
        with open_writer(Format(answer_in), output, 1) as write:
            for answer in answers(stub, read_rows(source, "text")):
                write(answer)
        with output.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file)) if answer_in == "csv" else list(map(json.loads, file))
        assert [{name: row[name] for name in columns} for row in found] == rows
        assert [row["predicted_label"] for row in found] == [("even", "odd")[len(row["text"]) % 2] for row in rows]


def run(count: int) -> None:
    """So many tables of each format."""
    from nlpkit.cli.options import watched

    with tempfile.TemporaryDirectory() as work:
        for suffix in watched(list(WRITERS), "formats"):
            options = settings(
                max_examples=count,
                database=None,
                deadline=None,
                derandomize=True,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )
            options(given(st.just(Path(work)), st.just(suffix), tables())(_check))()


def _check(folder: Path, suffix: str, table: tuple[list[str], list[dict[str, str]]]) -> None:
    check(folder, suffix, *table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m soak.tables", description=__doc__)
    parser.add_argument("--count", type=int, default=2_000, help="tables of each format")
    count, began = parser.parse_args().count, time.monotonic()
    run(count)
    print(f"{count * len(WRITERS):,} tables in {time.monotonic() - began:,.0f} s: what went in came out, row by row")


if __name__ == "__main__":
    main()
