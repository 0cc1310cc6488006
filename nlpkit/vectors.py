"""Vectors of words or pieces that were trained elsewhere, as a network's first embedding."""

from collections.abc import Iterable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.data.compression import open_bytes
from nlpkit.data.notes import tell_once
from nlpkit.errors import DataError, UsageError

if TYPE_CHECKING:
    import keras

    from nlpkit.tokenizer import Tokenizer

_LONGEST = 1 << 20  # bytes of a line
_SPACE = "\u2581"  # as SentencePiece spells it


def vectors_of(path: str, tokenizer: "Tokenizer", size: int) -> dict[int, np.ndarray]:
    """The vectors float32 [size] in a file of those pieces, by id, that have one, or whose word has.

    Raises UsageError where they are of another size, or none is found, DataError for a file that holds no vectors.
    """
    pieces = tokenizer.pieces(range(len(tokenizer)))
    words = {piece: _words(piece) for piece in pieces}
    wanted = {*pieces, *(word for several in words.values() for word in several)}
    found = read_vectors(Path(path).expanduser(), wanted)
    by_piece = any(name.startswith(_SPACE) and name != _SPACE for name in found)
    rows = {}
    for row, piece in enumerate(pieces):
        if name := next((name for name in ([piece] if by_piece else words[piece]) if name in found), None):
            rows[row] = found[name]
    if not rows:
        raise UsageError(f"model.vectors: {path} has a vector for none of the {len(pieces):,} pieces")
    if (given := len(next(iter(rows.values())))) != size:
        raise UsageError(
            f"model.vectors: {path} has vectors of {given} numbers, and model.embedding_size is {size}; "
            f"--set model.embedding_size={given}"
        )
    tell_once(f"{path}: vectors of {len(rows):,} of {len(pieces):,} pieces")
    return rows


def fill_embedding(network: "keras.Model", vectors: Mapping[int, np.ndarray], spread: float | None) -> "keras.Variable":
    """Sets rows of a network's embedding to vectors, whose numbers come to a standard deviation, the `spread`, or to
    that of what stood there, and gives its matrix."""
    layer = network.get_layer("embedding")
    (matrix,) = layer.get_weights()
    given = np.stack(list(vectors.values()))
    matrix[list(vectors)] = given * ((spread or matrix.std()) / max(float(given.std()), 1e-12))
    layer.set_weights([matrix])
    return layer.embeddings


def _words(piece: str) -> list[str]:
    """What the vector of the word, or the mark, that a piece is may be called; of a part of a word there is none."""
    word = piece.removeprefix(_SPACE)
    whole = piece.startswith(_SPACE) or not word.isalpha()
    return list(dict.fromkeys([word, word.lower()])) if word and whole else []


def read_vectors(path: Path, wanted: Iterable[str]) -> dict[str, np.ndarray]:
    """The vectors of the `wanted` names in a file of word2vec's, as text or binary, GloVe's or fastText's, float32
    [size] each; compressed ones are read as they are. Raises DataError for anything else."""
    wanted = set(wanted)
    found: dict[str, np.ndarray] = {}
    try:
        with open_bytes(path) as file:
            for name, vector in _records(file):
                if name in wanted:
                    found.setdefault(name, vector)
    except ValueError as error:
        raise DataError(f"{path} holds no vectors as word2vec, GloVe or fastText write them: {error}") from None
    if any(not np.isfinite(vector).all() for vector in found.values()):
        raise DataError(f"{path} has vectors with what are no numbers")
    return found


def _records(file: BufferedReader) -> Iterator[tuple[str, np.ndarray]]:
    first = file.readline(_LONGEST)
    words = first.split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        count, size = map(int, words)
        if not 0 < size <= 100_000:
            raise ValueError(f"its first line says {size} numbers a vector")
        first = file.readline(_LONGEST)
        if not _is_text(first, size):
            yield from _binary(first, file, count, size)
            return
    else:
        size = len(words) - 1
        if size < 2 or not _is_text(first, size):
            raise ValueError("its first line is no word and numbers")
    yield _parsed(first, size)
    for line in file:
        if line.strip():
            yield _parsed(line, size)


def _is_text(line: bytes, size: int) -> bool:
    try:
        _parsed(line, size)
    except ValueError:
        return False
    return True


def _parsed(line: bytes, size: int) -> tuple[str, np.ndarray]:
    """A name, in which a space may stand, and the numbers behind it."""
    name, *numbers = line.rstrip().rsplit(b" ", size)
    if len(numbers) != size:
        raise ValueError(f"a line has fewer than {size} numbers")
    return name.decode("utf-8", "replace"), np.array(numbers, np.float32)


def _binary(start: bytes, file: BufferedReader, count: int, size: int) -> Iterator[tuple[str, np.ndarray]]:
    """So many records, a name, a space and the numbers in four bytes each, of which the first bytes are read."""
    for _ in range(count):
        while (space := start.find(b" ")) < 0 or len(start) < space + 1 + 4 * size:
            more = file.read(1 << 16)
            if not more or (space < 0 and len(start) > _LONGEST):
                raise ValueError("it ends within a vector")
            start += more
        end = space + 1 + 4 * size
        yield start[:space].lstrip(b"\n").decode("utf-8", "replace"), np.frombuffer(start[space + 1 : end], "<f4")
        start = start[end:]
