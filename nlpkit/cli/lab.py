"""`nlpkit lab`: experiments that show why LSTMs work."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nlpkit.cli.options import Json, print_json, progress, write_chart
from nlpkit.errors import UsageError
from nlpkit.output import check_output_file
from nlpkit.terminal import plain_table

if TYPE_CHECKING:
    from nlpkit.lab.memory import Trial

app = typer.Typer(help="Experiments that show why LSTMs work.", no_args_is_help=True)


@app.callback()
def options() -> None:
    pass


@app.command("memory")
def memory(
    lags: str = typer.Option("10,30,100", metavar="A,B,…", help="How many steps are to be bridged."),
    units: int = typer.Option(64, min=1, help="Of every cell."),
    updates: int = typer.Option(1_000, min=50, help="Of each training at most; one that has solved its problem ends."),
    seed: int = typer.Option(1, min=0, help="What every random draw follows from."),
    svg: Path = typer.Option(None, "--svg", metavar="FILE", help="Write a picture."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a picture that is there already."),
    as_json: Json = False,
) -> None:
    """Plain RNN, GRU and LSTM on problems that need a memory: what each learns, and how its gradients fade."""
    check_output_file(svg, overwrite=overwrite)
    try:
        steps = tuple(sorted({int(lag) for lag in lags.split(",")}))
    except ValueError:
        raise UsageError(f"--lags {lags}: write whole numbers with commas between them, such as 10,100") from None
    if not steps or steps[0] < 2 or steps[-1] > 10_000:
        raise UsageError(f"--lags {lags}: a lag is from 2 to 10,000 steps")
    from nlpkit.quiet import import_keras

    import_keras()
    from nlpkit.lab.memory import Settings, panels, run, to_dict

    with progress("training cells") as report:
        trials = run(Settings(lags=steps, units=units, updates=updates, seed=seed), report)
    if as_json:
        print_json(to_dict(trials))
    else:
        _print(trials)
    if svg is not None:
        write_chart(svg, panels(trials))


def _print(trials: "list[Trial]") -> None:
    from rich.console import Console

    from nlpkit.lab.memory import CELLS, PROBLEMS

    console = Console(highlight=False, markup=False)
    for problem in PROBLEMS.values():
        console.print(f"{problem.name}: {problem.measure} by lag, beside that of knowing nothing")
        table = plain_table("lag", "nothing", *CELLS, right=len(CELLS) + 1)
        own = [trial for trial in trials if trial.problem == problem.name]
        for lag in sorted({trial.lag for trial in own}):
            row = [trial for trial in own if trial.lag == lag]
            table.add_row(f"{lag:,}", f"{row[0].bar:.4f}", *(f"{trial.loss:.4f}" for trial in row))
        console.print(table)
        console.print()
    longest = max(trial.lag for trial in trials)
    console.print(f"the gradient {longest - 1:,} steps back, as a share of the last step's")
    table = plain_table("training", *CELLS, right=len(CELLS))
    own = [trial for trial in trials if trial.problem == "adding" and trial.lag == longest]
    for when in ("before", "after"):
        table.add_row(when, *(f"{getattr(trial, when)[-1]:.1e}" for trial in own))
    console.print(table)
