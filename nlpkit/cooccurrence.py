"""Vectors of tokens from which others stand near them, in texts without labels.

The singular vectors of how much more often two tokens stand near each other than by chance (positive pointwise mutual
information; Levy, Goldberg & Dagan, 2015): much of what word2vec learns, in seconds, and the same every time.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.cores import one_blas_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_WINDOW = 5  # tokens to each side; the nearer weigh more
_LEAST = 5  # times that a token must be met
_SMOOTHING = 0.75  # what shares of the tokens around are raised to, so that rare ones surprise less
_CHUNK = 1 << 20  # tokens that are counted together
_MOST = 10_000_000  # that are counted


@one_blas_thread()
def token_vectors(texts: Iterable[np.ndarray], vocabulary: int, size: int) -> dict[int, np.ndarray]:
    """The vectors float32 [size] of the tokens of texts' ids, int [tokens] each, that are met often enough, by id; of
    length one, around zero. None where they are no more than `size`, or stand near each other by chance alone; of very
    many texts the first are read."""
    from sklearn.utils.extmath import randomized_svd

    counts, met = _near(texts, vocabulary)
    tokens = np.flatnonzero(met >= _LEAST)
    if len(tokens) <= size:
        return {}
    surprise = _positive_information(counts[tokens][:, tokens])
    if not surprise.data.any():
        return {}
    left, values, _ = randomized_svd(surprise, size, random_state=0)
    vectors = left * np.sqrt(values)
    vectors -= vectors.mean(0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return dict(zip(tokens.tolist(), vectors.astype(np.float32), strict=True))


def _near(texts: Iterable[np.ndarray], vocabulary: int) -> tuple["csr_matrix", np.ndarray]:
    """How often tokens stand near each other [vocabulary, vocabulary], and how often each is met [vocabulary]."""
    from scipy.sparse import csr_matrix

    shape = (vocabulary, vocabulary)
    counts, met = csr_matrix(shape, dtype=np.float32), np.zeros(vocabulary, np.int64)
    for ids in _chunks(texts):
        for offset in range(1, _WINDOW + 1):
            first, second = ids[:-offset], ids[offset:]
            within = (first >= 0) & (second >= 0)
            weights = np.full(int(within.sum()), 1 - (offset - 1) / _WINDOW, np.float32)
            counts += csr_matrix((weights, (first[within], second[within])), shape)
        met += np.bincount(ids[ids >= 0], minlength=vocabulary)
    return (counts + counts.T).tocsr(), met


def _chunks(texts: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The ids of many texts, between which there is a gap that no window reaches over."""
    gap = np.full(_WINDOW, -1)
    parts: list[np.ndarray] = []
    held = read = 0
    for ids in texts:
        parts += [ids, gap]
        held += len(ids)
        if held >= _CHUNK:
            yield np.concatenate(parts)
            parts, held, read = [], 0, read + held
            if read >= _MOST:
                return
    if parts:
        yield np.concatenate(parts)


def _positive_information(counts: "csr_matrix") -> "csr_matrix":
    """How much more often than by chance, in nats, as far as it is more."""
    rows = np.asarray(counts.sum(1)).ravel()
    shares = rows**_SMOOTHING
    shares /= max(shares.sum(), 1.0)
    found = counts.tocoo()
    expected = rows[found.row] * shares[found.col]
    found.data = np.maximum(np.log(found.data / expected), 0).astype(np.float32)
    return found.tocsr()
