"""The backbone's handling of lengths."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nlpkit.layers.stack import LSTMStack, reverse_by_length


@pytest.mark.parametrize("backend", ["tensorflow", "another"])
def test_real_steps_are_reversed_and_so_are_their_gradients(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, weights = (rng.normal(0, 1, (3, 5, 2)).astype(np.float32) for _ in range(2))
    lengths = np.array([5, 3, 1], np.int32)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 2]), tf.TensorSpec([None], tf.int32)])  # type: ignore[untyped-decorator]
    def run(x: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = reverse_by_length(x, lengths)
            loss = tf.reduce_sum(found * weights)
        return found, tape.gradient(loss, x)

    for found, given in zip(run(x, lengths), (x, weights), strict=True):
        for row, expected, length in zip(np.array(found), given, lengths, strict=True):
            np.testing.assert_array_equal(row[:length], expected[:length][::-1])
            np.testing.assert_array_equal(row[length:], expected[length:])


@pytest.mark.parametrize("backend", ["tensorflow", "another"])
def test_ids_are_reversed_too(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    ids = np.arange(10, dtype=np.int32).reshape(2, 5)
    found = np.array(reverse_by_length(ids, np.array([5, 3], np.int32)))
    np.testing.assert_array_equal(found, [[4, 3, 2, 1, 0], [7, 6, 5, 8, 9]])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_ids_change_nothing(cell: str, bidirectional: bool) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 4, (3, 6)).astype(np.int32)
    vectors = rng.normal(0, 1, (4, 5)).astype(np.float32)[ids]
    lengths = np.array([6, 4, 1], np.int32)
    stack = LSTMStack(cell, 4, 2, bidirectional=bidirectional)
    expected = np.array(stack(vectors, lengths))
    np.testing.assert_allclose(stack(vectors, lengths, ids=ids), expected, atol=1e-6)
