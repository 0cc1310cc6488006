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
    watched,
)


def evaluate(
    model: Model = None,
    data: str = typer.Option(None, help="A data set or a path.", show_default="what it was trained on"),
    split: str = typer.Option(None, help="Which split.", show_default="test, else what was held out"),
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    as_json: Json = False,
) -> None:
    """Compare a model's answers with the labels: accuracy, precision, recall, F1, confusion, calibration."""
    classifier = load_model(model)
    name, examples = classifier.examples(data, split, text_column=text_column, label_column=label_column)
    report = classifier.compare(watched(examples, f"evaluating {name}"))
    if as_json:
        print_json({"split": name, **report.to_dict()})
    else:
        print_report(f"{data or classifier.recipe.data.source}, {name}", report)
