"""Drawing the next token: which ones may be drawn, and how likely each is."""

from dataclasses import dataclass

import numpy as np

from nlpkit.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is drawn. The filters apply in this order, each to what the one before left.

    repetition_penalty: how much less likely a token of the recent text becomes: logits above zero are divided by
        it and those below multiplied (Keskar et al., 2019); 1 for none.
    temperature: 0 takes the likeliest token, 1 draws as the model learned; higher is wilder.
    top_k: only so many of the likeliest; 0 for all.
    top_p: only the likeliest that make up this share of the probability (Holtzman et al., 2020); 1 for all.
    min_p: only those at least so likely as this share of the likeliest (Nguyen et al., 2024); 0 for all.

    Raises UsageError for a value out of range.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        for name, value, fine, wanted in (
            ("temperature", self.temperature, 0 <= self.temperature < np.inf, "0 or more"),
            ("top_k", self.top_k, self.top_k >= 0, "0 or more"),
            ("top_p", self.top_p, 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("min_p", self.min_p, 0 <= self.min_p <= 1, "between 0 and 1"),
            ("repetition_penalty", self.repetition_penalty, 1 <= self.repetition_penalty < np.inf, "1 or more"),
        ):
            if not fine:
                raise UsageError(f"{name} must be {wanted}, not {value}")


def probabilities(logits: np.ndarray, options: Sampling, recent: np.ndarray | None = None) -> np.ndarray:
    """What each token's chance is: float64 [rows, vocabulary], each row summing to one.

    logits: [rows, vocabulary]; recent: token ids [rows, n], which the repetition penalty falls on.
    """
    scores = logits.astype(np.float64)
    if options.repetition_penalty != 1 and recent is not None and recent.size:
        said = np.take_along_axis(scores, recent, -1)
        penalized = np.where(said > 0, said / options.repetition_penalty, said * options.repetition_penalty)
        np.put_along_axis(scores, recent, penalized, -1)
    if options.temperature == 0:
        likeliest: np.ndarray = np.arange(scores.shape[-1]) == scores.argmax(-1)[:, None]
        return likeliest.astype(np.float64)
    scores = (scores - scores.max(-1, keepdims=True)) / options.temperature
    if 0 < options.top_k < scores.shape[-1]:
        scores = _keep(scores, _largest(scores, options.top_k))
    chances = _renormalize(np.exp(scores))  # the highest is 0
    if options.top_p < 1:
        order = np.argsort(-chances, axis=-1, kind="stable")
        ranked = np.take_along_axis(chances, order, -1)
        # a token stays when those before it do not yet make up the share; the first always does
        kept = np.zeros(chances.shape, bool)
        np.put_along_axis(kept, order, ranked.cumsum(-1) - ranked < options.top_p, -1)
        chances = _renormalize(np.where(kept, chances, 0))
    if options.min_p > 0:
        chances = _renormalize(np.where(chances >= options.min_p * chances.max(-1, keepdims=True), chances, 0))
    return chances


def draw(chances: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """A token a row, int64 [rows], by chances [rows, vocabulary] and numbers drawn evenly from [0, 1)."""
    upto = chances.cumsum(-1)
    drawn: np.ndarray = (upto <= (uniform * upto[:, -1])[:, None]).sum(-1)
    return drawn


def _largest(scores: np.ndarray, count: int) -> np.ndarray:
    """Which scores are among the `count` largest of their row, the first of equals winning."""
    order = np.argsort(-scores, axis=-1, kind="stable")[:, :count]
    kept = np.zeros(scores.shape, bool)
    np.put_along_axis(kept, order, True, -1)
    return kept


def _keep(scores: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return np.where(kept, scores, -np.inf)


def _renormalize(chances: np.ndarray) -> np.ndarray:
    share: np.ndarray = chances / chances.sum(-1, keepdims=True)
    return share
