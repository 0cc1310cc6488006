"""Models that start from another: what they take over, what is new, and what is refused."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlpkit
from nlpkit import TextClassifier, TextGenerator, Translator
from nlpkit.data.dataset import dataset_from_lists
from nlpkit.errors import BundleError, Interrupted, UsageError
from nlpkit.training.progress import TrainingDisplay
from tests.conftest import Command, settings, write_csv
from tests.task_checks import Kept, Stopping
from tests.test_cli import refused

WORDS = {
    "sea": ["the", "old", "boat", "went", "over", "a", "cold", "wave", "to", "its", "harbour"],
    "farm": ["some", "young", "horse", "ran", "along", "this", "warm", "field", "and", "barn"],
    "town": ["every", "late", "tram", "stops", "near", "that", "loud", "square", "by", "noon"],
}


def made(count: int, seed: int = 0, kinds: int = 2) -> tuple[list[str], list[str]]:
    """Texts that are of one kind's words, and their kinds."""
    rng, labels = random.Random(seed), list(WORDS)[:kinds]
    rows = [
        (" ".join(rng.choices(WORDS[labels[i % kinds]], k=rng.randint(4, 20))), labels[i % kinds]) for i in range(count)
    ]
    return [text for text, _ in rows], [label for _, label in rows]


TEXTS, LABELS = made(300)
OTHERS, OTHER_LABELS = made(120, seed=5)
STILL: dict[str, Any] = {"learning_rate": 1e-9, "epochs": 1}  # a step of training that changes next to nothing


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start") / "writer"
    sizes = {"vocab_size": 400, "units": 64, "embedding_size": 32, "counts": 0, "lowercase": True}
    more: dict[str, Any] = {"documents": "apart", "epochs": 6, "yardstick": False}
    TextGenerator("generate-subword", **sizes, **more).fit(TEXTS).save(folder)
    return folder


def weights(model: Any, layer: str) -> list[np.ndarray]:
    found: list[np.ndarray] = model.trained_network().get_layer(layer).get_weights()
    return found


def assert_same(one: list[np.ndarray], other: list[np.ndarray], tolerance: float = 0.0) -> None:
    assert [array.shape for array in one] == [array.shape for array in other]
    for first, second in zip(one, other, strict=True):
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerance)


def test_a_writer_goes_on(writer: Path) -> None:
    before = nlpkit.load(writer)
    assert isinstance(before, TextGenerator)
    after = TextGenerator(start_from=str(writer), counts=0, documents="apart", yardstick=False, **STILL).fit(TEXTS)
    assert after.tokenizer.model == before.tokenizer.model
    assert (after.recipe.model.units, after.recipe.model.tie_embeddings) == (64, True)
    for layer in ("embedding", "stack", "projection"):
        assert_same(weights(after, layer), weights(before, layer), 1e-6)
    assert after.generate("a ", seed=1, length=40) == before.generate("a ", seed=1, length=40)


def test_a_writer_that_goes_on_is_ahead_of_one_that_begins(writer: Path) -> None:
    short: dict[str, Any] = {"counts": 0, "yardstick": False, "epochs": 1, "learning_rate": 0.002}
    shape: dict[str, Any] = {"vocab_size": 400, "units": 64, "embedding_size": 32}
    on = TextGenerator("generate-subword", start_from=str(writer), **short).fit(OTHERS)
    anew = TextGenerator("generate-subword", **shape, **short).fit(OTHERS)
    figures = [model.reports["validation"].nats_per_character for model in (on, anew)]
    assert figures[0] < 0.8 * figures[1]


def test_a_classifier_on_a_writer_s_backbone(writer: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = nlpkit.load(writer)
    model = TextClassifier(start_from=str(writer), ngrams=0, yardstick=False).fit(TEXTS, LABELS)
    assert f"from {writer}: its tokenizer, embedding, stack; new: logits" in caplog.text
    assert model.tokenizer.model == before.tokenizer.model
    assert not model.recipe.model.bidirectional
    for layer in ("embedding", "stack"):  # which stayed as they were
        assert_same(weights(model, layer), weights(before, layer))
    graph = before.bundle.files["model.onnx"]
    assert model.metadata["start"] == {
        "from": str(writer),
        "task": "generation",
        "sha256": hashlib.sha256(graph).hexdigest(),
        "taken": ["embedding", "stack"],
        "new": ["logits"],
        "frozen": True,
    }
    assert model.evaluate(OTHERS, OTHER_LABELS).to_dict()["accuracy"] > 0.95
    again = TextClassifier(start_from=str(writer), ngrams=0, yardstick=False).fit(TEXTS, LABELS)
    assert again.bundle.files["model.onnx"] == model.bundle.files["model.onnx"]


def test_a_frozen_backbone_beside_ngrams(writer: Path, tmp_path: Path) -> None:
    model = TextClassifier(start_from=str(writer), yardstick=False).fit(TEXTS, LABELS)
    told = model.metadata["ngrams"]
    assert min(told["weights"].values()) > 0
    assert model.evaluate(OTHERS, OTHER_LABELS).to_dict()["accuracy"] > 0.95
    # the answers for what was held out are those of a head that had not read it
    assert model.reports["validation"].to_dict()["accuracy"] == pytest.approx(told["validation"]["together"])
    model.save(tmp_path / "model")
    again = nlpkit.load(tmp_path / "model")
    assert isinstance(again, TextClassifier)
    np.testing.assert_array_equal(again.predict_proba(OTHERS), model.predict_proba(OTHERS))


@pytest.mark.parametrize("several", [False, True])
def test_a_frozen_backbone_tells_more_than_two_labels_apart(writer: Path, several: bool) -> None:
    texts, labels = made(300, kinds=3)
    # of several, a text of the third kind has none
    given: list[Any] = [[label] if label != "town" else [] for label in labels] if several else labels
    model = TextClassifier(start_from=str(writer), ngrams=0, yardstick=False).fit(texts, given)
    found = model.predict(texts)
    assert np.mean([answer == wanted for answer, wanted in zip(found, given, strict=True)]) > 0.9
    assert model.several == several


def test_a_backbone_may_be_trained_on(writer: Path) -> None:
    before = nlpkit.load(writer)
    options: dict[str, Any] = {"ngrams": 0, "epochs": 3, "yardstick": False}
    model = TextClassifier(start_from=writer, frozen=False, **options).fit(TEXTS, LABELS)
    own, given = weights(model, "embedding")[0], weights(before, "embedding")[0]
    assert np.abs(own - given).max() > 1e-3
    assert np.corrcoef(own.ravel(), given.ravel())[0, 1] > 0.5  # of a fresh one it is near 0
    assert model.metadata["start"]["taken"] == ["embedding", "stack"]
    assert "frozen" not in model.metadata["start"]
    assert model.evaluate(OTHERS, OTHER_LABELS).to_dict()["accuracy"] > 0.95


def test_a_classifier_goes_on_with_its_labels_or_with_others(writer: Path, tmp_path: Path) -> None:
    first = TextClassifier(start_from=str(writer), frozen=False, epochs=2, ngrams=0, yardstick=False)
    first.fit(TEXTS, LABELS).save(tmp_path / "first")
    on = TextClassifier(start_from=str(tmp_path / "first"), ngrams=0, yardstick=False, **STILL).fit(
        OTHERS, OTHER_LABELS
    )
    assert on.metadata["start"]["new"] == []
    np.testing.assert_allclose(on.predict_proba(OTHERS), first.predict_proba(OTHERS), atol=1e-5)
    renamed = [label.upper() for label in OTHER_LABELS]
    other = TextClassifier(start_from=str(tmp_path / "first"), ngrams=0, yardstick=False, **STILL).fit(OTHERS, renamed)
    assert other.metadata["start"]["new"] == ["logits"]
    several = TextClassifier(start_from=tmp_path / "first", ngrams=0, labels="several", yardstick=False, **STILL)
    assert several.fit(OTHERS, OTHER_LABELS).metadata["start"]["new"] == ["logits"]  # which mean another thing now
    head = TextClassifier(start_from=tmp_path / "first", ngrams=0, frozen=True, yardstick=False)
    assert head.fit(OTHERS, OTHER_LABELS).metadata["start"]["taken"] == ["embedding", "stack"]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that has read many texts of both kinds."""
    folder = tmp_path_factory.mktemp("learned") / "model"
    small: dict[str, Any] = {"vocab_size": 400, "units": 12, "embedding_size": 8, "epochs": 4, "learning_rate": 0.02}
    TextClassifier(**small, yardstick=False).fit(*made(1_200, seed=9)).save(folder)
    return folder


FEW = made(40, seed=21)
WRONG = [label if i % 4 else LABELS[i // 4 % 2] for i, label in enumerate(FEW[1])]
"""Labels for few texts, some of which are not right."""


def test_few_texts_leave_a_classifier_as_it_was(
    learned: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = nlpkit.load(learned)
    assert isinstance(before, TextClassifier)
    model = TextClassifier(start_from=learned, yardstick=False).fit(FEW[0], WRONG)
    assert "few texts: what it starts from stays as it is; --set training.frozen=false trains all of it" in caplog.text
    for layer in ("embedding", "stack"):
        assert_same(weights(model, layer), weights(before, layer))
    assert (model.metadata["start"]["frozen"], model.metadata["start"]["new"]) == (True, ["logits"])
    # what it said of these labels is a part of what is said now, sequence and n-grams
    assert set(model.metadata["ngrams"]["weights"]) == {"sequence", "ngrams", "earlier ngrams"}
    assert min(model.metadata["ngrams"]["weights"].values()) > 0
    anew = TextClassifier(start_from="none", epochs=4, yardstick=False).fit(FEW[0], WRONG)
    judged = [one.evaluate(OTHERS, OTHER_LABELS).to_dict() for one in (before, model, anew)]
    accuracy = [one["accuracy"] for one in judged]
    assert accuracy[1] >= accuracy[0] - 0.02 > accuracy[2]
    # where nothing is fitted again, the model is what was weighed
    hard = [
        " ".join([*one.split()[:2], *other.split()[:2]]) for one, other in zip(OTHERS[::2], OTHERS[1::2], strict=True)
    ]
    validation = {"text": hard, "label": [LABELS[i % 2] for i in range(len(hard))]}
    splits = {"train": {"text": FEW[0], "label": WRONG}, "validation": validation}
    held = TextClassifier(start_from=learned, yardstick=False).fit(data=splits)
    told = held.metadata["ngrams"]["validation"]["together"]
    assert held.reports["validation"].to_dict()["accuracy"] == pytest.approx(told)
    again = TextClassifier(start_from=learned, yardstick=False).fit(FEW[0], WRONG)
    assert again.bundle.files["model.onnx"] == model.bundle.files["model.onnx"]
    # it is a model like any other: kept, opened, shipped, looked into and gone on from
    model.save(tmp_path / "kept")
    kept = nlpkit.load(tmp_path / "kept")
    assert isinstance(kept, TextClassifier)
    np.testing.assert_array_equal(kept.predict_proba(OTHERS), model.predict_proba(OTHERS))
    assert np.asarray(kept.network().get_layer("ngrams").table).shape[1] == 2
    kept.exported(int8=True, seen=True).save(tmp_path / "shipped")
    shipped = nlpkit.load(tmp_path / "shipped")
    found = shipped.inspect(OTHERS[0])
    assert found.figures["score"] == pytest.approx(
        found.figures["score of nothing"] + float(found.arrays()["text.weights"].sum()), abs=0.02
    )
    third = TextClassifier(start_from=tmp_path / "shipped", yardstick=False).fit(*made(40, seed=30))
    assert third.metadata["ngrams"]["columns"] == 3
    assert third.evaluate(OTHERS, OTHER_LABELS).to_dict()["accuracy"] > accuracy[0] - 0.02


def test_what_a_start_says_of_other_labels_is_left_out(learned: Path) -> None:
    renamed = [label.upper() for label in WRONG]
    model = TextClassifier(start_from=learned, yardstick=False).fit(FEW[0], renamed)
    assert model.metadata["start"]["frozen"]
    assert set(model.metadata["ngrams"]["weights"]) == {"sequence", "ngrams"}
    several = TextClassifier(start_from=learned, yardstick=False).fit(FEW[0], [[label] for label in FEW[1]])
    assert set(several.metadata["ngrams"]["weights"]) == {"sequence", "ngrams"}


def test_a_head_goes_on_without_ngrams(learned: Path) -> None:
    model = TextClassifier(start_from=learned, ngrams=0, yardstick=False).fit(FEW[0], WRONG)
    alone = TextClassifier(start_from=learned, ngrams=0, yardstick=False).fit(
        FEW[0], [label.upper() for label in WRONG]
    )
    judged = [
        one.evaluate(OTHERS, labels).to_dict()["log_loss"]
        for one, labels in ((model, OTHER_LABELS), (alone, [label.upper() for label in OTHER_LABELS]))
    ]
    assert judged[0] < judged[1]


def test_when_a_classifier_stays_as_it_was(learned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nlpkit.tasks.classification import classifier

    def stays(texts: list[str], labels: list[str], **options: Any) -> bool:
        model, dataset = TextClassifier(start_from=learned, **options), dataset_from_lists(texts, labels)
        start = model.start(dataset)
        assert start is not None
        prepared = model._prepare(dataset, lambda *_: None, start.frontend.to_bytes())
        model._resolve(prepared)
        return model._frozen(start, prepared)

    assert stays(*FEW)
    assert stays(*FEW, seed=3, class_weights="balanced")
    # what is said of the training is done
    assert not stays(*FEW, epochs=2)
    assert not stays(*FEW, learning_rate=0.001)
    assert not stays(*FEW, output_dropout=0.3)
    assert not stays(*FEW, frozen=False)
    # what it has read is not new to it
    read = made(1_200, seed=9)
    assert not stays(read[0][:60], read[1][:60])
    assert stays([*made(60, seed=8)[0], read[0][0]], [*made(60, seed=8)[1], read[1][0]])
    monkeypatch.setattr(classifier, "_FEW_OTHERS", 30)
    assert stays(*FEW)
    renamed = FEW[0], [label.upper() for label in FEW[1]]
    assert not stays(*renamed)
    monkeypatch.setattr(classifier, "_FEW_OTHERS", 36)
    assert stays(*renamed)
    monkeypatch.setattr(classifier, "_FEW", 30)
    assert not stays(*FEW)
    assert stays(*FEW, frozen=True)


@pytest.mark.parametrize("shipped", [False, True])
def test_what_was_read_before_counts_as_trained_on(
    tmp_path: Path, shipped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    write_csv(tmp_path / "own.csv", list(zip(TEXTS, LABELS, strict=True)))
    small: dict[str, Any] = {"vocab_size": 400, "units": 8, "embedding_size": 8, "epochs": 1, "yardstick": False}
    first = TextClassifier(seed=1, **small).fit(data=tmp_path / "own.csv")
    # n-grams were fitted on what it held out, too
    given = first.exported(seen=True) if shipped else first
    given.save(tmp_path / "first")
    on = TextClassifier(start_from=tmp_path / "first", seed=2, epochs=1, yardstick=False).fit(data=tmp_path / "own.csv")
    held_out = on.reports["validation"].examples
    assert on.metadata["metrics"]["validation"]["trained_on"] == held_out > 20
    assert f"{held_out} texts of {tmp_path / 'own.csv'}, validation, were trained on by" in caplog.text
    rows = on.rows(tmp_path / "own.csv", "validation")[1]
    assert len(list(rows)) == rows.trained_on == held_out
    # its head goes on without the weight that it had beside the n-grams
    assert "logits" in on.metadata["start"]["taken"]
    share = first.metadata["ngrams"]["weights"]["sequence"]
    kernel = weights(first, "logits")[0] / share
    still = TextClassifier(start_from=tmp_path / "first", ngrams=0, seed=2, yardstick=False, **STILL)
    assert_same(
        weights(still.fit(data=tmp_path / "own.csv"), "logits")[:1], [kernel], 2e-3 * float(np.abs(kernel).max())
    )


def test_what_is_of_no_use_is_told(learned: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = TextClassifier(start_from=learned, units=64, kind="unigram", yardstick=False, frozen=True, word_dropout=0.3)
    model.fit(*FEW)
    assert model.recipe.model.units == 12
    told = f"{learned} brings along what it is like: model.units = 12, not 64; tokenizer.kind = 'bpe', not 'unigram'"
    assert told in caplog.messages
    assert "the head alone is fitted, so there is no use for model.word_dropout; training.frozen" in caplog.text
    caplog.clear()
    TextClassifier(start_from=learned, yardstick=False).fit(*FEW)
    assert not [message for message in caplog.messages if "brings along" in message or "no use" in message]


def test_what_nobody_knows_was_read_before_is_not_taken_for_unread(
    learned: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A start that was exported without its record; its n-grams may have been fitted on these very texts."""
    nlpkit.load(learned).exported().save(tmp_path / "shipped")
    write_csv(tmp_path / "own.csv", list(zip(*FEW, strict=True)))
    model = TextClassifier(start_from=tmp_path / "shipped", yardstick=False).fit(data=tmp_path / "own.csv")
    assert set(model.metadata["ngrams"]["weights"]) == {"sequence", "ngrams"}  # the earlier ones cannot be weighed
    assert model.metadata["metrics"]["validation"]["trained_on"] is None
    model.save(tmp_path / "kept")
    on = TextClassifier(start_from=tmp_path / "kept", yardstick=False, **STILL).fit(data=tmp_path / "own.csv")
    for one in (model, nlpkit.load(tmp_path / "kept"), on, model.exported()):
        caplog.clear()
        rows = one.rows(tmp_path / "own.csv", "validation")[1]
        assert len(list(rows)) == 4
        assert rows.trained_on is None
        assert "own.csv may have been trained on, in whole or in part" in caplog.text


@pytest.mark.parametrize("stop_after", [1, 5])
def test_a_run_goes_on_without_what_it_started_from(tmp_path: Path, stop_after: int) -> None:
    small: dict[str, Any] = {"vocab_size": 400, "units": 8, "embedding_size": 8, "epochs": 1, "yardstick": False}
    TextClassifier(**small).fit(TEXTS, LABELS).save(tmp_path / "first")

    def fit(
        display: TrainingDisplay, checkpoint: Path | None = None, resume: bool = False, start: str = ""
    ) -> TextClassifier:
        first = start or str(tmp_path / "first")
        model = TextClassifier(start_from=first, frozen=False, epochs=2, yardstick=False)
        return model.fit(OTHERS, OTHER_LABELS, display=display, checkpoint=checkpoint, resume=resume)

    whole = fit(Kept())
    run = tmp_path / "run"
    with pytest.raises(Interrupted):
        fit(Stopping(stop_after), run)
    if stop_after == 1:  # as if it had been killed before anything was saved
        (run / "state.npz").unlink()
    packed = (run / "start.zip").read_bytes()
    (run / "start.zip").write_bytes(packed.replace(b"model.onnx", b"model.oNNx"))
    with pytest.raises(BundleError, match=r"start\.zip is damaged .*; start over"):
        fit(Kept(), run, True)
    (run / "start.zip").write_bytes(packed)
    for other in ("sentiment", "none"):
        with pytest.raises(UsageError, match=r"the unfinished run in .* has model\.start_from = .*first"):
            fit(Kept(), run, True, other)
    shutil.rmtree(tmp_path / "first")
    resumed = fit(Kept(), run, True)
    assert resumed.bundle.files["model.onnx"] == whole.bundle.files["model.onnx"]
    assert resumed.metadata["start"] == whole.metadata["start"]
    assert resumed.bundle.files["seen.npz"] == whole.bundle.files["seen.npz"]  # with what the first one read
    with pytest.raises(BundleError, match="first"):
        fit(Kept())


def test_a_head_on_labels_in_turn() -> None:
    from nlpkit.tasks.classification.frozen import _fit
    from nlpkit.tasks.classification.linear import out_of_fold

    truth = np.arange(500) % 5
    features = np.eye(5, dtype=np.float32)[truth]

    def answer(rest: np.ndarray, others: np.ndarray) -> np.ndarray:
        assert not {*rest.tolist()} & {*others.tolist()}
        kernel, bias = _fit(features[rest], truth[rest], 5, 10.0, balanced=False)
        logits: np.ndarray = features[others] @ kernel + bias
        return logits

    assert (out_of_fold(500, answer, seed=1).argmax(1) == truth).all()


def test_a_translator_goes_on(tmp_path: Path) -> None:
    sources = [f"{one} {two}" for one in ("red", "blue", "green", "old", "new") for two in ("cat", "dog", "fish")] * 5
    targets = [text.upper() for text in sources]
    sizes: dict[str, Any] = {"vocab_size": 300, "units": 24, "embedding_size": 24, "yardstick": False}
    first = Translator(epochs=40, learning_rate=0.01, **sizes).fit(sources, targets)
    assert len({*first.translate(sources[:15])}) > 10
    first.save(tmp_path / "first")
    on = Translator(start_from=str(tmp_path / "first"), yardstick=False, **STILL).fit(sources, targets)
    assert on.metadata["start"]["taken"] == ["embedding", "stack", "decoder"]
    assert on.metadata["start"]["new"] == ["lexicon"]  # which is of the data
    assert on.translate(sources[:20]) == first.translate(sources[:20])


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_shipped_model_can_be_started_from(tmp_path: Path, cell: str, int8: bool) -> None:
    sizes: dict[str, Any] = {"units": 24, "layers": 2, "embedding_size": 16, "vocab_size": 300, "epochs": 1}
    for tied in (False, True):
        whole = TextGenerator(cell=cell, tie_embeddings=tied, yardstick=False, weight_dropout=0, **sizes).fit(TEXTS)
        shipped = whole.exported(int8=int8)
        with pytest.raises(UsageError, match="exported without its Keras weights"):
            shipped.network()
        for given, kept in zip(whole.network().weights, shipped.trained_network().weights, strict=True):
            given, kept = map(np.asarray, (given, kept))
            steps = np.abs(given).max(-1, keepdims=True) / 127 if given.ndim > 1 else np.abs(given).max(initial=0) / 127
            assert np.all(np.abs(kept - given) <= (0.51 * steps.max() if int8 else 0))
    shipped.save(tmp_path / "shipped")
    model = TextClassifier(start_from=str(tmp_path / "shipped"), ngrams=0, yardstick=False).fit(TEXTS, LABELS)
    assert_same(weights(model, "stack"), weights(shipped, "stack"))


def test_a_shipped_translator_and_classifier_have_their_weights() -> None:
    small: dict[str, Any] = {"vocab_size": 300, "units": 8, "embedding_size": 8, "epochs": 1, "yardstick": False}
    for whole in (TextClassifier(**small).fit(TEXTS, LABELS), Translator(**small).fit(TEXTS, TEXTS)):
        shipped = whole.exported().trained_network()
        for given, kept in zip(whole.network().trainable_weights, shipped.trainable_weights, strict=True):
            assert_same([np.asarray(kept)], [np.asarray(given)])


def test_an_export_that_knows_what_was_trained_on_is_judged_on_the_same_rows(nlpkit: Command, tmp_path: Path) -> None:
    write_csv(tmp_path / "own.csv", list(zip(TEXTS, LABELS, strict=True)))
    wrong = [LABELS[0] if label != LABELS[0] else LABELS[1] for label in OTHER_LABELS]  # so that those alone look worse
    write_csv(tmp_path / "more.csv", list(zip([*TEXTS, *OTHERS], [*LABELS, *wrong], strict=True)))
    done = nlpkit("train", "--data", "own.csv", "--epochs", "1", *settings(), "--output", "m", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = nlpkit("export", "m", "--seen", "--output", "s", "--data", "more.csv", "--json", cwd=tmp_path)
    figures = json.loads(done.stdout)["figures"]
    assert figures["before"] == figures["after"] < 50
    assert (tmp_path / "s" / "seen.npz").exists()
    assert nlpkit("export", "m", "--output", "bare", cwd=tmp_path).returncode == 0
    done = nlpkit("export", "bare", "--seen", "--output", "again", cwd=tmp_path)
    refused(done, 2, "what the model was trained on is not known any more")


def test_a_graph_of_another_network_gives_no_weights() -> None:
    small: dict[str, Any] = {"vocab_size": 300, "embedding_size": 8, "epochs": 1, "yardstick": False}
    one, other = (TextGenerator(units=units, **small).fit(TEXTS).exported() for units in (8, 16))
    other.bundle.files["model.onnx"] = one.bundle.files["model.onnx"]
    with pytest.raises(BundleError, match="not one of its recipe's network"):
        other.trained_network()


def test_what_cannot_be_started_from(writer: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere"):
        TextClassifier(start_from="nowhere").fit(TEXTS, LABELS)
    with pytest.raises(UsageError, match="pooling would have to be trained"):
        TextClassifier(start_from=writer, pooling=["attention"]).fit(TEXTS, LABELS)
    with pytest.raises(UsageError, match=r"training\.frozen goes with model\.start_from"):
        TextClassifier(frozen=True)
    sizes: dict[str, Any] = {"units": 8, "epochs": 1, "yardstick": False}
    TextGenerator(cell="gru", **sizes).fit(TEXTS).save(tmp_path / "gru")
    with pytest.raises(UsageError, match=r"does not go with .*gru: model: weight_dropout goes with cell = 'lstm'"):
        TextGenerator(start_from=str(tmp_path / "gru"), weight_dropout=0.1).fit(TEXTS)


def test_the_command_line_starts_from_a_bundle(
    nlpkit: Callable[..., Any], writer: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    done = nlpkit("train", "--data", reviews_csv, "--from", writer, "--output", "on", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"from {writer}: its tokenizer, embedding, stack; new: logits" in done.stderr
    assert "starts from" in nlpkit("info", tmp_path / "on").stdout
    assert "Started from" in (tmp_path / "on" / "README.md").read_text()
    planned = nlpkit("train", "--data", reviews_csv, "--from", writer, "--dry-run", "--json", cwd=tmp_path)
    plan = json.loads(planned.stdout)
    assert plan["length"] == "360 texts: read once, since the backbone stays as it is and the head alone is fitted"
    assert 0 < plan["seconds"] < 60
    refused = nlpkit("train", "--data", reviews_csv, "--from", "nowhere", cwd=tmp_path)
    assert refused.returncode != 0
    assert len(refused.stderr.strip().splitlines()) == 1
