"""What a model was trained on and what was held out, known by content: wherever a row stands, in whatever file."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from nlpkit.arrays import packed, unpacked

SEEN = "seen.npz"  # its file in a bundle
_PARTIAL = "partial"  # an array that says so
_PART = 64  # characters of a document's part, in the mean


@dataclass(frozen=True)
class Seen:
    """The keys of rows, or of documents' parts, uint64, ascending: those trained on, and those held out. Not `whole`
    where it began from a model of which nobody knows what it was trained on."""

    train: np.ndarray
    held_out: np.ndarray
    whole: bool = True

    def was_trained_on(self, key: int) -> bool:
        """Whether a row was trained on."""
        return _holds(self.train, key)

    def was_held_out(self, key: int) -> bool:
        """Whether a row was held out."""
        return _holds(self.held_out, key)

    def after(self, earlier: "Seen | None") -> "Seen":
        """As if what was trained on earlier had been read before this; what was held out now and read then is no longer
        held out."""
        if earlier is None:
            return self
        train = np.union1d(self.train, earlier.train)
        return Seen(train, np.setdiff1d(self.held_out, earlier.train), self.whole and earlier.whole)

    def all_read(self) -> "Seen":
        """As if what was held out had been trained on, too."""
        return Seen(np.union1d(self.train, self.held_out), self.held_out[:0], self.whole)

    def unread(self, text: str) -> str:
        """What follows the last part of a document that was trained on; all of it where none was."""
        keys, ends = part_keys(text)
        # a part that stands in both was met in training elsewhere
        learnt = np.flatnonzero(among(keys, self.train) & ~among(keys, self.held_out))
        return text[ends[learnt[-1]] :] if len(learnt) else text

    def to_bytes(self) -> bytes:
        """The file that a bundle keeps."""
        more = {} if self.whole else {_PARTIAL: np.zeros(0, np.uint64)}
        return packed(train=self.train, held_out=self.held_out, **more)


def seen_from_bytes(content: bytes) -> Seen:
    """Reads back what `to_bytes` wrote. Raises BundleError for anything else."""
    with unpacked(content, SEEN) as arrays:
        return Seen(_keys(arrays["train"]), _keys(arrays["held_out"]), _PARTIAL not in arrays)


def _keys(array: np.ndarray) -> np.ndarray:
    """Raises ValueError for what is no array of keys."""
    if array.dtype.kind != "u" or array.itemsize != 8 or array.ndim != 1 or (array[1:] <= array[:-1]).any():
        raise ValueError("no ascending keys")
    return array.astype(np.uint64)


def seen_from(train: Iterable[int], held_out: Iterable[int]) -> Seen:
    """The record of some keys."""
    trained_on, kept = (np.unique(np.fromiter(keys, np.uint64)) for keys in (train, held_out))
    return Seen(trained_on, kept)


def _holds(keys: np.ndarray, key: int) -> bool:
    return bool(among(np.array([key], np.uint64), keys)[0])


def among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which keys are known, bool; `known` ascends, and is not looked through as a whole, as `np.isin` would."""
    if not len(known):
        return np.zeros(len(keys), bool)
    found: np.ndarray = known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys
    return found


def row_key(*sides: str) -> int:
    """64 bits that stand for a row: for a text, or for a pair of them, whatever white space is between its words."""
    content = "\0".join(" ".join(side.split()) for side in sides).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def part_keys(text: str) -> tuple[np.ndarray, np.ndarray]:
    """The keys of a document's parts, uint64, and where each ends, int64.

    A part ends where four characters say so, so that the parts stay the same when text is added, removed or moved
    around them (content-defined chunking; Muthitacharoen et al., 2001).
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    mixed = np.zeros(len(codes), np.uint64)
    for back in range(4):
        mixed[back:] = mixed[back:] * np.uint64(0x100000001B3) + codes[: len(codes) - back]
    mixed *= np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the upper bits are well mixed
    ends = np.flatnonzero(mixed >> np.uint64(64 - _PART.bit_length() + 1) == 0) + 1
    if not len(ends) or ends[-1] < len(codes):
        ends = np.append(ends, len(codes))
    starts = np.concatenate([[0], ends[:-1]])
    keys = np.fromiter((row_key(text[start:end]) for start, end in zip(starts, ends, strict=True)), np.uint64)
    return keys, ends


def document_keys(documents: Iterable[str]) -> Iterator[int]:
    """The keys of all parts of documents."""
    for text in documents:
        yield from part_keys(text)[0].tolist()
