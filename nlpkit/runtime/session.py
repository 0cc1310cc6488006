"""An ONNX model, open and ready to answer."""

import numpy as np
import onnxruntime

from nlpkit.errors import BundleError


class Session:
    """Runs one ONNX model on the CPU."""

    def __init__(self, model: bytes, *, threads: int = 0) -> None:
        """`threads` 0 leaves the number to ONNX Runtime: one a core.

        Raises BundleError when the bytes are no model that this ONNX Runtime reads.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors only
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions share no base but this
            reason = " ".join(str(error).split())
            raise BundleError(f"model.onnx cannot be opened by onnxruntime: {reason}") from error

    def run(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Probabilities float32 [batch, classes] of ids int32 [batch, steps] with lengths int32 [batch]."""
        answers: np.ndarray = self._session.run(None, {"ids": ids, "lengths": lengths})[0]
        return answers
