"""The words beside the sequence: naive Bayes and logistic regression on n-grams, and the weight of each part.

Logistic regression on n-grams is hard to beat where labelled texts are few. Each n-gram of a text is scaled by the
log-ratio of its share in the texts of a class to that in all others (NB-SVM; Wang & Manning, 2012) and by how few texts
have it (inverse document frequency; Spärck Jones, 1972), and the whole to length one. It knows no order beyond its
n-grams; the recurrent network does, and their sum is better than either (wide and deep; Cheng et al., 2016).

Texts without labels teach it words that the labelled ones have too rarely, or not at all: a first model answers them,
and a second learns from its answers beside the labels (self-training; Yarowsky, 1995).
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.data.batching import pad, truncate
from nlpkit.tasks.classification.corpus import Corpus, JoinedCorpora, PreparedData
from nlpkit.tasks.classification.linear import (
    column_count,
    fit_column,
    log_ratios,
    logits_from,
    out_of_fold,
    targets_of,
)
from nlpkit.tasks.classification.ngrams import NgramWeights, find_ngrams, piece_codes, place_of
from nlpkit.tasks.classification.recipe import ClassificationRecipe, ClassifierTokenizer
from nlpkit.tokenizer import Tokenizer

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MOST_TOKENS = 10_000_000  # of as many texts as hold them the model is fitted; of many labels of fewer
_MOST_FOLDED = 20_000_000  # tokens times labels up to which the scores of texts that were not read take seconds
_STRENGTH = 100.0  # C of logistic regression
_SMOOTHING = 3.0  # times that an n-gram is taken to have been met besides, in the classes by how common they are
_SILENT, _LEAST_SILENT = 0.01, 10  # texts without n-grams that are made up for each one that there is; at least
_LEAST_BUCKETS, _MOST_BYTES = 1 << 11, 3_000_000  # of the table and the norms
_MOST_LOGITS = 1 << 23  # of a part, by which the parts are weighed
_UNLABELLED_WEIGHT = 0.1  # of a text without a label, beside one of a text that has one
_ROUNDS = 50  # of finding by how much to favour labels
_HEAVIEST = 15  # n-grams that are named for a label
_SPACE = "\u2581"  # as SentencePiece spells it
_UNSPACED = ("CJK UNIFIED", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


@dataclass(frozen=True)
class FittedNgrams:
    """What was fitted: the weights, the bias float32 [classes], and each label's n-grams of most weight; the rows of
    the texts it was fitted on, and, where these are not very many, the scores float32 [texts, classes] that models
    fitted on the others gave them."""

    weights: NgramWeights
    bias: np.ndarray
    heaviest: dict[str, list[str]]
    rows: np.ndarray
    out_of_fold: np.ndarray | None

    def scores(self, corpus: Corpus, recipe: ClassificationRecipe) -> np.ndarray:
        """The scores of a corpus' texts: float32 [texts, classes]."""
        scores: np.ndarray = corpus_scores(self.weights, corpus, recipe) + self.bias
        return scores


def corpus_scores(weights: NgramWeights, corpus: Corpus, recipe: ClassificationRecipe) -> np.ndarray:
    """The scores of a corpus' texts by n-grams without their bias: float32 [texts, classes]."""
    rows = _as_read(map(corpus.row, range(len(corpus))), recipe.tokenizer)
    scores: np.ndarray = np.stack([weights.scores(row) for row in rows])
    return scores


def fit_ngrams(
    recipe: ClassificationRecipe,
    data: PreparedData,
    corpus: Corpus | JoinedCorpora,
    unlabelled: Sequence[np.ndarray] = (),
    buckets: int | None = None,
) -> FittedNgrams:
    """A model of n-grams of up to the recipe's `model.ngrams` words, fitted on a corpus of the data, and on the token
    ids of texts without labels, the same every time, in so many `buckets` or in as many as it needs. Where the texts
    are not very many the model's scale is the one that suits texts that it was not fitted on."""
    columns = column_count(len(data.labels), several=data.several)
    spread = logits_from(columns, len(data.labels))
    chosen = _sample(corpus.lengths(), columns, recipe.training.seed)
    rows = _as_read(chain(map(corpus.row, chosen.tolist()), unlabelled), recipe.tokenizer)
    count = len(chosen)
    alike = _without_capitals(data.tokenizer)
    codes, edges = piece_codes(alike, recipe.model.ngrams), word_edges(data.tokenizer)
    keys, features = _features(rows, codes, edges)
    labels = np.asarray(corpus.labels[chosen])
    targets, scale, unread = targets_of(labels, columns), 1.0, None
    shift = np.zeros(columns)
    if recipe.training.class_weights == "balanced":
        shift = -np.log((targets.sum(0) + 0.5) / ((~targets).sum(0) + 0.5))  # all are as likely as each other

    def learn(some: np.ndarray) -> _Linear:
        first = _fit(features[some], targets[some])
        if count == len(rows):
            return first
        others = np.arange(count, len(rows))
        answers = _in_like_shares(first.scores(features[others]), targets[some], several=data.several)
        weights = np.repeat([1.0, _UNLABELLED_WEIGHT], [len(some), len(others)])
        return _fit(features[np.concatenate([some, others])], np.concatenate([targets[some], answers]), weights)

    if sum(map(len, rows[:count])) * columns <= _MOST_FOLDED:

        def answer(rest: np.ndarray, held_out: np.ndarray) -> np.ndarray:
            return learn(rest).scores(features[held_out])

        folded = out_of_fold(count, answer, recipe.training.seed)
        (scale,), _ = best_weights([folded @ spread], labels, [1.0], several=data.several)
        unread = (scale * (folded + shift) @ spread).astype(np.float32)
    model = learn(np.arange(count))
    bias = model.bias + shift
    # what is written last owns the bucket
    order = np.argsort(np.abs(model.weights).max(1, initial=0) * np.sqrt(features.getnnz(0)), kind="stable")
    buckets = buckets or bucket_count(len(keys), columns)
    bucket, mark = place_of(keys[order], buckets)
    marks, table = np.zeros(buckets, np.uint8), np.zeros((buckets, columns), np.int8)
    norms = np.zeros((buckets, columns), np.uint8)
    (weights, step), (lengths, norm_step) = _rounded(model.weights, 127), _rounded(model.norms, 255)
    marks[bucket], table[bucket], norms[bucket] = mark, weights[order], lengths[order]
    kernel = (scale * (step / norm_step)[:, None] * spread).astype(np.float32)
    return FittedNgrams(
        weights=NgramWeights(codes, edges, marks, table, norms, kernel),
        bias=(scale * bias @ spread).astype(np.float32),
        heaviest=_heaviest(keys, model.weights @ spread, rows, codes, edges, alike, data),
        rows=chosen,
        out_of_fold=unread,
    )


def _rounded(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Values [n-grams, columns] as whole numbers up to `most`, and each column's step between them."""
    steps = np.maximum(np.abs(values).max(0, initial=0), 1e-12) / most
    return np.rint(values / steps), steps


def bucket_count(ngrams: int, columns: int) -> int:
    """Buckets for so many n-grams: a power of two, twice as many, where the table and the norms may be so large."""
    most = max(_LEAST_BUCKETS, _MOST_BYTES // (2 * columns + 1))
    return 1 << (min(max(2 * ngrams, _LEAST_BUCKETS), most).bit_length() - 1)


def best_weights(
    parts: Sequence[np.ndarray], truth: np.ndarray, prior: Sequence[float], *, several: bool, ridge: float = 10.0
) -> tuple[list[float], float]:
    """The weights, none below zero, with which the sum of the parts' logits [texts, classes] has the least log loss on
    texts that no part was fitted on, and that mean loss.

    Few texts do not tell: the weights are held to the `prior`, by so much as `ridge` texts that are as likely one class
    as another (a penalty in the standard deviation that a part then has; Hastie et al., 2009, 4.4).
    """
    from scipy.optimize import minimize

    every = -(-parts[0].size // _MOST_LOGITS)  # of very many texts some tell as well
    truth = np.asarray(truth)[::every]
    logits = np.stack([part[::every] for part in parts]).astype(np.float64)
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


def _sample(lengths: np.ndarray, columns: int, seed: int) -> np.ndarray:
    """The rows to fit on, ascending: all, or as many, drawn, as hold no more than `_MOST_TOKENS`; of more than ten
    columns, each of which is fitted for itself, fewer."""
    order = np.random.default_rng(seed).permutation(len(lengths))
    most = _MOST_TOKENS * 10 // max(10, columns)
    return np.sort(order[lengths[order].cumsum() <= max(most, int(lengths.max()))])


@dataclass(frozen=True)
class _Linear:
    """Of each column: the weights of n-grams and by how much each lengthens a text [n-grams, columns], and the bias."""

    weights: np.ndarray
    norms: np.ndarray
    bias: np.ndarray

    def scores(self, features: "csr_matrix") -> np.ndarray:
        lengths = np.sqrt(features @ self.norms**2)
        scores: np.ndarray = features @ self.weights / np.where(lengths > 0, lengths, 1) + self.bias
        return scores


def _in_like_shares(scores: np.ndarray, targets: np.ndarray, *, several: bool) -> np.ndarray:
    """Answers by scores [texts, columns], bool, of which each has the share that it has among `targets`: a model of a
    few texts leans to one side, and what it says of others would lean further."""
    shares = (targets.sum(0) + 0.5) / (len(targets) + 1)
    if several or scores.shape[1] == 1:
        counts = np.rint(shares * len(scores)).astype(int)
        ranks = np.argsort(np.argsort(-scores, axis=0, kind="stable"), axis=0)
        answers: np.ndarray = ranks < counts
        return answers
    shift = np.zeros(len(shares))
    for _ in range(_ROUNDS):
        odds = np.exp(scores + shift - (scores + shift).max(1, keepdims=True))
        found = (odds / odds.sum(1, keepdims=True)).mean(0)
        shift += np.log(shares / shares.sum()) - np.log(np.maximum(found, 1e-12))
    answers = np.arange(len(shares)) == (scores + shift).argmax(1)[:, None]
    return answers


def _fit(features: "csr_matrix", targets: np.ndarray, weights: np.ndarray | None = None) -> _Linear:
    from scipy.sparse import diags_array

    texts, ngrams = features.shape
    rarity = np.log((1 + texts) / (1 + features.getnnz(0))) + 1
    kernel, norms = np.empty((ngrams, targets.shape[1])), np.empty((ngrams, targets.shape[1]))
    bias = np.empty(targets.shape[1])
    learned = texts if weights is None else float(weights.sum())
    # for a single column; of several, each fitted by itself, the log loss was worse for it
    silent = max(_LEAST_SILENT, round(_SILENT * learned)) if targets.shape[1] == 1 else 0
    for column, target in enumerate(targets.T):
        share = (float(target.sum()) + 0.5) / (texts + 1)
        scale = log_ratios(features, target, (_SMOOTHING * share, _SMOOTHING * (1 - share))) * rarity
        lengths = np.sqrt(features @ scale**2)
        unit = diags_array(1 / np.where(lengths > 0, lengths, 1)) @ features @ diags_array(scale)
        own, bias[column] = fit_column(unit, target, _STRENGTH, weights, silent=silent)
        kernel[:, column], norms[:, column] = own * scale, np.abs(scale)
    return _Linear(kernel, norms, bias)


def _as_read(texts: Iterable[np.ndarray], section: ClassifierTokenizer) -> list[np.ndarray]:
    """The token ids of texts as the network reads them."""
    rows = [truncate(ids, section.max_length, section.truncation) for ids in texts]
    nothing = pad([np.empty(0, np.int32)])[0][0]
    return [row if len(row) else nothing for row in rows]


def _features(rows: Sequence[np.ndarray], codes: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, "csr_matrix"]:
    """The keys of the n-grams that two texts have, and which of them each text has: 0 and 1, float32 [texts, n-grams].

    What a single text has says more of that text than of its label.
    """
    from scipy.sparse import csr_matrix

    found = [np.unique(find_ngrams(row, codes, edges).keys) for row in rows]
    keys, places = np.unique(np.concatenate(found), return_inverse=True)
    ends = np.cumsum([0, *map(len, found)])
    ones = np.ones(len(places), np.float32)
    features = csr_matrix((ones, places.astype(np.int32), ends), shape=(len(rows), len(keys)))
    common = np.flatnonzero(features.getnnz(0) > 1)
    return keys[common], features[:, common]


def _without_capitals(tokenizer: Tokenizer) -> np.ndarray:
    """For each piece the one of the same letters without capitals, or itself where there is none: int [vocabulary]."""
    pieces = tokenizer.pieces(range(len(tokenizer)))
    place = {piece: number for number, piece in enumerate(pieces)}
    return np.array([place.get(piece.lower(), number) for number, piece in enumerate(pieces)])


def word_edges(tokenizer: Tokenizer) -> np.ndarray:
    """Whether a word begins before each piece, and whether one begins after it, bool [vocabulary, 2]: at white space,
    on both sides of whatever is no letter and no digit, and of pieces in scripts that put no space between words."""
    spellings = tokenizer.pieces(range(len(tokenizer)))
    edges = np.array([[_is_edge(piece[0]), _is_edge(piece[-1])] for piece in spellings])
    edges[[number for number, piece in enumerate(spellings) if piece == _SPACE], 1] = False  # it is its word's first
    edges[list(tokenizer.byte_pieces().values())] = False  # most are a part of a rare letter
    return edges


def _is_edge(character: str) -> bool:
    """Whether no word goes on across it."""
    return unicodedata.category(character)[0] not in "LMN" or unicodedata.name(character, "").startswith(_UNSPACED)


def _heaviest(
    keys: np.ndarray,
    scores: np.ndarray,
    rows: Sequence[np.ndarray],
    codes: np.ndarray,
    edges: np.ndarray,
    alike: np.ndarray,
    data: PreparedData,
) -> dict[str, list[str]]:
    """The n-grams, of keys [n-grams] and scores [n-grams, classes], that speak most for each label, heaviest first,
    spelled."""
    best = {
        label: [key for place, key in enumerate(keys[order].tolist()) if scores[order[place], number] > 0]
        for number, label in enumerate(data.labels)
        for order in [np.argsort(-scores[:, number], kind="stable")[:_HEAVIEST]]
    }
    wanted = np.unique([key for chosen in best.values() for key in chosen])
    spelled: dict[int, str] = {}
    for row in rows:
        if len(spelled) == len(wanted):
            break
        found = find_ngrams(row, codes, edges)
        for place in np.flatnonzero(np.isin(found.keys, wanted)).tolist():
            ngram = alike[row[found.starts[place] : found.ends[place]]]
            spelled.setdefault(int(found.keys[place]), data.tokenizer.decode(ngram).strip())
    return {label: [spelled[key] for key in chosen] for label, chosen in best.items()}
