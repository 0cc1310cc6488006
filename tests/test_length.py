"""How long a run is, by the size of its data."""

import io

import numpy as np
import pytest
from rich.console import Console

from nlpkit.data.batching import Batch
from nlpkit.errors import UsageError
from nlpkit.recipe import TrainingSection, load_recipe
from nlpkit.training.length import run_length
from nlpkit.training.progress import TrainingDisplay

SECTION = TrainingSection(min_epochs=4, max_epochs=20, updates=300, max_updates=1_000)


@pytest.mark.parametrize(
    ("steps", "epochs", "parts", "updates"),
    [
        (1, 20, 1, 20),  # the ceiling
        (10, 20, 1, 200),
        (30, 10, 1, 300),  # as many as come to `updates`
        (31, 10, 1, 310),
        (100, 4, 1, 400),  # the floor
        (250, 4, 1, 1_000),
        (500, 4, 2, 1_000),  # two passes, each judged twice
        (4_000, 4, 16, 1_000),  # a quarter of a pass
        (1_000_000, 4, 4_000, 1_000),
    ],
)
def test_a_run_gets_the_updates_it_needs(steps: int, epochs: int, parts: int, updates: int) -> None:
    found = run_length(SECTION, steps)
    assert (found.epochs, found.parts, found.steps) == (epochs, parts, updates)


def test_every_size_of_data_gets_a_run() -> None:
    for steps in range(1, 3_000):
        found = run_length(SECTION, steps)
        assert found.epochs >= SECTION.min_epochs
        assert 0 < found.steps <= max(SECTION.max_updates, SECTION.min_epochs)
        assert found.steps >= min(SECTION.updates, SECTION.max_epochs * steps)


def test_a_run_of_fewer_updates_than_passes_has_an_update_in_each_epoch() -> None:
    section = SECTION.model_copy(update={"updates": 3, "max_updates": 3})
    for steps in range(2, 50):
        found = run_length(section, steps)
        plan = [Batch(np.array([row]), 1, 1) for row in range(steps)]
        assert all(found.part(plan, epoch) for epoch in range(found.epochs))
        assert found.epochs <= found.steps <= 3


def test_passes_that_are_given_are_obeyed() -> None:
    section = SECTION.model_copy(update={"epochs": 2})
    for steps in (1, 100, 10_000):
        found = run_length(section, steps)
        assert (found.epochs, found.parts, found.steps) == (2, 1, 2 * steps)
    assert load_recipe("sentiment", flags={"training.epochs": 3}).training.epochs == 3
    assert load_recipe("sentiment").training.epochs is None


def test_the_parts_of_a_pass_make_up_the_whole() -> None:
    found = run_length(SECTION, 1_503)
    plan = [Batch(np.array([row]), 1, 1) for row in range(1_503)]
    parts = [found.part(plan, epoch) for epoch in range(found.parts)]
    assert [int(batch.rows[0]) for part in parts for batch in part] == list(range(1_503))
    assert [found.place(epoch) for epoch in (0, found.parts - 1, found.parts)] == [(0, 0), (0, found.parts - 1), (1, 0)]


@pytest.mark.parametrize("settings", [["training.min_epochs=50"], ["training.updates=50000"]])
def test_bounds_that_cross_are_refused(settings: list[str]) -> None:
    with pytest.raises(UsageError, match="is more than max_"):
        load_recipe("sentiment", settings)


def test_the_length_is_told_once_with_the_time_that_it_takes() -> None:
    written = io.StringIO()
    display = TrainingDisplay(Console(file=written, width=120))
    display.run_begins(run_length(SECTION, 30).told("480 texts"))
    for epoch in range(2):
        display.epoch_begins(epoch, 10, 30, 0, "texts")
        for _ in range(30):
            display.batch_ends(16, 100, 0.5)
    assert written.getvalue() == "480 texts: 10 passes, 300 updates, since there is little data: about 10 seconds\n"
