"""Models on Ray: the answers are those of the plain command, and a worker that is killed loses none."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

import nlpkit as package
from nlpkit.answers.shards import LIST
from nlpkit.bundle import Bundle
from nlpkit.cli import app
from nlpkit.errors import NlpkitError, UsageError
from tests.conftest import Command, made_reviews, write_csv
from tests.test_shards import content

ray = pytest.importorskip("ray", reason="needs Ray")
pytest.importorskip("ray.data", reason="needs Ray Data")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(r"ignore:.*is deprecated:DeprecationWarning:ray\.data\.context"),  # Ray's, of itself
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers on this machine."""
    ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=100 << 20, log_to_driver=False)
    yield
    ray.shutdown()


def predict(*arguments: str | Path) -> None:
    app(["predict", "--model", "sentiment", *map(str, arguments)], standalone_mode=False)


def test_shards_are_those_of_the_plain_command(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    for seed in range(3):
        table = pyarrow.Table.from_pylist(
            [{"text": text, "n": n} for n, (text, _) in enumerate(made_reviews(500, seed))]
        )
        pyarrow.parquet.write_table(table, f"logs/{seed}.parquet")
    write_csv(Path("logs/long.csv"), [(text * 60, label) for text, label in made_reviews(300)])
    Path("logs/broken.csv.gz").write_bytes(b"no gzip")
    write_csv(Path("logs", os.fsdecode(b"\xff.csv")), made_reviews(20))
    told = []
    for output, engine in (("here", "local"), ("there", "ray")):
        with pytest.raises(NlpkitError, match="1 of 6 shards could not be written"):
            predict("--file", "logs/*", "--output", output, "--engine", engine)
        shown = capsys.readouterr()
        assert shown.out == ""
        told.append(sorted(shown.err.replace(output, "").splitlines()))
    assert len(content("here")) == 5
    assert content("there") == content("here")
    assert told[0] == told[1]
    assert any("logs/long.csv: of texts longer than" in line for line in told[0])
    assert any(line.startswith("error: logs/broken.csv.gz is damaged") for line in told[0])
    assert Path("there", LIST).read_text() == Path("here", LIST).read_text()


def test_translations_on_a_cluster_that_is_named(
    cluster: None, nlpkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("a", "b"):
        (tmp_path / "logs" / f"{name}.txt").write_text("5 mars 2024\nMay 3rd, 2020\n\n" * 9)
    monkeypatch.setenv("RAY_ADDRESS", ray.get_runtime_context().gcs_address)
    for output, engine in (("here", "local"), ("there", "ray")):
        words = ["--model", "dates", "--model", "dates", "--file", "logs/*.txt", "--output", output, "--engine", engine]
        done = nlpkit("translate", *words, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", f"wrote 2 shards to {output}, 54 rows\n")
    assert content(str(tmp_path / "there")) == content(str(tmp_path / "here"))
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    done = nlpkit("translate", *words, "--overwrite", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: Ray cannot be started or reached: ")
    assert content(str(tmp_path / "there")) == content(str(tmp_path / "here"))


def test_a_model_that_cannot_be_opened(cluster: None, tmp_path: Path) -> None:
    from nlpkit.ray import answer_shards

    bundle = Bundle({"task": "nothing"}, {})
    model: Any = SimpleNamespace(exported=lambda: SimpleNamespace(bundle=bundle))
    with pytest.raises(NlpkitError, match=r"^Ray's workers do not begin: .*does not know"):
        list(answer_shards([model], partial(die_of, once="", always=""), [("a", "b")]))


def die_of(model: Any, file: Path, output: Path, *, once: str, always: str) -> int:
    """An answer that kills its worker."""
    seen = file.with_suffix(".seen")
    if file.name == always or (file.name == once and not seen.exists()):
        seen.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    output.write_text(file.name)
    return 1


def test_a_worker_that_is_killed(cluster: None, tmp_path: Path) -> None:
    from nlpkit.ray import answer_shards

    names = ["a", "b", "c", "d", "e"]
    for name in names:
        (tmp_path / name).touch()
    work = [(str(tmp_path / name), str(tmp_path / "out" / name)) for name in names]
    answer = partial(die_of, once="b", always="d")
    found = dict(answer_shards([package.load("sentiment")], answer, work))
    assert {names[number] for number, outcome in found.items() if outcome.error is None} == {"a", "b", "c", "e"}
    assert found[3].error == f"{tmp_path}/d: its worker was killed 4 times; see whether there is memory enough"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b", "c", "e"]


def workers_of(process: int) -> list[int]:
    """Ray's workers that have begun to answer, below a process."""
    found, parents = [], {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if b"MapWorker" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return [one for one in found if process in ancestors(one, parents)]


def ancestors(process: int, parents: dict[int, int]) -> Iterator[int]:
    while process := parents.get(process, 0):
        yield process


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds workers in /proc")
def test_one_of_two_workers_is_killed_in_the_middle(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for seed in range(6):
        write_csv(logs / f"{seed}.csv", made_reviews(3_000, seed))
    command: list[str | Path] = [
        Path(sys.executable).with_name("nlpkit"),
        "predict",
        "--model",
        "sentiment",
        "--file",
        "logs/*.csv",
    ]
    with subprocess.Popen(
        [*command, "--output", "there", "--engine", "ray"], cwd=tmp_path, stdout=-1, stderr=-1, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("there/*.csv")) and time.monotonic() < deadline:
            time.sleep(0.01)
        (killed, *_) = workers_of(process.pid)
        done = len(list(tmp_path.glob("there/*.csv")))
        os.kill(killed, signal.SIGKILL)
        out, told = process.communicate(timeout=120)
    assert 1 <= done < 6
    assert (process.returncode, out, told) == (0, "", "wrote 6 shards to there, 18,000 rows\n")
    assert not workers_of(process.pid)
    assert subprocess.run([*command, "--output", "here"], cwd=tmp_path, stderr=-1).returncode == 0
    assert content(str(tmp_path / "there")) == content(str(tmp_path / "here"))


# -- in Python


def rows_of(dataset: Any) -> list[dict[str, Any]]:
    return sorted(dataset.take_all(), key=lambda row: row["n"])


def test_a_dataset_is_labelled(cluster: None, trained: Path) -> None:
    from nlpkit.ray import predict as label

    reviews = [{"n": n, "text": text, "label": label} for n, (text, label) in enumerate(made_reviews(300))]
    reviews[7]["text"] = None
    dataset = ray.data.from_items(reviews, override_num_blocks=3)
    model = package.load(trained)
    assert isinstance(model, package.TextClassifier)
    expected = model.predict_proba([row["text"] or "" for row in reviews])
    for bundle in (str(trained), model):
        found = rows_of(label(dataset, bundle, concurrency=1))
        assert [{name: row[name] for name in ("n", "text", "label")} for row in found] == reviews
        assert [row["predicted_label"] for row in found] == model.predict([row["text"] or "" for row in reviews])
        assert [row["score"] for row in found] == pytest.approx(expected.max(1).tolist(), abs=2e-6)
    both = label(dataset, model, top=5, concurrency=(1, 2))
    assert [list(row)[3:] for row in both.take(1)] == [["predicted_label", "score", "label_2", "score_2"]]
    sure = rows_of(label(dataset, model, min_score=0.99, concurrency=1))
    assert [row["predicted_label"] for row in sure] == model.predict(
        [row["text"] or "" for row in reviews], min_score=0.99
    )


def test_no_rows_have_columns_of_the_same_types(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nlpkit.ray import _Rows

    monkeypatch.setattr("nlpkit.cores._beside_others", None)  # what it sets, it sets for its process
    worker = _Rows(str(trained), "text", 2, None)
    table = pyarrow.table({"score": [1], "text": ["a lovely day"]})
    found = worker(table)
    assert found.column_names == ["score", "text", "label", "predicted_score", "label_2", "score_2"]
    assert found.column("label").to_pylist() == ["positive"]
    assert worker(table.slice(1)).schema == found.schema


def test_what_cannot_be_labelled(cluster: None, trained: Path) -> None:
    from nlpkit.ray import predict as label

    dataset = ray.data.from_items([{"one": "a", "two": "b"}])
    with pytest.raises(UsageError, match=r"one.*two.*text_column"):
        label(dataset, trained)
    with pytest.raises(UsageError, match="'text' is no column"):
        label(dataset, trained, text_column="text")
    with pytest.raises(UsageError, match="top is 1 or more"):
        label(dataset, trained, text_column="one", top=2, min_score=0.5)
    with pytest.raises(UsageError, match="holds a model for translation"):
        label(dataset, "dates", text_column="one")
    with pytest.raises(NlpkitError, match="there is no bundle at"):
        label(dataset, "nothing", text_column="one")
