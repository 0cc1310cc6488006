"""A disk that fills at every write: every verb ends in one line, and nothing is half-written.

The disk is a small tmpfs, of one more step of size each time, until the verb succeeds; mounting one needs root.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soak.models import train, train_arguments, write_data

_STEP = 4_096  # of a tmpfs


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of so many bytes at `folder`. Raises OSError where none can be mounted."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if done.returncode:
        raise OSError(f"no disk can be mounted: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def verbs(bundle: Path, work: Path) -> dict[str, list[str]]:
    """Commands that write to the folder DISK."""
    data = str(write_data(work, "classification"))
    return {
        "predict": ["predict", "--model", str(bundle), "--file", data, "--output", "DISK/out.csv"],
        "predict to JSON": ["predict", "--model", str(bundle), "--file", data, "--output", "DISK/out.jsonl"],
        "export": ["export", str(bundle), "--output", "DISK/model"],
        "export over another": ["export", str(bundle), "--int8", "--output", "DISK/old", "--overwrite"],
        "train": [*train_arguments(work, "classification"), "--output", "DISK/model"],
        "prepare": ["train", "--data", data, "--epochs", "1", "--output", "nowhere", "--dry-run"],
    }


def check(verb: str, arguments: list[str], bundle: Path, size: int, root: Path) -> bool:
    """Runs a verb on a disk of so many bytes; whether it succeeded. Raises AssertionError."""
    from nlpkit.bundle import read_bundle
    from nlpkit.errors import BundleError

    with disk(root / "disk", size) as small:
        environment = dict(os.environ)
        if verb == "prepare":
            environment["NLPKIT_CACHE"] = str(small / "cache")
        old = None
        if verb == "export over another":
            with suppress(OSError):
                (small / "old").mkdir()
                for path in bundle.iterdir():
                    (small / "old" / path.name).write_bytes(path.read_bytes())
                old = read_bundle(small / "old").files
            if old is None:
                return False  # no room for what is to be kept
        command = [sys.executable, "-m", "nlpkit", *(word.replace("DISK", str(small)) for word in arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert "Traceback" not in done.stderr, done.stderr
        assert "bug" not in done.stderr, done.stderr
        assert len(told) == (done.returncode != 0), done.stderr
        hidden = [path for path in small.rglob(".*") if path.name != ".nlpkit-run"]
        assert not hidden, hidden
        if done.returncode:
            assert not list(small.glob("out.*"))
            if old is not None:
                assert read_bundle(small / "old").files == old
            with suppress(BundleError):
                read_bundle(small / "model")
                raise AssertionError("a command that failed left a model")
        elif verb.startswith("export") or verb == "train":
            read_bundle(small / ("old" if old is not None else "model"))
        return done.returncode == 0


def run(count: int) -> Counter[str]:
    """Tries every verb on disks of up to `count` sizes, evenly from too small to large enough; how many each took."""
    from nlpkit.cli.options import watched

    tried: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        os.environ["NLPKIT_CACHE"] = str(root / "cache")
        bundle = train(root, "classification")
        commands = verbs(bundle, root)

        def sizes() -> Iterator[None]:
            for verb, arguments in commands.items():
                most = 100  # pages; grown until it is enough
                while not check(verb, arguments, bundle, most * _STEP, root):
                    most *= 2
                for size in range(1, most, max(1, most // max(1, count // len(commands)))):
                    check(verb, arguments, bundle, size * _STEP, root)
                    tried[verb] += 1
                    yield

        for _ in watched(sizes(), "filling"):
            pass
    return tried


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m soak.full", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    tried = run(parser.parse_args().count)
    figures = ", ".join(f"{verb} {number}" for verb, number in tried.items())
    print(f"{tried.total()} disks filled ({figures}): one line each, nothing half-written")


if __name__ == "__main__":
    main()
