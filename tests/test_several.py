"""Several labels a text: in Python, and through the installed command."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlpkit as package
from nlpkit import TextClassifier
from nlpkit.cli.options import print_report
from nlpkit.errors import BundleError, DataError, UsageError
from nlpkit.tasks.classification.report import LabelsReport, labels_report
from nlpkit.training.progress import TrainingDisplay
from tests.conftest import FILLER, Command, made_reviews, settings, write_csv
from tests.task_checks import (
    check_batch_equals_single,
    check_overfits_eight_examples,
    check_padding_changes_nothing,
    check_reloads_identically,
    check_resumes_to_the_same_weights,
)
from tests.test_classification import SMALL, small
from tests.test_cli import refused

WORDS = {"health": ["doctor", "fever"], "money": ["bank", "loan"], "sport": ["goal", "race"]}
BOTH, NONE = "the bank and the doctor", "we all went"
LONG = " ".join(["a doctor"] * 500)


def made_topics(count: int, seed: int = 0, share: float = 0.4) -> tuple[list[str], list[list[str]]]:
    """Texts whose topics, none to three, follow from their words."""
    rng = random.Random(seed)
    texts, labels = [], []
    for _ in range(count):
        topics = [topic for topic in WORDS if rng.random() < share]
        words = rng.choices(FILLER, k=rng.randint(2, 20))
        for topic in topics:
            words.insert(rng.randrange(len(words) + 1), rng.choice(WORDS[topic]))
        texts.append(" ".join(words))
        labels.append(topics)
    return texts, labels


TEXTS, LABELS = made_topics(400)


@pytest.fixture(scope="module")
def bundle(nlpkit: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained by the command on a table whose cells hold the labels with semicolons between."""
    folder = tmp_path_factory.mktemp("several")
    rows = [(text, "; ".join(labels)) for text, labels in zip(TEXTS, LABELS, strict=True)]
    write_csv(folder / "topics.csv", rows, ("text", "topic"))
    arguments = ["train", "--data", "topics.csv", "--label-delimiter", ";", "--epochs", "6", *settings()]
    done = nlpkit(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "threshold" in done.stdout
    assert "logistic regression: micro F1" in done.stdout
    assert "by n-grams alone" in done.stdout
    return folder / "models" / "sentiment-topics"


@pytest.fixture(scope="module")
def model(bundle: Path) -> TextClassifier:
    loaded = package.load(bundle)
    assert isinstance(loaded, TextClassifier)
    return loaded


def test_each_topic_follows_from_its_word(model: TextClassifier) -> None:
    texts, labels = made_topics(300, seed=9)
    report = model.evaluate(texts, [set(topics) for topics in labels])
    assert isinstance(report, LabelsReport)
    assert report.micro_f1 > 0.95
    assert report.macro_f1 > 0.95
    assert [scores.label for scores in report.classes] == ["health", "money", "sport"]
    assert model.labels == ("health", "money", "sport")
    assert {len(topics) for topics in model.predict(texts)} == {0, 1, 2, 3}
    assert model.predict([]) == []


def test_answers_are_the_scores_from_the_thresholds_on(model: TextClassifier) -> None:
    scores = model.predict_proba(TEXTS[:50])
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert scores.sum(1).max() > 1.2  # each by itself
    thresholds = np.array([model.metadata["thresholds"][label] for label in model.labels], np.float32)
    for answer, row in zip(model.predict(TEXTS[:50]), scores, strict=True):
        assert set(answer) == {label for label, given in zip(model.labels, row >= thresholds, strict=True) if given}
        assert answer == sorted(answer, key=lambda label: -row[model.labels.index(label)])
    assert model.predict(TEXTS[:50], min_score="auto") == model.predict(TEXTS[:50])
    assert model.predict([BOTH], min_score=0) == [sorted(model.labels, key=lambda x: -_score(model, BOTH, x))]
    assert model.predict([BOTH], min_score=1) == [[]]


def _score(model: TextClassifier, text: str, label: str) -> float:
    return float(model.predict_proba([text])[0][model.labels.index(label)])


def test_does_what_every_task_s_model_does(model: TextClassifier, tmp_path: Path) -> None:
    check_reloads_identically(model, lambda it: it.predict_proba([*TEXTS[:20], LONG, ""]), tmp_path)
    check_batch_equals_single(model.predict_proba, [*TEXTS[:40], LONG, ""])
    check_padding_changes_nothing(model.predict_proba, TEXTS[:8], LONG)


@pytest.mark.slow
def test_overfits_eight_examples() -> None:
    texts = ["red apple", "green leaf", "blue sky", "black cat", "grey wolf", "white snow", "pink rose", "gold ring"]
    labels = [["x"], ["x", "y"], [], ["y"]] * 2
    model = small(epochs=15, seed=3, validation_fraction=0.25).fit(texts * 4, labels * 4)
    wanted = [" ".join(label) for label in labels]
    check_overfits_eight_examples(lambda given: [" ".join(sorted(a)) for a in model.predict(given)], texts, wanted)


@pytest.mark.slow
def test_resumes_to_the_same_weights(tmp_path: Path) -> None:
    def fit(display: TrainingDisplay, checkpoint: Path | None, resume: bool) -> TextClassifier:
        random: dict[str, Any] = {"word_dropout": 0.1, "sampling": 0.1, "class_weights": "balanced", "epochs": 3}
        model = small(**random)
        return model.fit(TEXTS[:240], LABELS[:240], display=display, checkpoint=checkpoint, resume=resume)

    check_resumes_to_the_same_weights(fit, tmp_path / "checkpoint", stop_after=[3, 8])


def test_the_network_holds_the_same_weights(model: TextClassifier) -> None:
    from nlpkit.data.batching import pad

    ids, lengths = pad([np.array(row) for row in model.tokenizer.encode(TEXTS[:6])])
    logits = model.network().predict_on_batch({"ids": ids, "lengths": lengths})
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), model.predict_proba(TEXTS[:6]), atol=1e-5)


def test_thresholds_bring_more_than_one_half_on_rare_labels() -> None:
    texts, labels = made_topics(1_200, share=0.06)
    model = TextClassifier(epochs=2, ngrams=0, **SMALL).fit(texts, labels)  # whose scores are low after so little
    texts, labels = made_topics(1_000, seed=5, share=0.06)
    found = model.evaluate(texts, labels)
    truth = np.array([[label in given for label in model.labels] for given in labels])
    half = labels_report(model.predict_proba(texts), truth, model.labels, np.full(3, 0.5))
    assert isinstance(found, LabelsReport)
    assert found.macro_f1 > half.macro_f1 + 0.1, (found.macro_f1, half.macro_f1)


def test_balanced_weights_are_those_of_a_yes_and_of_a_no() -> None:
    from nlpkit.data.dataset import dataset_from_lists
    from nlpkit.tasks.classification.corpus import prepare
    from nlpkit.tasks.classification.network import TrainingBatches, binary_loss, compile_classifier

    recipe = small(class_weights="balanced").recipe
    labels = [["a", "b"], ["b"], ["b"], []] * 20
    data = prepare(dataset_from_lists([f"text {i}" for i in range(80)], labels), recipe)
    batches = TrainingBatches(recipe, data)
    share = data.train.labels.mean(0)
    np.testing.assert_allclose(batches.label_weights, [0.5 / (1 - share), 0.5 / share], rtol=1e-6)
    _, targets, weights = batches.collate(0, batches.plan(0)[0])
    assert set(weights) <= {0, 1}
    # what the network begins with: how common a label is, and one half where the weights make up for it
    for weighing, expected in (({}, share), ({"class_weights": "balanced"}, [0.5, 0.5])):
        recipe = small(**weighing).recipe
        network = compile_classifier(recipe, data, TrainingBatches(recipe, data))
        begun = 1 / (1 + np.exp(-np.array(network.get_layer("logits").bias)))
        np.testing.assert_allclose(begun, expected, atol=0.01)
    # by hand, with smoothing
    logits = np.random.default_rng(0).normal(size=targets.shape).astype(np.float32)
    smooth, p = targets * 0.9 + 0.05, 1 / (1 + np.exp(-logits))
    each = -(smooth * np.log(p) + (1 - smooth) * np.log(1 - p))
    loss = (each * np.where(targets == 1, batches.label_weights[1], batches.label_weights[0])).mean(1)
    np.testing.assert_allclose(binary_loss(batches.label_weights, 0.1)(targets, logits), loss, rtol=1e-5)


def test_integers_come_back_as_integers_and_lists() -> None:
    model = small(epochs=1).fit(TEXTS[:80], [(len(label), 10) for label in LABELS[:80]])
    assert model.labels == (0, 1, 2, 3, 10)
    assert model.metadata["label_type"] == "int"
    assert all(type(label) is int for answer in model.predict(TEXTS[:9], min_score=0.3) for label in answer)


def test_a_table_of_zeros_and_ones_is_no_list_of_labels() -> None:
    with pytest.raises(UsageError, match="a list of labels, not an array of 2 dimensions"):
        small().fit(["a", "b"], np.eye(2, dtype=int))


def test_what_does_not_go_together(model: TextClassifier, trained: Path) -> None:
    one: Any = package.load(trained)
    with pytest.raises(DataError, match="a text with 2 labels, and the model gives each text one"):
        one.evaluate(["a day"], [["negative", "positive"]])
    assert one.evaluate(["a dull day"], [["negative"]]).examples == 1  # one in a list is one
    assert model.evaluate([BOTH], ["money"]).examples == 1
    with pytest.raises(DataError, match="'weather' 1; it knows health, money, sport"):
        model.evaluate([BOTH], [["money", "weather"]])
    with pytest.raises(UsageError, match="from 0 to 1, or auto, not 'none'"):
        model.predict([BOTH], min_score="none")
    damaged: Any = package.load(trained)
    damaged.metadata["min_score"] = "high"
    with pytest.raises(UsageError, match="not 'high'"):
        damaged.evaluate(["a day"], ["negative"])
    damaged.recipe = model.recipe
    with pytest.raises(BundleError, match="no threshold"):
        damaged.predict([BOTH])


def test_the_bundle_tells_it(nlpkit: Command, bundle: Path) -> None:
    known = json.loads(nlpkit("info", bundle, "--json").stdout)
    assert set(known["thresholds"]) == set(known["labels"])
    assert known["metrics"]["validation"]["micro_f1"] > 0.9
    assert 'labels = "several"' in (bundle / "recipe.toml").read_text()
    told = nlpkit("info", bundle).stdout
    assert "several a text" in told
    assert "micro f1" in told
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert "those of 3 labels that go with it" in card
    assert "Each label has a threshold" in card
    with (bundle / "history.csv").open(newline="") as file:
        assert "val_micro_f1" in next(csv.DictReader(file))


def test_predict_writes_every_label(nlpkit: Command, bundle: Path, tmp_path: Path) -> None:
    plain = nlpkit("predict", BOTH, NONE, "--model", bundle).stdout.splitlines()
    labels, scores, text = plain[0].split("\t")
    assert set(labels.split(";")) == {"money", "health"}
    assert sorted(map(float, scores.split(";")), reverse=True) == list(map(float, scores.split(";")))
    assert text == BOTH
    assert plain[1] == f"\t\t{NONE}"
    rows = [json.loads(line) for line in nlpkit("predict", BOTH, NONE, "--model", bundle, "--json").stdout.splitlines()]
    assert rows[0]["label"] == labels.split(";")
    assert rows[0]["score"] == [rows[0]["scores"][label] for label in rows[0]["label"]]
    assert (rows[1]["label"], rows[1]["score"], len(rows[1]["scores"])) == ([], [], 3)
    # what is written is read again, and right
    texts, _ = made_topics(60, seed=2)
    source = write_csv(tmp_path / "in.csv", [(text,) for text in texts], ("text",))
    for suffix in ("csv", "tsv", "jsonl"):
        out = tmp_path / f"out.{suffix}"
        assert nlpkit("predict", "--model", bundle, "--file", source, "--output", out).returncode == 0
        report = json.loads(nlpkit("evaluate", "--model", bundle, "--data", out, "--json").stdout)
        assert (report["examples"], report["subset_accuracy"]) == (60, 1)


def test_evaluate_on_every_shape(nlpkit: Command, bundle: Path, tmp_path: Path) -> None:
    known = json.loads((bundle / "metadata.json").read_text())
    again = json.loads(nlpkit("evaluate", "--model", bundle, "--json", cwd=bundle.parents[1]).stdout)
    gain = known["yardstick"]["gain"]["validation"]
    assert again == {"split": "validation", **known["metrics"]["validation"], "yardstick": gain}
    texts, labels = made_topics(40, seed=4)
    rows = list(zip(texts, labels, strict=True))
    write_csv(tmp_path / "cell.csv", [(text, "|".join(topics)) for text, topics in rows])
    flags = [(text, *(str(name in topics) for name in WORDS)) for text, topics in rows]
    write_csv(tmp_path / "columns.csv", flags, ("text", *WORDS))
    (tmp_path / "lists.jsonl").write_text("\n".join(json.dumps({"text": t, "label": given}) for t, given in rows))
    shapes = {"cell.csv": ["--label-delimiter", "|"], "columns.csv": ["--label-columns", ",".join(WORDS)]}
    reports = [
        json.loads(nlpkit("evaluate", "--model", bundle, "--data", tmp_path / name, *options, "--json").stdout)
        for name, options in (shapes | {"lists.jsonl": []}).items()
    ]
    assert reports[0] == reports[1] == reports[2]
    assert reports[0]["micro_f1"] > 0.95
    # with the model's own delimiter, which is not this file's
    done = nlpkit("evaluate", "--model", bundle, "--data", tmp_path / "cell.csv")
    assert "labels that the model does not know" in done.stderr


@pytest.mark.slow
def test_training_from_columns(nlpkit: Command, tmp_path: Path) -> None:
    flags = [(text, *(str(int(n in topics)) for n in WORDS)) for text, topics in zip(TEXTS[:80], LABELS, strict=False)]
    write_csv(tmp_path / "columns.csv", flags, ("text", *WORDS))
    arguments = ["train", "--data", "columns.csv", "--label-columns", "health, money,sport", "--epochs", "1"]
    done = nlpkit(*arguments, *settings(), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / json.loads(done.stdout)["bundle"]
    assert json.loads((folder / "metadata.json").read_text())["labels"] == ["health", "money", "sport"]
    assert nlpkit("evaluate", "--model", folder, cwd=tmp_path).returncode == 0  # the recipe knows the columns


def test_export_in_int8(nlpkit: Command, bundle: Path, tmp_path: Path) -> None:
    done = nlpkit("export", bundle, "--int8", "--output", tmp_path / "small", "--json", cwd=bundle.parents[1])
    told = json.loads(done.stdout)
    assert told["figure"] == "micro_f1"
    assert told["figures"]["after"] > 90
    plain = nlpkit("predict", BOTH, "--model", tmp_path / "small").stdout
    assert set(plain.split("\t")[0].split(";")) == {"money", "health"}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--top", "2"], ["--top goes with one label a text"]),
        (["--top", "2", "--min-score", "0.5"], ["give one of them"]),
        (["--min-score", "2"], ["from 0 to 1, or auto, not '2'"]),
        (["--min-score", "nan"], ["not 'nan'"]),
        (["--min-score", "high"], ["not 'high'"]),
    ],
)
def test_options_that_do_not_go_together(nlpkit: Command, bundle: Path, options: list[str], parts: list[str]) -> None:
    refused(nlpkit("predict", BOTH, "--model", bundle, *options), 2, *parts)


# -- one label a text, or none of them


def test_none_of_these_below_a_score(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    model: Any = package.load(trained)
    texts = ["a lovely day", "dull lovely", *(text for text, _ in made_reviews(40, seed=3))]
    scores = model.predict_proba(texts).max(1)
    least = float(np.sort(scores)[10])
    answers = model.predict(texts, min_score=least)
    assert [answer is None for answer in answers] == (scores < np.float32(least)).tolist()
    assert [answer for answer in answers if answer] == [
        label for label, score in zip(model.predict(texts), scores, strict=True) if score >= np.float32(least)
    ]
    auto = model.metadata["min_score"]
    assert model.predict(texts, min_score="auto") == model.predict(texts, min_score=auto)
    source = write_csv(tmp_path / "in.csv", [(text,) for text in texts], ("text",))
    asked = ["predict", "--model", str(trained), "--file", str(source), "--min-score", f"{least!r}"]
    rows = list(csv.DictReader(nlpkit(*asked).stdout.splitlines()))
    assert [row["label"] or None for row in rows] == answers
    assert [float(row["score"]) for row in rows] == pytest.approx(scores, abs=1e-4)
    told = [json.loads(line) for line in nlpkit(*asked, "--format", "jsonl").stdout.splitlines()]
    assert [row["label"] for row in told] == answers
    lines = nlpkit(*asked, "--format", "plain").stdout.splitlines()
    assert [line.split("\t")[0] or None for line in lines] == answers
    assert nlpkit("predict", texts[0], "--model", trained, "--min-score", "auto").stdout.startswith("positive\t")


def test_the_score_to_answer_from_is_found_and_told(nlpkit: Command, trained: Path, reviews_csv: Path) -> None:
    known = json.loads((trained / "metadata.json").read_text())
    selective = known["metrics"]["validation"]["selective"]
    assert selective["min_score"] == known["min_score"]
    assert selective["accuracy"] >= 0.95
    assert 0 < selective["coverage"] <= 1
    assert "with --min-score auto" in nlpkit("evaluate", "--model", trained).stdout
    assert "--min-score auto" in (trained / "README.md").read_text(encoding="utf-8")


def test_a_model_for_which_no_such_score_was_found() -> None:
    # labels by chance: no threshold makes all answers right
    labels = random.Random(1).choices(["x", "y"], k=240)
    model = small(epochs=1, selective_accuracy=1.0).fit(["the same"] * 240, labels)
    assert model.metadata["min_score"] is None
    assert model.reports["validation"].selective is None
    with pytest.raises(UsageError, match=r"reach the accuracy of 1\.0; give a number"):
        model.predict(["a text"], min_score="auto")
    assert model.predict(["a text"], min_score=1.0) == [None]


def test_ratings_come_in_order_and_as_integers() -> None:
    words = {2: "awful", 10: "superb", -1: "sick"}
    rows = [(f"{word} film {i}", rating) for i in range(60) for rating, word in words.items()]
    texts, ratings = map(list, zip(*rows, strict=True))
    model = small(epochs=5).fit(texts, ratings)
    assert model.labels == (-1, 2, 10)
    assert model.predict(["superb film", "awful film"]) == [10, 2]
    assert all(type(label) is int for label in model.predict(texts[:5]))
    report: Any = model.evaluate(texts[:30], ratings[:30])
    assert (report.accuracy, report.mean_absolute_error, report.within_one) == (1, 0, 1)
    assert [scores.label for scores in report.classes] == ["-1", "2", "10"]


def test_ratings_from_a_file_stay_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(f"{word} film {i}", str(10 * rating)) for i in range(30) for rating, word in enumerate(["a", "b", "c"])]
    model = small(epochs=1).fit(data=write_csv(tmp_path / "in.csv", rows))
    assert model.labels == ("0", "10", "20")
    print_report("validation", model.reports["validation"])
    assert "mean absolute error" in (shown := capsys.readouterr().out)
    assert "within one label" in shown
    model.save(tmp_path / "model")
    assert "mean absolute error" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_very_many_labels_stay_readable(nlpkit: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = small(epochs=1).fit(
        [f"key{i % 120} and more" for i in range(600)], [f"label {i % 120}" for i in range(600)]
    )
    print_report("validation", model.reports["validation"])
    shown = capsys.readouterr().out
    assert "120 labels; the 20 of lowest F1" in shown
    assert len(shown.splitlines()) < 30
    folder = tmp_path / "many"
    model.save(folder)
    assert "and 100 more" in (folder / "README.md").read_text(encoding="utf-8")
    assert "and 100 more" in nlpkit("info", folder).stdout.replace("\n", " ")
    assert "confusion" not in json.loads((folder / "metadata.json").read_text())["metrics"]["validation"]
    row = json.loads(nlpkit("predict", "key7", "--json", "--model", folder).stdout)
    assert len(row["scores"]) == 120
    assert list(row["scores"].values()) == sorted(row["scores"].values(), reverse=True)
    best = json.loads(nlpkit("predict", "key7", "--json", "--top", "3", "--model", folder).stdout)
    assert list(best["scores"]) == list(row["scores"])[:3]
