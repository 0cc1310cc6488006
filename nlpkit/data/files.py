"""The user's own data: CSV, TSV, JSONL, Parquet, plain text, and folders of any of them or of classes."""

import csv
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.labels import Label, one_label, read_flags, read_label
from nlpkit.errors import DataError, UsageError, did_you_mean

logger = logging.getLogger("nlpkit")

Row = dict[str, Any]

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "body", "message", "document", "tweet")
_LABEL_NAMES = ("label", "sentiment", "class", "category", "target", "rating", "stars", "polarity", "topic")


@dataclass(frozen=True)
class Columns:
    """Which columns hold the text and the label, where the user named them; `labels`, where each label has a column of
    0 and 1; `delimiter`, what stands between the labels in a cell that may hold several."""

    text: str | None = None
    label: str | None = None
    labels: tuple[str, ...] = ()
    delimiter: str | None = None


def open_local(path: Path, columns: Columns = Columns(), *, skip_empty: bool = False) -> Dataset[Example]:
    """A file of labelled rows, or a folder: of split files, of class folders, or of splits of class folders.

    With `skip_empty`, rows without text are left out and counted, instead of refused. Raises UsageError when
    the path holds nothing of the kind or the columns are not clear; DataError, while a split is read, that
    names the file and the line.
    """
    if path.is_dir():
        splits = _folder_splits(path, columns, skip_empty)
    else:
        splits = {"train": _table_reader(path, columns, skip_empty)}
    return Dataset(str(path), splits, fingerprint(path, columns, skip_empty))


def read_rows(path: Path, text_column: str | None = None) -> Iterator[tuple[Row, str]]:
    """Each row of a file to be classified, and its text: those of a table, or the lines of plain text.

    One row is held at a time. An empty text comes out as "". Raises as `open_local` does.
    """
    if path.suffix.lower() not in TABLES:
        for _, line in read_lines(path):
            yield {}, line
        return
    column = None
    for number, row in read_table(path):
        column = column or choose_column(path, list(row), text_column, _TEXT_NAMES, "--text-column")
        value = cell(path, number, row, column)
        yield row, "" if value is None else str(value)


def _table_reader(path: Path, columns: Columns, skip_empty: bool) -> Callable[[], Iterator[Example]]:
    if path.suffix.lower() not in TABLES:
        raise UsageError(f"{path}: labelled data is read from {', '.join(TABLES)} files or from folders of classes")

    def read() -> Iterator[Example]:
        chosen: tuple[str, str] | None = None
        left_out = 0
        for number, row in read_table(path):
            if chosen is None:
                chosen = _choose_pair(path, list(row), columns)
            text, where = cell(path, number, row, chosen[0]), f"{path} line {number}"
            if text is None or not str(text).strip():
                if not skip_empty:
                    raise DataError(_no_text(f"{path} line {number}"))
                left_out += 1
                continue
            if columns.labels:
                label: Label = read_flags(row, columns.labels, where)
            else:
                value = row.get(chosen[1])
                value = value if isinstance(value, list) else cell(path, number, row, chosen[1])
                label = read_label(value, where, columns.delimiter)
            yield Example(str(text), label)
        _tell_left_out(path, left_out)
        if chosen is None:
            raise DataError(f"{path} has no rows")

    return read


def _folder_splits(folder: Path, columns: Columns, skip_empty: bool) -> dict[str, Callable[[], Iterator[Example]]]:
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if entry.suffix.lower() in TABLES and entry.stem.lower() in SPLITS]
    folders = [entry for entry in entries if entry.is_dir()]
    split_folders = [entry for entry in folders if entry.name.lower() in SPLITS]
    readers: dict[str, Callable[[], Iterator[Example]]]
    if files:
        named = _by_split(folder, files)
        readers = {split: _table_reader(file, columns, skip_empty) for split, file in named.items()}
    elif split_folders:
        named = _by_split(folder, split_folders)
        readers = {split: _class_reader(entry, skip_empty) for split, entry in named.items()}
    elif folders:
        readers = {"train": _class_reader(folder, skip_empty)}
    else:
        raise UsageError(
            f"{folder} holds neither train.csv (or .tsv, .jsonl, .parquet) nor a folder of .txt files for each class"
        )
    if "train" not in readers and len(readers) > 1:
        raise UsageError(f"{folder} has {' and '.join(readers)} but no train split")
    return readers


def _by_split(folder: Path, entries: list[Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for entry in entries:
        split = SPLITS[(entry.name if entry.is_dir() else entry.stem).lower()]
        if split in named:
            raise UsageError(
                f"{folder}: {named[split].name} and {entry.name} are both the {split} split; keep one, or join them"
            )
        named[split] = entry
    return named


def _class_reader(folder: Path, skip_empty: bool) -> Callable[[], Iterator[Example]]:
    # `unsup` is aclImdb's folder of reviews without a label
    classes = sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and entry.name != "unsup" and entry.name[0] != "."
    )
    filled = [entry for entry in classes if next(entry.glob("*.txt"), None)]
    if not filled:
        raise UsageError(f"{folder}: its folders {', '.join(c.name for c in classes)} hold no .txt files")
    for entry in classes:
        if entry not in filled:
            logger.warning("%s holds no .txt files, so it is no class", entry)

    def read() -> Iterator[Example]:
        left_out = 0
        for entry in filled:
            for file in sorted(entry.glob("*.txt")):
                text = "\n".join(line for _, line in read_lines(file))
                if not text.strip():
                    if not skip_empty:
                        raise DataError(_no_text(str(file)))
                    left_out += 1
                    continue
                yield Example(text, one_label(entry.name, str(entry)))
        _tell_left_out(folder, left_out)

    return read


def read_table(path: Path) -> Iterator[tuple[int, Row]]:
    """Each row of a table with the line that it ends on; its number, for Parquet, which has no lines."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path)
    if suffix in (".jsonl", ".ndjson"):
        return _read_jsonl(path)
    return _read_csv(path, "\t" if suffix == ".tsv" else ",")


def _read_csv(path: Path, delimiter: str) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(2**31 - 1)  # the most that every platform takes
    reader = csv.DictReader((line for _, line in read_lines(path, keep_ends=True)), delimiter=delimiter, strict=True)
    try:
        if not reader.fieldnames:
            raise DataError(f"{path} is empty, or its first line is; that line should name the columns")
        if len(set(reader.fieldnames)) < len(reader.fieldnames):
            names = ", ".join(map(repr, reader.fieldnames))
            raise DataError(f"{path} line 1: two columns have the same name; rename one of {names}")
        for row in reader:
            if None in row or None in row.values():
                found = sum(value is not None for value in row.values()) - (None in row) + len(row.get(None) or ())
                values = "value" if found == 1 else "values"
                raise DataError(
                    f"{path} line {reader.line_num}: {found} {values} for {len(reader.fieldnames)} columns; "
                    'put texts with a delimiter or a line break in them in "quotes"'
                )
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path} line {reader.reader.line_num}: {error}; is a quotation mark left open?") from None


def _read_jsonl(path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if "\\ud" in line.lower():  # half of a character's escape parses, but is no text
                json.dumps(row, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} line {number}: not JSON ({error}); each line should be an object") from None
        if not isinstance(row, dict):
            raise DataError(f'{path} line {number}: not a JSON object; each line should be like {{"text": "…"}}')
        yield number, row


def _read_parquet(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(f'{path}: Parquet needs pyarrow; pip install "nlpkit-lstm[parquet]" brings it') from None
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1_000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is not readable as Parquet: {' '.join(str(error).split())}") from None


def read_lines(path: Path, *, keep_ends: bool = False) -> Iterator[tuple[int, str]]:
    """Each line with its number from 1, without its line break unless asked for."""
    number = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                yield number, line if keep_ends else line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} line {number}: byte {error.start + 1} of the line is not UTF-8 text; save the file as UTF-8"
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None


def _choose_pair(path: Path, names: list[str], columns: Columns) -> tuple[str, str]:
    if columns.labels:
        for name in columns.labels:
            choose_column(path, names, name, (), "--label-columns")
        others = [name for name in names if name not in columns.labels]
        only = others[0] if len(others) == 1 else columns.text
        return choose_column(path, others, columns.text or only, _TEXT_NAMES, "--text-column"), ""
    if len(names) == 2 and columns.text is None and columns.label is None:
        # of two columns, knowing one is knowing both
        for i in (0, 1):
            if names[i].lower() in _TEXT_NAMES or names[1 - i].lower() in _LABEL_NAMES:
                return names[i], names[1 - i]
    text = choose_column(path, names, columns.text, _TEXT_NAMES, "--text-column")
    label = choose_column(path, names, columns.label, _LABEL_NAMES, "--label-column")
    if text == label:
        raise UsageError(f"{path}: the column {text!r} cannot be both the text and the label; name another")
    return text, label


def choose_column(path: Path, names: list[str], wanted: str | None, known: tuple[str, ...], option: str) -> str:
    if wanted is not None:
        if wanted not in names:
            hint = did_you_mean(wanted, names)
            raise UsageError(f"{path} has no column {wanted!r}{hint}; it has {', '.join(map(repr, names))}")
        return wanted
    likely = [name for name in names if name.lower() in known]
    if len(likely) != 1:
        raise UsageError(
            f"{path}: which of the columns {', '.join(map(repr, names))} is meant is not clear; say so with {option}"
        )
    return likely[0]


def cell(path: Path, number: int, row: Row, column: str) -> Any:
    if column not in row:
        raise DataError(f"{path} line {number}: there is no {column!r}")
    value = row[column]
    if isinstance(value, list | dict | bytes):
        kind = type(value).__name__
        raise DataError(f"{path} line {number}: {column!r} holds a {kind}; it should hold text or a number")
    return None if value != value else value  # NaN is how tables of numbers say that there is none


def _no_text(where: str) -> str:
    return (
        f"{where}: there is no text; fill it in or remove it, or leave all such rows out "
        "with --set data.skip_empty=true"
    )


def _tell_left_out(path: Path, count: int) -> None:
    if count:
        logger.warning("left out %d rows without text in %s", count, path)


def fingerprint(path: Path, columns: Columns, skip_empty: bool) -> str:
    """The SHA-256 of a file, or of the names and content of a folder's files, and of how they are read."""
    digest = hashlib.sha256(repr((columns, skip_empty)).encode())
    add_files(digest, sorted(path.rglob("*")) if path.is_dir() else [path], path)
    return digest.hexdigest()


def add_files(digest: Any, files: Iterable[Path], root: Path) -> None:
    """Adds the names below `root` and the content of files to a hashlib digest."""
    try:
        for file in files:
            if file.is_file():
                digest.update(repr(str(file.relative_to(root))).encode())
                with file.open("rb") as content:
                    digest.update(hashlib.file_digest(content, "sha256").digest())
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from None
