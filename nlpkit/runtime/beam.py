"""Beam search: the likeliest sequences, kept a few at a time, for many inputs side by side."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np

from nlpkit.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """How finished sequences are compared (Wu et al., 2016): log p / ((5 + length) / 6) ** length_penalty, plus
    coverage_penalty times the sum over the source of log(min(attention paid in all, 1)). Zeros leave log p alone.

    Raises UsageError for a value below zero.
    """

    length_penalty: float = 0.0
    coverage_penalty: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < np.inf:
                raise UsageError(f"{name} must be 0 or more, not {value}")

    def scores(self, sums: np.ndarray, length: int) -> np.ndarray:
        """Sums of log-probabilities of sequences of a length, normalized by it."""
        normalized: np.ndarray = sums / ((5 + length) / 6) ** self.length_penalty
        return normalized


@dataclass(frozen=True)
class Step:
    """What a model says after a step of every sequence that is kept.

    log_probabilities: [rows, vocabulary]; attention: [rows, source steps], and the source's lengths [inputs], where
    the model looks back on a source.
    """

    log_probabilities: np.ndarray
    attention: np.ndarray | None = None


@dataclass(frozen=True)
class Hypothesis:
    """A sequence of token ids without its end, the sum of its log-probabilities, its rank, higher being better, the
    attention paid at each step, its end's included, [steps, source steps], and whether it was cut at the limit."""

    ids: tuple[int, ...]
    log_probability: float
    score: float
    attention: np.ndarray | None = field(default=None, compare=False)
    cut: bool = False


def beam_search(
    step: Callable[[np.ndarray, np.ndarray, np.ndarray], Step],
    inputs: int,
    *,
    width: int,
    limits: np.ndarray,
    begin: int,
    ends: Collection[int] = (),
    ranking: Ranking = Ranking(),
    lengths: np.ndarray | None = None,
) -> list[list[Hypothesis]]:
    """For each input the best sequences found, at most `width`, the best first, of at most limits [inputs] tokens.

    `step(inputs, parents, tokens)` gives what comes after the tokens, int64 [inputs, kept], each of which continues
    row `parents` [inputs, kept] of the step before, for the inputs that are still searched: int64 [inputs], their
    places among those of the step before. At first each has one row and the token `begin`. A sequence is finished
    at a token of `ends`, or at its limit. An input is searched until `width` of its sequences are finished and none
    that is kept ranks above the last of them. `lengths` are those of the sources, which coverage is counted over.
    """
    searched = np.arange(inputs)  # which input each place stands for
    places = np.arange(inputs)
    parents = np.arange(inputs)[:, None]
    tokens = np.full((inputs, 1), begin)
    sums = np.zeros((inputs, 1))
    history: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]] = []
    finished: list[list[_Finished]] = [[] for _ in range(inputs)]
    covered: np.ndarray | None = None
    length = 0
    while len(searched):
        length += 1
        answer = step(places, parents, tokens)
        count, kept = tokens.shape
        vocabulary = answer.log_probabilities.shape[-1]
        history.append((parents.reshape(-1), tokens.reshape(-1), answer.attention))
        if answer.attention is not None and ranking.coverage_penalty:
            before = covered[parents.reshape(-1)] if covered is not None else 0.0
            covered = before + answer.attention
        totals = (sums[..., None] + answer.log_probabilities.reshape(count, kept, vocabulary)).reshape(count, -1)
        # so many that `width` are left when each kept sequence has ended in every way it can
        wanted = min(width + len(ends) * kept, totals.shape[1])
        order = _best(totals, wanted)
        scores = np.take_along_axis(totals, order, 1)
        rows, drawn = np.divmod(order, vocabulary)
        is_end, last = np.isin(drawn, list(ends)), limits[searched] <= length
        ending = (is_end | last[:, None])[:, :width] & (scores[:, :width] > -np.inf)
        for place, rank in zip(*np.nonzero(ending), strict=True):
            row = place * kept + rows[place, rank]
            total = float(scores[place, rank])
            score = float(ranking.scores(np.array(total), length))
            if covered is not None and lengths is not None:
                paid = covered[row, : lengths[searched[place]]]
                score += ranking.coverage_penalty * float(np.log(np.clip(paid, 1e-9, 1)).sum())
            end = None if is_end[place, rank] else int(drawn[place, rank])
            finished[searched[place]].append(_Finished(score, total, length - 1, int(row), end))
        # the best that go on, `width` of them; where there are fewer, impossible ones fill up
        scores = np.where(is_end, -np.inf, scores)
        going = np.argsort(is_end, axis=1, kind="stable")[:, :width]
        scores, rows, drawn = (np.take_along_axis(array, going, 1) for array in (scores, rows, drawn))
        on = ~last & (scores[:, 0] > -np.inf)
        for place in np.flatnonzero(on):
            done = sorted(finished[searched[place]], key=lambda one: -one.score)[:width]
            finished[searched[place]] = done
            if len(done) == width and done[-1].score >= ranking.scores(scores[place, 0], length):
                on[place] = False
        places = np.flatnonzero(on)
        parents = (places[:, None] * kept) + rows[on]
        tokens, sums, searched = drawn[on], scores[on], searched[on]
    return [[_trace(one, history) for one in sorted(found, key=lambda one: -one.score)[:width]] for found in finished]


@dataclass(frozen=True)
class _Finished:
    """Where a sequence ended: at a step, in a row of it, with a last token unless that was an end."""

    score: float
    log_probability: float
    step: int
    row: int
    token: int | None


def _trace(one: _Finished, history: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]) -> Hypothesis:
    ids = [] if one.token is None else [one.token]
    attention = []
    row = one.row
    for parents, tokens, paid in reversed(history[: one.step + 1]):
        if paid is not None:
            attention.append(paid[row])
        ids.append(int(tokens[row]))
        row = int(parents[row])
    ids.reverse()
    paid_in_all = np.array(attention[::-1]) if attention else None
    return Hypothesis(tuple(ids[1:]), one.log_probability, one.score, paid_in_all, cut=one.token is not None)


def _best(totals: np.ndarray, count: int) -> np.ndarray:
    """The places of the `count` highest of each row, the highest first."""
    if count < totals.shape[1]:
        some = np.argpartition(-totals, count - 1, axis=1)[:, :count]
        some.sort(axis=1)
    else:
        some = np.broadcast_to(np.arange(count), totals.shape)
    order = np.argsort(-np.take_along_axis(totals, some, 1), axis=1, kind="stable")
    return np.take_along_axis(some, order, 1)
