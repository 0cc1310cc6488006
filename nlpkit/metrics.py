"""How good a model's answers are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ClassScores:
    """One class: of those called it how many are it, of those that are it how many were called it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ClassificationReport:
    """The figures of one evaluation. `confusion[i][j]`: texts of class i that were called class j."""

    examples: int
    accuracy: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    classes: list[ClassScores]
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def classification_report(
    probabilities: np.ndarray, truth: np.ndarray, labels: tuple[str, ...]
) -> ClassificationReport:
    """Compares probabilities [examples, classes] with class ids int [examples]; there must be one at least."""
    called = probabilities.argmax(-1)
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (truth, called), 1)
    hits = confusion.diagonal()
    # a class that never occurs, or is never called, scores zero rather than dividing by it
    precision = hits / np.maximum(confusion.sum(0), 1)
    recall = hits / np.maximum(confusion.sum(1), 1)
    f1 = 2 * hits / np.maximum(confusion.sum(0) + confusion.sum(1), 1)
    return ClassificationReport(
        examples=len(truth),
        accuracy=float(hits.sum() / len(truth)),
        macro_f1=float(f1.mean()),
        log_loss=float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)).mean()),
        calibration_error=calibration_error(probabilities.max(-1), called == truth),
        classes=[
            ClassScores(label, float(precision[i]), float(recall[i]), float(f1[i]), int(confusion[i].sum()))
            for i, label in enumerate(labels)
        ],
        confusion=confusion.tolist(),
    )


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from accuracy, averaged over equal-width bins by
    their share of the examples (Naeini et al., 2015; Guo et al., 2017)."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(bin_of, weights=confidence - correct, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


@dataclass(frozen=True)
class GenerationReport:
    """How well a text was foretold: the mean surprise, -log p, of its characters and of its tokens."""

    characters: int
    tokens: int
    nats_per_character: float
    bits_per_character: float
    perplexity_per_token: float

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def generation_report(nats: np.ndarray, characters: int) -> GenerationReport:
    """The figures of tokens' surprises, in nats [tokens], that together spell so many characters, one at least."""
    total = float(nats.sum())
    return GenerationReport(
        characters=characters,
        tokens=len(nats),
        nats_per_character=total / characters,
        bits_per_character=total / characters / float(np.log(2)),
        perplexity_per_token=float(np.exp(total / len(nats))),
    )


@dataclass(frozen=True)
class TranslationReport:
    """How near translations come to references. BLEU and chrF are in percent, by sacreBLEU, on text as it is, with
    their signatures; `bleu_lowercased` is BLEU on lower-cased tokens, which papers on image captions report;
    `bleu_low` and `bleu_high` hold BLEU in 95 % of draws of as many sentences, and the BLEU of all of them."""

    sentences: int
    bleu: float
    bleu_low: float
    bleu_high: float
    chrf: float
    bleu_lowercased: float
    exact_match: float
    signatures: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def translation_report(found: Sequence[str], references: Sequence[str], resamples: int = 1_000) -> TranslationReport:
    """Compares translations with one reference each; there must be one at least."""
    from sacrebleu.metrics import BLEU, CHRF

    # forced: it would else remark on every reference that ends in a space and a full stop
    metrics = {"bleu": BLEU(force=True), "chrf": CHRF(), "bleu_lowercased": BLEU(lowercase=True, force=True)}
    scores = {name: metric.corpus_score(found, [references]).score for name, metric in metrics.items()}
    low, high = _interval(found, references, scores["bleu"], resamples)
    return TranslationReport(
        sentences=len(found),
        **scores,
        bleu_low=low,
        bleu_high=high,
        exact_match=float(np.mean([ours == theirs for ours, theirs in zip(found, references, strict=True)])),
        signatures={name: str(metric.get_signature()) for name, metric in metrics.items()},
    )


def _interval(found: Sequence[str], references: Sequence[str], bleu: float, resamples: int) -> tuple[float, float]:
    """Where corpus BLEU lies in 95 % of bootstrap samples (Koehn, 2004), widened to the `bleu` of all sentences where
    that is outside, as it can be with a handful of them.

    The draws, the smoothing and the bounds are sacreBLEU's own, which would hold all draws in memory at once.
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU(effective_order=True, force=True)  # of sentences, for their counts alone
    sentences = [metric.sentence_score(ours, [theirs]) for ours, theirs in zip(found, references, strict=True)]
    counts = np.array([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in sentences])
    rng = np.random.default_rng(12345)
    scores = []
    for _ in range(resamples):
        total = counts[rng.choice(len(counts), len(counts))].sum(0).tolist()
        scores.append(
            BLEU.compute_bleu(total[:4], total[4:8], total[8], total[9], smooth_method=metric.smooth_method).score
        )
    outside = resamples // 40  # at either end
    inside = [bleu, *sorted(scores)[outside : resamples - outside]]
    return min(inside), max(inside)


def sentence_scores(found: Sequence[str], references: Sequence[str]) -> list[float]:
    """chrF of each sentence by itself, in percent."""
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    return [metric.sentence_score(ours, [theirs]).score for ours, theirs in zip(found, references, strict=True)]
