"""How well a text was predicted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from nlpkit.intervals import mean_interval
from nlpkit.report import Gain, Report

if TYPE_CHECKING:
    from rich.console import Console

_BLOCK = 256  # tokens, whose surprises hang together, that count as one draw


@dataclass(frozen=True)
class GenerationReport(Report):
    """How well a text was predicted: the mean surprise, -log p, of its characters and of its tokens. `intervals` hold
    both a character in 95 % of draws of as long a text; `each` is the nats of blocks of tokens, float [blocks]."""

    chief = ("nats_per_character", "bits_per_character")

    characters: int
    tokens: int
    nats_per_character: float
    bits_per_character: float
    perplexity_per_token: float

    def gain_over(self, yardstick: Self) -> Gain:
        # lower is better; blocks differ in nothing but what was thought of them
        saved = (yardstick.each - self.each) * (len(self.each) / self.characters)
        return self._gain("nats_per_character", yardstick, float(saved.mean()), mean_interval(saved))

    def show(self, console: "Console", title: str) -> None:
        console.print(
            f"[bold]{title}[/]: {self.characters:,} characters  {self.told('nats_per_character')} nats and "
            f"{self.told('bits_per_character')} bits a character  "
            f"perplexity {self.perplexity_per_token:.2f} a token",
            soft_wrap=True,
        )


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
