"""The linear yardstick: TF-IDF of words and word pairs under logistic regression, on the same split."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from nlpkit.data.corpus import Corpus, PreparedData
from nlpkit.data.dataset import Example
from nlpkit.data.labels import all_of
from nlpkit.errors import DataError
from nlpkit.metrics import (
    ClassificationReport,
    LabelsReport,
    best_thresholds,
    classification_report,
    labels_report,
)


def require_sklearn() -> None:
    """Raises DataError when scikit-learn is not installed: better before training than after."""
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        raise DataError('--baseline needs scikit-learn; pip install "nlpkit-lstm[baseline]" brings it')


def fit_baseline(
    data: PreparedData, evaluations: dict[str, Iterable[Example]]
) -> dict[str, ClassificationReport | LabelsReport]:
    """Fits on the training split's whole texts, and reports on each of `evaluations`, by name. Several labels a text
    are fitted one by one, each with a threshold from the validation split, as the LSTM's have."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    linear = LogisticRegression(C=10.0, max_iter=1_000)
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32),
        OneVsRestClassifier(linear) if data.several else linear,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Label .* is present in all training examples")  # or in none
        model.fit(_texts(data.train), np.asarray(data.train.labels))
    place = {label: number for number, label in enumerate(data.labels)}

    def probabilities(texts: Sequence[str]) -> np.ndarray:
        found = np.zeros((len(texts), len(data.labels)))
        found[:, slice(None) if data.several else model.classes_] = model.predict_proba(texts)
        return found

    if data.several:
        thresholds = best_thresholds(probabilities(_texts(data.validation)), np.asarray(data.validation.labels))
    reports: dict[str, ClassificationReport | LabelsReport] = {}
    for split, examples in evaluations.items():
        judged = [example for example in examples if place.keys() >= set(all_of(example.label))]
        texts = [data.tokenizer.normalize(example.text) for example in judged]
        labels = [example.label for example in judged]
        if data.several:
            truth = np.zeros((len(texts), len(data.labels)), bool)
            for row, label in enumerate(labels):
                truth[row, [place[one] for one in all_of(label)]] = True
            reports[split] = labels_report(probabilities(texts), truth, data.labels, thresholds)
        else:
            truth = np.array([place[one] for label in labels for one in all_of(label)])
            reports[split] = classification_report(probabilities(texts), truth, data.labels)
    return reports


def _texts(corpus: Corpus) -> list[str]:
    return [corpus.text(row) for row in range(len(corpus))]
