"""Bundles with bytes changed and hashes mended: each is refused in one line, or answers.

A child process opens them, so that one that brings the process down, or never ends, is seen and counted.
"""

import argparse
import hashlib
import json
import os
import random
import selectors
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from soak.models import RECIPES, train

SECONDS = 5.0
"""An answer that takes longer is a hang."""

_HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 10**400, 1e308, -1e308, float("nan"), float("inf")),
    *("", "x", "\0", "\ud800", "../x", "a" * 10_000, [], {}, [[]], [None], {"": None}, [1, "x"], ["x"] * 9),
)


def damage(folder: Path, rng: random.Random) -> str:
    """Changes a bundle on disk and mends its hashes; tells what was done."""
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    others = ["metadata.json", "recipe.toml", "tokenizer.model", "tokenizer.model", "seen.npz"]
    others += [name for name in ("counts.npz", "held_out.npz") if (folder / name).is_file()] * 2
    name = rng.choice([*others, *_graphs(folder) * 3])
    path = folder / name
    parsed = rng.random() < 0.5
    if name == "metadata.json":
        if parsed:
            did = _change_value(metadata, rng)
            path.write_bytes(json.dumps(metadata).encode())
        else:
            did = _change_bytes(path, rng)
        return f"{name}: {did}"
    if parsed and name == "recipe.toml":
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
        did = _change_value(recipe, rng, plain=True)
        import tomli_w

        path.write_text(tomli_w.dumps(recipe), encoding="utf-8")
    elif parsed and name.endswith(".onnx"):
        did = _change_graph(path, rng)
    else:
        did = _change_bytes(path, rng)
    metadata["sha256"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    if rng.random() < 0.02:
        metadata["sha256"].pop(name)
    (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    return f"{name}: {did}"


def _graphs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.onnx"))


def _change_bytes(path: Path, rng: random.Random) -> str:
    content = bytearray(path.read_bytes())
    how = rng.choice(["flip", "flip", "flip", "cut", "insert", "shorten"])
    place = rng.randrange(len(content))
    if rng.random() < 0.5:  # what is not weights stands at the ends
        place = rng.choice([min(place, rng.randrange(4_000)), max(0, len(content) - 1 - rng.randrange(4_000))])
        place = min(place, len(content) - 1)
    if how == "flip":
        for _ in range(rng.choice([1, 1, 2, 8])):
            content[min(place + rng.randrange(40), len(content) - 1)] = rng.randrange(256)
    elif how == "cut":
        del content[place : place + rng.randrange(1, 40)]
    elif how == "insert":
        content[place:place] = rng.randbytes(rng.randrange(1, 40))
    else:
        del content[place:]
    path.write_bytes(content)
    return f"{how} at {place}"


def _change_value(table: Any, rng: random.Random, *, plain: bool = False) -> str:
    """One value at any depth; `plain` are those that TOML can hold."""
    key: Any = None
    while isinstance(table, dict | list) and table:
        parent, key = table, rng.choice(list(table)) if isinstance(table, dict) else rng.randrange(len(table))
        table = parent[key]
        if rng.random() < 0.3:
            break
    value = rng.choice(_HOSTILE)
    if plain and (value is None or "None" in repr(value) or value == "\ud800"):
        value = -1
    if rng.random() < 0.1:
        del parent[key]
        return f"{key} gone"
    parent[key] = value
    return f"{key} = {repr(value)[:40]}"


def _change_graph(path: Path, rng: random.Random) -> str:
    import onnx

    model = onnx.load_model(path)
    graph = model.graph
    node = rng.choice(graph.node)
    other = rng.choice(graph.node)
    constant = rng.choice(graph.initializer)
    operators = ["Loop", "If", "LSTM", "Identity", "Reshape", "Gather", "MatMul", "Shape", "Range", "Expand", "Tile"]

    def rename() -> None:
        node.op_type = rng.choice([*operators, other.op_type])

    def rewire() -> None:
        if node.input and other.output:
            node.input[rng.randrange(len(node.input))] = rng.choice([other.output[0], "", constant.name, "ids"])

    def reshape() -> None:
        if constant.dims:
            constant.dims[rng.randrange(len(constant.dims))] = rng.choice([0, 1, -1, 2**20, 2**62])

    def attribute() -> None:
        if node.attribute:
            one = rng.choice(node.attribute)
            one.i = rng.choice([-1, 0, 3, 10**6, 2**62])
            if one.ints:
                one.ints[0] = rng.choice([-1, 7, 10**6])

    def content() -> None:
        raw = bytearray(constant.raw_data)
        for _ in range(4 if raw else 0):
            raw[rng.randrange(len(raw))] = rng.choice([0, 1, 127, 255])
        constant.raw_data = bytes(raw)

    def elsewhere() -> None:
        constant.data_location = onnx.TensorProto.EXTERNAL
        entry = constant.external_data.add()
        entry.key, entry.value = "location", rng.choice(["../../etc/passwd", "/dev/zero", "recipe.toml"])

    def ends() -> None:
        end = rng.choice([*graph.input, *graph.output])
        if rng.random() < 0.5:
            end.name = rng.choice(["x", end.name + "x"])
        elif end.type.tensor_type.shape.dim:
            rng.choice(end.type.tensor_type.shape.dim).dim_value = rng.choice([0, 1, 5, 10**9])

    def facts() -> None:
        entry = model.metadata_props.add()
        entry.key, entry.value = "many_rows", rng.choice(["", "x", "-1", "0", "1", "9" * 30, "1e3"])

    def drop() -> None:
        graph.node.remove(node)

    def kind() -> None:
        constant.data_type = rng.choice([1, 6, 7, 8, 10, 11, 16])

    changes: list[Callable[[], None]] = [
        *(rename, rewire, reshape, attribute, content, elsewhere, ends, facts, drop, kind)
    ]
    change = rng.choice(changes)
    change()
    path.write_bytes(model.SerializeToString())
    return f"graph {change.__name__} {node.op_type} {constant.name}"


class _Child:
    """A process that opens bundles one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "soak.damage", "--child"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.ask("", 60)

    def ask(self, asked: str, seconds: float = SECONDS) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(asked + "\n")
        self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                return f"hang: over {seconds:g} s"
        said = self.process.stdout.readline().strip()
        return said or f"crash: exit code {self.process.wait()}"

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def _answer(asked: str) -> str:
    """What comes of the bundle in a folder, and of judging it on the data that it was trained on."""
    import contextlib
    import io

    import nlpkit
    from nlpkit.cli.info import info
    from nlpkit.errors import NlpkitError

    if not asked:
        return "ready"
    folder, data = asked.split("\t")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            info(Path(folder), as_json=False)
        model: Any = nlpkit.load(folder)
        if model.task == "classification":
            model.predict_proba(["the film was lovely", "", "dull " * 300])
            model.predict(["we all went"] * 70)
        elif model.task == "generation":
            model.generate("the film", length=20, seed=1)
            model.score("a rainy day")
        else:
            model.translate(["the film was shown", "", "a day"], beam=3)
            model.translate(["all went " * 80], beam=1)
        model.exported(int8=True)
        model.evaluate(data=data)
    except NlpkitError as error:
        return "refused" if "\n" not in str(error) and str(error) else f"other: {error!r}"
    except Exception as error:
        return f"other: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return "answered"


def run(bundles: list[Path], count: int, first: int = 0) -> tuple[Counter[str], list[str]]:
    """Damages a copy of one of the bundles `count` times; how often each thing happened, and what must not."""
    from nlpkit.cli.options import watched

    found: Counter[str] = Counter()
    wrong: list[str] = []
    child = _Child()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as work:
        for number in watched(range(first, first + count), "damaging"):
            rng = random.Random(number)
            folder = Path(work) / "model"
            shutil.rmtree(folder, ignore_errors=True)
            bundle = rng.choice(bundles)
            shutil.copytree(bundle, folder)
            did = damage(folder, rng)
            source = tomllib.loads((bundle / "recipe.toml").read_text(encoding="utf-8"))["data"]["source"]
            said = child.ask(f"{folder}\t{source}")
            kind = said.partition(":")[0]
            found[kind] += 1
            if kind not in ("refused", "answered"):
                wrong.append(f"{number}: {did}: {said}")
            if kind in ("crash", "hang"):
                child.end()
                child = _Child()
    child.end()
    return found, wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m soak.damage", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first case, to repeat one")
    parser.add_argument("--bundle", type=Path, action="append", help="what to damage; small models of every task")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # whatever a library prints
        for line in sys.stdin:
            print(_answer(line.rstrip("\n")), file=answers, flush=True)
        return
    with tempfile.TemporaryDirectory() as work:
        os.environ["NLPKIT_CACHE"] = str(Path(work) / "cache")
        bundles = given.bundle or [train(Path(work), task) for task in RECIPES]
        found, wrong = run(bundles, given.count, given.first)
    for line in wrong:
        print(line)
    print(f"{given.count:,} damaged bundles: {', '.join(f'{n:,} {kind}' for kind, n in sorted(found.items()))}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
