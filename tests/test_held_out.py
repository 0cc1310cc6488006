"""What was held out stays held out, and what was trained is kept, whatever becomes of the data."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlpkit import TextClassifier, TextGenerator, Translator, load
from nlpkit.cli import app
from nlpkit.data.judged import JudgedRows
from nlpkit.data.seen import part_keys, row_key, seen_from, seen_from_bytes
from nlpkit.data.tables import Reading
from nlpkit.errors import BundleError, DataError, Interrupted, UsageError
from nlpkit.tasks.base import TrainedTask
from tests.conftest import Command, made_reviews, settings, write_csv
from tests.task_checks import Stopping
from tests.test_classification import SMALL
from tests.test_generation import SMALL as SMALL_GENERATOR
from tests.test_translation import SMALL as SMALL_TRANSLATOR
from tests.test_translation import made_pairs

PROSE = "".join(f"Line {i} tells of the {i * 7919 % 1000} days that it took to come here. " for i in range(400))


# -- by content


def test_parts_of_a_document_stay_the_same_when_it_changes_around_them() -> None:
    keys, ends = part_keys(PROSE)
    assert ends[-1] == len(PROSE)
    assert len(PROSE) / 120 < len(keys) < len(PROSE) / 30
    moved = part_keys("A foreword." + PROSE[:9_000] + "An aside." + PROSE[9_000:])[0]
    assert np.isin(keys, moved).mean() > 0.98
    assert len(part_keys("")[0]) == 1
    assert np.isin(part_keys("文字" * 300)[0], keys).sum() == 0


def test_what_follows_what_was_trained_on() -> None:
    seen = seen_from(part_keys(PROSE[:20_000])[0], part_keys(PROSE[20_000:])[0])
    for text in (PROSE, "A foreword." + PROSE, PROSE + "And an appendix, which is new."):
        rest = seen.unread(text)
        assert text.endswith(rest)
        added = len(text) - len(PROSE) if text.startswith(PROSE) else 0
        assert 0 <= len(rest) - added - (len(PROSE) - 20_000) < 400
    assert seen.unread("Nothing that it knows") == "Nothing that it knows"
    assert seen.unread(PROSE[:15_000]) in PROSE[14_500:15_000]
    assert seen.unread(PROSE[: part_keys(PROSE)[1][100]]) == ""


def test_a_record_comes_back_from_its_bytes_and_damage_is_told() -> None:
    seen = seen_from([row_key("a"), row_key("b"), row_key("a")], [row_key("a", "b")])
    again = seen_from_bytes(seen.to_bytes())
    assert [again.was_trained_on(row_key(text)) for text in ("a", "b", "c")] == [True, True, False]
    assert again.was_held_out(row_key("a", "b"))
    assert not again.was_held_out(row_key("ab"))
    whole = seen.to_bytes()
    packed = whole.find(b"train.npy") + 30  # behind the name and what zipfile adds
    other = bytearray(whole)  # a way of packing that nobody knows, in the entry and in the table of them
    other[whole.find(b"PK\x03\x04") + 8] = other[whole.find(b"PK\x01\x02") + 10] = 99
    locked = bytearray(whole)  # an entry with a password
    locked[whole.find(b"PK\x03\x04") + 6] |= 1
    locked[whole.find(b"PK\x01\x02") + 8] |= 1

    def packed_as(**arrays: Any) -> bytes:
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        return file.getvalue()

    keys = np.arange(5, dtype=np.uint64)
    for damaged in (
        *(b"", b"PK\x03\x04", whole[:-40], whole[:packed] + b"\xff" * 8 + whole[packed + 8 :]),
        *(bytes(other), bytes(locked)),
        packed_as(train=keys[::-1], held_out=keys),  # in which nothing would be found
        packed_as(train=keys, held_out=keys.reshape(1, 5)),
        packed_as(train=keys.astype(np.float64), held_out=keys),
    ):
        with pytest.raises(BundleError, match=r"seen\.npz is damaged"):
            seen_from_bytes(damaged)


def test_rows_are_counted_only_when_they_are_read() -> None:
    seen = seen_from([row_key("a")], [row_key("b")])

    def rows(keep: Any) -> JudgedRows[str]:
        return JudgedRows("made", ["a", "b", "c", "a"], row_key, seen, keep)

    for keep, wanted, trained_on in (
        ("all", ["a", "b", "c", "a"], 2),
        ("unread", ["b", "c"], 0),
        ("held out", ["b"], 0),
    ):
        found = rows(keep)
        for _ in range(2):
            assert list(found) == wanted
            assert found.trained_on == trained_on
    with pytest.raises(DataError, match="of its 1 rows all were trained on"):
        list(JudgedRows("made", ["a"], row_key, seen, "unread"))


# -- classifiers, by the command


def evaluated(nlpkit: Command, model: Path, *arguments: str | Path, **options: Any) -> tuple[dict[str, Any], str]:
    done = nlpkit("evaluate", "--model", model, "--json", *arguments, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_a_file_is_known_under_every_name(nlpkit: Command, trained: Path, reviews_csv: Path, tmp_path: Path) -> None:
    known, _ = evaluated(nlpkit, trained)
    assert (known["split"], known["examples"], known["trained_on"]) == ("validation", 40, 0)
    (tmp_path / "link.csv").symlink_to(reviews_csv)
    (tmp_path / "copy.csv").write_bytes(reviews_csv.read_bytes())
    relative = os.path.relpath(reviews_csv, tmp_path)
    for name in ("./link.csv", "copy.csv", relative, tmp_path / "copy.csv"):
        assert evaluated(nlpkit, trained, "--data", name, cwd=tmp_path)[0] == known


def test_rows_are_known_when_the_file_has_changed(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    rows = made_reviews(400)
    new = [(f"a new and {text}", label) for text, label in made_reviews(20, seed=7)]
    write_csv(tmp_path / "more.csv", sorted([*rows, *new]))
    told, said = evaluated(nlpkit, trained, "--data", "more.csv", cwd=tmp_path)
    assert (told["split"], told["examples"], told["trained_on"]) == ("train", 60, 0)
    assert "judged on 60 of the 420 rows of more.csv, which were not trained on" in said
    told, said = evaluated(nlpkit, trained, "--data", "more.csv", "--split", "validation", cwd=tmp_path)
    assert (told["examples"], told["trained_on"]) == (40, 0)
    told, said = evaluated(nlpkit, trained, "--data", "more.csv", "--split", "train", cwd=tmp_path)
    assert (told["examples"], told["trained_on"]) == (420, 360)
    assert "360 of the 420 rows of more.csv were trained on" in said
    # another set, of which some rows were trained on
    write_csv(tmp_path / "test.csv", [*rows[:200], *new])
    told, said = evaluated(nlpkit, trained, "--data", "test.csv", "--split", "train", cwd=tmp_path)
    assert told["examples"] == 220
    assert 150 < told["trained_on"] < 200


def test_what_cannot_be_known_is_refused(nlpkit: Command, trained: Path, reviews_csv: Path, tmp_path: Path) -> None:
    assert nlpkit("export", trained, "--output", tmp_path / "slim").returncode == 0
    assert not (tmp_path / "slim" / "seen.npz").exists()
    write_csv(tmp_path / "made.csv", made_reviews(30))
    told, said = evaluated(nlpkit, tmp_path / "slim", "--data", tmp_path / "made.csv")
    assert (told["examples"], told["trained_on"]) == (30, None)
    assert "may have been trained on, in whole or in part" in said
    # of the very data that it was trained on its n-grams have read what was held out, too
    told, said = evaluated(nlpkit, tmp_path / "slim")
    assert told["trained_on"] == told["examples"] == 40
    assert "40 of the 40 rows" in said
    before = reviews_csv.read_bytes()
    try:
        reviews_csv.write_bytes(before + b"one more row,positive\n")
        done = nlpkit("evaluate", "--model", tmp_path / "slim")
        assert done.returncode == 1
        assert "has changed since the model was trained on it" in done.stderr.splitlines()[-1]
        assert evaluated(nlpkit, trained)[0]["examples"] == 41
    finally:
        reviews_csv.write_bytes(before)


def test_a_model_is_shipped_where_its_data_is_not_at_hand(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for file in trained.iterdir():
        (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
    known = json.loads((tmp_path / "model" / "metadata.json").read_text())
    recipe = (tmp_path / "model" / "recipe.toml").read_text().replace(known["data"]["source"], "gone.csv")
    (tmp_path / "model" / "recipe.toml").write_text(recipe)
    known["sha256"]["recipe.toml"] = sha256(recipe.encode()).hexdigest()
    (tmp_path / "model" / "metadata.json").write_text(json.dumps(known))
    done = nlpkit("export", "model", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not compared: there is no file or folder at gone.csv; --data names data to compare on" in done.stderr
    assert json.loads(done.stdout)["figures"] == {}
    assert (tmp_path / "model-slim" / "model.onnx").read_bytes() == (trained / "model.onnx").read_bytes()
    assert nlpkit("export", "model", "--data", "nowhere.csv", "-o", "other", cwd=tmp_path).returncode == 2


def test_rows_in_two_splits_and_labels_in_one_are_told(nlpkit: Command, tmp_path: Path) -> None:
    rows = made_reviews(200)
    (tmp_path / "both").mkdir()
    write_csv(tmp_path / "both" / "train.csv", rows)
    write_csv(tmp_path / "both" / "validation.csv", [*rows[:7], ("neither good nor bad at all", "mixed")] * 2)
    write_csv(tmp_path / "both" / "test.csv", [*rows[7:12], ("never seen before in lovely print", "odd")])
    done = nlpkit("train", "--data", "both", "--epochs", "1", *settings(), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    before_training = done.stderr[: done.stderr.index("epoch 1")]
    assert "14 texts of both, validation, stand in train, too: its figures flatter" in before_training
    assert "5 texts of both, test, stand in train, too" in before_training
    assert "both, validation, has labels that train has not, so they cannot be learnt: 'mixed'" in before_training
    assert "both, test, has labels that train has not, so they cannot be learnt: 'odd'" in before_training
    assert "left out 1 text: the data has labels that the model does not know: 'odd' 1" in done.stderr
    metrics = json.loads(done.stdout)["metrics"]
    assert {split: (one["examples"], one["trained_on"]) for split, one in metrics.items()} == {
        "validation": (16, 14),
        "test": (5, 5),
    }


@pytest.mark.parametrize(
    ("split", "content", "said"),
    [
        ("test.csv", "id,text\n1,a day\n2,a night\n", "label"),
        ("validation.csv", "text,label\n", "no rows"),
        ("test.csv", "text,label\na day,positive\n,negative\n", "line 3"),
    ],
)
def test_every_split_is_checked_before_training(
    nlpkit: Command, tmp_path: Path, split: str, content: str, said: str
) -> None:
    (tmp_path / "both").mkdir()
    write_csv(tmp_path / "both" / "train.csv", made_reviews(60))
    (tmp_path / "both" / split).write_text(content)
    done = nlpkit("train", "--data", "both", *settings(), cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert split in done.stderr.splitlines()[-1]
    assert said in done.stderr.splitlines()[-1]
    assert "epoch" not in done.stderr


def test_a_text_gets_one_answer_however_it_comes(
    nlpkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(f"{text}<br />{text}<BR>the end", label) for text, label in made_reviews(120)]
    write_csv(tmp_path / "web.csv", rows)
    done = nlpkit("train", "--data", "web.csv", "--epochs", "3", *settings(), "--output", "model", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    def scores(*arguments: str, stdin: str | bytes = "") -> list[str]:
        answered = nlpkit("predict", "--model", "model", *arguments, stdin=stdin, cwd=tmp_path)
        assert answered.returncode == 0, answered.stderr
        return [json.loads(line)["scores"]["positive"] for line in answered.stdout.splitlines()]

    text = rows[0][0]
    wanted = scores(text.replace("<br />", "\n").replace("<BR>", "\n"), "--json")
    assert scores(text, "--json") == wanted
    assert scores(text.replace("<br />", "\r\n"), "--json") == wanted
    assert scores("--json", stdin=b"\xef\xbb\xbf" + text.encode() + b"\r\n") == wanted
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    assert scores("--json", "--file", "bom.txt") == wanted
    write_csv(tmp_path / "in.csv", [(text,)], ("text",))
    assert scores("--json", "--file", "in.csv") == wanted
    # what is judged is read as it is answered: `evaluate` finds the share of right answers that `predict` gives
    told, _ = evaluated(nlpkit, Path("model"), "--data", "web.csv", "--split", "train", cwd=tmp_path)
    lines = nlpkit("predict", "--model", "model", "--file", "web.csv", "--json", cwd=tmp_path).stdout.splitlines()
    model = load(tmp_path / "model")
    assert isinstance(model, TextClassifier)
    monkeypatch.chdir(tmp_path)
    learnt = model.prepared()
    assert told["examples"] == len(learnt.train) == 108
    assert all("<" not in text for text in learnt.train)
    assert len(lines) == 120


# -- the three tasks, in Python


def classifier(**more: Any) -> TextClassifier:
    return TextClassifier(epochs=2, **SMALL, **more)


def test_a_trained_model_is_kept_whatever_becomes_of_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no figures today")

    monkeypatch.setattr(TextClassifier, "_judge", broken)
    texts, labels = zip(*made_reviews(60), strict=True)
    model = classifier().fit(texts, labels, output=tmp_path / "model")
    assert "the validation split could not be evaluated: no figures today" in caplog.text
    assert model.reports == {}
    monkeypatch.undo()
    assert load(tmp_path / "model").predict(texts) == model.predict(texts)  # type: ignore[union-attr]


def test_a_model_is_saved_before_it_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TextClassifier, "_judge", stopped)
    texts, labels = zip(*made_reviews(60), strict=True)
    with pytest.raises(KeyboardInterrupt):
        classifier().fit(texts, labels, output=tmp_path / "model")
    assert (tmp_path / "model" / "metadata.json").is_file()


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_a_command_that_is_stopped_while_it_judges_says_that_the_model_is_saved(
    reviews_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException, code: int
) -> None:
    def stopped(*_: object) -> None:
        raise stop

    arguments = ["train", "--data", str(reviews_csv), *settings(), "--epochs", "1", "--output"]
    monkeypatch.setattr(TextClassifier, "_judge", stopped)
    with pytest.raises(Interrupted, match=rf"the model is saved in {tmp_path / 'model'}") as caught:
        app([*arguments, str(tmp_path / "model")], standalone_mode=False)
    assert caught.value.exit_code == code
    assert load(tmp_path / "model").metadata["metrics"] == {}
    monkeypatch.setattr(TextClassifier, "_train", stopped)  # before there is a model
    with suppress(type(stop)):
        app([*arguments, str(tmp_path / "none")], standalone_mode=False)


def test_a_run_goes_on_only_with_the_data_it_was_begun_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = made_reviews(120)
    path = write_csv(tmp_path / "mails.csv", rows)
    checkpoint = tmp_path / "run" / "checkpoint"
    stopped = classifier()
    with pytest.raises(Interrupted):
        stopped.fit(data=path, checkpoint=checkpoint, display=Stopping(3))
    write_csv(path, sorted([*rows, ("a new lovely day", "positive")]))
    with pytest.raises(UsageError, match="the data has changed since the unfinished run"):
        classifier().fit(data=path, checkpoint=checkpoint, resume=True)
    # with its data, it goes on under its own tokenizer, even where another would be learnt
    write_csv(path, rows)
    monkeypatch.setenv("NLPKIT_CACHE", str(tmp_path / "cache"))

    def another(*_: object, **__: object) -> None:
        raise AssertionError("a tokenizer was learnt")

    monkeypatch.setattr("nlpkit.tasks.classification.corpus.train_tokenizer", another)
    with pytest.raises(UsageError, match=r"training\.seed = 1, not 9"):
        classifier(seed=9).fit(data=path, checkpoint=checkpoint, resume=True)
    monkeypatch.chdir(tmp_path)
    model = stopped.fit(data="mails.csv", checkpoint=checkpoint, resume=True)
    assert model.bundle.files["tokenizer.model"] == (checkpoint / "tokenizer.model").read_bytes()


def test_a_run_s_encoding_and_columns_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(f"{text} für Gäste {i}", label) for i, (text, label) in enumerate(made_reviews(60))]
    lines = "".join(f"{text},{label}\n" for text, label in [("remark", "label"), *rows])
    (tmp_path / "mails.csv").write_bytes(lines.encode("cp1252"))
    model = classifier(encoding="cp1252").fit(data="mails.csv")
    assert model.columns == {"text": "remark", "label": "label"}
    assert model.evaluate(data="./mails.csv") == model.evaluate()  # read as it was, however it is named
    frame = {"remark": [text for text, _ in rows], "text": ["x"] * 60, "label": [label for _, label in rows]}
    pandas = pytest.importorskip("pandas")
    assert model.predict(pandas.DataFrame(frame)) == model.predict(frame["remark"])


def test_a_name_that_no_path_can_have_is_refused_in_a_line() -> None:
    texts, labels = zip(*made_reviews(60), strict=True)
    model = classifier().fit(texts, labels)
    model._with_source("a\0b")  # as a damaged recipe has it
    for data in (None, "a\0b", "\0"):
        with pytest.raises(UsageError, match="no data set and no file"):
            model.evaluate(data=data)


def test_a_model_may_be_fitted_again_on_labels_of_another_kind() -> None:
    texts, labels = zip(*made_reviews(60), strict=True)
    model = classifier().fit(texts, labels)
    assert not model.several
    assert model.fit(texts, [[label] for label in labels]).several
    with pytest.raises(UsageError, match="in memory"):
        model.evaluate()
    # the rows that it was trained on are known in a table that holds them; an exported model has no such record
    frame = {"text": [*texts, "one more lovely day"], "label": [[label] for label in [*labels, "positive"]]}
    assert model.evaluate(data=frame).examples < 10
    assert model.exported().evaluate(data=frame).examples == 61


def fitted_generator(path: Path) -> TextGenerator:
    return TextGenerator(**SMALL_GENERATOR | {"epochs": 1}).fit(data=path)


def test_a_generator_knows_what_it_has_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "novel.txt").write_text(PROSE)
    monkeypatch.chdir(tmp_path)
    model = fitted_generator(Path("novel.txt"))
    held_out = model.evaluate()
    assert model.metadata["metrics"]["validation"] == {**held_out.to_dict(), "trained_on": model.rows()[1].trained_on}
    assert held_out.characters == len(PROSE) - round(len(PROSE) * 0.9)
    assert (model.rows()[1].trained_on or 0) < 0.02 * held_out.characters  # a phrase that its lines share
    assert "trained on" not in caplog.text
    for name in ("./novel.txt", str(tmp_path / "novel.txt")):
        assert model.evaluate(data=name) == held_out
    caplog.clear()
    (tmp_path / "novel.txt").write_text("A foreword. " + PROSE + "A last chapter, just written. " * 9)
    judged = model.rows()[1]
    assert judged.characters == pytest.approx(held_out.characters + 270, abs=300)
    assert judged.trained_on is not None
    assert judged.trained_on < 0.02 * judged.characters
    assert "which were not trained on" in caplog.text
    caplog.clear()
    assert (model.rows(split="train")[1].trained_on or 0) > 0.85 * len(PROSE)
    assert "were trained on: the figures flatter" in caplog.text
    (tmp_path / "novel.txt").write_text(PROSE[: part_keys(PROSE)[1][100]])
    with pytest.raises(DataError, match="name other data"):
        model.evaluate()
    assert model.evaluate([PROSE]).characters == len(PROSE)  # all that is given, and told
    assert "characters of texts in memory were trained on" in caplog.text
    (tmp_path / "other.txt").write_text("Quite another book, of which it knows nothing. " * 20)
    assert model.rows(data="other.txt")[1].characters == 940
    with pytest.raises(UsageError, match="no split 'validation'"):
        model.rows(data="other.txt", split="validation")[1]


def test_a_translator_knows_what_it_has_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources, targets = made_pairs(300, seed=3)
    # no two alike
    sources = [f"{source} {i}" for i, source in enumerate(sources, 100)]
    targets = [f"{target} {i}" for i, target in enumerate(targets, 100)]

    def write(rows: Iterator[tuple[str, str]]) -> None:
        for name, side in zip(("in.en", "in.fr"), zip(*rows, strict=True), strict=True):
            (tmp_path / name).write_text("".join(line + "\n" for line in side))

    monkeypatch.chdir(tmp_path)
    write(zip(sources, targets, strict=True))
    model = Translator(**SMALL_TRANSLATOR | {"epochs": 1, "max_length": 60, "max_ratio": 20.0})
    model._with_source("in.en", target="in.fr")
    model.fit(data="in.en")
    name, rows = model.rows()
    held_out = list(rows)
    assert (name, len(held_out), rows.trained_on) == ("validation", 30, 0)
    for source, target in (("./in.en", "in.fr"), (str(tmp_path / "in.en"), str(tmp_path / "in.fr"))):
        assert list(model.rows(source, target=target)[1]) == held_out
    for asked in ({"source_column": "nosuch"}, {"reading": Reading(encoding="nosuch")}):
        with pytest.raises(UsageError, match=r"source-column|nosuch"):
            model.rows("./in.en", target="in.fr", **asked)
    write(iter(sorted([*zip(sources, targets, strict=True), ("five new  words", "cinq mots neufs")])))
    found = sorted(model.rows()[1])
    assert [tuple(pair) for pair in found] == sorted([*map(tuple, held_out), ("five new  words", "cinq mots neufs")])


def test_every_task_tells_what_is_too_little(tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "train.txt").write_text(PROSE)
    (tmp_path / "few" / "validation.txt").write_text("")
    cases: list[tuple[TrainedTask[Any], dict[str, Any], str]] = [
        (TextGenerator(), {"data": tmp_path / "few"}, r"validation\.txt has no text"),
        (TextGenerator(validation_fraction=1e-6), {"texts": [PROSE]}, "validation_fraction = 1e-06 holds nothing out"),
    ]
    for model, given, message in cases:
        with pytest.raises(DataError, match=message):
            model.fit(**given)
