"""Bundles that an older nlpkit made, in `bundles`, open and answer as they did then."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlpkit
from nlpkit.bundle import read_bundle
from nlpkit.errors import BundleError, UsageError
from nlpkit.tasks import task_class

BUNDLES = Path(__file__).parent / "bundles"
ANSWERS = json.loads((BUNDLES / "answers.json").read_text())


def test_a_classifier() -> None:
    model: Any = nlpkit.load(BUNDLES / "classification")
    np.testing.assert_allclose(model.predict_proba(["a lovely day", "so dull"]), ANSWERS["classification"], atol=1e-6)


def test_a_generator() -> None:
    model: Any = nlpkit.load(BUNDLES / "generation")
    text, nats = ANSWERS["generation"]
    assert model.generate("one ", length=30, seed=1) == text
    numbers = "one two three four five six seven eight nine ten " * 60
    assert model.evaluate([numbers]).nats_per_character == pytest.approx(nats, rel=1e-5)


def test_a_translator() -> None:
    model: Any = nlpkit.load(BUNDLES / "translation")
    translations, scores = ANSWERS["translation"]
    assert model.translate(["one two three"]) == translations
    np.testing.assert_allclose(model.score(["one two"], ["eins zwei"]), scores, rtol=1e-5)


@pytest.mark.parametrize("task", ["classification", "generation", "translation"])
def test_the_network_has_the_weights_of_then(task: str) -> None:
    model: Any = nlpkit.load(BUNDLES / task)
    network = model.network()
    parameters = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert parameters == model.metadata["parameters"]
    assert all(np.ptp(np.array(weight)) > 0 for weight in network.trainable_weights if weight.name == "kernel")


def test_the_history_is_that_of_the_training() -> None:
    model: Any = nlpkit.load(BUNDLES / "translation")
    assert len(model.history) == model.metadata["epochs"] == 40
    assert model.history[-1]["seconds"] == pytest.approx(model.metadata["training_seconds"], abs=0.06)
    assert model.exported().history == []


@pytest.mark.parametrize("task", ["classification", "generation", "translation"])
def test_a_tokenizer_of_another_model_is_refused(task: str) -> None:
    bundle = read_bundle(BUNDLES / task)
    bundle.metadata["vocabulary"] += 1
    with pytest.raises(BundleError, match="has not as many pieces as its metadata"):
        task_class(task).from_bundle(bundle)


@pytest.mark.parametrize("name", ["TextClassifier", "TextGenerator", "Translator"])
def test_a_model_that_is_not_trained_says_so(name: str) -> None:
    model: Any = getattr(nlpkit, name)()
    for asked in ("tokenizer", "bundle", "history", "metadata"):
        with pytest.raises(UsageError, match="is not trained yet"):
            getattr(model, asked)
