"""`nlpkit data`: what can be trained on."""

import typer

from nlpkit.cli.options import Json, LabelColumn, TextColumn, plain_table, print_json, watched

app = typer.Typer(help="List the data sets, or look into one.", invoke_without_command=True)


@app.callback()
def data(context: typer.Context) -> None:
    """List the data sets that have a name."""
    if context.invoked_subcommand:
        return
    from rich.console import Console

    from nlpkit.data.catalog import CATALOG

    table = plain_table("data", "here", "what it is")
    for name, entry in CATALOG.items():
        table.add_row(name, "yes" if entry.ready() else "no", entry.about)
    table.add_row("tfds:NAME", "", "any text-classification set of tensorflow-datasets, such as tfds:ag_news_subset")
    table.add_row("a path", "", "your own .csv, .tsv, .jsonl or .parquet file, or a folder of classes or of splits")
    Console(highlight=False).print(table)


@app.command()
def show(
    name: str = typer.Argument(help="A data set or a path."),
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    as_json: Json = False,
) -> None:
    """Print a data set's sizes, label balance, text lengths and a few of its examples."""
    from nlpkit.data.catalog import open_dataset
    from nlpkit.data.summary import summarize

    dataset = open_dataset(name, text_column=text_column, label_column=label_column)
    summaries = {split: summarize(watched(dataset.read(split), f"reading {split}")) for split in dataset.splits}
    if as_json:
        print_json({split: summary.to_dict() for split, summary in summaries.items()})
        return

    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for split, summary in summaries.items():
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
