"""`nlpkit translate`: sentences in, their translations out."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nlpkit.cli.options import Encoding, Json, load_model, note, open_output, read_texts, reading_of, watched
from nlpkit.errors import UsageError

if TYPE_CHECKING:
    from nlpkit.tasks.translation import Translator


def translate(
    texts: list[str] = typer.Argument(None, help="Texts; without any, standard input is read, one text a line."),
    model: list[Path] = typer.Option(
        [],
        "--model",
        "-m",
        help="A bundle's folder; several, of the same tokenizer, translate together.",
        show_default="the newest under ./models",
    ),
    pair: str = typer.Option(None, help="Refuse a model of another pair than this, such as en-de."),
    file: Path = typer.Option(None, "--file", "-f", help="A file of texts, one a line; - is standard input."),
    encoding: Encoding = None,
    output: Path = typer.Option(None, "--output", "-o", help="Write here, and whole, instead of standard output."),
    overwrite: bool = typer.Option(False, help="Replace an output file that is there already."),
    beam: int = typer.Option(5, min=1, help="So many translations are kept side by side; 1 is greedy."),
    nbest: int = typer.Option(1, min=1, help="So many translations a text, with log p in nats, the best first."),
    length_penalty: float = typer.Option(None, help="Above 0, longer ones are favoured.", show_default="the recipe's"),
    coverage_penalty: float = typer.Option(
        None, help="Above 0, those that left source words unread are not.", show_default="0"
    ),
    attention: bool = typer.Option(False, help="Show where in the source each piece came from."),
    html: Path = typer.Option(None, metavar="FILE", help="Write that as a page."),
    as_json: Json = False,
) -> None:
    """Translate texts, in order, however many there are; an empty line stays empty."""
    if texts and file:
        raise UsageError("give texts or --file, not both")
    if not texts and file is None and sys.stdin.isatty():
        raise UsageError('give a text, such as nlpkit translate "5 mars 2024", or --file, or pipe lines in')
    if nbest > beam:
        raise UsageError(f"--nbest {nbest} needs a --beam as wide, not {beam}")
    for path in (output, html):
        if path is not None and path.exists() and not overwrite:
            raise UsageError(f"{path} exists; pick another name, or --overwrite it")
    ranking = {"length_penalty": length_penalty, "coverage_penalty": coverage_penalty}
    ranking = {name: value for name, value in ranking.items() if value is not None}
    _check(ranking)

    folders: list[Path | None] = [*model] or [None]
    first, *others = [load_model(folder, "translation") for folder in folders]
    first.check_pair(pair)
    translator = first.together(*others) if others else first
    given = (text for _, text in read_texts(texts, file, reading=reading_of(encoding)))
    if attention or html is not None:
        if others:
            raise UsageError("--attention looks into one model; leave the other --model out")
        _show_attention(translator, given, html, attention, beam, ranking)
        return
    asked: list[str] = []

    def sources() -> Iterator[str]:
        for text in given:
            if as_json:
                asked.append(text)
            yield text

    found = translator.translate_stream(sources(), beam=beam, **ranking)
    with open_output(output) as out:
        # on a terminal, answers and a bar would get into each other's way
        for answers in watched(found, "translating") if output is not None else found:
            if as_json:
                told = [{"text": one.text, "log_probability": round(one.log_probability, 4)} for one in answers[:nbest]]
                out.write(json.dumps({"source": asked.pop(0), "translations": told}, ensure_ascii=False) + "\n")
            elif nbest == 1:
                out.write(answers[0].text + "\n")
            else:
                out.writelines(f"{one.log_probability:.4f}\t{one.text}\n" for one in answers[:nbest])


def _check(ranking: dict[str, float]) -> None:
    """Refuses impossible options before a model is loaded."""
    from nlpkit.decoding.beam import Ranking

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
