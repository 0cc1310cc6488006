"""Sentences a second of `Translator.translate` beside the same beam search driven by Keras calls, in one run.

    python benchmarks/translating.py models/multi30k-en-de --data path/to/multi30k

Both sides search the same sentences with the same beam, batches and code; only who computes a step differs: the ONNX
session, or a compiled Keras function over the same weights. The Keras side translates a part of them: it is slow.
"""

import argparse
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

import nlpkit
from nlpkit.data.batching import pad, sorted_batches
from nlpkit.quiet import import_keras
from nlpkit.runtime.beam import Step, beam_search
from nlpkit.tasks.translation.attention import AttentionDecoder
from nlpkit.tasks.translation.lexicon import FOLDS
from nlpkit.tokenizer import BOS, EOS, PAD, UNK

ROUNDS = 5
BY_KERAS = 128  # sentences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("--data", default=None)
    parser.add_argument("--beam", type=int, default=5)
    asked = parser.parse_args()
    translator = nlpkit.load(asked.bundle)
    assert isinstance(translator, nlpkit.Translator)
    texts = [pair.source for pair in translator.rows(asked.data, "test")[1]]
    some = list(islice(texts, BY_KERAS))

    import_keras()
    by_keras = KerasTranslator(translator)
    ours, theirs = translator.translate(some, beam=asked.beam), by_keras.translate(some, asked.beam)  # warm
    same = np.mean([a == b for a, b in zip(ours, theirs, strict=True)])
    ways: dict[str, Callable[[], int]] = {
        "Keras calls": lambda: len(by_keras.translate(some, asked.beam)),
        "nlpkit": lambda: len(translator.translate(texts, beam=asked.beam)),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            rates[name].append(way() / (time.perf_counter() - started))
    for name, measured in rates.items():
        print(f"{name:12} {np.median(measured):8,.1f} sentences/s  (median of {ROUNDS}, beam {asked.beam})")
    print(f"ratio {np.median(rates['nlpkit']) / np.median(rates['Keras calls']):.1f}; {same:.1%} came out the same")


class KerasTranslator:
    """Beam search over the network itself, which is given all that was written so far at every step."""

    def __init__(self, translator: "nlpkit.Translator") -> None:
        import tensorflow as tf

        network: Any = translator.network()
        assert isinstance(network.get_layer("decoder"), AttentionDecoder)
        self.tokenizer, self.ranking = translator.tokenizer, translator.ranking({})
        spec = {
            "source": tf.TensorSpec([None, None], tf.int32),
            "lengths": tf.TensorSpec([None], tf.int32),
            "target": tf.TensorSpec([None, None], tf.int32),
        }
        self.lexicon = translator.recipe.model.lexicon
        if self.lexicon:
            spec["fold"] = tf.TensorSpec([None], tf.int32)
        self.call = tf.function(lambda given: network(given, training=False)[:, -1], input_signature=[spec])

    def translate(self, texts: list[str], beam: int) -> list[str]:
        rows = [np.array(ids, np.int32) for ids in self.tokenizer.encode(texts)]
        found = [""] * len(rows)
        for batch in sorted_batches([len(row) for row in rows], 2_048):
            ids, lengths = pad([rows[i] for i in batch])
            for i, best in zip(batch, self._search(ids, lengths, beam), strict=True):
                found[i] = best
        return found

    def _search(self, ids: np.ndarray, lengths: np.ndarray, beam: int) -> list[str]:
        written = np.empty((len(ids), 0), np.int32)

        def step(places: np.ndarray, parents: np.ndarray, tokens: np.ndarray) -> Step:
            nonlocal written, ids, lengths
            ids, lengths = ids[places], lengths[places]
            written = np.concatenate([written[parents.reshape(-1)], tokens.reshape(-1, 1).astype(np.int32)], axis=1)
            each = tokens.shape[1]
            source, counts = np.repeat(ids, each, 0), np.repeat(lengths, each)
            given = {"source": source, "lengths": counts, "target": written}
            if self.lexicon:
                given["fold"] = np.full(len(source), FOLDS, np.int32)
            scores = np.array(self.call(given))
            scores -= scores.max(-1, keepdims=True)
            chances = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
            chances[:, [PAD, UNK, BOS]] = -np.inf
            return Step(chances)

        found = beam_search(
            step, len(ids), width=beam, limits=2 * lengths + 10, begin=BOS, ends=[EOS], ranking=self.ranking
        )
        return [self.tokenizer.decode(hypotheses[0].ids) for hypotheses in found]


if __name__ == "__main__":
    main()
