"""`nlpkit translate` and what other verbs do with translators, through the installed command."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

import nlpkit as package
from tests.conftest import Command, write_csv
from tests.test_rows import read
from tests.test_translation import made_pairs

SETTINGS = {
    "tokenizer.vocab_size": 300,
    "model.units": 32,
    "model.embedding_size": 32,
    "model.input_dropout": 0.0,
    "model.output_dropout": 0.0,
    "training.batch_size": 16,
    "training.learning_rate": 0.005,
    "training.label_smoothing": 0.0,
    "training.ema_momentum": 0.9,
}
SMALL = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def folder(nlpkit: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with parallel files and a model of them under ./models."""
    folder = tmp_path_factory.mktemp("translation")
    corpus = folder / "corpus"
    corpus.mkdir()
    for split, count in (("train", 600), ("test", 40)):
        for language, lines in zip(("en", "fr"), made_pairs(count, seed=len(split)), strict=True):
            (corpus / f"{split}.{language}").write_text("".join(line + "\n" for line in lines))
    trained = nlpkit("train", "translate", "--data", "corpus", "--pair", "en-fr", "--epochs", "8", *SMALL, cwd=folder)
    assert trained.returncode == 0, trained.stderr
    assert "BLEU" in trained.stdout
    assert "next: nlpkit translate" in trained.stderr
    return folder


def test_texts_and_lines_and_files(nlpkit: Command, folder: Path, tmp_path: Path) -> None:
    done = nlpkit("translate", "one red cat", "two blue dog", cwd=folder)
    assert done.stdout == "un chat rouge\ndeux chien bleu\n"
    assert done.stderr == "model: models/translate-corpus\n"
    lines = "one red cat\n\ntwo blue dog\r\n"
    assert nlpkit("translate", stdin=lines, cwd=folder).stdout == "un chat rouge\n\ndeux chien bleu\n"
    (folder / "some.txt").write_text(lines)
    out = tmp_path / "out.txt"
    assert nlpkit("translate", "-f", "some.txt", "-o", out, cwd=folder).stdout == ""
    assert out.read_text() == "un chat rouge\n\ndeux chien bleu\n"
    model = package.load(folder / "models" / "translate-corpus")
    assert isinstance(model, package.Translator)
    assert model.translate(["one red cat"]) == ["un chat rouge"]


def test_n_best_and_json(nlpkit: Command, folder: Path) -> None:
    by_log_p = ["--length-penalty", "0"]
    rows = nlpkit("translate", "one red cat", "--nbest", "3", *by_log_p, cwd=folder).stdout.splitlines()
    assert len(rows) == 3
    assert [row.split("\t")[0] for row in rows] == ["1"] * 3
    scores = [float(row.split("\t")[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert rows[0].endswith("\tun chat rouge")
    told = [
        json.loads(line)
        for line in nlpkit("translate", "one red cat", "", "--json", *by_log_p, cwd=folder).stdout.splitlines()
    ]
    assert [one["source"] for one in told] == ["one red cat", ""]
    assert told[0]["translations"][0]["text"] == "un chat rouge"
    assert told[0]["translations"][0]["log_probability"] == pytest.approx(scores[0], abs=1e-3)


def test_every_text_has_as_many_translations(nlpkit: Command, folder: Path, tmp_path: Path) -> None:
    texts = ["one red cat", "", "two blue dog. " * 30]  # the last one in parts
    rows = [line.split("\t") for line in nlpkit("translate", *texts, "--nbest", "3", cwd=folder).stdout.splitlines()]
    assert [row[0] for row in rows] == [number for number in "123" for _ in range(3)]
    assert all(len(row) == 3 for row in rows)
    assert rows[3] == ["2", "0.0000", ""]
    assert rows[4] == rows[5] == ["2", "", ""]
    assert all(float(row[1]) < 0 and row[2] for row in rows[:3] + rows[6:])
    shown = nlpkit("translate", *texts, "--nbest", "3", "--json", cwd=folder).stdout.splitlines()
    for line, text in zip(shown, texts, strict=True):
        told = json.loads(line)
        assert told["source"] == text
        assert told["translation"] == told["translations"][0]["text"]
        assert [list(one) for one in told["translations"]] == [["text", "log_probability", "cut"]] * 3
    out = tmp_path / "out.tsv"
    assert nlpkit("translate", *texts, "--nbest", "2", "--output", out, cwd=folder).returncode == 0
    with out.open(newline="") as file:
        table = list(csv.reader(file, delimiter="\t"))
    assert table[0] == ["source", "translation", "log_probability", "translation_2", "log_probability_2"]
    assert [len(row) for row in table] == [5] * 4
    assert table[2] == ["", "", "0.0", "", ""]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_table_keeps_its_columns(nlpkit: Command, folder: Path, tmp_path: Path, suffix: str) -> None:
    rows = [("a", "one red cat", "x"), ("b", "", ""), ("c", "two blue dog\n", 'y "z"')]
    source = write_csv(tmp_path / "in.csv", rows, ("id", "english", "translation"))
    refused = nlpkit("translate", "--file", source, cwd=folder)
    assert refused.returncode == 2
    assert "--text-column" in refused.stderr
    out = tmp_path / f"out.{suffix}"
    done = nlpkit("translate", "--file", source, "--text-column", "english", "--output", out, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = read(out)
    assert [(row["id"], row["english"], row["translation"]) for row in found] == rows
    assert [row["predicted_translation"] for row in found] == ["un chat rouge", "", "deux chien bleu"]
    screen = nlpkit("translate", "--file", source, "--text-column", "english", cwd=folder).stdout
    if suffix == "csv":
        assert screen == out.read_text()


def test_a_line_a_text(nlpkit: Command, folder: Path) -> None:
    done = nlpkit("translate", "one red cat\n\ttwo blue dog", "\n", "one\u2028red cat", cwd=folder)
    assert len(done.stdout.splitlines()) == 3
    assert done.stdout.splitlines()[1] == ""


def test_attention(nlpkit: Command, folder: Path, tmp_path: Path) -> None:
    shown = nlpkit("translate", "--attention", "one red cat", cwd=folder).stdout
    assert "cat" in shown.splitlines()[0]
    assert "⏎" in shown
    assert any(block in shown for block in "░▒▓█")
    page = tmp_path / "page.html"
    assert nlpkit("translate", "--html", page, "one <red> cat", cwd=folder).returncode == 0
    text = page.read_text()
    assert text.count("<table>") == 1
    assert "&lt;" in text
    assert "--share:" in text
    narrow = nlpkit("translate", "--attention", "one red cat " * 6, cwd=folder, env={"COLUMNS": "40"}).stdout
    assert max(map(len, narrow.splitlines())) <= 40


def test_several_models_together(nlpkit: Command, folder: Path) -> None:
    bundle = folder / "models" / "translate-corpus"
    done = nlpkit("translate", "one red cat", "-m", bundle, "-m", bundle, cwd=folder)
    assert done.stdout == "un chat rouge\n"


def test_evaluate(nlpkit: Command, folder: Path) -> None:
    told = json.loads(nlpkit("evaluate", "--json", cwd=folder).stdout)
    assert (told["split"], told["sentences"]) == ("test", 40)
    assert told["exact_match"] > 0.9
    assert "tok:13a" in told["signatures"]["bleu"]
    files = ["--source", "corpus/test.en", "--target", "corpus/test.fr"]
    assert json.loads(nlpkit("evaluate", "--json", *files, cwd=folder).stdout)["bleu"] == told["bleu"]
    again = nlpkit("evaluate", "--data", "corpus", "--pair", "en-fr", "--split", "test", "--beam", "1", cwd=folder)
    assert "best" in again.stdout
    assert "worst" in again.stdout
    validation = json.loads(nlpkit("evaluate", "--split", "validation", "--json", cwd=folder).stdout)
    assert validation["sentences"] == 60


def test_the_bundle_tells_what_it_is(nlpkit: Command, folder: Path) -> None:
    bundle = folder / "models" / "translate-corpus"
    assert {path.name for path in bundle.iterdir()} >= {"encoder.onnx", "model.onnx", "model.weights.h5"}
    told = nlpkit("info", bundle).stdout
    assert "en-fr" in told
    assert "chrf" in told
    assert "translator of the pair en-fr" in (bundle / "README.md").read_text()


def test_data_show(nlpkit: Command, folder: Path) -> None:
    shown = nlpkit("data", "show", "corpus", "--pair", "en-fr", cwd=folder).stdout
    assert "train: 600 pairs" in shown
    assert "→" in shown
    assert json.loads(nlpkit("data", "show", "dates", "--json").stdout)["test"]["pairs"] == 1_000
    assert "--pair" in nlpkit("data", "show", "corpus", cwd=folder).stderr


def test_dry_run(nlpkit: Command, folder: Path) -> None:
    planned = ["train", "translate", "--source", "corpus/train.en", "--target", "corpus/train.fr", *SMALL, "--dry-run"]
    plan = json.loads(nlpkit(*planned, "--json", cwd=folder).stdout)
    assert (plan["train"], plan["validation"], plan["unit"]) == (540, 60, "pairs")
    assert 0 <= plan["padding"] < 0.3


def test_translating_loads_no_training_framework(folder: Path) -> None:
    program = (
        "import sys, nlpkit; nlpkit.load('models/translate-corpus').translate(['one red cat']); "
        "print([name for name in ('keras', 'tensorflow', 'torch', 'jax', 'sacrebleu') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_line_of_ten_thousand_words(nlpkit: Command, folder: Path) -> None:
    done = nlpkit("translate", "--beam", "1", stdin="one red cat " * 3_400 + "\nthree blue dog\n", cwd=folder)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert len(first.split()) > 1_000
    assert second == "trois chien bleu"


@pytest.mark.parametrize("text", ["文字が来ました", "\x1b[31m\x07", "😀😀", "Ωραία μέρα"])
def test_any_script(nlpkit: Command, folder: Path, text: str) -> None:
    done = nlpkit("translate", text, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n")


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["translate", "x", "--beam", "0"], 2, ["--beam"]),
        (["translate", "x", "--nbest", "9"], 2, ["--nbest 9", "--beam"]),
        (["translate", "x", "--length-penalty", "-1"], 2, ["--length-penalty must be 0 or more"]),
        (["translate", "x", "--pair", "de-en"], 2, ["en-fr, not de-en"]),
        (["translate", "x", "--file", "y"], 2, ["not both"]),
        (["translate", "--file", "nowhere.txt"], 1, ["nowhere.txt"]),
        (["translate", "x", "--model", "nowhere"], 1, ["no bundle at nowhere"]),
        (["translate", "x", "--output", "corpus/test.en"], 2, ["exists", "--overwrite"]),
        (["predict", "x", "--model", "models/translate-corpus"], 2, ["translation", "nlpkit translate"]),
        (["evaluate", "--label-column", "x"], 2, ["--label-column", "classification"]),
        (["evaluate", "--source", "corpus/test.en"], 2, ["--target"]),
        (["evaluate", "--pair", "fr-en"], 2, ["en-fr, not fr-en"]),
        (["train", "translate", "--source", "corpus/test.en"], 2, ["--target"]),
        (["train", "translate", "-o", "new", "--data", "corpus", "--pair", "en-en"], 2, ["same language twice"]),
        (["train", "translate", "-o", "new", "--data", "corpus", "--pair", "en-it"], 2, ["holds no it"]),
        (["train", "translate", "-o", "new", "--data", "corpus"], 2, ["--pair en-fr"]),
        (["train", "translate", "--source", "corpus/test.en", "--target", "corpus/train.fr"], 1, ["40 lines", "600"]),
        (["train", "translate", "--source", "corpus/test.en", "--target", "none.fr"], 2, ["none.fr"]),
        (["train", "translate", "--set", "model.cell=gru"], 2, ["model.cell", "'lstm'"]),
        (["train", "sentiment", "--pair", "en-de"], 2, ["data.pair"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else str(value),
)
def test_refusals(nlpkit: Command, folder: Path, arguments: list[str], code: int, parts: list[str]) -> None:
    done = nlpkit(*arguments, cwd=folder)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    error = done.stderr.splitlines()[-1]
    assert error.startswith("error: ")
    for part in parts:
        assert part in error
