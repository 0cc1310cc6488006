"""The n-grams that stand beside a classifier's sequence."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlpkit import TextClassifier
from nlpkit.runtime.session import Session
from nlpkit.tasks.classification.network import build_classifier, export_classifier
from nlpkit.tasks.classification.ngrams import NgramWeights, code_limit, find_ngrams, piece_codes, place_of
from nlpkit.tasks.classification.ngrams_fit import best_weights, bucket_count, word_edges
from nlpkit.tasks.classification.ngrams_layer import Ngrams
from nlpkit.tasks.classification.recipe import ClassifierSection
from tests.conftest import FILLER
from tests.test_classification import SMALL

VOCABULARY, CLASSES, BUCKETS = 30, 3, 64
LENGTHS = [5, 1, 2, 9]


def weights(n: int = 3, columns: int = CLASSES, *, once: bool = False, share: float = 0.3) -> NgramWeights:
    """A model that knows the n-grams of `padded`, less those whose buckets others own; a word's edge is at a `share`
    of the pieces."""
    rng = np.random.default_rng(1)
    codes, edges = piece_codes(np.arange(VOCABULARY), n), rng.random((VOCABULARY, 2)) < share
    marks = np.zeros(BUCKETS, np.uint8)
    for row, length in zip(*padded(), strict=True):
        bucket, mark = place_of(find_ngrams(row[:length], codes, edges).keys, BUCKETS)
        marks[bucket] = mark
    table = rng.integers(-127, 128, (BUCKETS, columns)).astype(np.int8)
    return NgramWeights(codes, edges, marks, table, rng.normal(0, 0.01, (columns, CLASSES)).astype(np.float32), once)


def padded(extra: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    ids = np.full((len(LENGTHS), max(LENGTHS) + extra), 7, np.int32)  # padding that would show
    for row, length in zip(ids, LENGTHS, strict=True):
        row[:length] = np.resize(rng.integers(0, VOCABULARY, -(-length // 2)), length)  # what is said twice
    return ids, np.array(LENGTHS, np.int32)


def by_hand(given: NgramWeights, row: np.ndarray) -> np.ndarray:
    """A text's scores, n-gram by n-gram."""
    total = np.zeros(given.table.shape[1])
    n = given.codes.shape[1]
    words: list[list[int]] = []
    for place, piece in enumerate(row):
        if not place or given.edges[piece, 0] or given.edges[row[place - 1], 1]:
            words.append([])
        words[-1].append(piece)
    seen = set()
    for start in range(len(words)):
        for size in range(1, min(n, len(words) - start) + 1):
            ngram = words[start : start + size]
            if given.once and str(ngram) in seen:
                continue
            seen.add(str(ngram))
            codes = [
                sum(int(given.codes[piece, at]) for piece in word) % code_limit(n) for at, word in enumerate(ngram)
            ]
            bucket, rest = sum(codes) % BUCKETS, sum(codes) // BUCKETS
            if rest % 256 == given.marks[bucket]:
                total += given.table[bucket]
    scores: np.ndarray = total @ given.kernel
    return scores


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("n", [1, 3])
def test_layer_and_graph_give_what_each_n_gram_adds(n: int, once: bool) -> None:
    given = weights(n, columns=2, once=once)
    ids, lengths = padded(extra=3)
    expected = np.array([by_hand(given, row[:length]) for row, length in zip(ids, lengths, strict=True)])
    assert np.ptp(expected, axis=0).min() > 0.1
    layer = Ngrams(VOCABULARY, n, BUCKETS, 2, CLASSES, once=once)
    layer.build()
    layer.assign(given)
    np.testing.assert_allclose(layer(ids, lengths), expected, atol=1e-5)
    for row, length, scores in zip(ids, lengths, expected, strict=True):
        np.testing.assert_allclose(given.scores(row[:length]), scores, atol=1e-5)
    section = ClassifierSection(units=4, embedding_size=4, ngrams=n)
    network = build_classifier(section, VOCABULARY, CLASSES, BUCKETS, once=once)
    table = np.concatenate([given.table, given.table[:, :1]], axis=1)
    kernel = np.concatenate([given.kernel, np.zeros((1, CLASSES), np.float32)])
    network.get_layer("ngrams").assign(NgramWeights(given.codes, given.edges, given.marks, table, kernel, once))
    network.get_layer("logits").set_weights([np.zeros((16, CLASSES)), np.zeros(CLASSES)])
    odds = np.exp(expected)
    answers = Session(export_classifier(network, section)).run(ids, lengths)[0]
    np.testing.assert_allclose(answers, odds / odds.sum(1, keepdims=True), atol=1e-5)


def test_padding_and_company_change_not_a_bit() -> None:
    section = ClassifierSection(units=4, embedding_size=4, ngrams=3)
    network = build_classifier(section, VOCABULARY, CLASSES, BUCKETS)
    network.get_layer("ngrams").assign(weights())
    network.get_layer("logits").set_weights([np.zeros((16, CLASSES)), np.zeros(CLASSES)])
    session = Session(export_classifier(network, section))
    together = session.run(*padded())[0]
    np.testing.assert_array_equal(session.run(*padded(extra=40))[0], together)
    ids, lengths = padded()
    assert session.many_rows
    np.testing.assert_array_equal(
        session.run(np.tile(ids, (20, 1)), np.tile(lengths, 20))[0], np.tile(together, (20, 1))
    )
    for row, length, answer in zip(ids, lengths, together, strict=True):
        np.testing.assert_array_equal(session.run(row[None, :length], np.array([length], np.int32))[0][0], answer)


def test_layers_come_back_from_their_config() -> None:
    layer = Ngrams(VOCABULARY, 3, BUCKETS, 2, CLASSES, name="ngrams")
    again = Ngrams.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_pieces_that_are_alike_have_one_code() -> None:
    codes = piece_codes(np.array([0, 1, 2, 1, 2]), 3)
    np.testing.assert_array_equal(codes[[3, 4]], codes[[1, 2]])
    assert len(np.unique(codes[:3])) == 9
    assert codes.min() >= 0


class Spelled:
    """A tokenizer of these pieces."""

    def __init__(self, *pieces: str) -> None:
        self.spellings = ["<pad>", "<unk>", "<0xE4>", *pieces]

    def __len__(self) -> int:
        return len(self.spellings)

    def pieces(self, ids: Iterable[int]) -> list[str]:
        return [self.spellings[number] for number in ids]

    def byte_pieces(self) -> dict[int, int]:
        return {0xE4: 2}


def test_words_end_at_spaces_at_marks_and_where_a_script_has_none() -> None:
    tokenizer: Any = Spelled("\u2581good", "ness", "\u2581", ",", "\u597d", "7", "\u0901")
    edges = dict(zip(tokenizer.spellings, word_edges(tokenizer).tolist(), strict=True))
    assert edges["\u2581good"] == [True, False]
    assert edges["ness"] == edges["7"] == edges["<0xE4>"] == edges["\u0901"] == [False, False]
    assert edges["\u2581"] == [True, False]
    assert edges[","] == edges["\u597d"] == [True, True]


def test_a_word_is_one_whatever_it_is_split_into() -> None:
    edges = np.array([[True, False], [False, False], [True, True]])  # a word's first piece, another, a mark
    found = find_ngrams(np.array([0, 1, 1, 2, 0]), piece_codes(np.arange(3), 2), edges)
    spans = list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))
    assert spans == [(0, 3), (3, 4), (4, 5), (0, 4), (3, 5)]
    assert len(set(found.keys.tolist())) == 5


def test_an_n_gram_of_few_texts_counts_once() -> None:
    row, _ = padded()
    twice = np.concatenate([row[0][:5], row[0][:5]])
    once, counted = (weights(n=1, once=once, share=1) for once in (True, False))  # every piece is a word
    np.testing.assert_allclose(once.scores(twice), once.scores(row[0][:5]), atol=1e-6)
    assert np.abs(counted.scores(twice) - counted.scores(row[0][:5])).max() > 0.1


def test_buckets_follow_the_data_and_the_labels() -> None:
    assert bucket_count(0, 1) == bucket_count(2_000, 1) < bucket_count(20_000, 1) < bucket_count(50_000_000, 1)
    for columns in (1, 8, 100):
        assert bucket_count(50_000_000, columns) * (columns + 1) <= 1_500_000


def parts(texts: int, seed: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits [texts, 2] that tell so much of the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, texts)
    margin = strength * (2 * truth - 1) + rng.normal(0, 1, texts)
    return np.stack([-margin, margin], 1), truth


def test_the_better_part_gets_the_weight() -> None:
    good, truth = parts(400, 1, 1.0)
    noise, _ = parts(400, 2, 0.0)
    (a, b), loss = best_weights([noise, good], truth, [0.0, 1.0], several=False)
    assert a < 0.2 < 0.5 < b
    (c,), alone = best_weights([good], truth, [1.0], several=False)
    assert loss <= alone + 0.01
    assert abs(b - c) < 0.1
    # what says the opposite of the truth gets none, not less than none
    (none, rest), _ = best_weights([-good, good + noise], truth, [0.0, 1.0], several=False)
    assert none == 0
    assert rest > 0


def test_few_texts_leave_the_weights_as_expected() -> None:
    good, truth = parts(3, 1, 1.0)
    noise, _ = parts(3, 2, 0.0)
    (a, b), _ = best_weights([noise, good], truth, [0.0, 1.0], several=False, ridge=100.0)
    assert abs(a) < 0.1
    assert abs(b - 1) < 0.1


def test_of_very_many_texts_some_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    good, truth = parts(4_000, 1, 1.0)
    (every,), _ = best_weights([good], truth, [1.0], several=False)
    quarter = best_weights([good[::4]], truth[::4], [1.0], several=False)
    monkeypatch.setattr("nlpkit.tasks.classification.ngrams_fit._MOST_LOGITS", good.size // 4)
    assert best_weights([good], truth, [1.0], several=False) == quarter
    assert quarter[0] == pytest.approx([every], rel=0.1)


def test_several_labels_have_weights_too() -> None:
    good, truth = parts(400, 1, 1.0)
    labels = np.stack([truth == 0, truth == 1], 1)
    (a,), _ = best_weights([good], labels, [1.0], several=True, ridge=0.01)
    (b,), _ = best_weights([good], truth, [1.0], several=False, ridge=0.01)
    assert a == pytest.approx(2 * b, rel=0.01)  # a margin is the difference of two


def negated(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Reviews whose label hangs on whether "not" stands right before their word."""
    rng = random.Random(seed)
    texts, labels = [], []
    for number in range(count):
        words = rng.choices(FILLER, k=rng.randint(4, 12))
        words.insert(rng.randrange(len(words) + 1), "not")
        word, denied = ("lovely", "dull")[number % 2], number // 2 % 2
        place = rng.randrange(1, len(words))
        words[place:place] = ["not", word] if denied else ["so", word]
        texts.append(" ".join(words))
        labels.append("positive" if (word == "lovely") != denied else "negative")
    return texts, labels


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    return TextClassifier(**(SMALL | {"epochs": 1, "ngrams": 3})).fit(*negated(400, 1))


def test_n_grams_know_what_stands_together(model: TextClassifier) -> None:
    told = model.metadata["ngrams"]
    assert told["validation"]["ngrams"] >= 0.95
    assert told["validation"]["together"] >= 0.95  # though one pass over the texts has taught the sequence little
    assert told["validation"]["sequence"] < 0.9
    texts, labels = negated(200, 2)
    assert np.mean([ours == theirs for ours, theirs in zip(model.predict(texts), labels, strict=True)]) >= 0.95


def test_the_heaviest_n_grams_are_told(model: TextClassifier) -> None:
    heaviest = model.metadata["ngrams"]["heaviest"]
    assert heaviest.keys() == set(model.labels)
    assert "not lovely" in heaviest["negative"][:5]
    assert "not dull" in heaviest["positive"][:5]


def test_a_network_with_n_grams_is_the_graph(model: TextClassifier) -> None:
    from nlpkit.data.batching import pad

    texts = negated(8, 3)[0]
    ids, lengths = pad([np.array(row) for row in model.tokenizer.encode(texts)])
    network = model.network()
    logits = network.predict_on_batch({"ids": ids, "lengths": lengths})
    odds = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), model.predict_proba(texts), atol=1e-5)
    # the table and its hashing are no parameters that were trained
    learnt = sum(weight.size for weight in network.get_weights()) - sum(
        weight.size for weight in network.get_layer("ngrams").get_weights()
    )
    assert model.metadata["parameters"] == learnt


def test_int8_leaves_the_n_grams_as_they_are(model: TextClassifier) -> None:
    texts = negated(50, 4)[0]
    np.testing.assert_allclose(model.exported(int8=True).predict_proba(texts), model.predict_proba(texts), atol=0.02)


def test_a_model_without_n_grams_tells_of_none(tmp_path: Path) -> None:
    settings: dict[str, Any] = SMALL | {"epochs": 1, "ngrams": 0}
    plain = TextClassifier(**settings).fit(*negated(80, 1))
    assert "ngrams" not in plain.metadata
    assert plain.network().count_params() == plain.metadata["parameters"]
