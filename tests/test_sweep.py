"""Sweeps: what is trained, what is skipped, what is told."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import nlpkit as package
from nlpkit.errors import Interrupted, UsageError
from nlpkit.sweep.grid import Point, grid_points
from nlpkit.sweep.results import PointResult, Result, SweepResult
from nlpkit.sweep.runs import Run, plan_runs
from nlpkit.tasks import task_class
from tests.conftest import SMALL, Command, made_reviews, write_csv
from tests.task_checks import Stopping

SETTINGS = [
    *(setting for setting in SMALL if not setting.startswith("tokenizer.vocab_size")),
    "training.epochs=1",
    "training.yardstick=false",
    "model.ngrams=0",
]
OPTIONS = [word for setting in SETTINGS for word in ("--set", setting)]
NAMES = [f"tokenizer.vocab_size={size},seed={seed}" for size in (300, 400) for seed in (1, 2)]
TOO_SMALL = "tokenizer.vocab_size=8 is too small for the characters of this text; try --set tokenizer.vocab_size=1000"

Swept = tuple[Path, dict[str, Any]]


def command(data: Path, folder: Path, sizes: str = "300,400") -> tuple[str | Path, ...]:
    grid = ("--grid", f"tokenizer.vocab_size={sizes}", "--seeds", "2")
    return ("sweep", "sentiment", "--data", data, *OPTIONS, *grid, "-o", folder)


@pytest.fixture(scope="module")
def swept(nlpkit: Command, reviews_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """The folder of a sweep over two points with two seeds, and what it printed as JSON."""
    folder = tmp_path_factory.mktemp("swept") / "all"
    done = nlpkit(*command(reviews_csv, folder), "--json")
    assert done.returncode == 0, done.stderr
    assert "4/4 tokenizer.vocab_size=400 seed 2" in done.stderr
    return folder, json.loads(done.stdout)


@pytest.fixture
def unfinished(swept: Swept, tmp_path: Path) -> Path:
    """The same folder without the last run."""
    folder = tmp_path / "again"
    shutil.copytree(swept[0], folder)
    shutil.rmtree(folder / NAMES[-1])
    return folder


@pytest.mark.slow
def test_figures_are_those_of_the_bundles(swept: Swept) -> None:
    folder, told = swept
    assert (told["split"], told["figure"], told["better"]) == ("validation", "accuracy", "higher")
    assert [point["settings"] for point in told["points"]] == [{"tokenizer.vocab_size": size} for size in (300, 400)]
    for point in told["points"]:
        values = [run["value"] for run in point["runs"]]
        assert point["mean"] == pytest.approx(sum(values) / 2)
        assert (point["low"], point["high"]) == (min(values), max(values))
        for number, run in enumerate(point["runs"], 1):
            model = package.load(run["bundle"])
            assert model.recipe.training.seed == run["seed"] == number
            assert model.recipe.tokenizer.vocab_size == point["settings"]["tokenizer.vocab_size"]
            assert model.metadata["metrics"]["validation"]["accuracy"] == run["value"]
            assert model.metadata["training_seconds"] == run["seconds"]
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    best = max(told["points"], key=lambda point: point["mean"])
    assert [point for point in told["points"] if point["best"]] == [best]


@pytest.mark.slow
def test_a_sweep_goes_on_and_names_what_fails(
    nlpkit: Command, reviews_csv: Path, swept: Swept, unfinished: Path
) -> None:
    """What is done is left alone, what was stopped goes on to the same weights, what fails stops nothing else."""
    stopped = unfinished / NAMES[-1]
    recipe = package.load_recipe("sentiment", [*SETTINGS, "tokenizer.vocab_size=400", "training.seed=2"])
    model = task_class(recipe.task)(recipe)
    with pytest.raises(Interrupted):
        model.fit(data=reviews_csv, display=Stopping(5), checkpoint=stopped / "checkpoint")
    before = {path: path.stat().st_mtime_ns for path in unfinished.glob("*/metadata.json")}
    assert len(before) == 3
    done = nlpkit(*command(reviews_csv, unfinished, "300,8,400"))
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert told[0] == f"3 of 6 runs are to be trained into {unfinished}"
    assert [line for line in told if line.startswith("failed: ")] == [
        f"failed: tokenizer.vocab_size=8 seed {seed}: {TOO_SMALL}" for seed in (1, 2)
    ]
    assert told[-1] == "error: 2 of 6 runs failed; the same command tries these again"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    graphs = [package.load(folder / NAMES[-1]).bundle.files["model.onnx"] for folder in (swept[0], unfinished)]
    assert graphs[0] == graphs[1]
    title, header, *rows, best = done.stdout.splitlines()
    assert title == "accuracy on validation, the mean of 2 seeds"
    assert header.split() == ["tokenizer.vocab_size", "mean", "least", "to", "most", "seeds", "seconds"]
    assert rows.pop(1).split() == ["8", "0"]
    for row, point in zip(rows, swept[1]["points"], strict=True):
        figures = f"{point['mean']:.4f}", f"{point['low']:.4f}", "to", f"{point['high']:.4f}", "2"
        size = str(point["settings"]["tokenizer.vocab_size"])
        assert tuple(row.split()[:-1]) == (size, *["best"] * point["best"], *figures)
    assert best == "best: " + next(point["command"] for point in swept[1]["points"] if point["best"])


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray Tune, which the extra ray brings")
def test_ray_gives_the_same(nlpkit: Command, reviews_csv: Path, swept: Swept, unfinished: Path) -> None:
    done = nlpkit(*command(reviews_csv, unfinished, "300,8,400"), "--engine", "ray", "--json")
    assert done.returncode == 1
    assert sorted(done.stderr.splitlines()) == sorted(
        [
            f"3 of 6 runs are to be trained into {unfinished}",
            f"trained: {NAMES[-1].replace(',seed=', ' seed ')}",
            *(f"failed: tokenizer.vocab_size=8 seed {seed}: {TOO_SMALL}" for seed in (1, 2)),
            *(line for line in done.stderr.splitlines() if line.startswith("next: nlpkit evaluate --model ")),
            "error: 2 of 6 runs failed; the same command tries these again",
        ]
    )
    found = json.loads(done.stdout)["points"]  # and nothing else is said there
    assert found.pop(1)["runs"] == [{"seed": seed, "error": TOO_SMALL} for seed in (1, 2)]
    values = [[[run["value"] for run in point["runs"]] for point in points] for points in (found, swept[1]["points"])]
    assert values[0] == values[1]
    graphs = [package.load(folder / NAMES[-1]).bundle.files["model.onnx"] for folder in (swept[0], unfinished)]
    assert graphs[0] == graphs[1]
    assert sorted(path.name for path in unfinished.iterdir()) == NAMES


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray Tune, which the extra ray brings")
def test_a_cluster_that_is_not_there_is_told(nlpkit: Command, reviews_csv: Path, tmp_path: Path) -> None:
    where = {"RAY_ADDRESS": "127.0.0.1:1"}
    words = ["--data", str(reviews_csv), "--engine", "ray", "--cpus", "1"]
    done = nlpkit("sweep", "sentiment", *words, cwd=tmp_path, env=where, timeout=100)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: Ray cannot be started or reached: ")


def test_texts_to_be_found_are_the_same_at_all_points(nlpkit: Command, tmp_path: Path) -> None:
    done = nlpkit("sweep", "generate", "--grid", "tokenizer.lowercase=true,false", cwd=tmp_path)
    assert done.returncode == 2
    assert "--grid tokenizer.lowercase: figures of such points do not compare" in done.stderr


@pytest.mark.slow
def test_a_folder_of_another_sweep_is_refused(reviews_csv: Path, swept: Swept, tmp_path: Path) -> None:
    grid = ["tokenizer.vocab_size=300,400"]
    assert len(plan_runs("sentiment", SETTINGS, grid, 2, str(reviews_csv), swept[0])[2]) == 4
    with pytest.raises(UsageError, match=r"seed=1 holds a model with training\.warmup = 0\.1, not 0\.3; pick another"):
        plan_runs("sentiment", [*SETTINGS, "training.warmup=0.3"], grid, 2, str(reviews_csv), swept[0])
    others = write_csv(tmp_path / "made.csv", made_reviews(40, seed=1))
    with pytest.raises(UsageError, match="seed=1 holds a model with other data; pick another folder"):
        plan_runs("sentiment", SETTINGS, grid, 2, str(others), swept[0])
    copy = shutil.copytree(swept[0], tmp_path / "copy")
    path = next(copy.glob("*/metadata.json"))
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"start": {"sha256": "0"}}))
    with pytest.raises(UsageError, match="holds a model with another start; pick another folder"):
        plan_runs("sentiment", SETTINGS, grid, 2, str(reviews_csv), copy)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--grid", "model.unit=8,16"], ["--grid model.unit=8: there is no key model.unit; did you mean model.units?"]),
        (["--grid", "model.units=8,many"], ["--grid model.units=many: model.units: ", "not 'many'"]),
        (["--grid", "model.units"], ["--grid model.units: write it as section.key=value,value"]),
        (["--grid", "model.units=8,,16"], ["--grid model.units=8,,16: write it as"]),
        (["--grid", "model.units="], ["--grid model.units=: write it as"]),
        (["--grid", "model.units=8,16,8"], ["a value is there twice"]),
        (["--grid", "model.units=8", "--grid", "model.units=16"], ["model.units has a grid already"]),
        (["--grid", "model.units=8", "--set", "model.units=16"], ["model.units has a grid, and --set sets it too"]),
        (["--grid", "training.seed=1,2"], ["--seeds 3"]),
        (["--grid", "data.limit=100,200"], ["judged on other rows"]),
        (["--grid", "model.labels=one,several"], ["--grid model.labels: figures of such points do not compare"]),
        (["--grid", "model.units=8", "--data", "nowhere.csv"], ["nowhere.csv"]),
        (["--cpus", "2"], ["--cpus goes with --engine ray"]),
        (["--seeds", "0"], ["--seeds"]),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(
    nlpkit: Command, reviews_csv: Path, tmp_path: Path, words: list[str], parts: list[str]
) -> None:
    data = [] if "--data" in words else ["--data", str(reviews_csv)]
    done = nlpkit("sweep", "sentiment", *data, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for part in parts:
        assert part in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_values_are_written_as_settings() -> None:
    assert grid_points([]) == [()]
    assert grid_points(["a.b=1, 2", 'c.d=["x", "y"],["z"],"p,q",it\'s']) == [
        (("a.b", one), ("c.d", other)) for one in ("1", "2") for other in ('["x", "y"]', '["z"]', '"p,q"', "it's")
    ]


def test_folders_have_names_of_their_own(reviews_csv: Path) -> None:
    grid = ['model.pooling=["max","mean"],["max-mean"],["max", "mean"]']
    with pytest.raises(UsageError, match="max-mean"):
        plan_runs("sentiment", [], grid, 1, str(reviews_csv), Path("sweep"))
    grid = ['model.pooling=["max"],["mean"]', "training.learning_rate=0.1"]
    recipe, runs, done = plan_runs("sentiment", ["training.seed=7"], grid, 2, str(reviews_csv), Path("sweep"))
    assert recipe.training.seed == 7
    assert not done
    assert [run.seed for run in runs] == [7, 7, 8, 8]
    assert len({run.folder for run in runs}) == 4
    assert all(run.folder.parent == Path("sweep") and run.folder.name.isascii() for run in runs)
    assert not any(character in run.folder.name for run in runs for character in '[]"/\\: ')


def test_the_best_has_all_its_seeds() -> None:
    def point(units: str, values: list[float], failed: int = 0) -> PointResult:
        at: Point = (("model.units", units),)
        runs = [Run(at, seed, ("generate",), Path(f"{units}-{seed}")) for seed in range(len(values) + failed)]
        done = [Result(run, value, 2.0) for run, value in zip(runs, values, strict=False)]
        return PointResult(at, done, dict.fromkeys(runs[len(values) :], "no memory"))

    points = [point("8", [1.0, 3.0]), point("16", [0.5], failed=1), point("32", [1.0, 2.0]), point("64", [], failed=2)]
    for lower, best in ((True, "32"), (False, "8")):
        result = SweepResult("nats_per_character", lower, points)
        assert result.best is not None
        assert result.best.point == (("model.units", best),)
        assert result.to_dict()["better"] == ("lower" if lower else "higher")
    none = SweepResult("accuracy", False, points[-1:])
    assert none.best is None
    assert none.to_dict()["points"][0] == {
        "settings": {"model.units": 64},
        "command": "nlpkit train generate",
        "runs": [{"seed": seed, "error": "no memory"} for seed in (0, 1)],
        "best": False,
    }


def test_which_figures_are_better_when_lower() -> None:
    assert package.TextGenerator.lower_is_better
    assert not package.TextClassifier.lower_is_better
    assert not package.Translator.lower_is_better
