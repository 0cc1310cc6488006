"""Data sets of tensorflow-datasets: prepared ones, read without a network."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from nlpkit.data.catalog import CATALOG, open_labelled
from nlpkit.data.dataset import Example
from nlpkit.data.tfds import open_tfds
from nlpkit.errors import DataError, UsageError
from tests.conftest import SHARED_DATA

Prepare = Callable[..., Path]

IMDB_ROWS = {
    "train": [(b"bad<br />film", 0), (b"caf\xc3\xa9, good", 1)],
    "test": [(b"dull", 0)],
    "unsupervised": [(b"no label", -1)],
}


@pytest.fixture(scope="session", autouse=True)
def _tensorflow_datasets() -> None:
    """Imports TFDS, which reads TFDS_DATA_DIR once, with the value that other tests of this process rely on."""
    with pytest.MonkeyPatch.context() as patch:
        if (SHARED_DATA / "tfds").is_dir():
            patch.setenv("TFDS_DATA_DIR", str(SHARED_DATA / "tfds"))
        import tensorflow_datasets  # noqa: F401


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for prepared data, and no network."""

    def no_network(*_: object) -> None:
        raise socket.gaierror("no name resolves here")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    # the variable is read at TFDS' import, so it is set here where it was read to
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def prepare(data_dir: Path) -> Prepare:
    """Writes splits as TFDS prepares them: rows of a text and a label's number."""

    def write(splits: dict[str, list[tuple[bytes, int]]], name: str, config: str, version: str, text: str) -> Path:
        import tensorflow as tf

        folder = data_dir / name / config / version
        folder.mkdir(parents=True)
        infos = []
        for split, rows in splits.items():
            infos.append({"name": split, "numBytes": "1", "shardLengths": [str(len(rows))]})
            infos[-1]["filepathTemplate"] = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
            with tf.io.TFRecordWriter(str(folder / f"{name}-{split}.tfrecord-00000-of-00001")) as file:
                for index, (words, label) in enumerate(rows):
                    feature = {
                        text: tf.train.Feature(bytes_list=tf.train.BytesList(value=[words])),
                        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                        "idx": tf.train.Feature(int64_list=tf.train.Int64List(value=[index])),
                    }
                    file.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
        info: dict[str, Any] = {"name": name, "configName": config, "version": version, "splits": infos}
        (folder / "dataset_info.json").write_text(json.dumps(info | {"fileFormat": "tfrecord"}))
        return folder

    return write


@pytest.fixture
def imdb(prepare: Prepare) -> Path:
    return prepare(IMDB_ROWS, "imdb_reviews", "plain_text", "1.0.0", "text")


def test_imdb(imdb: Path) -> None:
    dataset = open_labelled("imdb")
    assert set(dataset.splits) == {"train", "test"}  # what has no label is not a split
    for _ in range(2):
        assert list(dataset.read("train")) == [Example("bad<br />film", "negative"), Example("café, good", "positive")]
    assert list(dataset.read("test")) == [Example("dull", "negative")]


@pytest.mark.parametrize("source", ["tfds:imdb_reviews", "tfds:imdb_reviews/plain_text"])
def test_any_set_by_name_has_its_own_labels(imdb: Path, source: str) -> None:
    assert [label for _, label in open_labelled(source).read("train")] == ["neg", "pos"]


def test_features_and_splits_of_another_set(prepare: Prepare) -> None:
    rows = {"train": [(b"fine", 1)], "validation": [(b"poor", 0)], "test": [(b"hidden", -1)]}
    prepare(rows, "glue", "sst2", "2.0.0", "sentence")
    dataset = open_labelled("tfds:glue/sst2")
    assert list(dataset.read("train")) == [Example("fine", "positive")]
    assert list(dataset.read("validation")) == [Example("poor", "negative")]
    with pytest.raises(DataError, match="glue/sst2: a row of the split test has no label"):
        list(dataset.read("test"))


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("tfds:glue/mrpc", {}, "sentence1, sentence2; name one with --text-column"),
        ("tfds:imdb_reviews", {"text_column": "txt"}, "it has text; name one with --text-column"),
        ("tfds:imdb_reviews", {"label_column": "text"}, "it has label; name one with --label-column"),
        ("tfds:tiny_shakespeare", {}, "ClassLabel is not clear; it has none"),
        ("tfds:imdb_review", {}, "called imdb_review; did you mean imdb_reviews?"),
    ],
)
def test_what_is_not_clear_is_said_before_any_download(
    data_dir: Path, source: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        open_labelled(source, **options)  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert list(data_dir.iterdir()) == []


@pytest.mark.parametrize("name", ["imdb_reviews/plain_txt", "../x"])
def test_names_that_tfds_cannot_open(data_dir: Path, name: str) -> None:
    with pytest.raises(DataError, match="tensorflow-datasets cannot open") as caught:
        open_tfds(name)
    assert "\n" not in str(caught.value)


def test_a_text_feature_that_is_named(prepare: Prepare) -> None:
    prepare({"train": [(b"fine", 1)]}, "imdb_reviews", "plain_text", "1.0.0", "text")
    dataset = open_labelled("tfds:imdb_reviews", text_column="text", label_column="label")
    assert list(dataset.read("train")) == [Example("fine", "pos")]


def test_without_data_and_network(data_dir: Path) -> None:
    assert not CATALOG["imdb"].ready()
    with pytest.raises(DataError) as caught:
        open_labelled("imdb")
    for words in ("no network", "TFDS_DATA_DIR", "--data reviews", "your own file"):
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_download_that_fails(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("checksum\nmismatch")

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    monkeypatch.setattr("tensorflow_datasets.core.DatasetBuilder.download_and_prepare", fail)
    with pytest.raises(DataError, match=r"could not be downloaded: checksum; set TFDS_DATA_DIR .* --data reviews"):
        open_labelled("imdb")


def test_prepared_data_is_ready(imdb: Path) -> None:
    assert CATALOG["imdb"].ready()


def test_fingerprint_follows_the_prepared_files(imdb: Path) -> None:
    first = open_labelled("imdb").fingerprint
    assert open_labelled("imdb").fingerprint == first
    assert open_labelled("tfds:imdb_reviews").fingerprint != first  # other labels
    shard = imdb / "imdb_reviews-test.tfrecord-00000-of-00001"
    shard.write_bytes(shard.read_bytes()[::-1])
    assert open_labelled("imdb").fingerprint != first


@pytest.mark.parametrize("damage", ["cut short", "gone"])
def test_damaged_prepared_files(imdb: Path, damage: str) -> None:
    shard = imdb / "imdb_reviews-train.tfrecord-00000-of-00001"
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"imdb_reviews: its prepared files in .* cannot be read") as caught:
        list(open_labelled("imdb").read("train"))
    assert "\n" not in str(caught.value)


def test_the_variable_names_the_folder_and_nothing_is_printed(imdb: Path, data_dir: Path) -> None:
    """In a process of its own: the variable counts from the import on, and TensorFlow greets at its import."""
    code = "from nlpkit.data.catalog import open_labelled; print(len(list(open_labelled('imdb').read('train'))))"
    environment = os.environ | {"TFDS_DATA_DIR": str(data_dir)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_importing_the_catalog_imports_no_framework() -> None:
    code = (
        "import sys, nlpkit.data.catalog; "
        "print([name for name in ('tensorflow', 'keras', 'tensorflow_datasets', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_real_imdb(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (SHARED_DATA / "tfds").is_dir():
        pytest.skip("needs the prepared IMDB reviews in ../shared/data/tfds")
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(SHARED_DATA / "tfds"))
    dataset = open_labelled("imdb")
    examples = list(islice(dataset.read("train"), 200))
    assert examples[0].text.startswith("This was an absolutely terrible movie.")
    assert {example.label for example in examples} == {"negative", "positive"}
    assert any("<br />" in example.text for example in examples)  # as they are: the recipe says what becomes of it
    assert list(islice(dataset.read("train"), 200)) == examples  # the order is the files'
