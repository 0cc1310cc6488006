"""The user's own files: what is read, what is guessed, and what each error says."""

import json
import logging
import shutil
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from nlpkit.data.columns import Columns
from nlpkit.data.dataset import Example, dataset_from_lists
from nlpkit.data.files import open_local, read_rows
from nlpkit.errors import DataError, NlpkitError, UsageError


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_parquet(path: Path, **columns: list[Any]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    return path


def read(path: Path, columns: Columns = Columns(), *, split: str = "train", skip_empty: bool = False) -> list[Example]:
    return list(open_local(path, columns, skip_empty=skip_empty).read(split))


def refusal(path: Path, columns: Columns = Columns()) -> NlpkitError:
    """What opening and reading it raises: one line that names the path."""
    with pytest.raises(NlpkitError) as caught:
        read(path, columns)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"good, very",1\nbad,0\n'),
        ("a.CSV", 'text,label\r\n"good, very",1\r\n\r\nbad,0'),
        ("a.tsv", "text\tlabel\ngood, very\t1\nbad\t0\n"),
        ("a.jsonl", '{"text": "good, very", "label": 1}\n\n{"label": " 0 ", "text": "bad"}\n'),
        ("a.ndjson", '{"text": "good, very", "label": 1.0}\n{"text": "bad", "label": 0}'),
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order mark"])
def test_each_format_gives_the_same_examples(tmp_path: Path, name: str, content: str, mark: bytes) -> None:
    path = write(tmp_path / name, mark + content.encode())
    assert read(path) == [Example("good, very", "1"), Example("bad", "0")]


def test_parquet_whole_numbers_are_labels_without_a_point(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", review=["good", "bad", "so"], stars=[5.0, 1.0, 2.5])
    assert read(path) == [Example("good", "5"), Example("bad", "1"), Example("so", "2.5")]


def test_quoted_line_breaks_and_huge_fields(tmp_path: Path) -> None:
    huge = "x" * 300_000  # the csv module's own limit is 131,072
    path = write(tmp_path / "a.csv", f'text,label\n"two\nlines ""quoted""",1\n{huge},0\n')
    assert [example.text for example in read(path)] == ['two\nlines "quoted"', huge]


def test_a_split_can_be_read_again_and_is_a_stream(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\ngood,1\nbad,0\nlast,\n")
    dataset = open_local(path)
    for _ in range(2):  # the third row's error is not met before the row is
        assert list(islice(dataset.read("train"), 2)) == [Example("good", "1"), Example("bad", "0")]


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    dataset = open_local(write(tmp_path / "a.csv", "text,label\ngood,1\n"))
    with pytest.raises(UsageError, match=r"a\.csv has no split 'test'; it has train"):
        dataset.read("test")


@pytest.mark.parametrize(
    ("header", "text", "label"),
    [
        ("Review,Sentiment,id", "Review", "Sentiment"),
        ("id,STARS,comment", "comment", "STARS"),
        ("words,label", "words", "label"),
        (" text , label ", "text", "label"),
    ],
)
def test_clear_columns_are_guessed(tmp_path: Path, header: str, text: str, label: str) -> None:
    names = header.split(",")
    path = write(tmp_path / "a.csv", f"{header}\n{','.join(f'the {name.strip()}' for name in names)}\n")
    assert read(path) == [Example(f"the {text}", f"the {label}")]
    assert open_local(path).columns == {"text": text, "label": label}


def test_named_columns_win_over_likely_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label,summary,score\na,b,c,d\n")
    assert read(path, Columns("summary", "score")) == [Example("c", "d")]
    assert read(path, Columns(label="score")) == [Example("a", "d")]


@pytest.mark.parametrize(
    ("header", "columns", "said"),
    [
        ("one,two,three", Columns(), ["'one', 'two', 'three'", "--text-column"]),
        ("text,review,label", Columns(), ["'text', 'review', 'label'", "--text-column"]),
        ("text,one,two", Columns(), ["'text', 'one', 'two'", "--label-column", "--no-header"]),
        ("id,kind,text", Columns(text="text"), ["'id', 'kind', 'text'", "--label-column"]),
        ("text,label,id", Columns(text="txet"), ["'txet'", "did you mean text?", "'text', 'label', 'id'"]),
        ("text,label,id", Columns(label="zzz"), ["'zzz'", "it has 'text', 'label', 'id'"]),
    ],
)
def test_unclear_or_missing_columns(tmp_path: Path, header: str, columns: Columns, said: list[str]) -> None:
    error = refusal(write(tmp_path / "a.csv", f"{header}\na,b,c\n"), columns)
    assert isinstance(error, UsageError)
    for words in said:
        assert words in str(error)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "text,label\n", "has no rows"),
        ("a.jsonl", "\n", "has no rows"),
        ("a.csv", 'text,label\n"a\nb",1\n ,1\n', "line 4: there is no text"),
        ("a.csv", "text,label\na,1\nb, \n", "line 3: there is no label"),
        ("a.csv", "text,label\na,1\nb,1,2\n", "line 3: 3 values for 2 columns"),
        ("a.csv", "text,label\na,1\nb\n", "line 3: 1 value for 2 columns"),
        ("a.csv", 'text,label\na,1\n"b,1\n', "is a quotation mark left open?"),
        ("a.csv", b"text,label\na,1\ncaf\xe9,1\n", "line 3: byte 4 of the line is not UTF-8"),
        ("a.tsv", "text\tlabel\na\t1\nb\n", "line 3: 1 value for 2 columns"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": \n', "line 2: not JSON"),
        ("a.jsonl", '{"text": "a", "label": 1}\n["b", 2]\n', "line 2: not a JSON object"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"label": 1}\n', "line 2: there is no 'text'"),
        ("a.jsonl", '{"text": null, "label": 1}\n', "line 1: there is no text"),
        ("a.jsonl", '{"text": "a", "label": null}\n', "line 1: there is no label"),
        ("a.jsonl", b'{"text": "a", "label": 1}\n{"text": "\xff"}\n', "line 2: byte 11 of the line is not UTF-8"),
        ("a.csv", "\ntext,label\na,1\n", "or its first line is"),
        ("a.csv", "text,text,label\na,b,1\n", "two columns have the same name"),
        ("a.jsonl", '{"text": "half \\ud83d", "label": 1}\n', "line 1: not JSON"),
        ("a.jsonl", '{"text": NaN, "label": 1}\n', "line 1: there is no text"),
        ("a.jsonl", '{"text": "a", "label": NaN}\n', "line 1: there is no label"),
        ("a.jsonl", '{"text": ["a"], "label": 1}\n', "line 1: 'text' holds a list"),
        ("a.jsonl", '{"text": "a", "label": {"x": 1}}\n', "line 1: 'label' holds a dict"),
        ("a.jsonl", '{"text": ' + "[" * 100_000, "line 1: not JSON"),
    ],
)
def test_bad_rows_are_named_by_file_and_line(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    error = refusal(write(tmp_path / name, content))
    assert isinstance(error, DataError)
    assert said in str(error)


def test_bad_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    assert "is not readable as Parquet" in str(refusal(write(tmp_path / "a.parquet", "text,label\n")))
    assert "has no rows" in str(refusal(write_parquet(tmp_path / "b.parquet", text=[], label=[])))
    nulls = write_parquet(tmp_path / "c.parquet", text=["a", None], label=["1", "2"])
    assert "line 2: there is no text" in str(refusal(nulls))


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "[parquet]" in str(refusal(write(tmp_path / "a.parquet", "")))


def test_skip_empty_leaves_rows_out_and_says_how_many(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.csv", "text,label\n,1\ngood,1\n  ,\n")
    assert "--set data.skip_empty=true" in str(refusal(path))
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert read(path, skip_empty=True) == [Example("good", "1")]
    assert caplog.messages == [f"left out 2 rows without text in {path}"]


def test_skip_empty_in_folders_of_classes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "pos" / "1.txt", "good")
    empty = write(tmp_path / "neg" / "1.txt", "\n")
    assert f"{empty}: there is no text" in str(refusal(tmp_path))
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert read(tmp_path, skip_empty=True) == [Example("good", "pos")]
    assert caplog.messages == [f"left out 1 row without text in {tmp_path}"]


def test_folder_of_split_files(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "text,label\na,1\n")
    write(tmp_path / "Valid.tsv", "text\tlabel\nb\t2\n")
    write(tmp_path / "test.jsonl", '{"text": "c", "label": 3}\n')
    write(tmp_path / "notes.csv", "not,a,split\n")
    write(tmp_path / ".train.csv", "hidden")
    assert set(open_local(tmp_path).splits) == {"train", "validation", "test"}
    assert read(tmp_path) == [Example("a", "1")]
    assert read(tmp_path, split="validation") == [Example("b", "2")]
    assert read(tmp_path, split="test") == [Example("c", "3")]


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_names_of_the_validation_split(tmp_path: Path, name: str) -> None:
    write(tmp_path / "train.csv", "text,label\na,1\n")
    write(tmp_path / f"{name}.csv", "text,label\nb,2\n")
    assert read(tmp_path, split="validation") == [Example("b", "2")]


@pytest.mark.parametrize("names", [("train.csv", "train.tsv"), ("dev.csv", "val.csv")])
def test_two_files_for_a_split_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in ("train.csv", *names):
        write(tmp_path / name, "text,label\na,1\n")
    error = refusal(tmp_path)
    assert isinstance(error, UsageError)
    assert f"{names[0]} and {names[1]} are both" in str(error)


def test_two_folders_for_a_split_are_refused(tmp_path: Path) -> None:
    for split in ("train", "val", "dev"):
        write(tmp_path / split / "pos" / "1.txt", "good")
    assert "dev and val are both the validation split" in str(refusal(tmp_path))


def test_one_column_cannot_be_text_and_label(tmp_path: Path) -> None:
    error = refusal(write(tmp_path / "a.csv", "text,label,id\na,b,c\n"), Columns("text", "text"))
    assert "cannot be both" in str(error)


def test_a_whole_escaped_character_is_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "\\ud83d\\ude00", "label": 1}\n')
    assert read(path) == [Example("\N{GRINNING FACE}", "1")]


def test_folder_of_classes_in_sorted_order(tmp_path: Path) -> None:
    write(tmp_path / "pos" / "2.txt", "later")
    write(tmp_path / "pos" / "1.txt", b"\xef\xbb\xbfgood\r\nfilm\r\n")
    write(tmp_path / "neg" / "1.txt", "bad")
    write(tmp_path / "neg" / "notes.md", "not a text")
    write(tmp_path / ".cache" / "1.txt", "hidden")
    assert read(tmp_path) == [Example("bad", "neg"), Example("good\nfilm", "pos"), Example("later", "pos")]


def test_layout_of_acl_imdb(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / split / "pos" / "0_9.txt", f"good {split}")
        write(tmp_path / split / "neg" / "0_1.txt", f"bad {split}")
    write(tmp_path / "train" / "unsup" / "0_0.txt", "no label")
    write(tmp_path / "train" / "labeledBow.feat", "9 0:9")
    write(tmp_path / "imdb.vocab", "the")
    dataset = open_local(tmp_path)
    assert set(dataset.splits) == {"train", "test"}
    assert list(dataset.read("train")) == [Example("bad train", "neg"), Example("good train", "pos")]
    assert list(dataset.read("test")) == [Example("bad test", "neg"), Example("good test", "pos")]


def test_bytes_that_are_not_utf8_in_a_folder_of_classes(tmp_path: Path) -> None:
    bad = write(tmp_path / "neg" / "1.txt", b"one\ntw\xff")
    assert f"{bad} line 2: byte 3 of the line is not UTF-8" in str(refusal(tmp_path))


def test_folders_that_hold_no_data(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds neither train.csv" in str(refusal(empty))
    write(tmp_path / "classes" / "pos" / "notes.md", "no text")
    assert "hold no .txt files" in str(refusal(tmp_path / "classes"))
    for split in ("validation", "test"):
        write(tmp_path / "splits" / f"{split}.csv", "text,label\na,1\n")
    assert "but no train split" in str(refusal(tmp_path / "splits"))


def test_a_file_of_another_kind_is_not_labelled_data(tmp_path: Path) -> None:
    error = refusal(write(tmp_path / "a.txt", "text\n"))
    assert isinstance(error, UsageError)
    assert ".jsonl" in str(error)


def test_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\na,1\n")
    first = open_local(path).fingerprint
    assert len(first) == 64
    assert open_local(write(tmp_path / "b.csv", path.read_bytes())).fingerprint == first
    assert open_local(path, Columns("text", "label")).fingerprint == first  # they are these anyway
    assert open_local(path, Columns("label", "text")).fingerprint != first
    assert open_local(path, skip_empty=True).fingerprint != first
    write(path, "text,label\nb,1\n")
    assert open_local(path).fingerprint != first


def test_fingerprint_of_a_folder(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write(one / "pos" / "1.txt", "good")
    write(one / "neg" / "1.txt", "bad")
    shutil.copytree(one, two)
    assert open_local(one).fingerprint == open_local(two).fingerprint
    (two / "neg" / "1.txt").rename(two / "neg" / "2.txt")
    assert open_local(one).fingerprint != open_local(two).fingerprint


def test_rows_to_be_classified(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", "id,text\n1,good\n2,\n")
    rows = [({"id": "1", "text": "good"}, "good"), ({"id": "2", "text": ""}, "")]
    assert list(read_rows(table)) == rows
    lines = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in ({"text": None}, {"text": 5})))
    assert list(read_rows(lines)) == [({"text": None}, ""), ({"text": 5}, "5")]
    plain = write(tmp_path / "a.txt", b"\xef\xbb\xbfgood\r\n\nbad, very")
    assert list(read_rows(plain)) == [({}, "good"), ({}, ""), ({}, "bad, very")]
    assert list(read_rows(write(tmp_path / "b.txt", ""))) == []


def test_rows_to_be_classified_come_one_at_a_time(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path / "a.txt", b"good\nb\xffd\n"))
    assert next(rows) == ({}, "good")
    with pytest.raises(DataError, match=r"a\.txt line 2: byte 2 of the line is not UTF-8"):
        next(rows)


def test_the_text_column_of_rows_to_be_classified(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "one\ttwo\na\tb\n")
    assert [text for _, text in read_rows(path, "two")] == ["b"]
    with pytest.raises(UsageError, match=r"'one', 'two'.*--text-column"):
        list(read_rows(path))
    with pytest.raises(UsageError, match="no column 'tow'; did you mean two"):
        list(read_rows(path, "tow"))


def test_a_path_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "gone.txt"
    with pytest.raises(DataError, match=r"gone\.txt cannot be read: No such file"):
        list(read_rows(missing))


def test_lists_that_a_program_holds() -> None:
    dataset = dataset_from_lists(["good", "bad"], ["1", "0"])
    assert list(dataset.read("train")) == [Example("good", "1"), Example("bad", "0")]
    assert dataset.fingerprint == dataset_from_lists(["good", "bad"], ["1", "0"]).fingerprint
    assert dataset.fingerprint != dataset_from_lists(["good", "bad"], ["0", "1"]).fingerprint


@pytest.mark.parametrize(
    ("texts", "labels", "said"),
    [
        (["a", "b"], ["1"], "2 texts but 1 labels"),
        (["a", " "], ["1", "2"], "text 1 is empty"),
        (["a", None], ["1", "2"], "text 1 is None"),
    ],
)
def test_lists_that_do_not_go_together(texts: Any, labels: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        dataset_from_lists(texts, labels)


def test_one_string_is_no_list_of_texts() -> None:
    with pytest.raises(UsageError, match="a list of texts, not one string"):
        dataset_from_lists("ab", ["1", "2"])
