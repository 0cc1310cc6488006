"""What goes on inside models: gates in NumPy against Keras, attributions that add up, pages that cannot break."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pytest

import nlpkit as package
from nlpkit import TextClassifier
from nlpkit.errors import BundleError, DataError
from nlpkit.inspect.attributions import integrated_gradients
from nlpkit.inspect.memory import mean_by_lag, memory_report, some_of
from nlpkit.inspect.page import page
from nlpkit.inspect.stack import GraphReader
from nlpkit.layers.stack import LSTMStack
from nlpkit.runtime.session import Session
from nlpkit.tasks.classification.inspecting import read_network
from nlpkit.tasks.classification.network import build_classifier, export_classifier
from nlpkit.tasks.classification.recipe import ClassifierSection
from tests.conftest import Command, made_reviews, write_csv
from tests.test_default_start import REVIEWS

Cell = Literal["lstm", "gru", "rnn"]
HOSTILE = [
    "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">",
    "<!--<script>",
    "مرحبا بالعالم ‮ film",
    "👨‍👩‍👧‍👦 great 👍🏽 film",
    "a\u2028b\u2029c\x00",
    "\n\n\n",
    "",
    "film " * 5_000,
]


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    texts, labels = zip(*made_reviews(240), strict=True)
    return TextClassifier(units=12, embedding_size=10, epochs=6, yardstick=False).fit(texts, labels)


# -- cells


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_cells_and_their_gradients_are_those_of_keras(cell: Cell, bidirectional: bool, layers: int) -> None:
    """On random weights, read back from a graph, for rows that Keras is given with padding."""
    import tensorflow as tf

    section = ClassifierSection().model_copy(
        update={"cell": cell, "bidirectional": bidirectional, "layers": layers, "units": 5, "embedding_size": 4}
    )
    network = build_classifier(section, 30, 3)
    keras.utils.set_random_seed(3)
    for weight in network.trainable_weights:
        weight.assign(keras.random.normal(weight.shape, stddev=0.6))
    stack = GraphReader(export_classifier(network, section)).stack()
    x = np.random.default_rng(1).normal(size=(2, 9, 4)).astype(np.float32)
    lengths = np.array([9, 6], np.int32)
    layer = network.get_layer("stack")
    assert isinstance(layer, LSTMStack)
    with tf.GradientTape() as tape:
        given = tf.constant(x)
        tape.watch(given)
        outputs = layer(given, lengths if bidirectional else None)
        mixed = tf.constant(np.random.default_rng(2).normal(size=outputs.shape).astype(np.float32))
        real = tf.cast(tf.sequence_mask(lengths, 9)[..., None], tf.float32)
        total = tf.reduce_sum(outputs * mixed * real)
    gradient = tape.gradient(total, given).numpy()
    for row, length in enumerate(lengths.tolist()):
        run = stack.run(x[row : row + 1, :length])
        assert np.abs(run.hidden[0] - outputs.numpy()[row, :length]).max() < 1e-5
        found = run.gradient(mixed.numpy()[row : row + 1, :length])
        assert np.abs(found[0] - gradient[row, :length]).max() < 1e-5
        assert np.abs(gradient[row, length:]).max(initial=0) == 0


def test_gates_make_the_memory_and_the_output() -> None:
    network = build_classifier(ClassifierSection(), 30, 2)
    stack = GraphReader(export_classifier(network, ClassifierSection())).stack()
    steps = stack.run(np.random.default_rng(0).normal(size=(1, 7, 128)).astype(np.float32)).done[0][0].row(0)
    gates, memory = steps.gates, steps.memory
    assert memory is not None
    before = np.concatenate([np.zeros_like(memory[:1]), memory[:-1]])
    assert np.allclose(memory, gates["forget"] * before + gates["input"] * gates["candidate"], atol=1e-6)
    assert np.allclose(steps.hidden, gates["output"] * np.tanh(memory), atol=1e-6)


@pytest.mark.parametrize("pooling", [["last"], ["mean", "last"], ["attention"], ["max", "attention", "mean"]])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_pooling_and_its_gradient(pooling: list[str], bidirectional: bool) -> None:
    section = ClassifierSection().model_copy(
        update={"pooling": pooling, "bidirectional": bidirectional, "units": 4, "embedding_size": 3, "ngrams": 0}
    )
    network = build_classifier(section, 20, 2)
    keras.utils.set_random_seed(5)
    for weight in network.trainable_weights:
        weight.assign(keras.random.normal(weight.shape, stddev=0.7))
    graph = export_classifier(network, section)

    class Model:
        bundle = type("B", (), {"files": {"model.onnx": graph}})
        recipe = type("R", (), {"model": section})
        several = False

    opened = read_network(Model())  # type: ignore[arg-type]
    ids = np.array([4, 9, 4, 17, 8], np.int32)
    x = opened.embedding[ids][None].astype(np.float32)
    run = opened.stack.run(x)
    expected = Session(graph).run(ids[None], np.array([5], np.int32))[0][0]
    assert np.abs(opened.answer(opened.pooled(run.hidden)[0], ids) - expected).max() < 1e-5
    direction = opened.kernel @ opened.contrast(1)
    gradient = run.gradient(opened.pooled_gradient(run.hidden, direction[None]))[0]
    step = 1e-2
    for place, feature in [(0, 0), (2, 1), (4, 2)]:
        moved = np.zeros_like(x)
        moved[0, place, feature] = step
        up, down = (opened.pooled(opened.stack.run(x + sign * moved).hidden)[0] @ direction for sign in (1, -1))
        assert gradient[place, feature] == pytest.approx((up - down) / (2 * step), abs=2e-3)


# -- classifiers


def test_points_come_to_an_end_where_a_score_has_steps_everywhere() -> None:
    asked = []

    def differentiated(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(len(x))
        return np.round(x.sum((1, 2))), np.ones_like(x)

    integrated_gradients(differentiated, np.full((200, 1), 0.501, np.float32), np.zeros((200, 1)), width=8)
    assert 33 < sum(asked) <= 1_027


@pytest.mark.parametrize(("steepness", "lost", "points"), [(1.0, 0.0, 33), (1e3, 0.0, 120), (1e9, 0.25, 120)])
def test_points_are_where_the_score_bends(steepness: float, lost: float, points: int) -> None:
    """A score that is even, that turns sharply on the way, and that jumps there, for which no points are enough."""
    weights = np.array([[0.5], [1.0], [2.5]])  # [steps, features]
    asked: list[int] = []

    def differentiated(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(len(x))
        sums = (x * weights).sum((1, 2), dtype=np.float64)
        turned = 1 / (1 + np.exp(-np.clip(steepness * (sums - 2.61), -60, 60)))
        slope = 3.0 + 0.25 * steepness * turned * (1 - turned)
        return 3 * sums + 0.25 * turned, slope[:, None, None] * weights

    found, first = integrated_gradients(differentiated, np.ones((3, 1), np.float32), np.zeros((3, 1)), width=8)
    (before, after), _ = differentiated(np.stack([np.zeros((3, 1)), np.ones((3, 1))]))
    assert first == pytest.approx(before)
    assert found.sum() == pytest.approx(after - before - lost, rel=1e-3)
    assert found == pytest.approx(found.sum() * weights[:, 0] / 4.0)
    assert sum(asked[:-1]) <= points


def test_attributions_add_up_to_the_answer(classifier: TextClassifier) -> None:
    for model in (classifier, classifier.exported(int8=True)):
        for text in ("the film was lovely and we all went", "dull dull dull", "friends"):
            found = model.inspect(text)
            scores = model.predict_proba([text])[0]
            label = int(scores.argmax())
            assert dict(found.answers)[model.labels[label]] == pytest.approx(scores[label], abs=1e-6)
            wanted = float(np.log(scores[label]) - np.log(scores[1 - label]))
            assert found.figures["score"] == pytest.approx(wanted, abs=1e-4)
            weights = found.parts[0].weights
            assert weights is not None
            change = abs(wanted - found.figures["score of nothing"])
            total = weights.sum() + found.figures["score of nothing"]
            assert total == pytest.approx(wanted, abs=2e-3 * max(1, change))


def test_the_word_that_decides_weighs_most(classifier: TextClassifier) -> None:
    found = classifier.inspect("the film was shown on a rainy day and was superb with friends")
    part = found.parts[0]
    assert found.answers[0][0] == "positive"
    assert part.weights is not None
    assert part.left_out is not None
    words = [word.strip() for word in part.text.written]
    assert words[int(part.text.by_word(part.weights).argmax())] == "superb"
    assert words[int(part.left_out.argmax())] == "superb"
    assert found.figures["comprehensiveness by attributions"] > 0.2
    assert found.figures["sufficiency by attributions"] < 0.2


def test_leaving_a_word_out_is_what_the_model_says_without_it(classifier: TextClassifier) -> None:
    found = classifier.inspect("the film was lovely")
    part = found.parts[0]
    (whole, without), label = classifier.predict_proba(["the film was lovely", "the film was"]), 1
    assert part.left_out is not None

    def score(scores: np.ndarray) -> float:
        return float(np.log(scores[label]) - np.log(scores[1 - label]))

    assert part.left_out[-1] == pytest.approx(score(whole) - score(without), abs=1e-3)


def test_what_it_would_have_answered_so_far(classifier: TextClassifier) -> None:
    text = "the film was dull and we all went"
    part = classifier.inspect(text).parts[0]
    for place, word in enumerate(part.text.words.tolist()):
        so_far = "".join(part.text.written[: word + 1]).strip()
        assert dict(part.after[place])["negative"] == pytest.approx(classifier.predict_proba([so_far])[0][0], abs=1e-5)


def test_nothing_is_read_as_the_model_reads_it(classifier: TextClassifier) -> None:
    assert dict(classifier.inspect("").answers)["positive"] == pytest.approx(
        classifier.predict_proba([""])[0][1], abs=1e-5
    )
    part = classifier.inspect("film").parts[0]
    whole, nothing = classifier.predict_proba(["film", ""])
    label = int(whole.argmax())
    assert part.left_out is not None
    lost = np.log(whole[label] / whole[1 - label]) - np.log(nothing[label] / nothing[1 - label])
    assert part.left_out[0] == pytest.approx(float(lost), abs=1e-3)


def test_a_model_on_a_frozen_backbone() -> None:
    """Whose backbone never met an unknown word: there the way from such a text would lead through strange places."""
    model = TextClassifier(start_from="language", yardstick=False).fit(REVIEWS * 6, ["positive", "negative"] * 18)
    for text in REVIEWS:
        found = model.inspect(text)
        assert found.parts[0].weights is not None
        assert "attributions off by" not in found.figures
        total = found.parts[0].weights.sum() + found.figures["score of nothing"]
        change = abs(found.figures["score"] - found.figures["score of nothing"])
        assert total == pytest.approx(found.figures["score"], abs=2e-3 * max(1.0, change))


def test_the_best_labels_are_followed_all_along() -> None:
    labels = [f"kind {number}" for number in range(9)]
    texts = [f"the film about {label} number {i}" for i in range(8) for label in labels]
    model = TextClassifier(units=8, embedding_size=8, epochs=1, yardstick=False).fit(texts, labels * 8)
    found = model.inspect("the film about kind 3 was shown")
    best = {answer for answer, _ in found.answers[:5]}
    for answers in found.parts[0].after:
        assert best <= {answer for answer, _ in answers}


def test_equal_tokens_have_gradients_of_their_own(classifier: TextClassifier) -> None:
    part = classifier.inspect("film was film was film").parts[0]
    assert part.gradient is not None
    first, second = np.flatnonzero(part.text.ids == part.text.ids[0])[:2]
    assert part.text.ids[first] == part.text.ids[second]
    assert abs(part.gradient[first] - part.gradient[second]) > 1e-6


def test_a_text_with_several_labels() -> None:
    rows = [(text, ["sport"] if "film" in text else ["sport", label]) for text, label in made_reviews(120)]
    model = TextClassifier(units=8, embedding_size=8, epochs=1, yardstick=False).fit(*zip(*rows, strict=True))
    found = model.inspect("the film was lovely")
    scores = model.predict_proba(["the film was lovely"])[0]
    assert dict(found.answers)["sport"] == pytest.approx(scores[list(model.labels).index("sport")], abs=1e-6)
    assert found.parts[0].weights is not None


def test_arrays_have_named_axes(classifier: TextClassifier) -> None:
    found = classifier.inspect("a lovely film")
    arrays, axes = found.arrays(), found.axes()
    count = len(found.parts[0].text.tokens)
    assert arrays["text.layer 1 forward.forget"].shape == (count, 12)
    assert axes["text.layer 1 backward.memory"] == ("tokens", "units")
    assert all(array.ndim == len(axes[name]) for name, array in arrays.items())
    assert json.loads(json.dumps(found.to_dict()))["arrays"]["text.weights"]["axes"] == ["tokens"]


# -- generators and translators


def test_a_generator_is_surprised_as_it_scores() -> None:
    model: Any = package.load("python-docs")
    text = "Return a list of the names"
    found = model.inspect(text)
    part = found.parts[0]
    assert part.surprise[1:] == pytest.approx([piece.nats for piece in model.score(text)], rel=1e-4)
    assert part.text.tokens == ["", *text]
    assert [sum(chance for _, chance in answers) <= 1 for answers in part.after]
    expected = dict(part.after[-2])
    assert expected.get("s") == pytest.approx(float(np.exp(-part.surprise[-1])), rel=1e-3)


def test_gradients_in_a_window_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from nlpkit.tasks.generation import inspecting

    model: Any = package.load("python-docs")
    whole = model.inspect("for name in names:").parts[0].influence
    monkeypatch.setattr(inspecting, "_LAGS", 5)
    part = model.inspect("for name in names:").parts[0].influence
    places = np.arange(len(whole))
    near = (places[:, None] - places[None, :] <= 5) & (places[:, None] > places[None, :])
    assert np.allclose(part[near], whole[near], rtol=1e-3, atol=1e-5)
    assert not part[~near].any()
    assert whole[~near & (places[:, None] > places[None, :])].any()
    assert not np.triu(whole).any()  # what comes later moves nothing


def test_a_translator_looks_where_it_says() -> None:
    model: Any = package.load("dates")
    text = "Dienstag, 31. Dezember 1985"
    found = model.inspect(text)
    assert found.answers == [("1985-12-31", None)]
    alignment = model.align(text)
    assert np.allclose(found.alignment, alignment.shares, atol=1e-5)
    assert found.figures["log p"] == pytest.approx(float(model.score([text], ["1985-12-31"])[0]), abs=1e-3)
    source, target = found.parts
    assert found.lost.shape == (len(target.text.ids), len(source.text.written))
    year = next(i for i, word in enumerate(source.text.written) if "1985" in word)
    month = next(i for i, word in enumerate(source.text.written) if "Dezember" in word)
    lost = found.lost.sum(0)
    assert {year, month} < set(np.argsort(-lost)[:3].tolist())
    steps = target.traces[0].steps
    assert np.allclose(steps.hidden, steps.gates["output"] * np.tanh(steps.memory), atol=1e-4)


@pytest.mark.parametrize("name", ["python-docs", "dates"])
def test_nothing_to_inspect(name: str) -> None:
    with pytest.raises(DataError, match="there is no text to inspect"):
        package.load(name).inspect("")


def test_a_source_longer_than_a_sentence() -> None:
    with pytest.raises(DataError, match="translates 100 at a time; give one sentence"):
        package.load("dates").inspect("5 mars 2024 " * 60)


def test_a_graph_of_another_form_is_told(classifier: TextClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GraphReader, "embedding", lambda self: self.constants["there is none"])
    with pytest.raises(BundleError, match="older form, which cannot be opened up; train it again"):
        classifier.inspect("film")


# -- how far back


def test_a_memory_of_so_many_tokens_is_found() -> None:
    """A model that loses one nat but for what it sees in the last eight tokens."""
    rows = [np.arange(200) + number for number in range(64)]

    def losses(given: list[np.ndarray]) -> np.ndarray:
        pairs = zip(given, rows, strict=True)
        return np.array([1 - (one[-8:] == row[-8:][-len(one) :]).sum() / 8 for one, row in pairs])

    found = memory_report(rows, losses, np.arange(100.0), {})
    assert found.contexts == [1, 2, 4, 8, 16, 32, 64, 128]
    assert found.cut == pytest.approx([7 / 8, 6 / 8, 4 / 8, 0, 0, 0, 0, 0])
    assert found.shuffled[3:] == pytest.approx([0, 0, 0, 0, 0])
    assert 0 < found.shuffled[0] < found.cut[0] + 1e-9
    assert found.effective == 8
    assert found.gradient == [0, 1, 3, 7, 15, 31, 63]
    assert found.whole == 0


def test_no_context_is_longer_than_a_text() -> None:
    rows = [np.arange(100) + number for number in range(8)]
    whole = memory_report(rows, lambda given: np.array([float(len(row) < 100) for row in given]), None, {})
    assert whole.effective <= 100


def test_a_generator_is_measured_from_a_beginning() -> None:
    model: Any = package.load("python-docs")
    documents = ["Return a copy of the list, and raise an error if there is none. " * 12]
    found = model._measure_memory(model._text(documents, None), lambda done, total: None)
    assert max(found.cut) < 8
    assert found.cut[-1] == pytest.approx(found.whole, abs=0.2)
    assert found.gradient is not None
    assert found.gradient[0] > 3 * found.gradient[5]


def test_examples_are_drawn_from_all() -> None:
    drawn = some_of(range(10_000), 100)
    assert len(set(drawn)) == 100
    assert drawn == some_of(range(10_000), 100)
    assert max(drawn) > 9_000
    assert some_of(range(3), 100) == [0, 1, 2]
    assert mean_by_lag([np.array([1.0, 2.0]), np.array([5.0])]).tolist() == [3.5, 1.0]


def test_memory_by_the_command(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    data = write_csv(tmp_path / "rows.csv", made_reviews(60, seed=9))
    done = nlpkit("inspect", trained, "--memory", "--data", data, "--json", "--svg", tmp_path / "m.svg")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["cut"][0] > found["whole"] + 0.1
    assert found["contexts"][0] == 1
    assert found["effective"] <= 64
    assert {*found["half_lives"]} == {"layer 1 forward", "layer 1 backward"}
    drawn = (tmp_path / "m.svg").read_text()
    assert drawn.startswith("<svg")
    assert "What context is worth" in drawn
    shown = nlpkit("inspect", trained, "--memory", "--data", data)
    assert "effective context:" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 120


# -- pages


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_holds_texts_as_text(classifier: TextClassifier, text: str) -> None:
    made = page([classifier.inspect(text)])
    script = made[made.index("const texts = ") :]
    data = script[len("const texts = ") : script.index(";\nconst $")]
    assert "<" not in data
    (known,) = json.loads(data)
    read = classifier.inspect(text).parts[0].text
    if text:
        assert "".join(known["parts"][0]["tokens"]).removeprefix(" ") == classifier.tokenizer.decode(read.ids)
    assert "://" not in made.replace(data, "")
    assert len(made) < 3_000_000


def test_a_page_in_a_notebook(classifier: TextClassifier) -> None:
    shown = classifier.inspect("<b>film</b>")._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert shown.count('"') == 4  # all of the page's own are escaped


# -- the command


def test_the_command_shows_words_gates_and_answers(nlpkit: Command, trained: Path) -> None:
    done = nlpkit("inspect", trained, "the film was lovely", "a dull day")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("adds to the answer") == 2
    assert re.search(r"^lovely +\+\d+\.\d+ █", done.stdout, re.MULTILINE)
    assert "layer 1 backward: forget" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120
    assert "such a cell has no update gate" in nlpkit("inspect", trained, "film", "--gate", "update").stdout
    assert "layer 1 forward: memory" in nlpkit("inspect", trained, "film", "--gate", "memory").stdout


def test_the_command_writes_for_programs(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    npz, html = tmp_path / "a.npz", tmp_path / "a.html"
    done = nlpkit("inspect", trained, "the film was lovely", "--npz", npz, "--html", html, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    with np.load(npz, allow_pickle=False) as arrays:
        forget = arrays["text.layer 1 forward.forget"]
    assert np.allclose(forget, found["arrays"]["text.layer 1 forward.forget"]["values"], atol=1e-6)
    assert html.read_text().startswith("<!doctype html>")
    again = nlpkit("inspect", trained, "film", "--html", html)
    assert again.returncode == 2
    assert "exists; pick another name, or --overwrite it" in again.stderr


def test_what_is_large_is_told(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nlpkit.cli import app, inspect

    page, both = tmp_path / "a.html", ["the film was lovely", "a dull day"]
    given = ["inspect", str(trained), *both, "--html", str(page), "--json", "--overwrite"]
    app(given, standalone_mode=False)
    small = capsys.readouterr()
    assert small.err.splitlines()[-1] == f"wrote {page}"
    size, characters = page.stat().st_size, len(small.out.encode())
    for limit, told in ((size, False), (size - 1, True)):
        monkeypatch.setattr(inspect, "_LARGE_PAGE", limit)
        monkeypatch.setattr(inspect, "_LARGE_JSON", characters - 1 if not told else characters - 2)
        app(given, standalone_mode=False)
        large = capsys.readouterr()
        assert large.out == small.out  # which loses nothing
        of_page = f"{page} has {size / 1e6:.1f} MB, which browsers open slowly; fewer texts, or shorter ones, make it"
        assert (of_page in large.err) is told
        assert ("MB of JSON; --npz FILE keeps the arrays of one text" in large.err) is told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["film", "day", "--npz", "x.npz"], "1 text is the most that can be shown so"),
        (["film", "--memory"], "--memory goes without texts; leave one of them out"),
        (["film", "--svg", "x.svg"], "--svg goes with --memory"),
        (["film", "--html", "x", "--npz", "x"], "--html and --npz name one file"),
        (["film", "--label-column", "kind"], "--label-column goes with --memory"),
        (["film", "--gate", "memory", "--html", "x"], "leave one of them out"),
        (["--memory", "--label-column", "kind"], "--label-column goes with --data, which names the table"),
        (["--memory", "--pair", "en-de"], "--pair goes with translation, not classification"),
        (["--memory", "--html", "x.html"], "leave one of them out"),
    ],
)
def test_what_does_not_go_together(
    nlpkit: Command, trained: Path, tmp_path: Path, options: list[str], told: str
) -> None:
    done = nlpkit("inspect", trained, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert [*tmp_path.iterdir()] == []


def test_texts_of_a_file_and_of_a_pipe(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    data = write_csv(tmp_path / "rows.csv", made_reviews(3))
    assert nlpkit("inspect", trained, "--file", data, "--json").stdout.count('"task": "classification"') == 3
    assert nlpkit("inspect", trained, stdin="film\nday\n").stdout.count("adds to the answer") == 2


@pytest.mark.parametrize(
    ("name", "text"), [("sentiment", "I loved it"), ("python-docs", "def "), ("dates", "5 mars 2024")]
)
def test_inspecting_loads_no_training_framework(name: str, text: str) -> None:
    code = (
        f"import sys, nlpkit; nlpkit.load({name!r}).inspect({text!r})._repr_html_(); "
        "print([m for m in ('keras', 'tensorflow', 'torch', 'jax', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
