"""Linear models of sparse features, one for each class or label, by scikit-learn."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


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


def fit_linear(
    features: "csr_matrix", targets: np.ndarray, strength: float, *, ratios: bool = False, balanced: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression of strength C, for each column of targets bool [texts, columns]: weights [features, columns]
    and biases [columns].

    With `ratios` a feature is scaled by how much larger its share is in the texts that are it than in all others, in
    the logarithm (NB-SVM; Wang & Manning, 2012). With `balanced` both sides of a column weigh as much, and the bias is
    then put right for how common they are (King & Zeng, 2001): of a rare class more is learned so.
    """
    # one after the other: all threads of a process draw from liblinear's one generator
    solved = [_fit_one(features, target, strength, ratios, balanced) for target in targets.T]
    return np.stack([weights for weights, _ in solved], axis=1), np.array([bias for _, bias in solved])


def _fit_one(
    features: "csr_matrix", target: np.ndarray, strength: float, ratios: bool, balanced: bool
) -> tuple[np.ndarray, float]:
    from scipy.sparse import diags_array
    from sklearn.linear_model import LogisticRegression

    yes = int(target.sum())
    if yes in (0, len(target)) or not features.shape[1]:  # nothing to tell apart, or nothing to tell it by
        return np.zeros(features.shape[1]), float(np.log((yes + 0.5) / (len(target) - yes + 0.5)))
    scale = np.ones(features.shape[1])
    if ratios:
        inside, outside = (np.asarray(features[rows].sum(0)).ravel() + 1 for rows in (target, ~target))
        scale = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    weight = "balanced" if balanced else None
    # the dual takes a tenth of the time, where there are more features than texts
    model = LogisticRegression(
        C=strength, solver="liblinear", dual=True, max_iter=1_000, class_weight=weight, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it might have gone on for longer
        model.fit(features @ diags_array(scale), target)
    prior = float(np.log(yes / (len(target) - yes))) if balanced else 0.0
    return model.coef_[0] * scale, float(model.intercept_[0]) + prior
