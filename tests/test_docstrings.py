"""The examples of docstrings run, on models of this name, and give what they say."""

import doctest
import shutil
from importlib import import_module
from pathlib import Path

import pytest

import nlpkit
from tests.test_older_bundles import BUNDLES

MODELS = {"reviews": "classification", "numbers": "generation", "numbers-en-de": "translation"}
MODULES = {
    "nlpkit": 2,
    "nlpkit.recipe": 2,
    "nlpkit.tasks": 1,
    "nlpkit.tasks.base": 10,
    "nlpkit.tasks.text": 1,
    "nlpkit.tasks.classification.classifier": 9,
    "nlpkit.tasks.generation.generator": 8,
    "nlpkit.tasks.translation.translator": 8,
}


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_say(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, task in MODELS.items():
        shutil.copytree(BUNDLES / task, tmp_path / "models" / name)
    (tmp_path / "lines.txt").write_text("a lovely day\nso dull\n")
    (tmp_path / "lines.csv").write_text("text,label\na lovely day,positive\nso dull,negative\n")
    monkeypatch.chdir(tmp_path)
    models = {
        "classifier": nlpkit.load("models/reviews"),
        "generator": nlpkit.load("models/numbers"),
        "model": nlpkit.load("models/reviews"),
        "translator": nlpkit.load("models/numbers-en-de"),
    }
    found = doctest.testmod(import_module(module), extraglobs={"nlpkit": nlpkit, **models})
    assert found.failed == 0
    assert found.attempted >= MODULES[module]
