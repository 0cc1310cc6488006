"""The generator as a Python program uses it."""

import dataclasses
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlpkit
from nlpkit import TextGenerator
from nlpkit.errors import BundleError, DataError, UsageError
from nlpkit.model_card import model_card
from nlpkit.tasks.generation.card import card_text
from nlpkit.tasks.generation.language import LanguageModel, cross_entropy, read, zero_state
from nlpkit.tasks.generation.recipe import GenerationRecipe, GeneratorSection
from nlpkit.tasks.generation.sampled import SampledClasses, sampled_classes
from nlpkit.tasks.generation.sampling import Sampling
from nlpkit.tasks.generation.stream import split_documents
from nlpkit.tasks.generation.writing import _Possible
from nlpkit.tokenizer import BOS, EOS, train_tokenizer
from nlpkit.training.progress import TrainingDisplay
from tests.task_checks import (
    check_batch_equals_single,
    check_copies_and_threads_answer_alike,
    check_overfits_eight_examples,
    check_reloads_identically,
    check_resumes_to_the_same_weights,
    check_same_seed_same_history,
)

SMALL: dict[str, Any] = {
    "units": 48,
    "embedding_size": 16,
    "batch_size": 4,
    "segment_length": 16,
    "learning_rate": 0.01,
    "repeat_dropout": 0.0,
}
TEXT = "one two three four five six seven eight nine ten. " * 120


@pytest.fixture(scope="module")
def model() -> TextGenerator:
    return TextGenerator(epochs=12, **SMALL).fit([TEXT])


def small(**settings: Any) -> TextGenerator:
    return TextGenerator(**(SMALL | settings))


def nats(model: TextGenerator, text: str) -> np.ndarray:
    return np.array([piece.nats for piece in model.score(text)])


def test_overfits_eight_examples() -> None:
    animals = ["ant crawls", "bee hums", "cat sleeps", "dog barks", "eel swims", "fox runs", "gnu grazes", "hen pecks"]
    prompts = [animal[:3] for animal in animals]
    model = small(epochs=4, documents="apart").fit(animals * 200)
    answers = lambda given: [model.generate(prompt, temperature=0, length=20) for prompt in given]  # noqa: E731
    check_overfits_eight_examples(answers, prompts, [animal[3:] for animal in animals])


def test_learns_what_follows(model: TextGenerator) -> None:
    assert model.generate("one two three four", length=25, temperature=0) == " five six seven eight nin"
    assert model.reports["validation"].nats_per_character < 0.1
    assert model.evaluate([TEXT]).nats_per_character < 0.1


def test_reloads_identically(model: TextGenerator, tmp_path: Path) -> None:
    check_reloads_identically(model, lambda it: nats(it, TEXT[:300] + "😀 é"), tmp_path)
    again = nlpkit.load(tmp_path / "elsewhere")
    assert isinstance(again, TextGenerator)
    assert again.generate("two", seed=3) == model.generate("two", seed=3)


def test_samples_do_not_depend_on_each_other(model: TextGenerator) -> None:
    together = model.generate_many("one", 4, seed=5, length=60, temperature=1.5)
    assert model.generate("one", seed=5, length=60, temperature=1.5) == together[0]
    assert model.generate_many("one", 2, seed=5, length=60, temperature=1.5) == together[:2]
    assert len(set(model.generate_many("one", 4, seed=5, length=60, temperature=3.0))) > 1


def test_copies_and_threads_answer_alike(model: TextGenerator) -> None:
    check_copies_and_threads_answer_alike(
        model, lambda it: [*nats(it, TEXT[:60]), *map(ord, it.generate("two", seed=3))]
    )


def test_batch_equals_single(model: TextGenerator) -> None:
    session, tokenizer = model.session, model.tokenizer

    def logits(texts: list[str]) -> list[np.ndarray]:
        ids = np.array([tokenizer.encode([text])[0] for text in texts], np.int32)
        found = session.run(ids, zero_state(session, len(ids)))[0]
        return list(found)

    check_batch_equals_single(logits, [TEXT[i : i + 40] for i in range(6)])


def test_what_is_drawn_from_is_what_is_scored(model: TextGenerator) -> None:
    # each path on its own: step by step as it is written, in rows as it is judged, and the two parts as they are mixed
    text = "one two tree four. Fife six"
    ids, language = np.array(model.tokenizer.encode([text])[0]), model.language
    assert language.counts is not None
    scores, state = language.read(np.array([[BOS]]), language.begin(1))
    stepped = []
    for token in ids:
        stepped.append(cross_entropy(scores, np.array([token]))[0])
        scores, state = language.read(np.array([[token]]), state)
    np.testing.assert_allclose(language.nats(ids), stepped, atol=1e-4)
    np.testing.assert_allclose(nats(model, text), language.nats(ids))
    assert model.evaluate([text]).nats_per_character == pytest.approx(sum(stepped) / len(text), abs=1e-5)
    without = LanguageModel(model.session)
    assert np.abs(language.nats(ids) - without.nats(ids)).max() > 0.01
    read_at_once, _ = language.read(np.array([[BOS, *ids]]), language.begin(1))
    np.testing.assert_allclose(read_at_once, scores, atol=1e-3)


def test_rows_of_a_language_model_are_taken_and_do_not_depend_on_each_other(model: TextGenerator) -> None:
    language = model.language
    rows = np.array([model.tokenizer.encode([TEXT[i : i + 20]])[0] for i in (0, 3, 9)])
    scores, state = language.read(rows, language.begin(3))
    again, _ = language.read(rows[[2, 2, 0]], state.take(np.array([2, 2, 0])))
    for row, ids in enumerate(rows):
        alone, _ = language.read(ids[None], language.begin(1))
        np.testing.assert_allclose(scores[row], alone[0], atol=1e-4)
    twice, _ = language.read(np.concatenate([rows[2], rows[2]])[None], language.begin(1))
    np.testing.assert_allclose(again[:2], np.repeat(twice, 2, 0), atol=1e-4)


def test_parts_are_told_and_what_both_reach_is_reported(model: TextGenerator) -> None:
    parts, reported = model.metadata["parts"], model.metadata["metrics"]["validation"]["nats_per_character"]
    assert parts.keys() == {"network", "counts", "both"}
    assert parts["both"] == pytest.approx(reported, abs=1e-9)
    assert parts["both"] <= min(parts["network"], parts["counts"])
    card = model_card("numbers", model.metadata, model.recipe, card_text(model.metadata, model.recipe))
    assert f"Alone the network has {parts['network']:.4f} nats a character" in card
    assert "beside Kneser-Ney counts of up to 8 characters" in card
    yardstick = model.metadata["yardstick"]
    assert yardstick["name"] == "Kneser-Ney counts of 7 characters"
    assert yardstick["metrics"]["validation"]["nats_per_character"] == pytest.approx(parts["counts"], abs=0.02)


def test_an_exported_model_has_the_counts_too(model: TextGenerator, tmp_path: Path) -> None:
    model.exported(int8=True).save(tmp_path / "int8")
    exported = nlpkit.load(tmp_path / "int8")
    assert isinstance(exported, TextGenerator)
    assert exported.bundle.files["counts.npz"] == model.bundle.files["counts.npz"]
    assert exported.evaluate([TEXT]).nats_per_character == pytest.approx(
        model.evaluate([TEXT]).nats_per_character, abs=0.01
    )
    np.testing.assert_array_equal(nats(model.exported(), TEXT[:99]), nats(model, TEXT[:99]))


def test_counts_and_recipe_go_together(model: TextGenerator) -> None:
    plain = small(epochs=1, counts=0).fit([TEXT])
    assert "counts.npz" not in plain.bundle.files
    assert len(plain.generate("one", length=9, seed=1)) == 9
    bundle = plain.bundle
    bundle.files["counts.npz"] = model.bundle.files["counts.npz"]
    with pytest.raises(BundleError, match="counts = 0"):
        TextGenerator.from_bundle(bundle).check()
    bundle.files["counts.npz"] = b"PK"
    with pytest.raises(BundleError, match=r"counts.npz is damaged"):
        TextGenerator.from_bundle(bundle)


RARE = "😀 " + "a word, a wörd; a 字 or two… " * 150


def test_a_young_model_writes_whole_characters_that_it_has_read() -> None:
    young = small(epochs=1, kind="bpe", vocab_size=280, learning_rate=1e-6, counts=0).fit([RARE])
    spelt = young.metadata["spelt_in_bytes"]
    assert "😀" in spelt  # too rare to be a piece
    texts = young.generate_many("", 40, length=60, seed=1, temperature=5.0)
    texts += [young.generate("a wö", length=30, beam=3), *(young.generate("字", length=20, seed=i) for i in range(9))]
    assert set("".join(texts)) <= set(RARE)
    assert set("".join(texts)) & set(spelt)
    assert all(len(text) == 60 for text in texts[:40])


def test_only_what_can_become_a_character_is_possible() -> None:
    tokenizer = train_tokenizer(["abc abc abc cab"] * 9, GenerationRecipe().tokenizer, leading_space=False)
    spellings, rng = tokenizer.spellings(), np.random.default_rng(0)
    for rare, ends in (("", False), ("é", True), ("éè字孫😀😁\x07", True)):
        possible, begun, written = _Possible(tokenizer, rare, ends), [b"", b""], [b""] * 2
        for _ in range(300):
            scores = rng.normal(size=(2, len(tokenizer))) * 9
            possible.keep(scores, begun)
            tokens = scores.argmax(-1)
            if EOS in tokens:
                assert ends
                assert begun[tokens.tolist().index(EOS)] == b""
            written = [text + spellings[token] for text, token in zip(written, tokens, strict=True)]
            begun = possible.follow(begun, tokens)
        for text, rest in zip(written, begun, strict=True):
            assert set(text.removesuffix(rest).decode()) == set("abc " + rare)


def test_same_seed_same_text(model: TextGenerator) -> None:
    assert model.generate("one", seed=1, temperature=2.0) == model.generate("one", seed=1, temperature=2.0)
    assert model.generate("one", seed=1, temperature=2.0) != model.generate("one", seed=2, temperature=2.0)


EVERYTHING: dict[str, Any] = {
    "weight_dropout": 0.2,
    "input_dropout": 0.1,
    "output_dropout": 0.2,
    "word_dropout": 0.05,
    "activation_penalty": 1.0,
    "activation_change_penalty": 1.0,
    "layers": 2,
    "units": 16,
}


@pytest.mark.slow
def test_same_seed_same_history() -> None:
    check_same_seed_same_history(lambda display: small(epochs=2, **EVERYTHING).fit([TEXT], display=display))


@pytest.mark.slow
def test_resumes_to_the_same_weights(tmp_path: Path) -> None:
    def fit(display: TrainingDisplay, checkpoint: Path | None, resume: bool) -> TextGenerator:
        return small(epochs=2, **EVERYTHING).fit([TEXT], display=display, checkpoint=checkpoint, resume=resume)

    steps = len(TEXT) * 9 // 10 // 4 // 16
    # in the first epoch, and in the second
    check_resumes_to_the_same_weights(fit, tmp_path / "checkpoint", [3, steps])


def test_equal_rows_part_where_their_features_are_dropped() -> None:
    from nlpkit.tasks.generation.network import build_generator

    ids, state = np.tile(np.arange(6, dtype=np.int32), (2, 1)), np.zeros((2, 2, 8), np.float32)
    for rate in (0.0, 0.5):
        # of 8 features two rows lose the same ones once in 256 times
        section = GeneratorSection(units=8, embedding_size=64, input_dropout=rate)
        network = build_generator(GenerationRecipe(model=section), 10)
        logits = np.array(network({"ids": ids, "state": state}, training=True)["logits"])
        assert (np.abs(logits[0] - logits[1]).max() > 1e-4) == (rate > 0)


@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "gru"},
        {"cell": "rnn"},
        {"layers": 2, "epochs": 20},
        {"embedding_size": 48, "tie_embeddings": True},
        {"tie_embeddings": True},
    ],
    ids=str,
)
def test_every_cell_and_shape_learns(settings: dict[str, Any]) -> None:
    # embedding_size = units ties the embeddings
    report = small(**{"epochs": 10, **settings}).fit([TEXT]).reports["validation"]
    assert report.nats_per_character < 1.0  # some 2.6 for letters alone


def test_a_sampled_softmax_is_the_whole_one_in_the_mean() -> None:
    rng = np.random.default_rng(0)
    ids = rng.zipf(1.4, size=20_000) % 300
    sampled = sampled_classes(ids, 300, 100, rows=10)
    assert sampled is not None
    assert (len(sampled.common), sampled.drawn) == (50, 50)
    assert {*sampled.common.tolist(), *sampled.rest.tolist()} == set(range(300))
    embeddings, features = 0.3 * rng.normal(size=(300, 8)), rng.normal(size=(4, 6, 8))
    wanted = np.concatenate([sampled.common[:12], sampled.rest[:12]]).reshape(4, 6)
    whole = cross_entropy(features @ embeddings.T, wanted)
    given = features.astype(np.float32), wanted, embeddings.astype(np.float32)

    def loss(classes: SampledClasses, drawn: np.ndarray) -> np.ndarray:
        return np.array(classes.loss(given[0], given[1], drawn.reshape(10, -1), given[2]))

    every = dataclasses.replace(sampled, drawn=250)
    np.testing.assert_allclose(loss(every, every.draw(rng)), whole, atol=1e-5)  # wanted or not, all are drawn
    mean = np.mean([loss(sampled, sampled.draw(rng)) for _ in range(300)], axis=0)
    np.testing.assert_allclose(mean, whole, atol=0.05)
    assert sampled_classes(ids, 300, 300, rows=10) is None


def test_a_sampled_softmax_learns_as_the_whole_one_does() -> None:
    settings: dict[str, Any] = {"kind": "bpe", "vocab_size": 400, "tie_embeddings": True, "counts": 0, "epochs": 6}
    texts = [TEXT + " ".join(f"{word}{number}" for word in ("sea", "sky") for number in range(400))]
    whole, sampled = (small(**settings, sampled_classes=count).fit(texts) for count in (0, 64))
    figures = [model.reports["validation"].nats_per_character for model in (whole, sampled)]
    assert abs(figures[1] - figures[0]) < 0.1 * figures[0]
    with pytest.raises(UsageError, match=r"sampled_classes goes with model\.tie_embeddings"):
        TextGenerator(sampled_classes=64, tie_embeddings=False)


def test_a_prompt_may_be_read_in_pieces(model: TextGenerator) -> None:
    session = model.session
    ids = np.array([[BOS, *model.tokenizer.encode([TEXT[:3000]])[0]]], np.int32)
    logits, state = session.run(ids, zero_state(session, 1))
    for cut in (1, 7, 1024, 2999):
        _, first = read(session, ids[:, :cut], zero_state(session, 1))
        found, second = read(session, ids[:, cut:], first)
        np.testing.assert_allclose(second, state, atol=1e-5)
        np.testing.assert_allclose(found, logits[:, -1], atol=1e-4)


def test_a_long_text_is_scored_in_rows_as_it_is_in_one(model: TextGenerator) -> None:
    text = (TEXT + "and then it begins anew. ") * 3
    ids = np.array(model.tokenizer.encode([text])[0])
    assert len(ids) > 4 * 4096
    logits, _ = model.session.run(
        np.concatenate([[BOS], ids[:-1]])[None].astype(np.int32), zero_state(model.session, 1)
    )
    np.testing.assert_allclose(LanguageModel(model.session).nats(ids), cross_entropy(logits, ids[None])[0], atol=1e-3)
    counts = model.language.counts
    assert counts is not None
    contexts = counts.ngrams.along(np.concatenate([[BOS], ids[:-1]])[None], counts.ngrams.begin(1))
    scores = counts.scores(logits[0], contexts[0])
    np.testing.assert_allclose(model.language.nats(ids), cross_entropy(scores, ids), atol=1e-3)


def test_scores_are_log_probabilities(model: TextGenerator) -> None:
    session, tokenizer = model.session, model.tokenizer
    text = "one two"
    ids = tokenizer.encode([text])[0]
    state, given, expected = zero_state(session, 1), BOS, []
    for token in ids:
        logits, state = session.run(np.array([[given]], np.int32), state)
        odds = [math.exp(x) for x in logits[0, 0].tolist()]
        expected.append(-math.log(odds[token] / sum(odds)))
        given = token
    np.testing.assert_allclose(LanguageModel(session).nats(np.array(ids)), expected, atol=1e-5)
    assert "".join(piece.text for piece in model.score("naïve 😀!")) == "naïve 😀!"
    assert len(model.score("naïve 😀!")) == 8  # a character each, however many bytes


def test_a_beam_of_one_is_greedy_and_a_wider_one_no_worse(model: TextGenerator) -> None:
    greedy = model.generate("nine", length=30, temperature=0)
    assert model.generate("nine", length=30, beam=1) == greedy
    wide = model.generate("nine", length=30, beam=5)
    assert nats(model, "nine" + wide).sum() <= nats(model, "nine" + greedy).sum() + 1e-4


def test_length_and_stop(model: TextGenerator) -> None:
    for length in (1, 2, 50):
        assert len(model.generate("one", length=length, seed=1)) == length
    text = model.generate("one two", length=100, temperature=0)
    assert model.generate("one two", length=100, temperature=0, stop="seven") == text[: text.index("seven")]
    pieces = list(model.stream("one two", length=100, temperature=0, stop=["zzz", "seven eight"]))
    assert "".join(pieces) == text[: text.index("seven eight")]
    assert len(pieces) > 5


def test_any_prompt_will_do(model: TextGenerator) -> None:
    for prompt in ("", "😀", "文字", "\x00\x1b[31m\x7f", " ", "\n\n", "x" * 3000, "e\u0301"):
        assert len(model.generate(prompt, length=5, seed=1)) == 5


def test_documents_apart_end(tmp_path: Path) -> None:
    generator = small(documents="apart", epochs=6).fit(["a short one.", "another one."] * 200)
    assert generator.generate("a sh", length=200, temperature=0) == "ort one."
    # what is judged begins at a beginning, which is no surprise, and ends with one
    ids = np.array([*generator.tokenizer.encode(["a short one."])[0], EOS])
    whole = generator.evaluate(["a short one."])
    assert whole.bits_per_character == pytest.approx(generator.language.nats(ids).sum() / math.log(2) / 12)
    generator.save(tmp_path / "model")
    assert nlpkit.load(tmp_path / "model").generate("a sh", length=200, temperature=0) == "ort one."  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_subwords(kind: str) -> None:
    generator = small(kind=kind, vocab_size=320, epochs=10).fit([TEXT * 4])
    assert generator.generate("one two", length=11, temperature=0) == " three four"
    report = generator.reports["validation"]
    assert report.tokens < report.characters
    assert "".join(piece.text for piece in generator.score(TEXT[:100])) == TEXT[:100]


def test_splitting_documents() -> None:
    train, validation = split_documents(["a" * 90 + "b" * 10, "c" * 9 + "d"], 0.1, seed=0)
    assert (train, validation) == (["a" * 90, "c" * 9], ["b" * 10, "d"])
    many = [str(i) for i in range(100)]
    train, validation = split_documents(many, 0.1, seed=0)
    assert len(validation) == 10
    assert sorted(train + validation) == sorted(many)
    assert split_documents(many, 0.1, seed=0) == (train, validation) != split_documents(many, 0.1, seed=1)


def test_the_network_holds_the_same_weights(model: TextGenerator) -> None:
    ids = np.array(model.tokenizer.encode([TEXT[:64]]), np.int32)
    state = zero_state(model.session, 1)
    found = model.network()({"ids": ids, "state": state})["logits"]
    np.testing.assert_allclose(found, model.session.run(ids, state)[0], atol=1e-4)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "no text to train on"),
        (["", "  "], "no text to train on"),
        (["too short"], "fewer than one segment of 16"),
        ([b"bytes"], "text 0 is b'bytes'"),
    ],
)
def test_texts_that_cannot_be_trained_on(texts: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        small().fit(texts)


def test_usage_errors(model: TextGenerator) -> None:
    for call, message in (
        (lambda: model.generate("a", temperature=-1), "temperature must be 0 or more"),
        (lambda: model.generate("a", top_p=1.5), "top_p must be above 0"),
        (lambda: model.generate("a", temprature=1), "no option 'temprature'; did you mean temperature"),
        (lambda: model.generate("a", length=0), "length must be 1 or more"),
        (lambda: model.generate("a", beam=2, seed=1), "beam"),
        (lambda: model.generate_many("a", 0), "samples must be 1 or more"),
        (lambda: model.generate(["a"]), "a prompt is one string, not a list"),  # type: ignore[arg-type]
        (lambda: model.generate(None), "a prompt is one string, not None"),  # type: ignore[arg-type]
        (lambda: model.generate("a", stop=[3]), "a word to stop at is one string, not 3"),  # type: ignore[list-item]
        (lambda: model.generate("a", stop=""), "an empty word to stop at"),
        (lambda: model.generate("a", stop=["b", ""]), "an empty word to stop at"),
        (lambda: model.generate("a", seed=-1), "seed must be 0 or more, not -1"),
        (lambda: model.score(None), "a text to score is one string, not None"),  # type: ignore[arg-type]
        (lambda: TextGenerator().generate("a"), "not trained yet"),
        (lambda: TextGenerator("sentiment"), "is for classification"),
        (lambda: TextGenerator(cell="gru", weight_dropout=0.5), "weight_dropout goes with"),
        (lambda: model.evaluate(split="test"), "in memory"),
    ):
        with pytest.raises(UsageError, match=message):
            call()
    for half in (lambda: model.generate("half \ud83d"), lambda: model.score("half \ud83d")):
        with pytest.raises(DataError, match=r"'.ud83d' at character 5, half of one"):
            half()
    assert model.generate("a", seed=1, stop=None) == model.generate("a", seed=1, stop=iter([]))
    assert Sampling().temperature == 0.8  # what generate takes when nothing is said


def test_writing_loads_no_training_framework(model: TextGenerator, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    program = (
        "import sys, nlpkit\n"
        f"print(nlpkit.load({str(tmp_path / 'model')!r}).generate('one', seed=1, length=20))\n"
        "print([name for name in ('keras', 'tensorflow', 'torch', 'jax') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == model.generate("one", seed=1, length=20) + "\n[]\n"
