"""The yardstick of classifiers: the stronger of two linear models of words, on the same split."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlpkit.data.batching import windows
from nlpkit.data.dataset import Example
from nlpkit.data.labels import all_of
from nlpkit.tasks.classification.corpus import Corpus, JoinedCorpora, PreparedData
from nlpkit.tasks.classification.linear import column_count, fit_column, log_ratios, logits_from, targets_of
from nlpkit.tasks.classification.report import (
    ClassificationReport,
    LabelsReport,
    best_thresholds,
    classification_report,
    labels_report,
    rare_weights,
)
from nlpkit.yardstick import Yardstick

_MOST_TEXTS = 50_000  # to fit on: a yardstick is not to take longer than what it measures;
_MANY_LABELS = 100  # of more labels, each of which is fitted for itself, fewer


@dataclass(frozen=True)
class _Model:
    """What makes features of texts; weights [features, labels] and a bias [labels]; whether each label stands for
    itself."""

    vectorizer: Any
    weights: np.ndarray
    bias: np.ndarray
    several: bool

    def probabilities(self, texts: Iterable[str]) -> np.ndarray:
        logits = self.vectorizer.transform(texts) @ self.weights + self.bias
        odds = np.exp(np.clip(logits, -50, 50))
        found: np.ndarray = odds / (1 + odds) if self.several else odds / odds.sum(-1, keepdims=True)
        return found


def linear_yardstick(
    data: PreparedData, judged: Mapping[str, Iterable[Example]], seed: int = 1, *, refitted: bool = False
) -> Yardstick | None:
    """The better, on all rows of `judged` together, of TF-IDF of words and word pairs, and of 1- to 3-grams of words
    and punctuation weighted by naive Bayes' log-ratios (Wang & Manning, 2012), each under logistic regression.

    Both are fitted on whole texts of the train split, of which they take `_MOST_TEXTS`; those that answer other splits
    than the validation split on its texts, too, where the model is `refitted` on them. As the network's, the threshold
    of each of several labels, or how readily a rare one is given, is from the validation split. None where no word is
    in two texts.
    """
    models = known = _fit(data, data.train, seed)
    if refitted and {*judged} - {"validation"}:
        known = _fit(data, JoinedCorpora((data.train, data.validation)), seed)
    models = {name: model for name, model in models.items() if name in known}
    reports: dict[str, dict[str, ClassificationReport | LabelsReport]] = {name: {} for name in models}
    points = {name: _operating_point(model, data) for name, model in models.items()}
    for split, rows in judged.items():
        asked = models if split == "validation" else {name: known[name] for name in models}
        answers, truth = _answers(rows, asked, data)
        for name, probabilities in answers.items():
            if data.several:
                reports[name][split] = labels_report(probabilities, truth, data.labels, points[name])
            else:
                reports[name][split] = classification_report(probabilities, truth, data.labels, weights=points[name])
    best = max(models, key=lambda name: sum(map(_right, reports[name].values())), default=None)
    return None if best is None else Yardstick(best, reports[best])


def _fit(data: PreparedData, corpus: Corpus | JoinedCorpora, seed: int) -> dict[str, _Model]:
    """The models by name, fitted on a corpus of the data; without one that finds no words."""
    from scipy.sparse import diags_array
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    pairs = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    word = r"\w+|[^\w\s]"
    triples = CountVectorizer(ngram_range=(1, 3), min_df=2, binary=True, token_pattern=word, dtype=np.float32)
    columns = column_count(len(data.labels), several=data.several)
    most = _MOST_TEXTS * _MANY_LABELS // max(_MANY_LABELS, columns)
    rows = np.sort(np.random.default_rng(seed).permutation(len(corpus))[:most])
    texts = [corpus.text(row) for row in rows.tolist()]
    targets, spread = targets_of(np.asarray(corpus.labels[rows]), columns), logits_from(columns, len(data.labels))
    some = f" on {most:,} of the texts" if most < len(data.train) else ""
    models = {}
    for name, vectorizer, strength, ratios in (
        ("TF-IDF of words and pairs, logistic regression", pairs, 10.0, False),
        ("NB-weighted words, pairs and triples, logistic regression", triples, 0.1, True),
    ):
        try:
            features = vectorizer.fit_transform(texts)
        except ValueError:  # there are none
            continue
        fitted = []
        for target in targets.T:
            scale = log_ratios(features, target, (1, 1)) if ratios else np.ones(features.shape[1])
            weights, bias = fit_column(features @ diags_array(scale), target, strength)
            fitted.append((weights * scale, bias))
        weights, biases = (np.stack(found, axis=-1) for found in zip(*fitted, strict=True))
        models[name + some] = _Model(vectorizer, weights @ spread, biases @ spread, data.several)
    return models


def _operating_point(model: _Model, data: PreparedData) -> Any:
    """The threshold of each of several labels, or how readily each is given, by the validation split."""
    texts = (data.validation.text(row) for row in range(len(data.validation)))
    found = np.concatenate([model.probabilities(window) for window in windows(texts)])
    truth = np.asarray(data.validation.labels)
    return best_thresholds(found, truth) if data.several else rare_weights(found, truth, data.shares())


def _answers(
    rows: Iterable[Example], models: Mapping[str, _Model], data: PreparedData
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Each model's probabilities [texts, labels] for the rows whose labels are known, and these: class ids [texts], or
    bool [texts, labels]."""
    place = {label: number for number, label in enumerate(data.labels)}
    truth: list[list[int]] = []

    def texts() -> Iterator[str]:
        for text, label in rows:
            if place.keys() >= set(all_of(label)):
                truth.append([place[one] for one in all_of(label)])
                yield data.tokenizer.normalize(text)

    found = [[model.probabilities(window) for model in models.values()] for window in windows(texts())]
    answers = {name: np.concatenate(parts) for name, parts in zip(models, zip(*found, strict=True), strict=True)}
    if not data.several:
        return answers, np.array(truth)[:, 0]
    matrix = np.zeros((len(truth), len(data.labels)), bool)
    for row, labels in enumerate(truth):
        matrix[row, labels] = True
    return answers, matrix


def _right(report: ClassificationReport | LabelsReport) -> float:
    """How many answers are right; where a label is rare, as many as its F1, and those of the others, are worth."""
    if isinstance(report, LabelsReport):
        return report.micro_f1 * report.examples
    return (report.accuracy if report.weights is None else report.macro_f1) * report.examples
