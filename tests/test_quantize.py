"""Weights in int8."""

import numpy as np
import onnx
import pytest

from nlpkit import TextClassifier
from nlpkit.errors import UsageError
from nlpkit.runtime.quantize import quantize_rows, quantize_weights
from nlpkit.runtime.session import Session
from tests.conftest import made_reviews
from tests.task_checks import check_batch_equals_single, check_padding_changes_nothing


def test_rows_come_back_to_within_half_a_scale() -> None:
    weights = np.random.default_rng(0).normal(0, 1, (40, 30)).astype(np.float32)
    weights[3] *= 1e-6  # a row of small values keeps its own precision
    weights[4] = 0
    rows, scale = quantize_rows(weights)
    assert rows.dtype == np.int8
    assert scale.shape == (40, 1)
    assert (np.abs(rows * scale - weights) <= 0.5001 * scale).all()
    assert np.abs(rows).max() == 127
    assert (rows[4] == 0).all()


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    texts, labels = zip(*made_reviews(200), strict=True)
    return TextClassifier(epochs=2, vocab_size=300, units=64, embedding_size=64).fit(texts, labels)


def test_answers_are_nearly_the_same_and_do_not_depend_on_the_batch(model: TextClassifier) -> None:
    small = model.exported(int8=True)
    texts = [text for text, _ in made_reviews(20, seed=3)]
    off = np.abs(small.predict_proba(texts) - model.predict_proba(texts)).max()
    assert 0 < off < 0.02
    check_batch_equals_single(lambda given: small.predict_proba(given), texts)
    check_padding_changes_nothing(lambda given: small.predict_proba(given), texts, "a dreary film " * 90)


def test_the_graph_holds_int8_and_its_session_the_products(model: TextClassifier) -> None:
    graph = model.bundle.files["model.onnx"]
    small = quantize_weights(graph)
    assert len(small) < 0.35 * len(graph)
    kinds = {constant.data_type for constant in onnx.load_model_from_string(small).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    ids, lengths = np.array([[5, 6, 7]], np.int32), np.array([3], np.int32)
    # what the int8 graph computes is the float graph over the rounded weights, bit for bit
    rounded = onnx.load_model_from_string(graph)
    for constant in rounded.graph.initializer:
        weights = onnx.numpy_helper.to_array(constant)
        if weights.dtype == np.float32 and weights.ndim > 1 and weights.size >= 1024:
            rows, scale = quantize_rows(weights)
            constant.CopyFrom(onnx.numpy_helper.from_array(rows * scale, constant.name))
    expected = Session(rounded.SerializeToString()).run(ids, lengths)[0]
    np.testing.assert_array_equal(Session(small).run(ids, lengths)[0], expected)


def test_an_export_leaves_training_behind(model: TextClassifier) -> None:
    slim = model.exported()
    left = {"held_out.npz", "model.weights.h5", "history.csv", "seen.npz"}
    assert set(model.bundle.files) - set(slim.bundle.files) == left
    np.testing.assert_array_equal(slim.predict_proba(["a film"]), model.predict_proba(["a film"]))
    with pytest.raises(UsageError, match="without its Keras weights"):
        slim.network()
    assert slim.exported(int8=True).metadata["weights"] == "int8"
    assert model.exported(int8=True).exported().metadata["weights"] == "int8"
