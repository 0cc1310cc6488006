"""Data that could be lost or misread in silence: read right, told, or refused."""

import logging
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from nlpkit.answers.rows import Format, open_rows
from nlpkit.data.columns import Columns
from nlpkit.data.documents import open_documents
from nlpkit.data.files import open_local, read_rows
from nlpkit.data.frames import labelled_table
from nlpkit.data.labels import read_label
from nlpkit.data.parallel import open_parallel
from nlpkit.errors import DataError, NlpkitError, UsageError


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


def read(path: Path, columns: Columns = Columns()) -> list[tuple[str, Any]]:
    return [(example.text, example.label) for example in open_local(path, columns).read("train")]


# -- labels


@pytest.mark.parametrize("vector", [[1, 0, 1], [0, 0], [True, False, False], ["0", "1", "0"], (1.0, 1.0, 0.0)])
def test_a_vector_of_flags_is_no_list_of_labels(vector: Any) -> None:
    with pytest.raises(DataError, match=r"^row 3: .* looks like a 0 or 1 for each label; give a list of those"):
        read_label(vector, "row 3")


def test_lists_of_labels_stay_lists() -> None:
    assert read_label(["1", "0"], "row 1") == ("1", "0")  # two labels that are called so
    assert read_label(["sport", "sport"], "row 1") == ("sport",)
    assert read_label([], "row 1") == ()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('["x", "y"]', ("x", "y")),
        ("['x', 'y z']", ("x", "y z")),
        ("[]", ()),
        ('["\\ud83d\\ude00", "a\\/b"]', ("😀", "a/b")),
        ("['\\/', 1]", "['\\/', 1]"),
        ("[sport]", "[sport]"),
        ("[1]", "[1]"),
        ("[", "["),
    ],
)
def test_a_list_that_was_written_into_a_cell(written: str, expected: Any) -> None:
    assert read_label(written, "row 1") == expected


def test_words_that_may_say_that_there_is_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "r.csv", '"","text","label"\n"1","good","pos"\n"2",NA,"neg"\n"3","bad",NaN\n')
    assert read(path) == [("good", "pos"), ("NA", "neg"), ("bad", "NaN")]
    assert [record.message.partition(": ")[2].partition(" is")[0] for record in caplog.records] == ["'NA'", "'NaN'"]


def test_a_delimiter_of_labels_that_is_in_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.csv", "text,label\na film,x;y\nanother,x\n")
    assert read(path, Columns(delimiter="/")) == [("a film", ("x;y",)), ("another", ("x",))]
    assert "no cell has '/' in it" in caplog.text
    caplog.clear()
    assert read(path, Columns(delimiter=";")) == [("a film", ("x", "y")), ("another", ("x",))]
    assert not caplog.records


# -- tables


@pytest.mark.parametrize(
    "content",
    [
        'text,label\nfine,neutral\nso bad,neg\nfine two,neutral\n"Great,neg\nThis is 5",pos\nlast,pos\n',
        'id,text,label\n1,fine,neutral\n2,so bad,neg\n3,fine,neutral\n4,"Great,neg\n5,This is 5",pos\n6,last,pos\n',
        'label,text\nneg,so bad\npos,"Great\nneg,This is 5"\npos,last\n',
        'text,label\n"Great,neg\nThis is 5",pos\nso bad,neg\n',  # what tells comes later
    ],
)
def test_rows_that_a_quotation_mark_swallowed(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    read(write(tmp_path / "a.csv", content))
    assert '1 cells in "quotes" hold lines that look like rows of their own' in caplog.text


def test_texts_of_several_lines_are_no_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = "".join(f'"Dear all, hello {i}\nsee you",{label}\n' for i, label in enumerate(["pos", "neg"] * 20))
    assert len(read(write(tmp_path / "a.csv", "text,label\n" + rows))) == 40
    assert not caplog.records


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("columns", [Columns(), Columns(text="text", label="label")])
def test_a_header_in_the_middle_is_no_row(tmp_path: Path, mark: str, columns: Columns) -> None:
    rows = "".join(f"text {i},pos\n" for i in range(1_100))
    path = write(tmp_path / "a.csv", f"text,label\n{rows}{mark}text,label\nmore,neg\n")
    with pytest.raises(DataError, match=r"a\.csv line 1102: the header stands here again"):
        read(path, columns)


def test_a_text_that_is_called_as_its_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text\na film\ntext\n")
    assert [text for _, text in read_rows(path, "text")] == ["a film", "text"]


def test_labels_of_fasttext_stand_anywhere(tmp_path: Path) -> None:
    lines = [
        "__label__a __label__b one text",
        "__label__b other\ttext __label__c",
        "  __label__c\u00a0d x__label__e",
        "__label__a",
    ]
    with pytest.raises(DataError, match="line 4: there is no text"):
        read(write(tmp_path / "a.txt", "\n".join(lines)))
    assert read(write(tmp_path / "b.txt", "\n".join(lines[:3]))) == [
        ("one text", ("a", "b")),
        ("other\ttext", ("b", "c")),
        ("x__label__e", "c d"),
    ]


def test_a_header_in_the_middle_of_a_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [("text", "label"), ("a", "x"), (" text", "label")]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match=r"a\.xlsx line 3: the header stands here again"):
        read(tmp_path / "a.xlsx", Columns(text="text", label="label"))


def test_errors_and_escapes_of_excel(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    book = openpyxl.Workbook()
    for row in [("text", "label", "more"), ("a_x000D_\nb", "x", "#N/A"), ("_x005F_x0041_ _xD83D_", "y", None)]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert read(tmp_path / "a.xlsx") == [("a\r\nb", "x"), ("_x0041_ _xD83D_", "y")]  # as Excel shows them
    assert "cells with an error of Excel's, such as #N/A, are read as empty: 1" in caplog.text
    book.active.append(("d", "#NAME?", None))
    book.save(tmp_path / "b.xlsx")
    with pytest.raises(DataError, match="line 4: there is no label"):
        read(tmp_path / "b.xlsx")


@pytest.mark.parametrize(
    "line", ['{"text": "a", "text": "b", "label": "x"}', '{"text": "a", "label": {"x": 1, "x": 2}}']
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_key_that_stands_twice(tmp_path: Path, line: str, name: str) -> None:
    content = line if name == "a.jsonl" else f"[{line}]"
    with pytest.raises(DataError, match=r"'(text|x)' stands in an object twice"):
        read(write(tmp_path / name, content))


def test_times_that_python_has_none_for(tmp_path: Path) -> None:
    last = pa.array([253402300799_000000], pa.timestamp("us", "Pacific/Auckland"))
    parquet.write_table(pa.table({"text": ["a"], "label": ["x"], "until": last}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: after row 0 a value cannot be read"):
        read(tmp_path / "a.parquet")


def test_rows_that_parquet_has_no_form_for(tmp_path: Path) -> None:
    output = tmp_path / "b.parquet"
    with pytest.raises(DataError, match="do not fit into one Parquet table"), open_rows(Format.parquet, output) as put:
        put({"text": "a", "meta": {}}, {"label": "x"})
    assert not output.exists()


# -- folders


@pytest.mark.parametrize("opened", [open_local, open_documents])
def test_what_is_beside_the_tables_of_splits(tmp_path: Path, opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    rows = "text,label\na,x\nb,y\n"
    for name in ("train.csv", "test.csv", "README.md"):
        write(tmp_path / name, rows)
    opened(tmp_path)
    assert not caplog.records
    write(tmp_path / "more.csv", rows)
    write(tmp_path / "old" / "test.csv", rows)
    assert list(opened(tmp_path).splits) == ["train", "test"]
    assert "left out 2 files that are not among the splits' tables, such as more.csv" in caplog.text


def test_a_link_to_a_split_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "text,label\na,x\nb,y\n")
    (tmp_path / "test.csv").symlink_to(tmp_path / "annex" / "test.csv")
    with pytest.raises(DataError, match=r"test\.csv is a link to a file that is not there"):
        open_local(tmp_path)
    (tmp_path / "test.csv").rename(tmp_path / "old.csv")
    assert list(open_local(tmp_path).splits) == ["train"]


def test_frames_that_are_no_split(caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"]})
    with caplog.at_level(logging.WARNING, "nlpkit"):
        assert list(labelled_table({"train": frame, "holdout": frame}, None, None).splits) == ["train"]
    assert "left out holdout, whose name is no split's" in caplog.text


# -- pairs


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "en,fr\nhello,bonjour\n"),
        ("a.csv", "id,en\n1,hello\n"),
        ("a.jsonl", '{"translation": {"en": "hello", "fr": "bonjour"}}\n'),
    ],
)
def test_a_language_that_a_table_has_not(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(UsageError, match="has no column 'de'"):
        open_parallel(write(tmp_path / name, content), pair="en-de")


def test_a_side_that_is_called_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "en,target\nhello,hallo\n")
    assert [(pair.source, pair.target) for pair in open_parallel(path, pair="en-de").read("train")] == [
        ("hello", "hallo")
    ]


def test_sides_that_stand_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("train.en", "train.de", "val.en", "news.en", "news.de", "train.fr"):
        write(tmp_path / name, "a\nb\n")
    assert list(open_parallel(tmp_path, pair="en-de").splits) == ["train"]
    assert [record.message.partition(": ")[2] for record in caplog.records] == [
        "left out news.en, which is of no split",
        "left out val.en, which has no de beside it",
    ]
    write(tmp_path / "train.en.gz", "a\n")
    with pytest.raises(UsageError, match=r"train\.en is there twice, packed or not"):
        open_parallel(tmp_path, pair="en-de")
    for name in ("train.en.gz", "run.log", "run.log.gz"):  # of no side
        write(tmp_path / name, "a\n")
    (tmp_path / "train.en.gz").unlink()
    open_parallel(tmp_path, pair="en-de")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.tmx"])
def test_tables_are_no_sentences_line_by_line(tmp_path: Path, name: str) -> None:
    table, text = write(tmp_path / name, "text\nhello\n"), write(tmp_path / "b.txt", "a\nb\n")
    for sides in ((table, text), (text, table)):
        with pytest.raises(NlpkitError, match=f"{name} is no text of a sentence a line"):
            open_parallel(*sides)
