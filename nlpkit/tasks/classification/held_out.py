"""What a model answered for the texts that were held out, before its n-grams were fitted on these, too."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlpkit.errors import BundleError

HELD_OUT = "held_out.npz"  # its file in a bundle


@dataclass(frozen=True)
class HeldOut:
    """The texts' keys, uint64 [texts], as `data.seen` has them, and the answers, float32 [texts, labels]."""

    keys: np.ndarray
    probabilities: np.ndarray

    def laid_over(self, probabilities: np.ndarray, keys: Sequence[int]) -> np.ndarray:
        """Probabilities [texts, labels] of texts with these keys: those from before, for texts that were held out."""
        place = {key: row for row, key in enumerate(self.keys.tolist())}
        found = probabilities.copy()
        for row, key in enumerate(keys):
            if key in place:
                found[row] = self.probabilities[place[key]]
        return found

    def to_bytes(self) -> bytes:
        """The file that a bundle keeps."""
        file = io.BytesIO()
        np.savez_compressed(file, keys=self.keys, probabilities=self.probabilities)
        return file.getvalue()


def held_out_from_bytes(content: bytes, labels: int) -> HeldOut:
    """Reads back what `to_bytes` wrote. Raises BundleError for anything else, or answers for other than so many
    labels."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = HeldOut(arrays["keys"], arrays["probabilities"])
    except Exception as error:  # zipfile, zlib and NumPy raise what comes to them
        what = str(error) or type(error).__name__
        raise BundleError(f"{HELD_OUT} is damaged or not nlpkit's ({what}); copy or train the model again") from None
    answers = found.probabilities
    typed = found.keys.dtype == np.uint64 and answers.dtype == np.float32
    if not typed or answers.shape != (*found.keys.shape, labels) or not np.isfinite(answers).all():
        raise BundleError(f"{HELD_OUT} does not hold a probability for each of {labels} labels; train the model again")
    return found
