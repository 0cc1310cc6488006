"""`nlpkit inspect`: what a model's gates do with a text, and why it answers as it does."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from nlpkit.cli.options import Delimiter, Encoding, Json, NoHeader, TextColumn, check_options, note, print_json
from nlpkit.errors import NlpkitError, UsageError, reason
from nlpkit.output import check_output_file

if TYPE_CHECKING:
    from nlpkit.inspect.inspection import Inspection

_MOST = 200  # texts of a page


def inspect(
    context: typer.Context,
    bundle: Path = typer.Argument(help="A bundle's folder, or a name that `nlpkit models` lists."),
    texts: list[str] = typer.Argument(None, help="Texts; without any, standard input is read, one text a line."),
    file: Path = typer.Option(None, "--file", "-f", help="A table or a text file; - is standard input."),
    text_column: TextColumn = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    gate: Literal["forget", "input", "output", "candidate", "memory", "hidden", "update", "reset"] = typer.Option(
        None, metavar="GATE", help="What the heat map shows.", show_default="forget, or what the cell has"
    ),
    html: Path = typer.Option(None, "--html", metavar="FILE", help="Write a page to look into, which stands alone."),
    npz: Path = typer.Option(None, "--npz", metavar="FILE", help="Write every array, for NumPy; of one text."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace files that are there already."),
    as_json: Json = False,
) -> None:
    """Show what goes on inside a model while it reads: its gates, its memory, and why it answers so."""
    from nlpkit.cli.options import check_reading_options, check_texts, load_model, read_texts, reading_of
    from nlpkit.inspect.page import page
    from nlpkit.output import open_output, replacing

    check_options(
        context,
        apart={"as_json": ["gate"]},
        together={"text_column": ["file"], "overwrite": ["html", "npz"]},
    )
    check_texts(texts, file, f'nlpkit inspect {bundle} "I loved every minute"')
    check_reading_options(texts, encoding, delimiter, no_header)
    for output in (html, npz):
        check_output_file(output, overwrite=overwrite)
    model = load_model(bundle)
    reading = reading_of(encoding, delimiter, no_header)
    given = read_texts(texts, file, text_column, remembered=model.columns.get("text"), reading=reading)
    found: list[Inspection] = []
    for burst in given:
        for _, text in burst:
            if len(found) == _MOST or (npz is not None and found):
                limit = "one text" if npz is not None else f"{_MOST} texts"
                raise UsageError(f"{'--npz' if npz is not None else 'inspect'} takes {limit}; give fewer")
            found.append(model.inspect(text))
    if not found:
        raise UsageError("there is no text to inspect")
    if html is not None:
        with open_output(html) as page_file:
            page_file.write(page(found))
    if npz is not None:
        import numpy as np

        try:
            with replacing(npz) as arrays:
                np.savez_compressed(arrays, allow_pickle=False, **found[0].arrays())
        except OSError as error:
            raise NlpkitError(f"{npz} cannot be written: {reason(error)}") from error
    for output in (html, npz):
        if output is not None:
            note(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")
    if as_json:
        print_json(found[0].to_dict() if len(found) == 1 else [one.to_dict() for one in found])
    elif html is None and npz is None:
        from nlpkit.inspect.terminal import print_inspection

        for number, one in enumerate(found):
            if number:
                print()
            print_inspection(one, gate)
