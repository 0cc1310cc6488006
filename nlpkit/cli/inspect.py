"""`nlpkit inspect`: what a model's gates do with a text, why it answers as it does, and how far back it remembers."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from nlpkit.answers.json_text import to_json
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
    check_options,
    check_reading_options,
    check_texts,
    data_option,
    given_of_data,
    load_model,
    note,
    print_json,
    progress,
    read_texts,
    reading_of,
    split_names,
    watched,
    write_chart,
)
from nlpkit.errors import NlpkitError, UsageError, reason
from nlpkit.output import check_output_file, open_output, replacing

if TYPE_CHECKING:
    from nlpkit.data.tables import Reading
    from nlpkit.inspect.inspection import Inspection

_OF_DATA = ("label_column", "label_columns", "label_delimiter", "source_column", "target_column", "pair")
_MOST = 200  # texts of a page
_LARGE_PAGE, _LARGE_JSON = 3_000_000, 20_000_000  # bytes from which on what is large is told


def inspect(
    context: typer.Context,
    bundle: Path = typer.Argument(help="A bundle's folder, or a name that `nlpkit models` lists."),
    texts: list[str] = typer.Argument(None, help="Texts; without any, standard input is read, one text a line."),
    file: Path = typer.Option(None, "--file", "-f", help="A table or a text file; - is standard input."),
    text_column: TextColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    memory: bool = typer.Option(False, "--memory", help="How far back the model remembers, on data, not of a text."),
    data: str = data_option(None, help="With --memory: a data set or a path.", show_default="what it was trained on"),
    split: str = data_option(None, help="Which split of it.", show_default="test, else what was held out"),
    label_column: LabelColumn = None,
    label_columns: LabelColumns = None,
    label_delimiter: LabelDelimiter = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    pair: LanguagePair = None,
    gate: Literal["forget", "input", "output", "candidate", "memory", "hidden", "update", "reset"] = typer.Option(
        None, metavar="GATE", help="What the heat map shows.", show_default="forget, or what the cell has"
    ),
    html: Path = typer.Option(None, "--html", metavar="FILE", help="Write a page to look into, which stands alone."),
    npz: Path = typer.Option(None, "--npz", metavar="FILE", help="Write every array of one text, for NumPy."),
    svg: Path = typer.Option(None, "--svg", metavar="FILE", help="With --memory: write a picture."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace files that are there already."),
    as_json: Json = False,
) -> None:
    """Show what goes on inside a model while it reads: its gates, its memory, and why it answers so."""
    of_texts = ["texts", "file", "gate", "html", "npz"]
    check_options(
        context,
        apart={"gate": ["as_json", "html", "npz"], "memory": of_texts},
        together={
            "text_column": ["file", "memory"],
            **{name: ["memory"] for name in _OF_DATA},
            "overwrite": ["html", "npz", "svg"],
            "data": ["memory"],
            "split": ["memory"],
            "svg": ["memory"],
        },
    )
    if html is not None and html == npz:
        raise UsageError("--html and --npz name one file; give each its own")
    for output in (html, npz, svg):
        check_output_file(output, overwrite=overwrite)
    reading = reading_of(encoding, delimiter, no_header)
    if memory:
        columns = {
            "text_column": text_column,
            "label_column": label_column,
            "label_columns": split_names(label_columns),
            "label_delimiter": label_delimiter,
            "source_column": source_column,
            "target_column": target_column,
            "pair": pair,
        }
        _inspect_memory(load_model(bundle), data, split, svg, as_json, reading, columns)
        return
    check_texts(texts, file, f'nlpkit inspect {bundle} "I loved every minute"')
    check_reading_options(texts, encoding, delimiter, no_header)
    model = load_model(bundle)
    given = read_texts(texts, file, text_column, remembered=model.columns.get("text"), reading=reading)
    found = _inspected(model, (text for burst in given for _, text in burst), 1 if npz is not None else _MOST)
    _write(html, npz, found)
    if as_json:
        told = to_json(found[0].to_dict() if len(found) == 1 else [one.to_dict() for one in found], indent=2)
        if (size := len(told.encode())) > _LARGE_JSON:
            note(f"{size / 1e6:.0f} MB of JSON; --npz FILE keeps the arrays of one text in a small part of that")
        print(told)
    elif html is None and npz is None:
        from nlpkit.inspect.terminal import print_inspection

        for number, one in enumerate(found):
            if number:
                print()
            print_inspection(one, gate)


def _inspected(model: Any, texts: Iterable[str], most: int) -> "list[Inspection]":
    given = list(islice(texts, most + 1))
    if len(given) > most:
        raise UsageError(f"{most:,} {'text is' if most == 1 else 'texts are'} the most that can be shown so")
    if not given:
        raise UsageError("there is no text to inspect")
    return [model.inspect(text) for text in watched(given, "inspecting")]


def _write(html: Path | None, npz: Path | None, found: "list[Inspection]") -> None:
    if html is not None:
        from nlpkit.inspect.page import page

        with open_output(html) as file:
            file.write(page(found))
    if npz is not None:
        import numpy as np

        try:
            with replacing(npz) as arrays:
                np.savez_compressed(arrays, allow_pickle=False, **found[0].arrays())
        except OSError as error:
            raise NlpkitError(f"{npz} cannot be written: {reason(error)}") from error
    for output in (html, npz):
        if output is not None:
            note(f"wrote {output}")
    if html is not None and (size := html.stat().st_size) > _LARGE_PAGE:
        fewer = "shorter texts" if len(found) == 1 else "fewer texts, or shorter ones,"
        note(f"{html} has {size / 1e6:.1f} MB, which browsers open slowly; {fewer} make it smaller")


def _inspect_memory(
    model: Any,
    data: str | None,
    split: str | None,
    svg: Path | None,
    as_json: bool,
    reading: "Reading | None",
    columns: dict[str, Any],
) -> None:
    from nlpkit.inspect.terminal import memory_panels, print_memory

    given = given_of_data(type(model), columns, data)
    if reading is not None:
        given["reading"] = reading
    with progress("cutting the context") as report:
        found = model.memory(data, split, report=report, **given)
    if as_json:
        print_json(found.to_dict())
    else:
        print_memory(found)
    if svg is not None:
        write_chart(svg, memory_panels(found))
