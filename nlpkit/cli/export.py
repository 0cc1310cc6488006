"""`nlpkit export`: a model as it is shipped."""

from pathlib import Path
from typing import Any

import typer

from nlpkit.cli.options import Json, note, print_json, waiting
from nlpkit.errors import DataError, UsageError
from nlpkit.terminal import plain_table


def export(
    bundle: Path = typer.Argument(help="A bundle's folder, or a name that `nlpkit models` lists."),
    int8: bool = typer.Option(False, "--int8", help="Keep weights in int8, a quarter of the size."),
    seen: bool = typer.Option(False, "--seen", help="Keep what tells which texts it was trained on."),
    output: Path = typer.Option(None, "--output", "-o", help="The copy's folder.", show_default="BUNDLE-int8 or -slim"),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a bundle that is there already."),
    data: str = typer.Option(None, help="What to compare the two on.", show_default="what it was trained on"),
    split: str = typer.Option(None, help="Which split of it.", show_default="test, else what was held out"),
    as_json: Json = False,
) -> None:
    """Copy a model without what only training needs, smaller in int8, and tell what that costs."""
    from nlpkit.bundle import check_output
    from nlpkit.locking import locked
    from nlpkit.models import find_model
    from nlpkit.tasks import load

    source = find_model(bundle)
    folder = output or bundle.resolve().with_name(f"{bundle.resolve().name}-{'int8' if int8 else 'slim'}")
    with locked(folder):
        check_output(folder, overwrite=overwrite)
        whole: Any = load(source)
        model, copy = whole.exported(seen=seen), whole.exported(int8=int8, seen=seen)
        reports: dict[str, Any] = {}
        metrics = {}
        try:
            for name, one in (("before", model), ("after", copy)):
                with waiting(f"evaluating {name}"):
                    judged, rows = one.rows(data, split)
                    reports[name] = one.compare(rows)
                metrics = {data or judged: {**reports[name].to_dict(), "trained_on": rows.trained_on}}
        except (UsageError, DataError) as error:
            if data or split:
                raise
            reports, metrics = {}, {}  # what it was trained on is not at hand, which is no reason not to ship it
            note(f"not compared: {error}; --data names data to compare on")
        copy.metadata["metrics"] = metrics
        copy.save(folder, overwrite=overwrite)

    scale = 100 if model.percent else 1
    figure = next((name for name in model.figures if reports and hasattr(reports["after"], name)), model.figures[0])
    megabytes = {"before": _megabytes(source), "after": _megabytes(folder)}
    figures = {name: scale * getattr(report, figure) for name, report in reports.items()}
    if as_json:
        print_json({"bundle": str(folder), "figure": figure, "figures": figures, "megabytes": megabytes})
        return

    from rich.console import Console

    label = figure.replace("_", " ") + (", %" if scale == 100 else "")
    table = plain_table("", "before", "after", "change", right=3)
    table.add_row(
        "size, MB",
        *(f"{megabytes[name]:.2f}" for name in megabytes),
        f"{megabytes['after'] / megabytes['before']:.0%} of it",
    )
    if figures:
        change = figures["after"] - figures["before"]
        table.add_row(label, *(f"{figures[name]:.3f}" for name in figures), f"{change:+.3f}")
    Console(highlight=False).print(table)
    note(f"saved {folder}")


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.iterdir()) / 1e6
