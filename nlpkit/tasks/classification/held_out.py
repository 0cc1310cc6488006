"""What a model answered for the texts that were held out, before its n-grams were fitted on these, too."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlpkit.arrays import packed, unpacked

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
        return packed(keys=self.keys, probabilities=self.probabilities)


def held_out_from_bytes(content: bytes, labels: int) -> HeldOut:
    """Reads back what `to_bytes` wrote. Raises BundleError for anything else, or answers for other than so many
    labels."""
    with unpacked(content, HELD_OUT) as arrays:
        keys, probabilities = arrays["keys"], arrays["probabilities"]
        typed = keys.dtype == np.uint64 and probabilities.dtype == np.float32
        if not typed or probabilities.shape != (*keys.shape, labels) or not np.isfinite(probabilities).all():
            raise ValueError(f"not a probability for each of {labels} labels")
        return HeldOut(keys, probabilities)
