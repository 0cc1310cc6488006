"""`nlpkit evaluate`: how good a model is."""

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
    Model,
    NoHeader,
    Pair,
    SourceColumn,
    TargetColumn,
    TextColumn,
    load_model,
    print_json,
    print_report,
    print_yardstick,
    reading_of,
    split_names,
    waiting,
    watched,
)
from nlpkit.errors import UsageError

if TYPE_CHECKING:
    from nlpkit.data.dataset import Pair as SentencePair
    from nlpkit.tasks.translation.report import TranslationReport


def evaluate(
    bundle: Path = typer.Argument(None, help="A bundle's folder.", show_default="the newest under ./models"),
    model: Model = None,
    data: str = typer.Option(None, help="A data set or a path.", show_default="what it was trained on"),
    split: str = typer.Option(
        None, help="Which split; validation+test is one after the other.", show_default="test, else what was held out"
    ),
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_columns: LabelColumns = None,
    label_delimiter: LabelDelimiter = None,
    source: str = typer.Option(None, help="A file of sentences to translate, one a line."),
    target: str = typer.Option(None, help="Their translations, line by line."),
    pair: Pair = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    beam: int = typer.Option(None, min=1, help="The width of a translator's search.", show_default="5"),
    as_json: Json = False,
) -> None:
    """How good a model is: accuracy of labels, bits a character of text, BLEU of translations."""
    if bundle is not None and model is not None:
        raise UsageError(f"{bundle} and --model {model}: name one model, in either way")
    trained = load_model(bundle or model)
    options = {
        "text_column": (text_column, ("classification", "generation")),
        "label_column": (label_column, ("classification",)),
        "label_columns": (label_columns, ("classification",)),
        "label_delimiter": (label_delimiter, ("classification",)),
        "source": (source, ("translation",)),
        "target": (target, ("translation",)),
        "pair": (pair, ("translation",)),
        "source_column": (source_column, ("translation",)),
        "target_column": (target_column, ("translation",)),
        "beam": (beam, ("translation",)),
    }
    for name, (value, tasks) in options.items():
        if value is not None and trained.task not in tasks:
            raise UsageError(f"--{name.replace('_', '-')} goes with {' and '.join(tasks)}, not {trained.task}")
        if value is not None and name.endswith("column") and data is None:
            raise UsageError(f"--{name.replace('_', '-')} goes with --data, which names the table")
    shown = data or source or trained.recipe.data.source
    reading = reading_of(encoding, delimiter, no_header)
    if trained.task == "generation":
        rows = trained.documents(data, split, text_column=text_column, reading=reading)
        name = rows.split
        with waiting(f"reading {rows.characters:,} characters"):
            report = trained.compare(rows.ids, rows.characters)
    elif trained.task == "translation":
        if (source is None) != (target is None) or (source and data):
            raise UsageError("give --data, or --source and --target together")
        columns = {"source_column": source_column, "target_column": target_column, "reading": reading}
        name, rows = trained.pairs(data or source, split, target=target, pair=pair, **columns)
        report, pairs, found = trained.compare(watched(rows, f"translating {name}"), beam=beam or 5)
        if not as_json:
            print_report(f"{shown}, {name}", report, rows.trained_on)
            print_yardstick(trained, name, report)
            _print_samples(report, pairs, found)
            return
    else:
        name, rows = trained.examples(
            data,
            split,
            text_column=text_column,
            label_column=label_column,
            label_columns=split_names(label_columns),
            label_delimiter=label_delimiter,
            reading=reading,
        )
        report = trained.compare(watched(rows, f"evaluating {name}"))
    if as_json:
        gain = trained.yardstick_gain(name, report)
        print_json({"split": name, "trained_on": rows.trained_on, **report.to_dict(), "yardstick": gain})
    else:
        print_report(f"{shown}, {name}", report, rows.trained_on)
        print_yardstick(trained, name, report)


def _print_samples(report: "TranslationReport", pairs: "list[SentencePair]", found: list[str]) -> None:
    """The signatures, and the sentences that came out best and worst; of those that are all right, the longest."""
    from rich.console import Console
    from rich.text import Text

    from nlpkit.tasks.translation.report import sentence_scores

    console = Console(highlight=False)
    for metric, signature in report.signatures.items():
        console.print(f"[dim]{metric.replace('_', ' ')}: {signature}[/]", soft_wrap=True)
    scores = sentence_scores(found, [pair.target for pair in pairs])
    order = sorted(range(len(found)), key=lambda i: (-scores[i], -len(pairs[i].target)))
    lists: dict[str, Any] = {"best": order[:3], "worst": order[3:][-3:]}
    for title, rows in lists.items():
        for i in rows:
            console.print(f"\n[bold]{title}[/], chrF {scores[i]:.1f}")
            for side, text in (("source", pairs[i].source), ("found", found[i]), ("wanted", pairs[i].target)):
                console.print(Text(f"  {side:7} {text}"), soft_wrap=True)
