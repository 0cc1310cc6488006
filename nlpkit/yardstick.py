"""The yardstick beside a run: what a model that only counts reaches on the same held-out data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from nlpkit.intervals import Interval, mean_interval, paired_interval, resampled_interval
from nlpkit.metrics import (
    ClassificationReport,
    GenerationReport,
    LabelsReport,
    TranslationReport,
    bleu,
    class_counts,
    macro_f1,
    micro_f1,
)

_MOST_CLASSES = 100  # whose macro F1 is drawn again and again

Report = ClassificationReport | LabelsReport | GenerationReport | TranslationReport


@dataclass(frozen=True)
class Yardstick:
    """A counting model, by name, and how it does, by split."""

    name: str
    reports: Mapping[str, Report]


class Gain(BaseModel):
    """By how much a model is better than its yardstick in its chief figure, which it is worse in when negative, and
    where that lies in 95 % of draws of as many rows, each judged by both; metadata.json keeps it as it is."""

    model_config = ConfigDict(strict=True, frozen=True)

    figure: str
    model: float
    yardstick: float
    gain: float
    low: float
    high: float


def compare_reports(model: Report, yardstick: Report) -> Gain:
    """The gain of a model over its yardstick, from two reports on the same rows."""
    if isinstance(model, TranslationReport):
        return _resampled_gain("bleu", bleu, model, yardstick, model.each, yardstick.each)
    if isinstance(model, LabelsReport):
        return _resampled_gain("micro_f1", micro_f1, model, yardstick, model.each, yardstick.each)
    if isinstance(model, GenerationReport):
        # lower is better; blocks differ in nothing but what was thought of them
        saved = (yardstick.each - model.each) * (len(model.each) / model.characters)
        return _gain("nats_per_character", model, yardstick, float(saved.mean()), mean_interval(saved))
    assert isinstance(model, ClassificationReport)
    classes = len(model.classes)
    if model.weights is not None and classes <= _MOST_CLASSES:  # where a class is rare, accuracy says little
        counts = (class_counts(report.each, classes) for report in (model, yardstick))
        return _resampled_gain("macro_f1", macro_f1, model, yardstick, *counts)
    ours, theirs = (report.each[:, 0] == report.each[:, 1] for report in (model, yardstick))
    better, worse = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    interval = paired_interval(better, worse, len(ours))
    return _gain("accuracy", model, yardstick, (better - worse) / len(ours), interval)


def yardstick_facts(yardstick: Yardstick, reports: Mapping[str, Report]) -> dict[str, Any]:
    """What metadata.json keeps of a yardstick: its name, its figures, and the gain of the model over it, by split."""
    splits = [split for split in reports if split in yardstick.reports]
    return {
        "name": yardstick.name,
        "metrics": {split: yardstick.reports[split].to_dict() for split in splits},
        "gain": {split: compare_reports(reports[split], yardstick.reports[split]).model_dump() for split in splits},
    }


def yardstick_line(name: str, gain: Mapping[str, Any], hint: str) -> str:
    """One line of what a yardstick reaches, and whether the model is better by more than the noise; if not, the `hint`
    of what to try. `gain` holds the fields of a `Gain`."""
    figure = str(gain["figure"]).replace("nats_per_character", "nats a character").replace("_", " ")
    figure = figure.replace("bleu", "BLEU").replace(" f1", " F1")
    form = ".2f" if figure == "BLEU" else ".4f"
    value = gain["yardstick"]
    reached = f"{value:{form}} {figure}" if figure.startswith("nats") else f"{figure} {value:{form}}"
    margin = f"{gain['low']:+{form}} to {gain['high']:+{form}}"
    if gain["low"] > 0:
        return f"{name}: {reached}; the model is better by {gain['gain']:{form}} ({margin})"
    if gain["high"] < 0:
        return f"{name}: {reached}; the model is worse by {-gain['gain']:{form}} ({margin}); {hint}"
    return f"{name}: {reached}; the model is not better by more than the noise ({margin}); {hint}"


def _resampled_gain(
    figure: str, of: Any, model: Report, yardstick: Report, ours: np.ndarray, theirs: np.ndarray
) -> Gain:
    """A gain in a figure `of` sums of rows, [rows, counts] each, drawn together."""
    width = ours.shape[1]
    difference = getattr(model, figure) - getattr(yardstick, figure)
    both = np.concatenate([ours, theirs], axis=1)
    interval = resampled_interval(lambda sums: of(sums[:, :width]) - of(sums[:, width:]), both, difference)
    return _gain(figure, model, yardstick, difference, interval)


def _gain(figure: str, model: Report, yardstick: Report, gain: float, interval: Interval) -> Gain:
    low, high = interval
    return Gain(
        figure=figure,
        model=getattr(model, figure),
        yardstick=getattr(yardstick, figure),
        gain=gain,
        low=low,
        high=high,
    )
