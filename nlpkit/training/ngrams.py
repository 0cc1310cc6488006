"""The words beside the sequence: naive Bayes and logistic regression on n-grams of pieces, and the weight of each part.

Logistic regression on n-gram counts, each scaled by the log-ratio of its share in the texts of a class to that in all
others (NB-SVM; Wang & Manning, 2012), is hard to beat where labelled texts are few. It knows no order beyond its
n-grams; the recurrent network does, and their sum is better than either (wide and deep; Cheng et al., 2016).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.data.batching import pad, truncate
from nlpkit.data.corpus import Corpus, PreparedData
from nlpkit.recipe import ClassificationRecipe
from nlpkit.runtime.ngrams import NgramWeights, ngram_buckets, piece_codes
from nlpkit.tokenizer import Tokenizer
from nlpkit.training.linear import column_count, fit_linear, logits_from, targets_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MOST_TOKENS = 20_000_000  # of as many texts as hold them the model is fitted
_FEW_TOKENS = 2_000_000  # up to so many there is time for folds
_FOLDS = 5
_STRENGTHS = (0.1, 1.0)  # C of logistic regression; the first without folds
_LEAST_BUCKETS, _MOST_CELLS = 1 << 14, 1 << 19  # of the table
_HEAVIEST = 15  # n-grams that are named for a label


@dataclass(frozen=True)
class NgramModel:
    """What was fitted: the weights, the bias float32 [classes], and each label's n-grams of most weight."""

    weights: NgramWeights
    bias: np.ndarray
    heaviest: dict[str, list[str]]

    def scores(self, corpus: Corpus, recipe: ClassificationRecipe) -> np.ndarray:
        """The scores of a corpus' texts: float32 [texts, classes]."""
        buckets = len(self.weights.table)
        counts = _counts(_rows(corpus, np.arange(len(corpus)), recipe), self.weights.codes, buckets)
        scores: np.ndarray = (counts @ self.weights.table.astype(np.float32)) @ self.weights.kernel + self.bias
        return scores


def fit_ngrams(recipe: ClassificationRecipe, data: PreparedData) -> NgramModel:
    """A model of n-grams of up to the recipe's `model.ngrams` pieces, fitted on the train split, the same every time.

    Where the data are few, its strength and its scale are those that answer best for texts that it was not fitted on.
    """
    classes, columns = len(data.labels), column_count(len(data.labels), several=data.several)
    chosen = _sample(data.train.lengths(), recipe.training.seed)
    rows = _rows(data.train, chosen, recipe)
    tokens = sum(map(len, rows))
    buckets = bucket_count(tokens, columns)
    alike = _without_capitals(data.tokenizer)
    codes = piece_codes(alike, recipe.model.ngrams, buckets)
    counts = _counts(rows, codes, buckets)
    labels = np.asarray(data.train.labels[chosen])
    targets = targets_of(labels, columns)
    spread = logits_from(columns, classes)
    balanced = recipe.training.class_weights == "balanced"
    strength, scale = _STRENGTHS[0], 1.0
    if tokens <= _FEW_TOKENS:
        judged = []
        for candidate in _STRENGTHS:
            held_out = _out_of_fold(counts, targets, candidate, balanced, recipe.training.seed) @ spread
            (weight,), loss = best_weights([held_out], labels, [0.0], several=data.several)
            judged.append((loss, candidate, weight))
        _, strength, scale = min(judged)
    weights, bias = fit_linear(counts, targets, strength, ratios=True, balanced=balanced)
    grid = np.maximum(np.abs(weights).max(0), 1e-12) / 127
    table = np.rint(weights / grid).astype(np.int8)
    fitted = NgramWeights(codes, table, (scale * grid[:, None] * spread).astype(np.float32))
    heaviest = _heaviest(fitted, rows, alike, data)
    return NgramModel(fitted, (scale * bias @ spread).astype(np.float32), heaviest)


def bucket_count(tokens: int, columns: int) -> int:
    """Buckets for so many tokens to learn from: a power of two, eight times as many where the table may be so large."""
    most = max(_LEAST_BUCKETS, _MOST_CELLS // columns)
    return 1 << (min(max(8 * tokens, _LEAST_BUCKETS), most).bit_length() - 1)


def best_weights(
    parts: Sequence[np.ndarray], truth: np.ndarray, prior: Sequence[float], *, several: bool, ridge: float = 1.0
) -> tuple[list[float], float]:
    """The weights, none below zero, with which the sum of the parts' logits [texts, classes] has the least log loss on
    texts that no part was fitted on, and that mean loss.

    Few texts do not tell: the weights are held to the `prior`, by so much as `ridge` texts that are as likely one class
    as another (a penalty in the standard deviation that a part then has; Hastie et al., 2009, 4.4).
    """
    from scipy.optimize import minimize

    logits = np.stack(parts).astype(np.float64)
    if several:
        wanted = np.asarray(truth, np.float64)
    else:
        logits -= logits.mean(-1, keepdims=True)
        wanted = np.eye(logits.shape[-1])[truth]
    held = ridge * np.maximum(logits.var((1, 2)), 1e-12)
    expected = np.array(prior)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total = np.tensordot(weights, logits, 1)
        if several:
            nats = np.logaddexp(0, total) - wanted * total
            found = 1 / (1 + np.exp(-total))
        else:
            total -= total.max(-1, keepdims=True)
            log_sum = np.log(np.exp(total).sum(-1, keepdims=True))
            nats = -wanted * (total - log_sum)
            found = np.exp(total - log_sum)
        off = weights - expected
        gradient = ((found - wanted) * logits).sum((1, 2)) + held * off
        return float(nats.sum() + (held * off**2).sum() / 2), gradient

    found = minimize(loss, expected + 0.1, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(parts))
    return found.x.tolist(), float(found.fun) / len(truth)


def _sample(lengths: np.ndarray, seed: int) -> np.ndarray:
    """The rows to fit on, ascending: all, or as many, drawn, as hold no more than `_MOST_TOKENS`."""
    order = np.random.default_rng(seed).permutation(len(lengths))
    return np.sort(order[lengths[order].cumsum() <= _MOST_TOKENS])


def _rows(corpus: Corpus, chosen: np.ndarray, recipe: ClassificationRecipe) -> list[np.ndarray]:
    """The token ids of texts as the network reads them."""
    section = recipe.tokenizer
    rows = [truncate(corpus.row(row), section.max_length, section.truncation) for row in chosen.tolist()]
    nothing = pad([np.empty(0, np.int32)])[0][0]
    return [row if len(row) else nothing for row in rows]


def _counts(rows: Sequence[np.ndarray], codes: np.ndarray, buckets: int) -> "csr_matrix":
    """How often each text has an n-gram of each bucket: float32 [texts, buckets]."""
    from scipy.sparse import csr_matrix

    found = [np.concatenate(ngram_buckets(row, codes, buckets)) for row in rows]
    ends = np.cumsum([0, *map(len, found)])
    flat = np.concatenate(found)
    counts = csr_matrix((np.ones(len(flat), np.float32), flat, ends), shape=(len(rows), buckets))
    counts.sum_duplicates()
    return counts


def _without_capitals(tokenizer: Tokenizer) -> np.ndarray:
    """For each piece the one of the same letters without capitals, or itself where there is none: int [vocabulary]."""
    pieces = tokenizer.pieces(range(len(tokenizer)))
    place = {piece: number for number, piece in enumerate(pieces)}
    return np.array([place.get(piece.lower(), number) for number, piece in enumerate(pieces)])


def _out_of_fold(counts: "csr_matrix", targets: np.ndarray, strength: float, balanced: bool, seed: int) -> np.ndarray:
    """The scores [texts, columns] that models give the texts which they were not fitted on."""
    fold = np.random.default_rng(seed).permutation(len(targets)) % _FOLDS
    scores = np.zeros(targets.shape)
    for number in range(_FOLDS):
        rest, held_out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(rest) and len(held_out):
            weights, bias = fit_linear(counts[rest], targets[rest], strength, ratios=True, balanced=balanced)
            scores[held_out] = counts[held_out] @ weights + bias
    return scores


def _heaviest(
    weights: NgramWeights, rows: Sequence[np.ndarray], alike: np.ndarray, data: PreparedData
) -> dict[str, list[str]]:
    """The n-grams that speak most for each label, heaviest first, spelled; one for each bucket, its commonest."""
    buckets = len(weights.table)
    scores = weights.table.astype(np.float32) @ weights.kernel
    best = {label: np.argsort(-scores[:, i], kind="stable")[:_HEAVIEST] for i, label in enumerate(data.labels)}
    wanted = np.zeros(buckets, bool)
    wanted[np.concatenate([*best.values()])] = True
    found: dict[int, Counter[tuple[int, ...]]] = {}
    for row in rows:
        for place, numbers in enumerate(ngram_buckets(row, weights.codes, buckets)):
            for start in np.flatnonzero(wanted[numbers]).tolist():
                ngram = tuple(alike[row[start : start + place + 1]].tolist())
                found.setdefault(int(numbers[start]), Counter())[ngram] += 1
    return {
        label: [
            data.tokenizer.decode(found[one].most_common(1)[0][0]).strip() for one in chosen.tolist() if one in found
        ]
        for label, chosen in best.items()
    }
