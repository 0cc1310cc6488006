"""Figures worked out by hand."""

import numpy as np
import pytest

from nlpkit.metrics import calibration_error, classification_report


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
