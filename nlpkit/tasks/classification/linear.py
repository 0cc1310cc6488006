"""Linear models of sparse features, one for each class or label, by scikit-learn."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_FOLDS = 5
_PRIOR = 3.0  # texts without features whose class is as common as in all


def column_count(classes: int, *, several: bool) -> int:
    """How many scores tell the classes apart: one is enough for two, of which a text has one."""
    return 1 if classes == 2 and not several else classes


def targets_of(labels: np.ndarray, columns: int) -> np.ndarray:
    """What each score is to tell, bool [texts, columns], of class ids [texts] or of several labels [texts, labels]."""
    if labels.ndim == 2:
        return labels
    targets: np.ndarray = labels[:, None] == (np.arange(columns) if columns > 1 else np.ones(1))
    return targets


def logits_from(columns: int, classes: int) -> np.ndarray:
    """With what scores [texts, columns] are to be multiplied to be logits [texts, classes]."""
    return np.eye(columns, dtype=np.float32) if columns == classes else np.array([[-0.5, 0.5]], np.float32)


def log_ratios(features: "csr_matrix", target: np.ndarray, smoothing: tuple[float, float]) -> np.ndarray:
    """How much larger each feature's share is in the texts that are the target, bool [texts], than in all others, in
    the logarithm (naive Bayes' weights; Wang & Manning, 2012). `smoothing` is how often each feature is taken to have
    been met besides, in these and in those."""
    counts = (np.asarray(features[rows].sum(0)).ravel() for rows in (target, ~target))
    inside, outside = (count + more for count, more in zip(counts, smoothing, strict=True))
    ratios: np.ndarray = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    return ratios


def out_of_fold(texts: int, answer: Callable[[np.ndarray, np.ndarray], np.ndarray], seed: int) -> np.ndarray:
    """The scores [texts, columns] that models give the texts which they were not fitted on: `answer` fits one on the
    first rows that it is given, and scores the others."""
    fold = np.random.default_rng(seed).permutation(texts) % _FOLDS
    parts = [np.flatnonzero(fold == number) for number in range(min(_FOLDS, texts))]
    found = [answer(np.flatnonzero(fold != number), part) for number, part in enumerate(parts)]
    scores: np.ndarray = np.concatenate(found)[np.argsort(np.concatenate(parts))]
    return scores


def fit_column(
    features: "csr_matrix", target: np.ndarray, strength: float, weights: np.ndarray | None = None, *, silent: int = 0
) -> tuple[np.ndarray, float]:
    """Logistic regression of strength C: weights [features] and a bias for the target, bool [texts], of which each
    text weighs one, or as much as `weights` [texts] say.

    `silent` texts without features are made up besides, of each class as often as the real ones without features are,
    or, where there are few, as all are. They hold the bias near what such a text should get; a free one offsets what
    texts of the usual length have in common, so that shorter ones lean to one side.

    All threads of a process draw from the solver's one generator, so columns are fitted one after the other.
    """
    from scipy.sparse import csr_matrix, vstack
    from sklearn.linear_model import LogisticRegression

    yes = int(target.sum())
    if yes in (0, len(target)) or not features.shape[1]:  # nothing to tell apart, or nothing to tell it by
        return np.zeros(features.shape[1]), float(np.log((yes + 0.5) / (len(target) - yes + 0.5)))
    if silent:
        weights = np.ones(len(target)) if weights is None else weights
        share = float(weights[target].sum() / weights.sum())
        bare = np.asarray(abs(features).sum(1)).ravel() == 0
        share = float((weights[bare & target].sum() + _PRIOR * share) / (weights[bare].sum() + _PRIOR))
        features = vstack([features, csr_matrix((2 * silent, features.shape[1]), dtype=features.dtype)], format="csr")
        # many of little weight: the solver takes four times as long over two of much
        target = np.concatenate([target, np.arange(2 * silent) < silent])
        weights = np.concatenate([weights, np.repeat([share, 1 - share], silent)])
    # the dual takes a tenth of the time, where there are more features than texts
    model = LogisticRegression(C=strength, solver="liblinear", dual=True, max_iter=1_000, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it might have gone on for longer
        model.fit(features, target, weights)
    return model.coef_[0], float(model.intercept_[0])
