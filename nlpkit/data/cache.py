"""Prepared data on disk, under the hash of everything that shapes it, so that a second run starts in seconds."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nlpkit.errors import DataError, reason
from nlpkit.frontend import FRONTENDS
from nlpkit.locking import work_folder

TOKENIZER = FRONTENDS[0]

Report = Callable[[str, int, int | None], None]
"""Told what is being done, how many are done, and of how many (None where it is not known)."""


def cache_folder() -> Path:
    """Where prepared data is kept: `$NLPKIT_CACHE`, else nlpkit under the user's cache folder."""
    if chosen := os.environ.get("NLPKIT_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nlpkit"


def cached(shape: Mapping[str, Any], fill: Callable[[Path], None], tokenizer: bytes | None = None) -> Path:
    """The folder that `fill` filled for this `shape` (plain JSON values), now or in an earlier run; with the model of a
    `tokenizer`, one that was filled with just that.

    A folder is there whole or not at all. Raises DataError when it cannot be written.
    """
    folder = _folder(shape)
    if tokenizer is not None and not (folder.is_dir() and (folder / TOKENIZER).read_bytes() == tokenizer):
        folder = _folder({**shape, "given": hashlib.sha256(tokenizer).hexdigest()})
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with work_folder(folder.parent) as work:
            fill(work)
            try:
                work.rename(folder)
            except OSError:  # another run was quicker
                if not folder.is_dir():
                    raise
    except OSError as error:
        raise DataError(
            f"prepared data cannot be written under {folder.parent}: {reason(error)}; NLPKIT_CACHE names another folder"
        ) from error
    return folder


def _folder(shape: Mapping[str, Any]) -> Path:
    return cache_folder() / hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:32]


def id_type(vocab: int) -> type[np.unsignedinteger]:
    """The narrowest type that holds token ids below `vocab`."""
    return np.uint16 if vocab <= 1 << 16 else np.uint32


def map_file(path: Path, dtype: type[np.generic]) -> np.ndarray:
    """A file's content as an array that stays on disk."""
    # an empty file cannot be mapped
    return np.memmap(path, dtype=dtype, mode="r") if path.stat().st_size else np.empty(0, dtype)
