"""Characters a second of `TextGenerator.stream` beside Keras loops over the same weights, on one core.

    taskset -c 0 python benchmarks/writing.py models/generate-tiny_shakespeare

`model.predict` is called for each character, as tutorials do, with the state carried; so is a compiled step, which is
the best that Keras offers without leaving Python. The session's figure counts the whole loop: drawing and decoding too.
Then how long the command takes to its first character, the start of Python counted.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import nlpkit
from nlpkit.quiet import import_keras
from nlpkit.runtime.session import Session
from nlpkit.tasks.generation.language import zero_state
from nlpkit.tokenizer import BOS

ROUNDS = 5
CHARACTERS = 2_000
BY_PREDICT, BY_FUNCTION = 30, 300  # they are slow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    bundle = parser.parse_args().bundle
    generator = nlpkit.load(bundle)
    assert isinstance(generator, nlpkit.TextGenerator)
    generator.session = Session(generator.bundle.files["model.onnx"], threads=1)

    import_keras()
    import tensorflow as tf

    network = generator.network()
    first = zero_state(generator.session, 1)
    step = tf.function(lambda ids, state: network({"ids": ids, "state": state}, training=False))

    def by_session() -> int:
        return len("".join(generator.stream("", length=CHARACTERS, seed=1)))

    def by_keras(call: Callable[[np.ndarray, np.ndarray], Any], count: int) -> int:
        rng = np.random.default_rng(1)
        token, state = BOS, first
        for _ in range(count):
            answer = call(np.array([[token]], np.int32), state)
            scores = np.array(answer["logits"])[0, 0].astype(np.float64) / 0.8
            odds = np.exp(scores - scores.max())
            token = int(rng.choice(len(odds), p=odds / odds.sum()))
            state = np.array(answer["state"])
        return count

    def predict(ids: np.ndarray, state: np.ndarray) -> dict[str, np.ndarray]:
        # predict takes rows first
        found: dict[str, np.ndarray] = rows_first.predict({"ids": ids, "state": state.transpose(1, 0, 2)}, verbose=0)
        return {"logits": found["logits"], "state": found["state"].transpose(1, 0, 2)}

    rows_first = _rows_first(network)
    ways = {
        "model.predict": lambda: by_keras(predict, BY_PREDICT),
        "compiled step": lambda: by_keras(lambda ids, state: step(tf.constant(ids), tf.constant(state)), BY_FUNCTION),
        "nlpkit": by_session,
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()  # warm
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            rates[name].append(way() / (time.perf_counter() - started))
    for name, measured in rates.items():
        print(f"{name:15} {np.median(measured):8,.0f} characters/s  (median of {ROUNDS})")
    ours = np.median(rates["nlpkit"])
    print("ratios " + ", ".join(f"{ours / np.median(rates[name]):,.1f} to {name}" for name in ways if name != "nlpkit"))
    seconds = np.median([first_character(bundle) for _ in range(ROUNDS)])
    print(f"the command's first character after {seconds:.2f} s (median of {ROUNDS})")


def first_character(bundle: str) -> float:
    command = [sys.executable, "-m", "nlpkit", "generate", "--model", bundle, "--length", "20"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.read(1)
        return time.perf_counter() - started


def _rows_first(network: Any) -> Any:
    """The network with the rows of its state first, which `predict` cuts into batches."""
    import keras

    states, _, units = network.input["state"].shape
    ids = keras.Input((None,), dtype="int32", name="ids")
    state = keras.Input((states, units), name="state")
    found = network({"ids": ids, "state": keras.ops.transpose(state, (1, 0, 2))})
    outputs = {"logits": found["logits"], "state": keras.ops.transpose(found["state"], (1, 0, 2))}
    return keras.Model({"ids": ids, "state": state}, outputs)


if __name__ == "__main__":
    main()
