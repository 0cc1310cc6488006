"""Bundles: written whole or not at all, and every kind of damage told apart."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from nlpkit import bundle as bundles
from nlpkit.bundle import METADATA, Bundle, check_output, newest_bundle, read_bundle, write_bundle
from nlpkit.errors import BundleError, UsageError


def made(**metadata: Any) -> Bundle:
    known = {"task": "classification", "created": "2026-01-02T03:04:05+00:00"} | metadata
    return Bundle(known, {"model.onnx": b"\x00graph", "recipe.toml": "# é\n".encode()})


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
    ],
)
def test_damage_is_told(tmp_path: Path, damage: Any, message: str) -> None:
    write_bundle(tmp_path / "model", made())
    damage(tmp_path / "model")
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(tmp_path / "model")
    assert str(tmp_path / "model") in str(caught.value)


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


def test_an_unfinished_run_makes_way(tmp_path: Path) -> None:
    (tmp_path / "model" / "checkpoint").mkdir(parents=True)
    write_bundle(tmp_path / "model", made())
    assert not (tmp_path / "model" / "checkpoint").exists()


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


def test_a_rename_that_fails_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    write_bundle(folder, made(name="old"))
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name.startswith(".model-") and not self.name.endswith("-old"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(BundleError, match="Input/output error"):
        write_bundle(folder, made(name="new"), overwrite=True)
    assert read_bundle(folder).metadata["name"] == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


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
