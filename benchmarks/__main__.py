"""Runs every comparison and writes RESULTS.md beside this file: what was run, on which machine, what came out.

    pip install -e ".[benchmarks,samples]"
    python -m benchmarks --classifier models/sentiment-imdb --generator models/generate-tiny_shakespeare \\
        --translator models/multi30k-en-de --pairs path/to/multi30k
"""

import argparse
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
LIBRARIES = ("keras", "tensorflow", "onnxruntime", "torch", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classifier", required=True)
    parser.add_argument("--generator", required=True)
    parser.add_argument("--translator", required=True)
    parser.add_argument("--pairs", required=True)
    asked = parser.parse_args()
    for given in vars(asked).values():
        if not Path(given).is_dir():  # not after twenty minutes
            parser.error(f"there is no folder {given}")
    part = ["--split", "test", "--limit", "4000"]  # all of it takes half an hour
    held_out = ["--split", "validation", "--limit", "1000"]
    runs = {
        "Training: a step of one layer": ["training.py"],
        "Training: the classifier, beside PyTorch": ["epoch.py", "--data", "imdb"],
        **{
            f"Labels, beside {peer}": ["predicting.py", asked.classifier, "--peer", peer, *part]
            for peer in ("keras", "keras-layers", "keras-array", "pytorch")
        },
        "Labels in int8": ["int8.py", asked.classifier, *held_out],
        "Text, on one core": ["writing.py", asked.generator],
        "Translations": ["translating.py", asked.translator, "--data", asked.pairs],
    }
    load = os.getloadavg()[0]
    parts = [
        "# Measured beside its peers",
        "",
        f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}; load "
        f"average {load:.1f} before; {', '.join(f'{name} {known(name)}' for name in LIBRARIES)}. Rates follow the "
        "machine and its neighbours; the ratios are what to read. `python -m benchmarks --help` says how to repeat it.",
    ]
    for title, (script, *arguments) in runs.items():
        command = [sys.executable, str(HERE / script), *arguments]
        if script == "writing.py" and hasattr(os, "sched_setaffinity"):
            command = ["taskset", "-c", "0", *command]
        print(title, file=sys.stderr)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        parts += ["", f"## {title}", "", f"`benchmarks/{script}`", "", "```", done.stdout.rstrip(), "```"]
    (HERE / "RESULTS.md").write_text("\n".join(parts) + "\n", encoding="utf-8")


def processor() -> str:
    """The name on the chip, where the system tells it: two makers' ratios differ as much as two programs'."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def known(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
