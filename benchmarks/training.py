"""A training step of one LSTM layer beside stock Keras, PyTorch and the machine's limit, interleaved in one run.

    pip install -e ".[benchmarks]" && python benchmarks/training.py

A step is the outputs of all steps, the gradient of the sum of their squares, and those of all weights and of the
inputs. Then the same with token ids as the input, an embedding before the layer and the embedding's gradient; nlpkit's
layer is told the ids, so that it multiplies each token's vector once. Each peer is a process of its own, idle while
another is timed; all are launched anew five times, because at some shapes one launch of a program is half as fast again
as another. As in training, a timed step follows another: the first one after the others' turns, which takes some
milliseconds more at the smaller shapes, is not timed. The limit is the rate of the bare matrix products that a step
cannot do without; of equal tokens it knows nothing. PyTorch flushes denormals, and so do TensorFlow and XLA by
themselves.
"""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from nlpkit.quiet import import_keras

LAUNCHES = 5
ROUNDS = 3
VOCABULARY = 8_000
SHAPES = [  # batch, steps, inputs, units, directions
    (32, 100, 64, 256, 1),
    (32, 100, 128, 128, 1),
    (64, 200, 256, 256, 1),
    (64, 100, 512, 512, 1),
    (64, 256, 128, 128, 2),
]
PEERS = ("limit", "Keras", "PyTorch", "nlpkit")
INPUTS = ("vectors", "token ids")

Step = Callable[[], Any]


def main() -> None:
    seconds: dict[tuple[str, tuple[int, ...], str], list[float]] = defaultdict(list)
    for number in range(LAUNCHES):
        workers = {peer: Worker(peer) for peer in PEERS}
        for inputs, shape in product(INPUTS, SHAPES):
            print(f"launch {number + 1} of {LAUNCHES}: {inputs}, {shape}", file=sys.stderr, flush=True)
            for worker in workers.values():
                worker.ask(inputs, shape)  # compiles
            for _, (peer, worker) in product(range(ROUNDS), workers.items()):
                seconds[inputs, shape, peer].append(worker.ask(inputs, shape))
        for worker in workers.values():
            worker.close()
    medians = {key: float(np.median(found)) for key, found in seconds.items()}
    for inputs in INPUTS:
        print(f"milliseconds a step from {inputs}, median of {LAUNCHES} launches of {ROUNDS} steps")
        print(f"{'batch, steps, inputs, units, directions':42}" + "".join(f"{peer:>13}" for peer in PEERS))
        for shape in SHAPES:
            print(f"{shape!s:42}" + "".join(f"{1e3 * medians[inputs, shape, peer]:13.1f}" for peer in PEERS))
        ratios = [
            [medians[inputs, shape, peer] / medians[inputs, shape, "nlpkit"] for shape in SHAPES] for peer in PEERS
        ]
        means = (float(np.exp(np.log(found).mean())) for found in ratios)
        print(f"{'in units of nlpkit, geometric mean':42}" + "".join(f"{mean:13.2f}" for mean in means))


class Worker:
    """A peer in a process of its own, which times a step of a shape when asked to."""

    def __init__(self, peer: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, peer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, inputs: str, shape: tuple[int, ...]) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([inputs == "token ids", *shape]) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


def serve(peer: str) -> None:
    if peer != "PyTorch":
        import_keras()
    make = {"PyTorch": pytorch_step, "limit": bare_products}.get(peer) or (lambda *shape: keras_step(*shape, peer=peer))
    shape, step = None, None
    for line in sys.stdin:
        if json.loads(line) != shape:
            shape = json.loads(line)
            step = make(*shape)
            step()  # compiles
        assert step is not None
        step()  # warms
        started = time.perf_counter()
        step()
        print(time.perf_counter() - started, flush=True)


def token_ids(batch: int, steps: int) -> np.ndarray:
    """Ids as frequent as words are, by Zipf's law."""
    odds = 1 / np.arange(1, VOCABULARY + 1)
    return np.random.default_rng(1).choice(VOCABULARY, (batch, steps), p=odds / odds.sum())


def keras_step(embed: bool, batch: int, steps: int, inputs: int, units: int, directions: int, *, peer: str) -> Step:
    import keras
    import tensorflow as tf

    from nlpkit.layers.lstm import LSTM

    kind = keras.layers.LSTM if peer == "Keras" else LSTM
    layers = [kind(units, return_sequences=True) for _ in range(directions)]
    for layer in layers:
        layer.build((batch, steps, inputs))
    weights = [weight.value for layer in layers for weight in layer.trainable_weights]
    ids = tf.constant(token_ids(batch, steps), tf.int32)
    given = tf.random.stateless_normal((VOCABULARY, inputs) if embed else (batch, steps, inputs), (1, 2))

    @tf.function  # type: ignore[untyped-decorator]
    def step() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(given)
            x = tf.gather(given, ids) if embed else given
            outputs = []
            for number, layer in enumerate(layers):
                read, tokens = (tf.reverse(one, [1]) if number else one for one in (x, ids))
                outputs.append(layer(read, training=True, **({"ids": tokens} if embed and kind is LSTM else {})))
            loss = tf.add_n([tf.reduce_sum(one * one) for one in outputs])
        return [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, [given, *weights])]

    return lambda: [gradient.numpy() for gradient in step()]


def pytorch_step(embed: bool, batch: int, steps: int, inputs: int, units: int, directions: int) -> Step:
    import torch

    torch.set_flush_denormal(True)
    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(1)
    layer = torch.nn.LSTM(inputs, units, batch_first=True, bidirectional=directions == 2)
    ids = torch.from_numpy(token_ids(batch, steps))
    given = torch.randn(*((VOCABULARY, inputs) if embed else (batch, steps, inputs)), requires_grad=True)

    def step() -> Any:
        outputs, _ = layer(torch.nn.functional.embedding(ids, given) if embed else given)
        return torch.autograd.grad((outputs * outputs).sum(), [given, *layer.parameters()])

    return step


def bare_products(embed: bool, batch: int, steps: int, inputs: int, units: int, directions: int) -> Step:
    import tensorflow as tf

    def given(*shape: int) -> Any:
        return tf.random.stateless_normal(shape, (1, 2))

    rows = batch * steps
    x, kernel, recurrent = given(rows, inputs), given(inputs, 4 * units), given(units, 4 * units)
    h, dz, hs, dzs = given(batch, units), given(batch, 4 * units), given(rows, units), given(rows, 4 * units)

    @tf.function  # type: ignore[untyped-decorator]
    def step() -> Any:
        found = []
        for direction in range(directions):
            # not the same product twice, which would be computed once
            w, dz_all = kernel + float(direction), dzs + float(direction)
            found += [tf.matmul(x, w), tf.matmul(dz_all, w, transpose_b=True)]
            found += [tf.matmul(x, dz_all, transpose_a=True), tf.matmul(hs, dz_all, transpose_a=True)]
            for number in range(direction * steps, (direction + 1) * steps):
                found += [
                    tf.matmul(h + float(number), recurrent),
                    tf.matmul(dz + float(number), recurrent, transpose_b=True),
                ]
        return [one[0, 0] for one in found]

    return lambda: [one.numpy() for one in step()]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(sys.argv[1])
    else:
        main()
