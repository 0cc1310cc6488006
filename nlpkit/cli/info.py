"""`nlpkit info`: what is in a bundle."""

from pathlib import Path

import typer

from nlpkit.cli.options import Json, print_json
from nlpkit.terminal import plain_table

# what a task's data is counted in, what a report calls that, and its chief figures
_UNITS = {
    "classification": ("texts", "examples", ("accuracy", "micro_f1", "macro_f1")),
    "generation": ("characters", "characters", ("nats_per_character", "bits_per_character")),
    "translation": ("pairs", "sentences", ("bleu", "chrf", "exact_match")),
}


def info(bundle: Path = typer.Argument(help="A bundle's folder."), as_json: Json = False) -> None:
    """Tell what a bundle is: its task, labels, data, figures, size and libraries."""
    from nlpkit.bundle import opening, read_bundle
    from nlpkit.data.labels import listed

    opened = read_bundle(bundle)
    sizes = {name: len(content) for name, content in sorted(opened.files.items())}
    if as_json:
        print_json(opened.metadata | {"bytes": sizes})
        return

    from rich.console import Console

    with opening(bundle):
        known = opened.metadata
        table = plain_table("", "")
        table.show_header, table.columns[0].style = False, "bold"
        table.add_row("task", known["task"])
        if known.get("pair"):
            table.add_row("pair", known["pair"])
        if "labels" in known:
            several = "; several a text" if "thresholds" in known else ""
            table.add_row("labels", listed(known["labels"]) + several)
        table.add_row(
            "made", f"{known['created']} in {known['training_seconds'] / 60:.1f} min, {known['epochs']} epochs"
        )
        data = known["data"]
        unit, counted, shown = _UNITS[known["task"]]
        table.add_row("data", f"{data['source']}: {data['train']:,} {unit}, {data['validation']:,} held out")
        kept = " in int8" if known.get("weights") == "int8" else ""
        table.add_row("size", f"{known['parameters']:,} parameters{kept}, {sum(sizes.values()) / 1e6:.1f} MB")
        for split, scores in known["metrics"].items():
            figures = ", ".join(f"{name.replace('_', ' ')} {scores[name]:.4f}" for name in shown if name in scores)
            table.add_row(split, f"{figures}, over {scores[counted]:,} {unit}")
        if ngrams := known.get("ngrams"):
            parts = ", ".join(f"{name} {figure:.4f}" for name, figure in ngrams["validation"].items())
            table.add_row("parts", f"{ngrams['figure'].replace('_f1', ' F1')} on validation: {parts}")
            for label, heaviest in ngrams["heaviest"].items():
                table.add_row(f"speaks for {label}", ", ".join(map(repr, heaviest)))
        table.add_row("files", ", ".join(f"{name} {size / 1e3:,.0f} kB" for name, size in sizes.items()))
        table.add_row("made with", ", ".join(f"{name} {version}" for name, version in known["versions"].items()))
    # what was learned of texts may look like markup
    Console(highlight=False, markup=False, emoji=False).print(table)
