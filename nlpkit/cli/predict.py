"""`nlpkit predict`: a label for each text."""

import logging
from functools import partial
from pathlib import Path
from typing import Literal

import typer

from nlpkit.cli.options import (
    Delimiter,
    Encoding,
    Json,
    Model,
    NoHeader,
    TextColumn,
    answered,
    check_options,
    check_reading_options,
    check_texts,
    load_model,
    read_texts,
    reading_of,
)
from nlpkit.errors import UsageError
from nlpkit.output import check_output_file


def predict(
    context: typer.Context,
    texts: list[str] = typer.Argument(None, help="Texts; without any, standard input is read, one text a line."),
    model: Model = None,
    file: Path = typer.Option(None, "--file", "-f", help="A table or a text file; - is standard input."),
    text_column: TextColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    output: Path = typer.Option(None, "--output", "-o", help="Write here, and whole, instead of standard output."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an output file that is there already."),
    format: Literal["plain", "csv", "tsv", "jsonl", "parquet"] = typer.Option(
        None,
        metavar="FORMAT",
        help="How to write: plain, csv, tsv, jsonl or parquet.",
        show_default="as the output's name says, else as the file is, else plain",
    ),
    top: int = typer.Option(1, min=1, metavar="N", help="So many labels a text, the likeliest first."),
    min_score: str = typer.Option(
        None,
        metavar="SCORE|auto",
        help="Give no label below this score; auto is the one found on the validation split.",
        show_default="every text gets one; of several, each has a threshold of its own",
    ),
    as_json: Json = False,
) -> None:
    """Classify texts, in order, however many there are."""
    check_options(
        context,
        apart={"as_json": ["format"]},
        together={"text_column": ["file"], "overwrite": ["output"]},
    )
    check_texts(texts, file, 'nlpkit predict "I loved every minute"')
    check_reading_options(texts, encoding, delimiter, no_header)
    check_output_file(output, overwrite=overwrite)
    if top > 1 and min_score is not None:
        raise UsageError("--top gives labels whatever their scores, and --min-score does not; give one of them")

    from nlpkit.cli.predictions import answers, open_writer
    from nlpkit.cli.rows import Format, choose_format
    from nlpkit.tasks.classification.classifier import TextClassifier

    chosen = choose_format("jsonl" if as_json else format, output, file)
    classifier = load_model(model, TextClassifier)
    logging.getLogger("nlpkit").setLevel(logging.INFO)
    if top > 1 and classifier.several:
        raise UsageError("--top goes with one label a text; this model gives each text as many as go with it")
    choose = classifier.chooser(min_score)
    most = None if chosen is Format.jsonl and top == 1 else top  # JSON tells every score, unless asked for the best
    respond = partial(answers, classifier, choose=choose, most=most)
    reading = reading_of(encoding, delimiter, no_header)
    keys: list[str] = []
    remembered = classifier.columns.get("text")
    given = read_texts(texts, file, text_column, remembered=remembered, reading=reading, header=keys.extend)
    found = answered(given, respond, output, "predicting")
    with open_writer(chosen, output, min(top, len(classifier.labels)), source=file, keys=keys) as write:
        for answer in found:
            write(answer)
