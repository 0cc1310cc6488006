"""How good a model's answers are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from nlpkit.data.labels import numbers
from nlpkit.intervals import Interval, mean_interval, resampled_interval, share_interval

_MOST_SHOWN = 100  # labels whose confusion is told as plain JSON: it grows with their square
_RARE = 0.5  # of the share that each class would have, were all equally common
_BLOCK = 256  # tokens, whose surprises hang together, that count as one draw


@dataclass(frozen=True)
class ClassScores:
    """One class: of those called it how many are it, of those that are it how many were called it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Selective:
    """What comes of answering only where the best score is `min_score` or more: for which share of the texts that is
    so, and the accuracy on these (selective classification; Geifman & El-Yaniv, 2017)."""

    min_score: float
    coverage: float
    accuracy: float


@dataclass(frozen=True)
class ClassificationReport:
    """The figures of one evaluation. `confusion[i][j]`: texts of class i that were called class j.

    `macro_f1` is the mean over the classes that occur, or that a text was called. Where the labels are three numbers or
    more, as ratings are, `mean_absolute_error` is how far off they are, in their own unit, and `within_one` the share
    of texts called their own or a neighbouring label. `weights` are those by which rare classes were called more
    readily, where they were. `intervals` hold accuracy and log loss in 95 % of draws of as
    many texts; `each` is the class of each text and the one it was called, int [texts, 2].
    """

    examples: int
    accuracy: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    classes: list[ClassScores]
    confusion: list[list[int]]
    intervals: dict[str, Interval]
    each: np.ndarray = field(repr=False, compare=False)
    mean_absolute_error: float | None = None
    within_one: float | None = None
    selective: Selective | None = None
    weights: dict[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, less what is None, `each`, and the confusion of more than 100 classes."""
        return _plain(self)


@dataclass(frozen=True)
class LabelScores(ClassScores):
    """One label of several: a text has it where its score is `threshold` or more."""

    threshold: float


@dataclass(frozen=True)
class LabelsReport:
    """The figures of one evaluation of texts with several labels each, or none.

    Micro figures count every text and label alike; `macro_f1` is the mean over the labels that occur, or that a text
    was given; `subset_accuracy` is the share of texts whose labels are all right, `hamming_loss` the share of answers,
    one for each text and label, that are wrong; `log_loss` is the mean over these answers. `intervals` hold micro F1,
    subset accuracy, Hamming loss and log loss in 95 % of draws of as many texts; `each` is how many labels of a text
    were rightly given, given and wanted, int [texts, 3].
    """

    examples: int
    micro_f1: float
    macro_f1: float
    micro_precision: float
    micro_recall: float
    subset_accuracy: float
    hamming_loss: float
    log_loss: float
    classes: list[LabelScores]
    intervals: dict[str, Interval]
    each: np.ndarray = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return _plain(self)


def classification_report(
    probabilities: np.ndarray,
    truth: np.ndarray,
    labels: tuple[str, ...],
    min_score: float | None = None,
    weights: np.ndarray | None = None,
) -> ClassificationReport:
    """Compares probabilities [examples, classes] with class ids int [examples]; there must be one at least.

    With `min_score` it tells what answering only from this score on comes to; with `weights` [classes] a text is called
    what `called` takes.
    """
    answers = called(probabilities, weights)
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (truth, answers), 1)
    precision, recall, f1 = _scores(confusion.diagonal(), confusion.sum(0), confusion.sum(1))
    correct, confidence = answers == truth, probabilities[np.arange(len(truth)), answers]
    values = numbers(labels)
    ordered: dict[str, float] = {}
    if values is not None and len(labels) > 2:
        # neighbours by value: 1, 2 and 3 whatever the labels' order
        places = np.unique(values, return_inverse=True)[1]
        off = np.abs(np.array(values)[answers] - np.array(values)[truth])
        ordered = {
            "mean_absolute_error": float(off.mean()),
            "within_one": float((np.abs(places[answers] - places[truth]) <= 1).mean()),
        }
    losses = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12))
    return ClassificationReport(
        examples=len(truth),
        accuracy=float(correct.mean()),
        macro_f1=_macro(f1, confusion.sum(0) + confusion.sum(1)),
        log_loss=float(losses.mean()),
        calibration_error=calibration_error(confidence, correct),
        classes=[
            ClassScores(*figures)
            for figures in zip(
                labels, precision.tolist(), recall.tolist(), f1.tolist(), confusion.sum(1).tolist(), strict=True
            )
        ],
        confusion=confusion.tolist(),
        intervals={
            "accuracy": share_interval(int(correct.sum()), len(correct)),
            "log_loss": mean_interval(losses),
        },
        each=np.stack([truth, answers], axis=1),
        **ordered,
        selective=None if min_score is None else _selective(confidence, correct, min_score),
        weights=None if weights is None else dict(zip(labels, map(float, weights), strict=True)),
    )


def called(probabilities: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The class that each example is called, int [examples]: the likeliest, each probability times the class' weight
    where there are `weights` [classes]."""
    found: np.ndarray = (probabilities if weights is None else probabilities * weights).argmax(-1)
    return found


def any_rare(shares: np.ndarray) -> bool:
    """Whether a class has less than half of the share of the examples that is its due, by the shares [classes]."""
    return bool(shares.min() < _RARE / len(shares))


def rare_weights(probabilities: np.ndarray, truth: np.ndarray, shares: np.ndarray) -> np.ndarray | None:
    """Weights float32 [classes] by which to call rare classes more readily, on these probabilities [examples, classes]
    and class ids [examples]; None where no class is rare.

    The most likely class is seldom a rare one, however sure the model can be of it (Lipton et al., 2014). The weight is
    one by the class' share to a power: 0 is none, and 1 has all classes count alike. One power for all is what few
    examples can tell; it is that of the highest macro F1, by the mean over its neighbours, as that jumps with a text.
    """
    if not any_rare(shares):
        return None
    labels = tuple(map(str, range(len(shares))))
    relative = shares.max() / np.maximum(shares, 1e-6)
    powers = np.linspace(0, 1.25, 26)
    found = [classification_report(probabilities, truth, labels, weights=relative**power).macro_f1 for power in powers]
    near = np.convolve(np.pad(found, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    weights: np.ndarray = (relative ** powers[near.argmax()]).astype(np.float32)
    return weights


def labels_report(
    probabilities: np.ndarray, truth: np.ndarray, labels: tuple[str, ...], thresholds: np.ndarray
) -> LabelsReport:
    """Compares probabilities [examples, labels], from the labels' thresholds on, with bool [examples, labels]; there
    must be one example at least."""
    called = probabilities >= thresholds
    hits, given, wanted = (x.sum(0, dtype=np.int64) for x in (called & truth, called, truth))
    precision, recall, f1 = _scores(hits, given, wanted)
    micro = [float(figure) for figure in _scores(hits.sum(), given.sum(), wanted.sum())]
    each = np.stack([(called & truth).sum(1), called.sum(1), truth.sum(1)], axis=1)
    losses = -np.log(np.maximum(np.where(truth, probabilities, 1 - probabilities), 1e-12)).mean(1)
    right, wrong = (called == truth).all(1), (called != truth).mean(1)
    return LabelsReport(
        examples=len(truth),
        micro_f1=micro[2],
        macro_f1=_macro(f1, given + wanted),
        micro_precision=micro[0],
        micro_recall=micro[1],
        subset_accuracy=float(right.mean()),
        hamming_loss=float(wrong.mean()),
        log_loss=float(losses.mean()),
        intervals={
            "micro_f1": resampled_interval(micro_f1, each, micro[2]),
            "subset_accuracy": share_interval(int(right.sum()), len(right)),
            "hamming_loss": mean_interval(wrong),
            "log_loss": mean_interval(losses),
        },
        each=each,
        classes=[
            LabelScores(*figures)
            for figures in zip(
                labels,
                precision.tolist(),
                recall.tolist(),
                f1.tolist(),
                wanted.tolist(),
                map(float, thresholds),
                strict=True,
            )
        ],
    )


def class_counts(each: np.ndarray, classes: int) -> np.ndarray:
    """What the macro F1 of texts is made of: for each text whether each class was rightly called, called and wanted,
    int [texts, 3 * classes], of class ids [texts, 2], the true one and the one called."""
    wanted, given = (np.arange(classes) == ids[:, None] for ids in each.T)
    return np.concatenate([wanted & given, given, wanted], axis=1).astype(np.int64)


def macro_f1(sums: np.ndarray) -> np.ndarray:
    """Macro F1 [samples] of sums [samples, 3 * classes] of `class_counts`."""
    hits, given, wanted = np.split(sums, 3, axis=1)
    seen = given + wanted > 0
    f1: np.ndarray = (_scores(hits, given, wanted)[2] * seen).sum(1) / np.maximum(seen.sum(1), 1)
    return f1


def micro_f1(sums: np.ndarray) -> np.ndarray:
    """Micro F1 [samples] of how many labels were rightly given, given and wanted: int [samples, 3]."""
    f1: np.ndarray = _scores(sums[:, 0], sums[:, 1], sums[:, 2])[2]
    return f1


def best_thresholds(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """For each label the score from which on to give it, float32 [labels], that brings the highest F1 on these
    probabilities [examples, labels] and truth bool [examples, labels]; 0.5 for a label that no example has.

    Halfway between two scores, so that neither hangs on a rounding (Lipton et al., 2014, on why it is seldom 0.5).
    """
    thresholds = np.full(probabilities.shape[1], 0.5, np.float32)
    for label in np.flatnonzero(truth.any(0)):
        order = np.argsort(-probabilities[:, label], kind="stable")
        scores, hits = probabilities[order, label], truth[order, label].cumsum()
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
        ends = np.append(scores[:-1] > scores[1:], True)  # examples of one score are given the label together
        last = int(np.where(ends, f1, -1).argmax())
        below = scores[last + 1] if last + 1 < len(scores) else np.float32(0)
        thresholds[label] = (scores[last] + below) / 2
    return thresholds


def least_score(
    probabilities: np.ndarray, truth: np.ndarray, accuracy: float, weights: np.ndarray | None = None
) -> float | None:
    """The lowest score at which to answer so that the answers given reach an accuracy, on these probabilities
    [examples, classes] and class ids int [examples]; None where no score reaches it. `weights` as `called` takes them.

    It is one that an example has, so that a text less certain than all of these gets no answer.
    """
    answers = called(probabilities, weights)
    confidence = probabilities[np.arange(len(answers)), answers]
    order = np.argsort(-confidence, kind="stable")
    scores = confidence[order]
    share = (answers == truth)[order].cumsum() / np.arange(1, len(order) + 1)
    ends = np.append(scores[:-1] > scores[1:], True)
    reached = np.flatnonzero(ends & (share >= accuracy))
    # rounded down: a score differs in its last digits with what it is worked out beside
    return float(np.floor(float(scores[reached[-1]]) * 1e6) / 1e6) if len(reached) else None


def _scores(hits: np.ndarray, given: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1; zero, rather than a division by it, for a class that is never given, or never is."""
    return hits / np.maximum(given, 1), hits / np.maximum(wanted, 1), 2 * hits / np.maximum(given + wanted, 1)


def _macro(f1: np.ndarray, seen: np.ndarray) -> float:
    """The mean F1 of the classes that were seen, in the truth or among the answers; zero where none was."""
    return float(f1[seen > 0].mean()) if seen.any() else 0.0


def _selective(confidence: np.ndarray, correct: np.ndarray, min_score: float) -> Selective:
    answered = confidence >= min_score
    accuracy = float(correct[answered].mean()) if answered.any() else 0.0
    return Selective(min_score, float(answered.mean()), accuracy)


def _plain(report: Any) -> dict[str, Any]:
    """A report's figures as plain JSON values: what is None is left out, and `each`."""
    told = {name: value for name, value in vars(report).items() if value is not None and name != "each"}
    told["intervals"] = {name: list(bounds) for name, bounds in report.intervals.items()}
    if "classes" in told:
        told["classes"] = [asdict(scores) for scores in report.classes]
    if "selective" in told:
        told["selective"] = asdict(report.selective)
    if len(told.get("confusion", ())) > _MOST_SHOWN:
        del told["confusion"]
    return told


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from accuracy, averaged over equal-width bins by
    their share of the examples (Naeini et al., 2015; Guo et al., 2017)."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(bin_of, weights=confidence - correct, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


@dataclass(frozen=True)
class GenerationReport:
    """How well a text was predicted: the mean surprise, -log p, of its characters and of its tokens. `intervals` hold
    both a character in 95 % of draws of as long a text; `each` is the nats of blocks of tokens, float [blocks]."""

    characters: int
    tokens: int
    nats_per_character: float
    bits_per_character: float
    perplexity_per_token: float
    intervals: dict[str, Interval]
    each: np.ndarray = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, less `each`."""
        return _plain(self)


def generation_report(nats: np.ndarray, characters: int) -> GenerationReport:
    """The figures of tokens' surprises, in nats [tokens], that together spell so many characters, one at least."""
    total = float(nats.sum())
    # a text of few tokens is drawn token by token
    starts = np.arange(0, len(nats), _BLOCK if len(nats) >= 8 * _BLOCK else 1)
    blocks = np.add.reduceat(nats, starts)
    low, high = (bound * len(blocks) / characters for bound in mean_interval(blocks))
    bits = float(np.log(2))
    return GenerationReport(
        characters=characters,
        tokens=len(nats),
        nats_per_character=total / characters,
        bits_per_character=total / characters / bits,
        perplexity_per_token=float(np.exp(total / len(nats))),
        intervals={"nats_per_character": (low, high), "bits_per_character": (low / bits, high / bits)},
        each=blocks,
    )


@dataclass(frozen=True)
class TranslationReport:
    """How near translations come to references. BLEU and chrF are in percent, by sacreBLEU, on text as it is, with
    their signatures; `bleu_lowercased` is BLEU on lower-cased tokens, which papers on image captions report;
    `intervals` hold both BLEUs and the exact matches in 95 % of draws of as many sentences; `each` is what BLEU is made
    of, int [sentences, 10]: the n-grams that are right, all of them, and both lengths."""

    sentences: int
    bleu: float
    chrf: float
    bleu_lowercased: float
    exact_match: float
    signatures: dict[str, str]
    intervals: dict[str, Interval]
    each: np.ndarray = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, less `each`."""
        return _plain(self)


def translation_report(found: Sequence[str], references: Sequence[str], resamples: int = 1_000) -> TranslationReport:
    """Compares translations with one reference each; there must be one at least."""
    from sacrebleu.metrics import BLEU, CHRF

    # forced: it would else remark on every reference that ends in a space and a full stop
    metrics = {"bleu": BLEU(force=True), "chrf": CHRF(), "bleu_lowercased": BLEU(lowercase=True, force=True)}
    scores = {name: metric.corpus_score(found, [references]).score for name, metric in metrics.items()}
    counts = {name: bleu_counts(found, references, lowercase=name != "bleu") for name in scores if name != "chrf"}
    exact = np.array([ours == theirs for ours, theirs in zip(found, references, strict=True)])
    return TranslationReport(
        sentences=len(found),
        **scores,
        exact_match=float(exact.mean()),
        signatures={name: str(metric.get_signature()) for name, metric in metrics.items()},
        intervals={
            **{name: _bleu_interval(each, scores[name], resamples) for name, each in counts.items()},
            "exact_match": share_interval(int(exact.sum()), len(exact)),
        },
        each=counts["bleu"],
    )


def bleu_counts(found: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> np.ndarray:
    """What the BLEU of a corpus is made of, sentence by sentence: int [sentences, 10]."""
    from sacrebleu.metrics import BLEU

    metric = BLEU(lowercase=lowercase, effective_order=True, force=True)
    sentences = [metric.sentence_score(ours, [theirs]) for ours, theirs in zip(found, references, strict=True)]
    return np.array([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in sentences])


def bleu(sums: np.ndarray) -> np.ndarray:
    """Corpus BLEU [samples] of sums [samples, 10] of `bleu_counts`, smoothed as sacreBLEU does it."""
    from sacrebleu.metrics import BLEU

    totals = (BLEU.compute_bleu(one[:4], one[4:8], one[8], one[9], smooth_method="exp") for one in sums.tolist())
    return np.array([total.score for total in totals])


def _bleu_interval(counts: np.ndarray, found: float, resamples: int) -> Interval:
    """Where corpus BLEU lies in 95 % of bootstrap samples (Koehn, 2004), widened to the BLEU that was `found` for all
    sentences where that is outside, as it can be with a handful of them.

    The draws, the smoothing and the bounds are sacreBLEU's own, which would hold all draws in memory at once.
    """
    rng = np.random.default_rng(12345)
    sums = np.array([counts[rng.choice(len(counts), len(counts))].sum(0) for _ in range(resamples)])
    outside = resamples // 40  # at either end
    inside = [found, *sorted(bleu(sums).tolist())[outside : resamples - outside]]
    return min(inside), max(inside)


def sentence_scores(found: Sequence[str], references: Sequence[str]) -> list[float]:
    """chrF of each sentence by itself, in percent."""
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    return [metric.sentence_score(ours, [theirs]).score for ours, theirs in zip(found, references, strict=True)]
