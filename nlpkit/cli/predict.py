"""`nlpkit predict`: a label for each text."""

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from nlpkit.cli.options import (
    Delimiter,
    Encoding,
    Engine,
    Files,
    Json,
    Model,
    NoHeader,
    Output,
    TextColumn,
    answered,
    check_options,
    check_reading_options,
    check_texts,
    load_model,
    note,
    progress,
    read_texts,
    reading_of,
)
from nlpkit.errors import UsageError

if TYPE_CHECKING:
    from nlpkit.tasks.classification.classifier import TextClassifier


def predict(
    context: typer.Context,
    texts: list[str] = typer.Argument(None, help="Texts; without any, standard input is read, one text a line."),
    model: Model = None,
    file: Files = [],  # noqa: B006
    text_column: TextColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    output: Output = None,
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an output file that is there already."),
    format: Literal["plain", "csv", "tsv", "jsonl", "parquet"] = typer.Option(
        None,
        metavar="FORMAT",
        help="How to write: plain, csv, tsv, jsonl or parquet.",
        show_default="as the output's name says, else as the file is, else plain",
    ),
    top: int = typer.Option(1, min=1, metavar="N", help="So many labels a text, the likeliest first."),
    engine: Engine = "local",
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
        together={"text_column": ["file"], "overwrite": ["output"], "engine": ["file"]},
    )
    check_texts(texts, file, 'nlpkit predict "I loved every minute"')
    check_reading_options(texts, encoding, delimiter, no_header)
    if top > 1 and min_score is not None:
        raise UsageError("--top gives labels whatever their scores, and --min-score does not; give one of them")

    from nlpkit.answers.shards import one_file, shards_of, write_shards
    from nlpkit.tasks.classification.classifier import TextClassifier

    said = "jsonl" if as_json else format
    shards = shards_of(file, output, said, engine, overwrite=overwrite)
    classifier = load_model(model, TextClassifier)
    logging.getLogger("nlpkit").setLevel(logging.INFO)
    if top > 1 and classifier.several:
        raise UsageError("--top goes with one label a text; this model gives each text as many as go with it")
    classifier.chooser(min_score)
    settings: dict[str, Any] = {"format": said, "top": top, "min_score": min_score, "text_column": text_column}
    settings |= {"encoding": encoding, "delimiter": delimiter, "no_header": no_header}
    answer: partial[int] = partial(_answer, **settings)
    if shards and output is not None:
        show = partial(progress, "predicting")
        write_shards(shards, output, [classifier], answer, engine=engine, overwrite=overwrite, tell=note, progress=show)
        return
    with one_file(file, output) as (source, written):
        answer(classifier, source, written, texts=texts, what="predicting")


def _answer(
    classifier: "TextClassifier",
    file: Path | None,
    output: Path | None,
    *,
    format: str | None,
    top: int,
    min_score: str | None,
    text_column: str | None,
    encoding: str | None,
    delimiter: str | None,
    no_header: bool,
    texts: list[str] | None = None,
    what: str | None = None,
) -> int:
    """Answers texts, or a file's, and tells how many they were."""
    from nlpkit.answers.predictions import answers, open_writer
    from nlpkit.answers.rows import Format, choose_format

    chosen = choose_format(format, output, file)
    most = None if chosen is Format.jsonl and top == 1 else top  # JSON tells every score, unless asked for the best
    respond = partial(answers, classifier, choose=classifier.chooser(min_score), most=most)
    keys: list[str] = []
    remembered = classifier.columns.get("text")
    reading = reading_of(encoding, delimiter, no_header)
    given = read_texts(texts, file, text_column, remembered=remembered, reading=reading, header=keys.extend)
    rows = 0
    with open_writer(chosen, output, min(top, len(classifier.labels)), source=file, keys=keys) as write:
        for answer in answered(given, respond, output, what):
            write(answer)
            rows += 1
    return rows
