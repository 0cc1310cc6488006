"""Small models of every task, trained by the command in seconds, and data for them."""

import csv
import os
import random
import subprocess
import sys
from pathlib import Path

SMALL = (
    *("--set", "tokenizer.vocab_size=300"),
    *("--set", "model.units=8"),
    *("--set", "model.embedding_size=8"),
    *("--set", "training.learning_rate=0.02"),
)
RECIPES = {"classification": "sentiment", "generation": "generate", "translation": "translate"}


def write_data(folder: Path, task: str) -> Path:
    """A CSV file of a few hundred rows that a task can be trained on."""
    rng = random.Random(1)
    words = ["the", "film", "was", "shown", "on", "a", "rainy", "day", "and", "we", "all", "went", "with", "friends"]
    texts = [(i, " ".join(rng.choices(words, k=rng.randint(2, 9)))) for i in range(300)]
    rows: dict[str, list[tuple[object, ...]]] = {
        "classification": [
            ("text", "label"),
            *((f"{t} {('dull', 'lovely')[i % 2]}", i % 2) for i, t in enumerate(texts)),
        ],
        "generation": [("text",), *((t,) for _, t in texts)],
        "translation": [("source", "target"), *((t, t.upper()) for _, t in texts)],
    }
    path = folder / f"{task}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows[task])
    return path


def train_arguments(folder: Path, task: str, epochs: int = 1) -> list[str]:
    """The command's arguments, without where to put the model."""
    return ["train", RECIPES[task], "--data", str(write_data(folder, task)), *SMALL, "--epochs", str(epochs)]


def train(folder: Path, task: str) -> Path:
    """A trained bundle."""
    output = folder / task
    command = [sys.executable, "-m", "nlpkit", *train_arguments(folder, task), "--output", str(output)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"NLPKIT_CACHE": str(folder / "c")})
    return output
