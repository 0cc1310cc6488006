"""`nlpkit translate`: sentences in, their translations out."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from nlpkit.cli.options import (
    Delimiter,
    Encoding,
    Engine,
    Files,
    Json,
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
from nlpkit.output import check_output_file, open_output

if TYPE_CHECKING:
    from nlpkit.tasks.translation.translator import Translator


def translate(
    context: typer.Context,
    texts: list[str] = typer.Argument(None, help="Texts; without any, standard input is read, one text a line."),
    model: list[Path] = typer.Option(
        [],
        "--model",
        "-m",
        help="A bundle's folder, or a name that `nlpkit models` lists; several, of the same tokenizer, together.",
        show_default="the newest under ./models, or the one that comes with nlpkit",
    ),
    pair: str = typer.Option(None, help="Refuse a model of another pair than this, such as en-de."),
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
    engine: Engine = "local",
    beam: int = typer.Option(5, min=1, metavar="N", help="So many translations are kept side by side; 1 is greedy."),
    nbest: int = typer.Option(
        1, min=1, metavar="N", help="So many translations a text, with its number and log p in nats, the best first."
    ),
    length_penalty: float = typer.Option(None, help="Above 0, longer ones are favoured.", show_default="the recipe's"),
    coverage_penalty: float = typer.Option(
        None, help="Above 0, those that left source words unread are not.", show_default="0"
    ),
    attention: bool = typer.Option(False, "--attention", help="Show where in the source each piece came from."),
    html: Path = typer.Option(None, metavar="FILE", help="Write that as a page."),
    as_json: Json = False,
) -> None:
    """Translate texts, in order, however many there are; an empty line stays empty."""
    plain_alone = ["as_json", "format", "output", "nbest"]
    check_options(
        context,
        apart={"attention": plain_alone, "html": plain_alone, "as_json": ["format"]},
        together={"text_column": ["file"], "overwrite": ["output", "html"], "engine": ["file"]},
    )
    check_texts(texts, file, 'nlpkit translate "5 mars 2024"')
    check_reading_options(texts, encoding, delimiter, no_header)
    looking = attention or html is not None
    if looking and len(model) > 1:
        raise UsageError(
            f"{'--attention' if attention else '--html'} looks into one model; leave the other --model out"
        )
    if nbest > beam:
        raise UsageError(f"--nbest {nbest} needs a --beam as wide, not {beam}")
    check_output_file(html, overwrite=overwrite)
    ranking = {"length_penalty": length_penalty, "coverage_penalty": coverage_penalty}
    ranking = {name: value for name, value in ranking.items() if value is not None}
    _check(ranking)

    from nlpkit.answers.shards import one_file, shards_of, together, write_shards
    from nlpkit.tasks.translation.translator import Translator

    said = "jsonl" if as_json else format
    shards = shards_of(file, output, said, engine, overwrite=overwrite)
    folders: list[Path | None] = [*model] or [None]
    translators = [load_model(folder, Translator) for folder in folders]
    translators[0].check_pair(pair)
    translator = together(translators)
    settings: dict[str, Any] = {
        "format": said,
        "beam": beam,
        "nbest": nbest,
        "ranking": ranking,
        "text_column": text_column,
    }
    settings |= {"encoding": encoding, "delimiter": delimiter, "no_header": no_header}
    answer: partial[int] = partial(_answer, **settings)
    if shards and output is not None:
        show = partial(progress, "translating")
        write_shards(shards, output, translators, answer, engine=engine, overwrite=overwrite, tell=note, progress=show)
        return
    with one_file(file, output) as (source, written):
        if looking:
            reading = reading_of(encoding, delimiter, no_header)
            given = read_texts(texts, source, text_column, remembered=_remembered(translator), reading=reading)
            _show_attention(
                translator, (text for _, text in chain.from_iterable(given)), html, attention, beam, ranking
            )
        else:
            answer(translator, source, written, texts=texts, what="translating")


def _answer(
    translator: "Translator",
    file: Path | None,
    output: Path | None,
    *,
    format: str | None,
    beam: int,
    nbest: int,
    ranking: dict[str, float],
    text_column: str | None,
    encoding: str | None,
    delimiter: str | None,
    no_header: bool,
    texts: list[str] | None = None,
    what: str | None = None,
) -> int:
    """Translates texts, or a file's, and tells how many they were."""
    from nlpkit.answers.rows import choose_format
    from nlpkit.answers.translations import answers, open_writer

    chosen = choose_format(format, output, file)
    keys: list[str] = []
    reading = reading_of(encoding, delimiter, no_header)
    given = read_texts(
        texts, file, text_column, remembered=_remembered(translator), reading=reading, header=keys.extend
    )
    rows = 0
    with open_writer(chosen, output, nbest, source=file, keys=keys) as write:
        for answer in answered(given, partial(answers, translator, beam=beam, ranking=ranking), output, what):
            write(answer)
            rows += 1
    return rows


def _remembered(translator: "Translator") -> str:
    """The column that is translated where none is named."""
    return translator.columns.get("source", "source")


def _check(ranking: dict[str, float]) -> None:
    """Refuses impossible options before a model is loaded."""
    from nlpkit.runtime.beam import Ranking

    try:
        Ranking(**ranking)
    except UsageError as error:
        name, _, rest = str(error).partition(" ")
        raise UsageError(f"--{name.replace('_', '-')} {rest}") from None


def _show_attention(
    translator: "Translator",
    texts: Iterator[str],
    html: Path | None,
    on_terminal: bool,
    beam: int,
    ranking: dict[str, float],
) -> None:
    from nlpkit.cli.heatmap import attention_page, print_attention

    found = []
    for text in texts:
        if text.strip():
            found.append(translator.align(text, translator.translate([text], beam=beam, **ranking)[0]))
            if on_terminal or html is None:
                print_attention(found[-1])
    if html is not None:
        with open_output(html) as out:
            out.write(attention_page(found))
        note(f"wrote {html}")
