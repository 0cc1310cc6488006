"""Figures worked out by hand."""

from typing import Any

import numpy as np
import pytest

from nlpkit.metrics import (
    Selective,
    best_thresholds,
    calibration_error,
    classification_report,
    labels_report,
    least_score,
)


def test_a_report_by_hand() -> None:
    probabilities = np.array([[0.8, 0.2, 0.0], [0.6, 0.4, 0.0], [0.3, 0.7, 0.0], [0.9, 0.1, 0.0]])
    report = classification_report(probabilities, np.array([0, 1, 1, 0]), ("a", "b", "c"))
    assert report.accuracy == 0.75
    assert report.confusion == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]
    a, b, c = report.classes
    assert (a.precision, a.recall, a.f1, a.support) == pytest.approx((2 / 3, 1, 0.8, 2))
    assert (b.precision, b.recall, b.f1, b.support) == pytest.approx((1, 0.5, 2 / 3, 2))
    assert (c.precision, c.recall, c.f1, c.support) == (0, 0, 0, 0)
    assert report.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)  # c neither occurs nor was any called it
    assert report.log_loss == pytest.approx(-np.log([0.8, 0.4, 0.7, 0.9]).mean())
    assert report.to_dict()["classes"][0]["label"] == "a"


def test_calibration() -> None:
    surely = np.full(100, 0.9)
    assert calibration_error(surely, np.arange(100) < 90) == pytest.approx(0)
    assert calibration_error(surely, np.arange(100) < 50) == pytest.approx(0.4)
    assert calibration_error(np.ones(10), np.ones(10)) == pytest.approx(0)


def test_certainty_in_error_is_finite() -> None:
    report = classification_report(np.array([[1.0, 0.0]]), np.array([1]), ("a", "b"))
    assert report.log_loss == pytest.approx(-np.log(1e-12))


def random_answers(seed: int, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [40, classes] and truth [40]; of the classes some do not occur, and some are never called."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), 40)
    probabilities[:, rng.integers(classes)] = 0
    present = rng.choice(classes, rng.integers(1, classes), replace=False)
    return probabilities / probabilities.sum(1, keepdims=True), rng.choice(present, 40)


@pytest.mark.parametrize("seed", range(30))
def test_figures_are_scikit_learn_s(seed: int) -> None:
    from sklearn import metrics

    probabilities, truth = random_answers(seed)
    report = classification_report(probabilities, truth, tuple("abcdef"))
    called = probabilities.argmax(1)
    assert report.macro_f1 == pytest.approx(metrics.f1_score(truth, called, average="macro"))
    assert report.accuracy == pytest.approx(metrics.accuracy_score(truth, called))
    given = metrics.precision_recall_fscore_support(truth, called, labels=range(6), zero_division=0)
    ours = [(scores.precision, scores.recall, scores.f1, scores.support) for scores in report.classes]
    np.testing.assert_allclose(ours, np.array(given).T)


@pytest.mark.parametrize("seed", range(30))
def test_figures_of_several_labels_are_scikit_learn_s(seed: int) -> None:
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    probabilities, thresholds = rng.random((30, 5)), rng.random(5)
    truth = rng.random((30, 5)) < rng.random(5) * rng.integers(0, 2, 5)
    thresholds[rng.integers(5)] = 2  # one is never given
    report = labels_report(probabilities, truth, tuple("abcde"), thresholds)
    called = probabilities >= thresholds
    seen = np.flatnonzero(truth.any(0) | called.any(0))
    options: dict[str, Any] = {"zero_division": 0}
    assert report.micro_f1 == pytest.approx(metrics.f1_score(truth, called, average="micro", **options))
    assert report.macro_f1 == pytest.approx(metrics.f1_score(truth, called, labels=seen, average="macro", **options))
    assert report.micro_precision == pytest.approx(metrics.precision_score(truth, called, average="micro", **options))
    assert report.micro_recall == pytest.approx(metrics.recall_score(truth, called, average="micro", **options))
    assert report.subset_accuracy == pytest.approx(metrics.accuracy_score(truth, called))
    assert report.hamming_loss == pytest.approx(metrics.hamming_loss(truth, called))
    given = metrics.precision_recall_fscore_support(truth, called, **options)
    ours = [(scores.precision, scores.recall, scores.f1, scores.support) for scores in report.classes]
    np.testing.assert_allclose(ours, np.array(given).T)
    assert [scores.threshold for scores in report.classes] == thresholds.tolist()


def test_no_label_at_all_is_no_division_by_zero() -> None:
    report = labels_report(np.zeros((2, 2)), np.zeros((2, 2), bool), ("a", "b"), np.full(2, 0.5))
    assert (report.micro_f1, report.macro_f1, report.subset_accuracy) == (0, 0, 1)


def test_ratings_are_told_with_how_far_off_they_are() -> None:
    # 10 is called 0.5, 0.5 is called 2, 2 is called 2: two labels off, one off, none
    labels = ("0.5", "2", "10")
    report = classification_report(np.eye(3)[[0, 1, 1]], np.array([2, 0, 1]), labels)
    assert report.mean_absolute_error == pytest.approx((9.5 + 1.5 + 0) / 3)
    assert report.within_one == pytest.approx(2 / 3)
    # in whichever order the labels stand
    shuffled = classification_report(np.eye(3)[[1, 0, 0]], np.array([2, 1, 0]), ("2", "0.5", "10"))
    assert shuffled.within_one == report.within_one
    assert "mean_absolute_error" in report.to_dict()
    for others in (("a", "2", "10"), ("0", "1")):
        plain = classification_report(np.eye(len(others))[[0, 1]], np.array([0, 1]), others)
        assert plain.mean_absolute_error is None
        assert "within_one" not in plain.to_dict()


def test_the_thresholds_of_best_f1_by_hand() -> None:
    scores = np.array(
        [[0.9, 0.1, 0.5, 0.3], [0.4, 0.2, 0.5, 0.3], [0.3, 0.6, 0.5, 0.3], [0.1, 0.8, 0.5, 0.1]], np.float32
    )
    truth = np.array([[1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]], bool)
    # between 0.4 and 0.3; between 0.8 and 0.6; none has it; those of one score are given it together
    np.testing.assert_allclose(best_thresholds(scores, truth), [0.35, 0.7, 0.5, 0.2], atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_brings_a_higher_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 8, (25, 1)).astype(np.float32) / 8  # many alike
    truth = rng.random((25, 1)) < 0.3
    truth[0] = True

    def f1(threshold: float) -> float:
        return labels_report(scores, truth, ("a",), np.array([threshold])).micro_f1

    best = f1(float(best_thresholds(scores, truth)[0]))
    assert best == pytest.approx(max(f1(threshold) for threshold in np.arange(0, 1.1, 1 / 16)))


def test_the_least_score_at_which_answers_are_good_enough() -> None:
    scores = np.array([0.9, 0.8, 0.8, 0.7, 0.6])
    probabilities, truth = np.stack([scores, 1 - scores], 1), np.array([0, 0, 1, 0, 1])
    assert least_score(probabilities, truth, 0.75) == pytest.approx(0.7)  # three of four
    assert least_score(probabilities, truth, 0.9) == pytest.approx(0.9)  # of the two at 0.8 one is wrong
    assert least_score(probabilities, truth, 0.6) == pytest.approx(0.6)
    assert least_score(probabilities, 1 - truth, 0.9) is None
    report = classification_report(probabilities, truth, ("a", "b"), min_score=0.7)
    assert report.selective == Selective(0.7, 0.8, 0.75)
    assert report.to_dict()["selective"] == {"min_score": 0.7, "coverage": 0.8, "accuracy": 0.75}
    assert classification_report(probabilities, truth, ("a", "b"), min_score=1.0).selective == Selective(1.0, 0, 0)


def test_the_least_score_is_one_that_an_answer_has() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), 500).astype(np.float32)
    truth = np.where(np.arange(500) % 5, probabilities.argmax(1), 0)
    least = least_score(probabilities, truth, 0.85)
    assert least is not None
    answered = probabilities.max(1) >= least  # as float32, which is what answers are compared as
    assert (probabilities.argmax(1) == truth)[answered].mean() >= 0.85
    assert least == pytest.approx(probabilities.max(1)[answered].min(), abs=1e-6)


def test_the_confusion_of_very_many_classes_is_not_told_as_json() -> None:
    labels = tuple(map(str, range(101)))
    report = classification_report(np.eye(101), np.arange(101), labels)
    assert len(report.confusion) == 101
    assert "confusion" not in report.to_dict()
    assert "confusion" in classification_report(np.eye(100), np.arange(100), labels[:100]).to_dict()
