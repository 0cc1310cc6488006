"""The linear yardstick: TF-IDF of words and word pairs under logistic regression, on the same split."""

from collections.abc import Iterable

import numpy as np

from nlpkit.data.corpus import PreparedData
from nlpkit.data.dataset import Example
from nlpkit.errors import DataError
from nlpkit.metrics import ClassificationReport, classification_report


def require_sklearn() -> None:
    """Raises DataError when scikit-learn is not installed: better before training than after."""
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        raise DataError('--baseline needs scikit-learn; pip install "nlpkit-lstm[baseline]" brings it')


def fit_baseline(data: PreparedData, evaluations: dict[str, Iterable[Example]]) -> dict[str, ClassificationReport]:
    """Fits on the training split's whole texts, and reports on each of `evaluations`, by name."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32),
        LogisticRegression(C=10.0, max_iter=1_000),
    )
    model.fit([data.train.text(row) for row in range(len(data.train))], data.train.labels)
    reports = {}
    for split, examples in evaluations.items():
        judged = [example for example in examples if example.label in data.labels]
        texts = [data.tokenizer.normalize(example.text) for example in judged]
        truth = np.array([data.labels.index(example.label) for example in judged])
        probabilities = np.zeros((len(truth), len(data.labels)))
        probabilities[:, model.classes_] = model.predict_proba(texts)
        reports[split] = classification_report(probabilities, truth, data.labels)
    return reports
