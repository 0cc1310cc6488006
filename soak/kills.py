"""Kills at random moments of training, saving, exporting and writing outputs: all is whole or absent.

A killed training is resumed until it ends, and must end with the bytes of one that was left alone. Children are forked
from a parent that has imported what they need and run nothing of it yet, so that a kill costs little.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from soak.models import train, train_arguments

_LINES = 20_000
_EPOCHS = 4


def _command(arguments: list[str], log: Path) -> None:
    """The command, in a child that is to be killed; ends the process."""
    from nlpkit.cli import main

    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.argv = ["nlpkit", *arguments]
    main()


def _killed(work: Callable[[], None], seconds: float | None) -> bool:
    """Runs `work` in a child and kills it after so long; False if it had ended by then, and well."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        finally:
            os._exit(code)
    if seconds is None:
        status = os.waitpid(child, 0)[1]
    else:
        deadline = time.monotonic() + seconds
        while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
            time.sleep(min(0.002, seconds / 10))
        if not ended[0]:
            os.kill(child, signal.SIGKILL)
            ended = os.waitpid(child, 0)
        status = ended[1]
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"the command ended with {code}"
    return code != 0


def _hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*")]


def save(folder: Path, bundle: Path, rng: random.Random) -> Iterator[bool]:
    """Saving over a bundle in whose folder a person keeps notes."""
    from nlpkit.bundle import Bundle, read_bundle, write_bundle

    model = folder / "saved"
    known = read_bundle(bundle)
    write_bundle(model, known)
    (model / "notes.txt").write_text("mine")
    began = time.monotonic()
    write_bundle(model, known, overwrite=True)
    takes = time.monotonic() - began
    for number in range(1_000_000):
        before = read_bundle(model).metadata["created"]
        new = Bundle(known.metadata | {"created": str(number)}, known.files)
        yield _killed(lambda new=new: write_bundle(model, new, overwrite=True), rng.uniform(0, 1.3 * takes))  # type: ignore[misc]
        found = read_bundle(model)
        assert found.metadata["created"] in (before, str(number))
        assert found.files == known.files
        assert (model / "notes.txt").read_text() == "mine"


def write(folder: Path, bundle: Path, rng: random.Random) -> Iterator[bool]:
    """Writing a table over one that is there."""
    from nlpkit.output import open_output

    path = folder / "out.csv"

    def lines(number: int) -> None:
        with open_output(path) as file:
            for _ in range(_LINES):
                file.write(f"{number}\n")

    began = time.monotonic()
    lines(-1)
    takes, allowed = time.monotonic() - began, {-1}
    for number in range(1_000_000):
        yield _killed(lambda number=number: lines(number), rng.uniform(0, 1.3 * takes))  # type: ignore[misc]
        text = path.read_text()
        found = int(text.partition("\n")[0])
        assert text == f"{found}\n" * _LINES
        assert found in allowed | {number}
        allowed = {found}
        assert len(_hidden(folder)) <= 1  # what a kill leaves, the next run takes away


def export(folder: Path, bundle: Path, rng: random.Random) -> Iterator[bool]:
    """`nlpkit export`, over what the kill before left."""
    from nlpkit.bundle import read_bundle
    from nlpkit.errors import BundleError

    output = folder / "exported"
    arguments = ["export", str(bundle), "--int8", "--output", str(output), "--overwrite", "--json"]
    began = time.monotonic()
    assert not _killed(lambda: _command(arguments, folder / "log"), None)
    takes, expected = time.monotonic() - began, read_bundle(output).files
    while True:
        yield _killed(lambda: _command(arguments, folder / "log"), rng.uniform(0, 1.1 * takes))
        assert read_bundle(output).files == expected
        if rng.random() < 0.3:  # the next one starts from nothing
            shutil.rmtree(output)
            with suppress(BundleError):
                yield _killed(lambda: _command(arguments, folder / "log"), rng.uniform(0, 1.1 * takes))
                assert read_bundle(output).files == expected
            assert not _killed(lambda: _command(arguments, folder / "log"), None)


def training(folder: Path, bundle: Path, rng: random.Random) -> Iterator[bool]:
    """`nlpkit train`, killed and resumed until it ends, again and again."""
    from nlpkit.bundle import read_bundle
    from nlpkit.errors import BundleError
    from nlpkit.quiet import quiet

    with quiet():
        import keras  # noqa: F401, RUF100

    given = train_arguments(folder, "classification", _EPOCHS)
    given += ["--set", "training.checkpoint_minutes=0.0001"]
    began = time.monotonic()
    assert not _killed(lambda: _command([*given, "--output", str(folder / "whole")], folder / "log"), None)
    takes, expected = time.monotonic() - began, read_bundle(folder / "whole").files
    for number in range(1_000_000):
        output, resume = folder / f"run{number}", False
        while True:
            more = ["--resume"] if resume else []
            # not once it is saved: a finished run is not resumed
            killed = _killed(
                lambda more=more, output=output: _command([*given, "--output", str(output), *more], folder / "log"),  # type: ignore[misc]
                rng.uniform(0.2, 1.2) * takes,
            )
            yield killed
            found = None
            with suppress(BundleError):
                found = read_bundle(output)
            if found is None:
                assert killed
                resume = (output / "checkpoint" / "recipe.toml").is_file()
                continue
            assert found.files["model.onnx"] == expected["model.onnx"]
            assert found.files["tokenizer.model"] == expected["tokenizer.model"]
            break


Kind = Callable[[Path, Path, random.Random], Iterator[bool]]
KINDS: dict[Kind, int] = {save: 37, write: 37, export: 14, training: 12}
"""How many of a hundred kills each gets."""


def run(count: int, seed: int = 1, shares: dict[str, int] | None = None) -> Counter[str]:
    """Goes on until so many kills have hit; how many hit what. Raises AssertionError for what is neither whole nor
    absent."""
    from nlpkit.cli.options import watched

    hit: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        os.environ["NLPKIT_CACHE"] = str(root / "cache")
        bundle = train(root, "classification")
        os.environ["NLPKIT_CACHE"] = str(root / "c")

        def kills() -> Iterator[None]:
            for kind, share in KINDS.items():
                share = share if shares is None else shares.get(kind.__name__, 0)
                folder = root / kind.__name__
                folder.mkdir()
                campaign = kind(folder, bundle, random.Random(seed))
                while hit[kind.__name__] < count * share / 100:
                    if next(campaign):
                        hit[kind.__name__] += 1
                        yield

        for _ in watched(kills(), "killing"):
            pass
    return hit


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m soak.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[kind.__name__ for kind in KINDS])
    given = parser.parse_args()
    began = time.monotonic()
    hit = run(given.count, given.seed, {given.only: 100} if given.only else None)
    figures = ", ".join(f"{kind} {number:,}" for kind, number in hit.items())
    print(f"{hit.total():,} kills in {time.monotonic() - began:,.0f} s ({figures}): all whole or absent")


if __name__ == "__main__":
    main()
