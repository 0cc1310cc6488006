"""Fixtures: data made by code, a cache of the tests' own, and the installed command."""

import csv
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import browsing

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLPKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("COLUMNS", "120")
        patch.delenv("KERAS_BACKEND", raising=False)
        yield


@pytest.fixture(scope="session")
def tfds_data() -> Iterator[Path]:
    """The prepared TFDS data, where this machine has it."""
    folder = SHARED_DATA / "tfds"
    if not folder.is_dir():
        pytest.skip("needs the prepared IMDB reviews in ../shared/data/tfds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(folder))
        if "tensorflow_datasets" in sys.modules:  # which read it as it was imported
            patch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(folder))
        yield folder


FILLER = ("the", "film", "was", "shown", "on", "a", "rainy", "day", "and", "we", "all", "went", "with", "friends")


def made_reviews(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Reviews whose label follows from one of their words, wherever it stands."""
    rng = random.Random(seed)
    words = {"negative": ["dull", "awful", "tedious"], "positive": ["lovely", "superb", "moving"]}
    rows = []
    for i in range(count):
        label = ("negative", "positive")[i % 2]
        text = rng.choices(FILLER, k=rng.randint(2, 30))
        text.insert(rng.randrange(len(text) + 1), rng.choice(words[label]))
        rows.append((" ".join(text), label))
    return rows


def write_csv(path: Path, rows: Sequence[tuple[str, ...]], header: tuple[str, ...] = ("text", "label")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="session")
def reviews_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "made.csv", made_reviews(400))


@pytest.fixture(scope="session")
def nlpkit() -> Command:
    """Runs the installed command as a user would: `nlpkit("predict", "a text", cwd=folder)`."""
    command = Path(sys.executable).with_name("nlpkit")

    def run(*arguments: str | Path, stdin: str | bytes = "", **options: object) -> subprocess.CompletedProcess[str]:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        environment = os.environ | {"PYTHONFAULTHANDLER": "1"} | dict(options.pop("env", {}))  # type: ignore[call-overload]
        most = options.pop("timeout", 400)
        words, pipe = [command, *arguments], subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, **options) as process:  # type: ignore[call-overload]
            try:
                out, talk = process.communicate(given, timeout=most)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)  # which has it tell where it stood
                pytest.fail(f"{arguments} did not end; {process.communicate()[1].decode()}")
        return subprocess.CompletedProcess(words, process.returncode, out.decode(), talk.decode())

    return run


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a window, for the tests of a file."""
    with browsing(tmp_path_factory.mktemp("downloads")) as found:
        yield found


SMALL = (
    "tokenizer.vocab_size=400",
    "model.units=16",
    "model.embedding_size=16",
    "model.embedding_dropout=0.1",
    "model.output_dropout=0.1",
    "training.batch_tokens=512",
    "training.learning_rate=0.02",
)
"""Settings that make the default recipe learn the made reviews in a second."""


def settings(*more: str) -> list[str]:
    return [word for setting in (*SMALL, *more) for word in ("--set", setting)]


@pytest.fixture(scope="session")
def trained(nlpkit: Command, reviews_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that the command trained on the made reviews, in a folder `models` of its own."""
    folder = tmp_path_factory.mktemp("trained")
    done = nlpkit("train", "sentiment", "--data", reviews_csv, "--epochs", "6", *settings(), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "models" / "sentiment-made"
