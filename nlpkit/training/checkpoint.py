"""Everything an interrupted run needs to go on as if nothing had happened, in one file."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from nlpkit.errors import NlpkitError, reason
from nlpkit.output import replacing
from nlpkit.training.run import STATE


def save_checkpoint(
    folder: Path, network: keras.Model, progress: dict[str, Any], best: list[np.ndarray], mean: list[np.ndarray]
) -> None:
    """Writes the network's weights, its optimizer, metrics and random seeds, `progress` (JSON), `best` and `mean`.

    Written whole or not at all. Raises NlpkitError when it cannot be written; the one before stays.
    """
    arrays = {f"state_{i}": ops.convert_to_numpy(v) for i, v in enumerate(_state(network))}
    arrays |= {f"best_{i}": array for i, array in enumerate(best)}
    arrays |= {f"mean_{i}": array for i, array in enumerate(mean)}
    arrays["progress"] = np.frombuffer(json.dumps(progress).encode(), dtype=np.uint8)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / STATE) as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise NlpkitError(
            f"the checkpoint cannot be written to {folder}: {reason(error)}; what was saved before stays"
        ) from error


def restore_checkpoint(folder: Path, network: keras.Model) -> tuple[dict[str, Any], list[np.ndarray], list[np.ndarray]]:
    """Puts the state back into a network built and compiled alike; gives `progress`, `best` and `mean`.

    Raises NlpkitError when the file is damaged, or of another network.
    """
    path = folder / STATE
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            state = _state(network)
            for i, variable in enumerate(state):
                variable.assign(arrays[f"state_{i}"])
            best, mean = (
                [arrays[f"{kind}_{i}"] for i in range(sum(name.startswith(f"{kind}_") for name in arrays))]
                for kind in ("best", "mean")
            )
            return json.loads(arrays["progress"].tobytes()), best, mean
    except Exception as error:  # zipfile, zlib and NumPy raise what comes to them
        what = str(error) or type(error).__name__
        raise NlpkitError(f"{path} is damaged or of another network ({what}); start over") from error


def _state(network: keras.Model) -> list[keras.Variable]:
    if hasattr(network, "jax_state_sync"):
        network.jax_state_sync()  # on JAX, `fit` keeps the state to itself
    variables = [*network.variables, *network.optimizer.variables, *network.metrics_variables]
    return list({id(variable): variable for variable in variables}.values())
