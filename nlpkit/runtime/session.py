"""An ONNX model, open and ready to answer."""

import math
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from nlpkit.cores import cores
from nlpkit.errors import BundleError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it would write files under HOME; read at import

import onnxruntime


class Session:
    """Runs one ONNX model on the CPU."""

    def __init__(self, model: bytes, *, threads: int = 1) -> None:
        """One thread answers one text soonest, and a batch a core, `on_all_cores`, answers many; 0 is one a core.

        Raises BundleError when the bytes are no model that this ONNX Runtime reads.
        """
        self._opened = partial(Session, threads=threads), (model,)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or (1 if cores() == 1 else 0)
        options.log_severity_level = 3  # errors only
        try:
            # no falling back to other providers, of which it would tell on standard output
            self.session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # its exceptions share no base but this
            why = " ".join(str(error).split())
            raise BundleError(f"model.onnx cannot be opened by onnxruntime: {why}") from error
        self._names = [given.name for given in self.session.get_inputs()]
        ends = [*self.session.get_inputs(), *self.session.get_outputs()]
        self._shapes = {end.name: end.shape for end in ends}
        self._answers = [end.shape for end in self.session.get_outputs()]
        facts = self.session.get_modelmeta().custom_metadata_map
        self.many_rows: int | None = max(1, int(facts["many_rows"])) if "many_rows" in facts else None
        """From so many rows on the model works in another way, for which batches should be large; None: it does not."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied, or sent to another process, a session is its model, opened there anew."""
        return self._opened

    def shape(self, name: str) -> list[int]:
        """The shape of an input or an output; sizes that may be any are words."""
        return list(self._shapes[name])

    def expect(self, **shapes: Sequence[int | None]) -> None:
        """Holds inputs and outputs to the sizes that the rest of the bundle tells of; None is a size that may be any.

        Raises BundleError.
        """
        for name, wanted in shapes.items():
            found = self._shapes.get(name)
            if found is None or [size if isinstance(size, int) else None for size in found] != list(wanted):
                raise BundleError(f"the model's {name} is {found}, where the rest of the bundle has {list(wanted)}")

    def run(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """The model's outputs for its inputs, both in the order in which the graph names them.

        Raises BundleError when the model cannot take them, or answers with what are no numbers or not of the shapes
        that it names: it is damaged, or of another tokenizer.
        """
        try:
            answers: list[np.ndarray] = self.session.run(None, dict(zip(self._names, inputs, strict=True)))
        except Exception as error:
            why = " ".join(str(error).split())
            raise BundleError(f"the model cannot answer: onnxruntime says {why}; copy or train it again") from error
        for answer, shape in zip(answers, self._answers, strict=True):
            if len(answer.shape) != len(shape) or any(
                isinstance(size, int) and size != found for size, found in zip(shape, answer.shape, strict=True)
            ):
                raise BundleError(f"the model answers with {answer.shape}, not {shape}; copy or train it again")
            # a sum is not finite if any value is not
            if not math.isfinite(answer.sum()):
                raise BundleError("the model answers with what are no numbers; copy it or train it again")
        return answers
