"""What several verbs share: how the model is found, and how tables look."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from nlpkit.answers.json_text import to_json
from nlpkit.errors import UsageError

if TYPE_CHECKING:
    from nlpkit.data.tables import Reading, Row
    from nlpkit.inspect.chart import Panel
    from nlpkit.report import Report
    from nlpkit.tasks.base import TrainedTask

T = TypeVar("T")
A = TypeVar("A")

Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        help="A bundle's folder, or a name that `nlpkit models` lists.",
        show_default="the newest under ./models, or the one that comes with nlpkit",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
data_option = partial(typer.Option, rich_help_panel="Data")
"""An option that says which data, or how it is read."""

TextColumn = Annotated[str | None, data_option(help="The column with the text, where it is not clear.")]
LabelColumn = Annotated[str | None, data_option(help="The column with the label, where it is not clear.")]
LabelColumns = Annotated[
    str | None,
    data_option(metavar="A,B,…", help="A column of 0 and 1 for each label, where a text may have several."),
]
LabelDelimiter = Annotated[
    str | None,
    data_option(help="What stands between the labels of a cell, where a text may have several."),
]
LanguagePair = Annotated[str | None, data_option(help="From which language to which, such as en-de.")]
SourceColumn = Annotated[str | None, data_option(help="The column to translate from, where it is not clear.")]
TargetColumn = Annotated[str | None, data_option(help="The column with translations, where it is not clear.")]

Encoding = Annotated[
    str | None,
    data_option(help="What files are in, such as cp1252.", show_default="UTF-8, or as their mark says"),
]
Delimiter = Annotated[
    str | None,
    data_option(help="What is between columns: a character, or tab.", show_default="as the header shows"),
]
NoHeader = Annotated[bool, data_option("--no-header", help="The first row is data; columns go by number, from 1.")]

Files = Annotated[
    list[str],
    typer.Option(
        "--file",
        "-f",
        help="A table or a text file, also at an address such as s3://bucket/a.csv; - is standard input. For many: a "
        "pattern in quotes, such as 'logs/*.parquet', a folder, or several --file.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="Write here, and whole, instead of standard output; of many files a folder, with a file for each.",
    ),
]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="What answers many files: this process, or a Ray cluster."),
]


def note(message: str) -> None:
    """Talk goes to standard error, so that standard output pipes cleanly."""
    print(message, file=sys.stderr)


def split_names(names: str | None) -> list[str] | None:
    """The columns that --label-columns names, with commas between them."""
    return None if names is None else [name.strip() for name in names.split(",")]


def utf8(text: str, what: str) -> str:
    """A text from the command line. Raises UsageError for bytes that were not UTF-8, which Python passes on so."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UsageError(f"{what} on the command line is not UTF-8; check the terminal's encoding")
    return text


def load_model(folder: Path | None, wanted: "type[TrainedTask[Any]] | None" = None) -> Any:
    """The model in `folder`, or in the newest bundle under ./models, or, of the task that is `wanted`, where only one
    will do, the starter; which of these it is is told. Raises UsageError for a model of another task."""
    from nlpkit.bundle import newest_bundle
    from nlpkit.models import STARTERS, newest_model
    from nlpkit.tasks import load

    if folder is None:
        folder = newest_bundle(None) if wanted is None else newest_model(wanted.task)
        shipped = folder.parent == STARTERS
        note(f"model: {folder.name}, which comes with nlpkit" if shipped else f"model: {folder}")
    model = load(folder)
    if wanted is not None and not isinstance(model, wanted):
        raise UsageError(f"{folder} holds a model for {model.task}; use it with `nlpkit {model.verb or 'evaluate'}`")
    return model


def check_data_options(task: "type[TrainedTask[Any]]", given: Iterable[str]) -> None:
    """Refuses options of other tasks' data, and of how they are judged."""
    from nlpkit.tasks import task_classes

    for option in given:
        if option not in (*task.data_options, *task.judge_options):
            names = [one.task for one in task_classes() if option in (*one.data_options, *one.judge_options)]
            raise UsageError(f"--{option.replace('_', '-')} goes with {' and '.join(names)}, not {task.task}")


def given_of_data(task: "type[TrainedTask[Any]]", given: Mapping[str, Any], data: str | None) -> dict[str, Any]:
    """The options that say where in the data its rows are, as far as they were given. Refuses those of other tasks, and
    columns where no data is named."""
    options = {option: value for option, value in given.items() if value is not None}
    check_data_options(task, options)
    for option in options:
        if option.endswith("column") and data is None:
            raise UsageError(f"--{option.replace('_', '-')} goes with --data, which names the table")
    return options


def check_options(
    context: typer.Context,
    *,
    apart: Mapping[str, Sequence[str]] = MappingProxyType({}),
    together: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Refuses options that were typed and mean nothing as they stand: those `apart` beside one of theirs, those
    `together` without any of theirs; all by the names of their parameters."""
    spelt = {str(one.name): max(one.opts, key=len) for one in context.command.params}
    typed = [name for name in spelt if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    for name in typed:
        for other in apart.get(name, ()):
            if other in typed:
                raise UsageError(f"{spelt[name]} goes without {spelt[other]}; leave one of them out")
        needed = together.get(name, ())
        if needed and not set(needed) & set(typed):
            raise UsageError(f"{spelt[name]} goes with {' or '.join(spelt[other] for other in needed)}")


def check_texts(texts: list[str] | None, file: object, example: str) -> None:
    """Refuses texts beside a file, and neither of them on a terminal, where nothing is piped in."""
    if texts and file:
        quoted = ", and put a pattern in 'quotes', or the shell makes texts of it" if Path(texts[0]).is_file() else ""
        raise UsageError(f"give texts or --file, not both{quoted}")
    if not texts and not file and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(f"give a text, such as {example}, or --file, or pipe lines in")


def check_reading_options(
    texts: list[str] | None, encoding: str | None, delimiter: str | None, no_header: bool
) -> None:
    """Refuses ways to read a file or a pipe beside texts."""
    given = {"--encoding": encoding is not None, "--delimiter": delimiter is not None, "--no-header": no_header}
    if texts and (idle := next((option for option, is_given in given.items() if is_given), None)):
        raise UsageError(f"{idle} goes with --file or lines piped in, not with texts; leave one of them out")


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
    header: Callable[[list[str]], object] = lambda keys: None,
) -> "Iterator[Iterator[tuple[Row, str]]]":
    """Arguments, else the rows of a file, else the lines of standard input, each with its text: in one burst, or, from
    a pipe that pauses, in one for each time that it goes on. `header` is as `read_rows` calls it."""
    from nlpkit.cli.pipe import bursts
    from nlpkit.data.encoding import piped_line
    from nlpkit.data.files import read_rows
    from nlpkit.data.tables import Reading, check_reading

    if texts:
        yield (({}, utf8(text, "a text")) for text in texts)
    elif file not in (None, Path("-")) or reading is not None:
        path, reading = file or Path("-"), reading or Reading()
        check_reading(path, reading)
        yield read_rows(path, text_column, remembered=remembered, reading=reading, told=header)
    elif text_column is not None:
        raise UsageError("standard input is read as lines, which have no columns; say --delimiter if it is a table")
    else:
        numbers = count(1)
        for lines in bursts(sys.stdin.fileno()):
            yield (({}, piped_line(line, next(numbers))) for line in lines)


def answered(
    bursts: Iterator[Iterator[T]], answer: Callable[[Iterator[T]], Iterator[A]], output: Path | None, what: str | None
) -> Iterator[A]:
    """The answers to each burst. Those on standard output are seen before the next burst is waited for; while an
    output file is written they are counted on a terminal, where else they would get into each other's way, if there is
    a word for `what` is done."""

    def each() -> Iterator[A]:
        for burst in bursts:
            yield from answer(burst)
            if output is None:
                sys.stdout.flush()

    return watched(each(), what) if output is not None and what else each()


def print_json(value: Any) -> None:
    print(to_json(value, indent=2))


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


@contextmanager
def progress(what: str) -> Iterator[Callable[..., None]]:
    """A function that is told how many of how many are done, and how quickly, if that is to be seen, and shows it on a
    terminal's standard error, with the time that is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total, rate="": bar.update(task, completed=done, total=total, description=f"{what}{rate}")


def write_chart(path: Path, panels: "Sequence[Panel]") -> None:
    """Writes charts as SVG, and says so. Raises NlpkitError when it cannot be written."""
    from nlpkit.inspect.chart import svg
    from nlpkit.output import open_output

    with open_output(path) as file:
        file.write(svg(panels))
    note(f"wrote {path}")


def print_report(title: str, report: "Report", trained_on: int | None = 0) -> None:
    """One evaluation: its figures, and how many rows were `trained_on`."""
    from rich.console import Console

    report.show(Console(highlight=False), title + (f" ({trained_on:,} trained on)" if trained_on else ""))


def print_yardstick(model: "TrainedTask[Any]", split: str, report: Any) -> None:
    """What a model that only counts reached on the rows of a report, where that was found out in training."""
    from rich.console import Console

    if told := model.yardstick_told(split, report):
        Console(highlight=False, markup=False).print(f"yardstick, {told}", soft_wrap=True)


def print_parts(model: "TrainedTask[Any]") -> None:
    """What each part of a model reaches alone, where it has several."""
    from rich.console import Console

    if told := model.parts_told():
        Console(highlight=False, markup=False).print(told, soft_wrap=True)
