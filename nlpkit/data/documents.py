"""Documents without labels, to learn to write from: a text file, a folder of them, or a column of a table."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from nlpkit.data.columns import NONE, Header, choose_column
from nlpkit.data.compression import bare_name
from nlpkit.data.dataset import Dataset
from nlpkit.data.encoding import read_text
from nlpkit.data.facts import amount
from nlpkit.data.files import read_rows, settled
from nlpkit.data.folders import (
    SPLITS,
    fingerprint,
    read_tables,
    split_entries,
    tell_skipped,
    visible,
    visible_files,
)
from nlpkit.data.notes import tell_once
from nlpkit.data.tables import Reading, is_table
from nlpkit.errors import DataError, UsageError

TEXTS = (".txt", ".text", ".md", ".rst")


def open_documents(
    path: Path, text_column: str | None = None, *, reading: Reading = Reading(), remembered: Mapping[str, str] = NONE
) -> Dataset[str]:
    """A file of any name as one document, a table as a document a row, or a folder of text files, one each.

    A folder may hold its splits as `train.txt`, `validation.txt` and `test.txt`, as folders of texts, or as tables;
    where there is one to train on, the texts that are of none are told and not read. Columns are chosen as `open_local`
    does it. Raises UsageError when the path holds nothing of the kind, or two of one split; DataError for a split
    without text, and, while one is read, for what is not text.
    """
    roles: Mapping[str, str] = NONE
    splits: dict[str, Callable[[], Iterator[str]]]
    if tables := _tables(path, reading):
        files = [file for split in tables.values() for file in split]
        choose = partial(_choose, wanted=text_column, remembered=remembered.get("text"))
        roles = settled(tables, reading, choose, named=(text_column,), remembered=remembered)
        splits = {split: partial(_column, files, roles["text"], reading) for split, files in tables.items()}
    elif text_column is not None:
        raise UsageError(f"{path} is no table, so it has no columns to choose from; leave --text-column out")
    else:
        texts = _text_files(path) if path.is_dir() else {"train": [path]}
        files = [file for split in texts.values() for file in split]
        splits = {split: partial(_whole, files, reading.encoding) for split, files in texts.items()}
        for split, read in splits.items():
            if not any(text.strip() for text in read()):
                raise DataError(f"{texts[split][0] if len(texts[split]) == 1 else path} has no text in it")
    mark = fingerprint(files, path, sorted(roles.items()), reading)
    return Dataset(str(path), splits, mark, columns=roles)


def is_text_file(path: Path) -> bool:
    """Whether a file's name is that of a text, compressed or not."""
    return Path(bare_name(path)).suffix.lower() in TEXTS


def _tables(path: Path, reading: Reading) -> dict[str, list[Path]]:
    if not path.is_dir():
        return {"train": [path]} if is_table(path, reading) else {}
    return read_tables(path)


def _choose(header: Header, *, wanted: str | None, remembered: str | None) -> dict[str, str]:
    return {"text": choose_column(header, "text", wanted, remembered)}


def _text_files(folder: Path) -> dict[str, list[Path]]:
    files = [file for file in visible_files(folder) if is_text_file(file)]
    if not files:
        raise UsageError(f"{folder} holds no text files ({', '.join(TEXTS)})")
    what = f"text files ({', '.join(TEXTS)})"
    if "train" not in map(_split_of, visible(folder)):
        tell_skipped(folder, files, what)
        return {"train": files}
    splits = split_entries(folder, _split_of)
    texts = {split: [file for file in files if file.is_relative_to(entry)] for split, entry in splits.items()}
    tell_skipped(folder, [file for split in texts.values() for file in split], f"{what} of its splits")
    return texts


def _split_of(entry: Path) -> str | None:
    """The split that a text file, or a folder with some, is called by."""
    if entry.is_dir():
        name = entry.name if any(map(is_text_file, visible_files(entry))) else ""
    else:
        name = Path(bare_name(entry)).stem if is_text_file(entry) else ""
    return SPLITS.get(name.lower())


def _whole(files: list[Path], encoding: str | None) -> Iterator[str]:
    return (read_text(file, encoding) for file in files)


def _column(files: list[Path], column: str, reading: Reading) -> Iterator[str]:
    empty = 0
    for file in files:
        for _, text in read_rows(file, column, reading=reading):
            if text:
                yield text
            else:
                empty += 1
    if empty:
        place = files[0] if len(files) == 1 else files[0].parent
        tell_once(f"left out {amount(empty, 'rows')} without text in {place}")
