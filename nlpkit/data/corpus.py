"""A labelled data set made ready for training: split, tokenized, and laid out flat on disk."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlpkit.data.cache import TOKENIZER, Report, cached
from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.facts import Facts, count_repeated, keep_facts, kept_facts
from nlpkit.data.seen import Seen, row_key
from nlpkit.data.texts import StoredTexts, Texts, counted, open_texts, store_texts, write_texts
from nlpkit.errors import DataError
from nlpkit.normalization import normalize
from nlpkit.recipe import ClassificationRecipe
from nlpkit.tokenizer import Tokenizer, train_tokenizer

_LAYOUT = 4  # raise when the files below change, so that older caches are left alone


@dataclass(frozen=True)
class Corpus(Texts):
    """Texts with their labels, int32 [texts]."""

    labels: np.ndarray


@dataclass(frozen=True)
class PreparedData:
    """What training takes: the tokenizer, the label names in id order, the two corpora, and what is known of them."""

    tokenizer: Tokenizer
    labels: tuple[str, ...]
    train: Corpus
    validation: Corpus
    facts: Facts
    seen: Seen


def prepare(
    dataset: Dataset[Example],
    recipe: ClassificationRecipe,
    report: Report = lambda *_: None,
    tokenizer: bytes | None = None,
) -> PreparedData:
    """The data set under the recipe, from the cache when the same was prepared before.

    Every split is read and checked, the test split too. The tokenizer is trained on the train split only, unless the
    model of one is given. Raises DataError for data that cannot be trained on.
    """
    shape = {
        "layout": _LAYOUT,
        "fingerprint": dataset.fingerprint,
        "data": recipe.data.model_dump(exclude={"source"}),
        "tokenizer": recipe.tokenizer.model_dump(exclude={"max_length", "truncation", "sampling"}),
        "seed": recipe.training.seed,
    }
    folder = cached(shape, lambda work: _fill(work, dataset, recipe, report, tokenizer), tokenizer)
    facts, seen = kept_facts(folder)
    facts.tell(dataset.name, "texts")
    return PreparedData(
        tokenizer=Tokenizer((folder / TOKENIZER).read_bytes(), normalization=recipe.tokenizer.normalization),
        labels=tuple(json.loads((folder / "labels.json").read_text(encoding="utf-8"))),
        train=_open_corpus(folder, "train"),
        validation=_open_corpus(folder, "validation"),
        facts=facts,
        seen=seen,
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


def _fill(
    work: Path, dataset: Dataset[Example], recipe: ClassificationRecipe, report: Report, given: bytes | None
) -> None:
    names: dict[str, int] = {}
    taught: set[str] = set()
    stores, found, unlearnt = {}, {}, {}
    for split in sorted(dataset.splits, key=lambda split: split != "train"):
        own = names if split != "test" else {}  # a model has no label that stands in test alone
        stores[split], found[split] = _store_split(work, dataset, split, own, recipe, report)
        if split == "train":
            taught = set(own)
        elif not len(stores[split]):
            raise DataError(f"{dataset.name}: its {split} split is empty; fill it, or remove it")
        elif others := sorted(set(own) - taught):
            unlearnt[split] = others
    splits = [split for split in dataset.splits if split != "test"]
    order = sorted(names)  # label ids follow the names' order, not the rows'
    if len(order) < 2:
        only = f"one label, {order[0]!r}" if order else "no rows at all"
        raise DataError(f"{dataset.name}: there is {only} in it; a classifier needs two labels or more")
    rank = np.array([order.index(name) for name in names], dtype=np.int32)

    labels = {split: rank[found[split]] for split in splits}
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

    texts = counted(map(stores["train"].text, train_rows), "learning pieces", report, len(train_rows))
    tokenizer = Tokenizer(given) if given else train_tokenizer(texts, recipe.tokenizer)
    (work / TOKENIZER).write_bytes(tokenizer.model)
    keys = {split: np.fromiter(map(row_key, stored), np.uint64) for split, stored in stores.items()}
    for name, split, rows in (
        ("train", "train", train_rows),
        ("validation", validation_split, validation_rows),
    ):
        write_texts(work, name, stores[split], rows, tokenizer, report)
        np.save(work / f"{name}.labels.npy", labels[split][rows])
    keys |= {"train": keys["train"][train_rows], "validation": keys[validation_split][validation_rows]}
    keep_facts(work, Facts(repeated=count_repeated(keys), unlearnt=unlearnt), keys)
    for split in stores:
        (work / f"texts-{split}.bin").unlink()
    (work / "labels.json").write_text(json.dumps(order, ensure_ascii=False), encoding="utf-8")


def _store_split(
    work: Path,
    dataset: Dataset[Example],
    split: str,
    names: dict[str, int],
    recipe: ClassificationRecipe,
    report: Report,
) -> tuple[StoredTexts, np.ndarray]:
    """A split's texts, normalized, and labels, these numbered in order of appearance."""
    labels: list[int] = []

    def texts() -> Iterator[str]:
        for text, label in dataset.read(split):
            labels.append(names.setdefault(label, len(names)))
            yield normalize(text, recipe.tokenizer.normalization)

    stored = store_texts(work / f"texts-{split}.bin", texts(), f"reading {split}", report)
    return stored, np.array(labels, dtype=np.int32)


def _open_corpus(folder: Path, name: str) -> Corpus:
    return Corpus(**vars(open_texts(folder, name)), labels=np.load(folder / f"{name}.labels.npy", allow_pickle=False))
