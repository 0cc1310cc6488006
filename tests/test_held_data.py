"""Texts, labels and tables as Python programs hold them: whatever the library, the same rows come out."""

import logging
import multiprocessing
import random
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import nlpkit
from nlpkit import TextClassifier, TextGenerator, Translator
from nlpkit.data.dataset import (
    Dataset,
    Example,
    Pair,
    dataset_from_lists,
    dataset_from_pairs,
    dataset_from_texts,
)
from nlpkit.data.frames import document_table, is_held, labelled_table, paired_table, texts_of
from nlpkit.errors import DataError, UsageError
from tests.conftest import made_reviews

TEXTS = ["a lovely day", "так dull", "superb 🙂", "awful"]
LABELS = ["p", "n", "p", "n"]

COLUMNS: dict[str, Callable[[list[str]], Any]] = {
    "a tuple": tuple,
    "an iterator": iter,
    "a generator": lambda values: (value for value in values),
    "a dict's values": lambda values: dict(enumerate(values)).values(),
    "a NumPy array": np.array,
    "a NumPy array of objects": lambda values: np.array(values, object),
    "a pandas Series of another index": lambda values: pd.Series(values, index=[7, 3, 7, 0]),
    "a pandas Series of strings": lambda values: pd.Series(values, dtype="string"),
    "a pandas Categorical": pd.Categorical,
    "a pandas Index": pd.Index,
    "a Polars Series": pl.Series,
    "an Arrow array": pa.array,
    "an Arrow array of chunks": lambda values: pa.chunked_array([values[:1], values[1:]]),
    "an Arrow dictionary": lambda values: pa.array(values).dictionary_encode(),
    "a Hugging Face column": lambda values: datasets.Dataset.from_dict({"x": values})["x"],
    "a column of a stream": lambda values: datasets.Dataset.from_dict({"x": values}).to_iterable_dataset()["x"],
}
TABLES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a dict": lambda columns: columns,
    "a pandas frame": lambda columns: pd.DataFrame(columns).iloc[::-1].iloc[::-1].set_index("id", drop=False),
    "a Polars frame": pl.DataFrame,
    "an Arrow table": pa.table,
    "a Hugging Face Dataset": datasets.Dataset.from_dict,
    "a Hugging Face Dataset of NumPy": lambda columns: datasets.Dataset.from_dict(columns).with_format("numpy"),
    "a stream": lambda columns: datasets.Dataset.from_dict(columns).to_iterable_dataset(),
}
columns = pytest.mark.parametrize("make", COLUMNS.values(), ids=COLUMNS)
tables = pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)


@pytest.fixture(scope="module")
def model(trained: Path) -> TextClassifier:
    loaded = nlpkit.load(trained)
    assert isinstance(loaded, TextClassifier)
    return loaded


def rows(dataset: Dataset[Any], split: str = "train") -> list[Any]:
    """What a data set says, twice."""
    first = list(dataset.read(split))
    assert list(dataset.read(split)) == first
    return first


@columns
def test_columns(make: Callable[[list[str]], Any], model: TextClassifier) -> None:
    given = dataset_from_lists(make(TEXTS), make(LABELS))
    assert rows(given) == [Example(*row) for row in zip(TEXTS, LABELS, strict=True)]
    assert all(type(part) is str for row in rows(given) for part in row)
    assert given.fingerprint == dataset_from_lists(TEXTS, LABELS).fingerprint
    assert rows(dataset_from_pairs(make(TEXTS), LABELS)) == [Pair(*row) for row in zip(TEXTS, LABELS, strict=True)]
    assert rows(dataset_from_texts(make(TEXTS))) == TEXTS
    np.testing.assert_array_equal(model.predict_proba(make(TEXTS)), model.predict_proba(TEXTS))
    assert model.predict(make(TEXTS)) == model.predict(TEXTS)


@tables
def test_tables(make: Callable[[dict[str, Any]], Any], model: TextClassifier) -> None:
    table = make({"id": [5, 9, 7, 1], "text": TEXTS, "label": LABELS})
    assert rows(labelled_table(table, None, None)) == [Example(*row) for row in zip(TEXTS, LABELS, strict=True)]
    assert rows(document_table(table, None)) == TEXTS
    assert rows(paired_table(table, None, "label", "text")) == [Pair(*row) for row in zip(LABELS, TEXTS, strict=True)]
    if not isinstance(table, dict):
        assert model.predict(table) == model.predict(TEXTS)
        np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(TEXTS))


@columns
def test_integer_labels_are_told_from_text(make: Callable[[list[Any]], Any]) -> None:
    integers = COLUMNS | {"a pandas Series of strings": lambda values: pd.Series(values, dtype="Int64")}
    make_integers = next(integers[name] for name, known in COLUMNS.items() if known is make)
    numbered = dataset_from_lists(TEXTS, make_integers([3, 1, 3, 10]))
    assert (numbered.label_type, [row.label for row in rows(numbered)]) == ("int", ["3", "1", "3", "10"])
    assert dataset_from_lists(TEXTS, make(["3", "1", "3", "10"])).label_type == "str"


def test_truth_values_and_names_are_text() -> None:
    flags = dataset_from_lists(TEXTS, [True, False, True, False])
    assert (flags.label_type, rows(flags)[0].label) == ("str", "True")
    assert dataset_from_lists(TEXTS, np.array([1, 2, 1, 2], np.uint8)).label_type == "int"
    assert dataset_from_lists(TEXTS, [1, 2, 1, "2"]).label_type == "str"


def test_numbers_of_a_hugging_face_dataset_have_names() -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    named = labelled_table(datasets.Dataset.from_dict({"text": TEXTS, "label": [1, 0, 1, 0]}, features), None, None)
    assert (named.label_type, [row.label for row in rows(named)]) == ("str", ["pos", "neg", "pos", "neg"])
    with pytest.raises(DataError, match="text 2: there is no label"):
        labelled_table(datasets.Dataset.from_dict({"text": TEXTS, "label": [1, 0, -1, 0]}, features), None, None)


def test_splits() -> None:
    def part(start: int, end: int) -> dict[str, list[str]]:
        return {"text": TEXTS[start:end], "label": LABELS[start:end]}

    held = {name: datasets.Dataset.from_dict(part(*ends)) for name, ends in {"test": (0, 1), "train": (1, 4)}.items()}
    for given in (
        datasets.DatasetDict(held | {"unsupervised": datasets.Dataset.from_dict({"text": ["x"], "label": [""]})}),
        {"dev": pd.DataFrame(part(0, 1)), "train": pl.DataFrame(part(1, 4))},
        {"validation": part(0, 1), "Train": part(1, 4)},
    ):
        found = labelled_table(given, None, None)
        other = "test" if "test" in found.splits else "validation"
        assert list(found.splits) == ["train", other]
        assert [row.text for row in rows(found)] == TEXTS[1:]
        assert [row.text for row in rows(found, other)] == TEXTS[:1]
        assert [text for split in ("train", other) for text in rows(document_table(given, None), split)] == [
            *TEXTS[1:],
            TEXTS[0],
        ]


def test_translations_by_language() -> None:
    pairs = [{"en": "a dog", "de": "ein Hund"}, {"en": "a cat", "de": "eine Katze"}]
    for table in (
        datasets.Dataset.from_dict({"translation": pairs}),
        pa.table({"translation": pairs}),
        pd.DataFrame({"translation": pairs}),
        {"translation": pairs},
        datasets.Dataset.from_dict({"id": ["0", "1"], "translation": pairs}),
    ):
        assert rows(paired_table(table, "en-de", None, None)) == [Pair(pair["en"], pair["de"]) for pair in pairs]
        with pytest.raises(UsageError, match="pair='en-de'"):
            paired_table(table, None, None, None)
        with pytest.raises(DataError, match="row 0 has nothing for 'fr'"):
            paired_table(table, "en-fr", None, None)
    by_language = pd.DataFrame(pairs)
    assert rows(paired_table(by_language, "de-en", None, None))[1] == Pair("eine Katze", "a cat")
    named = by_language.rename(columns={"en": "src", "de": "words"})
    assert rows(paired_table(named, None, None, None))[0] == Pair("a dog", "ein Hund")  # the one that is left


@pytest.mark.parametrize(
    ("columns", "chosen", "message"),
    [
        (["review", "stars"], (None, None), None),
        (["words", "label"], (None, None), None),  # the only one left
        (["words", "kind", "id"], ("words", "kind"), None),
        (["id", "text"], (None, None), "which of the columns 'id', 'text' is meant .* label_column"),
        (["a", "b", "label"], (None, None), "which of the columns 'a', 'b', 'label' .* text_column"),
        (["text", "body", "label"], (None, None), "text_column"),
        (["text", "label"], ("txet", None), "text_column='txet' is no column of the data; did you mean text"),
        (["text", "label"], ("label", None), "cannot be both"),
    ],
)
def test_which_columns(columns: list[str], chosen: tuple[str | None, str | None], message: str | None) -> None:
    table = pd.DataFrame({name: ["x", "y"] if i else ["one", "two"] for i, name in enumerate(columns)})
    if message is None:
        assert [row.text for row in rows(labelled_table(table, *chosen))] == ["one", "two"]
    else:
        with pytest.raises(UsageError, match=message):
            labelled_table(table, *chosen)


def test_columns_of_training_are_remembered(model: TextClassifier) -> None:
    table = pl.DataFrame({"text": TEXTS, "body": ["x"] * 4, "label": LABELS})
    assert [row.text for row in rows(labelled_table(table, "text", "gone", remembered=True))] == TEXTS
    with pytest.raises(UsageError, match="label_column='gone'"):
        labelled_table(table, "text", "gone")
    assert list(texts_of(table, "gone", "text")) == TEXTS
    assert model.predict(table) == model.predict(TEXTS)  # it was trained on a column `text`
    with pytest.raises(UsageError, match="text_column"):
        list(texts_of(table))


def test_one_splits_columns_bind_the_other() -> None:
    given = {"train": pd.DataFrame({"text": TEXTS, "label": LABELS}), "test": pd.DataFrame({"id": [1], "text": ["a"]})}
    with pytest.raises(DataError, match="test has no column 'label'; it has 'id', 'text'"):
        labelled_table(given, None, None)
    with pytest.raises(UsageError, match="two columns have the same name"):
        labelled_table(pd.DataFrame([["a", "b", "c"]], columns=["text", "text", "label"]), None, None)
    with pytest.raises(UsageError, match="two are the validation split"):
        labelled_table({"train": given["train"], "dev": given["train"], "val": given["train"]}, None, None)


def test_columns_are_of_one_length() -> None:
    calls: list[tuple[Callable[[], object], str]] = [
        (
            lambda: paired_table({"source": TEXTS[:3], "target": TEXTS[:2]}, None, None, None),
            "'source' .* 2 .*'target'",
        ),
        (
            lambda: labelled_table({"text": TEXTS, "label": LABELS[:3]}, None, None),
            "4 values of 'text' but 3 .*'label'",
        ),
        (
            lambda: labelled_table(
                {"text": TEXTS, "a": [1] * 4, "b": iter([0] * 3)}, None, None, label_columns=["a", "b"]
            ),
            "4 values of 'text' but 3 values of 'b'",
        ),
        (
            lambda: paired_table(
                {"train": {"source": TEXTS, "target": TEXTS}, "test": {"source": TEXTS, "target": TEXTS[:1]}},
                None,
                None,
                None,
            ),
            "^test: there are 4 values of 'source' but 1",
        ),
    ]
    for call, message in calls:
        with pytest.raises(DataError, match=message):
            call()


def test_columns_are_chosen_whatever_the_spaces_around_their_names() -> None:
    table = pd.DataFrame({"id": [1, 2], " Text ": ["one", "two"], "Label ": ["p", "n"]})
    wanted = [Example("one", "p"), Example("two", "n")]
    assert rows(labelled_table(table, None, None)) == wanted
    assert rows(labelled_table(table, "Text", "Label")) == wanted
    assert rows(document_table(table, "gone", remembered=True)) == ["one", "two"]


def test_lists_of_labels_are_arrays_in_some_libraries() -> None:
    given = [[1, 2], [], [3], [2]]
    for labels in (
        [np.array(row, int) for row in given],
        pd.Series([np.array(row, int) for row in given]),
        pl.Series(given),
        pa.array(given),
        datasets.Dataset.from_dict({"x": given}).with_format("numpy")["x"],
    ):
        dataset = dataset_from_lists(TEXTS, labels)
        assert dataset.label_type == "int"
        assert [row.label for row in rows(dataset)] == [("1", "2"), (), ("3",), ("2",)]


def test_what_arrow_holds_may_be_no_text() -> None:
    column = pa.array([b"fine", b"caf\xe9"]).cast(pa.binary()).view(pa.string())
    for call in (lambda: dataset_from_texts(column), lambda: dataset_from_lists(["a", "b"], column)):
        with pytest.raises(DataError, match=r"b'caf\\xe9' is not UTF-8"):
            call()


NO_TEXTS = [
    None,
    float("nan"),
    pd.NA,
    pd.NaT,
    np.nan,
    b"bytes",
    3,
    3.5,
    ["a"],
    pd.Series(["a", "b"]),
    "half \ud83d of one",
]


@pytest.mark.parametrize("value", NO_TEXTS, ids=[type(value).__name__ for value in NO_TEXTS])
def test_what_is_no_text_is_named_by_its_row(value: Any, model: TextClassifier) -> None:
    given = ["a", "b", value]
    calls: list[Callable[[], object]] = [
        lambda: model.predict(given),
        lambda: model.predict(iter(given)),
        lambda: model.predict_proba(pd.Series(given, dtype=object)),
        lambda: list(model.predict_stream(given)),
        lambda: model.evaluate(given, ["positive"] * 3),
        lambda: TextClassifier().fit(given, ["x", "y", "x"]),
        lambda: TextGenerator().fit(given),
    ]
    for call in calls:
        with pytest.raises(DataError, match=r"^text 2 ") as caught:
            call()
        assert "\n" not in str(caught.value)
    for one, other, side in ((given, ["a"] * 3, "source"), (["a"] * 3, given, "target")):
        with pytest.raises(DataError, match=rf"^{side} 2 "):
            Translator().fit(one, other)
    with pytest.raises(DataError, match=r"^test: text 2 "):
        labelled_table(
            {"train": {"text": TEXTS, "label": LABELS}, "test": {"text": given, "label": LABELS[:3]}}, None, None
        )


NO_LABELS = [None, float("nan"), pd.NA, pd.NaT, "", " ", b"x", {"a": 1}]


@pytest.mark.parametrize("value", NO_LABELS, ids=[type(value).__name__ for value in NO_LABELS])
def test_a_missing_label_is_named_by_its_row(value: Any, model: TextClassifier) -> None:
    for make in (list, iter, lambda values: pd.Series(values, dtype=object)):
        with pytest.raises(DataError, match="text 1"):
            TextClassifier().fit(TEXTS[:3], make(["p", value, "n"]))
        with pytest.raises(DataError, match="text 1"):
            model.evaluate(TEXTS[:2], make(["positive", value]))


def test_missing_labels_of_frames() -> None:
    for frame in (
        pd.DataFrame({"text": TEXTS, "label": [1, None, 2, 1]}),
        pd.DataFrame({"text": TEXTS, "label": pd.array([1, None, 2, 1], "Int64")}),
        pl.DataFrame({"text": TEXTS, "label": [1, None, 2, 1]}),
        pa.table({"text": TEXTS, "label": [1, None, 2, 1]}),
        datasets.Dataset.from_dict({"text": TEXTS, "label": [1, None, 2, 1]}),
    ):
        with pytest.raises(DataError, match="text 1: there is no label"):
            TextClassifier().fit(data=frame)


def test_labels_are_one_whatever_spaces_or_unicode_form(caplog: pytest.LogCaptureFixture) -> None:
    apart = unicodedata.normalize("NFD", "é")
    with caplog.at_level(logging.WARNING, "nlpkit"):
        dataset = dataset_from_lists(TEXTS, [" p", "é", "p", apart])
    assert [row.label for row in rows(dataset)] == ["p", "é", "p", "é"]
    assert caplog.messages == ["labels that differ only in spaces or in Unicode's forms are one: é"]


NO_LISTS: list[tuple[Any, str]] = [
    (None, "a list of texts, not None"),
    (3, "a list of texts, not 3"),
    ("one", "a list of texts, not one string"),
    (b"one", "a list of texts, not b'one'"),
    ({"a": "b"}, "a list of texts, not a dict"),
    ({"a", "b"}, "a list of texts, not a set"),
    (np.array([["a"], ["b"]]), "not an array of 2 dimensions"),
    (np.array("a"), "not an array of 0 dimensions"),
    (pd.DataFrame({"a": ["x"], "b": ["y"]}), "columns 'a', 'b'"),
    (pl.LazyFrame({"text": ["x"]}), "not a LazyFrame"),
    (datasets.DatasetDict({"train": datasets.Dataset.from_dict({"text": ["a"]})}), "not a DatasetDict"),
]


@pytest.mark.parametrize(("given", "message"), NO_LISTS, ids=[said for _, said in NO_LISTS])
def test_what_is_no_list_of_texts(given: Any, message: str, model: TextClassifier) -> None:
    for call in (model.predict, model.predict_proba, model.predict_stream):
        with pytest.raises(UsageError, match=message) as caught:
            call(given)
        assert "\n" not in str(caught.value)


def test_a_stream_stays_one(model: TextClassifier) -> None:
    """Texts are checked as they come, so that those of a stream without an end are answered."""
    asked = 0

    def endless() -> Iterable[str]:
        nonlocal asked
        while True:
            asked += 1
            yield "a lovely day"

    answers = model.predict_stream(endless())
    assert next(answers).shape == (2,)
    assert asked < 100_000


def test_what_cannot_be_meant() -> None:
    table = pd.DataFrame({"text": TEXTS, "label": LABELS})
    for call, message in (
        (lambda: TextClassifier().fit(TEXTS, LABELS, data="reviews"), "texts and labels, or data, not both"),
        (lambda: TextClassifier().fit(TEXTS), "one label for each text"),
        (lambda: TextClassifier().fit(table), "give a table that holds both as data"),
        (lambda: TextClassifier().fit(data=3), "data is 3; give a path"),
        (lambda: TextClassifier().fit(data=[TEXTS, LABELS]), "data is a list; give a path"),
        (lambda: TextClassifier().fit(data={}), "label_column"),
        (lambda: TextClassifier().fit(data={"unsupervised": table}), "is a split; call one train"),
        (lambda: TextClassifier().fit(data={"test": table}), "no train split to learn from; it has test"),
        (lambda: TextClassifier().fit(data={"dev": table}), "no train split to learn from; it has validation"),
        (lambda: Translator().fit(TEXTS), "one target for each source"),
        (lambda: TextGenerator().fit(cast(Any, 3)), "a list of texts, not 3"),
        (lambda: TextClassifier().fit(data="nowhere.csv", resume=True), "resume .* checkpoint"),
        (lambda: Translator().fit(data="nowhere.csv", resume=True), "resume .* checkpoint"),
        (lambda: TextGenerator().fit(data="nowhere.csv", resume=True), "resume .* checkpoint"),
    ):
        with pytest.raises(UsageError, match=message):
            call()
    with pytest.raises(DataError, match="4 texts but 3 labels"):
        TextClassifier().fit(iter(TEXTS), iter(LABELS[:3]))
    assert not is_held(Path("x"), texts=None)


def test_evaluating_what_a_program_holds(model: TextClassifier) -> None:
    held_out = made_reviews(100, seed=9)
    texts, labels = zip(*held_out, strict=True)
    assert model.metadata["label_type"] == "str"
    wanted = model.evaluate(list(texts), list(labels)).to_dict()
    assert wanted["accuracy"] >= 0.97
    frame = pd.DataFrame({"label": labels, "review": texts}, index=range(100, 0, -1))
    for given in (frame, pl.from_pandas(frame), {"test": frame, "train": frame[:2]}):
        assert model.evaluate(data=given).to_dict() == wanted
    assert model.evaluate(iter(texts), pa.array(labels)).to_dict() == wanted
    with pytest.raises(DataError, match="'mixed'"):
        model.evaluate(frame["review"], ["mixed"] * 100)
    with pytest.raises(UsageError, match="no split 'test'"):
        model.evaluate(texts, labels, split="test")


@pytest.mark.slow
def test_training_on_a_frame(tmp_path: Path) -> None:
    """Labels that were integers come back as such; a run in a folder that is named by a string; and draws of the
    program's own go on as if nothing had been trained."""
    import keras
    import tensorflow as tf

    rated = [(text, {"positive": 5, "negative": 1}[label]) for text, label in made_reviews(240)]
    frame = pd.DataFrame(rated, columns=["review", "stars"]).sample(frac=1, random_state=1)  # its index is shuffled too
    small: dict[str, Any] = {
        "vocab_size": 400,
        "units": 12,
        "embedding_size": 12,
        "batch_tokens": 512,
        "learning_rate": 0.02,
    }

    def draws() -> list[float]:
        return [random.random(), np.random.rand(), *(float(d.uniform(())) for d in (tf.random, keras.random))]

    keras.utils.set_random_seed(7)
    before = draws(), draws()
    keras.utils.set_random_seed(7)
    assert draws() == before[0]
    model = TextClassifier(epochs=2, **small)
    model.fit(
        data={"train": frame[40:], "test": frame[:40]},
        checkpoint=str(tmp_path / "run"),
        tensorboard=str(tmp_path / "logs"),
    )
    model.network()
    assert draws() == before[1]

    assert (tmp_path / "run" / "state.npz").is_file()
    assert (tmp_path / "logs" / "validation").is_dir()
    assert model.metadata["label_type"] == "int"
    assert model.recipe.data.source == "texts in memory"
    assert model.reports["test"].examples == 40
    model.save(tmp_path / "bundle")
    again = nlpkit.load(tmp_path / "bundle")
    assert isinstance(again, TextClassifier)
    assert again.metadata["label_type"] == "int"
    assert again.predict(frame) == model.predict(frame["review"].tolist())
    assert again.evaluate(frame["review"], frame["stars"]).examples == 240


def test_a_model_answers_in_another_process(model: TextClassifier) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(model.predict, pd.Series(TEXTS)).result() == model.predict(TEXTS)
