"""Texts a second of a classifier's session beside Keras' `model.predict`: one network, the same batches, one run.

python benchmarks/predicting.py models/sentiment-imdb --data imdb --split test
"""

import argparse
import os
import time

import numpy as np

import nlpkit
from nlpkit.data.batching import pad, sorted_batches, truncate
from nlpkit.quiet import import_keras

ROUNDS = 5
BATCH_TOKENS = 8_192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("--data", default=None)
    parser.add_argument("--split", default=None)
    asked = parser.parse_args()
    classifier = nlpkit.load(asked.bundle)
    assert isinstance(classifier, nlpkit.TextClassifier)
    texts = [text for text, _ in classifier.examples(asked.data, asked.split)[1]]

    import_keras()
    import tensorflow as tf

    network = classifier.network()
    network.compile(jit_compile=False)  # XLA would compile each of the many shapes
    section = classifier.recipe.tokenizer
    encoded = classifier._tokenizer.encode(texts, threads=os.cpu_count() or 1)
    rows = [truncate(np.array(ids, np.int32), section.max_length, section.truncation) for ids in encoded]
    batches = [pad([rows[i] for i in batch]) for batch in sorted_batches([max(1, len(r)) for r in rows], BATCH_TOKENS)]
    signature = ({"ids": tf.TensorSpec([None, None], tf.int32), "lengths": tf.TensorSpec([None], tf.int32)},)
    dataset = tf.data.Dataset.from_generator(
        lambda: (({"ids": ids, "lengths": lengths},) for ids, lengths in batches), output_signature=signature
    ).prefetch(4)

    def keras_way() -> np.ndarray:
        logits = network.predict(dataset, verbose=0)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        chances: np.ndarray = odds / odds.sum(1, keepdims=True)
        return chances

    def session_way() -> np.ndarray:
        return np.concatenate([classifier._session.run(*batch)[0] for batch in batches])

    ways = {"model.predict": keras_way, "session": session_way}
    answers = {name: way() for name, way in ways.items()}  # warm
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    for name, measured in seconds.items():
        print(f"{name:15} {len(texts) / np.median(measured):8,.0f} texts/s  (median of {ROUNDS})")
    slow, fast = (float(np.median(seconds[name])) for name in ways)
    print(f"ratio {slow / fast:.2f}; furthest apart {np.abs(answers['model.predict'] - answers['session']).max():.1e}")


if __name__ == "__main__":
    main()
