"""`nlpkit info`: what is in a bundle."""

from pathlib import Path

import typer

from nlpkit.cli.options import Json, print_json
from nlpkit.terminal import plain_table


def info(
    bundle: Path = typer.Argument(help="A bundle's folder, or a name that `nlpkit models` lists."),
    as_json: Json = False,
) -> None:
    """Tell what a bundle is: its task, labels, data, figures, size and libraries."""
    from nlpkit.bundle import opening, read_bundle
    from nlpkit.models import find_model
    from nlpkit.tasks import task_of

    bundle = find_model(bundle)
    opened = read_bundle(bundle)
    sizes = {name: len(content) for name, content in sorted(opened.files.items())}
    if as_json:
        print_json(opened.metadata | {"bytes": sizes})
        return

    from rich.console import Console

    task = task_of(opened, bundle)
    with opening(bundle):
        known = opened.metadata
        table = plain_table("", "")
        table.show_header, table.columns[0].style = False, "bold"
        table.add_row("task", known["task"])
        table.add_row(
            "made", f"{known['created']} in {known['training_seconds'] / 60:.1f} min, {known['epochs']} epochs"
        )
        data = known["data"]
        table.add_row("data", f"{data['source']}: {data['train']:,} {task.unit}, {data['validation']:,} held out")
        if start := known.get("start"):
            stays = ", which stays as it was" if start.get("frozen") else ""
            table.add_row("starts from", f"{start['from']}, a model of {start['task']}{stays}")
        if vectors := known.get("vectors"):
            table.add_row("embedding", f"begins with vectors of {vectors['pieces']:,} pieces from {vectors['from']}")
        kept = " in int8" if known.get("weights") == "int8" else ""
        table.add_row("size", f"{known['parameters']:,} parameters{kept}, {sum(sizes.values()) / 1e6:.1f} MB")
        for split, scores in known["metrics"].items():
            shown = [name for name in scores if name in task.figures]
            figures = ", ".join(f"{name.replace('_', ' ')} {scores[name]:.4f}" for name in shown)
            table.add_row(split, f"{figures}, over {scores[task.counted]:,} {task.unit}")
        for title, line in task.told(known):
            table.add_row(title, line)
        table.add_row("files", ", ".join(f"{name} {size / 1e3:,.0f} kB" for name, size in sizes.items()))
        table.add_row("made with", ", ".join(f"{name} {version}" for name, version in known["versions"].items()))
    # what was learned of texts may look like markup
    Console(highlight=False, markup=False, emoji=False).print(table)
