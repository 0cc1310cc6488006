"""Many files: a shard for each, whole or not there, what is done is left, and nothing of anybody else's is replaced."""

import bz2
import fcntl
import gzip
import itertools
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pyarrow
import pyarrow.parquet
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from nlpkit import TextClassifier, cores, load
from nlpkit.answers.rows import answer_name
from nlpkit.answers.shards import LIST
from nlpkit.cli import app
from nlpkit.data.remote import inside
from nlpkit.errors import DataError, NlpkitError, UsageError
from nlpkit.models import STARTERS
from nlpkit.tasks.classification.answering import plan_batches
from tests.conftest import Command, made_reviews, write_csv
from tests.test_rows import read, write_jsonl

OPENERS = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


def predict(*arguments: str | Path) -> None:
    """The command, in this process."""
    app(["predict", "--model", "sentiment", *map(str, arguments)], standalone_mode=False)


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("logs", "old").mkdir(parents=True)


def write_logs(*names: str) -> None:
    for seed, name in enumerate(names):
        write_csv(Path("logs", name), made_reviews(20, seed))


def content(folder: str = "labels") -> dict[str, bytes]:
    """Each file in a folder, but the list."""
    files = [path for path in Path(folder).rglob("*") if path.is_file() and path.name != LIST]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def when(folder: str = "labels") -> dict[str, int]:
    return {name: Path(folder, name).stat().st_mtime_ns for name in content(folder)}


def test_each_file_has_a_shard_as_if_alone(capsys: pytest.CaptureFixture[str]) -> None:
    rows = made_reviews(20)
    write_csv(Path("logs/a.csv"), rows)
    table = Path("logs/a.csv").read_bytes()
    Path("logs/a.csv.gz").write_bytes(gzip.compress(table))
    Path("logs/b.tab.xz").write_bytes(lzma.compress(table.replace(b",", b"\t")))
    objects = [{"text": text, "n": [n]} for n, (text, _) in enumerate(rows)]
    write_jsonl(Path("logs/old/a.ndjson"), *objects)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(objects), "logs/a.parquet", row_group_size=7)
    Path("logs/old/lines.log.bz2").write_bytes(bz2.compress("".join(f"{text}\n" for text, _ in rows).encode()))
    names = {"a.csv", "a.csv.gz", "b.tab.xz", "old/a.ndjson", "a.parquet", "old/lines.log.bz2"}
    predict("--file", "logs/**/*.*", "--output", "labels")
    found = content()
    assert set(found) == names
    assert capsys.readouterr().err.endswith("wrote 6 shards to labels, 120 rows\n")
    Path("alone/old").mkdir(parents=True)
    for name in names:
        predict("--file", f"logs/{name}", "--output", f"alone/{name}")
    assert content("alone") == found
    assert gzip.decompress(found["a.csv.gz"]) == found["a.csv"]
    assert lzma.decompress(found["b.tab.xz"]).replace(b"\t", b",") == found["a.csv"]
    assert bz2.decompress(found["old/lines.log.bz2"]).decode().splitlines()[1].split("\t")[2] == rows[1][0]
    predicted = [row["predicted_label"] for row in read(Path("labels/a.csv"))]
    assert predicted == [row["label"] for row in read(Path("labels/a.parquet"))]
    assert {"negative", "positive"} == set(predicted)


def test_zstandard_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    zstd = pytest.importorskip("backports.zstd")
    write_logs("a.csv")
    Path("logs/a.csv.zst").write_bytes(zstd.compress(Path("logs/a.csv").read_bytes()))
    predict("--file", "logs/*", "--output", "labels")
    assert zstd.decompress(content()["a.csv.zst"]) == content()["a.csv"]


def test_packed_answers_are_the_same_whenever(monkeypatch: pytest.MonkeyPatch) -> None:
    write_logs("a.csv")
    for name in ("1.csv.gz", "2.csv.gz"):
        predict("--file", "logs/a.csv", "--output", name)
        monkeypatch.setattr(time, "time", lambda: 1e9)
    assert Path("1.csv.gz").read_bytes() == Path("2.csv.gz").read_bytes()


def test_what_is_done_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    write_logs("a.csv", "b.csv")
    predict("--file", "logs/*.csv", "--output", "labels")
    first, before = content(), when()
    predict("--file", "logs/*.csv", "--output", "labels")
    assert capsys.readouterr().err.endswith("labels: 2 of 2 shards are done already\n")
    assert when() == before
    write_logs("a.csv", "a.csv", "c.csv")  # a.csv is another now
    Path("labels/b.csv").unlink()
    predict("--file", "logs/*.csv", "--output", "labels")
    told = capsys.readouterr().err
    assert "1 shards are written anew, since their files have changed" in told
    assert "3 shards" in told
    assert content()["b.csv"] == first["b.csv"]
    assert content()["a.csv"] != first["a.csv"]
    assert len(read(Path("labels/c.csv"))) == 20


def test_shards_are_added_to_others(tmp_path: Path) -> None:
    write_logs("a.csv", "b.csv", "old/a.csv")
    predict("--file", "logs/*.csv", "--output", "labels")
    before = when()
    with pytest.raises(UsageError, match=rf"labels/a\.csv is for {tmp_path}/logs/a\.csv; pick another --output"):
        predict("--file", "logs/old/*.csv", "--output", "labels")
    write_csv(Path("logs/old/c.csv"), made_reviews(2))
    predict("--file", "logs/old/c.csv", "--file", str(tmp_path / "logs/a.csv"), "--output", "labels")
    assert {name: when()[name] for name in before} == before
    assert len(read(Path("labels/c.csv"))) == 2
    predict("--file", "logs/a.csv", "--file", "logs/b.csv", "--output", "labels", "--overwrite")
    before = when()
    predict("--file", "logs/*.csv", "--file", "logs/old/c.csv", "--output", "labels")
    assert when() == before


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--top", "2"], "with --top 1;"),
        (["--min-score", "0.7"], "without --min-score;"),
        (["--text-column", "text"], "without --text-column;"),
        (["--no-header"], "without --no-header;"),
        (["--model", "language"], "holds a model for generation"),
    ],
)
def test_other_answers_are_not_taken_for_done(arguments: list[str], part: str) -> None:
    write_logs("a.csv")
    predict("--file", "logs/*.csv", "--output", "labels")
    before = content()
    with pytest.raises(UsageError, match=part):
        predict("--file", "logs/*.csv", "--output", "labels", *arguments)
    assert content() == before


def test_a_switch_is_told_as_it_is_typed() -> None:
    write_logs("a.csv")
    predict("--file", "logs/*.csv", "--output", "labels", "--no-header", "--text-column", "1")
    with pytest.raises(UsageError, match="labels holds answers with --no-header; pick"):
        predict("--file", "logs/*.csv", "--output", "labels", "--text-column", "1")


def test_another_model_is_not_taken_for_the_same() -> None:
    write_logs("a.csv", "b.csv")
    predict("--file", "logs/*.csv", "--output", "labels")
    before = when()
    shutil.copytree(STARTERS / "sentiment", "other")
    metadata = json.loads(Path("other/metadata.json").read_text())
    Path("other/metadata.json").write_text(json.dumps(metadata | {"created": "2020-01-01T00:00:00+00:00"}))
    with pytest.raises(UsageError, match="labels holds answers of another model; pick another --output, or --overwri"):
        predict("--file", "logs/*.csv", "--output", "labels", "--model", "other")
    assert when() == before
    predict("--file", "logs/*.csv", "--output", "labels", "--model", "other", "--overwrite")
    assert all(when()[name] > before[name] for name in before)
    predict("--file", "logs/*.csv", "--output", "labels", "--model", "other")


def test_what_is_somebody_elses_stays() -> None:
    write_logs("a.csv", "b.csv")
    Path("labels").mkdir()
    Path("labels/b.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"labels/b\.csv exists, and is not of this run"):
        predict("--file", "logs/*.csv", "--output", "labels")
    assert content() == {"b.csv": b"mine"}
    assert not Path("labels", LIST).exists()
    predict("--file", "logs/*.csv", "--output", "labels", "--overwrite")
    assert len(read(Path("labels/b.csv"))) == 20
    with Path("labels/b.csv").open("a") as file:
        file.write("a note of mine\n")
    with pytest.raises(UsageError, match=r"labels/b\.csv was changed since it was written"):
        predict("--file", "logs/*.csv", "--output", "labels")
    assert content()["b.csv"].endswith(b"a note of mine\n")
    Path("labels/a.csv").unlink()
    Path("labels/a.csv").mkdir()
    with pytest.raises(UsageError, match=r"labels/a\.csv is a folder"):
        predict("--file", "logs/*.csv", "--output", "labels", "--overwrite")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "x"}', '{"format": "nlpkit shards", "asked": {}}', "\xff"])
def test_a_damaged_list_is_told(text: str) -> None:
    write_logs("a.csv")
    Path("labels").mkdir()
    Path("labels", LIST).write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match="is damaged, or not nlpkit's"):
        predict("--file", "logs/*.csv", "--output", "labels")
    assert content() == {}


def test_a_damaged_shard_is_named_and_the_rest_done(nlpkit: Command) -> None:
    write_logs("a.csv", "b.csv.gz", "c.csv", "d.csv")
    Path("logs/d.csv").write_text("text\nfine\n\xff\n", encoding="latin-1")
    arguments = ["predict", "--model", "sentiment", "--file", "logs/*", "--output", "labels"]
    done = nlpkit(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    told = done.stderr.splitlines()
    assert told[0].startswith("error: logs/b.csv.gz is damaged, or no .gz file")
    assert told[1].startswith("error: logs/d.csv line 3")
    assert told[2] == "wrote 2 shards to labels, 40 rows"
    assert told[3].startswith("error: 2 of 4 shards could not be written, as told above; the same command tries these")
    assert set(content()) == {"a.csv", "c.csv"}
    before = when()
    write_logs("x.csv", "d.csv")
    Path("logs/x.csv").unlink()
    Path("logs/b.csv.gz").write_bytes(gzip.compress(Path("logs/c.csv").read_bytes()))
    again = nlpkit(*arguments)
    assert (again.returncode, again.stdout) == (0, "")
    assert "labels: 2 of 4 shards are done already" in again.stderr
    assert gzip.decompress(content()["b.csv.gz"]) == content()["c.csv"]
    assert {name: when()[name] for name in before} == before


def test_what_is_made_where_a_shard_failed_is_not_replaced() -> None:
    write_logs("a.csv", "b.csv", "c.csv")
    predict("--file", "logs/[bc].csv", "--output", "labels")
    begun = json.loads(Path("labels", LIST).read_text())
    begun["shards"]["c.csv"]["bytes"] = (
        None  # as a killed run leaves one that it has just written, and one that it has not
    )
    begun["shards"]["a.csv"] = {"source": str(Path("logs/a.csv").resolve()), "state": "", "bytes": None}
    Path("labels", LIST).write_text(json.dumps(begun))
    before = content()
    for name in ("a.csv", "b.csv", "c.csv"):
        Path("logs", name).write_bytes(b"text\n\xff\n")
    with pytest.raises(NlpkitError, match="3 of 3 shards could not be written"):
        predict("--file", "logs/*.csv", "--output", "labels")
    assert content() == before
    Path("labels/a.csv").write_text("mine")
    write_logs("a.csv", "b.csv", "c.csv")
    with pytest.raises(UsageError, match=r"labels/a\.csv exists, and is not of this run"):
        predict("--file", "logs/*.csv", "--output", "labels")
    assert content()["a.csv"] == b"mine"
    Path("labels/a.csv").unlink()
    predict("--file", "logs/*.csv", "--output", "labels")
    assert {name: content()[name] for name in before} == before


def test_a_failed_shard_leaves_somebody_elses_file_theirs() -> None:
    write_logs("a.csv", "b.csv")
    Path("logs/a.csv").write_bytes(b"text\n\xff\n")
    Path("labels").mkdir()
    Path("labels/a.csv").write_text("mine")
    with pytest.raises(NlpkitError, match="1 of 2 shards could not be written"):
        predict("--file", "logs/*.csv", "--output", "labels", "--overwrite")
    write_logs("a.csv")
    with pytest.raises(UsageError, match=r"labels/a\.csv exists, and is not of this run"):
        predict("--file", "logs/*.csv", "--output", "labels")
    assert content()["a.csv"] == b"mine"


def test_names_that_are_not_utf8(nlpkit: Command) -> None:
    write_logs("a.csv")
    strange, damaged = (os.fsdecode(b"%s\xff.csv" % name) for name in (b"x", b"y"))
    shutil.copy("logs/a.csv", Path("logs", strange))
    Path("logs", damaged).write_bytes(b"text\n\xfe\n")
    arguments = ["predict", "--model", "sentiment", "--file", "logs/*.csv", "--output", "labels"]
    done = nlpkit(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: logs/y\\udcff.csv line 2")
    assert content() == {"a.csv": content()["a.csv"], strange: content()["a.csv"]}
    Path("logs", damaged).unlink()
    again = nlpkit(*arguments)
    assert (again.returncode, again.stderr) == (0, "labels: 2 of 2 shards are done already\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_goes_on(number: int) -> None:
    rows = [(f"{text} {n}",) for n, (text, _) in enumerate(made_reviews(1_500))]
    for name in ("a", "b", "c", "d"):
        write_csv(Path(f"logs/{name}.csv"), rows, ("text",))
    command: list[str | Path] = [
        Path(sys.executable).with_name("nlpkit"),
        "predict",
        "--model",
        "sentiment",
        "--file",
        "logs/*.csv",
    ]
    with subprocess.Popen([*command, "-o", "labels"], stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not Path("labels/b.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(number)
        process.communicate()
    assert process.returncode != 0
    found = content()
    assert {"a.csv", "b.csv"} <= set(found)
    assert "d.csv" not in found
    assert all(part.count(b"\n") == 1_501 for name, part in found.items() if not name.startswith(".nlpkit-"))
    predict("--file", "logs/*.csv", "--output", "labels")
    found = content()
    assert set(found) == {"a.csv", "b.csv", "c.csv", "d.csv"}
    assert len(set(found.values())) == 1


def test_one_run_at_a_time() -> None:
    write_logs("a.csv")
    Path("labels").mkdir()
    descriptor = os.open("labels", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(UsageError, match=r"another run .* writes there"):
            predict("--file", "logs/*.csv", "--output", "labels")
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("file", "said", "expected"),
    [
        ("a.csv", None, "a.csv"),
        ("old/a.CSV.GZ", None, "old/a.CSV.GZ"),
        ("a.csv", "jsonl", "a.jsonl"),
        ("a.csv.gz", "jsonl", "a.jsonl.gz"),
        ("a.csv.gz", "parquet", "a.parquet"),
        ("a.jl", "jsonl", "a.jl"),
        ("a.parquet", None, "a.parquet"),
        ("a.parquet.gz", None, "a.parquet"),
        ("a.json", None, "a.jsonl"),
        ("a.xlsx", None, "a.csv"),
        ("a.psv.bz2", None, "a.csv.bz2"),
        ("a.csv.zip", None, "a.csv"),
        ("a.log", None, "a.log"),
        ("a.log", "csv", "a.log.csv"),
        ("a.txt", "plain", "a.txt"),
        ("a", None, "a"),
        ("a.tsv", "plain", "a.txt"),
    ],
)
def test_names_of_shards(file: str, said: str | None, expected: str) -> None:
    assert answer_name(file, said) == expected


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--file", "logs/*.tsv", "-o", "labels"], "no file matches logs/\\*.tsv"),
        (["--file", "logs/old", "-o", "labels"], "there is no table in logs/old"),
        (["--file", "logs/*.csv"], "name it with --output"),
        (["--file", "logs", "--file", "-", "-o", "labels"], "leave --file - out"),
        (["--file", "logs/*", "-o", "logs/a.csv"], "logs/a.csv is a file"),
        (["--file", "logs/*.csv", "-o", "logs"], "logs/a.csv is a file to answer"),
        (["--file", "logs/*", "-o", "labels", "--format", "parquet"], "both be written as labels/a.parquet"),
        (["--file", "logs/a.csv", "--file", "more/a.csv", "-o", "labels"], "both be written as labels/a.csv"),
        (["--file", "logs/a.csv", "--engine", "ray"], "--engine ray answers many files"),
        (["--engine", "ray", "a text"], "--engine goes with --file"),
        (["--file", "logs/a.csv", "logs/a.csv.gz", "-o", "labels"], "put a pattern in 'quotes'"),
        (["--file", "logs/*.csv", "-o", "labels", "--top", "2", "--min-score", "0.5"], "give one of them"),
        (["--file", "logs/*.csv", "-o", "labels", "--min-score", "2"], "from 0 to 1"),
        (["--file", "", "-o", "labels"], '--file "" is no name; name a file'),
        (["--file", "logs/*.csv", "--file", "", "-o", "labels"], '--file "" is no name; name a file'),
        (["--file", "logs/a.csv", "-o", "labels/"], "labels/ is a folder; name a file in it"),
        (["--file", "logs/*.csv", "-o", ""], '--output "" is no name; name where to write'),
    ],
)
def test_what_cannot_be_meant(arguments: list[str], part: str) -> None:
    write_logs("a.csv")
    Path("more").mkdir()
    write_csv(Path("more/a.csv"), made_reviews(2))
    Path("logs/a.csv.gz").write_bytes(gzip.compress(Path("logs/a.csv").read_bytes()))
    before = content("logs")
    with pytest.raises(UsageError, match=part):
        predict(*arguments)
    assert content("logs") == before
    assert not Path("labels").exists()


def test_a_name_that_looks_like_a_pattern_is_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    write_logs("a.csv", "b*[1].csv")
    predict("--file", "logs/b*[1].csv", "--output", "one.csv")
    assert len(read(Path("one.csv"))) == 20
    predict("--file", "logs/*.csv", "--output", "labels")
    assert set(content()) == {"a.csv", "b*[1].csv"}


def test_a_folder_is_its_tables_and_not_its_answers() -> None:
    write_logs("a.csv", "b.csv", "old/c.csv", ".d.csv")
    Path("logs/notes.txt").write_text("mine")
    predict("--file", "logs", "--output", "logs/labels", "--format", "jsonl")
    assert set(content("logs/labels")) == {"a.jsonl", "b.jsonl"}
    for _ in range(2):
        predict("--file", "logs/**/*.csv", "--output", "logs/deep")
        assert set(content("logs/deep")) == {"a.csv", "b.csv", "old/c.csv"}


def test_a_folder_is_answered_beside_its_tables_again_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    write_logs("a.csv", "b.csv")
    for files in ("logs", "logs/*", "logs"):
        predict("--file", files, "--output", "logs", "--format", "tsv")
        assert set(content("logs")) == {"a.csv", "b.csv", "a.tsv", "b.tsv"}
    assert "2 of 2 shards are done already" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"logs/a\.tsv is a file to answer"):
        predict("--file", "logs/a.tsv", "--file", "logs/b.csv", "--output", "logs")
    predict("--file", "logs", "--output", "logs", "--format", "jsonl", "--overwrite")
    predict("--file", "logs", "--output", "logs", "--format", "jsonl")
    assert set(content("logs")) == {f"{name}.{ending}" for name in "ab" for ending in ("csv", "tsv", "jsonl")}


def test_answers_with_other_options_stay_apart_when_some_are_replaced() -> None:
    write_logs("a.csv", "b.csv")
    predict("--file", "logs/*.csv", "--output", "labels")
    before = content()
    predict("--file", "logs/[a].csv", "--output", "labels", "--top", "2", "--overwrite")
    with pytest.raises(UsageError, match=r"labels/b\.csv exists, and is not of this run"):
        predict("--file", "logs/*.csv", "--output", "labels", "--top", "2")
    assert content()["a.csv"] != before["a.csv"]
    assert content()["b.csv"] == before["b.csv"]


def test_files_in_the_outputs_folder_are_answered() -> None:
    write_logs("a.csv", "old/b.csv")
    Path("data/2023").mkdir(parents=True)
    Path("data/2024").mkdir()
    shutil.copy("logs/a.csv", "data/2023/a.csv")
    shutil.copy("logs/old/b.csv", "data/2024/real.csv")
    for pattern in ("data/*/*.csv", "data/**/*.csv"):
        predict("--file", pattern, "--output", "data/2024")
        assert set(content("data/2024")) == {"real.csv", "2023/a.csv", "2024/real.csv"}
    assert len(read(Path("data/2024/2024/real.csv"))) == 20


def test_an_empty_table_has_an_empty_shard() -> None:
    Path("logs/a.csv").write_text("id,text\n")
    predict("--file", "logs/*", "--output", "labels")
    assert content() == {"a.csv": b"id,text,label,score\n"}


def test_translations_of_many_files(nlpkit: Command) -> None:
    dates = ["5 mars 2024", "May 3rd, 2020", "", "01.02.1999"] * 5
    for name in ("a", "b"):
        Path(f"logs/{name}.txt").write_text("\n".join(dates) + "\n")
        write_jsonl(Path(f"logs/{name}.jsonl"), *({"source": date} for date in dates))
    models = ["--model", "dates", "--model", "dates", "--beam", "2"]
    done = nlpkit("translate", *models, "--file", "logs/*.*", "--output", "out")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    for name in ("a.txt", "b.jsonl"):
        assert nlpkit("translate", *models, "--file", f"logs/{name}", "--output", name).returncode == 0
        assert Path("out", name).read_bytes() == Path(name).read_bytes()
    assert "2024-03-05" in Path("out/b.txt").read_text()
    assert "4 of 4 shards" in nlpkit("translate", *models, "--file", "logs/*.*", "--output", "out").stderr
    refused = nlpkit("translate", *models[2:], "--file", "logs/*.*", "--output", "out")
    assert refused.returncode == 2
    assert "another model" in refused.stderr
    ranked = nlpkit("translate", *models, "--file", "logs/*.*", "--output", "out", "--length-penalty", "0.6")
    assert "out holds answers without --length-penalty; pick" in ranked.stderr
    listed = json.loads(Path("out", LIST).read_text())
    listed["asked"]["coverage_penalty"] = 0.2
    Path("out", LIST).write_text(json.dumps(listed))
    ranked = nlpkit("translate", *models, "--file", "logs/*.*", "--output", "out")
    assert "out holds answers with --coverage-penalty 0.2; pick" in ranked.stderr
    looked = nlpkit("translate", "--model", "dates", "--file", "logs/*.txt", "--attention")
    assert looked.returncode == 2


def test_one_core_beside_others_plans_as_all_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_beside_others", None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    classifier = load("sentiment")
    assert isinstance(classifier, TextClassifier)
    texts = [text for text, _ in made_reviews(1_000)]
    lengths = [len(text) for text in texts]
    batches, answers = plan_batches(classifier.session, lengths), classifier.predict_proba(texts)
    assert len(set(cores.on_all_cores(lambda _: threading.get_ident(), range(30))) - {threading.get_ident()}) > 0
    cores.use_one_core(3)
    assert [batch.tolist() for batch in plan_batches(classifier.session, lengths)] == [one.tolist() for one in batches]
    assert (classifier.predict_proba(texts) == answers).all()
    assert set(cores.on_all_cores(lambda _: threading.get_ident(), range(30))) == {threading.get_ident()}
    cores.use_one_core()
    assert len(plan_batches(classifier.session, lengths)) < len(batches)


# -- at addresses


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    files = fsspec.filesystem("memory")
    yield files
    files.rm("/", recursive=True)


def test_files_at_addresses(memory: fsspec.AbstractFileSystem, capsys: pytest.CaptureFixture[str]) -> None:
    write_logs("a.csv", "b.csv")
    predict("--file", "logs/*.csv", "--output", "labels")
    for name in ("a.csv", "b.csv"):
        memory.pipe(f"/in/{name}", Path("logs", name).read_bytes())
    memory.pipe("/in/old/c.csv.gz", b"no gzip")
    memory.pipe("/in/.hidden.csv", b"text\nx\n")
    with pytest.raises(NlpkitError, match="1 of 3 shards could not be written"):
        predict("--file", "memory://in/**/*.*", "--output", "memory://out/deep")
    assert "error: memory://in/old/c.csv.gz is damaged, or no .gz file" in capsys.readouterr().err.replace("///", "//")
    assert sorted(memory.find("/out")) == [f"/out/deep/{LIST}", "/out/deep/a.csv", "/out/deep/b.csv"]
    assert {name: memory.cat(f"/out/deep/{name}") for name in content()} == content()
    memory.pipe("/in/b.csv", Path("logs/a.csv").read_bytes())
    memory.pipe("/in/old/c.csv.gz", gzip.compress(Path("logs/a.csv").read_bytes()))
    predict("--file", "memory://in/**/*.*", "--output", "memory://out/deep")
    told = capsys.readouterr().err
    assert "1 of 3 shards are done already" in told
    assert memory.cat("/out/deep/b.csv") == content()["a.csv"]
    assert gzip.decompress(memory.cat("/out/deep/old/c.csv.gz")) == content()["a.csv"]
    predict("--file", "memory://in/", "--output", "here")
    assert set(content("here")) == {"a.csv", "b.csv"}
    memory.pipe("/out/deep/b.csv", b"mine")
    with pytest.raises(UsageError, match="was changed since it was written"):
        predict("--file", "memory://in/*.csv", "--output", "memory://out/deep")


def test_one_file_at_an_address(memory: fsspec.AbstractFileSystem, capsys: pytest.CaptureFixture[str]) -> None:
    write_logs("a.csv")
    memory.put("logs/a.csv", "/in/a.csv")
    predict("--file", "memory://in/a.csv")
    shown = capsys.readouterr().out
    predict("--file", "logs/a.csv")
    assert capsys.readouterr().out == shown
    predict("--file", "memory://in/a.csv", "--output", "memory://out/a.jsonl")
    lines = memory.cat("/out/a.jsonl").decode().splitlines()
    assert len([json.loads(line)["label"] for line in lines]) == 20
    assert memory.find("/out") == ["/out/a.jsonl"]
    with pytest.raises(UsageError, match=r"memory://out/a\.jsonl exists"):
        predict("--file", "memory://in/a.csv", "--output", "memory://out/a.jsonl")
    memory.pipe("/in/b.csv", b"text\n\xff\n")
    with pytest.raises(DataError, match=r"memory://in/b\.csv line 2"):
        predict("--file", "memory://in/b.csv", "--output", "memory://out/b.csv")
    assert memory.find("/out") == ["/out/a.jsonl"]
    with pytest.raises(DataError, match=r"memory://in/c\.csv cannot be read"):
        predict("--file", "memory://in/c.csv")


@pytest.mark.parametrize("place", ["/", "/out", "/out/", "/new/"])
def test_one_output_at_an_address_is_no_folder(memory: fsspec.AbstractFileSystem, place: str) -> None:
    write_logs("a.csv")
    memory.pipe("/out/b.csv", b"mine")
    with pytest.raises(UsageError, match=rf"^memory:/{place} is a folder; name a file in it$"):
        predict("--file", "logs/a.csv", "--output", f"memory:/{place}", "--overwrite")
    assert memory.find("/") == ["/out/b.csv"]


def test_one_place_has_one_spelling(
    memory: fsspec.AbstractFileSystem, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_logs("a.csv", "b.csv")
    before = content("logs")
    Path("link").symlink_to("logs")
    spelt = ["logs", f"file://{tmp_path}/logs", f"file://{tmp_path}//logs/", f"file://{tmp_path}/link", "link"]
    for files, output in itertools.permutations(spelt, 2):
        with pytest.raises(UsageError, match=r"/a\.csv is a file to answer"):
            predict("--file", f"{files}/*.csv".replace("//*", "/*"), "--output", output, "--overwrite")
        assert content("logs") == before
    predict("--file", "logs/*.csv", "--file", f"file://{tmp_path}/link/a.csv", "--output", "labels")
    predict("--file", f"file://{tmp_path}//logs/*.csv", "--output", "labels")
    assert "labels: 2 shards are written anew" in capsys.readouterr().err  # fsspec tells of changes in other words
    assert set(content()) == {"a.csv", "b.csv"}
    memory.pipe("/logs/a.csv", before["a.csv"])
    memory.pipe("/logs/old/b.csv", before["b.csv"])
    for output in ("memory://logs/out", "memory:///logs/out/", "memory://logs/out"):
        predict("--file", "memory://logs/**/*.csv", "--output", output)
        assert [name for name in memory.find("/logs/out") if LIST not in name] == [
            "/logs/out/a.csv",
            "/logs/out/old/b.csv",
        ]
    assert "2 of 2 shards are done already" in capsys.readouterr().err
    with pytest.raises(UsageError, match="is a file to answer"):
        predict("--file", "memory://logs/**/*.csv", "--output", "memory:///logs", "--overwrite")


class Hosts(MemoryFileSystem):
    """Files on hosts, whose paths do not tell of them, as of `hdfs://` and others."""

    protocol = "hosts"
    stores: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, host: str, user: str) -> None:
        super().__init__()
        self.store, self.pseudo_dirs = self.stores.setdefault(host, {}), [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        address = path.startswith("hosts://")
        return str(super()._strip_protocol("/" + path.split("/", 3)[3] if address else path))

    @staticmethod
    def _get_kwargs_from_urls(address: str) -> dict[str, str]:
        user, _, host = address.split("/")[2].rpartition("@")
        return {"host": host, "user": user}


def test_addresses_keep_their_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    fsspec.register_implementation("hosts", Hosts, clobber=True)
    write_logs("a.csv", "b.csv")
    predict("--file", "logs/*.csv", "--output", "labels")
    host = fsspec.core.url_to_fs("hosts://one:1/")[0]
    for name in ("a.csv", "b.csv"):
        host.pipe(f"/logs/{name}", Path("logs", name).read_bytes())
    for pattern in ("hosts://one:1/logs/*.csv", "hosts://me@one:1/logs/"):
        predict("--file", pattern, "--output", "hosts://two:2/logs")
    assert "2 of 2 shards are done already" in capsys.readouterr().err
    assert set(Hosts.stores["two:2"]) == {"/logs/a.csv", "/logs/b.csv", f"/logs/{LIST}"}
    assert Hosts.stores["two:2"]["/logs/a.csv"].getvalue() == content()["a.csv"]
    listed = json.loads(Hosts.stores["two:2"][f"/logs/{LIST}"].getvalue())
    assert listed["shards"]["a.csv"]["source"] == "hosts://one:1/logs/a.csv"
    with pytest.raises(UsageError, match=r"hosts://you@one:1/logs/a\.csv is a file to answer"):
        predict("--file", "hosts://me@one:1/logs/*.csv", "--output", "hosts://you@one:1/logs", "--overwrite")
    with pytest.raises(UsageError, match="both be written as"):
        predict("--file", "hosts://one:1/logs/*", "--file", "hosts://two:2/logs/a.csv", "--output", "here")


def test_an_archive_keeps_its_columns(tmp_path: Path) -> None:
    write_csv(Path("a.csv"), [("1", "so dull"), ("2", "lovely")], ("id", "text"))
    with zipfile.ZipFile("logs/mails.zip", "w") as archive:
        archive.write("a.csv")
    shutil.copy("a.csv", "logs/b.csv")
    Path("logs/c.zip").write_bytes(b"PK")
    with pytest.raises(NlpkitError, match=r"^1 of 3 shards could not be written"):
        predict("--file", "logs/*", "--output", "labels")
    found = content()
    assert set(found) == {"mails.csv", "b.csv"}
    assert found["mails.csv"] == found["b.csv"]
    assert found["b.csv"].startswith(b"id,text,")
    predict("--file", "logs/mails.zip", "--output", "one")
    assert Path("one").read_bytes() == found["b.csv"]


def test_archives_of_one_name_are_not_one(tmp_path: Path) -> None:
    for seed, folder in enumerate(("logs", "logs/old")):
        write_csv(Path("a.csv"), made_reviews(2, seed))
        with zipfile.ZipFile(f"{folder}/a.zip", "w") as archive:
            archive.write("a.csv")
    archives = [f"zip://a.csv::file://{tmp_path}/{folder}/a.zip" for folder in ("logs", "logs/old")]
    with pytest.raises(UsageError, match="both be written as"):
        predict("--file", archives[0], "--file", archives[1], "--output", "labels")


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("memory://", "memory://a/b.csv"),
        ("file:///", "file:///a/b.csv"),
        ("s3://bucket//", "s3://bucket/a/b.csv"),
        ("https://host/in", "https://host/in/a/b.csv"),
        ("in/", "in/a/b.csv"),
    ],
)
def test_a_file_is_inside_its_folder(folder: str, expected: str) -> None:
    assert inside(folder, "a/b.csv") == expected


class Web(fsspec.AbstractFileSystem):
    """Files as `https://` has them: a path is the whole address."""

    protocol = "https"
    files: ClassVar[dict[str, bytes]] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        if path not in self.files:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(self.files[path]), "type": "file"}

    def get_file(self, path: str, local: str, **options: Any) -> None:
        Path(local).write_bytes(self.files[path])


def test_what_looks_like_a_pattern_at_an_address(
    memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "https", Web)
    write_logs("a.csv", "b*[1].csv")
    predict("--file", "logs/*.csv", "--output", "labels")
    memory.pipe({f"/in/{name}": Path("logs", name).read_bytes() for name in ("a.csv", "b*[1].csv")})
    predict("--file", "memory://in/b*[1].csv", "--output", "one.csv")
    assert Path("one.csv").read_bytes() == content()["b*[1].csv"]
    memory.pipe("/a.csv", Path("logs/a.csv").read_bytes())
    predict("--file", "memory://a.csv", "--file", "memory://in/b*[1].csv", "--output", "two")
    assert content("two") == content()
    signed = "https://host/logs/a.csv?X[]=1&back=/here"
    Web.files[signed] = Path("logs/a.csv").read_bytes()
    predict("--file", signed, "--output", "web.csv")
    assert Path("web.csv").read_bytes() == content()["a.csv"]
    predict("--file", signed, "--file", "memory://in/b*[1].csv", "--output", "three")
    assert content("three") == content()
    with pytest.raises(DataError, match=r"^https://host/b\.csv\?X=1 cannot be read: KeyError"):
        predict("--file", "https://host/b.csv?X=1", "--output", "no.csv")


def test_addresses_through_the_command(nlpkit: Command, tmp_path: Path) -> None:
    write_logs("a.csv", "old/b.csv")
    done = nlpkit(
        "predict", "--model", "sentiment", "-f", f"file://{tmp_path}/logs/**/*.csv", "-o", f"file://{tmp_path}/out"
    )
    assert done.returncode == 0, done.stderr
    assert set(content("out")) == {"a.csv", "old/b.csv"}
    predict("--file", "logs/**/*.csv", "--output", "labels")
    assert content("out") == content()
    before = when("out")
    nlpkit("predict", "--model", "sentiment", "-f", f"file://{tmp_path}/logs/**/*.csv", "-o", f"file://{tmp_path}/out")
    assert when("out") == before


def test_addresses_that_cannot_be_used() -> None:
    fsspec.register_implementation("nowhere", "no_such_package.FileSystem", clobber=True, errtxt="Install it")
    with pytest.raises(NlpkitError, match=r"^nowhere:// needs no_such_package; pip install no_such_package brings it$"):
        predict("--file", "nowhere://a/*.csv", "--output", "labels")
    with pytest.raises(UsageError, match=r"nothing://a/b\.csv is no address that fsspec knows"):
        predict("--file", "nothing://a/b.csv")


@pytest.mark.parametrize(
    ("missing", "arguments", "told"),
    [
        ("fsspec", ["--file", "s3://a/*.csv"], r"^s3://a/\*\.csv needs fsspec; pip install \"nlpkit-lstm\[remote\]\""),
        (
            "ray",
            ["--file", "logs/*", "--engine", "ray"],
            r"^--engine ray needs Ray; pip install \"nlpkit-lstm\[ray\]\"",
        ),
    ],
)
def test_extras_that_are_missing(
    missing: str, arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_logs("a.csv")
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(NlpkitError, match=told):
        predict(*arguments, "--output", "labels")
    assert content() == {}
