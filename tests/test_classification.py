"""The classifier as a Python program uses it."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import nlpkit
from nlpkit import TextClassifier
from nlpkit.data.dataset import dataset_from_lists
from nlpkit.errors import DataError, UsageError
from nlpkit.runtime.session import Session
from nlpkit.tasks.classification.answering import plan_batches
from nlpkit.tasks.classification.report import ClassificationReport
from nlpkit.training.progress import TrainingDisplay
from tests.conftest import made_reviews, write_csv
from tests.task_checks import (
    check_batch_equals_single,
    check_copies_and_threads_answer_alike,
    check_overfits_eight_examples,
    check_padding_changes_nothing,
    check_reloads_identically,
    check_resumes_to_the_same_weights,
    check_same_seed_same_history,
)

SMALL: dict[str, Any] = {
    "vocab_size": 400,
    "units": 12,
    "embedding_size": 12,
    "embedding_dropout": 0.1,
    "output_dropout": 0.1,
    "batch_tokens": 512,
    "learning_rate": 0.02,
}
TEXTS, LABELS = map(list, zip(*made_reviews(240), strict=True))
LONG = " ".join(["a lovely day"] * 300)


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    return TextClassifier(epochs=6, **SMALL).fit(TEXTS, LABELS)


def small(**settings: Any) -> TextClassifier:
    return TextClassifier(**(SMALL | settings))


def test_overfits_eight_examples() -> None:
    texts = ["red apple", "green leaf", "blue sky", "black cat", "grey wolf", "white snow", "pink rose", "gold ring"]
    labels = ["x", "y"] * 4
    model = small(epochs=12, seed=3, validation_fraction=0.25).fit(texts * 4, labels * 4)
    check_overfits_eight_examples(model.predict, texts, labels)


def test_learns_a_word_anywhere_in_the_text(model: TextClassifier) -> None:
    held_out = made_reviews(100, seed=9)
    report = model.evaluate([text for text, _ in held_out], [label for _, label in held_out])
    assert isinstance(report, ClassificationReport)
    assert report.accuracy >= 0.97
    assert report.examples == 100


def test_reloads_identically(model: TextClassifier, tmp_path: Path) -> None:
    check_reloads_identically(model, lambda it: it.predict_proba([*TEXTS[:20], LONG, ""]), tmp_path)


def test_copies_and_threads_answer_alike(model: TextClassifier) -> None:
    check_copies_and_threads_answer_alike(model, lambda it: it.predict_proba([*TEXTS[:40], LONG, ""]))


def test_batch_equals_single(model: TextClassifier) -> None:
    check_batch_equals_single(model.predict_proba, [*TEXTS[:12], LONG, "", "🙂 unseen 文字"])


def test_many_texts_are_answered_in_large_batches_as_each_alone(
    model: TextClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlpkit.tasks.classification.answering.cores", lambda: 2)
    texts = [text for text, _ in made_reviews(1_500, seed=5)]
    batches: list[int] = []
    run = Session.run

    def counted(session: Session, *inputs: np.ndarray) -> list[np.ndarray]:
        batches.append(len(inputs[0]))
        return run(session, *inputs)

    monkeypatch.setattr(Session, "run", counted)
    together = model.predict_proba(texts)
    assert len(batches) >= 8  # so that no core is left without work
    assert sum(batches) == len(texts)
    assert np.median(batches) >= 32
    alone = np.concatenate([model.predict_proba(texts[at : at + 20]) for at in range(0, len(texts), 20)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_batches_are_large_where_the_model_has_a_loop_and_the_texts_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpkit.tasks.classification.answering.cores", lambda: 2)

    def rows(many_rows: int | None, texts: int, length: int, labels: int = 2) -> set[int]:
        session = cast(Session, SimpleNamespace(many_rows=many_rows, shape=lambda _: ["batch", labels]))
        return {len(batch) for batch in plan_batches(session, [length] * texts)}

    assert rows(32, 1_280, 256) == {128}
    assert rows(32, 3_200, 1_024) == {64}  # of so long ones fewer
    assert rows(32, 200, 256) == {8}  # four batches a core would have fewer rows than the loop wants
    assert rows(None, 1_280, 256) == {8}
    assert rows(32, 1_280, 256, labels=1_024) == {32}  # what n-grams keep for each label takes memory


def test_padding_changes_nothing(model: TextClassifier) -> None:
    check_padding_changes_nothing(model.predict_proba, TEXTS[:8], LONG)


@pytest.mark.slow
def test_same_seed_same_history() -> None:
    # every source of randomness at once
    random: dict[str, Any] = {"word_dropout": 0.1, "recurrent_dropout": 0.1, "sampling": 0.1, "layers": 2, "epochs": 2}
    check_same_seed_same_history(lambda display: small(**random).fit(TEXTS, LABELS, display=display))


@pytest.mark.slow
def test_resumes_to_the_same_weights(tmp_path: Path) -> None:
    def fit(display: TrainingDisplay, checkpoint: Path | None, resume: bool) -> TextClassifier:
        random: dict[str, Any] = {
            "word_dropout": 0.1,
            "recurrent_dropout": 0.1,
            "sampling": 0.1,
            "layers": 2,
            "epochs": 3,
            "average_epochs": 2,
        }
        return small(**random).fit(TEXTS, LABELS, display=display, checkpoint=checkpoint, resume=resume)

    # in the middle of the first epoch, then in the middle of the second
    check_resumes_to_the_same_weights(fit, tmp_path / "checkpoint", stop_after=[3, 8])


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("pooling", [["last"], ["attention", "mean"]])
def test_every_cell_and_pooling_learns(cell: str, pooling: list[str]) -> None:
    settings: dict[str, Any] = {"cell": cell, "pooling": pooling, "epochs": 6, "learning_rate": 0.01}
    texts = [text.split()[0] + " " + word for text, word in zip(TEXTS, ["dull", "lovely"] * 120, strict=True)]
    report = small(**settings).fit(texts, LABELS).reports["validation"]
    assert report.accuracy == 1.0


def test_labels_may_be_anything(tmp_path: Path) -> None:
    rows = [(f"{word} thing {i}", word) for i in range(40) for word in ("été", "a, b", "3")]
    path = write_csv(tmp_path / "labels.csv", rows)
    model = small(epochs=5).fit(data=path)
    assert model.labels == ("3", "a, b", "été")
    assert model.predict(["été thing", "3 thing 3"]) == ["été", "3"]
    assert model.recipe.data.source == str(path)


def test_few_held_out_texts_do_not_decide_alone_how_readily_a_label_is_given() -> None:
    from nlpkit.tasks.classification.corpus import prepare
    from nlpkit.tasks.classification.network import _Answers, _operating_points

    texts, labels = ["a sign"] * 20 + ["a blank"] * 180, ["rare"] * 20 + ["common"] * 180
    model = TextClassifier()
    data = prepare(dataset_from_lists(texts, labels), model.recipe)
    assert data.labels == ("common", "rare")
    sure = np.where(np.asarray(data.validation.labels)[:, None] == [0, 1], 0.9, 0.1)  # right on what was held out
    truth = np.asarray(data.train.labels)
    # of the others, every rare one has a third of the chance, and no common one more than a tenth
    share = np.where(truth == 1, 0.33, 0.1)
    more = _Answers(np.stack([1 - share, share], 1), truth)
    alone = _operating_points(sure, model.recipe, data, None)["rare_weights"]
    beside = _operating_points(sure, model.recipe, data, more)["rare_weights"]
    assert alone["rare"] == alone["common"] == 1
    assert 0.67 / 0.33 < beside["rare"] < 9


def test_class_weights_lift_a_rare_label() -> None:
    # of the texts with the sign in them one in five is rare
    texts = ["a sign"] * 40 + ["a blank"] * 120
    labels = ["rare"] * 8 + ["common"] * 152
    plain = small(epochs=6).fit(texts, labels)
    scores = plain.predict_proba(["a sign", "a blank"])
    assert scores[:, 1].max() < 0.5
    # though it may be given from a lower score on, by as much as its figures tell
    weights = np.array([plain.metadata["rare_weights"][label] for label in plain.labels], np.float32)
    assert weights[1] >= weights[0] == 1
    assert plain.predict(["a sign", "a blank"]) == [plain.labels[i] for i in (scores * weights).argmax(1)]
    assert plain.reports["validation"].weights == plain.metadata["rare_weights"]
    balanced = small(epochs=6, class_weights="balanced").fit(texts, labels)
    found = balanced.predict_proba(["a sign", "a blank"])[:, 1]
    assert found[1] < 0.5 < found[0]
    assert balanced.predict(["a sign", "a blank"]) == ["rare", "common"]


def test_probabilities_are_probabilities(model: TextClassifier) -> None:
    answers = model.predict_proba(TEXTS[:10])
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers.sum(1), 1, atol=1e-6)
    assert model.predict(TEXTS[:10]) == [model.labels[i] for i in answers.argmax(1)]


def test_no_texts_no_answers(model: TextClassifier) -> None:
    assert model.predict([]) == []
    assert model.predict_proba([]).shape == (0, 2)


def test_only_as_much_of_a_long_text_is_read(model: TextClassifier) -> None:
    cut = model.recipe.tokenizer.max_length
    ids = model.tokenizer.encode([LONG])[0]
    assert len(ids) > cut
    shorter = model.tokenizer.decode([*ids[: cut // 4], *ids[len(ids) - (cut - cut // 4) :]])
    np.testing.assert_allclose(model.predict_proba([LONG]), model.predict_proba([shorter]), atol=1e-6)


def test_the_network_holds_the_same_weights(model: TextClassifier) -> None:
    from nlpkit.data.batching import pad

    network = model.network()
    ids, lengths = pad([np.array(row) for row in model.tokenizer.encode(TEXTS[:6])])
    logits = network.predict_on_batch({"ids": ids, "lengths": lengths})
    odds = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), model.predict_proba(TEXTS[:6]), atol=1e-5)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a", "b"], ["x"], "2 texts but 1 labels"),
        (["a", ""], ["x", "y"], "text 1 is empty"),
        (["a", None], ["x", "y"], "text 1 is None"),
        ([], [], "no rows"),
        (["a", "b"], ["x", "x"], "one label, 'x'"),
        (["a", "b"], ["x", "y"], "too few"),
    ],
)
def test_lists_that_cannot_be_trained_on(texts: list[str], labels: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        TextClassifier().fit(texts, labels)


def test_usage_errors(model: TextClassifier) -> None:
    with pytest.raises(UsageError, match="a list of texts"):
        model.predict("one string")
    with pytest.raises(UsageError, match="not trained yet"):
        TextClassifier().predict(["a text"])
    with pytest.raises(UsageError, match="did you mean epochs"):
        TextClassifier(epoch=3)
    with pytest.raises(UsageError, match=r"training\.epochs"):
        TextClassifier(epochs="three")
    with pytest.raises(UsageError, match="one label for each text"):
        TextClassifier().fit(["a"])


def test_evaluating_on_an_unknown_label(model: TextClassifier) -> None:
    with pytest.raises(DataError, match="'mixed'"):
        model.evaluate(["a text"], ["mixed"])


def test_answering_loads_no_training_framework(model: TextClassifier, tmp_path: Path) -> None:
    model.save(tmp_path / "bundle")
    program = (
        "import sys, nlpkit\n"
        "assert 'numpy' not in sys.modules\n"
        f"print(nlpkit.load({str(tmp_path / 'bundle')!r}).predict(['a lovely day']))\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax', 'onnx', 'pickle5'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['positive']\n[]\n"
    assert done.stderr == ""


def test_public_names() -> None:
    assert set(nlpkit.__all__) <= set(dir(nlpkit))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = nlpkit.nonsense
