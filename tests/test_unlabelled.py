"""Texts without labels, from which a classifier's n-grams and its embedding learn."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlpkit
from nlpkit import TextClassifier
from nlpkit.errors import DataError, Interrupted, UsageError
from nlpkit.tasks.classification.ngrams_fit import _in_like_shares
from nlpkit.training.progress import TrainingDisplay
from tests.conftest import FILLER, Command, settings, write_csv
from tests.task_checks import Kept, Stopping
from tests.test_classification import SMALL
from tests.test_cli import refused

KNOWN = {"good": ["lovely", "superb"], "bad": ["dull", "awful"], "odd": ["strange", "weird"]}
NEW = {"good": ["zestful", "sunlit"], "bad": ["leaden", "soggy"], "odd": ["askew", "eerie"]}
"""Words that stand beside the known ones in texts without labels, and in no text that has one."""


def made(count: int, seed: int, words: list[dict[str, list[str]]], labels: int = 2) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        label = [*KNOWN][number % labels]
        text = [*rng.choices(FILLER, k=rng.randint(4, 12)), *(rng.choice(kind[label]) for kind in words)]
        rng.shuffle(text)
        rows.append((f"{' '.join(text)} {number}", label))
    return rows


LABELLED = made(60, 0, [KNOWN])
UNLABELLED = [text for text, _ in made(600, 1, [KNOWN, NEW])]
JUDGED = made(200, 2, [NEW])


def fitted(labelled: list[tuple[str, Any]], unlabelled: Any = None, **options: Any) -> TextClassifier:
    texts, labels = zip(*labelled, strict=True)
    if isinstance(unlabelled, str):  # the name of a file
        options, unlabelled = {**options, "unlabelled": unlabelled}, None
    model = TextClassifier(**{**SMALL, "epochs": 1, "ngrams": 1, "yardstick": False, **options})
    return model.fit(list(texts), list(labels), unlabelled=unlabelled)


def right(model: TextClassifier, rows: list[tuple[str, Any]]) -> float:
    answers = model.predict([text for text, _ in rows])
    return float(np.mean([answer == label for answer, (_, label) in zip(answers, rows, strict=True)]))


def test_words_that_no_labelled_text_has_are_learned() -> None:
    before, after = fitted(LABELLED), fitted(LABELLED, UNLABELLED)
    assert right(before, JUDGED) < 0.7
    assert right(after, JUDGED) > 0.95
    assert right(after, LABELLED) > 0.95
    assert "unlabelled" not in before.metadata["ngrams"]
    assert after.metadata["ngrams"]["unlabelled"] == 600
    assert {"zestful", "sunlit"} <= set(after.metadata["ngrams"]["heaviest"]["good"])
    assert "600 texts without labels" in after._card().head
    again = fitted(LABELLED, iter(UNLABELLED))
    assert np.array_equal(again.predict_proba(UNLABELLED[:9]), after.predict_proba(UNLABELLED[:9]))


def test_they_teach_the_embedding() -> None:
    still = {"learning_rate": 1e-9, "embedding_size": 12}
    before, after = fitted(LABELLED, **still), fitted(LABELLED, UNLABELLED, **still)
    assert "vectors" not in before.metadata
    told = after.metadata["vectors"]
    assert told["from"] == "texts with and without labels"
    matrix = after.network().get_layer("embedding").get_weights()[0]
    given = matrix[np.abs(matrix).max(1) > 0.06]  # which a fresh embedding stays below
    assert 20 < len(given) == told["pieces"] < len(matrix)
    assert given.std() == pytest.approx(0.5, abs=0.01)
    assert np.abs(before.network().get_layer("embedding").get_weights()[0]).max() < 0.06
    # six held-out texts tell little: n-grams that learned from themselves count for less, and the sequence for more
    weights = [model.metadata["ngrams"]["weights"]["ngrams"] for model in (before, after)]
    assert weights == [pytest.approx(1, abs=0.1), pytest.approx(0.7, abs=0.1)]


@pytest.mark.parametrize("other", [None, UNLABELLED[:-1]])
def test_a_run_goes_on_with_the_same_ones(tmp_path: Path, other: list[str] | None) -> None:
    texts, labels = zip(*LABELLED, strict=True)

    def fit(unlabelled: list[str] | None, display: TrainingDisplay, resume: bool = False) -> TextClassifier:
        model = TextClassifier(**{**SMALL, "epochs": 2, "ngrams": 1, "yardstick": False})
        run = tmp_path / "run"
        return model.fit(texts, labels, unlabelled=unlabelled, checkpoint=run, resume=resume, display=display)

    with pytest.raises(Interrupted):
        fit(UNLABELLED, Stopping(1))
    with pytest.raises(UsageError, match=r"^the texts without labels, or the vectors, are not those"):
        fit(other, Kept(), True)
    assert fit(UNLABELLED, Kept(), True).metadata["ngrams"]["unlabelled"] == 600


def test_where_they_have_too_few_pieces_to_teach_all_is_as_it_was() -> None:
    model = fitted(LABELLED, UNLABELLED[:9], embedding_size=256)
    assert "vectors" not in model.metadata
    assert model.metadata["ngrams"]["weights"]["ngrams"] == pytest.approx(0.7, abs=0.1)


def test_vectors_of_a_file_come_before_those(tmp_path: Path) -> None:
    (tmp_path / "own.vec").write_text("lovely 1.0 2.0 3.0\ndull 3.0 -2.0 1.0\n")
    model = fitted(LABELLED, UNLABELLED, vectors=str(tmp_path / "own.vec"), embedding_size=3)
    assert model.metadata["vectors"] == {"from": str(tmp_path / "own.vec"), "pieces": 2}


def test_three_labels_and_several_a_text() -> None:
    labelled, judged = made(90, 0, [KNOWN], 3), made(150, 2, [NEW], 3)
    unlabelled = [text for text, _ in made(900, 1, [KNOWN, NEW], 3)]
    assert right(fitted(labelled), judged) < 0.6
    assert right(fitted(labelled, unlabelled), judged) > 0.95
    several = fitted([(text, [label]) for text, label in labelled], unlabelled)
    likeliest = several.predict_proba([text for text, _ in judged]).argmax(1)
    assert np.mean([several.labels[i] == label for i, (_, label) in zip(likeliest, judged, strict=True)]) > 0.95


def test_answers_have_the_labels_shares() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(3, 1, (1_000, 1))  # a model that leans to one side
    targets = np.arange(40)[:, None] < 10
    answers = _in_like_shares(scores, targets, several=False)
    assert answers.sum() == pytest.approx(1_000 * 10.5 / 41, abs=1)
    assert scores[answers].min() > scores[~answers].max()
    several = _in_like_shares(rng.normal(0, 1, (1_000, 2)), np.repeat([[True, False]], 40, 0), several=True)
    assert several.sum(0).tolist() == [988, 12]
    classes = np.eye(3, dtype=bool)[rng.choice(3, 60, p=[0.6, 0.3, 0.1])]
    leaning = rng.normal([0, 4, 0], 2, (3_000, 3))
    found = _in_like_shares(leaning, classes, several=False)
    assert (found.sum(1) == 1).all()
    assert np.abs(found.mean(0) - classes.mean(0)).max() < 0.05


@pytest.mark.parametrize("form", ["more.txt", "more.csv", "folder"])
def test_files_of_texts(tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture) -> None:
    texts = [*UNLABELLED[:50], *(text for text, _ in LABELLED[:7])]
    path = tmp_path / form
    if form == "folder":
        path.mkdir()
        for number, text in enumerate(texts):
            (path / f"{number}.txt").write_text(text)
    elif form == "more.csv":
        write_csv(path, [(str(number), text) for number, text in enumerate(texts)], ("id", "text"))
    else:
        path.write_text("\n\n".join(texts) + "\n")
    model = fitted(LABELLED, str(path))
    assert model.metadata["ngrams"]["unlabelled"] == 50
    assert f"left out 7 texts of {path} that stand in the data" in caplog.text


def test_the_file_is_read_as_it_says_itself(nlpkit: Command, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("\n".join(f"{text};{label}" for text, label in LABELLED))
    (tmp_path / "more.txt").write_text("\n".join(UNLABELLED) + "\nun café; déjà vu\n", encoding="utf-8")
    words = ["train", "--data", "few.csv", "--delimiter", ";", "--no-header", "--text-column", "1"]
    words += ["--label-column", "2", "--encoding", "cp1252", "--epochs", "1", *settings()]
    wrong = nlpkit(*words, "--unlabelled", "mor.txt", cwd=tmp_path)
    refused(wrong, 2, "mor.txt")
    refused(nlpkit(*words, "--unlabelled", "mor.txt", "--dry-run", cwd=tmp_path), 2, "mor.txt")
    done = nlpkit(*words, "--unlabelled", "more.txt", cwd=tmp_path)  # the wrong name left nothing behind
    assert done.returncode == 0, done.stderr
    assert "601 texts without labels" in nlpkit("info", "models/sentiment-few", cwd=tmp_path).stdout


def test_texts_that_are_judged_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for split, rows in (("train", LABELLED), ("test", JUDGED)):
        write_csv(tmp_path / f"{split}.csv", rows)
    model = TextClassifier(**{**SMALL, "epochs": 1, "yardstick": False})
    texts = [*UNLABELLED[:40], *(text for text, _ in JUDGED[:30]), "\ufeff", "<br>"]
    model.fit(data=tmp_path, unlabelled=texts)
    assert model.metadata["ngrams"]["unlabelled"] == 40
    assert "left out 30 texts of the texts without labels that stand in the data" in caplog.text


def test_of_very_many_the_first_are_read(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("nlpkit.tasks.classification.unlabelled._MOST_TOKENS", 1_000)
    monkeypatch.setattr("nlpkit.data.batching._WINDOW_TEXTS", 10)
    read = fitted(LABELLED, UNLABELLED).metadata["ngrams"]["unlabelled"]
    assert 50 <= read <= 120
    assert f"of the texts without labels the first {read} texts are read" in caplog.text


def test_what_cannot_be_learned_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text in it that is not in the data"):
        fitted(LABELLED, ["", " ", LABELLED[3][0]])
    with pytest.raises(UsageError, match="nowhere"):
        fitted(LABELLED, "nowhere.txt")
    with pytest.raises(UsageError, match=r"model\.ngrams is 0"):
        fitted(LABELLED, UNLABELLED, ngrams=0)
    with pytest.raises(UsageError, match=r"toml: data\.unlabelled is what n-grams learn from, and model\.ngrams is 0$"):
        TextClassifier(ngrams=0, unlabelled="more.txt")


def test_by_the_command(nlpkit: Command, tmp_path: Path) -> None:
    write_csv(tmp_path / "few.csv", LABELLED)
    (tmp_path / "more.txt").write_text("\n".join(UNLABELLED))
    words = ("train", "--data", "few.csv", "--unlabelled", "more.txt", "--epochs", "1", *settings())
    done = nlpkit(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = nlpkit("info", "models/sentiment-few", cwd=tmp_path).stdout
    assert "600 texts without labels" in told
    refused(nlpkit("train", "generate", "--unlabelled", "more.txt", cwd=tmp_path), 2, "there is no key data.unlabelled")
    refused(nlpkit(*words[:4], "none.txt", "--output", "other", cwd=tmp_path), 2, "none.txt")


def test_the_backbone_that_has_read_stands_beside_them(tmp_path: Path) -> None:
    writer = nlpkit.TextGenerator(vocab_size=300, units=16, embedding_size=16, epochs=1, yardstick=False, counts=0)
    writer.fit([text for text, _ in LABELLED]).save(tmp_path / "writer")
    texts, labels = map(list, zip(*LABELLED, strict=True))
    model = TextClassifier(start_from=str(tmp_path / "writer"), ngrams=1, yardstick=False)
    assert right(model.fit(texts, labels, unlabelled=UNLABELLED), JUDGED) > 0.9
