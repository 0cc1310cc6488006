"""Data made ready for training: split, tokenized on the training part, cached by content."""

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from nlpkit.data.batching import plan_epoch
from nlpkit.data.cache import cache_folder, cached
from nlpkit.data.catalog import open_labelled
from nlpkit.data.dataset import Dataset, Example, dataset_from_lists
from nlpkit.data.notes import recorded, tell_once
from nlpkit.errors import DataError
from nlpkit.recipe import Recipe, load_recipe
from nlpkit.tasks.classification.corpus import prepare, split_indexes
from nlpkit.tasks.classification.recipe import ClassificationRecipe
from tests.conftest import made_reviews, write_csv

TEXTS, LABELS = map(list, zip(*made_reviews(200), strict=True))


def recipe(*settings: str) -> ClassificationRecipe:
    return typed(load_recipe("sentiment", ["tokenizer.vocab_size=400", *settings]))


def typed(loaded: Recipe) -> ClassificationRecipe:
    assert isinstance(loaded, ClassificationRecipe)
    return loaded


@pytest.mark.slow
def test_little_of_what_is_computed_on_imdb_is_padding(tfds_data: Path) -> None:
    chosen = typed(load_recipe("sentiment", flags={"data.source": "imdb"}))
    corpus = prepare(open_labelled("imdb"), chosen).train
    lengths = np.minimum(corpus.lengths(), chosen.tokenizer.max_length)
    section = chosen.training
    batches = plan_epoch(lengths, section.batch_size, section.batch_tokens, np.random.default_rng(0))
    assert 1 - lengths.sum() / sum(batch.shape_rows * batch.width for batch in batches) < 0.05


def test_validation_is_stratified_and_seeded() -> None:
    labels = np.array([0] * 900 + [1] * 90 + [2] * 2 + [3])
    train, validation = split_indexes(labels, 0.1, None, seed=1)
    assert np.bincount(labels[validation], minlength=4).tolist() == [90, 9, 1, 0]
    assert sorted([*train, *validation]) == list(range(len(labels)))
    assert split_indexes(labels, 0.1, None, seed=1)[1].tolist() == validation.tolist()
    assert split_indexes(labels, 0.1, None, seed=2)[1].tolist() != validation.tolist()
    train, validation = split_indexes(labels, 0.1, 100, seed=1)
    assert len(train) + len(validation) == 100


def test_prepared_data_is_what_was_given() -> None:
    prepared = prepare(dataset_from_lists(TEXTS, LABELS), recipe())
    assert prepared.labels == ("negative", "positive")
    seen = {}
    for corpus in (prepared.train, prepared.validation):
        for row in range(len(corpus)):
            assert prepared.tokenizer.decode(corpus.row(row)) == corpus.text(row)
            seen[corpus.text(row)] = prepared.labels[corpus.labels[row]]
    assert seen == dict(zip(TEXTS, LABELS, strict=True))
    assert len(prepared.validation) == 20
    assert isinstance(prepared.train.ids, np.memmap)


def test_the_tokenizer_sees_the_training_split_only() -> None:
    # each text has a character of its own, which only what was held out can lack
    texts = [f"{chr(0x4E00 + i)} text" for i in range(200)]
    settings = recipe("tokenizer.byte_fallback=false", "tokenizer.kind=char")
    prepared = prepare(dataset_from_lists(texts, LABELS), settings)
    assert all(1 not in prepared.train.row(row) for row in range(len(prepared.train)))
    assert all(1 in prepared.validation.row(row) for row in range(len(prepared.validation)))


def test_a_second_run_reads_no_text() -> None:
    dataset = dataset_from_lists([text + " twice" for text in TEXTS], LABELS)
    first = prepare(dataset, recipe())

    def refuse() -> Iterator[Example]:
        raise AssertionError("read again")

    again = Dataset(dataset.name, {"train": refuse}, dataset.fingerprint)
    second = prepare(again, recipe("tokenizer.max_length=50", "training.epochs=9"))
    np.testing.assert_array_equal(second.train.ids, first.train.ids)
    with pytest.raises(AssertionError, match="read again"):
        prepare(again, recipe("training.seed=2"))


def test_a_failed_preparation_leaves_nothing_behind() -> None:
    dataset = dataset_from_lists(["only one", "label here"], ["x", "x"])
    before = set(cache_folder().iterdir()) if cache_folder().is_dir() else set()
    with pytest.raises(DataError, match="one label"):
        prepare(dataset, recipe())
    assert set(cache_folder().iterdir()) == before


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NLPKIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match="NLPKIT_CACHE"):
        prepare(dataset_from_lists(TEXTS, LABELS), recipe())


def test_a_full_disk_under_the_cache_says_so() -> None:
    def full(work: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError, match=r"the disk is full; make room and try again; NLPKIT_CACHE names another"):
        cached({"made": "full"}, full)


def test_what_is_told_is_recorded_by_its_own_thread() -> None:
    inside, done = Event(), Event()

    def other() -> list[str]:
        with recorded() as notes:
            inside.set()
            done.wait(10)
            tell_once("of the other")
        return notes

    with ThreadPoolExecutor(1) as pool:
        with recorded() as outer, recorded() as inner:
            theirs = pool.submit(other)
            inside.wait(10)
            tell_once("of this one")
            tell_once("of this one")
        with recorded() as later:
            done.set()
            assert theirs.result(10) == ["of the other"]
    assert outer == inner == ["of this one"] * 2
    assert later == []


def test_a_split_that_is_there_is_used(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", list(zip(TEXTS, LABELS, strict=True)))
    write_csv(tmp_path / "valid.csv", [("held", "negative"), ("out", "positive")])
    prepared = prepare(open_labelled(str(tmp_path)), recipe())
    assert len(prepared.train) == 200
    assert [prepared.validation.text(row) for row in range(2)] == ["held", "out"]
