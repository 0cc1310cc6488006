"""What several verbs share: how the model is found, and how tables look."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from nlpkit.errors import NlpkitError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from nlpkit.data.tables import Reading, Row
    from nlpkit.metrics import ClassificationReport, GenerationReport, TranslationReport

T = TypeVar("T")

Model = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="A bundle's folder.", show_default="the newest under ./models"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
TextColumn = Annotated[str | None, typer.Option(help="The column with the text, where it is not clear.")]
LabelColumn = Annotated[str | None, typer.Option(help="The column with the label, where it is not clear.")]
Pair = Annotated[str | None, typer.Option(help="From which language to which, such as en-de.")]
SourceColumn = Annotated[str | None, typer.Option(help="The column to translate from, where it is not clear.")]
TargetColumn = Annotated[str | None, typer.Option(help="The column with translations, where it is not clear.")]

Encoding = Annotated[
    str | None, typer.Option(help="What files are in, such as cp1252.", show_default="UTF-8, or as their mark says")
]
Delimiter = Annotated[
    str | None, typer.Option(help="What is between columns: a character, or tab.", show_default="as the header shows")
]
NoHeader = Annotated[bool, typer.Option("--no-header", help="The first row is data; columns go by number, from 1.")]


def note(message: str) -> None:
    """Talk goes to standard error, so that standard output pipes cleanly."""
    print(message, file=sys.stderr)


def utf8(text: str, what: str) -> str:
    """A text from the command line. Raises UsageError for bytes that were not UTF-8, which Python passes on so."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UsageError(f"{what} on the command line is not UTF-8; check the terminal's encoding")
    return text


def load_model(folder: Path | None, task: str | None = None) -> Any:
    """The model in `folder`, or in the newest bundle under ./models, which is then named; of the `task`, where only
    one will do. Raises UsageError for a model of another."""
    from nlpkit.bundle import newest_bundle
    from nlpkit.tasks import load

    if folder is None:
        folder = newest_bundle(task)
        note(f"model: {folder}")
    model = load(folder)
    if task not in (None, model.task):
        verb = {"classification": "predict", "generation": "generate", "translation": "translate"}[model.task]
        raise UsageError(f"{folder} holds a model for {model.task}; use it with `nlpkit {verb}`")
    return model


def reading_of(encoding: str | None, delimiter: str | None = None, no_header: bool = False) -> "Reading | None":
    """How files are read, where an option says so."""
    from nlpkit.data.tables import Reading

    given = Reading(encoding, delimiter, not no_header)
    return None if given == Reading() else given


def read_texts(
    texts: list[str] | None,
    file: Path | None,
    text_column: str | None = None,
    *,
    remembered: str | None = None,
    reading: "Reading | None" = None,
) -> "Iterator[tuple[Row, str]]":
    """Arguments, else the rows of a file, else the lines of standard input, each with its text."""
    from nlpkit.data.files import read_rows
    from nlpkit.data.tables import Reading

    if texts:
        for text in texts:
            yield {}, utf8(text, "a text")
    else:
        yield from read_rows(file or Path("-"), text_column, remembered=remembered, reading=reading or Reading())


@contextmanager
def open_output(output: Path | None) -> Iterator[IO[str]]:
    """A file to write to, which appears when all is written; without one, standard output.

    Raises NlpkitError when it cannot be written.
    """
    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    import tempfile

    partial = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=output.parent, prefix=f".{output.name}-", delete=False
        ) as file:
            partial = Path(file.name)
            yield file
        partial.chmod(0o644)  # temporary files are for their owner alone
        partial.replace(output)
    except OSError as error:
        raise NlpkitError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


def print_json(value: Any) -> None:
    import json

    print(json.dumps(value, ensure_ascii=False, indent=2))


def plain_table(*columns: str, right: int = 0) -> "Table":
    """A table without lines; the last `right` columns hold figures."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i >= len(columns) - right else "left", overflow="fold")
    return table


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Says on a terminal's standard error what is being waited for, with a spinner."""
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def watched(items: Iterable[T], what: str) -> Iterator[T]:
    """Passes items on, counting them with their rate on a terminal's standard error."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        TextColumn("{task.speed:,.0f}/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield from progress.track(items, description=what)


def print_report(title: str, report: "ClassificationReport | GenerationReport | TranslationReport") -> None:
    """One evaluation: its figures, and, of a classifier, the classes and which were taken for which."""
    from rich.console import Console
    from rich.text import Text

    from nlpkit.metrics import GenerationReport, TranslationReport

    console = Console(highlight=False)
    if isinstance(report, TranslationReport):
        console.print(
            f"[bold]{title}[/]: {report.sentences:,} sentences  BLEU [bold]{report.bleu:.2f}[/] "
            f"({report.bleu_low:.2f} to {report.bleu_high:.2f})  chrF [bold]{report.chrf:.2f}[/]  "
            f"lower-cased BLEU {report.bleu_lowercased:.2f}  exact match {report.exact_match:.2%}",
            soft_wrap=True,
        )
        return
    if isinstance(report, GenerationReport):
        console.print(
            f"[bold]{title}[/]: {report.characters:,} characters  [bold]{report.nats_per_character:.4f}[/] nats and "
            f"[bold]{report.bits_per_character:.4f}[/] bits a character  "
            f"perplexity {report.perplexity_per_token:.2f} a token",
            soft_wrap=True,
        )
        return
    console.print(
        f"[bold]{title}[/]: {report.examples:,} texts  accuracy [bold]{report.accuracy:.4f}[/]  "
        f"macro F1 {report.macro_f1:.4f}  log loss {report.log_loss:.4f}  "
        f"calibration error {report.calibration_error:.4f}",
        soft_wrap=True,
    )
    table = plain_table("label", "precision", "recall", "F1", "texts", right=4)
    for scores in report.classes:
        figures = (scores.precision, scores.recall, scores.f1)
        table.add_row(scores.label, *(f"{figure:.4f}" for figure in figures), f"{scores.support:,}")
    console.print(table)
    if len(report.classes) > 12:
        return  # too wide to read
    table = plain_table("true \\ predicted", *(s.label for s in report.classes), right=len(report.classes))
    for i, row in enumerate(report.confusion):
        styles = ["green" if i == j else "red" if count else "dim" for j, count in enumerate(row)]
        table.add_row(report.classes[i].label, *(Text(f"{n:,}", style) for n, style in zip(row, styles, strict=True)))
    console.print(table)
