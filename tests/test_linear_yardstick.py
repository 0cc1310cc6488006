"""The linear models of words that a classifier is held against."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from nlpkit.data.dataset import Example, dataset_from_lists
from nlpkit.tasks.classification.corpus import PreparedData, prepare
from nlpkit.tasks.classification.linear import fit_column
from nlpkit.tasks.classification.recipe import ClassificationRecipe
from nlpkit.tasks.classification.report import ClassificationReport, LabelsReport
from nlpkit.tasks.classification.yardstick import linear_yardstick
from tests.conftest import made_reviews
from tests.test_ngrams import negated
from tests.test_several import made_topics

RECIPE = ClassificationRecipe()


def prepared(texts: list[str], labels: list[Any]) -> PreparedData:
    return prepare(dataset_from_lists(texts, labels), RECIPE)


def test_words_are_learned_and_judged_on_the_rows_given() -> None:
    texts, labels = map(list, zip(*made_reviews(300), strict=True))
    judged = [Example(*row) for row in made_reviews(100, seed=5)]
    found = linear_yardstick(prepared(texts, labels), {"test": judged})
    assert found is not None
    report = found.reports["test"]
    assert isinstance(report, ClassificationReport)
    assert report.examples == len(report.each) == 100
    assert report.accuracy >= 0.95
    assert "logistic regression" in found.name


def test_the_better_of_both_is_taken() -> None:
    # punctuation, which TF-IDF's words leave out, and common words tell the labels apart
    texts = [f"we went {word} {mark}" for word in ("up", "down", "home") for mark in "!?" for _ in range(20)]
    labels = ["loud" if "!" in text else "asking" for text in texts]
    found = linear_yardstick(
        prepared(texts, labels), {"test": [Example(*row) for row in zip(texts, labels, strict=True)]}
    )
    assert found is not None
    assert found.name.startswith("NB-weighted")
    report = found.reports["test"]
    assert isinstance(report, ClassificationReport)
    assert report.accuracy == 1.0


def test_three_labels_and_one_that_is_not_known() -> None:
    texts = [f"{word} thing {i}" for i in range(40) for word in ("red", "green", "blue")]
    labels = [text.split()[0] for text in texts]
    judged = [Example("a red thing", "red"), Example("a pink thing", "pink"), Example("a blue thing", "blue")]
    found = linear_yardstick(prepared(texts, labels), {"test": judged})
    assert found is not None
    report = found.reports["test"]
    assert isinstance(report, ClassificationReport)
    assert (report.examples, report.accuracy) == (2, 1.0)


def test_several_labels_a_text() -> None:
    texts, labels = made_topics(300)
    judged = [Example(text, tuple(topics)) for text, topics in zip(*made_topics(80, seed=4), strict=True)]
    found = linear_yardstick(prepared(texts, labels), {"test": judged})
    assert found is not None
    report = found.reports["test"]
    assert isinstance(report, LabelsReport)
    assert report.micro_f1 >= 0.95
    assert report.each.shape == (80, 3)


def test_of_very_many_texts_some_are_taken_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpkit.tasks.classification.yardstick._MOST_TEXTS", 100)
    texts, labels = negated(200, 1)
    data = prepared(texts, labels)
    found = [
        linear_yardstick(data, {"test": [Example(*row) for row in zip(*negated(50, 2), strict=True)]}) for _ in "ab"
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].name.endswith(" on 100 of the texts")
    np.testing.assert_array_equal(found[0].reports["test"].each, found[1].reports["test"].each)


def test_of_many_labels_fewer_texts_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpkit.tasks.classification.yardstick._MOST_TEXTS", 200)
    monkeypatch.setattr("nlpkit.tasks.classification.yardstick._MANY_LABELS", 3)
    texts = [f"word{number % 6} and more" for number in range(300)]
    data = prepared(texts, [text.split()[0] for text in texts])
    found = linear_yardstick(data, {"test": [Example(text, text.split()[0]) for text in texts[:6]]})
    assert found is not None
    assert found.name.endswith(" on 100 of the texts")


def test_texts_that_share_no_word_have_no_yardstick() -> None:
    texts = [chr(0x4E00 + number) * 3 for number in range(40)]
    data = prepared(texts, ["a", "b"] * 20)
    assert linear_yardstick(data, {"test": [Example("x", "a")]}) is None


def test_many_labels_are_fitted_to_the_same_bits_every_time() -> None:
    rng = np.random.default_rng(0)
    features = scipy.sparse.csr_matrix(rng.random((400, 300)) < 0.1, dtype=np.float32)
    targets = rng.random((400, 8)) < 0.3
    first = [fit_column(features, target, 1.0) for target in targets.T]
    for _ in range(5):
        for target, (weights, bias) in zip(targets.T, first, strict=True):
            again = fit_column(features, target, 1.0)
            np.testing.assert_array_equal(again[0], weights)
            assert again[1] == bias


@pytest.mark.parametrize("yes", [50, 100])
def test_a_text_without_features_gets_the_share_of_the_class(yes: int) -> None:
    # all texts have one feature, and the other, which tells, nine in ten of the class and one in ten of the others
    target = np.arange(200) < yes
    tells = np.where(target, np.arange(200) % 10 > 0, np.arange(200) % 10 == 0)
    features = scipy.sparse.csr_matrix(np.stack([np.ones(200), tells], axis=1))
    share = yes / 200
    wanted, found = np.log(share / (1 - share)), np.log(share * 0.1 / ((1 - share) * 0.9))
    weights, bias = fit_column(features, target, 100.0, silent=20)
    assert bias == pytest.approx(wanted, abs=0.15)
    assert bias + weights[0] == pytest.approx(found, abs=0.15)  # what the texts themselves say
    weights, alone = fit_column(features, target, 100.0)
    assert abs(alone - wanted) > 0.5
    # of texts that weigh more than others their weight tells
    _, bias = fit_column(features, target, 100.0, np.where(target, 3.0, 1.0), silent=20)
    assert bias == pytest.approx(np.log(3 * share / (1 - share)), abs=0.3)


def test_what_texts_without_features_are_is_learned_from_them() -> None:
    # a rare class of which nothing is known, beside others that all have a feature
    target = np.arange(1_000) < 12
    features = scipy.sparse.csr_matrix((~target).astype(np.float64)[:, None])
    weights, bias = fit_column(features, target, 100.0, silent=100)
    assert bias > 0 > bias + weights[0]


def test_beside_a_model_that_read_what_was_held_out_the_yardstick_reads_it_too() -> None:
    texts = [f"{word} thing" for word in ("good", "bad") for _ in range(30)]
    labels = [text.split()[0] for text in texts]
    data = prepared(texts, labels)
    told = [data.validation.text(row) for row in range(len(data.validation))]
    assert len(told) == 6
    # a word that tells the labels apart, and stands in what was held out alone
    words = {0: "dire", 1: "superb"}
    for row, label in enumerate(data.validation.labels):
        told[row] = f"{words[int(label)]} thing"

    class Told(type(data.validation)):  # type: ignore[misc]
        def text(self, row: int) -> str:
            return told[row]

    data = replace(data, validation=Told(**vars(data.validation)))
    judged = {"test": [Example("a superb thing", "good"), Example("a dire thing", "bad")]}
    alone, both = (linear_yardstick(data, judged, refitted=refitted) for refitted in (False, True))
    assert alone is not None
    assert both is not None
    reports: list[Any] = [alone.reports["test"], both.reports["test"]]
    assert [report.accuracy for report in reports] == [0.5, 1.0]
