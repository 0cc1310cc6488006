"""The campaigns of `make soak` in a short form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def campaign(name: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", f"soak.{name}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_kills() -> None:
    for kind, count in (("save", "15"), ("write", "15"), ("training", "2")):
        assert f"({kind} {count}): all whole or absent" in campaign("kills", "--count", count, "--only", kind)


@pytest.mark.slow
def test_damaged_bundles(trained: Path) -> None:
    told = campaign("damage", "--count", "300", "--bundle", trained)
    assert told.startswith("300 damaged bundles: ")
    assert "answered" in told
    assert "refused" in told


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disks() -> None:
    assert "nothing half-written" in campaign("full", "--count", "6")


@pytest.mark.slow
def test_tables() -> None:
    assert "came out, row by row" in campaign("tables", "--count", "60")
