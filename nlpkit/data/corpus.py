"""A labelled data set made ready for training: split, tokenized, and laid out flat on disk.

The layout is one array of token ids and one of offsets, opened memory-mapped, so that data larger than memory
trains. It is cached under the hash of the data's content and of every key that shapes it, so that a second run
reads no text at all.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlpkit.data.cache import Report, cached, id_type, map_file
from nlpkit.data.dataset import Dataset, Example
from nlpkit.errors import DataError
from nlpkit.recipe import ClassificationRecipe
from nlpkit.tokenizer import Tokenizer, train_tokenizer

_LAYOUT = 2  # raise when the files below change, so that older caches are left alone
_CHUNK = 2_000  # texts tokenized at a time


@dataclass(frozen=True)
class Corpus:
    """Texts as rows of a flat array.

    ids: [tokens]; offsets: int64 [texts + 1]; labels: int32 [texts]; raw, raw_offsets: the UTF-8 texts, in the
    same layout, for training that segments them anew each epoch.
    """

    ids: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    raw: np.ndarray
    raw_offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def row(self, index: int) -> np.ndarray:
        """The token ids of one text."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def lengths(self) -> np.ndarray:
        """Tokens in each text, int64 [texts]."""
        return np.diff(self.offsets)

    def text(self, index: int) -> str:
        """One text as it was read."""
        return _text(self.raw, self.raw_offsets, index)


@dataclass(frozen=True)
class PreparedData:
    """What training takes: the tokenizer, the label names in id order, and the two corpora."""

    tokenizer: Tokenizer
    labels: tuple[str, ...]
    train: Corpus
    validation: Corpus


def prepare(dataset: Dataset[Example], recipe: ClassificationRecipe, report: Report = lambda *_: None) -> PreparedData:
    """The data set under the recipe, from the cache when the same was prepared before.

    The tokenizer is trained on the train split only. Raises DataError for data that cannot be trained on.
    """
    shape = {
        "layout": _LAYOUT,
        "fingerprint": dataset.fingerprint,
        "data": recipe.data.model_dump(exclude={"source"}),
        "tokenizer": recipe.tokenizer.model_dump(exclude={"max_length", "truncation", "sampling"}),
        "seed": recipe.training.seed,
    }
    folder = cached(shape, lambda work: _fill(work, dataset, recipe, report))
    return PreparedData(
        tokenizer=Tokenizer((folder / "tokenizer.model").read_bytes()),
        labels=tuple(json.loads((folder / "labels.json").read_text(encoding="utf-8"))),
        train=_open_corpus(folder, "train"),
        validation=_open_corpus(folder, "validation"),
    )


def split_indexes(labels: np.ndarray, fraction: float, limit: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Seeded, stratified (train, validation) row numbers, ascending; of `limit` rows in all, where given.

    Each class gives `fraction` of its rows to validation, one at least where it has two.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))[:limit]
    held_out = []
    for label in np.unique(labels[order]):
        rows = order[labels[order] == label]
        count = max(1, round(len(rows) * fraction)) if len(rows) > 1 else 0
        held_out.append(rows[:count])
    validation = np.sort(np.concatenate(held_out))
    return np.setdiff1d(order, validation), validation


def _fill(work: Path, dataset: Dataset[Example], recipe: ClassificationRecipe, report: Report) -> None:
    names: dict[str, int] = {}
    splits = [split for split in dataset.splits if split != "test"]
    stores = {split: _store_texts(work, dataset, split, names, report) for split in splits}
    order = sorted(names)  # label ids follow the names' order, not the rows'
    if len(order) < 2:
        only = f"one label, {order[0]!r}" if order else "no rows at all"
        raise DataError(f"{dataset.name}: there is {only} in it; a classifier needs two labels or more")
    rank = np.array([order.index(name) for name in names], dtype=np.int32)

    labels = {split: rank[stores[split].labels] for split in splits}
    if "validation" in splits:
        train_rows = np.sort(
            np.random.default_rng(recipe.training.seed).permutation(len(labels["train"]))[: recipe.data.limit]
        )
        validation_split, validation_rows = "validation", np.arange(len(labels["validation"]))
    else:
        train_rows, validation_rows = split_indexes(
            labels["train"], recipe.data.validation_fraction, recipe.data.limit, recipe.training.seed
        )
        validation_split = "train"
    if len(np.unique(labels["train"][train_rows])) < 2 or not len(validation_rows):
        raise DataError(
            f"{dataset.name}: {len(train_rows) + len(validation_rows)} rows are too few to train on and to hold "
            "some out; each label needs at least two"
        )

    def counted() -> Iterator[str]:
        for done, row in enumerate(train_rows):
            if done % _CHUNK == 0:
                report("learning pieces", done, len(train_rows))
            yield stores["train"].text(row)

    tokenizer = train_tokenizer(counted(), recipe.tokenizer)
    (work / "tokenizer.model").write_bytes(tokenizer.model)
    for name, split, rows in (
        ("train", "train", train_rows),
        ("validation", validation_split, validation_rows),
    ):
        _write_corpus(work, name, stores[split], rows, labels[split][rows], tokenizer, report)
    for split in splits:
        (work / f"texts-{split}.bin").unlink()
    (work / "labels.json").write_text(json.dumps(order, ensure_ascii=False), encoding="utf-8")


@dataclass(frozen=True)
class _Texts:
    """A split as it was read: UTF-8 bytes on disk, offsets and labels (in order of appearance) in memory."""

    raw: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray

    def text(self, row: int) -> str:
        return _text(self.raw, self.offsets, row)


def _store_texts(work: Path, dataset: Dataset[Example], split: str, names: dict[str, int], report: Report) -> _Texts:
    offsets, labels = [0], []
    path = work / f"texts-{split}.bin"
    with path.open("wb") as file:
        for done, (text, label) in enumerate(dataset.read(split)):
            if done % _CHUNK == 0:
                report(f"reading {split}", done, None)
            offsets.append(offsets[-1] + file.write(text.encode()))
            labels.append(names.setdefault(label, len(names)))
    return _Texts(map_file(path, np.uint8), np.array(offsets), np.array(labels, dtype=np.int32))


def _write_corpus(
    work: Path,
    name: str,
    texts: _Texts,
    rows: np.ndarray,
    labels: np.ndarray,
    tokenizer: Tokenizer,
    report: Report,
) -> None:
    dtype = id_type(len(tokenizer))
    offsets, raw_offsets = [0], [0]
    with (work / f"{name}.ids.bin").open("wb") as ids, (work / f"{name}.raw.bin").open("wb") as raw:
        for start in range(0, len(rows), _CHUNK):
            report(f"tokenizing {name}", start, len(rows))
            chunk = [texts.text(row) for row in rows[start : start + _CHUNK]]
            for text, tokens in zip(chunk, tokenizer.encode(chunk, threads=os.cpu_count() or 1), strict=True):
                ids.write(np.array(tokens, dtype=dtype).tobytes())
                offsets.append(offsets[-1] + len(tokens))
                raw_offsets.append(raw_offsets[-1] + raw.write(text.encode()))
    np.savez(work / f"{name}.npz", offsets=offsets, raw_offsets=raw_offsets, labels=labels, vocab=[len(tokenizer)])


def _open_corpus(folder: Path, name: str) -> Corpus:
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        return Corpus(
            ids=map_file(folder / f"{name}.ids.bin", id_type(int(arrays["vocab"][0]))),
            offsets=arrays["offsets"],
            labels=arrays["labels"],
            raw=map_file(folder / f"{name}.raw.bin", np.uint8),
            raw_offsets=arrays["raw_offsets"],
        )


def _text(raw: np.ndarray, offsets: np.ndarray, row: int) -> str:
    return raw[offsets[row] : offsets[row + 1]].tobytes().decode()
