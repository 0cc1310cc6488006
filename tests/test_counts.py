"""Kneser-Ney counts, how they are kept, and how they are weighed beside a network."""

import io
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nlpkit.errors import BundleError
from nlpkit.tasks.generation.counts import FEATURES, NgramModel, WeightedCounts, count_ngrams, counts_from_bytes, weigh

VOCABULARY, ORDER = 9, 4


def sequence(length: int = 3_000, seed: int = 0) -> np.ndarray:
    """Ids in which the next follows from the two before it, most of the time."""
    rng = np.random.default_rng(seed)
    ids = [1, 2]
    for step in rng.random(length - 2):
        ids.append((ids[-1] * 2 + ids[-2]) % 7 if step < 0.7 else int(step * 1e6) % 7)
    return np.array(ids)


@pytest.fixture(scope="module")
def ngrams() -> NgramModel:
    return count_ngrams(sequence(), VOCABULARY, ORDER)


def kneser_ney(ids: list[int], context: tuple[int, ...], token: int) -> float:
    """Interpolated modified Kneser-Ney as Chen & Goodman (1998) write it, over dicts."""
    grams = {n: Counter(tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)) for n in range(1, ORDER + 1)}
    counts: dict[int, dict[tuple[int, ...], int]] = {ORDER: dict(grams[ORDER])}
    for n in range(1, ORDER):
        led_up_to: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for gram in grams[n + 1]:
            led_up_to[gram[1:]].add(gram[0])
        counts[n] = {gram: max(1, len(led_up_to[gram])) for gram in grams[n]}

    def discounts(n: int) -> list[float]:
        n1, n2, n3, n4 = (sum(count == k for count in counts[n].values()) for k in (1, 2, 3, 4))
        if not n1 * n2 * n3 * n4:
            return [0, 0.5, 0.75, 0.75]
        y = n1 / (n1 + 2 * n2)
        found = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        return [0, *(min(max(one, 0.1), k - 0.05) for k, one in enumerate(found, 1))]

    def chance(context: tuple[int, ...], n: int) -> float:
        if n == 0:
            return 1 / VOCABULARY
        following = {gram[-1]: count for gram, count in counts[n].items() if gram[:-1] == context}
        lower = chance(context[1:], n - 1)
        if not following:
            return lower
        taken, total = discounts(n), sum(following.values())
        left = sum(taken[min(count, 3)] for count in following.values()) / total
        count = following.get(token, 0)
        return max(count - taken[min(count, 3)], 0) / total + left * lower

    context = context[-(ORDER - 1) :]
    return chance(context, len(context) + 1)


def test_chances_are_those_of_the_paper(ngrams: NgramModel) -> None:
    ids, contexts = sequence().tolist(), ngrams.begin(1)
    for place, token in enumerate(sequence(12, seed=5).tolist()):
        before = tuple(sequence(12, seed=5)[:place].tolist())
        expected = [kneser_ney(ids, before, token) for token in range(VOCABULARY)]
        np.testing.assert_allclose(ngrams.distribution(contexts)[0], expected, rtol=2e-3)  # kept in half precision
        contexts = ngrams.advance(contexts, np.array([token]))


def test_every_distribution_is_one(ngrams: NgramModel) -> None:
    contexts = ngrams.begin(5)
    for tokens in np.random.default_rng(1).integers(VOCABULARY, size=(40, 5)):  # 7 and 8 were never met
        np.testing.assert_allclose(ngrams.distribution(contexts).sum(1), 1, atol=1e-12)
        assert ngrams.distribution(contexts).min() > 0
        contexts = ngrams.advance(contexts, tokens)


def test_a_text_is_predicted_as_it_is_step_by_step(ngrams: NgramModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.append(sequence(400, seed=2), [8, 7, 1, 2, 3])
    contexts, stepped = ngrams.begin(1), []
    for token in ids:
        stepped.append(-np.log(ngrams.distribution(contexts)[0, token]))
        contexts = ngrams.advance(contexts, np.array([token]))
    np.testing.assert_allclose(ngrams.nats(ids), stepped, atol=1e-12)
    assert ngrams.nats(ids)[:400].mean() < 1.5 < np.log(VOCABULARY)
    monkeypatch.setattr("nlpkit.tasks.generation.counts._STRETCH", 7)
    np.testing.assert_allclose(ngrams.nats(ids), stepped, atol=1e-12)


def test_a_row_does_not_depend_on_others(ngrams: NgramModel) -> None:
    rows = np.stack([sequence(30, seed) for seed in range(6)])
    along = ngrams.along(rows, ngrams.begin(6))
    together = ngrams.distribution(along[:, -1])
    for row, ids in enumerate(rows):
        contexts = ngrams.begin(1)
        for token in ids:
            contexts = ngrams.advance(contexts, np.array([token]))
        np.testing.assert_array_equal(contexts[0], along[row, -1])
        np.testing.assert_array_equal(ngrams.distribution(contexts)[0], together[row])


def test_the_least_telling_ngrams_go_first(ngrams: NgramModel) -> None:
    text, size = sequence(3_000, seed=3), len(ngrams.tokens)
    costs = {}
    for most in (size, size // 2, size // 8):
        fewer = count_ngrams(sequence(), VOCABULARY, ORDER, most)
        assert len(fewer.tokens) <= most + 1
        assert set(fewer.tokens[1 : 1 + fewer.children[0]]) == set(range(7))  # single tokens stay
        np.testing.assert_allclose(fewer.distribution(fewer.begin(1)).sum(), 1)
        costs[most] = fewer.nats(text).mean()
    bigrams = count_ngrams(sequence(), VOCABULARY, 2)
    assert costs[size // 2] < costs[size] + 0.02
    assert costs[size // 8] < bigrams.nats(text).mean()


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_hardly_any_text(length: int) -> None:
    ngrams = count_ngrams(sequence(5)[:length], VOCABULARY, ORDER)
    np.testing.assert_allclose(np.exp(-ngrams.nats(np.array([1, 2, 4, 8]))) > 0, True)
    assert counts_from_bytes(WeightedCounts(ngrams, np.zeros((2, FEATURES))).to_bytes(), VOCABULARY, ORDER)


def test_one_token_for_ever() -> None:
    ngrams = count_ngrams(np.full(5_000, 3), VOCABULARY, ORDER)
    assert ngrams.nats(np.full(50, 3))[ORDER:].max() < 0.01


# -- kept


def weighted(ngrams: NgramModel) -> WeightedCounts:
    return WeightedCounts(ngrams, np.array([[0.5, 0.1, 0.0], [0.5, 0.0, -0.1]]))


def test_what_is_read_back_is_the_same(ngrams: NgramModel) -> None:
    again = counts_from_bytes(weighted(ngrams).to_bytes(), VOCABULARY, ORDER)
    np.testing.assert_array_equal(again.weights, weighted(ngrams).weights)
    np.testing.assert_array_equal(again.ngrams.nats(sequence(200, 9)), ngrams.nats(sequence(200, 9)))
    assert again.to_bytes() == weighted(ngrams).to_bytes()


def put(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def apply(arrays: dict[str, Any]) -> None:
        arrays[name] = change(arrays[name])

    return apply


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("tokens"),
        lambda arrays: arrays.pop("weights"),
        put("tokens", lambda it: it.astype(np.int64)),
        put("tokens", lambda it: np.zeros_like(it)),
        put("tokens", lambda it: it + np.uint8(200)),
        put("tokens", lambda it: it[:-1]),
        put("tokens", lambda it: it[:0]),
        put("tokens", lambda it: it[None]),
        put("tokens", lambda it: it.astype(object)),
        put("children", lambda it: it + np.uint8(1)),
        put("children", lambda it: np.append(it[1:], it[:1])),
        put("chances", lambda it: it * np.float16("nan")),
        put("chances", lambda it: it * np.float16(0)),
        put("chances", lambda it: it.astype(np.float64)),
        put("backoff", lambda it: it + np.float16(2)),
        put("backoff", lambda it: -it),
        put("weights", lambda it: it * np.nan),
        put("weights", lambda it: it * 1e9),
        put("weights", lambda it: it[:1]),
        put("weights", lambda it: it.astype(np.float32)),
    ],
)
def test_counts_that_are_none(ngrams: NgramModel, change: Callable[[dict[str, Any]], Any]) -> None:
    with np.load(io.BytesIO(weighted(ngrams).to_bytes())) as file:
        arrays = {name: file[name] for name in file}
    change(arrays)
    content = io.BytesIO()
    np.savez(content, **arrays)
    with pytest.raises(BundleError, match=r"counts\.npz is damaged") as caught:
        counts_from_bytes(content.getvalue(), VOCABULARY, ORDER)
    assert "\n" not in str(caught.value)


def test_damaged_bytes_are_refused_or_answer(ngrams: NgramModel) -> None:
    content, rng = weighted(ngrams).to_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(len(content), size=rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        try:
            found = counts_from_bytes(bytes(damaged[: len(content) - rng.integers(2) * 40]), VOCABULARY, ORDER)
        except BundleError:
            refused += 1
        else:
            assert np.isfinite(found.ngrams.nats(sequence(50))).all()
    assert refused > 200


# -- weighed


def log_chances(seed: int, wanted: np.ndarray, knows: float) -> np.ndarray:
    """Scores [places, vocabulary] of a model that knows something of what is wanted, and is sure of itself."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(len(wanted), VOCABULARY))
    scores[np.arange(len(wanted)), wanted] += knows
    scores -= np.log(np.exp(scores).sum(1, keepdims=True))
    return scores


def surprise(scores: np.ndarray, wanted: np.ndarray) -> float:
    chosen = scores[np.arange(len(wanted)), wanted]
    return float((np.log(np.exp(scores).sum(1)) - chosen).mean())


def test_two_that_know_different_things_know_more_together() -> None:
    wanted = np.random.default_rng(1).integers(VOCABULARY, size=4_000)
    network, counts = log_chances(2, wanted, 1.5), log_chances(3, wanted, 2.0)
    confidence = np.ones((len(wanted), FEATURES)) * [1, 0, 0]
    weights = weigh(network, counts, confidence, wanted)
    np.testing.assert_allclose(weights[:, 0], [1.5, 2.0], atol=0.2)  # each as sure as it may be: they are independent
    np.testing.assert_allclose(weights[:, 1:], 0, atol=1e-9)
    both = surprise(weights[0, 0] * network + weights[1, 0] * counts, wanted)
    assert both < min(surprise(network, wanted), surprise(counts, wanted)) - 0.2


def test_who_knows_nothing_is_not_asked() -> None:
    wanted = np.random.default_rng(1).integers(VOCABULARY, size=4_000)
    confidence = np.random.default_rng(2).normal(size=(4_000, FEATURES))
    confidence[:, 0] = 1
    weights = weigh(log_chances(2, wanted, 0.0), log_chances(3, wanted, 2.0), confidence, wanted)
    np.testing.assert_allclose(weights[0], 0, atol=0.1)
    np.testing.assert_allclose(weights[1], [2, 0, 0], atol=0.2)


def test_confidence_is_used_where_it_tells() -> None:
    wanted = np.random.default_rng(1).integers(VOCABULARY, size=6_000)
    confidence = np.stack([np.ones(6_000), np.random.default_rng(2).random(6_000), np.zeros(6_000)], 1)
    counts = np.where(confidence[:, 1:2] > 0.5, log_chances(3, wanted, 3.0), log_chances(4, wanted, 0.0))
    weights = weigh(log_chances(2, wanted, 1.0), counts, confidence, wanted)
    assert weights[1, 1] > 1


def test_of_little_text_nothing_is_concluded() -> None:
    wanted = np.array([3])
    weights = weigh(log_chances(2, wanted, 5.0), log_chances(3, wanted, -5.0), np.ones((1, FEATURES)), wanted)
    np.testing.assert_allclose(weights, [[0.5, 0, 0], [0.5, 0, 0]], atol=0.4)
