"""What is written on keras.ops runs on another backend too, each in a process of its own."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from nlpkit import TextClassifier
from nlpkit.errors import UsageError
from tests.conftest import made_reviews

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
STAY = """
import nlpkit
from pathlib import Path
from tempfile import TemporaryDirectory
texts, labels = ["a lovely day", "a dreary day"] * 60, ["good", "bad"] * 60
with TemporaryDirectory() as folder:
    vectors = Path(folder, "own.vec")
    vectors.write_text("lovely 1 2 3 -6\\nday 1 0 -1 0\\n")
    model = nlpkit.TextClassifier(epochs=2, vocab_size=300, units=8, embedding_size=4, learning_rate=0.05,
                                  vectors=str(vectors), vectors_frozen=1)
    model.fit(texts, labels)
import keras
row = model.network().get_layer("embedding").get_weights()[0][model.tokenizer.encode(["lovely"])[0][0]]
print(keras.backend.backend(), (row / row[0]).round(4).tolist())
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


SHARE = """
import json
import keras
import nlpkit
from nlpkit.errors import UsageError
from nlpkit.training.progress import TrainingDisplay

class Kept(TrainingDisplay):
    def epoch_ends(self, row):
        parallel = keras.distribution.distribution()
        devices = 1 if parallel is None else parallel.num_model_replicas
        print(json.dumps({"devices": devices, "loss": row["loss"], "val_loss": row["val_loss"]}))

texts, labels = ["a lovely day", "a dreary day", "a day"] * 30, ["good", "bad", "bad"] * 30
for devices in (1, 2):  # batches of three texts, so that one is missing to two devices
    model = nlpkit.TextClassifier(epochs=2, vocab_size=300, units=8, embedding_size=8, batch_size=3, sampling=0.0,
                                  word_dropout=0, embedding_dropout=0, output_dropout=0, devices=devices)
    model.fit(texts, labels, display=Kept())
for devices, text in ((3, "one two "), (2, "one two three ")):
    try:
        nlpkit.TextGenerator(devices=devices, batch_size=3, segment_length=4).fit([text * 400])
    except UsageError as error:
        print(json.dumps(str(error)))
"""


def answer_of(program: str, backend: str, **environment: str) -> str:
    """What a program prints in a process of its own, on a backend."""
    given = os.environ | {"KERAS_BACKEND": backend} | environment
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=given, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "answer"),
    [
        (CLASSIFY.replace("CELL", "'lstm'"), "jax good bad\n"),
        (CLASSIFY.replace("CELL", "'gru'"), "jax good bad\n"),
        (TAG, "jax ['fine', 'good'] []\n"),
        (STAY, "jax [1.0, 2.0, 3.0, -6.0]\n"),
        (WRITE, "jax  three four\n"),
        (TRANSLATE, "jax six chien un chat\n"),
    ],
    ids=["lstm", "gru", "several", "vectors", "generator", "translator"],
)
def test_jax(program: str, answer: str) -> None:
    assert answer_of(program, "jax") == answer


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch, which the extra benchmarks brings")
def test_torch() -> None:
    assert answer_of(CLASSIFY.replace("CELL", "'lstm'"), "torch") == "torch good bad\n"


@pytest.mark.slow
def test_devices_that_share_batches_learn_what_one_does() -> None:
    said = answer_of(SHARE, "jax", XLA_FLAGS="--xla_force_host_platform_device_count=2")
    *rows, too_many, uneven = map(json.loads, said.splitlines())
    alone, shared = rows[:2], rows[2:]
    assert [row.pop("devices") for row in rows] == [1, 1, 2, 2]
    assert shared == [pytest.approx(row, rel=1e-4) for row in alone]
    assert alone[1]["val_loss"] < alone[0]["val_loss"]
    assert too_many == "training.devices = 3, and JAX finds 2: cpu:0, cpu:1"
    assert uneven.startswith(
        "2 devices cannot share 3 segments evenly; set training.batch_size to a smaller multiple of 2,"
    )


def test_sampled_texts_have_few_widths_where_each_is_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    from nlpkit.data.dataset import dataset_from_lists
    from nlpkit.tasks.classification.corpus import prepare
    from nlpkit.tasks.classification.network import TrainingBatches

    recipe = TextClassifier(sampling=0.5, vocab_size=400).recipe
    texts, labels = zip(*made_reviews(200), strict=True)
    batches = TrainingBatches(recipe, prepare(dataset_from_lists(texts, labels), recipe))
    widths = {}
    for backend in ("tensorflow", "jax"):
        monkeypatch.setattr(keras.backend, "backend", lambda backend=backend: backend)
        widths[backend] = {batches.collate(0, batch)[0]["ids"].shape[1] for batch in batches.plan(0)}
    assert any(width % 8 for width in widths["tensorflow"])
    assert not any(width % 8 for width in widths["jax"])


def test_other_backends_share_no_batches() -> None:
    from nlpkit.training.devices import shared_by

    with pytest.raises(UsageError, match=r"training\.devices = 2 goes with KERAS_BACKEND=jax, not tensorflow"):
        shared_by(2)
