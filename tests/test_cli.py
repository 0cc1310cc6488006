"""The installed command, as a stranger types it."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import nlpkit as package
from tests.conftest import Command, made_reviews, settings, write_csv
from tests.task_checks import read_charts

TEXT = "a lovely day"


def refused(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """It left with this code, and said these things in one line on standard error, and nothing else."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1, done.stderr
    assert done.stderr.splitlines()[-1] == said[0]
    assert "Traceback" not in done.stderr
    assert all(part in said[0] for part in parts), said[0]


def test_help_and_version_load_nothing_heavy(nlpkit: Command) -> None:
    assert "predict" in nlpkit("--help").stdout
    assert nlpkit("--version").stdout.strip() == package.__version__
    program = (
        "import sys, nlpkit.cli\nsys.argv[1:] = ['--help']\n"
        "try: nlpkit.cli.main()\nexcept SystemExit: pass\n"
        "print({'keras', 'tensorflow', 'onnxruntime', 'numpy', 'sentencepiece'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


@pytest.mark.parametrize(
    "verb", ["train", "evaluate", "predict", "generate", "translate", "export", "recipes", "data", "info"]
)
def test_every_verb_has_help(nlpkit: Command, verb: str) -> None:
    assert "Usage: nlpkit" in nlpkit(verb, "--help").stdout


def test_recipes(nlpkit: Command, tmp_path: Path) -> None:
    assert "sentiment" in nlpkit("recipes", cwd=tmp_path).stdout
    shown = nlpkit("recipes", "show", "sentiment", cwd=tmp_path).stdout
    (tmp_path / "mine.toml").write_text(shown, encoding="utf-8")
    assert nlpkit("recipes", "show", "mine.toml", cwd=tmp_path).stdout == shown


def test_data(nlpkit: Command, reviews_csv: Path) -> None:
    assert "rotten-tomatoes" in nlpkit("data").stdout
    shown = nlpkit("data", "show", reviews_csv).stdout
    assert "400 texts" in shown
    assert "50.0%" in shown
    figures = json.loads(nlpkit("data", "show", reviews_csv, "--json").stdout)
    assert figures["train"]["labels"] == {"negative": 200, "positive": 200}


def test_training_leaves_a_whole_bundle(nlpkit: Command, trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "README.md",
        "held_out.npz",
        "history.csv",
        "metadata.json",
        "model.onnx",
        "model.weights.h5",
        "recipe.toml",
        "seen.npz",
        "tokenizer.model",
    ]
    known = json.loads(nlpkit("info", trained, "--json").stdout)
    assert known["labels"] == ["negative", "positive"]
    assert known["metrics"]["validation"]["accuracy"] >= 0.95
    with (trained / "history.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3", "4", "5", "6"]
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# sentiment-made\n")
    assert f"{known['metrics']['validation']['accuracy']:.4f}" in card
    shown = nlpkit("info", trained).stdout
    assert "over 40 texts" in shown
    assert "'lovely'" in next(line for line in shown.splitlines() if line.startswith("speaks for positive"))


def test_what_looks_like_markup_is_shown_as_it_is(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained, folder)
    known = json.loads((folder / "metadata.json").read_text())
    known["ngrams"]["heaviest"]["positive"] = ["[/b]", "[bold]", ":heart:"]
    (folder / "metadata.json").write_text(json.dumps(known))
    assert "'[/b]', '[bold]', ':heart:'" in nlpkit("info", folder).stdout


def test_evaluate_repeats_what_training_found(nlpkit: Command, trained: Path, reviews_csv: Path) -> None:
    known = json.loads((trained / "metadata.json").read_text())
    again = json.loads(nlpkit("evaluate", "--model", trained, "--json").stdout)
    gain = known["yardstick"]["gain"]["validation"]
    assert again == {"split": "validation", **known["metrics"]["validation"], "yardstick": gain}
    other = nlpkit("evaluate", "--model", trained, "--data", reviews_csv, "--split", "train")
    assert "360 texts" in other.stdout
    assert "true \\ predicted" in other.stdout


def test_the_bundle_s_recipe_trains_the_same_again(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    done = nlpkit("train", trained / "recipe.toml", "--output", tmp_path / "again", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bundle"] == str(tmp_path / "again")
    assert (tmp_path / "again" / "model.onnx").read_bytes() == (trained / "model.onnx").read_bytes()


def test_predict_takes_arguments_lines_and_files(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    lines = nlpkit("predict", TEXT, "an awful day", "--model", trained).stdout.splitlines()
    assert [line.split("\t")[::2] for line in lines] == [["positive", TEXT], ["negative", "an awful day"]]
    assert nlpkit("predict", "--model", trained, stdin=f"{TEXT}\nan awful day\n").stdout.splitlines() == lines
    (tmp_path / "texts.txt").write_text(f"{TEXT}\nan awful day\n")
    done = nlpkit("predict", "--model", trained, "--file", tmp_path / "texts.txt")
    assert done.stdout.splitlines() == lines
    assert done.stderr == ""


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_a_file_is_what_the_screen_shows(nlpkit: Command, trained: Path, tmp_path: Path, suffix: str) -> None:
    source = write_csv(
        tmp_path / "in.csv", [("1", text, label) for text, label in made_reviews(30)], ("id", "text", "label")
    )
    out = tmp_path / f"out.{suffix}"
    screen = nlpkit("predict", "--model", trained, "--file", source, "--format", suffix)
    assert nlpkit("predict", "--model", trained, "--file", source, "--output", out).returncode == 0
    assert out.read_text(encoding="utf-8") == screen.stdout
    if suffix == "jsonl":
        rows = list(map(json.loads, screen.stdout.splitlines()))
        assert all(abs(sum(row["scores"].values()) - 1) < 1e-4 for row in rows)
    else:
        rows = list(csv.DictReader(screen.stdout.splitlines(), delimiter="," if suffix == "csv" else "\t"))
        assert list(rows[0]) == ["id", "text", "label", "predicted_label", "score"]
    assert [row["text"] for row in rows] == [text for text, _ in made_reviews(30)]
    assert sum(row["label"] == row["predicted_label"] for row in rows) >= 28


def test_top_and_json(nlpkit: Command, trained: Path) -> None:
    row = json.loads(nlpkit("predict", TEXT, "--model", trained, "--json").stdout)
    assert row["text"] == TEXT
    assert row["label"] == "positive"
    assert row["score"] == max(row["scores"].values())
    cells = nlpkit("predict", TEXT, "--model", trained, "--top", "2").stdout.split("\t")
    assert cells[0::2][:2] == ["positive", "negative"]
    assert float(cells[1]) + float(cells[3]) == pytest.approx(1, abs=1e-3)


def test_the_newest_model_is_taken_and_named(nlpkit: Command, trained: Path) -> None:
    done = nlpkit("predict", TEXT, cwd=trained.parent.parent)
    assert done.stderr == "model: models/sentiment-made\n"
    assert done.stdout.startswith("positive\t")


def test_empty_and_huge_texts_get_an_answer(nlpkit: Command, trained: Path) -> None:
    done = nlpkit("predict", "", "--model", trained)
    assert done.returncode == 0
    assert "without a word in them: 1" in done.stderr
    done = nlpkit("predict", "--model", trained, stdin=f"{TEXT}\n\n{'lovely ' * 150_000}\n")
    assert [line.split("\t")[0] for line in done.stdout.splitlines()][::2] == ["positive", "positive"]
    assert len(done.stdout.splitlines()) == 3
    assert "longer than 800 tokens" in done.stderr


def test_a_reader_that_has_had_enough(trained: Path) -> None:
    command = Path(sys.executable).with_name("nlpkit")
    with subprocess.Popen(
        [command, "predict", "--model", trained], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.write(b"a lovely day\n" * 20_000)
            process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_dry_run_plans_and_stops(nlpkit: Command, reviews_csv: Path, tmp_path: Path) -> None:
    done = nlpkit("train", "--data", reviews_csv, *settings(), "--dry-run", "--json", cwd=tmp_path)
    plan = json.loads(done.stdout)
    assert (plan["train"], plan["validation"]) == (360, 40)
    assert plan["epochs"] * plan["steps_per_epoch"] == plan["updates"]
    assert 600 <= plan["updates"] < 600 + plan["steps_per_epoch"]  # what the recipe wants for little data
    assert plan["length"].startswith(f"360 texts: {plan['epochs']} passes, {plan['updates']} updates, ")
    assert plan["seconds"] > 0
    assert plan["parameters"] > 5_000
    assert list(tmp_path.iterdir()) == []
    assert "expected time" in nlpkit("train", "--data", reviews_csv, *settings(), "--dry-run", cwd=tmp_path).stdout


@pytest.mark.slow
def test_ctrl_c_saves_and_resume_goes_on(nlpkit: Command, reviews_csv: Path, trained: Path, tmp_path: Path) -> None:
    arguments = ["train", "sentiment", "--data", str(reviews_csv), "--epochs", "6", *settings()]
    command = [str(Path(sys.executable).with_name("nlpkit")), *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if line.startswith("epoch 1"):
                run.send_signal(signal.SIGINT)
                break
        rest = run.stderr.read()
        assert run.wait() == 130
    assert "--resume" in rest.splitlines()[-1]
    folder = tmp_path / "models" / "sentiment-made"
    refused(nlpkit("predict", TEXT, "--model", folder), 1, "unfinished", "--resume")
    refused(nlpkit(*arguments, cwd=tmp_path), 2, "unfinished run", "--resume", "--overwrite")
    refused(nlpkit(*arguments, "--resume", "--seed", "9", cwd=tmp_path), 2, "training.seed = 1, not 9")
    done = nlpkit(*arguments, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (folder / "model.onnx").read_bytes() == (trained / "model.onnx").read_bytes()
    assert not (folder / "checkpoint").exists()


def test_tensorboard_logs(nlpkit: Command, reviews_csv: Path, tmp_path: Path) -> None:
    done = nlpkit("train", "--data", reviews_csv, *settings(), "--epochs", "2", "--tensorboard", "logs", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    charts = read_charts(tmp_path / "logs")
    history = (tmp_path / "models" / "sentiment-made" / "history.csv").read_text().splitlines()
    names, *epochs = [row.split(",") for row in history]
    for chart, column in (
        ("train/epoch_loss", "loss"),
        ("train/epoch_accuracy", "accuracy"),
        ("validation/epoch_loss", "val_loss"),
        ("validation/epoch_accuracy", "val_accuracy"),
    ):
        written = {step: float(row[names.index(column)]) for step, row in enumerate(epochs)}
        assert charts[chart] == pytest.approx(written, rel=1e-6)
    assert charts["train/epoch_learning_rate"].keys() == {0, 1}


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["train", "sentimnt"], 2, ["no recipe called sentimnt", "did you mean sentiment"]),
        (["train", "nowhere.toml"], 2, ["no recipe file at nowhere.toml"]),
        (["train", "--data", "reviws"], 2, ["'reviws'", "did you mean reviews", "nlpkit data"]),
        (["train", "--data", "none.csv"], 2, ["no file or folder at none.csv"]),
        (["train", "--set", "training.epocs=3"], 2, ["--set training.epocs=3", "did you mean training.epochs"]),
        (["train", "--epochs", "0"], 2, ["--epochs 0", "greater than or equal to 1"]),
        (["train", "--epochs", "many"], 2, ["--epochs", "integer"]),
        (["train", "--seed", "-1"], 2, ["--seed -1"]),
        (["train", "--nonsense"], 2, ["--nonsense"]),
        (["train", "--resume", "--output", "nothing"], 2, ["nothing", "leave --resume out"]),
        (["frobnicate"], 2, ["frobnicate"]),
        (["predict", "x", "--model", "nowhere"], 1, ["no bundle at nowhere"]),
        (["predict", "x", "--file", "y"], 2, ["not both"]),
        (["predict", "x", "--top", "0"], 2, ["--top"]),
        (["evaluate", "--model", "nowhere"], 1, ["no bundle at nowhere"]),
        (["info", "nowhere"], 1, ["no bundle at nowhere"]),
        (["data", "show", "reviws"], 2, ["did you mean reviews"]),
        (["recipes", "show", "sentimnt"], 2, ["did you mean sentiment"]),
    ],
)
def test_what_cannot_be_meant(
    nlpkit: Command, tmp_path: Path, arguments: list[str], code: int, parts: list[str]
) -> None:
    refused(nlpkit(*arguments, cwd=tmp_path), code, *parts)
    assert [path.name for path in tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("content", "code", "parts"),
    [
        (b"", 1, ["in.csv is empty"]),
        (b"text,label\n", 1, ["in.csv has no rows"]),
        (b"text,label\na,x\nb,x\n", 1, ["one label, 'x'"]),
        (b"text,label\na,x\nb,y\n", 1, ["too few"]),
        (b"text,label\na,x\n,y\n", 1, ["in.csv line 3", "no text", "skip_empty"]),
        (b"text,label\na,x\n\xff,y\n", 1, ["in.csv line 3", "UTF-8"]),
        (b"one,two,three\na,b,c\n", 2, ["'one', 'two', 'three'", "--text-column"]),
    ],
)
def test_data_that_cannot_be_trained_on(
    nlpkit: Command, tmp_path: Path, content: bytes, code: int, parts: list[str]
) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    refused(nlpkit("train", "--data", "in.csv", cwd=tmp_path), code, *parts)


def test_files_that_cannot_be_classified(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"fine\nb\xe4d\n")
    done = nlpkit("predict", "--model", trained, "--file", "bad.txt", "--output", "out.csv", cwd=tmp_path)
    refused(done, 1, "bad.txt line 2", "UTF-8")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.txt"]
    refused(nlpkit("predict", "--model", trained, stdin=b"\xff\n"), 1, "standard input line 1")
    refused(nlpkit("predict", "--model", trained, "--file", "none.csv"), 1, "none.csv cannot be read")
    write_csv(tmp_path / "a.csv", [("x", "y")], ("body", "id"))
    refused(nlpkit("predict", "--model", trained, "--file", "a.csv", "--text-column", "txt", cwd=tmp_path), 2, "'txt'")


def test_a_damaged_bundle(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "model")
    with (tmp_path / "model" / "model.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    refused(nlpkit("predict", "x", "--model", tmp_path / "model"), 1, "model.onnx is damaged")
    (tmp_path / "other").mkdir()
    refused(nlpkit("info", tmp_path / "other"), 1, "is not an nlpkit bundle")


def test_outputs_are_kept(nlpkit: Command, trained: Path, reviews_csv: Path, tmp_path: Path) -> None:
    before = (trained / "metadata.json").read_bytes()
    refused(nlpkit("train", "--data", reviews_csv, "--output", trained), 2, "holds a model already", "--overwrite")
    assert (trained / "metadata.json").read_bytes() == before
    (tmp_path / "out.csv").write_text("mine")
    refused(nlpkit("predict", "x", "--model", trained, "--output", tmp_path / "out.csv"), 2, "exists", "--overwrite")
    assert (tmp_path / "out.csv").read_text() == "mine"


def test_outputs_that_cannot_be_written(nlpkit: Command, trained: Path, reviews_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(nlpkit("train", "--data", reviews_csv, "--output", tmp_path / "file"), 2, "is a file")
    refused(nlpkit("train", "--data", reviews_csv, "--output", tmp_path / "file" / "model"), 1, "cannot be")
    missing = tmp_path / "no" / "out.csv"
    refused(nlpkit("predict", "x", "--model", trained, "--output", missing), 1, "out.csv cannot be written")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="mounting a small disk needs root")
def test_a_disk_that_fills_up(nlpkit: Command, trained: Path, reviews_csv: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, timeout=60).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        (disk / "ballast").write_bytes(b"x" * 150_000)
        arguments = [
            "train",
            "--data",
            str(reviews_csv),
            *settings(),
            "--epochs",
            "1",
            "--output",
            str(disk / "m" / "model"),
        ]
        refused(nlpkit(*arguments), 1, "No space left")
        assert not (disk / "m" / "model" / "metadata.json").exists()
        big = write_csv(tmp_path / "big.csv", made_reviews(3000))
        done = nlpkit("predict", "--model", trained, "--file", big, "--output", disk / "out.csv")
        refused(done, 1, "out.csv cannot be written", "No space left")
        assert not (disk / "out.csv").exists()
    finally:
        subprocess.run(["umount", disk], check=True, timeout=60)


def test_debug_shows_the_traceback(nlpkit: Command, tmp_path: Path) -> None:
    done = nlpkit("info", "nowhere", "--debug", cwd=tmp_path)
    assert "Traceback" in done.stderr
    assert done.returncode == 1


@pytest.mark.slow
def test_memory_stays_the_same_however_many_texts(trained: Path, tmp_path: Path) -> None:
    program = (
        "import resource, sys\nfrom nlpkit.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )

    def peak(count: int) -> int:
        (tmp_path / "many.txt").write_text(f"{TEXT}\n" * count)
        arguments = ["predict", "--model", str(trained), "--file", str(tmp_path / "many.txt")]
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.count("\n") == count
        return int(done.stderr.split()[-1])

    assert peak(100_000) < peak(10_000) * 1.15


def test_export_in_int8(nlpkit: Command, trained: Path, reviews_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    told = json.loads(nlpkit("export", trained, "--int8", "--output", out, "--json").stdout)
    assert told["bundle"] == str(out)
    tokenizer = (out / "tokenizer.model").stat().st_size / 1e6  # which stays as it is
    before, after = (told["megabytes"][time] - tokenizer for time in ("before", "after"))
    assert after < 0.35 * before
    assert told["megabytes"]["after"] == sum(path.stat().st_size for path in out.iterdir()) / 1e6
    evaluated = [json.loads(nlpkit("evaluate", "--model", m, "--json").stdout)["accuracy"] for m in (trained, out)]
    assert told["figures"] == {"before": 100 * evaluated[0], "after": 100 * evaluated[1]}
    assert nlpkit("predict", TEXT, "--model", out).stdout.startswith("positive\t")
    assert "int8" in (out / "README.md").read_text(encoding="utf-8")
    assert "int8" in nlpkit("info", out).stdout
    refused(nlpkit("export", trained, "--int8", "--output", out), 2, "holds a model already", "--overwrite")
    slim = nlpkit("export", trained, "--output", tmp_path / "slim", "--data", reviews_csv, "--split", "train")
    assert "+0.000" in slim.stdout
    assert (tmp_path / "slim" / "model.onnx").read_bytes() == (trained / "model.onnx").read_bytes()
    refused(nlpkit("export", tmp_path / "nowhere"), 1, "no bundle")
