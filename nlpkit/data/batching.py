"""Rows into batches: length buckets of few fixed shapes, a token budget, and a seeded order."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from nlpkit.tokenizer import PAD, UNK

Truncation = Literal["head", "tail", "middle"]

BUCKETS = 24  # shapes in an epoch; each costs a compilation on backends that compile for shapes
_LEAST_BATCHES = 32
_WINDOW_TEXTS = 2_048  # sorted by length together; a window is all that is held in memory
_WINDOW_CHARACTERS = 4_000_000
STEP = 8  # widths are multiples of this


class Batch(NamedTuple):
    """Which rows go together, and the shape they are padded to: [shape_rows, width]."""

    rows: np.ndarray
    shape_rows: int
    width: int


def truncate(ids: np.ndarray, max_length: int, truncation: Truncation) -> np.ndarray:
    """At most `max_length` ids: the first, the last, or a quarter from the start and the rest from the end."""
    if len(ids) <= max_length:
        return ids
    if truncation == "head":
        return ids[:max_length]
    if truncation == "tail":
        return ids[len(ids) - max_length :]
    start = max_length // 4
    return np.concatenate([ids[:start], ids[len(ids) - (max_length - start) :]])


def bucket_widths(lengths: np.ndarray, buckets: int = BUCKETS) -> np.ndarray:
    """At most `buckets` ascending widths, multiples of 8, that pad rows of these lengths least.

    Exact, by dynamic programming over the cut points; the widest holds the longest row.
    """
    widths, counts = np.unique(-(-np.maximum(lengths, 1) // STEP) * STEP, return_counts=True)
    if len(widths) > 256:  # long texts: coarser cut points keep this instant
        keep = np.unique(np.linspace(0, len(widths) - 1, 256).round().astype(int))
        counts = np.add.reduceat(counts, np.concatenate([[0], keep[:-1] + 1]))
        widths = widths[keep]
    rows_up_to = np.concatenate([[0], np.cumsum(counts)])
    # cost[j]: steps computed for the j narrowest widths; first bucket, then one more each round
    cost = np.concatenate([[0], widths * rows_up_to[1:]]).astype(np.float64)
    cuts = []
    for _ in range(min(buckets, len(widths)) - 1):
        # options[i, j]: the widths i..j-1 make up the last bucket
        options = cost[:-1, None] + (rows_up_to[None, 1:] - rows_up_to[:-1, None]) * widths[None, :]
        options[np.tril_indices(len(widths), -1)] = np.inf
        cuts.append(options.argmin(0))
        cost = np.concatenate([[0], options.min(0)])
    chosen, end = [], len(widths)
    for cut in reversed(cuts):
        chosen.append(widths[end - 1])
        end = int(cut[end - 1])
        if end == 0:
            return np.array(chosen[::-1])
    return np.array([widths[end - 1], *chosen[::-1]])


def plan_epoch(lengths: np.ndarray, batch_size: int, batch_tokens: int, rng: np.random.Generator) -> list[Batch]:
    """One epoch: every row once, in an order drawn from `rng`.

    A batch has at most `batch_size` rows and `batch_tokens` steps, padding counted, and fewer where the data
    are few, so that an epoch has some `_LEAST_BATCHES` batches to learn in. Rows that do not fill a batch of
    their bucket move up to the next wider one, so that only the widest ends in a batch with rows of padding.
    """
    widths = bucket_widths(lengths)
    bucket = np.searchsorted(widths, lengths)
    order = rng.permutation(len(lengths))
    batch_size = _batch_size(batch_size, len(lengths))
    batches: list[Batch] = []
    left = np.empty(0, dtype=order.dtype)
    for number, width in enumerate(widths.tolist()):
        rows = np.concatenate([left, order[bucket[order] == number]])
        size = max(1, min(batch_size, batch_tokens // width))
        full = len(rows) // size * size
        batches += [Batch(part, size, width) for part in rows[:full].reshape(-1, size)]
        left = rows[full:]
    if len(left):
        batches.append(Batch(left, size, width))
    return [batches[i] for i in rng.permutation(len(batches))]


def plan_pairs(
    source: np.ndarray, target: np.ndarray, batch_size: int, batch_tokens: int, rng: np.random.Generator
) -> list[Batch]:
    """One epoch of pairs whose sides have these lengths, as `plan_epoch` plans one of rows.

    Pairs that are alike in both lengths go together; which ones, of the many that are, is drawn from `rng`. A batch's
    width is that of its longest side, and `batch_tokens` bounds the steps of that side.
    """
    order = rng.permutation(len(source))
    order = order[np.lexsort((source[order], target[order]))]
    longest = np.maximum(source, target)[order]
    batch_size = _batch_size(batch_size, len(source))
    batches: list[Batch] = []
    start = 0
    while start < len(order):
        rows = longest[start : start + batch_size]
        fits = np.maximum.accumulate(rows) * np.arange(1, len(rows) + 1) <= batch_tokens
        count = max(1, int(fits.sum()))
        batches.append(Batch(order[start : start + count], count, int(rows[:count].max())))
        start += count
    return [batches[i] for i in rng.permutation(len(batches))]


def _batch_size(wanted: int, rows: int) -> int:
    """Fewer rows a batch where the data are few."""
    return min(wanted, max(4, rows // _LEAST_BATCHES))


def sorted_batches(lengths: Sequence[int], batch_tokens: int, batch_rows: int | None = None) -> list[np.ndarray]:
    """Row numbers in batches of like length, for prediction: at most `batch_tokens` steps each, padding counted, and
    `batch_rows` rows."""
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    for end in range(1, len(order) + 1):
        # the row at `end` would be the longest of its batch
        full = end == len(order) or (end - start + 1) * lengths[order[end]] > batch_tokens
        if full or end - start == batch_rows:
            batches.append(order[start:end])
            start = end
    return batches


def windows(texts: Iterable[str], scale: int = 1) -> Iterator[list[str]]:
    """A stream of texts, so many at a time as prediction holds in memory: `scale` times the usual number."""
    window: list[str] = []
    characters = 0
    for text in texts:
        window.append(text)
        characters += len(text)
        if len(window) == scale * _WINDOW_TEXTS or characters > scale * _WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window


def pad(
    rows: Sequence[np.ndarray], *, shape_rows: int = 0, width: int = 0, step: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """(ids int32 [batch, width], lengths int32 [batch]), padded on the right: to the width, or, where a row is longer,
    to the next multiple of the step.

    A text of no tokens, and rows beyond the given ones, come out as one unknown token.
    """
    lengths = np.ones(max(len(rows), shape_rows), dtype=np.int32)
    lengths[: len(rows)] = [max(1, len(row)) for row in rows]
    longest = -(-int(lengths.max(initial=1)) // step) * step
    ids = np.full((len(lengths), max(width, longest)), PAD, dtype=np.int32)
    ids[:, 0] = UNK
    for target, row in zip(ids, rows, strict=False):
        target[: len(row)] = row
    return ids, lengths
