"""Bundles: written whole or not at all, and every kind of damage told apart."""

import errno
import json
import subprocess
import sys
from contextlib import suppress
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import pytest

from nlpkit import bundle as bundles
from nlpkit.bundle import METADATA, Bundle, check_output, newest_bundle, read_bundle, write_bundle
from nlpkit.errors import BundleError, UsageError
from nlpkit.output import replacing
from nlpkit.recipe import Recipe, recipe_to_toml
from nlpkit.tasks import task_of
from nlpkit.tasks.classification.classifier import TextClassifier
from nlpkit.tasks.classification.recipe import ClassificationRecipe
from nlpkit.tasks.generation.generator import TextGenerator
from nlpkit.tasks.generation.recipe import GenerationRecipe
from nlpkit.training.run import begin_run, check_run, claimed_run, holds_run, remove_run
from tests.conftest import Command


class Pieces:
    """What stands before a network, as a run keeps it."""

    file = "tokenizer.model"

    def to_bytes(self) -> bytes:
        return b"pieces"

    def facts(self) -> dict[str, Any]:
        return {"vocabulary": 1}


PIECES = Pieces()


def made(**metadata: Any) -> Bundle:
    known = {
        "task": "classification",
        "created": "2026-01-02T03:04:05+00:00",
        "labels": ["no", "yes"],
        "data": {"source": "made.csv", "fingerprint": "f", "train": 9, "validation": 1},
        "vocabulary": 8,
        "parameters": 100,
        "epochs": 1,
        "training_seconds": 0.5,
        "metrics": {"validation": {"accuracy": 1.0, "macro_f1": 1.0}},
        "versions": {"nlpkit-lstm": "0.1"},
    }
    return Bundle(known | metadata, {"model.onnx": b"\x00graph", "recipe.toml": "# é\n".encode()})


def test_round_trip(tmp_path: Path) -> None:
    write_bundle(tmp_path / "deep" / "model", made())
    again = read_bundle(tmp_path / "deep" / "model")
    assert again.files == made().files
    assert again.metadata["task"] == "classification"
    assert again.metadata["format_version"] == 1
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model"]
    assert (tmp_path / "deep" / "model").stat().st_mode & 0o777 == 0o755


def change_metadata(folder: Path, **values: Any) -> None:
    path = folder / METADATA
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "model.onnx").write_bytes(b"\x00graphs"), "model.onnx is damaged"),
        (lambda f: (f / "model.onnx").unlink(), "model.onnx is missing"),
        (lambda f: (f / METADATA).write_text("{"), "metadata.json is damaged"),
        (lambda f: (f / METADATA).write_text("[]"), "metadata.json is damaged"),
        (lambda f: (f / METADATA).write_bytes(b"\xff"), "metadata.json is damaged"),
        (lambda f: (f / METADATA).unlink(), "is not an nlpkit bundle"),
        (lambda f: change_metadata(f, format_version=2), "bundle format 2, and this nlpkit reads 1"),
        (lambda f: change_metadata(f, sha256={"../secret": "x"}), "outside the bundle"),
        (lambda f: change_metadata(f, data=made().metadata["data"] | {"columns": 3}), "damaged: data.columns"),
        (lambda f: change_metadata(f, data=made().metadata["data"] | {"columns": {"text": 3}}), "data.columns.text"),
        (lambda f: change_metadata(f, yardstick=None), "damaged: yardstick"),
    ],
)
def test_damage_is_told(tmp_path: Path, damage: Any, message: str) -> None:
    write_bundle(tmp_path / "model", made())
    damage(tmp_path / "model")
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(tmp_path / "model")
    assert str(tmp_path / "model") in str(caught.value)


@pytest.mark.parametrize(
    ("task", "facts", "message"),
    [
        ("classification", {"labels": []}, "damaged: labels"),
        ("classification", {"ngrams": None}, "damaged: ngrams"),
        ("classification", {"rare_weights": None}, "damaged: rare_weights"),
        ("generation", {"spelt_in_bytes": 3}, "damaged: spelt_in_bytes"),
        ("translation", {"pair": ["de", "en"]}, "damaged: pair"),
    ],
)
def test_damage_to_what_a_task_tells_is_told(tmp_path: Path, task: str, facts: dict[str, Any], message: str) -> None:
    write_bundle(tmp_path, made(task=task, **facts))
    bundle = read_bundle(tmp_path)  # which knows nothing of tasks
    with pytest.raises(BundleError, match=message) as caught:
        task_of(bundle, tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_files_of_a_task_are_nobody_elses(tmp_path: Path) -> None:
    write_bundle(tmp_path, made())
    (tmp_path / "counts.npz").write_bytes(b"mine")
    check_output(tmp_path, overwrite=True)  # a classifier has none
    with pytest.raises(UsageError, match=r"holds counts\.npz, which is not the model's"):
        check_output(tmp_path, overwrite=True, files=TextGenerator.files)
    bundle = made()
    bundle.files["counts.npz"] = b"its"
    with pytest.raises(UsageError, match=r"holds counts\.npz, which is not the model's"):
        write_bundle(tmp_path, bundle, overwrite=True)
    assert (tmp_path / "counts.npz").read_bytes() == b"mine"


def test_folders_that_hold_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle at"):
        read_bundle(tmp_path / "nowhere")
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    with pytest.raises(BundleError, match=r"unfinished.*--resume"):
        read_bundle(tmp_path / "run")
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="no bundle at"):
        read_bundle(tmp_path / "file")


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write_bundle(folder, made(name="old"))
    with pytest.raises(UsageError, match="--overwrite"):
        write_bundle(folder, made(name="new"))
    assert read_bundle(folder).metadata["name"] == "old"
    write_bundle(folder, made(name="new"), overwrite=True)
    assert read_bundle(folder).metadata["name"] == "new"


def test_other_people_s_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="other files than a model"):
        write_bundle(tmp_path, made(), overwrite=True)
    with pytest.raises(UsageError, match="is a file"):
        check_output(tmp_path / "thesis.txt", overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("metadata", ["{}", "[]", "{", '{"format_version": 1, "sha256": {"data.bin": "x"}}'])
def test_a_foreign_metadata_file_protects_its_folder(tmp_path: Path, metadata: str) -> None:
    (tmp_path / METADATA).write_text(metadata)
    (tmp_path / "data.bin").write_text("years of work")
    with pytest.raises(UsageError, match=r"metadata\.json that is damaged or not nlpkit's"):
        write_bundle(tmp_path, made(), overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.bin", METADATA]
    assert (tmp_path / METADATA).read_text() == metadata


@pytest.mark.parametrize("marked", [True, False])
def test_a_person_s_files_in_a_bundle_s_folder_stay(tmp_path: Path, marked: bool) -> None:
    folder = tmp_path / "model"
    write_bundle(folder, Bundle(made(name="old").metadata, {"history.csv": b"old", "model.onnx": b"old"}))
    if not marked:  # as bundles were before they had a mark
        metadata = json.loads((folder / METADATA).read_text())
        del metadata["format"]
        (folder / METADATA).write_text(json.dumps(metadata))
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine")
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "last.ckpt").write_text("another tool's")
    (folder / "model.onnx").chmod(0o600)
    write_bundle(folder, made(name="new"), overwrite=True)
    assert read_bundle(folder).metadata["name"] == "new"
    assert (folder / "notes" / "mine.txt").read_text() == "mine"
    assert (folder / "checkpoint" / "last.ckpt").read_text() == "another tool's"
    assert not (folder / "history.csv").exists()  # the old bundle's, and no part of the new one
    assert (folder / "model.onnx").stat().st_mode & 0o777 == 0o600
    (folder / "history.csv").write_text("mine, too")
    for refusing in (check_output, partial(write_bundle, bundle=made())):  # before any work is done, too
        with pytest.raises(UsageError, match=r"history\.csv, which is not the model's"):
            refusing(folder, overwrite=True)
    assert (folder / "history.csv").read_text() == "mine, too"


def test_a_card_that_a_person_has_changed_stays(tmp_path: Path) -> None:
    bundle = Bundle(made().metadata, {**made().files, "README.md": b"a card"})
    write_bundle(tmp_path, bundle)
    write_bundle(tmp_path, bundle, overwrite=True)
    (tmp_path / "README.md").write_text("a card, and my notes")
    with pytest.raises(UsageError, match=r"README\.md, which is not the model's"):
        write_bundle(tmp_path, bundle, overwrite=True)
    assert (tmp_path / "README.md").read_text() == "a card, and my notes"


def test_names_that_lead_out_of_the_folder_take_nothing_away(tmp_path: Path) -> None:
    folder, theirs = tmp_path / "model", tmp_path / "precious.txt"
    write_bundle(folder, made())
    theirs.write_text("mine")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["sha256"] |= {"../precious.txt": "0", str(theirs): "0"}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_bundle(folder, made(name="new"), overwrite=True)
    assert theirs.read_text() == "mine"
    assert read_bundle(folder).metadata["name"] == "new"


def test_an_unfinished_run_makes_way_for_its_own_model_only(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model" / "checkpoint"
    checkpoint.mkdir(parents=True)
    write_bundle(tmp_path / "model", made())
    assert not checkpoint.exists()
    for folder, options in (("a", {"overwrite": True}), ("b", {"run": tmp_path / "b" / "checkpoint"})):
        checkpoint = tmp_path / folder / "checkpoint"
        checkpoint.mkdir(parents=True)
        begin_run(checkpoint, ClassificationRecipe(), "of the data", PIECES)
        (checkpoint / "state.npz").touch()
        (tmp_path / folder / "notes.txt").touch()
        with pytest.raises(UsageError, match=r"unfinished run.*--resume.*--overwrite"):
            write_bundle(tmp_path / folder, made())
        assert (checkpoint / "state.npz").exists()
        write_bundle(tmp_path / folder, made(), **options)
        assert not checkpoint.exists()
        assert (tmp_path / folder / "notes.txt").exists()


def test_who_a_checkpoint_belongs_to(tmp_path: Path) -> None:
    def claim(folder: Path, resume: bool = False, overwrite: bool = False) -> None:
        with claimed_run(folder, ClassificationRecipe(), resume=resume, overwrite=overwrite):
            pass

    theirs, ours, old = tmp_path / "theirs", tmp_path / "ours", tmp_path / "old"
    for folder in (theirs, ours, old):
        folder.mkdir()
    (theirs / "last.ckpt").write_text("another tool's")
    for resume in (False, True):
        with pytest.raises(UsageError, match="holds other files than a run"):
            claim(theirs, resume)
    claim(ours)
    assert list(ours.iterdir()) == []
    begin_run(ours, ClassificationRecipe(), "of the data", PIECES)
    (ours / "notes.txt").write_text("mine")
    claim(ours, resume=True)
    with pytest.raises(UsageError, match="holds an unfinished run; resume goes on with it, overwrite starts over"):
        claim(ours)
    claim(ours, overwrite=True)
    begin_run(ours, ClassificationRecipe(), "of the data", PIECES)
    assert (ours / "notes.txt").read_text() == "mine"
    (old / "recipe.toml").write_text(recipe_to_toml(ClassificationRecipe()))  # as runs were before they had a mark
    (old / "state.npz").touch()
    claim(old, resume=True)
    (old / "last.ckpt").touch()
    with pytest.raises(UsageError, match="holds other files than a run"):
        claim(old)
    with pytest.raises(UsageError, match="no unfinished run in"):
        claim(tmp_path / "new", resume=True)
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        claim(tmp_path / "file")


def test_a_run_is_gone_on_with_as_it_was_begun(tmp_path: Path) -> None:
    checkpoint = tmp_path / "ck"
    begun = ClassificationRecipe.model_validate({"model": {"labels": "one"}})
    begin_run(checkpoint, begun, "of the data", PIECES)

    def changed(section: str, **values: Any) -> ClassificationRecipe:
        table = begun.model_dump()
        table[section] |= values
        return ClassificationRecipe.model_validate(table)

    check_run(checkpoint, begun, resume=True)
    check_run(checkpoint, changed("data", source="./elsewhere.csv"), resume=True)  # its content tells
    check_run(checkpoint, changed("model", labels=None), resume=True)  # left to the data, which has one
    check_run(checkpoint, changed("training", seed=9), resume=False)
    others: list[tuple[Recipe, str]] = [
        (changed("training", seed=9), "training.seed = 1, not 9"),
        (changed("tokenizer", vocab_size=500), "tokenizer.vocab_size = 8000, not 500"),
        (changed("data", text_column="body"), "data.text_column = None, not 'body'"),
        (changed("model", labels="several"), "model.labels = 'one', not 'several'"),
        (GenerationRecipe(), "task = 'classification', not 'generation'"),
    ]
    for recipe, difference in others:
        with pytest.raises(UsageError) as caught:
            check_run(checkpoint, recipe, resume=True)
        told = f"the unfinished run in {checkpoint} has {difference}; give what it was begun with, or leave resume out"
        assert str(caught.value) == f"{told} to start over"
        with pytest.raises(UsageError, match="leave --resume out"):
            check_run(checkpoint, recipe, resume=True, option="--resume")
    (checkpoint / "recipe.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"recipe\.toml is damaged"):
        check_run(checkpoint, begun, resume=True)


def test_fit_compares_a_run_with_what_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begin_run(Path("ck"), TextClassifier(start_from="none").recipe, "of the data", PIECES)
    rows = (["a", "b"] * 10, ["x", "y"] * 10)
    with pytest.raises(UsageError, match=r"run in ck has training\.seed = 1, not 9"):
        TextClassifier(seed=9).fit(*rows, checkpoint="ck", resume=True)
    with pytest.raises(UsageError, match=r"run in ck has training\.seed = 1, not 9"):
        TextClassifier(seed=9).fit(data="nowhere.csv", checkpoint="ck", resume=True)  # before data is opened
    with pytest.raises(UsageError, match=r"the data has changed since the unfinished run in ck was begun") as caught:
        TextClassifier().fit(*rows, checkpoint="ck", resume=True)
    assert "--" not in str(caught.value)
    with pytest.raises(UsageError, match=r"no unfinished run in new to go on with; leave resume out"):
        TextClassifier().fit(*rows, checkpoint="new", resume=True)


def test_only_a_run_s_own_files_make_a_run(tmp_path: Path) -> None:
    def folder(name: str, *files: str) -> Path:
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_bytes(b"")
        return tmp_path / name

    with replacing(tmp_path / "recipe.toml") as of_recipe, replacing(tmp_path / "out.csv") as of_output:
        ours, another = Path(of_recipe.name).name, Path(of_output.name).name
    assert holds_run(folder("killed", ours))
    assert holds_run(folder("marked", ".nlpkit-run", "notes.txt", another))
    assert not holds_run(folder("empty"))
    assert not holds_run(folder("output", another))
    assert not holds_run(folder("pieces", "tokenizer.model", ours))
    assert not holds_run(folder("hostile", ".nlpkit-run", METADATA))
    remove_run(tmp_path / "marked")
    assert sorted(path.name for path in (tmp_path / "marked").iterdir()) == sorted(["notes.txt", another])

    model = tmp_path / "model"  # in which a killed `predict --output` left its hidden file
    write_bundle(model, made())
    (model / another).write_bytes(b"")
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    with pytest.raises(UsageError, match="other files than a run"):
        TextClassifier().fit(["a", "b"] * 10, ["x", "y"] * 10, checkpoint=model)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_a_run_that_is_gone_is_nobody_s(tmp_path: Path) -> None:
    begin_run(tmp_path / "model" / "checkpoint", ClassificationRecipe(), "of the data", PIECES)
    with pytest.raises(UsageError, match="unfinished run"):
        write_bundle(tmp_path / "model", made(), run=tmp_path / "gone")


def test_fit_touches_no_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    spellings: list[Any] = [tmp_path, str(tmp_path)]
    for folder in spellings:
        with pytest.raises(UsageError, match="other files"):
            TextClassifier().fit(["a", "b"] * 10, ["x", "y"] * 10, checkpoint=folder)
    with pytest.raises(UsageError, match="nothing to resume"):
        TextClassifier().fit(["a", "b"] * 10, ["x", "y"] * 10, resume=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_command_loses_no_other_tool_s_checkpoint(nlpkit: Command, reviews_csv: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "run1" / "checkpoint"
    checkpoint.mkdir(parents=True)
    (checkpoint / "last.ckpt").write_text("another tool's")
    for more in ([], ["--overwrite"], ["--resume"]):
        done = nlpkit("train", "--data", reviews_csv, "--output", tmp_path / "run1", *more)
        assert (done.returncode, done.stderr.count("error: ")) == (2, 1), done.stderr
    assert (checkpoint / "last.ckpt").read_text() == "another tool's"


def test_a_full_disk_leaves_the_old_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    write_bundle(folder, made(name="old"))
    written: list[Path] = []

    def full(path: Path, content: bytes) -> None:
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        path.write_bytes(content)

    monkeypatch.setattr(bundles, "_write", full)
    with pytest.raises(BundleError, match="the disk is full"):
        write_bundle(folder, made(name="new"), overwrite=True)
    assert written
    assert read_bundle(folder).metadata["name"] == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_rename_that_fails_leaves_one_of_the_two_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, replace = Path.rename, Path.replace
    seen = set()
    for fatal in range(6):
        folder = tmp_path / str(fatal) / "model"
        write_bundle(folder, made(name="old"))
        left = [fatal]

        def fail(self: Path, target: Path, left: list[int] = left, *, how: Any) -> Any:
            left[0] -= 1
            if left[0] == -1:
                raise OSError(errno.EIO, "Input/output error")
            return how(self, target)

        monkeypatch.setattr(Path, "rename", partialmethod(fail, how=rename))
        monkeypatch.setattr(Path, "replace", partialmethod(fail, how=replace))
        with suppress(BundleError):
            write_bundle(folder, made(name="new"), overwrite=True)
        assert left[0] < 0 or fatal > 3
        monkeypatch.undo()
        found = read_bundle(folder)
        assert found.files == made().files
        seen.add(found.metadata["name"])
        write_bundle(folder, made(name="newer"), overwrite=True)
        assert read_bundle(folder).metadata["name"] == "newer"
        assert sorted(path.name for path in folder.iterdir()) == [METADATA, "model.onnx", "recipe.toml"]
    assert seen == {"old", "new"}


_KILLED = """
import os, sys
from pathlib import Path
from nlpkit.bundle import read_bundle, write_bundle
from nlpkit.errors import BundleError
from nlpkit.tasks.classification.recipe import ClassificationRecipe
from nlpkit.training.run import begin_run
from tests.test_bundle import PIECES, made

root = Path(sys.argv[1])
for step in range(1000):
    all_lived = True
    for kind in ("new", "over", "run"):
        folder = root / f"{kind}{step}"
        folder.mkdir(parents=True)
        if kind == "over":
            write_bundle(folder, made(name="old"))
        if kind == "run":
            begin_run(folder / "checkpoint", ClassificationRecipe(), "of the data", PIECES)
        if kind != "new":
            (folder / "notes.txt").write_text("mine")
        child = os.fork()
        if not child:
            left = step
            def count(event, _):
                global left
                if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"):
                    left -= 1
                    if left < 0:
                        os._exit(9)  # at once, as when killed
            sys.addaudithook(count)
            write_bundle(folder, made(name="new"), overwrite=True)
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        try:
            found = read_bundle(folder).metadata["name"]
        except BundleError as error:
            found = "unfinished" if "--resume" in str(error) else "none"
        notes = kind == "new" or (folder / "notes.txt").read_text() == "mine"
        if found != "new":
            assert found == {"new": "none", "over": "old", "run": "unfinished"}[kind], (kind, step, found)
        write_bundle(folder, made(name="newer"), overwrite=True)
        names = sorted(path.name for path in folder.iterdir() if path.name != "notes.txt")
        assert names == ["metadata.json", "model.onnx", "recipe.toml"], (kind, step, names)
        assert notes and read_bundle(folder).metadata["name"] == "newer"
        print(kind, ended, found)
        all_lived &= ended == 0
    if all_lived:
        break
"""


def test_a_kill_at_any_step_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """Killed before each thing that it does to the disk, one after the other."""
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", _KILLED, tmp_path], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    found = {tuple(line.split()) for line in done.stdout.splitlines()}
    assert {("over", "9", "old"), ("over", "9", "new"), ("new", "9", "none"), ("new", "9", "new")} <= found
    assert {("run", "9", "unfinished"), ("run", "9", "new"), ("run", "0", "new")} <= found


_SAVING = """
import sys
from pathlib import Path
from nlpkit.bundle import Bundle, write_bundle
from tests.test_bundle import made

for number in range(int(sys.argv[2])):
    files = {f"{name}.bin": f"{name}{number}".encode() * 1000 for name in "abcd"} | {f"only{number % 2}": b"here"}
    write_bundle(Path(sys.argv[1]), Bundle(made(number=number).metadata, files), overwrite=True)
"""


def test_who_reads_during_a_save_finds_the_old_or_the_new(tmp_path: Path) -> None:
    root, folder = Path(__file__).parents[1], tmp_path / "models" / "model"
    write_bundle(folder, made(number=-1))
    found = []
    with subprocess.Popen([sys.executable, "-c", _SAVING, folder, "150"], cwd=root) as saving:
        while saving.poll() is None:
            bundle = read_bundle(folder)
            found.append(bundle.metadata["number"])
            assert found[-1] < 0 or bundle.files["d.bin"] == f"d{found[-1]}".encode() * 1000
            assert newest_bundle(None, folder.parent) == folder
    assert saving.returncode == 0
    assert found == sorted(found)
    assert len(set(found)) > 20


def test_the_newest_of_a_task(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no classification model under"):
        newest_bundle("classification", tmp_path)
    write_bundle(tmp_path / "b", made(created="2026-01-01T00:00:00+00:00"))
    write_bundle(tmp_path / "a", made(created="2026-03-01T00:00:00+00:00"))
    write_bundle(tmp_path / "c", made(created="2026-04-01T00:00:00+00:00", task="translation"))
    write_bundle(tmp_path / ".hidden", made(created="2026-05-01T00:00:00+00:00"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / METADATA).write_text("{")
    assert newest_bundle("classification", tmp_path) == tmp_path / "a"
