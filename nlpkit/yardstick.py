"""The yardstick beside a run: what a model that only counts reaches on the same held-out data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nlpkit.report import Report


@dataclass(frozen=True)
class Yardstick:
    """A counting model, by name, and how it does, by split."""

    name: str
    reports: Mapping[str, Report]


def yardstick_facts(yardstick: Yardstick, reports: Mapping[str, Report]) -> dict[str, Any]:
    """What metadata.json keeps of a yardstick: its name, its figures, and the gain of the model over it, by split."""
    splits = [split for split in reports if split in yardstick.reports]
    return {
        "name": yardstick.name,
        "metrics": {split: yardstick.reports[split].to_dict() for split in splits},
        "gain": {split: reports[split].gain_over(yardstick.reports[split]).model_dump() for split in splits},
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
