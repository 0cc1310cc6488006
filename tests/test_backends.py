"""What is written on keras.ops runs on another backend too, each in a process of its own."""

import os
import subprocess
import sys

import pytest

CLASSIFY = """
import nlpkit
texts, labels = ["a lovely day", "a dreary day"] * 60, ["good", "bad"] * 60
model = nlpkit.TextClassifier(epochs=3, vocab_size=300, units=8, embedding_size=8, learning_rate=0.05,
                              word_dropout=0, pooling=["max", "mean", "last", "attention"], cell=CELL)
model.fit(texts, labels)
import keras
print(keras.backend.backend(), *model.predict(["a lovely day", "a dreary day"]))
"""
TAG = """
import nlpkit
texts, labels = ["a lovely day", "a dreary day"] * 60, [["good", "fine"], []] * 60
model = nlpkit.TextClassifier(epochs=3, vocab_size=300, units=8, embedding_size=8, learning_rate=0.05, word_dropout=0)
model.fit(texts, labels)
import keras
print(keras.backend.backend(), *map(sorted, model.predict(["a lovely day", "a dreary day"])))
"""
WRITE = """
import nlpkit
model = nlpkit.TextGenerator(epochs=10, units=48, embedding_size=16, batch_size=4, segment_length=16,
                             learning_rate=0.01, weight_dropout=0.1, activation_penalty=0.1)
model.fit(["one two three four five six seven eight nine ten. " * 120])
import keras
print(keras.backend.backend(), model.generate("one two", temperature=0, length=11))
"""

TRANSLATE = """
import nlpkit
words = {"one": "un", "two": "deux", "six": "six", "red": "rouge", "cat": "chat", "dog": "chien"}
pairs = [(f"{n} {a}", f"{words[n]} {words[a]}") for n in ("one", "two", "six") for a in ("cat", "dog")] * 20
model = nlpkit.Translator(epochs=6, units=24, embedding_size=24, batch_size=8, learning_rate=0.01, vocab_size=290)
model.fit(*zip(*pairs))
import keras
print(keras.backend.backend(), *model.translate(["six dog", "one cat"]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "answer"),
    [
        (CLASSIFY.replace("CELL", "'lstm'"), "jax good bad\n"),
        (CLASSIFY.replace("CELL", "'gru'"), "jax good bad\n"),
        (TAG, "jax ['fine', 'good'] []\n"),
        (WRITE, "jax  three four\n"),
        (TRANSLATE, "jax six chien un chat\n"),
    ],
    ids=["lstm", "gru", "several", "generator", "translator"],
)
def test_jax(program: str, answer: str) -> None:
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == answer, done.stderr[-2000:]
