"""The head of a classifier whose backbone stays as it was: logistic regression on what the backbone makes of texts.

A backbone that has read much needs no further training where labelled texts are few: a linear model of its states,
fitted in seconds, is hard to beat (Howard & Ruder, 2018, freeze it first), and its scores for texts that it was not
fitted on tell how much to trust it.
"""

import time
from dataclasses import dataclass

import keras
import numpy as np

from nlpkit.cores import on_all_cores, one_blas_thread
from nlpkit.data.batching import pad, sorted_batches, truncate
from nlpkit.data.cache import Report
from nlpkit.runtime.session import Session
from nlpkit.tasks.classification.corpus import Corpus, PreparedData
from nlpkit.tasks.classification.linear import out_of_fold
from nlpkit.tasks.classification.ngrams import NgramWeights
from nlpkit.tasks.classification.ngrams_fit import best_weights
from nlpkit.tasks.classification.recipe import ClassificationRecipe
from nlpkit.training.plan import TrainingPlan

_TOKENS = 16_384  # of a batch, padding counted
_STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # C of logistic regression, to choose from, for features of spread one
_MOST_CHOSEN_BY = 2_000  # texts
RIDGE = 60.0  # texts' worth, by which parts are held to weigh as much as each other
_SHOWN = 16  # batches between two reports
_TIMED = 256  # texts


@dataclass(frozen=True)
class EarlierHead:
    """What a classifier of the same labels answers by, which a new one starts from: kernel float32 [features, classes],
    and n-grams, where it has some; the bias [classes] is that of both."""

    kernel: np.ndarray
    bias: np.ndarray
    ngrams: NgramWeights | None


@dataclass(frozen=True)
class FrozenHead:
    """A linear model of a backbone's features, fitted on the train split: kernel float32 [features, classes] and bias
    [classes]; the same fitted on the validation split, too; the logits [texts, classes] for texts of train, each of a
    model that was not fitted on it, and for those of the validation split. What the `earlier` one says by its features
    is a part of all of them."""

    kernel: np.ndarray
    bias: np.ndarray
    final: tuple[np.ndarray, np.ndarray]
    out_of_fold: np.ndarray
    held_out: np.ndarray
    earlier: EarlierHead | None = None


def features_of(
    encoder: Session, corpus: Corpus, recipe: ClassificationRecipe, report: Report, stage: str
) -> np.ndarray:
    """What the backbone makes of each text, pooled: float32 [texts, features]."""
    section = recipe.tokenizer
    rows = [truncate(corpus.row(row), section.max_length, section.truncation) for row in range(len(corpus))]
    batches = sorted_batches([max(1, len(row)) for row in rows], _TOKENS)
    features = np.empty((len(rows), int(encoder.shape("features")[-1])), np.float32)
    done = 0
    for start in range(0, len(batches), _SHOWN):
        part = batches[start : start + _SHOWN]
        found = on_all_cores(lambda batch: encoder.run(*pad([rows[i] for i in batch]))[0], part)
        for batch, answer in zip(part, found, strict=True):
            features[batch] = answer
            done += len(batch)
        report(stage, done, len(rows))
    return features


@one_blas_thread()
def fit_head(
    encoder: Session,
    recipe: ClassificationRecipe,
    data: PreparedData,
    report: Report = lambda *_: None,
    earlier: EarlierHead | None = None,
) -> FrozenHead:
    """The head that suits the backbone's features of the data best, by logistic regression whose strength is the one
    of least loss on texts that it was not fitted on, weighed beside the `earlier` head; the same every time."""
    train = features_of(encoder, data.train, recipe, report, "reading train with the backbone")
    held_out = features_of(encoder, data.validation, recipe, report, "reading validation with the backbone")
    report("fitting the head", 0, None)
    truth, seed, classes = np.asarray(data.train.labels), recipe.training.seed, len(data.labels)
    balanced = recipe.training.class_weights == "balanced"

    def unread(features: np.ndarray, labels: np.ndarray, strength: float) -> np.ndarray:
        def answer(rest: np.ndarray, others: np.ndarray) -> np.ndarray:
            kernel, bias = _fit(features[rest], labels[rest], classes, strength, balanced=balanced)
            logits: np.ndarray = features[others] @ kernel + bias
            return logits

        return out_of_fold(len(labels), answer, seed)

    some = np.random.default_rng(seed).permutation(len(truth))[:_MOST_CHOSEN_BY]
    spread = max(float(train.var(0).mean()), 1e-12)
    losses = [_loss(unread(train[some], truth[some], strength / spread), truth[some]) for strength in _STRENGTHS]
    strength = _STRENGTHS[int(np.argmin(losses))] / spread
    kernel, bias = _fit(train, truth, classes, strength, balanced=balanced)
    both = np.concatenate([train, held_out])
    labels = np.concatenate([truth, np.asarray(data.validation.labels)])
    final = _fit(both, labels, classes, strength, balanced=balanced)
    folded = unread(train, truth, strength)
    if earlier is not None:
        before = earlier.bias if earlier.ngrams is None else np.zeros_like(earlier.bias)
        parts = [folded, train @ earlier.kernel + before]
        (own, other), _ = best_weights(parts, truth, [0.5, 0.5], several=data.several, ridge=RIDGE)
        folded = own * folded + other * parts[1]
        (kernel, bias), final = (
            (own * some + other * earlier.kernel, own * more + other * before) for some, more in ((kernel, bias), final)
        )
    return FrozenHead(kernel, bias, final, folded, held_out @ kernel + bias, earlier)


def plan_head(
    network: keras.Model, encoder: Session, recipe: ClassificationRecipe, data: PreparedData, *, unit: str
) -> TrainingPlan:
    """What fitting a head comes to, by the time that the backbone takes for some of the texts; the fit itself, and what
    stands beside it, take a while more."""
    lengths = np.minimum(data.train.lengths(), recipe.tokenizer.max_length)
    some = np.arange(min(len(data.train), _TIMED))
    began = time.monotonic()
    rows = [
        truncate(data.train.row(row), recipe.tokenizer.max_length, recipe.tokenizer.truncation) for row in some.tolist()
    ]
    on_all_cores(lambda batch: encoder.run(*pad([rows[i] for i in batch]))[0], sorted_batches(lengths[some], _TOKENS))
    per_token = (time.monotonic() - began) / max(1, int(lengths[some].sum()))
    held_out = np.minimum(data.validation.lengths(), recipe.tokenizer.max_length)
    return TrainingPlan(
        train=len(data.train),
        validation=len(data.validation),
        unit=unit,
        labels=list(data.labels),
        vocabulary=len(data.tokenizer),
        tokens_per_epoch=int(lengths.sum()),
        padding=0.0,
        parameters=network.count_params(),
        steps_per_epoch=1,
        epochs=1,
        updates=1,
        length=f"{len(data.train):,} texts: read once, since the backbone stays as it is and the head alone is fitted",
        seconds=per_token * int(lengths.sum() + held_out.sum()),
    )


def _fit(
    features: np.ndarray, truth: np.ndarray, classes: int, strength: float, *, balanced: bool
) -> tuple[np.ndarray, np.ndarray]:
    """A kernel float32 [features, classes] and a bias, for class ids [texts] or bool [texts, classes].

    Features are outputs of a cell, so between -1 and 1; were they scaled by how far they spread, one that hardly does
    would rule the answers for texts of another length.
    """
    from sklearn.linear_model import LogisticRegression

    mean = features.mean(0)
    centred = features - mean
    kernel, bias = np.zeros((features.shape[1], classes)), np.zeros(classes)

    def fitted(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # states go together, which L-BFGS takes many steps to find its way through; Newton's for all classes at once
        # would be of the square of classes times features
        solver = "newton-cholesky" if targets.dtype == bool else "lbfgs"
        weights = "balanced" if balanced else None
        model = LogisticRegression(C=strength, max_iter=300, class_weight=weights, solver=solver)
        model.fit(centred, targets)
        return model.coef_, model.intercept_

    if truth.ndim == 2:
        for label, targets in enumerate(truth.T):
            if targets.all() or not targets.any():
                bias[label] = np.log((targets.sum() + 0.5) / ((~targets).sum() + 0.5))
            else:
                (kernel[:, label],), (bias[label],) = fitted(targets)
    else:
        met = np.unique(truth)
        bias[:] = np.log(0.5 / (len(truth) + 0.5))  # of a class that no text has
        if len(met) == 1:
            bias[met] = 0.0
        elif len(met) == 2:
            (weights,), (offset,) = fitted(truth == met[1])
            kernel[:, met] = np.stack([-weights / 2, weights / 2], 1)
            bias[met] = np.array([-offset / 2, offset / 2])
        else:
            weights, offsets = fitted(truth)
            kernel[:, met], bias[met] = weights.T, offsets
    return kernel.astype(np.float32), (bias - mean @ kernel).astype(np.float32)


def _loss(logits: np.ndarray, truth: np.ndarray) -> float:
    """The mean cross-entropy of logits [texts, classes], of one class or of each by itself."""
    if truth.ndim == 2:
        return float((np.logaddexp(0, logits) - truth * logits).mean())
    highest = logits.max(-1, keepdims=True)
    total = np.log(np.exp(logits - highest).sum(-1)) + highest[:, 0]
    return float((total - logits[np.arange(len(truth)), truth]).mean())
