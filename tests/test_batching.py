"""Batches: every row once, few shapes, little padding, and the same for the same seed."""

import numpy as np
import pytest

from nlpkit.data.batching import bucket_widths, pad, plan_epoch, sorted_batches, truncate
from nlpkit.tokenizer import PAD, UNK


def lengths(count: int = 12_000, seed: int = 0) -> np.ndarray:
    drawn: np.ndarray = np.minimum(np.random.default_rng(seed).lognormal(5, 0.6, count).astype(int), 700)
    return drawn


def plan(seed: int = 0) -> list:  # type: ignore[type-arg]
    return plan_epoch(lengths(), 64, 16_384, np.random.default_rng(seed))


def test_every_row_once_and_within_the_limits() -> None:
    batches = plan()
    assert sorted(np.concatenate([batch.rows for batch in batches])) == list(range(12_000))
    for batch in batches:
        assert len(batch.rows) <= batch.shape_rows <= 64
        assert batch.shape_rows * batch.width <= 16_384
        assert lengths()[batch.rows].max() <= batch.width


def test_few_shapes_and_little_padding() -> None:
    batches = plan()
    assert len({(batch.shape_rows, batch.width) for batch in batches}) <= 25
    assert sum(len(batch.rows) < batch.shape_rows for batch in batches) <= 1
    computed = sum(batch.shape_rows * batch.width for batch in batches)
    assert 1 - lengths().sum() / computed < 0.1


def test_order_follows_the_seed() -> None:
    def rows(seed: int) -> list[list[int]]:
        return [batch.rows.tolist() for batch in plan(seed)]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_small_data_still_makes_steps() -> None:
    assert len(plan_epoch(np.full(200, 10), 64, 16_384, np.random.default_rng(0))) >= 30


@pytest.mark.parametrize("count", [1, 2, 5])
def test_bucket_widths_are_the_best_there_are(count: int) -> None:
    from itertools import combinations

    some = np.array([3, 9, 9, 17, 30, 31, 44, 58, 59, 60])
    tops = sorted({-(-n // 8) * 8 for n in some.tolist()})

    def cost(widths: tuple[int, ...]) -> int:
        return sum(min(width for width in widths if width >= n) for n in some.tolist())

    best = min(cost((*chosen, tops[-1])) for k in range(count) for chosen in combinations(tops[:-1], k))
    found = bucket_widths(some, count)
    assert cost(tuple(found)) == best
    assert len(found) <= count
    assert list(found) == sorted(found)


def test_many_different_lengths_stay_quick_and_covered() -> None:
    long = np.random.default_rng(0).integers(1, 100_000, 5000)
    assert bucket_widths(long)[-1] >= long.max()


def test_truncation() -> None:
    ids = np.arange(10)
    assert truncate(ids, 4, "head").tolist() == [0, 1, 2, 3]
    assert truncate(ids, 4, "tail").tolist() == [6, 7, 8, 9]
    assert truncate(ids, 4, "middle").tolist() == [0, 7, 8, 9]
    assert truncate(ids, 10, "tail").tolist() == ids.tolist()


def test_padding() -> None:
    ids, counts = pad([np.array([7, 8]), np.array([], int)], shape_rows=3, width=4)
    assert ids.tolist() == [[7, 8, PAD, PAD], [UNK, PAD, PAD, PAD], [UNK, PAD, PAD, PAD]]
    assert counts.tolist() == [2, 1, 1]
    assert pad([np.arange(1, 6)], width=4)[0].shape == (1, 5)
    assert pad([np.arange(1, 6)], width=4, step=4)[0].tolist() == [[1, 2, 3, 4, 5, PAD, PAD, PAD]]


def test_sorted_batches_cover_all_within_the_budget() -> None:
    some = lengths(500).tolist()
    batches = sorted_batches(some, 2_000)
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert all(len(batch) * max(some[i] for i in batch) <= 2_000 for batch in batches)
    assert sorted_batches([5_000], 2_000)[0].tolist() == [0]  # longer than the budget: alone
    assert sorted_batches([], 2_000) == []
    assert [batch.tolist() for batch in sorted_batches([3, 1, 2, 900, 4], 1_000, 2)] == [[1, 2], [0, 4], [3]]
