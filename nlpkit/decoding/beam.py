"""Beam search: the likeliest sequences, kept a few at a time."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hypothesis:
    """A sequence of token ids and the sum of its log-probabilities. It ended when its last token is an end."""

    ids: tuple[int, ...]
    score: float


def beam_search(
    first: np.ndarray,
    step: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    width: int,
    length: int,
    ends: Collection[int] = (),
) -> list[Hypothesis]:
    """The `width` likeliest sequences found, the likeliest first, of at most `length` tokens.

    first: log-probabilities [vocabulary] of the first token. `step(parents, tokens)` takes, for each sequence that is
    kept, its row among those of the step before and its new token, int64 [rows] each, and gives the log-probabilities
    [rows, vocabulary] of what comes next. A sequence is finished at a token of `ends`, or at `length`.
    """
    kept = [Hypothesis((), 0.0)]
    finished: list[Hypothesis] = []
    chances = first[None]
    for _ in range(length):
        scores = np.array([hypothesis.score for hypothesis in kept])[:, None] + chances
        order = np.argsort(-scores, axis=None, kind="stable")[: width + len(ends) * len(kept)]
        parents, tokens = np.unravel_index(order, scores.shape)
        grown: list[Hypothesis] = []
        rows: list[int] = []
        for parent, token in zip(parents.tolist(), tokens.tolist(), strict=True):
            score = float(scores[parent, token])
            if score == -np.inf or len(grown) == width:
                break
            hypothesis = Hypothesis((*kept[parent].ids, token), score)
            if token in ends:
                finished.append(hypothesis)
            else:
                grown.append(hypothesis)
                rows.append(parent)
        finished = sorted(finished, key=lambda h: -h.score)[:width]
        kept = grown
        # scores only fall: what is finished and better than all that is kept stays the best
        if not kept or (len(finished) == width and finished[-1].score >= kept[0].score):
            break
        chances = step(np.array(rows), np.array([hypothesis.ids[-1] for hypothesis in kept]))
    else:
        finished += kept
    return sorted(finished, key=lambda h: -h.score)[:width]
