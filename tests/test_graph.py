"""The ONNX graph against Keras' own layers, which see each row alone and without padding."""

from typing import Any

import keras
import numpy as np
import onnx
import pytest

from nlpkit.errors import BundleError
from nlpkit.layers.pooling import Pooling
from nlpkit.layers.stack import LSTMStack
from nlpkit.runtime.session import Session
from nlpkit.tasks.classification.network import build_classifier, export_classifier
from nlpkit.tasks.classification.recipe import ClassifierSection

VOCABULARY, CLASSES = 30, 3
LENGTHS = [5, 1, 9, 4]
CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}


def network_and_section(**settings: Any) -> tuple[keras.Model, ClassifierSection]:
    keras.utils.set_random_seed(1)
    section = ClassifierSection(units=6, embedding_size=5, **settings)
    network = build_classifier(section, VOCABULARY, CLASSES)
    rng = np.random.default_rng(0)  # biases too are something else than zero
    network.set_weights([rng.normal(0, 0.5, w.shape).astype(np.float32) for w in network.get_weights()])
    return network, section


def rows() -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.integers(0, VOCABULARY, n).astype(np.int32) for n in LENGTHS]


def padded(extra: int = 0) -> tuple[np.ndarray, np.ndarray]:
    ids = np.full((len(LENGTHS), max(LENGTHS) + extra), 7, np.int32)  # padding that would show
    for target, row in zip(ids, rows(), strict=True):
        target[: len(row)] = row
    return ids, np.array(LENGTHS, np.int32)


def by_stock_layers(network: keras.Model, section: ClassifierSection, row: np.ndarray) -> np.ndarray:
    """One row's probabilities from stock layers and plain numpy."""
    x = network.get_layer("embedding").get_weights()[0][row][None]
    for directions in network.get_layer("stack").recurrent:
        outputs = []
        for number, layer in enumerate(directions):
            stock = CELLS[section.cell](section.units, return_sequences=True, go_backwards=number == 1)
            stock.build(x.shape)
            stock.set_weights(layer.get_weights())
            outputs.append(np.array(stock(x))[:, :: -1 if number else 1])
        last = np.concatenate([outputs[0][:, -1], *(o[:, 0] for o in outputs[1:])], -1)
        x = np.concatenate(outputs, -1)
    pooled = []
    for kind in section.pooling:
        if kind == "attention":
            kernel, bias = network.get_layer("pooling").get_weights()
            odds = np.exp(x @ kernel + bias)
            pooled.append((x * odds / odds.sum(1, keepdims=True)).sum(1))
        else:
            pooled.append({"last": last, "mean": x.mean(1), "max": x.max(1)}[kind])
    kernel, bias = network.get_layer("logits").get_weights()
    odds = np.exp(np.concatenate(pooled, -1) @ kernel + bias)
    answer: np.ndarray = (odds / odds.sum())[0]
    return answer


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", [["last"], ["max", "mean", "attention"]])
def test_graph_and_network_equal_stock_layers(cell: str, bidirectional: bool, pooling: list[str]) -> None:
    network, section = network_and_section(cell=cell, bidirectional=bidirectional, pooling=pooling, layers=2)
    expected = np.array([by_stock_layers(network, section, row) for row in rows()])
    ids, lengths = padded(extra=3)
    ours = keras.ops.softmax(network({"ids": ids, "lengths": lengths}))
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    answers = Session(export_classifier(network, section)).run(ids, lengths)[0]
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_padding_and_company_change_nothing() -> None:
    network, section = network_and_section(pooling=["max", "mean", "attention", "last"])
    session = Session(export_classifier(network, section))
    together = session.run(*padded())[0]
    np.testing.assert_allclose(session.run(*padded(extra=40))[0], together, atol=1e-6)
    for i, row in enumerate(rows()):
        np.testing.assert_allclose(session.run(row[None], np.array([len(row)], np.int32))[0][0], together[i], atol=1e-6)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", [["max", "mean"], ["mean"]])
def test_the_loop_of_many_rows_gives_what_the_operator_gives_for_each(bidirectional: bool, pooling: list[str]) -> None:
    session = Session(export_classifier(*network_and_section(bidirectional=bidirectional, pooling=pooling)))
    assert session.many_rows
    lengths = np.random.default_rng(4).integers(1, 9, session.many_rows).astype(np.int32)
    lengths[:3] = 1, 2, 400  # padding that outweighs a row by far
    ids = np.random.default_rng(5).integers(0, VOCABULARY, (len(lengths), 400)).astype(np.int32)
    answers = session.run(ids, lengths)[0]
    assert np.ptp(answers, axis=0).max() > 0.05  # they are not all alike
    for row, length, answer in zip(ids, lengths, answers, strict=True):
        alone = session.run(row[None, :length], np.array([length], np.int32))[0][0]
        np.testing.assert_allclose(answer, alone, atol=1e-6)


@pytest.mark.parametrize(
    "settings", [{"cell": "gru"}, {"layers": 2}, {"pooling": ["max", "last"]}, {"pooling": ["attention"]}]
)
def test_only_one_lstm_layer_under_max_and_mean_pooling_has_a_loop(settings: dict[str, Any]) -> None:
    assert Session(export_classifier(*network_and_section(**settings))).many_rows is None


@pytest.mark.parametrize(("cell", "operator"), [("lstm", "LSTM"), ("gru", "GRU"), ("rnn", "RNN")])
def test_recurrence_is_a_node(cell: str, operator: str) -> None:
    model = onnx.load_from_string(export_classifier(*network_and_section(cell=cell, layers=2)))
    onnx.checker.check_model(model, full_check=True)
    operators = [node.op_type for node in model.graph.node]
    assert operators.count(operator) == 2
    assert not {"Loop", "Scan"} & set(operators)


def test_bytes_that_are_no_model() -> None:
    with pytest.raises(BundleError, match="cannot be opened"):
        Session(b"nonsense")


@pytest.mark.parametrize(
    "layer",
    [
        LSTMStack("gru", 4, 2, bidirectional=True, recurrent_dropout=0.1, dropout=0.2),
        Pooling(["attention", "last"], bidirectional=True),
    ],
)
def test_layers_come_back_from_their_config(layer: keras.layers.Layer) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
