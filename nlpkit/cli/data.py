"""`nlpkit data`: what can be trained on."""

from collections.abc import Callable, Iterator
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
    NoHeader,
    Pair,
    SourceColumn,
    TargetColumn,
    TextColumn,
    print_json,
    split_names,
    watched,
)
from nlpkit.errors import UsageError
from nlpkit.terminal import plain_table

if TYPE_CHECKING:
    from nlpkit.data.summary import DocumentsSummary, PairsSummary, Summary

app = typer.Typer(help="List the data sets, or look into one.", invoke_without_command=True)


@app.callback()
def data(context: typer.Context) -> None:
    """List the data sets that have a name."""
    if context.invoked_subcommand:
        return
    from rich.console import Console

    from nlpkit.data.catalog import CATALOG

    table = plain_table("data", "for", "here", "what it is")
    for name, entry in CATALOG.items():
        table.add_row(name, entry.task, "yes" if entry.ready() else "no", entry.about)
    table.add_row(
        "tfds:NAME", "all", "", "any set of tensorflow-datasets with texts or translations, such as tfds:ag_news_subset"
    )
    table.add_row(
        "a path",
        "classification",
        "",
        "your own .csv, .tsv, .jsonl, .json, .parquet or .xlsx file, lines of __label__x and a text, or a folder of "
        "classes or of splits",
    )
    table.add_row("", "generation", "", "your own text file, a folder of them, or a table with a column of texts")
    table.add_row(
        "",
        "translation",
        "",
        "your own table, .tmx file or lines with tabs, or a folder with train.en, train.de …, with --pair en-de",
    )
    Console(highlight=False).print(table)


@app.command()
def show(
    name: str = typer.Argument(help="A data set or a path."),
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_columns: LabelColumns = None,
    label_delimiter: LabelDelimiter = None,
    pair: Pair = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    as_json: Json = False,
) -> None:
    """Print a data set's sizes, label balance, text lengths and a few of its examples."""
    from nlpkit.data.catalog import open_documents, open_labelled, open_pairs, task_of
    from nlpkit.data.summary import summarize, summarize_documents, summarize_pairs
    from nlpkit.data.tables import Reading

    reading = Reading(encoding, delimiter, not no_header)
    dataset: Any
    summarized: Callable[[Iterator[Any]], Any]
    present: Callable[[str, Any], None]
    labels = label_column or label_columns or label_delimiter
    if pair or source_column or target_column:
        task = "translation"
    else:
        task = "classification" if labels else task_of(name, text_column=text_column, reading=reading)
    try:
        if task == "translation":
            dataset = open_pairs(
                name, pair=pair, source_column=source_column, target_column=target_column, reading=reading
            )
            summarized, present = summarize_pairs, _show_pairs
        elif task == "generation":
            dataset = open_documents(name, text_column=text_column, reading=reading)
            summarized, present = summarize_documents, _show_documents
        else:
            dataset = open_labelled(
                name,
                text_column=text_column,
                label_column=label_column,
                label_columns=split_names(label_columns),
                label_delimiter=label_delimiter,
                reading=reading,
            )
            summarized, present = summarize, _show_labelled
    except UsageError as error:
        named = pair or source_column or target_column or labels or text_column
        if named or task == "generation" or not Path(name).exists():
            raise
        hint = "if it holds pairs of sentences, say --pair en-de or the like, or --source-column and --target-column"
        raise UsageError(f"{error}; {hint}") from None
    summaries: dict[str, Any] = {
        split: summarized(watched(dataset.read(split), f"reading {split}")) for split in dataset.splits
    }
    if as_json:
        print_json({split: summary.to_dict() for split, summary in summaries.items()})
        return
    for split, summary in summaries.items():
        present(split, summary)


def _show_documents(split: str, summary: "DocumentsSummary") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(
        f"[bold]{split}[/]: {summary.documents:,} document{'s' if summary.documents > 1 else ''}, "
        f"{summary.characters:,} characters, {summary.alphabet:,} different ones"
    )
    line = Text("  " + " ".join(summary.beginning.split()))
    line.truncate(console.width, overflow="ellipsis")
    console.print(line, "")


def _show_pairs(split: str, summary: "PairsSummary") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(f"[bold]{split}[/]: {summary.pairs:,} pairs")
    for side, words in (("source", summary.source_words), ("target", summary.target_words)):
        console.print(f"  words a {side}: " + "  ".join(f"{name} {value:,}" for name, value in words.items()))
    for source, target in summary.sample:
        line = Text(f"  {source}  →  {target}")
        line.truncate(console.width, overflow="ellipsis")
        console.print(line)
    console.print()


def _show_labelled(split: str, summary: "Summary") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(f"[bold]{split}[/]: {summary.examples:,} texts")
    table = plain_table("  label", "texts", "share", "", right=3)
    table.columns[3].justify = "left"
    for label, count in summary.labels.items():
        share = count / summary.examples
        table.add_row(f"  {label}", f"{count:,}", f"{share:.1%}", "█" * round(share * 30))
    console.print(table)
    lengths = "  ".join(f"{name} {value:,}" for name, value in summary.words.items())
    console.print(f"  words a text: {lengths}")
    for text, label in summary.sample:
        line = Text.assemble("  ", (label, "bold"), "  ", " ".join(text.split()))
        line.truncate(console.width, overflow="ellipsis")
        console.print(line)
    console.print()
