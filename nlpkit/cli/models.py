"""`nlpkit models`: which models are at hand."""

from typing import Any

from nlpkit.cli.options import Json, print_json
from nlpkit.terminal import plain_table


def models(as_json: Json = False) -> None:
    """List the models trained here, and those that come with nlpkit."""
    from nlpkit.bundle import read_bundle
    from nlpkit.errors import NlpkitError
    from nlpkit.models import STARTERS, list_models
    from nlpkit.tasks import task_of

    found: list[dict[str, Any]] = []
    for name, folder in list_models():
        try:
            bundle = read_bundle(folder)
            task = task_of(bundle, folder)
        except NlpkitError as error:
            found.append({"model": name, "error": str(error)})
            continue
        splits = bundle.metadata["metrics"]
        split = next((one for one in ("test", "validation") if one in splits), next(iter(splits), None))
        scores = splits.get(split, {})
        figure = next((one for one in task.figures if one in scores), None)
        found.append(
            {
                "model": name,
                "task": bundle.metadata["task"],
                "data": bundle.metadata["data"]["source"],
                "split": split,
                "figure": figure,
                "value": None if figure is None else scores[figure],
                "megabytes": round(sum(map(len, bundle.files.values())) / 1e6, 2),
                "shipped": folder.parent == STARTERS,
                "created": bundle.metadata["created"],
            }
        )
    if as_json:
        print_json(found)
        return

    from rich.console import Console

    table = plain_table("model", "task", "trained on", "reaches", "MB", "from")
    table.columns[4].justify = "right"
    for row in found:
        if "error" in row:
            table.add_row(row["model"], "", row["error"], "", "", "")
            continue
        reached = (
            "" if row["figure"] is None else f"{row['figure'].replace('_', ' ')} {row['value']:.4f} ({row['split']})"
        )
        made = "nlpkit" if row["shipped"] else row["created"][:10]
        table.add_row(row["model"], row["task"], row["data"], reached, f"{row['megabytes']:.1f}", made)
    Console(highlight=False, markup=False, emoji=False).print(table)
