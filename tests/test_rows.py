"""Rows in, rows out: as many, in order, each with its own columns, in every format."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from nlpkit.answers.json_text import to_json
from nlpkit.answers.predictions import answers
from nlpkit.answers.predictions import open_writer as label_rows
from nlpkit.answers.rows import Format, choose_format, open_rows
from nlpkit.answers.translations import open_writer as translated_rows
from nlpkit.cli.options import read_texts
from nlpkit.cli.pipe import bursts
from nlpkit.errors import DataError, UsageError
from nlpkit.tasks.classification.classifier import Verdict
from tests.conftest import Command
from tests.test_cli import refused

FORMATS = ["csv", "tsv", "jsonl", "parquet"]


def never(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of an answer, read as others would read them."""
    if path.suffix == ".parquet":
        return list(pyarrow.parquet.read_table(path).to_pylist())
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            return [json.loads(line, parse_constant=never) for line in file]
        return list(csv.DictReader(file, delimiter="," if path.suffix == ".csv" else "\t", strict=True))


def write_jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_answers_are_labelled_again(nlpkit: Command, trained: Path, tmp_path: Path, suffix: str) -> None:
    rows = [("mine", "a lovely day"), ("yours", 'an awful\tday\nwith "friends"\r'), ("", "")]
    with (tmp_path / "0.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("label", "text"), *rows])
    for i, source in enumerate(["0.csv", f"1.{suffix}", f"2.{suffix}"], 1):
        done = nlpkit("predict", "--model", trained, "--file", source, "--output", f"{i}.{suffix}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    found = read(tmp_path / f"3.{suffix}")
    assert [(row["label"], row["text"]) for row in found] == rows
    names = [f"predicted_label{end}" for end in ("", "_2", "_3")]
    assert [name for name in found[0] if "label" in name] == ["label", *names]
    for row in found:
        assert row[names[0]] == row[names[1]] == row[names[2]]
    assert [row[names[0]] for row in found[:2]] == ["positive", "negative"]


def test_names_of_added_columns_never_meet(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with open_rows(Format.csv, out) as write:
        write({"label": 1, "predicted_label_2": 2, "label_2": 3}, {"label": 4, "label_2": 5})
        write({"label_2": 6, "label": 7}, {"label": 8, "label_2": 9})
    assert out.read_text() == (
        "label,predicted_label_2,label_2,predicted_label,predicted_label_2_2\n1,2,3,4,5\n7,,6,8,9\n"
    )


def test_two_labels_a_text_are_labelled_again(tmp_path: Path) -> None:
    own = dict.fromkeys(["label", "predicted_label", "label_2"], "old")
    with open_rows(Format.jsonl, tmp_path / "out.jsonl") as write:
        write(own, {"label": "new", "label_2": "newer"})
    (row,) = read(tmp_path / "out.jsonl")
    assert list(row.values()) == ["old"] * 3 + ["new", "newer"]


def test_each_row_has_its_own_columns(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    one, two = {"id": 1, "text": "a lovely day", "kind": "a"}, {"text": "an awful day", "id": 2}
    write_jsonl(tmp_path / "in.jsonl", one, two)
    shown = nlpkit("predict", "--model", trained, "--file", "in.jsonl", "--format", "csv", cwd=tmp_path).stdout
    assert [(row["id"], row["text"], row["kind"], row["label"]) for row in csv.DictReader(shown.splitlines())] == [
        ("1", "a lovely day", "a", "positive"),
        ("2", "an awful day", "", "negative"),
    ]
    write_jsonl(tmp_path / "in.jsonl", two, one)
    done = nlpkit("predict", "--model", trained, "--file", "in.jsonl", "--output", "out.csv", cwd=tmp_path)
    refused(done, 1, "row 2", "'kind'", ".jsonl")
    assert not (tmp_path / "out.csv").exists()
    rows = nlpkit("predict", "--model", trained, "--file", "in.jsonl", cwd=tmp_path).stdout.splitlines()
    assert [list(json.loads(row)) for row in rows] == [[*row, "label", "score", "scores"] for row in (two, one)]
    assert nlpkit("predict", "--model", trained, "-f", "in.jsonl", "-o", "out.parquet", cwd=tmp_path).returncode == 0
    assert [row["kind"] for row in read(tmp_path / "out.parquet")] == [None, "a"]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_an_answer_has_one_name_for_all_rows(nlpkit: Command, trained: Path, tmp_path: Path, format: str) -> None:
    write_jsonl(tmp_path / "in.jsonl", {"text": "a lovely day"}, {"text": "an awful day", "label": "mine"})
    done = nlpkit("predict", "--model", trained, "--file", "in.jsonl", "--format", format, cwd=tmp_path)
    refused(done, 1, "row 2", "'label'", "every row")
    write_jsonl(tmp_path / "in.jsonl", {"text": "a lovely day", "label": None}, {"text": "an awful day", "label": "x"})
    done = nlpkit("predict", "--model", trained, "--file", "in.jsonl", "--format", format, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("predicted_label") == (1 if format == "csv" else 2)


def test_values_keep_their_kind(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "text": "a lovely day",
        "whole": 12345678901234567890,
        "share": 0.1,
        "yes": True,
        "none": None,
        "nested": {"a": [1, 2.5, "x"]},
        "nan": float("nan"),
        "far": [float("inf"), -float("inf")],
    }
    write_jsonl(tmp_path / "in.jsonl", row)
    (line,) = nlpkit("predict", "--model", trained, "--file", "in.jsonl", cwd=tmp_path).stdout.splitlines()
    found = json.loads(line, parse_constant=never)
    assert {name: found[name] for name in row} == row | {"nan": None, "far": [None, None]}
    (cells,) = csv.DictReader(
        nlpkit("predict", "--model", trained, "-f", "in.jsonl", "--format", "csv", cwd=tmp_path).stdout.splitlines()
    )
    assert cells["nested"] == '{"a": [1, 2.5, "x"]}'
    assert (cells["whole"], cells["share"], cells["none"], cells["nan"]) == ("12345678901234567890", "0.1", "", "")
    when = datetime(2024, 3, 5, 12, 30)
    table: dict[str, list[Any]] = {
        "text": ["a lovely day"],
        "when": [when],
        "price": [Decimal("1.50")],
        "raw": [b"\xff"],
        "tags": [["a"]],
    }
    pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / "in.parquet")
    shown = nlpkit("predict", "--model", trained, "--file", "in.parquet", cwd=tmp_path).stdout
    found = json.loads(shown)
    assert [found[name] for name in ("when", "price", "raw", "tags")] == ["2024-03-05T12:30:00", "1.50", "/w==", ["a"]]
    out = tmp_path / "out.parquet"
    assert nlpkit("predict", "--model", trained, "--file", "in.parquet", "-o", out, cwd=tmp_path).returncode == 0
    (kept,) = read(out)
    assert [kept[name] for name in table] == [values[0] for values in table.values()]
    assert (kept["label"], type(kept["score"])) == ("positive", float)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_tables_without_rows_have_a_header(nlpkit: Command, trained: Path, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "in.csv").write_text("id,label,text\n")
    done = nlpkit("predict", "--model", trained, "--file", "in.csv", "--top", "9", "-o", f"a.{suffix}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    added = ["predicted_label", "score", "label_2", "score_2"]
    if suffix == "parquet":
        assert pyarrow.parquet.read_schema(tmp_path / "a.parquet").names == ["id", "label", "text", *added]
    else:
        with (tmp_path / f"a.{suffix}").open(newline="") as file:
            (header,) = csv.reader(file, delimiter="," if suffix == "csv" else "\t")
        assert header == ["id", "label", "text", *added]


def test_headers_without_rows(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,note,note,text\n")
    pyarrow.parquet.write_table(
        pyarrow.table({"id": pyarrow.array([], "int8"), "text": pyarrow.array([], "string")}), tmp_path / "in.parquet"
    )
    (tmp_path / "in.json").write_text("[]")
    (tmp_path / "in.txt").write_text("")
    for name, columns in (
        ("in.csv", "id,note,note_2,text,"),
        ("in.parquet", "id,text,"),
        ("in.json", "text,"),  # of which nothing is known, as of lines
        ("in.txt", "text,"),
    ):
        keys: list[str] = []
        assert not [*chain.from_iterable(read_texts(None, tmp_path / name, header=keys.extend))]
        with label_rows(Format.csv, tmp_path / "out.csv", 1, source=tmp_path / name, keys=keys):
            pass
        assert (tmp_path / "out.csv").read_text() == f"{columns}label,score\n"
        with translated_rows(Format.csv, tmp_path / "out.csv", 2, source=tmp_path / name, keys=keys):
            pass
        assert (tmp_path / "out.csv").read_text() == (
            f"{columns.replace('text', 'text' if keys else 'source')}"
            "translation,log_probability,translation_2,log_probability_2\n"
        )
        with label_rows(Format.jsonl, tmp_path / "out.jsonl", 1, source=tmp_path / name, keys=keys):
            pass
        assert (tmp_path / "out.jsonl").read_text() == ""
    with label_rows(Format.parquet, tmp_path / "out.parquet", 1, source=tmp_path / "in.parquet", keys=["id", "text"]):
        pass
    schema = pyarrow.parquet.read_schema(tmp_path / "out.parquet")
    assert (schema.names, schema.field("id").type) == (["id", "text", "label", "score"], pyarrow.int8())


def test_a_mark_between_labels_stands_in_none() -> None:
    for labels, mark in (
        (("a", "b"), ";"),
        (("a;b", "c"), "|"),
        (("a;b|c", "d"), ","),
        (("a;b|c,d", "e"), ";;"),
        (("a;;b|c,d", "e"), ";;;"),
    ):
        (answer,) = answers(_Several(labels), iter([({}, "x")]), lambda scores: [0, 1], None)  # type: ignore[arg-type]
        ((told, _),) = answer.cells(1)
        assert told.split(mark) == list(labels)


class _Several:
    """Answers in place of a classifier of several labels a text: all of them."""

    recipe = SimpleNamespace(data=SimpleNamespace(label_delimiter=None))

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels

    def predict_stream(self, texts: Iterable[str]) -> Iterator[Any]:
        return (np.ones(len(self.labels), np.float32) for _ in texts)

    def verdict(self, scores: np.ndarray, choose: Any, most: int | None) -> Verdict:
        return Verdict([self.labels[i] for i in choose(scores)], scores.tolist(), [])


def test_json_for_every_reader() -> None:
    text = to_json({"a": [float("nan"), {"b": float("inf")}, (1.5, "ü")]}, indent=2)
    assert json.loads(text, parse_constant=never) == {"a": [None, {"b": None}, [1.5, "ü"]]}
    assert "ü" in text


def test_a_parquet_file_of_many_rows(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with open_rows(Format.parquet, out) as write:
        for i in range(5_000):  # what the first rows do not have, the last ones may
            write({"id": i, "note": None if i < 4_500 else "x"} | ({"late": 0.5} if i == 4_999 else {}), {"label": "a"})
    rows = read(out)
    assert [row["id"] for row in rows] == list(range(5_000))
    assert (rows[0]["note"], rows[4_999]["note"], rows[4_999]["late"], rows[0]["late"]) == (None, "x", 0.5, None)
    with pytest.raises(DataError, match="one Parquet table"):
        write_mixed(tmp_path / "no.parquet")
    with open_rows(Format.parquet, tmp_path / "empty.parquet"):
        pass
    assert read(tmp_path / "empty.parquet") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.parquet", "out.parquet"]


def test_parquet_stays_as_it_is(tmp_path: Path) -> None:
    types: dict[str, tuple[pyarrow.DataType, list[Any]]] = {
        "text": (pyarrow.large_string(), ["a", "b", None]),
        "ns": (pyarrow.timestamp("ns", "Europe/Zurich"), [1_700_000_000_123_456_789, 1, None]),
        "time": (pyarrow.time64("ns"), [1_001, 2_002, None]),
        "span": (pyarrow.duration("ns"), [1_001, 2_002, None]),
        "day": (pyarrow.date32(), [19_000, 1, None]),
        "int8": (pyarrow.int8(), [-1, 127, None]),
        "uint64": (pyarrow.uint64(), [2**64 - 1, 0, None]),
        "half": (pyarrow.float16(), [np.float16(0.1), np.float16(2), None]),
        "float": (pyarrow.float32(), [0.1, float("nan"), None]),
        "price": (pyarrow.decimal128(9, 2), [Decimal("1.50"), Decimal("-3.00"), None]),
        "kind": (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), ["x", "y", None]),
        "map": (pyarrow.map_(pyarrow.string(), pyarrow.int16()), [[("a", 1)], [], None]),
        "list": (pyarrow.list_(pyarrow.int8()), [[1, 2], [], None]),
        "pair": (pyarrow.list_(pyarrow.float32(), 2), [[0.1, 2], [3, 4], [5, 6]]),
        "nested": (pyarrow.struct({"a": pyarrow.uint8(), "b": pyarrow.binary()}), [{"a": 1, "b": b"x"}, {}, None]),
        "raw": (pyarrow.binary(2), [b"ab", b"cd", None]),
        "none": (pyarrow.null(), [None, None, None]),
        "label": (pyarrow.bool_(), [True, False, None]),
    }
    table = pyarrow.table({name: pyarrow.array(values, kind) for name, (kind, values) in types.items()})
    table = table.replace_schema_metadata({"mine": "kept"})
    source = tmp_path / "in.parquet"
    pyarrow.parquet.write_table(table, source, row_group_size=2)
    for output in (tmp_path / "out.parquet", source):  # in place, too
        with open_rows(Format.parquet, output, source) as write:
            for i in range(3):
                write({"text": "not read again", "label": None}, {"label": f"l{i}", "score": i / 2})
        found = pyarrow.parquet.read_table(output)
        assert found.schema.metadata == {b"mine": b"kept"}
        assert found.select(table.column_names).schema.equals(table.schema)
        for name in table.column_names:
            assert found[name].equals(table[name]) or name == "float"  # as NaN is not itself
        assert found["float"].to_pylist()[::2] == table["float"].to_pylist()[::2]
        assert found.select(["predicted_label", "score"]).to_pydict() == {
            "predicted_label": ["l0", "l1", "l2"],
            "score": [0.0, 0.5, 1.0],
        }
    with pytest.raises(DataError, match="has changed while it was read"), open_rows(Format.parquet, source, source):
        pass


def write_mixed(out: Path) -> None:
    with open_rows(Format.parquet, out) as write:
        write({"id": 1}, {})
        write({"id": "one"}, {})


def test_a_line_a_text(nlpkit: Command, trained: Path) -> None:
    texts = ["a\nlovely\tday", "an\r\nawful day", "", "a\u2028moving\x0bday"]
    lines = nlpkit("predict", *texts, "--model", trained).stdout.splitlines()
    assert [line.split("\t")[2] for line in lines] == ["a lovely day", "an awful day", "", "a moving day"]


@pytest.mark.parametrize(
    ("said", "output", "file", "expected"),
    [
        (None, None, None, "plain"),
        (None, None, "a.CSV", "csv"),
        (None, None, "a.parquet", "jsonl"),
        (None, None, "a.json.gz", "jsonl"),
        (None, "b.tsv", "a.csv", "tsv"),
        (None, "b.parquet", "a.csv", "parquet"),
        (None, "b.de", None, "plain"),
        (None, None, "a.psv", "csv"),
        (None, "b.tab", "a.psv", "tsv"),
        (None, "b.jl", None, "jsonl"),
        (None, None, "a.jsonlines.gz", "jsonl"),
        ("csv", "b.txt", "a.jsonl", "csv"),
        ("jsonl", "b.ndjson", None, "jsonl"),
        (None, "b.csv.gz", "a.jsonl", "csv"),
        (None, "b.gz", None, "plain"),
    ],
)
def test_formats(said: str | None, output: str | None, file: str | None, expected: str) -> None:
    assert choose_format(said, Path(output) if output else None, Path(file) if file else None) == expected


@pytest.mark.parametrize(
    ("said", "output", "part"),
    [
        (None, "b.xlsx", ".xlsx is not written"),
        (None, "b.PDF", ".pdf is not written"),
        (None, "b.psv", ".psv is not written"),
        (None, "b.csv.zip", ".zip is not written"),
        (None, "b.xlsx.gz", ".xlsx is not written"),
        ("jsonl", "b.csv", "csv file, and jsonl"),
        ("parquet", None, "goes with --output"),
    ],
)
def test_formats_that_are_not_written(said: str | None, output: str | None, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        choose_format(said, Path(output) if output else None, None)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["predict", "x", "--output", "a.xlsx"], [".xlsx is not written", ".csv"]),
        (["predict", "x", "--json", "--format", "csv"], ["--json goes without --format"]),
        (["predict", "x", "--json", "--output", "a.csv"], ["a.csv", "jsonl"]),
        (["predict", "x", "--text-column", "a"], ["--text-column goes with --file"]),
        (["predict", "x", "--overwrite"], ["--overwrite goes with --output"]),
        (["predict", "x", "--encoding", "cp1252"], ["--encoding goes with --file"]),
        (["predict", "x", "--no-header"], ["--no-header goes with --file"]),
        (["translate", "x", "--delimiter", ";"], ["--delimiter goes with --file"]),
        (["translate", "x", "--output", "a.pdf"], [".pdf is not written"]),
        (["translate", "x", "--attention", "--json"], ["--attention goes without --json"]),
        (["translate", "x", "--attention", "--nbest", "2"], ["--attention goes without --nbest"]),
        (["translate", "x", "--attention", "-o", "a.txt"], ["--attention goes without --output"]),
        (["translate", "x", "--attention", "--format", "csv"], ["--attention goes without --format"]),
        (["translate", "x", "--attention", "-m", "a", "-m", "b"], ["--attention looks into one model"]),
        (["translate", "x", "--html", "a.html", "--json"], ["--html goes without --json"]),
        (["translate", "x", "--html", "a.html", "--nbest", "2"], ["--html goes without --nbest"]),
        (["translate", "x", "--html", "a.html", "-o", "b.txt"], ["--html goes without --output"]),
        (["translate", "x", "--json", "--format", "csv"], ["--json goes without --format"]),
        (["translate", "x", "--text-column", "a"], ["--text-column goes with --file"]),
        (["translate", "x", "--overwrite"], ["--overwrite goes with --output or --html"]),
        (["generate", "--score", "a", "--prompt", "b"], ["--score goes without --prompt"]),
        (["generate", "--score", "a", "--samples", "2"], ["--score goes without --samples"]),
        (["generate", "--score", "a", "--stop", "."], ["--score goes without --stop"]),
        (["generate", "--score", "a", "-t", "0"], ["--score goes without --temperature"]),
        (["generate", "--score", "a", "--length", "5"], ["--score goes without --length"]),
        (["generate", "--score", "a", "--beam", "2"], ["--score goes without --beam"]),
        (["generate", "--interactive", "--seed", "1"], ["--interactive goes without --seed"]),
        (["generate", "--interactive", "--prompt", "a"], ["--interactive goes without --prompt"]),
        (["generate", "--beam", "2", "--top-k", "3"], ["--beam draws nothing"]),
        (["generate", "--seed", "-1"], ["--seed"]),
        (["generate", "--stop", ""], ["--stop ''"]),
        (["evaluate", "a", "--model", "b"], ["a and --model b"]),
        (["train", "--seed", "-1"], ["--seed -1"]),
        (["train", "--resume", "--overwrite"], ["--resume", "--overwrite", "leave one of them out"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_options_that_do_not_combine(nlpkit: Command, tmp_path: Path, arguments: list[str], parts: list[str]) -> None:
    done = nlpkit(*arguments, cwd=tmp_path)  # refused before a model, which is not there, is looked for
    refused(done, 2, *parts)
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_evaluate_takes_a_bundle_as_info_does(nlpkit: Command, trained: Path) -> None:
    told = nlpkit("evaluate", trained, "--json").stdout
    assert told == nlpkit("evaluate", "--model", trained, "--json").stdout
    assert json.loads(told, parse_constant=never)["examples"] == 40
    refused(nlpkit("evaluate", trained, "--text-column", "text"), 2, "--text-column goes with --data")


@contextmanager
def piped(*arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [Path(sys.executable).with_name("nlpkit"), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_pipe_that_pauses_is_answered(trained: Path) -> None:
    with piped("predict", "--model", trained) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for lines, labels in (
            (b"a lovely day\nan awful day\n", [b"positive", b"negative"]),
            (b"a dull day\na movi", [b"negative"]),  # a line may stand half in the pipe
            (b"ng day\n", [b"positive"]),
        ):
            process.stdin.write(lines)
            for label in labels:
                assert process.stdout.readline().startswith(label)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert b"Traceback" not in process.stderr.read()


def test_lines_come_in_bursts() -> None:
    ours, theirs = os.pipe()
    try:
        os.write(theirs, b"one\ntwo\n")
        each = bursts(ours)
        begun = time.monotonic()
        assert list(next(each)) == [b"one\n", b"two\n"]
        assert 0.1 < time.monotonic() - begun < 5
        os.write(theirs, b"x" * 60_000 + b"\n\n" + b"three")
        os.close(theirs)
        assert list(next(each)) == [b"x" * 60_000 + b"\n", b"\n", b"three"]
        assert list(each) == []
    finally:
        os.close(ours)


def test_a_file_is_one_burst(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"line\n" * 100_000)
    with (tmp_path / "a.txt").open("rb") as file:
        assert [len(list(burst)) for burst in bursts(file.fileno())] == [100_000]
