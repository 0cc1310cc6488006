"""Figures worked out by hand."""

from typing import Any

import numpy as np
import pytest

from nlpkit.intervals import share_interval
from nlpkit.tasks.classification.report import (
    Selective,
    any_rare,
    best_thresholds,
    calibration_error,
    called,
    classification_report,
    labels_report,
    least_score,
    rare_weights,
)
from nlpkit.tasks.generation.report import generation_report


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
    answers = probabilities.argmax(1)
    assert report.macro_f1 == pytest.approx(metrics.f1_score(truth, answers, average="macro"))
    assert report.accuracy == pytest.approx(metrics.accuracy_score(truth, answers))
    given = metrics.precision_recall_fscore_support(truth, answers, labels=range(6), zero_division=0)
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


def test_the_interval_of_a_share_is_wilson_s() -> None:
    # from Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 29 of 29
    for hits, rows, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        assert share_interval(hits, rows) == pytest.approx((low, high), abs=1e-4)
    assert share_interval(29, 29) == pytest.approx((0.8830, 1), abs=1e-4)


def test_intervals_hold_the_figure_in_19_of_20_draws() -> None:
    rng = np.random.default_rng(3)
    held = {"accuracy": 0, "log_loss": 0}
    loss = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))
    for _ in range(400):
        truth = (rng.random(100) < 0.2).astype(int)  # the model says 0.8 for class 0, and is right about it
        report = classification_report(np.tile([0.8, 0.2], (100, 1)), truth, ("a", "b"))
        for name, wanted in (("accuracy", 0.8), ("log_loss", loss)):
            low, high = report.intervals[name]
            held[name] += low <= wanted <= high
    assert all(365 <= count <= 395 for count in held.values()), held


def test_the_interval_of_micro_f1_holds_it_and_narrows() -> None:
    rng = np.random.default_rng(4)
    truth = rng.random((2_000, 4)) < 0.3
    scores = np.where(rng.random(truth.shape) < 0.8, truth, ~truth).astype(np.float32)
    widths = []
    for rows in (50, 500, 2_000):
        report = labels_report(scores[:rows], truth[:rows], tuple("abcd"), np.full(4, 0.5))
        low, high = report.intervals["micro_f1"]
        assert low < report.micro_f1 < high
        widths.append(high - low)
    assert widths[0] > 2 * widths[1] > 2 * widths[2]
    # by the normal distribution of repeated draws
    drawn = [
        labels_report(scores[rows], truth[rows], tuple("abcd"), np.full(4, 0.5)).micro_f1
        for rows in (rng.choice(2_000, 500) for _ in range(100))
    ]
    assert widths[1] == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.3)


def test_the_interval_of_nats_widens_where_surprises_hang_together() -> None:
    rng = np.random.default_rng(5)
    alone = rng.exponential(size=20_000)
    together = np.repeat(rng.exponential(size=100), 200)
    widths = []
    for nats in (alone, together):
        report = generation_report(nats, 20_000)
        low, high = report.intervals["nats_per_character"]
        assert low < report.nats_per_character < high
        assert report.intervals["bits_per_character"][0] == pytest.approx(low / np.log(2))
        widths.append(high - low)
    assert widths[1] > 5 * widths[0]


def test_one_row_has_an_interval_that_json_can_hold() -> None:
    report = classification_report(np.array([[0.5, 0.5]]), np.array([0]), ("a", "b"))
    assert report.to_dict()["intervals"]["log_loss"] == pytest.approx([0, 2 * np.log(2)])
    assert "each" not in report.to_dict()


def test_a_rare_class_is_called_where_that_is_best() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(4_000) < 0.1).astype(int)
    margin = rng.normal(1.5 * truth, 1)  # log-odds of one in ten are -2.2: it is seldom the likelier
    rare = 1 / (1 + np.exp(2.2 + 1.125 - 1.5 * margin))
    probabilities = np.stack([1 - rare, rare], 1)
    shares = np.array([0.9, 0.1])
    weights = rare_weights(probabilities, truth, shares)
    assert weights is not None
    assert weights[0] == 1
    assert weights[1] > 1.5
    plain = classification_report(probabilities, truth, ("a", "b"))
    told = classification_report(probabilities, truth, ("a", "b"), weights=weights)
    assert told.macro_f1 > plain.macro_f1 + 0.03
    assert told.classes[1].recall > plain.classes[1].recall + 0.2
    assert told.weights == {"a": 1.0, "b": pytest.approx(float(weights[1]))}
    assert told.log_loss == plain.log_loss  # of the probabilities, which stay what they are
    np.testing.assert_array_equal(told.each[:, 1], called(probabilities, weights))
    # what is sure of itself is believed at any weight
    np.testing.assert_array_equal(called(np.array([[0.99, 0.01], [0.01, 0.99]]), weights), [0, 1])


def test_classes_that_are_common_are_called_when_likeliest() -> None:
    probabilities = np.tile([[0.6, 0.4]], (10, 1))
    assert rare_weights(probabilities, np.arange(10) % 2, np.array([0.7, 0.3])) is None
    assert rare_weights(np.full((9, 3), 1 / 3), np.arange(9) % 3, np.full(3, 1 / 3)) is None
    assert any_rare(np.array([0.8, 0.2]))
    assert not any_rare(np.array([0.75, 0.25]))


def test_a_least_score_is_of_the_class_that_is_called() -> None:
    probabilities, truth = np.array([[0.6, 0.4], [0.9, 0.1], [0.7, 0.3]]), np.array([1, 0, 0])
    weights = np.array([1.0, 2.0])
    assert least_score(probabilities, truth, 1.0, weights) == pytest.approx(0.4)
    report = classification_report(probabilities, truth, ("a", "b"), 0.5, weights)
    assert report.accuracy == 1
    assert report.selective == Selective(0.5, 2 / 3, 1.0)
