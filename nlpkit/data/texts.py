"""Texts laid out flat on disk: one array of token ids and one of offsets, opened memory-mapped, so that data larger
than memory trains."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlpkit.cores import cores
from nlpkit.data.cache import Report, id_type, map_file
from nlpkit.tokenizer import Tokenizer

_CHUNK = 2_000  # texts at a time


@dataclass(frozen=True)
class StoredTexts:
    """Texts as they were read: UTF-8 bytes on disk, offsets in memory."""

    raw: np.ndarray
    raw_offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.raw_offsets) - 1

    def text(self, index: int) -> str:
        """One text as it was read."""
        return self.raw[self.raw_offsets[index] : self.raw_offsets[index + 1]].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        return map(self.text, range(len(self)))


@dataclass(frozen=True)
class Texts(StoredTexts):
    """Texts as rows of a flat array of token ids.

    ids: [tokens]; offsets: int64 [texts + 1]; raw, raw_offsets: the UTF-8 texts, in the same layout, for training
    that segments them anew each epoch.
    """

    ids: np.ndarray
    offsets: np.ndarray

    def row(self, index: int) -> np.ndarray:
        """The token ids of one text."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def lengths(self) -> np.ndarray:
        """Tokens in each text, int64 [texts]."""
        return np.diff(self.offsets)


def counted(texts: Iterable[str], stage: str, report: Report, total: int | None = None) -> Iterator[str]:
    """Passes texts on, and tells now and then how many."""
    for done, text in enumerate(texts):
        if done % _CHUNK == 0:
            report(stage, done, total)
        yield text


def store_texts(path: Path, texts: Iterable[str], stage: str, report: Report) -> StoredTexts:
    """Writes texts to a file as they come."""
    offsets = [0]
    with path.open("wb") as file:
        for text in counted(texts, stage, report):
            offsets.append(offsets[-1] + file.write(text.encode()))
    return StoredTexts(map_file(path, np.uint8), np.array(offsets))


def write_texts(
    folder: Path, name: str, texts: StoredTexts, rows: np.ndarray, tokenizer: Tokenizer, report: Report
) -> None:
    """Tokenizes some of the texts into files that `open_texts` opens by the same name."""
    dtype = id_type(len(tokenizer))
    offsets, raw_offsets = [0], [0]
    with (folder / f"{name}.ids.bin").open("wb") as ids, (folder / f"{name}.raw.bin").open("wb") as raw:
        for start in range(0, len(rows), _CHUNK):
            report(f"tokenizing {name}", start, len(rows))
            chunk = [texts.text(row) for row in rows[start : start + _CHUNK]]
            for text, tokens in zip(chunk, tokenizer.encode(chunk, threads=cores()), strict=True):
                ids.write(np.array(tokens, dtype=dtype).tobytes())
                offsets.append(offsets[-1] + len(tokens))
                raw_offsets.append(raw_offsets[-1] + raw.write(text.encode()))
    np.savez(folder / f"{name}.npz", offsets=offsets, raw_offsets=raw_offsets, vocab=[len(tokenizer)])


def open_texts(folder: Path, name: str) -> Texts:
    """What `write_texts` wrote."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        return Texts(
            ids=map_file(folder / f"{name}.ids.bin", id_type(int(arrays["vocab"][0]))),
            offsets=arrays["offsets"],
            raw=map_file(folder / f"{name}.raw.bin", np.uint8),
            raw_offsets=arrays["raw_offsets"],
        )
