"""Folders of data: which files are which split or class, and the fingerprint of what is read."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nlpkit.data.compression import bare_name
from nlpkit.data.notes import tell_once
from nlpkit.data.tables import TABLES, table_stem
from nlpkit.errors import DataError, UsageError, reason

SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_SHARD = re.compile(r"(?P<split>\w+?)-(?P<number>\d{5})-of-(?P<count>\d{5})(-[0-9a-f]+)?")  # Hugging Face's
_ABOUT = ("README.md", "README", "README.txt", "LICENSE", "LICENSE.txt", "dataset_info.json", "dataset_infos.json")
_READ = "2"  # raise when the same files come to be read as other rows


def split_tables(folder: Path) -> dict[str, list[Path]]:
    """The tables of each split: `train.csv` and the like, Hugging Face's `train-00000-of-00002.parquet`, in the folder
    or in its `data`, or the tables in folders that are called as splits; nothing where there are none.

    Raises UsageError for two files of one split, or shards that are not all there.
    """
    for place in (folder, folder / "data"):
        if found := _named_tables(place):
            return _with_train(folder, found)
    inside = {split: _tables(entry) for split, entry in split_folders(folder).items()}
    return _with_train(folder, inside) if inside and all(inside.values()) else {}


def read_tables(folder: Path) -> dict[str, list[Path]]:
    """As `split_tables`, to be read; what is beside them is told."""
    tables = split_tables(folder)
    if tables:
        read = [file for files in tables.values() for file in files]
        about = [file for file in visible_files(folder) if file.name in _ABOUT]
        tell_skipped(folder, [*read, *about], "among the splits' tables")
    return tables


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders that are called as splits. Raises UsageError for two of one split."""
    return split_entries(folder, lambda entry: SPLITS.get(entry.name.lower()) if entry.is_dir() else None)


def split_entries(folder: Path, split_of: Callable[[Path], str | None]) -> dict[str, Path]:
    """What is in a folder by the split that it is said to be. Raises UsageError for two of one split."""
    found: dict[str, Path] = {}
    for entry in visible(folder):
        if split := split_of(entry):
            _put(folder, found, split, entry)
    return found


def class_folders(folder: Path) -> dict[str, dict[str, list[Path]]]:
    """The .txt files of each class, by split. What is left out beside them is told.

    Raises UsageError when there are none.
    """
    splits = split_folders(folder)
    classes = {split: _classes(entry) for split, entry in (splits or {"train": folder}).items()}
    if splits:
        inside = [file for entry in splits.values() for file in visible_files(entry)]
        tell_skipped(folder, inside, "in a folder of a split")
    return _with_train(folder, classes)


def visible(folder: Path) -> list[Path]:
    """What is in a folder, by name, without hidden files. Raises DataError when it cannot be read."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        return []
    except OSError as error:
        raise _unreadable(error, folder) from None


def visible_files(folder: Path) -> Iterator[Path]:
    """Each file in a folder and those below it, in the order of their names, through links; no hidden one. A folder
    that is met again, by a link, is not entered again. Raises DataError for one that cannot be read."""

    def refuse(error: OSError) -> None:
        raise _unreadable(error, folder)

    entered = {folder.resolve()}
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        for name in sorted(folders):
            inside = Path(place, name).resolve()
            if name.startswith(".") or inside in entered:
                folders.remove(name)
            entered.add(inside)
        folders.sort()
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def tell_skipped(folder: Path, read: Iterable[Path], what: str) -> None:
    """Says how many files of a folder and those below it are not read, since they are not `what` is."""
    wanted = set(read)
    _tell_left_out(folder, [file for file in visible_files(folder) if file not in wanted], what)


def fingerprint(files: Iterable[Path], root: Path | None, *how: object) -> str:
    """The SHA-256 of files' content, of their names below `root` where they tell something, and of how they are
    read."""
    digest = hashlib.sha256(repr((_READ, *how)).encode())
    add_files(digest, files, root)
    return digest.hexdigest()


def add_files(digest: Any, files: Iterable[Path], root: Path | None) -> None:
    """Adds the names below `root`, if there is one, and the content of files to a hashlib digest."""
    for file in files:
        try:
            if file.is_file():
                digest.update(repr("." if root is None else file.relative_to(root).as_posix()).encode())
                with file.open("rb") as content:
                    digest.update(hashlib.file_digest(content, "sha256").digest())
        except OSError as error:
            raise _unreadable(error, file) from None


def _unreadable(error: OSError, place: Path) -> DataError:
    return DataError(f"{error.filename or place} cannot be read: {reason(error)}")


def _tell_left_out(folder: Path, skipped: Sequence[Path], what: str) -> None:
    if skipped:
        count = "1 file that is" if len(skipped) == 1 else f"{len(skipped):,} files that are"
        tell_once(f"{folder}: left out {count} not {what}, such as {skipped[0].relative_to(folder)}")


def _named_tables(folder: Path) -> dict[str, list[Path]]:
    whole: dict[str, Path] = {}
    shards: dict[str, list[Path]] = {}
    for entry in visible(folder):
        if (
            entry.is_symlink()
            and not entry.exists()
            and _is_called_table(entry)
            and entry.name.lower().split(".")[0] in SPLITS
        ):
            raise DataError(f"{entry} is a link to a file that is not there")
    for file in _tables(folder):
        stem = table_stem(file)
        if stem.lower() in SPLITS:
            _put(folder, whole, SPLITS[stem.lower()], file)
        elif (shard := _SHARD.fullmatch(stem)) and shard["split"].lower() in SPLITS:
            shards.setdefault(SPLITS[shard["split"].lower()], []).append(file)
    for split, files in shards.items():
        if split in whole:
            _put(folder, whole, split, files[0])
        _check_shards(folder, files)
    return {split: [file] for split, file in whole.items()} | shards


def _check_shards(folder: Path, files: list[Path]) -> None:
    parts = [_SHARD.fullmatch(table_stem(file)) for file in files]
    numbers = [int(part["number"]) for part in parts if part]
    count = max(int(part["count"]) for part in parts if part)
    if missing := set(range(count)) - set(numbers):
        raise UsageError(f"{folder}: of the {count} parts of {files[0].name} number {min(missing)} is not there")
    if len(numbers) > count:
        raise UsageError(f"{folder}: {len(numbers)} files are the {count} parts of {files[0].name}; keep one of each")


def _tables(folder: Path) -> list[Path]:
    return [entry for entry in visible(folder) if _is_called_table(entry) and entry.is_file()]


def _is_called_table(entry: Path) -> bool:
    return Path(bare_name(entry)).suffix.lower() in TABLES or entry.suffix.lower() == ".zip"


def _put(folder: Path, found: dict[str, Path], split: str, entry: Path) -> None:
    if split in found:
        raise UsageError(
            f"{folder}: {found[split].name} and {entry.name} are both the {split} split; keep one, or join them"
        )
    found[split] = entry


def _with_train(folder: Path, found: dict[str, Any]) -> dict[str, Any]:
    if "train" not in found and len(found) > 1:
        raise UsageError(f"{folder} has {' and '.join(found)} but no train split")
    return {split: found[split] for split in dict.fromkeys(SPLITS.values()) if split in found}


def _classes(folder: Path) -> dict[str, list[Path]]:
    # `unsup` is aclImdb's folder of reviews without a label
    folders = [entry for entry in visible(folder) if entry.is_dir() and entry.name != "unsup"]
    if not folders:
        raise UsageError(
            f"{folder} holds neither train.csv (or .tsv, .jsonl, .parquet …) nor a folder of .txt files for each class"
        )
    classes = {}
    for entry in folders:
        files = [file for file in visible(entry) if file.suffix.lower() == ".txt" and file.is_file()]
        if files:
            classes[entry.name] = files
            tell_skipped(entry, files, ".txt files in the folder itself")
    if not classes:
        raise UsageError(f"{folder}: its folders {', '.join(entry.name for entry in folders)} hold no .txt files")
    for entry in folders:
        if entry.name not in classes:
            tell_once(f"{entry} holds no .txt files, so it is no class")
    _tell_left_out(folder, [file for file in visible(folder) if not file.is_dir()], "in a folder of a class")
    return classes
