"""`nlpkit evaluate`: how good a model is."""

import typer

from nlpkit.cli.options import (
    Json,
    LabelColumn,
    Model,
    TextColumn,
    load_model,
    print_json,
    print_report,
    waiting,
    watched,
)
from nlpkit.errors import UsageError


def evaluate(
    model: Model = None,
    data: str = typer.Option(None, help="A data set or a path.", show_default="what it was trained on"),
    split: str = typer.Option(
        None, help="Which split; validation+test is one after the other.", show_default="test, else what was held out"
    ),
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    as_json: Json = False,
) -> None:
    """How good a model is: accuracy, F1, confusion and calibration of labels; nats and bits a character of text."""
    trained = load_model(model)
    if trained.task == "generation":
        if label_column is not None:
            raise UsageError("a generator's data has no labels; leave --label-column out")
        name, ids, characters = trained.documents(data, split, text_column)
        with waiting(f"reading {characters:,} characters"):
            report = trained.compare(ids, characters)
    else:
        name, examples = trained.examples(data, split, text_column=text_column, label_column=label_column)
        report = trained.compare(watched(examples, f"evaluating {name}"))
    if as_json:
        print_json({"split": name, **report.to_dict()})
    else:
        print_report(f"{data or trained.recipe.data.source}, {name}", report)
