"""`nlpkit generate` and what other verbs do with generators, through the installed command."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import nlpkit as package
from tests.conftest import Command

TEXT = "one two three four five six seven eight nine ten. " * 120
SMALL = [
    word
    for setting in ("model.units=48", "model.embedding_size=16", "training.batch_size=4", "training.segment_length=16")
    for word in ("--set", setting)
]


@pytest.fixture(scope="module")
def folder(nlpkit: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model under ./models that writes numbers."""
    folder = tmp_path_factory.mktemp("generation")
    (folder / "numbers.txt").write_text(TEXT)
    done = nlpkit("train", "generate", "--data", "numbers.txt", "--epochs", "12", *SMALL, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "bits a character" in done.stdout
    return folder


def test_the_bundle_is_whole(nlpkit: Command, folder: Path) -> None:
    bundle = folder / "models" / "generate-numbers"
    names = {path.name for path in bundle.iterdir()}
    assert names >= {"model.onnx", "model.weights.h5", "tokenizer.model", "recipe.toml", "metadata.json", "README.md"}
    assert "text generator" in (bundle / "README.md").read_text()
    told = nlpkit("info", bundle, cwd=folder)
    assert "generation" in told.stdout
    assert "nats per character" in told.stdout


def test_a_prompt_is_written_on(nlpkit: Command, folder: Path) -> None:
    done = nlpkit("generate", "--prompt", "one two", "-t", "0", "-n", "16", cwd=folder)
    assert done.stdout == "one two three four five\n"
    assert done.stderr == "model: models/generate-numbers\n"
    model = package.load(folder / "models" / "generate-numbers")
    drawn = nlpkit("generate", "-p", "one", "--seed", "4", "-t", "2", "-n", "30", cwd=folder).stdout
    assert drawn == "one" + model.generate("one", seed=4, temperature=2, length=30) + "\n"  # type: ignore[union-attr]
    assert nlpkit("generate", "-p", "-", "-t", "0", "-n", "6", stdin="one two", cwd=folder).stdout == "one two three\n"
    assert nlpkit("generate", "-p", "one", "--beam", "3", "-n", "10", cwd=folder).stdout == "one two three\n"


def test_samples_and_json(nlpkit: Command, folder: Path) -> None:
    several = nlpkit("generate", "-p", "one", "--samples", "3", "--seed", "1", "-n", "20", "-t", "2", cwd=folder).stdout
    told = nlpkit("generate", "-p", "one", "--samples", "3", "--seed", "1", "-n", "20", "-t", "2", "--json", cwd=folder)
    answer = json.loads(told.stdout)
    assert (answer["prompt"], answer["seed"], len(answer["texts"])) == ("one", 1, 3)
    assert several == "\n---\n".join("one" + text for text in answer["texts"]) + "\n"
    drawn = json.loads(nlpkit("generate", "--json", "-n", "9", cwd=folder).stdout)
    again = nlpkit("generate", "--json", "-n", "9", "--seed", str(drawn["seed"]), cwd=folder)
    assert json.loads(again.stdout) == drawn  # the seed that is told repeats it


def test_score(nlpkit: Command, folder: Path) -> None:
    (folder / "seen.txt").write_text("one two\nthrée")
    done = nlpkit("generate", "--score", "seen.txt", cwd=folder)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == [*"one two", "\\n", *"thrée"]
    mean = sum(float(row[1]) for row in rows) / len(rows)
    assert float(done.stderr.splitlines()[-1].split()[0]) == pytest.approx(mean, abs=1e-3)
    told = json.loads(nlpkit("generate", "--score", "-", "--json", stdin="one two\nthrée", cwd=folder).stdout)
    assert told["bits_per_character"] == pytest.approx(mean, abs=1e-3)
    assert told["pieces"][11]["text"] == "é"
    assert told["pieces"][11]["bits"] > 5 > told["pieces"][5]["bits"]


def test_evaluate(nlpkit: Command, folder: Path) -> None:
    known = json.loads((folder / "models" / "generate-numbers" / "metadata.json").read_text())["metrics"]
    told = json.loads(nlpkit("evaluate", "--json", cwd=folder).stdout)
    assert told["split"] == "validation"
    assert told["nats_per_character"] == pytest.approx(known["validation"]["nats_per_character"])
    assert told["bits_per_character"] == pytest.approx(told["nats_per_character"] / 0.693147, rel=1e-5)
    both = json.loads(nlpkit("evaluate", "--json", "--split", "train+validation", cwd=folder).stdout)
    assert both["characters"] == len(TEXT)
    (folder / "other.txt").write_text("something else altogether")
    assert json.loads(nlpkit("evaluate", "--json", "--data", "other.txt", cwd=folder).stdout)["nats_per_character"] > 3
    assert "nats" in nlpkit("evaluate", "--data", "other.txt", cwd=folder).stdout


def test_dry_run(nlpkit: Command, folder: Path) -> None:
    planned = ["train", "generate", "--data", "numbers.txt", *SMALL, "--epochs", "3", "--dry-run"]
    plan = json.loads(nlpkit(*planned, "--json", cwd=folder).stdout)
    assert (plan["train"], plan["unit"], plan["epochs"]) == (5400, "characters", 3)
    assert plan["steps_per_epoch"] == 84
    assert "characters to train on" in nlpkit(*planned, cwd=folder).stdout


def test_data_show(nlpkit: Command, folder: Path) -> None:
    shown = nlpkit("data", "show", "numbers.txt", cwd=folder).stdout
    assert f"1 document, {len(TEXT):,} characters, {len(set(TEXT))} different ones" in shown
    assert "one two three" in shown
    assert "python-docs" in nlpkit("data").stdout


def test_a_long_prompt(nlpkit: Command, folder: Path) -> None:
    prompt = TEXT * 16
    assert len(prompt) > 90_000
    done = nlpkit("generate", "-p", "-", "-t", "0", "-n", "8", stdin=prompt + "one two", cwd=folder)
    assert done.stdout.endswith("one two three f\n")


@pytest.mark.parametrize("prompt", ["", "文字", "\x1b[31m\x07", "😀😀"])
def test_any_prompt(nlpkit: Command, folder: Path, prompt: str) -> None:
    done = nlpkit("generate", "-p", prompt, "-n", "5", "--seed", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(prompt)
    assert len(done.stdout) == len(prompt) + 5 + 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-t", "-1"], 2, "--temperature must be 0 or more, not -1.0"),
        (["--top-p", "1.5"], 2, "--top-p must be above 0 and at most 1, not 1.5"),
        (["--min-p", "7"], 2, "--min-p"),
        (["--top-k", "-3"], 2, "--top-k"),
        (["--repetition-penalty", "0"], 2, "--repetition-penalty"),
        (["-n", "0"], 2, "--length must be 1 or more, not 0"),
        (["--samples", "0"], 2, "--samples"),
        (["--beam", "2", "--seed", "1"], 2, "--beam draws nothing"),
        (["--interactive"], 2, "--interactive asks on a terminal"),
        (["--score", "nowhere.txt"], 2, "nowhere.txt cannot be read"),
        (["--score", "blob"], 1, "blob: byte 1 is not UTF-8 text"),
        (["--model", "nowhere"], 1, "there is no bundle at nowhere"),
        (["-p", b"\xff"], 2, "the prompt on the command line is not UTF-8"),
    ],
    ids=str,
)
def test_what_cannot_be_meant(nlpkit: Command, folder: Path, arguments: list[str], code: int, message: str) -> None:
    (folder / "blob").write_bytes(b"\xff\x00\xfe")
    done = nlpkit("generate", *arguments, cwd=folder)
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.removeprefix("model: models/generate-numbers\n").splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("content", "message"), [(b"too short", "fewer than one segment of 16"), (b"\xff\x00\xfe", "is not UTF-8 text")]
)
def test_text_that_cannot_be_trained_on(
    nlpkit: Command, folder: Path, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    done = nlpkit("train", "generate", "--data", "a.txt", *SMALL, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert not (tmp_path / "models" / "generate-a" / "metadata.json").exists()


def test_models_of_another_task(nlpkit: Command, folder: Path, trained: Path) -> None:
    done = nlpkit("generate", "--model", trained, cwd=folder)
    assert done.returncode == 2
    assert "holds a model for classification; use it with `nlpkit predict`" in done.stderr
    assert nlpkit("predict", "a", "--model", "models/generate-numbers", cwd=folder).returncode == 2


def test_the_text_appears_as_it_is_written(folder: Path) -> None:
    command = [str(Path(sys.executable).with_name("nlpkit")), "generate", "-p", "one", "-n", "20000", "--seed", "1"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        first = os.read(running.stdout.fileno(), 200)
        assert running.poll() is None  # it is still writing
        assert first.startswith(b"one")
        running.kill()


def test_interactive(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("nlpkit")), "generate", "-i", "-t", "0", "-n", "6"]
    with subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        os.write(ours, b"one two\n\n\x04")
        out, _ = running.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert running.returncode == 0
    assert "one two three\n" in out.decode()
    assert " four \n" in out.decode()  # Enter alone writes on
