"""`nlpkit evaluate`: how good a model is."""

from pathlib import Path
from typing import Any

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
    given_of_data,
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


def evaluate(
    bundle: Path = typer.Argument(
        None, help="A bundle's folder, or a name that `nlpkit models` lists.", show_default="the newest under ./models"
    ),
    model: Path = typer.Option(None, "--model", "-m", help="The same, as an option.", show_default=False),
    data: str = data_option(None, help="A data set or a path.", show_default="what it was trained on"),
    split: str = data_option(
        None,
        help="Which split; validation+test is one after the other.",
        show_default="test, else what was held out",
    ),
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_columns: LabelColumns = None,
    label_delimiter: LabelDelimiter = None,
    source: str = data_option(None, help="A file of sentences to translate, one a line."),
    target: str = data_option(None, help="Their translations, line by line."),
    pair: LanguagePair = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    beam: int = typer.Option(None, min=1, help="The width of a translator's search.", show_default="5"),
    as_json: Json = False,
) -> None:
    """How good a model is: accuracy of labels, bits a character of text, BLEU of translations."""
    from rich.console import Console

    from nlpkit.data.judged import JudgedRows

    if bundle is not None and model is not None:
        raise UsageError(f"{bundle} and --model {model}: name one model, in either way")
    trained = load_model(bundle or model)
    given: dict[str, Any] = {
        "text_column": text_column,
        "label_column": label_column,
        "label_columns": split_names(label_columns),
        "label_delimiter": label_delimiter,
        "source": source,
        "target": target,
        "pair": pair,
        "source_column": source_column,
        "target_column": target_column,
        "beam": beam,
    }
    options = given_of_data(type(trained), given, data)
    if (source is None) != (target is None) or (source and data):
        raise UsageError("give --data, or --source and --target together")
    judged = {option: options.pop(option) for option in trained.judge_options if option in options}
    options.pop("source", None)
    if reading := reading_of(encoding, delimiter, no_header):
        options["reading"] = reading
    name, rows = trained.rows(data or source, split, **options)
    if isinstance(rows, JudgedRows):
        report = trained.compare(watched(rows, f"evaluating {name}"), **judged)
    else:
        with waiting(f"evaluating {name}"):
            report = trained.compare(rows, **judged)
    if as_json:
        gain = trained.yardstick_gain(name, report)
        print_json({"split": name, "trained_on": rows.trained_on, **report.to_dict(), "yardstick": gain})
        return
    print_report(f"{data or source or trained.recipe.data.source}, {name}", report, rows.trained_on)
    print_yardstick(trained, name, report)
    report.show_rows(Console(highlight=False))
