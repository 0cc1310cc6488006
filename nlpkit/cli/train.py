"""`nlpkit train`: from a recipe to a bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nlpkit.cli.options import (
    Delimiter,
    Encoding,
    Json,
    LabelColumn,
    LabelColumns,
    LabelDelimiter,
    LanguagePair,
    NoHeader,
    SourceColumn,
    TargetColumn,
    TextColumn,
    data_option,
    note,
    print_json,
    print_parts,
    print_report,
    print_yardstick,
    split_names,
    waiting,
)
from nlpkit.errors import Interrupted, UsageError
from nlpkit.terminal import plain_table

if TYPE_CHECKING:
    from nlpkit.recipe import Recipe
    from nlpkit.tasks.base import TrainedTask

_MODELS = Path("models")


def train(
    recipe: str = typer.Argument("sentiment", help="A recipe's name or path."),
    data: str = data_option(None, help="A data set or a path.", show_default="the recipe's"),
    source: str = data_option(None, help="A file of sentences to translate from, one a line."),
    target: str = data_option(None, help="Their translations, line by line."),
    pair: LanguagePair = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_columns: LabelColumns = None,
    label_delimiter: LabelDelimiter = None,
    unlabelled: str = data_option(None, help="Texts without labels to learn from, too."),
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    epochs: int = typer.Option(None, help="Exactly so many passes over the data.", show_default="as its size needs"),
    start: str = typer.Option(
        None, "--from", help="A model to start from: its tokenizer and weights.", metavar="BUNDLE"
    ),
    seed: int = typer.Option(None, help="What every random draw follows from.", show_default="the recipe's"),
    settings: list[str] = typer.Option(
        [], "--set", metavar="SECTION.KEY=VALUE", help="Any key of the recipe, such as model.units=64."
    ),
    output: Path = typer.Option(None, "--output", "-o", help="The bundle's folder.", show_default="models/RECIPE-DATA"),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a bundle, or an unfinished run, that is there."),
    resume: bool = typer.Option(False, "--resume", help="Go on with an unfinished run in the output folder."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the plan and stop."),
    tensorboard: Path = typer.Option(None, help="Write TensorBoard's logs into this folder."),
    as_json: Json = False,
) -> None:
    """Train a model on a laptop and keep it as a bundle."""
    from nlpkit.recipe import load_recipe

    if (source is None) != (target is None):
        raise UsageError("--source and --target go together: a file of sentences and one of their translations")
    if resume and overwrite:
        raise UsageError("--resume goes on with a run and --overwrite starts over; leave one of them out")
    if source is not None and data is not None:
        raise UsageError("give --data, or --source and --target, not both")
    chosen = load_recipe(
        recipe,
        settings,
        {
            "data.source": data or source,
            "data.target": target,
            "data.pair": pair,
            "data.source_column": source_column,
            "data.target_column": target_column,
            "data.text_column": text_column,
            "data.label_column": label_column,
            "data.label_columns": split_names(label_columns),
            "data.label_delimiter": label_delimiter,
            "data.unlabelled": unlabelled,
            "data.encoding": encoding,
            "data.delimiter": delimiter,
            "data.header": False if no_header else None,
            "training.epochs": epochs,
            "model.start_from": start,
            "training.seed": seed,
        },
    )
    folder = output or _MODELS / f"{Path(recipe).stem}-{_short(chosen.data.source)}"
    if dry_run:
        _print_plan(chosen, as_json)
        return

    model = _fitted(chosen, Path(recipe).stem, folder, resume=resume, overwrite=overwrite, tensorboard=tensorboard)
    if as_json:
        known = model.metadata
        print_json({"bundle": str(folder), "metrics": known["metrics"], "yardstick": known.get("yardstick")})
    else:
        for split, report in model.reports.items():
            print_report(split, report, model.metadata["metrics"][split]["trained_on"])
            print_yardstick(model, split, report)
        print_parts(model)
    size = sum(file.stat().st_size for file in folder.iterdir())
    note(f"saved {folder} ({size / 1e6:.1f} MB); next: {model.next_command} --model {folder}")


def _fitted(
    recipe: "Recipe", name: str, folder: Path, *, resume: bool, overwrite: bool, tensorboard: Path | None
) -> "TrainedTask[Any]":
    """The model of a recipe of that name, trained and kept in a folder, or the run that was stopped."""
    from nlpkit.bundle import CHECKPOINT, check_output
    from nlpkit.locking import locked
    from nlpkit.tasks import task_class
    from nlpkit.training.run import check_run

    checkpoint = folder / CHECKPOINT
    model = task_class(recipe.task)(recipe)
    with locked(folder):
        check_output(folder, overwrite=overwrite or resume, files=model.files)
        model.start(run=checkpoint if resume else None)
        check_run(checkpoint, model.recipe, resume=resume, option="--resume")
        note(f"training {name} on {recipe.data.source} into {folder}")
        replaced = overwrite or resume
        try:
            model.fit(checkpoint=checkpoint, resume=resume, tensorboard=tensorboard, output=folder, overwrite=replaced)
        except Interrupted as error:
            told = f"stopped, and saved in {checkpoint}; the same command with --resume goes on"
            raise Interrupted(told, error.exit_code) from None
        except (KeyboardInterrupt, SystemExit) as stop:
            if model.saved_in is None:
                raise
            code = stop.code if isinstance(stop, SystemExit) and isinstance(stop.code, int) else 130
            told = f"stopped while its figures were worked out; the model is saved in {folder}, and evaluate finds them"
            raise Interrupted(told, code) from None
    return model


def _short(source: str) -> str:
    """A data set's name as a part of a folder's: `imdb`, `ag_news_subset`, `mails` for ../mails.csv."""
    from nlpkit.data.tables import table_stem

    path = Path(source.removeprefix("tfds:").rstrip("/")).resolve()
    return Path(table_stem(path)).stem or "data"


def _print_plan(recipe: "Recipe", as_json: bool) -> None:
    from rich.console import Console

    from nlpkit.data.labels import listed
    from nlpkit.tasks import task_class

    with waiting("preparing the data and timing a few steps"):
        plan = task_class(recipe.task)(recipe).plan()
    if as_json:
        print_json(plan.to_dict())
        return
    table = plain_table("", "")
    table.show_header = False
    table.add_row("data", f"{plan.train:,} {plan.unit} to train on, {plan.validation:,} held out")
    if plan.labels:
        table.add_row("labels", listed(plan.labels))
    table.add_row("tokens", f"{plan.tokens_per_epoch:,} an epoch of {plan.vocabulary:,} different ones")
    table.add_row("padding", f"{plan.padding:.1%} of the computed steps")
    table.add_row("parameters", f"{plan.parameters:,}")
    table.add_row("length", plan.length)
    table.add_row("expected time", f"{plan.seconds / 60:.1f} min of training on this machine")
    Console(highlight=False).print(table)
