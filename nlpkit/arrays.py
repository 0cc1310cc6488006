"""Arrays in a file of a bundle: compressed, and never pickled."""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from nlpkit.errors import BundleError


def packed(**arrays: np.ndarray) -> bytes:
    """The content of a file of arrays by name."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def digest_of(arrays: Iterable[np.ndarray]) -> str:
    """The SHA-256 of arrays, one after the other."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


@contextmanager
def unpacked(content: bytes, name: str) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of the file of that name. Raises BundleError for what `packed` did not give, and for whatever is
    raised inside the block, which finds arrays that are not as they should be."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            yield arrays
    except Exception as error:  # zipfile, zlib and NumPy raise what comes to them
        what = str(error) or type(error).__name__
        raise BundleError(f"{name} is damaged or not nlpkit's ({what}); copy or train the model again") from None
