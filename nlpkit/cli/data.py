"""`nlpkit data`: what can be trained on."""

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
    check_data_options,
    print_json,
    split_names,
    watched,
)
from nlpkit.errors import UsageError
from nlpkit.terminal import plain_table

if TYPE_CHECKING:
    from nlpkit.data.tables import Reading

app = typer.Typer(help="List the data sets, or look into one.", invoke_without_command=True)


@app.callback()
def data(context: typer.Context) -> None:
    """List the data sets that have a name."""
    if context.invoked_subcommand:
        return
    from rich.console import Console

    from nlpkit.data.catalog import CATALOG
    from nlpkit.tasks import task_classes

    table = plain_table("data", "for", "here", "what it is")
    for name, entry in CATALOG.items():
        table.add_row(name, entry.task, "yes" if entry.ready() else "no", entry.about)
    table.add_row(
        "tfds:NAME", "all", "", "any set of tensorflow-datasets with texts or translations, such as tfds:ag_news_subset"
    )
    for number, task in enumerate(task_classes()):
        table.add_row("" if number else "a path", task.task, "", task.own_data)
    Console(highlight=False).print(table)


@app.command()
def show(
    name: str = typer.Argument(help="A data set or a path."),
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_columns: LabelColumns = None,
    label_delimiter: LabelDelimiter = None,
    pair: LanguagePair = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    as_json: Json = False,
) -> None:
    """Print a data set's sizes, label balance, text lengths and a few of its examples."""
    from rich.console import Console

    from nlpkit.data.tables import Reading
    from nlpkit.tasks import task_class

    given = {
        "text_column": text_column,
        "label_column": label_column,
        "label_columns": split_names(label_columns),
        "label_delimiter": label_delimiter,
        "pair": pair,
        "source_column": source_column,
        "target_column": target_column,
    }
    columns = {option: value for option, value in given.items() if value is not None}
    reading = Reading(encoding, delimiter, not no_header)
    task = task_class(_task_of(name, columns, reading))
    check_data_options(task, columns)
    try:
        dataset = task.open_data(name, **columns, reading=reading)
    except UsageError as error:
        if columns or not Path(name).exists() or task.data_options == ("text_column",):
            raise
        hint = "if it holds pairs of sentences, say --pair en-de or the like, or --source-column and --target-column"
        raise UsageError(f"{error}; {hint}") from None
    summaries = {split: task.summarize(watched(dataset.read(split), f"reading {split}")) for split in dataset.splits}
    if as_json:
        print_json({split: summary.to_dict() for split, summary in summaries.items()})
        return
    for split, summary in summaries.items():
        summary.show(Console(highlight=False), split)


def _task_of(name: str, columns: dict[str, Any], reading: "Reading") -> str:
    """The task that has data with such columns: of several the one that the data looks like."""
    from nlpkit.data.catalog import task_of
    from nlpkit.tasks import task_classes

    fitting = [task.task for task in task_classes() if {*columns} <= {*task.data_options}]
    if len(fitting) == 1:
        return fitting[0]
    looks = task_of(name, text_column=columns.get("text_column"), reading=reading)
    return looks if looks in fitting or not fitting else fitting[0]
