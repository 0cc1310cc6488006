"""How good a classifier's answers are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nlpkit.data.labels import numbers
from nlpkit.intervals import mean_interval, paired_interval, resampled_interval, share_interval
from nlpkit.report import Gain, Report
from nlpkit.terminal import plain_table

if TYPE_CHECKING:
    from rich.console import Console

_MOST_CLASSES = 100  # whose confusion is told as plain JSON, as it grows with their square, and whose macro F1 is drawn
_RARE = 0.5  # of the share that each class would have, were all equally common
_MOST_SHOWN, _WORST = 40, 20  # classes in a table; of more only the worst are shown


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
class ClassificationReport(Report):
    """The figures of one evaluation. `confusion[i][j]`: texts of class i that were called class j.

    `macro_f1` is the mean over the classes that occur, or that a text was called. Where the labels are three numbers or
    more, as ratings are, `mean_absolute_error` is how far off they are, in their own unit, and `within_one` the share
    of texts called their own or a neighbouring label. `weights` are those by which rare classes were called more
    readily, where they were. `intervals` hold accuracy and log loss in 95 % of draws of as
    many texts; `each` is the class of each text and the one it was called, int [texts, 2]; `probabilities` are those
    it was called by, float32 [texts, classes]: of what was held out in training, those of before the model learned from
    that, too.
    """

    chief = ("accuracy",)

    examples: int
    accuracy: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    classes: list[ClassScores]
    confusion: list[list[int]]
    mean_absolute_error: float | None = None
    within_one: float | None = None
    selective: Selective | None = None
    weights: dict[str, float] | None = None
    probabilities: np.ndarray = field(kw_only=True, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON values; without the confusion of more than 100 classes."""
        told = super().to_dict()
        if len(self.confusion) > _MOST_CLASSES:
            del told["confusion"]
        return told

    def gain_over(self, yardstick: Self) -> Gain:
        classes = len(self.classes)
        if self.weights is not None and classes <= _MOST_CLASSES:  # where a class is rare, accuracy says little
            ours, theirs = (class_counts(report.each, classes) for report in (self, yardstick))
            return self._resampled_gain("macro_f1", macro_f1, yardstick, ours, theirs)
        right, theirs = (report.each[:, 0] == report.each[:, 1] for report in (self, yardstick))
        better, worse = int((right & ~theirs).sum()), int((theirs & ~right).sum())
        interval = paired_interval(better, worse, len(right))
        return self._gain("accuracy", yardstick, (better - worse) / len(right), interval)

    def show(self, console: "Console", title: str) -> None:
        from rich.text import Text

        line = (
            f"[bold]{title}[/]: {self.examples:,} texts  accuracy {self.told('accuracy')}  "
            f"macro F1 {self.macro_f1:.4f}  log loss {self.told('log_loss')}  "
            f"calibration error {self.calibration_error:.4f}"
        )
        if self.mean_absolute_error is not None:
            line += f"  mean absolute error {self.mean_absolute_error:.4f}  within one label {self.within_one:.4f}"
        console.print(line, soft_wrap=True)
        if (answered := self.selective) is not None:
            console.print(
                f"with --min-score auto, which is {answered.min_score:.4f}: {answered.coverage:.1%} of the texts "
                f"answered, accuracy {answered.accuracy:.4f} on these",
                soft_wrap=True,
            )
        if self.weights:
            console.print(self._rare_told(), soft_wrap=True, markup=False)
        _print_classes(console, self.classes)
        if len(self.classes) > 12:
            return  # too wide to read
        table = plain_table("true \\ predicted", *(s.label for s in self.classes), right=len(self.classes))
        for i, row in enumerate(self.confusion):
            styles = ["green" if i == j else "red" if count else "dim" for j, count in enumerate(row)]
            table.add_row(self.classes[i].label, *(Text(f"{n:,}", style) for n, style in zip(row, styles, strict=True)))
        console.print(table)

    def _rare_told(self) -> str:
        """How much more readily rare labels are given, and how well that goes for the rarest."""
        weights = self.weights or {}
        rarest = max(self.classes, key=lambda scores: weights[scores.label])
        if len(weights) == 2:
            how = f"{rarest.label} is rare, and given from {1 / (1 + weights[rarest.label]):.3f} on"
        else:
            times = f"{weights[rarest.label]:.1f} times as likely"
            how = f"rare labels are given more readily, {rarest.label} as if {times}"
        return (
            f"{how}, as was best for what was held out: precision {rarest.precision:.4f}, recall {rarest.recall:.4f}, "
            f"F1 {rarest.f1:.4f}"
        )


@dataclass(frozen=True)
class LabelScores(ClassScores):
    """One label of several: a text has it where its score is `threshold` or more."""

    threshold: float


@dataclass(frozen=True)
class LabelsReport(Report):
    """The figures of one evaluation of texts with several labels each, or none.

    Micro figures count every text and label alike; `macro_f1` is the mean over the labels that occur, or that a text
    was given; `subset_accuracy` is the share of texts whose labels are all right, `hamming_loss` the share of answers,
    one for each text and label, that are wrong; `log_loss` is the mean over these answers. `intervals` hold micro F1,
    subset accuracy, Hamming loss and log loss in 95 % of draws of as many texts; `each` is how many labels of a text
    were rightly given, given and wanted, int [texts, 3]; `probabilities` are as of `ClassificationReport`.
    """

    chief = ("micro_f1",)

    examples: int
    micro_f1: float
    macro_f1: float
    micro_precision: float
    micro_recall: float
    subset_accuracy: float
    hamming_loss: float
    log_loss: float
    classes: list[LabelScores]
    probabilities: np.ndarray = field(kw_only=True, repr=False, compare=False)

    def gain_over(self, yardstick: Self) -> Gain:
        return self._resampled_gain("micro_f1", micro_f1, yardstick, self.each, yardstick.each)

    def show(self, console: "Console", title: str) -> None:
        console.print(
            f"[bold]{title}[/]: {self.examples:,} texts  micro F1 {self.told('micro_f1')}  "
            f"macro F1 {self.macro_f1:.4f}  all labels right {self.told('subset_accuracy')}  "
            f"Hamming loss {self.told('hamming_loss')}  log loss {self.told('log_loss')}",
            soft_wrap=True,
        )
        _print_classes(console, self.classes, thresholds=[scores.threshold for scores in self.classes])


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
        probabilities=probabilities,
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
        probabilities=probabilities,
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


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from accuracy, averaged over equal-width bins by
    their share of the examples (Naeini et al., 2015; Guo et al., 2017)."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(bin_of, weights=confidence - correct, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def _print_classes(
    console: "Console", classes: Sequence[ClassScores], thresholds: Sequence[float] | None = None
) -> None:
    """The figures of each class; of very many, of those that came out worst."""
    columns = ("label", "precision", "recall", "F1", "texts", *(["threshold"] if thresholds else []))
    table = plain_table(*columns, right=len(columns) - 1)
    rows = list(range(len(classes)))
    if len(classes) > _MOST_SHOWN:
        rows = sorted((row for row in rows if classes[row].support), key=lambda row: classes[row].f1)[:_WORST]
        console.print(f"{len(classes):,} labels; the {len(rows)} of lowest F1 among those in the texts:")
    for row in rows:
        scores = classes[row]
        figures = [f"{figure:.4f}" for figure in (scores.precision, scores.recall, scores.f1)]
        shown = [f"{thresholds[row]:.4f}"] if thresholds else []
        table.add_row(scores.label, *figures, f"{scores.support:,}", *shown)
    console.print(table)
