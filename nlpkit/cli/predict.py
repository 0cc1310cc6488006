"""`nlpkit predict`: a label for each text."""

import logging
import sys
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
    load_model,
    read_texts,
    reading_of,
    watched,
)
from nlpkit.errors import UsageError


def predict(
    texts: list[str] = typer.Argument(None, help="Texts; without any, standard input is read, one text a line."),
    model: Model = None,
    file: Path = typer.Option(None, "--file", "-f", help="A table or a text file; - is standard input."),
    text_column: TextColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    output: Path = typer.Option(None, "--output", "-o", help="Write here, and whole, instead of standard output."),
    overwrite: bool = typer.Option(False, help="Replace an output file that is there already."),
    format: Literal["plain", "csv", "tsv", "jsonl"] = typer.Option(
        None, help="How to write.", show_default="as the file is, else plain"
    ),
    top: int = typer.Option(1, min=1, help="So many labels a text, the likeliest first."),
    as_json: Json = False,
) -> None:
    """Classify texts, in order, however many there are."""
    if texts and file:
        raise UsageError("give texts or --file, not both")
    if not texts and file is None and sys.stdin.isatty():
        raise UsageError('give a text, such as nlpkit predict "I loved every minute", or --file, or pipe lines in')
    if output is not None and output.exists() and not overwrite:
        raise UsageError(f"{output} exists; pick another --output, or --overwrite it")

    from nlpkit.cli.predictions import Format, answers, format_of, open_writer

    said = "jsonl" if as_json else format
    chosen = Format(said) if said else format_of(output) or format_of(file) or Format.plain
    classifier = load_model(model, "classification")
    logging.getLogger("nlpkit").setLevel(logging.INFO)
    reading = reading_of(encoding, delimiter, no_header)
    remembered = classifier.recipe.data.text_column
    found = answers(classifier, read_texts(texts, file, text_column, remembered=remembered, reading=reading))
    with open_writer(chosen, output, top) as write:
        # on a terminal, answers and a bar would get into each other's way
        for answer in watched(found, "predicting") if output is not None else found:
            write(answer)
