"""A network's weights as the file that a bundle keeps, and back; and back from what was exported of them."""

import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from nlpkit.errors import BundleError
from nlpkit.runtime.quantize import constants_of

if TYPE_CHECKING:
    import keras

_NUMBERED = 0x60000000  # the bits of float32 from which on no other constant of a graph is


def weights_to_bytes(network: "keras.Model") -> bytes:
    """What a bundle keeps as model.weights.h5."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        network.save_weights(path)
        return _packed(path)


def network_from_weights(network: "keras.Model", weights: bytes) -> "keras.Model":
    """The network with the weights of a bundle's model.weights.h5."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        path.write_bytes(weights)
        network.load_weights(path)
    return network


def network_from_graphs(
    network: "keras.Model",
    export: "Callable[[keras.Model], Mapping[str, bytes]]",
    graphs: Mapping[str, bytes],
) -> "keras.Model":
    """The network with the trainable weights of ONNX models, by file name, that `export` made of one of its shape, in
    int8 or as they were.

    An export moves trained values and changes none, so that of a network whose weights are numbered tells where each
    went. Raises BundleError where the graphs are not of such a network.
    """
    weights, given = network.trainable_weights, _constants(graphs)
    ends = np.cumsum([math.prod(weight.shape) for weight in weights])
    found = np.full(int(ends[-1]), np.nan, np.float32)

    def exported(values: np.ndarray) -> dict[str, np.ndarray]:
        for weight, part in zip(weights, np.split(values, ends[:-1]), strict=True):
            weight.assign(part.reshape(weight.shape))
        return _constants(export(network))

    numbers = np.arange(_NUMBERED, _NUMBERED + len(found), dtype=np.uint32)
    moved = set()
    for name, numbered in exported(numbers.view(np.float32)).items():
        values = given.get(name)
        if numbered.dtype != np.float32 or values is None or values.shape != numbered.shape:
            continue
        places = numbered.view(np.uint32).astype(np.int64) - _NUMBERED
        known = (places >= 0) & (places < len(found))
        if known.any():
            found[places[known]] = values[known]
            moved.add(name)
    again = {} if np.isnan(found).any() else exported(found)
    if not again or any(not np.array_equal(given[name], again[name]) for name in moved):
        raise BundleError("the model's graph is not one of its recipe's network, so nothing can start from it")
    return network


def _constants(graphs: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    return {f"{file} {name}": array for file, graph in graphs.items() for name, array in constants_of(graph).items()}


def _packed(path: Path) -> bytes:
    packed = path.with_name("packed.h5")
    with h5py.File(path) as source, h5py.File(packed, "w") as target:
        _copy_compressed(source, target)
    return packed.read_bytes()


def _copy_compressed(source: Any, target: Any) -> None:
    """An HDF5 group without loss at six sevenths of the size: bytes of like weight lie together, then are zipped."""
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_compressed(item, target.create_group(name))
            continue
        values = item[()]
        small = values.size < 1_024
        options = {} if small else {"chunks": values.shape, "shuffle": True, "compression": "gzip"}
        target.create_dataset(name, data=values, **options).attrs.update(item.attrs)
