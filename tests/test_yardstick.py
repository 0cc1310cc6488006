"""The yardstick beside a run: what is better by more than the noise, and how it is told."""

import numpy as np
import pytest

from nlpkit.tasks.classification.report import class_counts, classification_report, labels_report, macro_f1
from nlpkit.tasks.generation.report import generation_report
from nlpkit.tasks.translation.report import translation_report
from nlpkit.yardstick import Yardstick, yardstick_facts, yardstick_line

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(2, size=1_000)


def answers(right: np.ndarray) -> np.ndarray:
    """Probabilities [texts, 2] of a model that is right where it is said to be."""
    called = np.where(right, TRUTH, 1 - TRUTH)
    return np.stack([1 - called, called], axis=1) * 0.8 + 0.1


def test_rows_that_both_judged_are_compared_one_by_one() -> None:
    theirs = np.arange(1_000) % 10 < 8
    ours = theirs | (np.arange(1_000) % 50 == 8)  # right wherever the other is, and in 20 texts more
    model, yardstick = (classification_report(answers(right), TRUTH, ("a", "b")) for right in (ours, theirs))
    gain = model.gain_over(yardstick)
    assert (gain.figure, gain.model, gain.yardstick) == ("accuracy", 0.82, 0.8)
    assert gain.gain == pytest.approx(0.02)
    # McNemar's: 20 against 0; as if the two had been judged on texts of their own it would be noise
    variance = (20.5 + 0.5 - (20.5 - 0.5) ** 2 / 1_002) / 1_002**2
    assert gain.low == pytest.approx(20 / 1_002 - 1.96 * variance**0.5, abs=1e-5)
    assert model.intervals["accuracy"][0] < yardstick.accuracy


def test_a_handful_of_rows_is_sure_of_nothing() -> None:
    truth = np.zeros(2, int)
    right, wrong = (classification_report(np.tile(one, (2, 1)), truth, ("a", "b")) for one in ([0.9, 0.1], [0.1, 0.9]))
    gain = right.gain_over(wrong)
    assert gain.gain == gain.high == 1
    assert gain.low < 0.2


def test_where_a_class_is_rare_macro_f1_is_compared() -> None:
    truth = (np.arange(400) % 20 == 0).astype(int)
    scores = np.where(truth == 1, 0.3, 0.1) + RNG.random(400) * 0.02
    probabilities, weights = np.stack([1 - scores, scores], axis=1), np.array([1.0, 4.0])
    model = classification_report(probabilities, truth, ("a", "b"), weights=weights)
    never = classification_report(probabilities, truth, ("a", "b"), weights=np.ones(2))
    gain = model.gain_over(never)
    assert gain.figure == "macro_f1"
    assert gain.model == 1
    assert gain.yardstick == pytest.approx(380 / 390 / 2)  # F1 of a: 2 * 380 / (380 + 400)
    assert 0.4 < gain.low <= gain.gain <= gain.high
    assert macro_f1(class_counts(never.each, 2).sum(0, keepdims=True)) == pytest.approx([never.macro_f1])


def test_fewer_nats_are_better() -> None:
    ours, theirs = RNG.exponential(size=5_000), RNG.exponential(size=5_000) + 0.5
    gain = generation_report(ours, 10_000).gain_over(generation_report(theirs, 10_000))
    assert gain.gain == pytest.approx((theirs.sum() - ours.sum()) / 10_000)
    assert 0 < gain.low < gain.gain < gain.high
    assert generation_report(theirs, 10_000).gain_over(generation_report(ours, 10_000)).high < 0


def test_bleu_and_f1_are_compared_on_the_same_draws() -> None:
    references = [" ".join(RNG.choice(list("abcdefgh"), 8)) for _ in range(80)]
    worse = [" ".join(word if RNG.random() < 0.7 else "x" for word in line.split()) for line in references]
    gain = translation_report(references, references).gain_over(translation_report(worse, references))
    assert gain.figure == "bleu"
    assert gain.low > 0
    same = translation_report(worse, references)
    assert same.gain_over(same).low == same.gain_over(same).high == 0
    truth = RNG.random((300, 3)) < 0.3
    right = labels_report(truth.astype(float), truth, tuple("abc"), np.full(3, 0.5))
    wrong = labels_report(1.0 - truth, truth, tuple("abc"), np.full(3, 0.5))
    assert right.gain_over(wrong).gain == 1


def test_what_is_told() -> None:
    right = np.arange(1_000) % 10 < 8
    model = classification_report(answers(right), TRUTH, ("a", "b"))
    facts = yardstick_facts(Yardstick("counts", {"validation": model}), {"validation": model, "test": model})
    assert list(facts["gain"]) == ["validation"]
    line = yardstick_line("counts", facts["gain"]["validation"], "label more")
    assert line == (
        "counts: accuracy 0.8000; the model is not better by more than the noise (-0.0020 to +0.0020); label more"
    )
    gain = {"figure": "nats_per_character", "yardstick": 2.0, "gain": 0.25, "low": 0.2, "high": 0.3}
    assert yardstick_line("counts", gain, "x") == (
        "counts: 2.0000 nats a character; the model is better by 0.2500 (+0.2000 to +0.3000)"
    )
    gain |= {"gain": -0.25, "low": -0.3, "high": -0.2}
    assert yardstick_line("counts", gain, "give more text") == (
        "counts: 2.0000 nats a character; the model is worse by 0.2500 (-0.3000 to -0.2000); give more text"
    )
