"""`nlpkit sweep`: one recipe at every point of a grid, with several seeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from nlpkit.cli.options import Json, data_option, note, print_json, progress
from nlpkit.cores import cores
from nlpkit.errors import Interrupted, NlpkitError, UsageError
from nlpkit.terminal import plain_table

if TYPE_CHECKING:
    from nlpkit.sweep.results import SweepResult


def sweep(
    recipe: str = typer.Argument("sentiment", help="A recipe's name or path."),
    grid: list[str] = typer.Option(
        [],
        "--grid",
        metavar="SECTION.KEY=A,B,…",
        help="Values of a key, such as model.units=64,128; once for each key.",
    ),
    seeds: int = typer.Option(1, min=1, max=1_000, help="How many seeds each point is trained with."),
    data: str = data_option(None, help="A data set or a path.", show_default="the recipe's"),
    settings: list[str] = typer.Option(
        [], "--set", metavar="SECTION.KEY=VALUE", help="Any key of the recipe, for all points."
    ),
    output: Path = typer.Option(
        None, "--output", "-o", help="The folder of the runs' bundles.", show_default="sweeps/RECIPE"
    ),
    engine: Literal["local", "ray"] = typer.Option(
        "local", help="One run after another, or Ray Tune: several at once, on all machines of a Ray cluster."
    ),
    cpus: int | None = typer.Option(None, min=1, help="Of each run, with --engine ray.", show_default="this machine's"),
    as_json: Json = False,
) -> None:
    """Train a recipe at every point of a grid, and compare the points on what is held out.

    What is in the output folder already is not trained again: the same command goes on with a sweep that was stopped.
    """
    from nlpkit.locking import locked
    from nlpkit.sweep.results import read_results
    from nlpkit.sweep.runs import Run, plan_runs, train_in_turn
    from nlpkit.tasks import task_class

    if cpus is not None and engine != "ray":
        raise UsageError("--cpus goes with --engine ray; the local one gives each run all there are")
    folder = output or Path("sweeps") / Path(recipe).stem
    chosen, runs, done = plan_runs(recipe, settings, grid, seeds, data, folder)
    todo = [run for run in runs if run not in done]
    outcomes: dict[Run, str | None] = {}

    with locked(folder), progress("training runs") as report:
        note(f"{len(todo)} of {len(runs)} runs are to be trained into {folder}")
        report(0, len(todo))

        def ended(run: Run, error: str | None) -> None:
            outcomes[run] = error
            note(f"trained: {run.name}" if error is None else f"failed: {run.name}: {error}")
            report(len(outcomes), len(todo))

        try:
            if engine == "local":
                train_in_turn(todo, ended, note)
            elif todo:
                from nlpkit.sweep.on_ray import train_on_ray

                train_on_ray(todo, ended, folder, cpus or cores())
        except (KeyboardInterrupt, SystemExit) as stop:
            code = stop.code if isinstance(stop, SystemExit) and isinstance(stop.code, int) else 130
            raise Interrupted(f"stopped; what is done is in {folder}, and the same command goes on", code) from None
        failed = {run: error for run, error in outcomes.items() if error is not None}
        result = read_results(task_class(chosen.task), runs, failed)
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result, seeds)
    if best := result.best:
        note(f"next: nlpkit evaluate --model {best.done[0].run.folder}")
    count = sum(len(point.failed) for point in result.points)
    if count:
        raise NlpkitError(f"{count} of {len(runs)} runs failed; the same command tries these again")


def _print(result: "SweepResult", seeds: int) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    seeds_told = f", the mean of {seeds} seeds" if seeds > 1 else ""
    console.print(f"{result.figure.replace('_', ' ')} on validation{seeds_told}")
    keys = [key for key, _ in result.points[0].point]
    table = plain_table(*keys, "", "mean", "least to most", "seeds", "seconds", right=4)
    for point in result.points:
        figures = "", "", "0", ""
        if point.done:
            low, high = point.spread
            figures = f"{point.mean:.4f}", f"{low:.4f} to {high:.4f}", f"{len(point.done)}", f"{point.seconds:,.1f}"
        table.add_row(*(value for _, value in point.point), "best" if point is result.best else "", *figures)
    console.print(table)
    if best := result.best:
        console.print(f"best: {best.command}", soft_wrap=True)
