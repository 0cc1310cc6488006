"""Documents without labels, to learn to write from: a text file, a folder of them, or a column of a table."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from nlpkit.data.dataset import Dataset
from nlpkit.data.files import SPLITS, TABLES, Columns, fingerprint, read_rows
from nlpkit.errors import DataError, UsageError

TEXTS = (".txt", ".text", ".md", ".rst")


def open_documents(path: Path, text_column: str | None = None) -> Dataset[str]:
    """A file of any name as one document, a table as a document a row, or a folder of text files, one each.

    A folder may hold its splits as `train.txt`, `validation.txt` and `test.txt`. Raises UsageError when the path
    holds nothing of the kind; DataError, while a split is read, for what is not text.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in TEXTS)
        if not files:
            raise UsageError(f"{path} holds no text files ({', '.join(TEXTS)})")
        splits = _splits(path, files)
    elif path.suffix.lower() in TABLES:
        splits = {"train": partial(_column, path, text_column)}
    elif text_column is not None:
        raise UsageError(f"{path} is no table, so it has no columns to choose from; leave --text-column out")
    else:
        splits = {"train": partial(_whole, [path])}
    return Dataset(str(path), splits, fingerprint(path, Columns(text_column), False))


def _splits(folder: Path, files: list[Path]) -> dict[str, Callable[[], Iterator[str]]]:
    named = {SPLITS[file.stem.lower()]: file for file in files if file.stem.lower() in SPLITS}
    if "train" in named and len(named) == len(files):
        return {split: partial(_whole, [file]) for split, file in named.items()}
    return {"train": partial(_whole, files)}


def _whole(files: list[Path]) -> Iterator[str]:
    for file in files:
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{file}: byte {error.start + 1} is not UTF-8 text; save the file as UTF-8") from None
        except OSError as error:
            raise DataError(f"{file} cannot be read: {error.strerror}") from None
        if "\0" in text:
            raise DataError(f"{file} is not text: it holds zero bytes")
        yield text.replace("\r\n", "\n")


def _column(path: Path, text_column: str | None) -> Iterator[str]:
    return (text for _, text in read_rows(path, text_column) if text)
