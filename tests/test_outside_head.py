"""A head of another package: registered by an entry point, it does what nlpkit's own do, without a change to nlpkit."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from nlpkit.bundle import read_bundle
from nlpkit.recipe import TrainingSection
from nlpkit.training.progress import TrainingDisplay
from tests.conftest import Command, write_csv
from tests.outside.capitals import rows
from tests.outside.sums import SeriesSum, SumsRecipe
from tests.task_checks import check_resumes_to_the_same_weights

OUTSIDE = Path(__file__).parent / "outside"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine on which the package is installed: its code, and what pip writes beside it."""
    folder = tmp_path_factory.mktemp("site")
    about = folder / "capitals-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: capitals\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nlpkit.tasks]\ncapitals = capitals:CapitalCounter\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(OUTSIDE)])}


@pytest.fixture(scope="module")
def bundle(nlpkit: Command, installed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capitals")
    write_csv(folder / "capitals.csv", list(rows()))
    done = nlpkit("train", "capitals", "--epochs", "8", cwd=folder, env=installed)
    assert done.returncode == 0, done.stderr
    assert "validation: 40 texts  off by" in done.stdout
    assert "next: nlpkit evaluate --model models/capitals-capitals" in done.stderr
    return folder / "models" / "capitals-capitals"


def test_it_learns_and_is_judged(nlpkit: Command, installed: dict[str, str], bundle: Path) -> None:
    known = json.loads((bundle / "metadata.json").read_text())
    report = json.loads(nlpkit("evaluate", "--json", cwd=bundle.parents[1], env=installed).stdout)
    assert report["mean_absolute_error"] == pytest.approx(known["metrics"]["validation"]["mean_absolute_error"])
    wanted = np.array([int(count) for _, count in rows()])
    guessing = np.abs(wanted - np.median(wanted)).mean()
    assert report["mean_absolute_error"] < 0.3 * guessing
    assert (report["examples"], report["trained_on"]) == (40, 0)
    refused = nlpkit("evaluate", "--beam", "2", cwd=bundle.parents[1], env=installed)
    assert "--beam goes with translation, not capitals" in refused.stderr


def test_it_is_listed_and_told(nlpkit: Command, installed: dict[str, str], bundle: Path) -> None:
    assert "Count the words of a text" in nlpkit("recipes", env=installed).stdout
    assert 'task = "capitals"' in nlpkit("recipes", "show", "capitals", env=installed).stdout
    told = nlpkit("info", bundle, env=installed).stdout
    assert "mean absolute error" in told
    assert "360 texts, 40 held out" in told
    refused = nlpkit("inspect", bundle, "A text", env=installed)
    assert refused.returncode == 2
    assert "models for capitals do not show what goes on inside them" in refused.stderr
    assert "under a sum" in (bundle / "README.md").read_text(encoding="utf-8")
    shown = nlpkit("data", "show", bundle.parents[1] / "capitals.csv", env=installed)
    assert shown.returncode == 0, shown.stderr


def test_it_is_loaded_saved_and_exported(
    nlpkit: Command, installed: dict[str, str], bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "small"
    told = json.loads(
        nlpkit("export", bundle, "--int8", "-o", out, "--json", cwd=bundle.parents[1], env=installed).stdout
    )
    assert told["figure"] == "mean_absolute_error"
    assert told["figures"]["after"] == pytest.approx(told["figures"]["before"], abs=0.1)
    assert nlpkit("evaluate", out, "--data", "capitals.csv", cwd=bundle.parents[1], env=installed).returncode == 0


def test_a_head_over_numbers_needs_no_tokenizer(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    series = [rng.integers(10, size=rng.integers(2, 6)) for _ in range(300)]
    rows = [(" ".join(map(str, numbers)), str(numbers.sum())) for numbers in series]
    data = str(write_csv(tmp_path / "sums.csv", rows))

    fitted: list[SeriesSum] = []

    def fit(display: TrainingDisplay, checkpoint: Path | None, resume: bool) -> SeriesSum:
        recipe = SumsRecipe(training=TrainingSection(learning_rate=0.01, epochs=8))
        fitted.append(SeriesSum(recipe).fit(data=data, display=display, checkpoint=checkpoint, resume=resume))
        return fitted[-1]

    check_resumes_to_the_same_weights(fit, tmp_path / "checkpoint", stop_after=[30])
    model = fitted[-1]
    wanted = np.array([numbers.sum() for numbers in series])
    assert model.evaluate().mean_absolute_error < 0.3 * np.abs(wanted - np.median(wanted)).mean()
    plan = model.plan()
    assert (plan.train, plan.validation, plan.unit, plan.epochs) == (270, 30, "series", 8)
    assert model.metadata["data"].items() >= {"source": data, "train": 270, "validation": 30}.items()
    model.save(tmp_path / "model")
    again = SeriesSum.from_bundle(read_bundle(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict(["1 2 3", "9 9"]), model.predict(["1 2 3", "9 9"]))
    assert sorted(again.bundle.files)[0] == "README.md"
    assert "tokenizer.model" not in again.bundle.files


def test_without_its_package_it_is_refused(nlpkit: Command, bundle: Path) -> None:
    done = nlpkit("evaluate", bundle)
    assert done.returncode == 1
    assert "a model for the task 'capitals', which this nlpkit does not know" in done.stderr
    done = nlpkit("train", bundle / "recipe.toml")
    assert done.returncode == 2
    assert "there is no task 'capitals'" in done.stderr
    done = nlpkit("info", bundle)
    assert done.returncode == 1
    assert "a model for the task 'capitals', which this nlpkit does not know" in done.stderr


def test_a_broken_package_leaves_nlpkit_s_own_tasks_alone(nlpkit: Command, tmp_path: Path) -> None:
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nlpkit.tasks]\nbroken = nowhere.at_all:Task\n")
    environment = {"PYTHONPATH": str(tmp_path)}
    listed = nlpkit("data", env=environment)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.index("classification") < listed.stdout.index("generation")
    assert nlpkit("recipes", env=environment).returncode == 0
    data = write_csv(tmp_path / "in.csv", [("a day", "x"), ("a night", "y")], ("text", "zzz"))
    assert nlpkit("data", "show", data, "--label-column", "zzz", env=environment).returncode == 0
    (tmp_path / "mine.toml").write_text('task = "broken"\n')
    done = nlpkit("train", tmp_path / "mine.toml", env=environment)
    assert done.returncode == 2
    assert "the package that brings the task 'broken' cannot be loaded: No module named 'nowhere'" in done.stderr


def test_another_package_s_options_do_not_change_what_data_is_taken_for(
    nlpkit: Command, installed: dict[str, str], tmp_path: Path
) -> None:
    data = write_csv(tmp_path / "in.csv", [("a day", "x"), ("a night", "y")], ("text", "zzz"))
    shown = nlpkit("data", "show", data, "--label-column", "zzz", env=installed)
    assert shown.returncode == 0, shown.stderr
    assert "2 texts" in shown.stdout
