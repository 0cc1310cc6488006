"""Vectors of words or pieces that were trained elsewhere, as a network's first embedding."""

from collections.abc import Iterable, Iterator
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

_SPACE = "\u2581"  # as SentencePiece spells it


def fill_embedding(network: "keras.Model", path: str, tokenizer: "Tokenizer") -> dict[str, object]:
    """Sets the rows of a network's embedding whose pieces, or the words that they stand for, have a vector in a file,
    in the spread of the rows that were there; tells how many these are.

    Raises UsageError where the sizes differ or none is found, DataError for a file that holds no vectors.
    """
    layer = network.get_layer("embedding")
    (matrix,) = layer.get_weights()
    pieces = tokenizer.pieces(range(len(tokenizer)))
    words = {piece: _words(piece) for piece in pieces}
    wanted = {*pieces, *(word for several in words.values() for word in several)}
    found = read_vectors(Path(path).expanduser(), wanted)
    by_piece = any(name.startswith(_SPACE) for name in found)
    rows: dict[int, np.ndarray] = {}
    for row, piece in enumerate(pieces):
        for name in [piece] if by_piece else words[piece]:
            if name in found:
                rows[row] = found[name]
                break
    if not rows:
        raise UsageError(f"model.vectors: {path} has a vector for none of the {len(pieces):,} pieces")
    size = len(next(iter(rows.values())))
    if size != matrix.shape[1]:
        raise UsageError(
            f"model.vectors: {path} has vectors of {size} numbers, and model.embedding_size is {matrix.shape[1]}; "
            f"--set model.embedding_size={size}"
        )
    given = np.stack(list(rows.values()))
    matrix[list(rows)] = given * (matrix.std() / max(float(given.std()), 1e-12))
    layer.set_weights([matrix])
    tell_once(f"{path}: vectors of {len(rows):,} of {len(pieces):,} pieces")
    return {"file": path, "pieces": len(rows)}


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
    first = file.readline(1 << 20)
    words = first.split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        count, size = map(int, words)
        if not 0 < size <= 100_000:
            raise ValueError(f"its first line says {size} numbers a vector")
        start = file.peek(1 << 16)[: 1 << 16]
        if not _is_text(start.split(b"\n", 1)[0], size):
            yield from _binary(file, count, size)
            return
        lines: Iterable[bytes] = file
    else:
        size = len(words) - 1
        if size < 2 or not _is_text(first, size):
            raise ValueError("its first line is no word and numbers")
        yield _parsed(first, size)
        lines = file
    for line in lines:
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


def _binary(file: BufferedReader, count: int, size: int) -> Iterator[tuple[str, np.ndarray]]:
    for _ in range(count):
        name = bytearray()
        while (byte := file.read(1)) != b" ":
            if not byte or len(name) > 10_000:
                raise ValueError("it ends within a vector")
            name += byte
        content = file.read(4 * size)
        if len(content) < 4 * size:
            raise ValueError("it ends within a vector")
        yield name.lstrip(b"\n").decode("utf-8", "replace"), np.frombuffer(content, "<f4")
