"""Text to learn to write from: files, folders, tables, and the documentation that Python carries."""

import errno
import gzip
import logging
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlpkit.data.builtin import open_python_docs
from nlpkit.data.catalog import open_documents, task_of
from nlpkit.data.dataset import Dataset, dataset_from_texts
from nlpkit.data.tables import Reading
from nlpkit.errors import DataError, NlpkitError, UsageError
from nlpkit.recipe import load_recipe
from nlpkit.tasks.generation.recipe import GenerationRecipe
from nlpkit.tasks.generation.stream import prepare_stream, token_ids
from nlpkit.tokenizer import BOS, EOS
from tests.conftest import write_csv


def recipe(*settings: str) -> GenerationRecipe:
    loaded = load_recipe("generate", settings)
    assert isinstance(loaded, GenerationRecipe)
    return loaded


def test_a_file_is_a_document(tmp_path: Path) -> None:
    file = tmp_path / "novel.anything"
    file.write_bytes("\ufeffOne.\r\nTwo.\n".encode())
    assert list(open_documents(str(file)).read("train")) == ["One.\nTwo.\n"]


def test_a_folder_is_a_document_a_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name, text in (("b.txt", "second"), ("a.md", "first"), ("deep/c.rst", "third"), ("image.png", "no")):
        (tmp_path / name).write_text(text)
    assert list(open_documents(str(tmp_path)).read("train")) == ["first", "second", "third"]
    assert task_of(str(tmp_path)) == "generation"


def test_a_folder_may_hold_splits(tmp_path: Path) -> None:
    for name in ("train", "validation", "test"):
        (tmp_path / f"{name}.txt").write_text(f"for {name}")
    splits = open_documents(str(tmp_path)).splits
    assert {split: list(read()) for split, read in splits.items()} == {s: [f"for {s}"] for s in splits}
    assert set(splits) == {"train", "validation", "test"}


def test_what_is_beside_the_splits_is_not_trained_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("train.txt", "test.txt", "README.md", "deep/more.txt", "picture.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"in {name}")
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        splits = open_documents(str(tmp_path)).splits
    assert {split: list(read()) for split, read in splits.items()} == {
        "train": ["in train.txt"],
        "test": ["in test.txt"],
    }
    (said,) = caplog.messages
    assert said.startswith(f"{tmp_path}: left out 3 files that are not text files")
    assert "such as README.md" in said
    for name in ("dev.txt", "val.md"):
        (tmp_path / name).write_text("two of one")
    with pytest.raises(UsageError, match=r"dev\.txt and val\.md are both the validation split"):
        open_documents(str(tmp_path))
    (tmp_path / "train.txt").unlink()  # none to train on, so these are names like any
    assert len(list(open_documents(str(tmp_path)).read("train"))) == 5


def test_folders_may_be_the_splits_of_texts(tmp_path: Path) -> None:
    for name in ("train/a.txt", "train/deep/b.txt", "test/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    splits = open_documents(str(tmp_path)).splits
    assert {split: list(read()) for split, read in splits.items()} == {
        "train": ["train/a.txt", "train/deep/b.txt"],
        "test": ["test/c.txt"],
    }


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.txt").write_text("words")
    scan = os.scandir

    def refusing(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match="closed cannot be read: Permission denied"):
        open_documents(str(tmp_path))


def test_lines_that_end_in_carriage_returns_in_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"One.\rTwo.\r")
    (tmp_path / "b.txt").write_bytes(b"50%\r100%\rdone\n")
    assert list(open_documents(str(tmp_path)).read("train")) == ["One.\nTwo.\n", "50%\r100%\rdone\n"]


def test_a_table_is_a_document_a_row(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [("first", "x"), ("", "y"), ("third", "z")], ("body", "title"))
    assert list(open_documents(str(path)).read("train")) == ["first", "third"]
    assert list(open_documents(str(path), text_column="title").read("train")) == ["x", "y", "z"]


def test_a_folder_of_texts_tells_what_it_skips(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.TXT", "deep/b.md", ".hidden.txt", ".git/c.txt", "d.pdf", "deep/e.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "f.txt").write_text("elsewhere")
    for name, folder in (("link", elsewhere), ("again", elsewhere), ("deep/up", tmp_path)):
        (tmp_path / name).symlink_to(folder)
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        texts = list(open_documents(str(tmp_path)).read("train"))
    assert texts == ["a.TXT", "elsewhere", "deep/b.md"]
    (said,) = caplog.messages
    assert said.startswith(f"{tmp_path}: left out 2 files that are not text files")
    assert "d.pdf" in said


def test_encodings_and_compressed_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("Le café\r\nest fermé".encode("cp1252")))
    assert list(open_documents(str(path), reading=Reading("cp1252")).read("train")) == ["Le café\nest fermé"]
    with pytest.raises(DataError, match=r"a\.txt\.gz: byte 7 is not UTF-8 text; .*--encoding"):
        open_documents(str(path))


def test_a_split_without_text_is_refused_when_the_set_is_opened(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("words")
    (tmp_path / "validation.txt").write_text(" \n")
    with pytest.raises(DataError, match=r"validation\.txt has no text in it"):
        open_documents(str(tmp_path))


def test_splits_of_tables(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_csv(tmp_path / "train.csv", [("one", "x"), ("", "y")], ("body", "id"))
    write_csv(tmp_path / "test.csv", [("x", "two")], ("id", "body"))
    (tmp_path / "README.md").write_text("a card")
    dataset = open_documents(str(tmp_path))
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert {split: list(dataset.read(split)) for split in dataset.splits} == {"train": ["one"], "test": ["two"]}
    assert caplog.messages == [f"left out 1 row without text in {tmp_path / 'train.csv'}"]
    assert dataset.columns == {"text": "body"}
    write_csv(tmp_path / "test.csv", [("x", "two")], ("id", "text"))
    with pytest.raises(UsageError, match=r"test\.csv has no column 'body'"):
        open_documents(str(tmp_path))


def test_what_is_no_prose_is_refused(tmp_path: Path) -> None:
    for name, message in (("a.pdf", r"\.pdf files are not read"), ("a.json", "no array of rows")):
        (tmp_path / name).write_text('{"a":\n1}')
        with pytest.raises(NlpkitError, match=message):
            open_documents(str(tmp_path / name))


def test_labelled_data_gives_its_texts() -> None:
    texts = open_documents("rotten-tomatoes")
    assert sum(1 for _ in texts.read("train")) == 8_530
    assert task_of("rotten-tomatoes") == "classification"


def test_python_docs_are_the_library_s_own() -> None:
    dataset = open_python_docs()
    documents = list(dataset.read("train"))
    assert len(documents) > 300
    assert sum(map(len, documents)) > 1_000_000
    assert any("The *try* statement" in text or 'The "try" statement' in text for text in documents)
    assert any("Read and write ZIP files." in text for text in documents)  # zipfile's own docstring
    lines = [line for text in documents for line in text.split("\n")]
    assert not any(line.rstrip() != line or line.lstrip().startswith(("|", "+--")) for line in lines)
    assert dataset.fingerprint == open_python_docs().fingerprint


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"caf\xe9", r"byte 4 is not UTF-8"), (b"a\0b", "zero bytes"), (b"", "has no text"), (b" \n\t", "has no text")],
)
def test_files_that_are_not_text(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        prepare_stream(open_documents(str(file)), recipe())


def test_names_that_mean_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("words")
    for source, column, message in (
        ("python-dcos", None, "did you mean python-docs"),
        ("no/such.txt", None, "there is no file or folder at no/such.txt"),
        (str(tmp_path / "empty"), None, "holds no text files"),
        (str(tmp_path / "a.txt"), "text", "no columns to choose from"),
        ("python-docs", "text", "no columns to choose from"),
        ("tfds:", None, "needs a name"),
    ):
        with pytest.raises(UsageError, match=message):
            open_documents(source, text_column=column)


def test_the_ids_spell_the_text() -> None:
    text = "Some words,\n\tand a long tail of them. " * 6000  # more than is tokenized at a time
    for kind in ("char", "bpe"):
        prepared = prepare_stream(
            dataset_from_texts([text]), recipe(f"tokenizer.kind={kind}", "tokenizer.vocab_size=400")
        )
        assert (
            prepared.tokenizer.decode(prepared.train.ids) + prepared.tokenizer.decode(prepared.validation.ids) == text
        )
        assert prepared.train.characters + prepared.validation.characters == len(text)
        whole = prepared.tokenizer.encode([text[: prepared.train.characters]])[0]
        np.testing.assert_array_equal(prepared.train.ids, whole)  # wherever it was cut


def test_documents_apart_have_a_beginning_and_an_end() -> None:
    prepared = prepare_stream(dataset_from_texts(["one two. " * 9, "three. " * 9]), recipe("data.documents=apart"))
    ids = np.concatenate(list(token_ids(prepared.tokenizer, ["one", "three"], apart=True)))
    assert [i for i in ids.tolist() if i in (BOS, EOS)] == [BOS, EOS, BOS, EOS]
    assert (ids[0], ids[4]) == (BOS, EOS)
    assert prepared.tokenizer.decode(ids) == "onethree"


def test_validation_is_the_end_of_one_text(tfds_data: Path) -> None:
    text = next(open_documents("tiny_shakespeare").read("train"))
    prepared = prepare_stream(dataset_from_texts([text]), recipe())
    assert prepared.tokenizer.decode(prepared.validation.ids) == text[round(len(text) * 0.9) :]


def test_common_phrases_are_counted_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    train = "".join(f"Line {i} tells of the {i * 7919 % 1000} days that it took to come here. " for i in range(400))
    other = "".join(f"Row {i} is of another book, of {i * 104_729 % 997} pages in all. " for i in range(400))
    for part, told in ((train[2_000:2_250], False), (train[2_000:4_000], True)):
        caplog.clear()
        splits = {"train": partial(iter, [train]), "test": partial(iter, [other + part])}
        facts = prepare_stream(Dataset("made", splits, f"repeats {len(part)}"), recipe()).facts
        assert 0 < facts.repeated["test"] <= len(part)
        assert facts.characters["test"] == len(other) + len(part)
        assert ("stand in train, too" in caplog.text) == told
