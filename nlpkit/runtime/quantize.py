"""A graph's weights kept in int8: a quarter of the size."""

import numpy as np

_LEAST = 1_024  # values below which a constant stays as it is


def quantize_weights(model: bytes) -> bytes:
    """An ONNX model whose matrices are int8 with a scale for each row, symmetric around zero.

    ONNX Runtime multiplies them out once, when it opens the model, so answers come as fast as from float32 and no
    more depend on what they are batched with: activations are never quantized.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    found = onnx.load_model_from_string(model)
    constants, nodes = [], []
    for constant in found.graph.initializer:
        if constant.data_type != TensorProto.FLOAT or np.prod(constant.dims) < _LEAST or len(constant.dims) < 2:
            constants.append(constant)
            continue
        rows, scale = quantize_rows(numpy_helper.to_array(constant))
        name = constant.name
        constants += [numpy_helper.from_array(rows, f"{name}.int8"), numpy_helper.from_array(scale, f"{name}.scale")]
        nodes += [
            helper.make_node("Cast", [f"{name}.int8"], [f"{name}.float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]),
        ]
    nodes += found.graph.node
    del found.graph.initializer[:], found.graph.node[:]
    found.graph.initializer.extend(constants)
    found.graph.node.extend(nodes)
    serialized: bytes = found.SerializeToString()
    return serialized


def constants_of(model: bytes) -> dict[str, np.ndarray]:
    """The constants of an ONNX model by name, those in int8 multiplied out."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(model).graph
    found = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    for name in [name for name in found if name.endswith(".int8")]:
        whole = name.removesuffix(".int8")
        found[whole] = found.pop(name).astype(np.float32) * found.pop(f"{whole}.scale")
    return found


def quantize_rows(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 of the same shape, and a float32 scale for each row along the last axis: their product is near `weights`,
    off by half a scale at most."""
    scale = np.abs(weights).max(-1, keepdims=True) / np.float32(127)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    return np.rint(weights / scale).astype(np.int8), scale
