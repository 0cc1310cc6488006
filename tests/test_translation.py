"""The translator as a Python program uses it."""

import copy
import pickle
import random
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops

import nlpkit
from nlpkit import TextClassifier, Translator
from nlpkit.errors import BundleError, DataError, UsageError
from nlpkit.runtime.beam import Hypothesis, Ranking
from nlpkit.runtime.session import Session
from nlpkit.tasks.translation.answering import (
    TranslatorSessions,
    forced_log_probabilities,
    forced_nats,
    longest_targets,
    pieces_of,
    spaces_behind,
    translate_rows,
)
from nlpkit.tasks.translation.attention import AttentionDecoder
from nlpkit.tasks.translation.lexicon import FOLDS
from nlpkit.tasks.translation.network import build_translator, export_translator
from nlpkit.tasks.translation.recipe import TranslatorSection
from nlpkit.tasks.translation.report import _bleu_interval, bleu_counts, translation_report
from nlpkit.tasks.translation.translator import Translation
from nlpkit.tokenizer import BOS, EOS, UNK
from nlpkit.training.progress import TrainingDisplay
from tests.conftest import write_csv
from tests.task_checks import (
    check_batch_equals_single,
    check_copies_and_threads_answer_alike,
    check_overfits_eight_examples,
    check_padding_changes_nothing,
    check_reloads_identically,
    check_resumes_to_the_same_weights,
    check_same_seed_same_history,
)

WORDS = {"one": "un", "two": "deux", "three": "trois", "red": "rouge", "blue": "bleu", "cat": "chat", "dog": "chien"}
SMALL: dict[str, Any] = {
    "vocab_size": 300,
    "max_length": 30,
    "units": 32,
    "embedding_size": 32,
    "input_dropout": 0.0,
    "output_dropout": 0.0,
    "batch_size": 16,
    "learning_rate": 0.005,
    "label_smoothing": 0.0,
    "ema_momentum": 0.9,
}


def made_pairs(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """A language whose words are turned around: number colour animal becomes number animal colour."""
    rng = random.Random(seed)
    sources, targets = [], []
    for _ in range(count):
        phrases = [
            (rng.choice(["one", "two", "three"]), rng.choice(["red", "blue"]), rng.choice(["cat", "dog"]))
            for _ in range(rng.randint(1, 3))
        ]
        sources.append(" ".join(" ".join(phrase) for phrase in phrases))
        targets.append(" ".join(" ".join(WORDS[w] for w in (a, c, b)) for a, b, c in phrases))
    return sources, targets


SOURCES, TARGETS = made_pairs(600)


@pytest.fixture(scope="module")
def model() -> Translator:
    return small(epochs=8).fit(SOURCES, TARGETS)


def small(**settings: Any) -> Translator:
    return Translator(**(SMALL | settings))


def probabilities(model: Translator) -> Any:
    """For each text those of the model's three best translations."""
    return lambda texts: [
        np.exp([one.log_probability for one in answers]) for answers in model.translate_many(texts, beam=3)
    ]


TEXTS = [*SOURCES[:6], "dog", "four green birds", "two blue cat " * 8]


def test_overfits_eight_examples() -> None:
    sources, targets = (side[:8] for side in made_pairs(8, seed=1))
    model = small(epochs=120, validation_fraction=0.12).fit([*sources, *sources], [*targets, *targets])
    check_overfits_eight_examples(model.translate, sources, targets)


def test_learns_words_and_their_order(model: Translator) -> None:
    sources, targets = made_pairs(50, seed=9)
    assert np.mean([a == b for a, b in zip(model.translate(sources), targets, strict=True)]) > 0.95
    assert model.reports["validation"].bleu > 95
    assert model.metadata["yardstick"]["gain"]["validation"]["low"] > 10  # over words without their order
    report = model.evaluate(sources, targets)
    assert report.exact_match > 0.95
    assert report.sentences == 50


def test_reloads_identically(model: Translator, tmp_path: Path) -> None:
    check_reloads_identically(model, lambda it: np.concatenate(probabilities(it)(TEXTS)), tmp_path)
    again = nlpkit.load(tmp_path / "elsewhere")
    assert isinstance(again, Translator)
    assert again.translate(TEXTS) == model.translate(TEXTS)


def test_batch_equals_single(model: Translator) -> None:
    check_batch_equals_single(probabilities(model), TEXTS)
    assert [model.translate([text])[0] for text in TEXTS] == model.translate(TEXTS)


def test_padding_changes_nothing(model: Translator) -> None:
    check_padding_changes_nothing(probabilities(model), SOURCES[:6], "one red cat " * 20)


@pytest.mark.slow
def test_same_seed_same_history() -> None:
    check_same_seed_same_history(lambda display: busy(epochs=2).fit(SOURCES[:200], TARGETS[:200], display=display))


@pytest.mark.slow
def test_resumes_to_the_same_weights(tmp_path: Path) -> None:
    def fit(display: TrainingDisplay, checkpoint: Path | None, resume: bool) -> Translator:
        model = busy(epochs=2)
        return model.fit(SOURCES[:200], TARGETS[:200], display=display, checkpoint=checkpoint, resume=resume)

    # in the first epoch of 36 batches, and in the second
    check_resumes_to_the_same_weights(fit, tmp_path / "checkpoint", [3, 36])


def busy(**settings: Any) -> Translator:
    """All there is of dropout and sampling, and two layers."""
    dropout = {"word_dropout": 0.1, "input_dropout": 0.1, "output_dropout": 0.2, "sampling": 0.1}
    return small(**dropout, layers=2, units=8, attention="additive", **settings)


@pytest.mark.parametrize(
    "settings",
    [{"attention": "additive"}, {"input_feeding": False, "lexicon": False}, {"layers": 2}],
    ids=str,
)
def test_every_shape_learns(settings: dict[str, Any]) -> None:
    assert small(epochs=10, **settings).fit(SOURCES, TARGETS).reports["validation"].chrf > 60


def test_a_beam_of_one_is_greedy(model: Translator) -> None:
    for text in TEXTS[:4]:
        source = np.array(model.tokenizer.encode([text])[0])
        ids = [BOS]
        while ids[-1] != EOS and len(ids) <= 2 * len(source) + 10:
            chances, _ = forced_log_probabilities(model.sessions, [source], np.array([ids]))
            chances[..., : UNK + 1] = chances[..., BOS] = -np.inf
            ids.append(int(chances[0, -1].argmax()))
        assert model.translate([text], beam=1) == [model.tokenizer.decode(ids)]


def test_a_beams_score_is_that_of_the_sentence_when_forced(model: Translator) -> None:
    rows = [np.array(ids) for ids in model.tokenizer.encode(TEXTS)]
    for row, found in zip(rows, translate_rows([model.sessions], rows, width=4), strict=True):
        assert len(found) == 4
        ended = [one for one in found if len(one.ids) < 2 * len(row) + 10]
        forced = -forced_nats([model.sessions], [row] * len(ended), [np.array(one.ids) for one in ended])
        np.testing.assert_allclose([one.log_probability for one in ended], forced, atol=1e-4)
    best = model.translate_many(["one red cat"])[0][0]
    assert best.log_probability == pytest.approx(model.score(["one red cat"], [best.text])[0], abs=1e-4)


def test_a_wider_beam_finds_nothing_less_likely(model: Translator) -> None:
    for text in TEXTS:
        narrow, wide = (
            model.translate_many([text], beam=beam, length_penalty=0)[0][0].log_probability for beam in (1, 8)
        )
        assert wide >= narrow - 1e-5


def test_longer_translations_are_favoured_as_much_as_is_said(model: Translator) -> None:
    text = TEXTS[0]
    for options in ({"length_penalty": 0.0}, {"length_penalty": 2.0}, {}):
        penalty = options.get("length_penalty", model.recipe.decoding.length_penalty)
        found = model.translate_many([text], beam=6, **options)[0]
        lengths = [len(model.tokenizer.encode([one.text])[0]) + 1 for one in found]
        ranks = [one.log_probability / ((5 + n) / 6) ** penalty for one, n in zip(found, lengths, strict=True)]
        assert ranks == sorted(ranks, reverse=True)


def test_attention_is_on_real_steps_and_sums_to_one(model: Translator) -> None:
    rows = [np.array(ids) for ids in model.tokenizer.encode(["dog", "two blue cat one red dog"])]
    _, attention = forced_log_probabilities(model.sessions, rows, np.array([[BOS, 5, 6], [BOS, 7, 8]]))
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)
    assert (attention[0, :, len(rows[0]) :] == 0).all()
    assert (attention >= 0).all()


def test_what_programs_hold(model: Translator) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "source": TEXTS[:3], "target": ["un chat"] * 3}, index=[4, 4, 0])
    assert model.translate(frame) == model.translate(iter(TEXTS[:3])) == model.translate(TEXTS[:3])
    assert model.evaluate(data=frame).to_dict() == model.evaluate(TEXTS[:3], frame["target"]).to_dict()
    np.testing.assert_array_equal(
        model.score(frame["source"], np.array(["un chat"] * 3)), model.score(TEXTS[:3], ["un chat"] * 3)
    )
    for call, message in (
        (lambda: model.translate(["a", None]), "text 1 is None"),
        (lambda: model.translate(["a", "half \ud83d"]), "text 1 holds"),
        (lambda: model.score(["a", None], ["b", "c"]), "source 1 is None"),
        (lambda: model.score(["a", " "], ["b", "c"]), "source 1 is empty"),
        (lambda: model.score(["a", "b"], ["b", b"c"]), "target 1 is b'c'"),
        (lambda: model.align("half \ud83d"), "the source holds"),
    ):
        with pytest.raises(DataError, match=message):
            call()
    for wrong, message in (
        (lambda: model.translate(cast(Any, None)), "a list of texts, not None"),
        (lambda: model.translate_many({"a": "b"}), "a list of texts, not a dict"),
        (lambda: model.align(cast(Any, None)), "a source is one string, not None"),
        (lambda: model.align("a", cast(Any, ["b"])), "a target is one string, not a list"),
        (lambda: model.score("a", ["b"]), "a list of sources, not one string"),
    ):
        with pytest.raises(UsageError, match=message):
            wrong()


def test_alignments(model: Translator) -> None:
    found = model.align("two blue cat", "deux chat bleu")
    assert "".join(found.source).replace("\u2581", " ").strip() == "two blue cat"
    assert found.target[-1] == "</s>"
    assert found.shares.shape == (len(found.target), len(found.source))
    np.testing.assert_allclose(found.shares.sum(-1), 1, atol=1e-5)
    assert model.align("two blue cat").target[:-1] == found.target[:-1]
    with pytest.raises(DataError, match="no text"):
        model.align(" ")


def test_texts_that_are_empty_or_long(model: Translator) -> None:
    long = "one red cat two blue dog " * 60
    # as one that was trained on short texts only
    tokenizer = model.recipe.tokenizer.model_copy(update={"max_length": 12})
    model = Translator.from_bundle(model.bundle)
    model.recipe = model.recipe.model_copy(update={"tokenizer": tokenizer})
    # by log p alone: parts that begin in the middle of a phrase invite a longer answer
    answers = model.translate(["one red cat", "", "  ", long, "two blue dog"], length_penalty=0)
    assert answers[1:3] == ["", ""]
    assert answers[0] == "un chat rouge"
    assert answers[4] == "deux chien bleu"
    assert 340 < len(answers[3].split()) < 380  # all 360 words of it, in parts
    assert model.translate(["\U0001f600" * 500])[0] is not None


def test_long_texts_are_cut_behind_sentences() -> None:
    text = "a b c. " * 30
    parts = pieces_of(text, lambda part: 4 * part.count("."), 50)
    assert "".join(parts) == text
    assert all(part.endswith(". ") for part in parts)
    assert len(parts) <= 4
    assert pieces_of("one two", len, 5) == ["one ", "two"]
    assert pieces_of("今日はいい天気です。散歩に行きます", len, 10) == ["今日はいい天気です。", "散歩に行きます"]
    # characters that are drawn as one, and one that is too long by itself
    assert pieces_of("ae\u0301i", len, 3) == ["ae\u0301", "i"]
    assert pieces_of("一二", lambda part: 3 * len(part), 2) == ["一", "二"]


def test_pieces_of_a_text_are_the_text() -> None:
    rng = random.Random(0)
    kinds = ["abc. ", "ab ", "你好。吃", "e\u0301", "👩\u200d👧", " \n\u00a0", "กำิ", "\u0301"]
    for _ in range(500):
        text = "".join(rng.choice(rng.choice(kinds)) for _ in range(rng.randint(0, 120)))
        limit = rng.choice([4, 5, 20])
        pieces = pieces_of(text, lambda part: len(part.encode()), limit)
        assert "".join(pieces) == text
        assert all(len(piece.strip().encode()) <= limit or len(piece.strip()) == 1 for piece in pieces)
        inner = pieces_of(text.strip(), lambda part: len(part.encode()), limit)
        assert "".join(p.strip() + after for p, after in zip(inner, spaces_behind(inner), strict=True)) == text.strip()


def echo(_: Any, rows: list[np.ndarray], *, width: int, **limits: Any) -> list[list[Hypothesis]]:
    """In place of beam search: what was read itself, then ever more of its first tokens; every fourth row is cut."""
    return [
        [Hypothesis((*row[:k], *row), -1.0 - k, -1.0 - k, cut=i % 4 == 3) for k in range(width)]
        for i, row in enumerate(rows)
    ]


def test_long_texts_are_joined_as_they_were(model: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpkit.tasks.translation.translator.translate_rows", echo)
    chinese = "一二三四五" * 20  # of bytes: no piece has half of a character, and no space comes in
    spaced = "one red cat.\n\ntwo blue dog,  three red\u00a0cat\tone" * 9
    texts = [chinese, f"  {spaced} ", "一 二", "", "👩\u200d👩\u200d👧" * 30]
    monkeypatch.setattr(model.tokenizer, "normalization", "none")  # so that what is between two cuts comes back, too
    assert model.translate(texts) == [text.strip() for text in texts]


def test_as_many_translations_of_a_text_in_parts(
    model: Translator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nlpkit.tasks.translation.translator.translate_rows", echo)
    text = "one red cat. " * 20  # 12 parts or more
    parted, alone, empty = model.translate_many([text, "dog", " "], beam=3)
    assert len(parted) == len(alone) == 3
    assert empty == [Translation("", 0.0)]
    assert len({one.text for one in parted}) == 3
    # the best of each part; then those with one part that is the second best of its own
    assert [one.log_probability - parted[0].log_probability for one in parted] == [0, -1, -1]
    assert parted[0].cut
    assert not alone[0].cut
    assert caplog.messages[-1].endswith(": 1 of 3")


@pytest.mark.slow
def test_translations_are_as_long_as_training_lets_them() -> None:
    lengths = np.array([1, 5, 20, 90])
    assert longest_targets(lengths, 100, 4.0).tolist() == [17, 33, 93, 190]
    assert longest_targets(lengths, 100, 1.0).tolist() == [12, 20, 50, 190]
    alphabet = "abcdefghijklmnopqrstuvwxyz"  # more than twice as many as the source has tokens, and ten
    sources, targets = ["1", "2", "22"] * 100, [alphabet, "ab", "abc"] * 100
    model = small(epochs=12, kind="char", max_length=60, max_ratio=9.0).fit(sources, targets)
    assert model.translate_many(["1"], beam=1)[0][0].text == alphabet
    # as one that was trained on shorter targets
    model.recipe = model.recipe.model_copy(update={"data": model.recipe.data.model_copy(update={"max_ratio": 1.0})})
    cut, whole = (one[0] for one in model.translate_many(["1", "22"], beam=1))
    assert (cut.text, cut.cut) == (alphabet[: 2 * 2 + 10 - 1], True)
    assert (whole.text, whole.cut) == ("abc", False)


def test_an_ensemble_of_one_model_twice_is_that_model(model: Translator) -> None:
    twice = model.together(model)
    assert twice.translate(TEXTS) == model.translate(TEXTS)
    other = small(epochs=1, seed=2).fit(SOURCES[:100], TARGETS[:100])
    with pytest.raises(UsageError, match="same tokenizer"):
        model.together(other)
    with pytest.raises(UsageError, match="TextClassifier does not translate"):
        model.together(TextClassifier())  # type: ignore[arg-type]


def test_copies_and_threads_answer_alike(model: Translator) -> None:
    check_copies_and_threads_answer_alike(model, lambda it: it.score(SOURCES[:20], TARGETS[:20]))
    ensemble = model.together(model)
    copied = pickle.loads(pickle.dumps(ensemble))  # noqa: S301
    assert len(copied._others) == 1
    assert copied.translate(TEXTS) == copy.deepcopy(ensemble).translate(TEXTS) == ensemble.translate(TEXTS)


def test_an_ensemble_is_the_mean_of_its_models(model: Translator) -> None:
    second = small(epochs=2, units=16).fit(SOURCES, TARGETS)
    row = np.array(model.tokenizer.encode(["one red cat"])[0])
    (together,) = translate_rows([model.sessions, second.sessions], [row], width=1)
    forced = np.array([[BOS, *together[0].ids]])
    each = [forced_log_probabilities(m.sessions, [row], forced)[0][0] for m in (model, second)]
    mean = np.log(np.mean(np.exp(each), axis=0))
    wanted = [*together[0].ids, EOS]
    assert together[0].log_probability == pytest.approx(mean[np.arange(len(wanted)), wanted].sum(), abs=1e-3)
    best = model.together(second).translate_many(["one red cat"])[0][0]
    assert model.together(second).score(["one red cat"], [best.text])[0] == pytest.approx(
        best.log_probability, abs=1e-3
    )


def test_what_one_of_an_ensemble_was_trained_on_is_not_held_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = write_csv(tmp_path / "own.csv", list(dict(zip(SOURCES, TARGETS, strict=True)).items()), ("source", "target"))
    small(epochs=1, units=8).fit(data=own).save(tmp_path / "first")
    first = nlpkit.load(tmp_path / "first")
    second = Translator(start_from=tmp_path / "first", seed=2, epochs=1, yardstick=False).fit(data=own)
    assert isinstance(first, Translator)
    caplog.clear()
    rows = first.together(second).rows(own, "validation")[1]
    judged = list(rows)
    assert rows.trained_on is not None
    assert len(judged) // 2 < rows.trained_on <= len(judged)
    assert "were trained on: the figures flatter" in caplog.text
    rows = first.together(second.exported()).rows(own, "validation")[1]
    assert len(list(rows)) == len(judged)
    assert rows.trained_on is None


def test_an_ensemble_of_ensembles_has_all_members(model: Translator, tmp_path: Path) -> None:
    weak = small(epochs=1, units=8).fit(SOURCES, TARGETS)
    score = {
        name: one.score(["one red cat"], ["un chat rouge"])[0]
        for name, one in {
            "both": model.together(weak, weak),
            "left": model.together(weak).together(weak),
            "right": weak.together(weak.together(model)),
        }.items()
    }
    assert score["left"] == pytest.approx(score["both"], abs=1e-6)
    assert score["right"] == pytest.approx(score["both"], abs=1e-6)
    ensemble = model.together(weak)
    for call in (lambda: ensemble.save(tmp_path / "new"), lambda: ensemble.align("one red cat"), ensemble.exported):
        with pytest.raises(UsageError, match="for one model"):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "settings",
    [{}, {"attention": "additive", "layers": 2, "lexicon": True}, {"input_feeding": False}, {"lexicon": True}],
    ids=str,
)
def test_the_graphs_answer_as_the_network(settings: dict[str, Any]) -> None:
    keras.utils.set_random_seed(1)
    section = TranslatorSection(units=6, embedding_size=5, **settings)
    network = build_translator(section, 30)
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.5, w.shape).astype(np.float32) for w in network.get_weights()])
    if section.lexicon:
        tables = [rng.integers(0, 30, (180, 4)), rng.random((180, 4))]
        tables[1][::30] = 0  # padding's
        network.get_layer("lexicon").set_weights(tables)
    sources = [rng.integers(4, 30, n).astype(np.int32) for n in (3, 7, 1)]
    targets = rng.integers(4, 30, (3, 5)).astype(np.int32)
    found, _ = forced_log_probabilities(
        TranslatorSessions(*map(Session, export_translator(network, section).values())), sources, targets
    )
    for row, (source, target) in enumerate(zip(sources, targets, strict=True)):  # alone, and without padding
        given = {"source": source[None], "lengths": np.array([len(source)], np.int32), "target": target[None]}
        if section.lexicon:
            given["fold"] = np.array([FOLDS])
        expected = ops.convert_to_numpy(ops.log_softmax(network(given)))
        np.testing.assert_allclose(found[row], expected[0], atol=1e-5)


def by_hand(layer: AttentionDecoder, vectors: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """One row, one step after another, as the papers write it."""
    w = {weight.name: ops.convert_to_numpy(weight) for weight in layer.weights}
    units = layer.units

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-x)))

    h, c = np.split(np.tanh(memory.mean(0) @ w["bridge_kernel"] + w["bridge_bias"]), 2)
    fed = np.zeros(layer.size)
    outputs = []
    for x in vectors:
        inputs = np.concatenate([x, fed, h] if layer.input_feeding else [x, h])
        i, f, g, o = np.split(inputs @ w["kernel_0"] + w["bias_0"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        if layer.attention == "additive":
            energy = [np.tanh(h @ w["query_kernel"] + m @ w["key_kernel"]) @ w["score_vector"] for m in memory]
        else:
            energy = [h @ (m @ w["key_kernel"]) for m in memory]
        shares = np.exp(np.array(energy).reshape(-1))
        context = (shares / shares.sum()) @ memory
        fed = np.tanh(np.concatenate([context, h]) @ w["combine_kernel"] + w["combine_bias"])
        outputs.append(fed + context[-layer.size :] * w["lexicon_scale"] if layer.lexicon else fed)
    assert h.shape == (units,)
    return np.array(outputs)


@pytest.mark.parametrize("attention", ["general", "additive"])
@pytest.mark.parametrize("input_feeding", [True, False])
def test_the_decoder_layer_against_one_by_hand(attention: Any, input_feeding: bool) -> None:
    keras.utils.set_random_seed(2)
    layer = AttentionDecoder(4, 1, 3, attention=attention, input_feeding=input_feeding, lexicon=input_feeding)
    rng = np.random.default_rng(1)
    vectors, memory = rng.normal(size=(2, 6, 3)).astype("f"), rng.normal(size=(2, 5, 7)).astype("f")
    lengths = np.array([5, 2], np.int32)
    found = ops.convert_to_numpy(layer(vectors, memory, lengths))
    for row, length in enumerate(lengths):
        # the mean that the first state is made of is over real steps; padding holds zeros in the encoder's outputs
        memory[row, length:] = 0
        np.testing.assert_allclose(found[row], by_hand(layer, vectors[row], memory[row, :length]), atol=1e-5)


def test_what_cannot_be_trained_on() -> None:
    with pytest.raises(DataError, match="2 sources but 1 targets"):
        small().fit(["a", "b"], ["c"])
    with pytest.raises(DataError, match="none is left to train on"):
        small().fit(["a", "b", "c"], ["", "", ""])
    with pytest.raises(UsageError, match="go together"):
        small().fit(["a"])
    with pytest.raises(UsageError, match="not trained yet"):
        small().translate(["a"])
    with pytest.raises(UsageError, match="attenton"):
        Translator(attenton="general")
    with pytest.raises(UsageError, match=r"model\.cell"):
        Translator(cell="gru")


def test_options_out_of_range(model: Translator) -> None:
    with pytest.raises(UsageError, match="beam must be 1 or more"):
        model.translate(["a"], beam=0)
    with pytest.raises(UsageError, match="length_penalty must be 0 or more"):
        model.translate(["a"], length_penalty=-1)
    with pytest.raises(UsageError, match="no option 'lenght_penalty'; did you mean length_penalty"):
        model.translate(["a"], lenght_penalty=1)
    with pytest.raises(UsageError, match="list of texts"):
        model.translate("a")
    with pytest.raises(UsageError, match="not de-en"):
        model.rows("x.csv", pair="de-en")


def test_a_coverage_penalty_changes_ranks(model: Translator) -> None:
    row = np.array(model.tokenizer.encode(["one red cat two blue dog"])[0])
    for ranking in (Ranking(), Ranking(length_penalty=1.0, coverage_penalty=0.5)):
        (found,) = translate_rows([model.sessions], [row], width=4, ranking=ranking)
        for one in found:
            assert one.attention is not None
            steps = len(one.attention)
            expected = one.log_probability / ((5 + steps) / 6) ** ranking.length_penalty
            paid = np.clip(one.attention.sum(0)[: len(row)], 1e-9, 1)
            assert one.score == pytest.approx(expected + ranking.coverage_penalty * np.log(paid).sum(), abs=1e-3)


def test_bundles_of_another_kind_are_refused(model: Translator, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    (tmp_path / "model" / "encoder.onnx").unlink()
    with pytest.raises(BundleError, match=r"encoder\.onnx is missing"):
        nlpkit.load(tmp_path / "model")


def test_the_report_is_sacrebleus() -> None:
    found = ["the cat sat on the mat today", "a dog barks at night", "completely different words here now"]
    references = ["The cat sat on the mat today", "a dog barks at night", "nothing in common with that line"]
    report = translation_report(found, references)
    import sacrebleu

    assert report.bleu == pytest.approx(sacrebleu.corpus_bleu(found, [references]).score)
    assert report.chrf == pytest.approx(sacrebleu.corpus_chrf(found, [references]).score)
    assert report.bleu_lowercased > report.bleu
    assert report.intervals["bleu"][0] <= report.bleu <= report.intervals["bleu"][1]
    assert report.exact_match == pytest.approx(1 / 3)
    assert "tok:13a" in report.signatures["bleu"]
    assert "case:lc" in report.signatures["bleu_lowercased"]


def test_the_interval_is_sacrebleus_and_holds_the_estimate() -> None:
    from sacrebleu.metrics import BLEU

    rng = random.Random(1)
    references = [" ".join(rng.choices("abcdefgh", k=rng.randint(1, 12))) for _ in range(60)]
    found = [" ".join(rng.choice([word, "x"]) for word in line.split()) for line in references]
    report = translation_report(found, references)
    theirs = BLEU(force=True).corpus_score(found, [references], n_bootstrap=1_000)
    assert (report.intervals["bleu"][1] - report.intervals["bleu"][0]) / 2 == pytest.approx(theirs._ci, abs=0.05)
    assert report.intervals["bleu"][0] < report.bleu < report.intervals["bleu"][1]
    # one sentence with a match of four words among many without: most draws have less
    few = translation_report(["a b c d e", *["x y z"] * 30], ["a b c d e", *["p q r"] * 30])
    assert 0 <= few.intervals["bleu"][0] < few.bleu <= few.intervals["bleu"][1]
    alone = translation_report(["a b c x"], ["a b c d"])  # no match of four words: smoothed, like the estimate
    assert alone.intervals["bleu"][0] == pytest.approx(alone.bleu)
    assert alone.intervals["bleu"][1] == pytest.approx(alone.bleu)
    assert translation_report(["", ""], ["a b", "c"]).intervals["bleu"][1] == 0
    assert (
        _bleu_interval(bleu_counts(found, references), 99.0, 100)[1] == 99.0
    )  # an estimate that no draw comes near is held, too
