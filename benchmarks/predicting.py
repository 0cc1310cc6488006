"""Texts a second of a classifier's session beside Keras' `model.predict` and PyTorch, over the same weights.

    python benchmarks/predicting.py models/sentiment-imdb --data imdb --split test --peer pytorch

From ready batches of like length on, each side with those that suit it, and from the texts on, tokenized alike. One
peer a process: they slow each other down. PyTorch packs its sequences. `keras` is `predict` of stock layers, given the
batches; `keras-array` as tutorials call it, on one padded array, its batches those of 32 rows that it makes by itself;
`keras-layers` is given the batches, and nlpkit's own layers. Then one text of 200 words at a time.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import numpy as np

import nlpkit
from nlpkit.cores import cores, on_all_cores
from nlpkit.data.batching import pad, sorted_batches, truncate
from nlpkit.quiet import import_keras
from nlpkit.tasks.classification.answering import plan_batches
from nlpkit.tasks.classification.recipe import ClassifierSection
from nlpkit.tokenizer import PAD

PEER_TOKENS = 16_384  # a batch, which suits the peers best
SINGLES = 100

Batches = list[tuple[np.ndarray, np.ndarray]]
Way = Callable[[Batches], np.ndarray]
Plan = Callable[[list[int]], list[np.ndarray]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("--data", default=None)
    parser.add_argument("--split", default=None)
    parser.add_argument("--limit", type=int, default=None, help="read so many texts only")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", choices=PEERS, default="keras")
    asked = parser.parse_args()
    classifier = nlpkit.load(asked.bundle)
    assert isinstance(classifier, nlpkit.TextClassifier)
    texts = [text for text, _ in classifier.rows(asked.data, asked.split)[1]][: asked.limit]
    name, make = PEERS[asked.peer]
    peer, session = make(classifier), classifier.session
    plan_theirs = partial(sorted_batches, batch_tokens=PEER_TOKENS)

    def ours(batches: Batches) -> np.ndarray:
        return np.concatenate(on_all_cores(lambda batch: session.run(*batch)[0], batches))

    if asked.peer != "keras-array":
        ready = [batches_of(classifier, texts, plan) for plan in (plan_theirs, partial(plan_batches, session))]
        compare("batches", name, partial(peer, ready[0]), partial(ours, ready[1]), asked.rounds)
    theirs = lambda: peer(batches_of(classifier, texts, plan_theirs))  # noqa: E731
    compare("texts", name, theirs, partial(classifier.predict_proba, texts), asked.rounds)
    text = " ".join(" ".join(texts[:20]).split()[:200])
    seconds = []
    for _ in range(SINGLES):
        started = time.perf_counter()
        classifier.predict_proba([text])
        seconds.append(time.perf_counter() - started)
    print(f"one text of 200 words: {1e3 * np.median(seconds):.2f} ms (median of {SINGLES})")


def compare(what: str, peer: str, theirs: Callable[[], Any], ours: Callable[[], Any], rounds: int) -> None:
    ways = {peer: theirs, "nlpkit": ours}
    answers = [way() for way in ways.values()]  # warm
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    texts = len(answers[0])
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    slow, fast = (float(np.median(measured)) for measured in seconds.values())
    rates = f"{peer} {texts / slow:,.0f} texts/s, nlpkit {texts / fast:,.0f} texts/s, ratio {slow / fast:.2f}"
    apart = f", furthest apart {np.abs(answers[0] - answers[1]).max():.1e}" if what != "texts" else ""
    print(f"from {what} on: {rates}{apart}")


def batches_of(classifier: "nlpkit.TextClassifier", texts: list[str], plan: Plan) -> Batches:
    """All texts, sorted by length."""
    section = classifier.recipe.tokenizer
    encoded = classifier.tokenizer.encode(texts, threads=cores())
    rows = [truncate(np.array(ids, np.int32), section.max_length, section.truncation) for ids in encoded]
    return [pad([rows[i] for i in batch]) for batch in plan([max(1, len(r)) for r in rows])]


def by_keras(classifier: "nlpkit.TextClassifier", stock: bool = True) -> Way:
    network = stock_network(classifier) if stock else classifier.network()
    import tensorflow as tf

    network.compile(jit_compile=False)  # XLA would compile each of the many shapes
    signature = ({"ids": tf.TensorSpec([None, None], tf.int32), "lengths": tf.TensorSpec([None], tf.int32)},)

    def way(batches: Batches) -> np.ndarray:
        given = (({"ids": ids, "lengths": lengths},) for ids, lengths in batches)
        dataset = tf.data.Dataset.from_generator(lambda: given, output_signature=signature)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(4)
        options = tf.data.Options()
        options.autotune.enabled = False  # `predict` would wait for the tuner at its end
        return softmax(network.predict(dataset.with_options(options), verbose=0))

    return way


def by_keras_array(classifier: "nlpkit.TextClassifier") -> Way:
    network = stock_network(classifier)
    network.compile(jit_compile=False)

    def way(batches: Batches) -> np.ndarray:
        ids, lengths = pad([row[:length] for rows, counts in batches for row, length in zip(rows, counts, strict=True)])
        order = np.random.default_rng(1).permutation(len(ids))  # texts come in any order
        return softmax(network.predict({"ids": ids[order], "lengths": lengths[order]}, verbose=0))

    return way


def stock_network(classifier: "nlpkit.TextClassifier") -> Any:
    """The classifier of the recipe `sentiment` in Keras' own layers, masked, with its weights."""
    import_keras()
    import keras
    from keras import ops

    section, network = sentiment_section(classifier), classifier.network()
    ids, lengths = keras.Input((None,), dtype="int32", name="ids"), keras.Input((), dtype="int32", name="lengths")
    embedding = keras.layers.Embedding(len(classifier.tokenizer), section.embedding_size, mask_zero=True)
    lstm = keras.layers.Bidirectional(keras.layers.LSTM(section.units, return_sequences=True))
    logits = keras.layers.Dense(len(classifier.labels))
    outputs = lstm(embedding(ids))
    highest = ops.max(ops.where((ids != PAD)[..., None], outputs, -1e9), axis=1)
    mean = keras.layers.GlobalAveragePooling1D()(outputs, mask=ids != PAD)
    stock = keras.Model({"ids": ids, "lengths": lengths}, logits(ops.concatenate([highest, mean], -1)))
    (directions,) = network.get_layer("stack").recurrent_weights()
    embedding.set_weights(network.get_layer("embedding").get_weights())
    lstm.set_weights([array for one in directions for array in (one.kernel, one.recurrent_kernel, one.bias)])
    logits.set_weights(network.get_layer("logits").get_weights())
    return stock


def by_pytorch(classifier: "nlpkit.TextClassifier") -> Way:
    """The same network for the recipe `sentiment`: one bidirectional layer under max and mean pooling."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.set_num_threads(cores())
    torch.set_flush_denormal(True)
    model, network = sentiment_section(classifier), classifier.network()

    def tensors(arrays: Iterable[np.ndarray]) -> list[torch.Tensor]:
        return [torch.tensor(np.array(array)) for array in arrays]

    (table,) = tensors(network.get_layer("embedding").get_weights())
    kernel, bias = tensors(network.get_layer("logits").get_weights())
    lstm = torch.nn.LSTM(model.embedding_size, model.units, batch_first=True, bidirectional=True)
    (directions,) = network.get_layer("stack").recurrent_weights()
    for suffix, weights in zip(("", "_reverse"), directions, strict=True):
        values = (weights.kernel.T, weights.recurrent_kernel.T, weights.bias, np.zeros_like(weights.bias))
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        for name, value in zip(names, tensors(values), strict=True):
            getattr(lstm, name + suffix).data.copy_(value)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def way(batches: Batches) -> np.ndarray:
        found = []
        for ids, lengths in batches:
            counts = torch.from_numpy(lengths.astype(np.int64))
            packed = pack_padded_sequence(table[torch.from_numpy(ids)], counts, batch_first=True, enforce_sorted=False)
            outputs, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, padding_value=-1e9)
            real = torch.arange(outputs.shape[1])[None, :, None] < counts[:, None, None]
            mean = torch.where(real, outputs, 0.0).sum(1) / counts[:, None]
            found.append(torch.softmax(torch.cat([outputs.amax(1), mean], 1) @ kernel + bias, 1).numpy())
        return np.concatenate(found)

    return cast(Way, way)


def sentiment_section(classifier: "nlpkit.TextClassifier") -> ClassifierSection:
    """What the network is made by, if it is of the kind that is built anew here."""
    model = classifier.recipe.model
    assert (model.cell, model.layers, model.bidirectional, model.pooling) == ("lstm", 1, True, ["max", "mean"])
    return model


def softmax(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(1, keepdims=True))
    chances: np.ndarray = odds / odds.sum(1, keepdims=True)
    return chances


PEERS: dict[str, tuple[str, Callable[["nlpkit.TextClassifier"], Way]]] = {
    "keras": ("model.predict", by_keras),
    "keras-array": ("model.predict of one array", by_keras_array),
    "keras-layers": ("model.predict of nlpkit's layers", partial(by_keras, stock=False)),
    "pytorch": ("PyTorch", by_pytorch),
}


if __name__ == "__main__":
    main()
