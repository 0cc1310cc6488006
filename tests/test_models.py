"""The models that come with the package, and the list of those at hand."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import nlpkit as package
from nlpkit import TextClassifier, TextGenerator
from nlpkit.errors import BundleError
from nlpkit.models import STARTERS, find_model, newest_model, starters

Command = Callable[..., subprocess.CompletedProcess[str]]
_MOST_BYTES = 16_000_000


def test_starters_are_small_whole_and_say_what_they_are() -> None:
    assert {*starters()} == {"dates", "language", "python-docs", "sentiment"}
    assert sum(file.stat().st_size for file in STARTERS.rglob("*") if file.is_file()) < _MOST_BYTES
    for name, folder in starters().items():
        model = package.load(name)  # held to its hashes
        assert model.metadata["weights"] == "int8"
        assert model.metadata["metrics"]
        assert {file.name for file in folder.iterdir()} == {*model.bundle.files, "metadata.json"}
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert f"`{model.recipe.data.source}`" in card
        assert "## Limits" in card


@pytest.mark.parametrize(
    ("arguments", "name", "answer"),
    [
        (["predict", "I loved it", "What a waste of time"], "sentiment", ["positive", "negative"]),
        (["translate", "5 mars 2024", "Dienstag, 31. Dezember 1985"], "dates", ["2024-03-05", "1985-12-31"]),
        (["generate", "--prompt", "def ", "--length", "60", "--seed", "1"], "python-docs", ["def "]),
    ],
)
def test_a_fresh_install_answers(
    nlpkit: Command, tmp_path: Path, arguments: list[str], name: str, answer: list[str]
) -> None:
    done = nlpkit(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"model: {name}, which comes with nlpkit" in done.stderr
    assert len(done.stdout.strip()) > 20
    lines = done.stdout.splitlines()
    assert len(lines) >= len(answer)
    assert all(line.startswith(wanted) for line, wanted in zip(lines, answer, strict=False))
    assert list(tmp_path.iterdir()) == []


def test_what_was_trained_here_comes_first(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "models" / "mine")
    done = nlpkit("predict", "a lovely day", cwd=tmp_path)
    assert "model: models/mine" in done.stderr
    assert "model: dates, which comes" in nlpkit("translate", "5 mars 2024", cwd=tmp_path).stderr
    (tmp_path / "sentiment").mkdir()
    assert find_model(tmp_path / "sentiment") == tmp_path / "sentiment"  # a path that is there wins
    done = nlpkit("predict", "a lovely day", "--model", "sentiment", cwd=tmp_path)
    assert done.returncode == 1
    assert "sentiment is not an nlpkit bundle" in done.stderr


def test_models_are_listed(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "models" / "mine")
    shutil.copytree(trained, tmp_path / "models" / "worn")
    (tmp_path / "models" / "worn" / "model.onnx").write_bytes(b"")
    rows = json.loads(nlpkit("models", "--json", cwd=tmp_path).stdout)
    by_name = {row["model"]: row for row in rows}
    assert [*by_name] == ["models/mine", "models/worn", "dates", "language", "python-docs", "sentiment"]
    assert by_name["models/mine"]["task"] == "classification"
    assert not by_name["models/mine"]["shipped"]
    assert "damaged" in by_name["models/worn"]["error"]
    assert by_name["sentiment"]["shipped"]
    known = package.load("sentiment").metadata["metrics"]["test"]
    assert (by_name["sentiment"]["figure"], by_name["sentiment"]["value"]) == ("accuracy", known["accuracy"])
    shown = nlpkit("models", cwd=tmp_path).stdout
    assert all(name in shown for name in by_name)
    assert max(map(len, shown.splitlines())) <= 120


def test_a_model_that_is_nowhere(nlpkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = nlpkit("predict", "x", "--model", "sentimnt", cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no bundle at sentimnt; `nlpkit models` lists those there are" in done.stderr
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nlpkit.models.STARTERS", tmp_path)
    with pytest.raises(BundleError, match="no classification model under models/"):
        newest_model("classification")


def test_a_starter_is_started_from_by_its_name(nlpkit: Command, tmp_path: Path) -> None:
    assert "dates: 24,000 pairs" in nlpkit("info", "dates", cwd=tmp_path).stdout
    text = tmp_path / "play.txt"
    text.write_text("the king was here, and the queen was not. " * 100)
    options = ["--epochs", "1", "--set", "training.learning_rate=1e-9", "--set", "training.yardstick=false"]
    done = nlpkit("train", "generate", "--data", text, "--from", "python-docs", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "from python-docs: its tokenizer, embedding, stack, logits; new: nothing" in done.stderr
    before, after = (package.load(folder) for folder in ("python-docs", tmp_path / "models" / "generate-play"))
    for layer in ("embedding", "stack", "logits"):
        for one, other in zip(
            *(model.trained_network().get_layer(layer).get_weights() for model in (before, after)), strict=True
        ):
            assert abs(one - other).max() < 1e-6


@pytest.mark.slow
def test_dates_reaches_what_its_card_says() -> None:
    model: Any = package.load("dates")
    report, known = model.evaluate(), model.metadata["metrics"]["test"]
    assert report.exact_match == pytest.approx(known["exact_match"], abs=0.002)
    assert report.exact_match > 0.99


def test_sentiment_says_little_of_a_text_that_says_nothing() -> None:
    model: Any = package.load("sentiment")
    assert abs(model.inspect("a lovely film").figures["score of nothing"]) < 0.3


@pytest.mark.slow
def test_sentiment_reaches_what_its_card_says(tfds_data: Path) -> None:
    model: Any = package.load("sentiment")
    known = model.metadata["metrics"]["test"]
    every_fifth = list(islice(TextClassifier.open_data("imdb").read("test"), 0, None, 5))
    report = model.compare(every_fifth)
    low, high = report.intervals["accuracy"]
    assert low < known["accuracy"] < high
    assert report.accuracy > 0.91


@pytest.mark.slow
def test_python_docs_reaches_what_its_card_says() -> None:
    model: Any = package.load("python-docs")
    ((_, known),) = model.metadata["metrics"].items()
    # the documents of this Python, which may be another than the one that it was trained on, read in training or not
    text = "\n".join(TextGenerator.open_data("python-docs").read("train"))[:200_000]
    assert model.evaluate([text]).nats_per_character < known["nats_per_character"] + 0.1


def test_answers_of_starters_need_no_framework(tmp_path: Path) -> None:
    program = (
        "import sys, nlpkit\n"
        "nlpkit.load('sentiment').predict(['fine']); nlpkit.load('dates').translate(['5 mars 2024'])\n"
        "nlpkit.load('python-docs').generate('The ', length=5)\n"
        "print({'keras', 'tensorflow', 'torch', 'jax', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "set()\n"


@pytest.mark.slow
def test_language_reaches_what_its_card_says(tfds_data: Path) -> None:
    model: Any = package.load("language")
    known = model.metadata["metrics"]["validation"]
    unread = [row.text for row in islice(TextClassifier.open_data("imdb").read("test"), 0, None, 50)]
    assert known["nats_per_character"] < 1.03
    assert model.evaluate(unread).nats_per_character < known["nats_per_character"] + 0.03
