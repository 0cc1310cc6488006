"""Labels as they stand in data: read, told apart, put in order."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlpkit.data.catalog import open_labelled
from nlpkit.data.dataset import Example, dataset_from_lists
from nlpkit.data.frames import labelled_table
from nlpkit.data.labels import in_order, label_type, listed, numbers, read_flags, read_label
from nlpkit.errors import DataError, NlpkitError, UsageError
from nlpkit.recipe import load_recipe
from nlpkit.tasks.classification.corpus import prepare
from nlpkit.tasks.classification.recipe import ClassificationRecipe
from tests.conftest import Command, write_csv
from tests.test_cli import refused


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        (" p", "p"),
        ("a \n b\u00a0c ", "a b c"),
        ("cafe\u0301", "caf\u00e9"),
        (3, "3"),
        (3.0, "3"),
        (np.float32(-1), "-1"),
        (2.5, "2.5"),
        (True, "True"),
        ("3.0", "3.0"),
        (["b", " a", "b"], ("b", "a")),
        ((), ()),
        (set("hgfedcba"), tuple("abcdefgh")),
        (np.array([2.0, 1.0]), ("2", "1")),
    ],
)
def test_one_cell_s_label_or_labels(cell: Any, label: Any) -> None:
    assert read_label(cell, "here") == label


@pytest.mark.parametrize("cell", [None, float("nan"), np.float32("nan"), "", " \t", ["a", None], ["a", ""], {" "}])
def test_a_label_that_is_missing_is_refused(cell: Any) -> None:
    with pytest.raises(DataError, match="line 2: there is no label"):
        read_label(cell, "line 2")


def test_what_pandas_has_for_a_missing_label() -> None:
    pandas = pytest.importorskip("pandas")
    for cell in (pandas.NA, pandas.NaT):
        with pytest.raises(DataError, match="there is no label"):
            read_label(cell, "here")
        assert read_label(cell, "here", ";") == ()


@pytest.mark.parametrize(
    ("cell", "message"),
    [(b"p", "a label is a bytes"), ({"a": 1}, "a dict"), ([["a"]], "a list"), ("x\ud83d", "half of a character")],
)
def test_what_is_no_label_is_refused(cell: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"here: .*{message}"):
        read_label(cell, "here")


def test_a_delimiter_divides_a_cell_and_leaves_lists_alone() -> None:
    assert read_label(" a;b ; ;a", "here", ";") == ("a", "b")
    assert read_label("", "here", ";") == read_label(None, "here", ";") == ()
    assert read_label(["a;b"], "here", ";") == ("a;b",)
    assert read_label("a, b", "here", ", ") == ("a", "b")
    assert read_label(7.0, "here", ";") == ("7",)


def test_a_column_a_label() -> None:
    row = {"a": 1, "b": "TRUE", "c": 0.0, "d": False, "e ": " 1.0", "f": "false"}
    assert read_flags(row, list(row), "here") == ("a", "b", "e")
    with pytest.raises(DataError, match=r"here: the label column 'a' holds ''; .*1 or true"):
        read_flags({"a": ""}, ["a"], "here")
    with pytest.raises(DataError, match="here: there is no 'b'"):
        read_flags({"a": 1}, ["b"], "here")


def test_numbers_come_in_order_of_their_value() -> None:
    assert in_order({"10", "2", "-1", "2.5"}) == ["-1", "2", "2.5", "10"]
    assert in_order({"10", "2", "x"}) == ["10", "2", "x"]
    assert numbers(["1", "+2", "-0.5"]) == [1, 2, -0.5]
    assert numbers(["1", "nan"]) is numbers(["1e5"]) is numbers(["1_0"]) is None


def test_integers_are_told_from_text() -> None:
    assert label_type([1, np.int64(2)]) == label_type([[1], (2,), set()]) == "int"
    assert label_type([1, "2"]) == label_type([1.0]) == label_type([True]) == label_type([["1"]]) == "str"


def test_many_labels_in_a_line() -> None:
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(range(1_020)).endswith("18, 19 and 1,000 more")


def read(path: Path, **columns: Any) -> list[Example]:
    return list(open_labelled(str(path), **columns).read("train"))


def refusal(path: Path, **columns: Any) -> NlpkitError:
    with pytest.raises(NlpkitError) as caught:
        read(path, **columns)
    return caught.value


SEVERAL = [Example("one", ("a", "b")), Example("two", ()), Example("three", ("b",))]


def test_files_of_several_labels(tmp_path: Path) -> None:
    rows = [{"text": text, "label": list(labels)} for text, labels in SEVERAL]
    lists = tmp_path / "lists.jsonl"
    lists.write_text("\n".join(map(json.dumps, rows)))
    assert read(lists) == SEVERAL
    joined = write_csv(tmp_path / "joined.csv", [(text, " | ".join(labels)) for text, labels in SEVERAL])
    assert read(joined, label_delimiter="|") == SEVERAL
    flags = [(str(i), text, *(str(int(name in labels)) for name in "ab")) for i, (text, labels) in enumerate(SEVERAL)]
    columns = write_csv(tmp_path / "columns.csv", flags, ("id", "text", "a", "b"))
    assert read(columns, label_columns=["a", "b"]) == SEVERAL
    only = write_csv(tmp_path / "only.csv", [row[1:] for row in flags], ("words", "a", "b"))
    assert read(only, label_columns=["a", "b"]) == SEVERAL  # the one column left is the text
    prints = {open_labelled(str(columns), label_columns=chosen).fingerprint for chosen in (["a"], ["b"], ["a", "b"])}
    assert len(prints) == 3


def test_parquet_of_several_labels(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": [row.text for row in SEVERAL], "label": [list(row.label) for row in SEVERAL]})
    parquet.write_table(table, tmp_path / "lists.parquet")
    assert read(tmp_path / "lists.parquet") == SEVERAL


def test_files_whose_labels_are_wrong(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "a.csv", [("x", "1", "0"), ("y", "2", "0")], ("text", "a", "b"))
    error = refusal(table, label_columns=["a", "b"])
    assert "a.csv line 3" in str(error)
    assert "'2'" in str(error)
    error = refusal(table, label_columns=["a", "bb"])
    assert isinstance(error, UsageError)
    assert "'bb'; did you mean b?" in str(error)
    assert isinstance(refusal(table, label_columns=["a"], label_column="b"), UsageError)
    lists = tmp_path / "a.jsonl"
    lists.write_text('{"text": "x", "label": ["a"]}\n{"text": "y", "label": ["a", null]}\n')
    assert "a.jsonl line 2: there is no label" in str(refusal(lists))


def recipe(*settings: str) -> ClassificationRecipe:
    loaded = load_recipe("sentiment", ["tokenizer.vocab_size=300", *settings])
    assert isinstance(loaded, ClassificationRecipe)
    return loaded


def test_several_labels_are_prepared_as_given() -> None:
    labels = [["y", "x"] if i % 2 else [] for i in range(200)]
    for row in range(0, 200, 5):
        labels[row] = ["rare", "x"]
    texts = [f"text {i}" for i in range(200)]
    prepared = prepare(dataset_from_lists(texts, labels), recipe())
    assert prepared.several
    assert prepared.labels == ("rare", "x", "y")
    seen = {}
    for corpus in (prepared.train, prepared.validation):
        for row in range(len(corpus)):
            seen[corpus.text(row)] = [prepared.labels[i] for i in np.flatnonzero(corpus.labels[row])]
    assert seen == {text: sorted(label) for text, label in zip(texts, labels, strict=True)}
    # held out by the rarest label: each has its tenth, and the texts without any too
    held = prepared.validation.labels
    assert held.sum(0).tolist() == [4, 12, 8]
    assert (held.sum(1) == 0).sum() == 8


def test_model_labels_goes_before_the_data_s_shape() -> None:
    texts = [f"text {i}" for i in range(40)]
    plain = dataset_from_lists(texts, ["a", "b"] * 20)
    apart = prepare(plain, recipe()).train
    asked = prepare(plain, recipe("model.labels=several")).train
    np.testing.assert_array_equal(asked.labels, np.eye(2)[apart.labels])
    alone = prepare(dataset_from_lists(texts, [["a"], ["b"]] * 20), recipe("model.labels=one"))
    assert not alone.several
    np.testing.assert_array_equal(alone.train.labels, apart.labels)
    with pytest.raises(DataError, match=r"several labels or none, and model\.labels is 'one'"):
        prepare(dataset_from_lists(texts, [["a"], ["a", "b"]] * 20), recipe("model.labels=one"))


def test_a_column_is_a_label_even_where_no_text_has_it(tmp_path: Path) -> None:
    rows = [(f"text {i}", str(i % 2), "0") for i in range(40)]
    table = write_csv(tmp_path / "a.csv", rows, ("text", "some", "none"))
    chosen = recipe("data.label_columns=['some', 'none']")
    prepared = prepare(open_labelled(str(table), label_columns=["some", "none"]), chosen)
    assert prepared.labels == ("none", "some")
    assert prepared.train.labels.sum(0).tolist() == [0, len(prepared.train) / 2]


@pytest.mark.parametrize("labels", [[[]] * 40, [["a", "b"]] * 40])
def test_labels_that_tell_nothing_apart_are_refused(labels: list[list[str]]) -> None:
    with pytest.raises(DataError, match=r"there is no label in it|too few"):
        prepare(dataset_from_lists([f"text {i}" for i in range(40)], labels), recipe())


def test_data_show_counts_each_label(nlpkit: Command, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [("x", "a;b"), ("y", ""), ("z", "b")])
    shown = nlpkit("data", "show", tmp_path / "a.csv", "--label-delimiter", ";", "--json")
    assert json.loads(shown.stdout)["train"]["labels"] == {"b": 2, "a": 1}
    refused(nlpkit("data", "show", tmp_path / "a.csv", "--label-columns", "a, c"), 2, "no column 'a'")
    refused(nlpkit("data", "show", tmp_path / "a.csv", "--label-delimiter", ""), 2, "one character or more")


def test_tables_of_several_labels() -> None:
    pandas = pytest.importorskip("pandas")
    texts = [row.text for row in SEVERAL]
    lists = pandas.DataFrame({"text": texts, "label": [list(row.label) for row in SEVERAL]}, index=[3, 1, 2])
    assert list(labelled_table(lists, None, None).read("train")) == SEVERAL
    joined = pandas.DataFrame({"text": texts, "label": ["a;b", None, "b"]})
    assert list(labelled_table(joined, None, None, label_delimiter=";").read("train")) == SEVERAL
    flags = pandas.DataFrame({"words": texts, "a": [True, False, False], "b": [1.0, 0.0, 1.0]})
    found = labelled_table(flags, None, None, label_columns=["a", "b"])
    assert list(found.read("train")) == SEVERAL
    assert found.label_type == "str"
    with pytest.raises(DataError, match="text 1: the label column 'b' holds"):
        labelled_table(flags.assign(b=[1, None, 0]), None, None, label_columns=["a", "b"])
    with pytest.raises(UsageError, match="label_columns='c' is no column of the data"):
        labelled_table(flags, None, None, label_columns=["a", "c"])


def test_hugging_face_s_lists_of_numbered_labels() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "labels": datasets.Sequence(datasets.ClassLabel(names=["a", "b"]))}
    )
    given = {"text": [row.text for row in SEVERAL], "labels": [[0, 1], [], [1]]}
    found = labelled_table(datasets.Dataset.from_dict(given, features=features), None, "labels")
    assert list(found.read("train")) == SEVERAL
    assert found.label_type == "str"
