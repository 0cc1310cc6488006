"""How long a run is: as long as its work needs, by the size of the data."""

import math
from dataclasses import dataclass

from nlpkit.data.batching import Batch
from nlpkit.recipe import TrainingSection


@dataclass(frozen=True)
class RunLength:
    """A run of `epochs`, after each of which the network is judged: passes over the data, each in `parts` of one where
    the data is so large that not all of it can be read as often. `steps` is the updates in all; `why`, in words."""

    epochs: int
    parts: int
    steps: int
    why: str

    def place(self, epoch: int) -> tuple[int, int]:
        """In which pass an epoch lies, and which part of it it is."""
        return divmod(epoch, self.parts)

    def part(self, plan: list[Batch], epoch: int) -> list[Batch]:
        """Of the plan of an epoch's pass, the batches of the epoch."""
        size, part = len(plan) // self.parts, self.place(epoch)[1]
        return plan[part * size :] if part == self.parts - 1 else plan[part * size : (part + 1) * size]

    def told(self, amount: str) -> str:
        """What was chosen, and why, for such an amount of data: "180 texts: 17 passes, 612 updates, …"."""
        if self.parts > 1:
            read = f"{self.epochs / self.parts:.2g} of a pass in {self.epochs} parts"
        else:
            read = f"{self.epochs} {'pass' if self.epochs == 1 else 'passes'}"
        updates = f"{self.steps:,} {'update' if self.steps == 1 else 'updates'}"
        return f"{amount}: {read}, {updates}, {self.why}"


def run_length(section: TrainingSection, steps: int) -> RunLength:
    """The length of a run whose passes are of so many updates: `epochs` passes where the recipe has them, else as many
    as come to `updates`, from `min_epochs` to `max_epochs`, but of no more than `max_updates`."""
    if section.epochs is not None:
        return RunLength(section.epochs, 1, section.epochs * steps, "as training.epochs says")
    passes = min(max(math.ceil(section.updates / steps), section.min_epochs), section.max_epochs)
    if passes * steps > section.max_updates:
        affordable = section.max_updates / steps
        parts = min(steps, math.ceil(section.min_epochs / affordable))  # of an update at least
        epochs = max(1, int(affordable * parts))
        return RunLength(epochs, parts, epochs * (steps // parts), "the most that training.max_updates allows")
    if passes == section.min_epochs:
        why = "enough for data of this size"
    elif passes == section.max_epochs:
        why = "since there is little data, and more would learn it by heart"
    else:
        why = "since there is little data"
    return RunLength(passes, 1, passes * steps, why)
