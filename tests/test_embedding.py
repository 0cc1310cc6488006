"""The embedding's dropout."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from nlpkit.layers.embedding import Embedding

IDS = np.array([[1, 2, 1, 3], [3, 1, 0, 2]], np.int32)


def test_without_training_it_is_the_embedding() -> None:
    layer = Embedding(50, 40, dropout=0.5)
    np.testing.assert_array_equal(layer(IDS), np.array(layer.embeddings)[IDS])


def test_equal_tokens_stay_equal_and_lose_entries_of_their_own() -> None:
    layer = Embedding(50, 40, dropout=0.25)
    whole, first, second = np.array(layer(IDS)), *(np.array(layer(IDS, training=True)) for _ in range(2))
    for token in range(4):
        vectors = first[token == IDS]
        np.testing.assert_array_equal(vectors, vectors[:1].repeat(len(vectors), 0))
    zeros = first == 0
    np.testing.assert_allclose(first[~zeros], whole[~zeros] / 0.75, rtol=1e-6)
    assert not (zeros[0, 0] == zeros[0, 1]).all()
    assert not (zeros == (second == 0)).all()  # drawn anew
    many = np.array(Embedding(200, 200, dropout=0.25)(np.arange(200), training=True)) == 0
    assert many.mean() == pytest.approx(0.25, abs=0.01)


def test_what_was_dropped_learns_nothing() -> None:
    layer = Embedding(5, 40, dropout=0.5)
    layer(IDS)
    with tf.GradientTape() as tape:
        found = layer(IDS, training=True)
        loss = tf.reduce_sum(found)
    gradient = np.array(tf.convert_to_tensor(tape.gradient(loss, layer.embeddings.value)))
    counts = np.bincount(IDS.ravel(), minlength=5)
    dropped = {token: np.array(found)[token == IDS][0] == 0 for token in range(4)}
    for token, zeros in dropped.items():
        np.testing.assert_allclose(gradient[token], np.where(zeros, 0, 2 * counts[token]))
    assert not gradient[4].any()


def test_it_saves_and_loads_as_keras_layers_do(tmp_path: Path) -> None:
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, Embedding(5, 3, dropout=0.2)(ids))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(IDS), model(IDS))
    assert again.layers[1].dropout == 0.2
