"""The LSTM layer against Keras' own, which it stands in for."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import nlpkit.layers.lstm as layers
from nlpkit.layers.dropout import dropped

BATCH, STEPS, FEATURES, UNITS = 3, 7, 4, 5


def pair(**settings: Any) -> tuple[layers.LSTM, keras.layers.LSTM]:
    """The same weights in both."""
    keras.utils.set_random_seed(4)
    ours = layers.LSTM(UNITS, return_sequences=True, return_state=True, **settings)
    theirs = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True, **settings)
    for layer in (ours, theirs):
        layer.build((None, None, FEATURES))
    theirs.set_weights(ours.get_weights())
    return ours, theirs


def given() -> list[Any]:
    rng = np.random.default_rng(0)
    shapes = [(BATCH, STEPS, FEATURES), (BATCH, UNITS), (BATCH, UNITS)]
    return [tf.constant(rng.normal(0, 1, shape), tf.float32) for shape in shapes]


def results(
    layer: keras.layers.LSTM, traced: bool, training: bool = False, steps: int | None = STEPS
) -> list[np.ndarray]:
    """Outputs, final states, and the gradients of all of them together; `steps` is how many a trace knows of."""
    x, h, c = given()

    def run(x: Any, h: Any, c: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, h, c])
            found = layer(x, initial_state=[h, c], training=training)
            loss = sum(tf.reduce_sum(tf.sin(3 * value)) for value in found)
        return [*found, *tape.gradient(loss, [x, h, c, *(w.value for w in layer.trainable_weights)])]

    shapes = [(BATCH, steps, FEATURES), (BATCH, UNITS), (BATCH, UNITS)]
    trace = tf.function(run, input_signature=[tf.TensorSpec(shape) for shape in shapes])
    return [np.array(value) for value in (trace if traced else run)(x, h, c)]


@pytest.mark.parametrize("traced", [False, True])
def test_outputs_and_gradients_are_those_of_keras(traced: bool) -> None:
    ours, theirs = pair()
    for found, expected in zip(results(ours, traced), results(theirs, traced), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_any_number_of_steps_gives_the_same(training: bool) -> None:
    layer, _ = pair()
    expected = results(layer, traced=True, training=training)
    for found, wanted in zip(results(layer, traced=True, training=training, steps=None), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_rows_compiled_in_parts_give_the_same(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    run = layers._compiled()

    def watched(x: Any, *rest: Any) -> Any:
        compiled.append(x.shape[0])
        return run(x, *rest)

    monkeypatch.setattr(layers, "_compiled", lambda: watched)
    monkeypatch.setattr(layers, "cores", lambda: cores)
    monkeypatch.setattr(layers, "_LEAST_ROWS", 1)
    ours, theirs = pair()
    found = results(ours, traced=True, training=True)
    assert compiled == {1: [3], 2: [2, 1], 8: [1, 1, 1]}[cores]
    for one, expected in zip(found, results(theirs, traced=True, training=True), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)
    results(ours, traced=True)
    results(ours, traced=False, training=True)
    assert len(compiled) == min(cores, BATCH)  # in training alone, inside a function alone


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("steps", [STEPS, None])
@pytest.mark.parametrize("training", [False, True])
def test_tokens_give_what_their_vectors_give(
    training: bool, steps: int | None, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "cores", lambda: cores)
    monkeypatch.setattr(layers, "_LEAST_ROWS", 1)
    ours, theirs = pair()
    _, *state = given()
    table = tf.constant(np.random.default_rng(1).normal(0, 1, (6, FEATURES)), tf.float32)

    def run(layer: keras.layers.LSTM, rows: Any, **options: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(table)
            found = layer(tf.gather(table, rows), initial_state=state, training=training, **options)
            loss = sum(tf.reduce_sum(tf.sin(3 * value)) for value in found)
        gradients = tape.gradient(loss, [table, *(w.value for w in layer.trainable_weights)])
        return [*found, *map(tf.convert_to_tensor, gradients)]

    ids = tf.constant(np.random.default_rng(2).integers(0, 5, (BATCH, STEPS)), tf.int32)  # the last is in no text
    shared = tf.function(lambda ids: run(ours, ids, ids=ids), input_signature=[tf.TensorSpec((BATCH, steps), tf.int32)])
    for found, expected in zip(shared(ids), run(theirs, ids), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_of_equal_tokens_one_is_multiplied() -> None:
    layer, _ = pair()
    x = given()[0]
    ids = tf.constant([[0, 1, 2, 3, 4, 5, 0], [6, 7, 8, 9, 10, 11, 12], [13, 14, 15, 16, 17, 18, 19]])
    # were the second zero's vector read, another one there would count
    other = tf.tensor_scatter_nd_add(x, [[0, 6, 0]], [5.0])
    np.testing.assert_array_equal(layer(other, ids=ids)[0], layer(x, ids=ids)[0])
    assert np.abs(layer(other)[0] - layer(x)[0]).max() > 0.01
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected shape"):
        layer(x, ids=tf.transpose(ids))


def test_the_portable_loop_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    shapes = [(STEPS, BATCH, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,), (BATCH, UNITS), (BATCH, UNITS)]
    arguments = [tf.constant(rng.normal(0, 1, shape), tf.float32) for shape in shapes]

    @tf.function  # type: ignore[untyped-decorator]
    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            found = layers.lstm_steps(*arguments)
            loss = sum(tf.reduce_sum(tf.sin(3 * value)) for value in found)
        return [*found, *tape.gradient(loss, arguments)]

    fast = run()
    monkeypatch.setattr(keras.backend, "backend", lambda: "another")
    for found, expected in zip(tf.function(run.python_function)(), fast, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{"go_backwards": True}, {"activation": "relu"}, {"use_bias": False}, {"recurrent_dropout": 0.5}],
    ids=str,
)
def test_other_settings_are_left_to_keras(settings: dict[str, Any]) -> None:
    ours, theirs = pair(**settings)
    for found, expected in zip(ours(given()[0]), theirs(given()[0]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(ValueError, match="weight_dropout"):
        layers.LSTM(UNITS, weight_dropout=0.5, **settings)(given()[0])


def test_weight_dropout_falls_on_recurrent_weights_in_training_alone() -> None:
    layer = layers.LSTM(UNITS, return_sequences=True, weight_dropout=0.5)
    whole = keras.layers.LSTM(UNITS, return_sequences=True)
    x = given()[0]
    layer(x), whole(x)
    whole.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(x), whole(x), atol=1e-6)
    trained = np.array(layer(x, training=True))
    np.testing.assert_allclose(trained[:, 0], whole(x)[:, 0], atol=1e-6)  # the first step has nothing to drop from
    assert np.abs(trained[:, 1:] - whole(x)[:, 1:]).max() > 1e-3


@pytest.mark.parametrize("compiled", [False, True])
def test_dropped_entries_are_zero_and_the_others_make_up_for_them(compiled: bool) -> None:
    seed = keras.random.SeedGenerator(1)
    draw = tf.function(lambda x: dropped(x, 0.2, seed), jit_compile=compiled)
    first, second = (draw(tf.ones((200, 200))).numpy() for _ in range(2))
    assert set(np.unique(first)) == {np.float32(0), np.float32(1.25)}
    for mask in (first == 0, second == 0):
        assert mask.mean() == pytest.approx(0.2, abs=0.01)
        # anywhere, in rows and columns alike
        assert mask.mean(0).std() == pytest.approx(0.4 / 200**0.5, rel=0.2)
        assert mask.mean(1).std() == pytest.approx(0.4 / 200**0.5, rel=0.2)
    assert ((first == 0) & (second == 0)).mean() == pytest.approx(0.04, abs=0.01)  # drawn anew


def test_no_units_learn_from_weights_that_were_dropped() -> None:
    layer = layers.LSTM(UNITS, return_sequences=True, weight_dropout=0.9)
    x = given()[0]
    layer(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, training=True) ** 2)
    gradient = np.array(tape.gradient(loss, layer.cell.recurrent_kernel.value))
    assert 0.6 < (gradient == 0).mean() < 1


def test_it_saves_and_loads_as_keras_layers_do(tmp_path: Path) -> None:
    inputs = keras.Input((None, FEATURES))
    model = keras.Model(inputs, layers.LSTM(UNITS, weight_dropout=0.2)(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = given()[0]
    np.testing.assert_array_equal(again(x), model(x))
    assert again.layers[1].weight_dropout == 0.2
