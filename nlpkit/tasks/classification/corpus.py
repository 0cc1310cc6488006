"""A labelled data set made ready for training: split, tokenized, and laid out flat on disk."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nlpkit.data.cache import TOKENIZER, Report
from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.facts import Facts, count_repeated, keep_facts, prepared_folder
from nlpkit.data.labels import all_of, in_order, one_label
from nlpkit.data.notes import recorded
from nlpkit.data.seen import row_key
from nlpkit.data.texts import StoredTexts, Texts, counted, open_texts, store_texts, write_texts
from nlpkit.errors import DataError
from nlpkit.normalization import normalize
from nlpkit.tasks.classification.recipe import ClassificationRecipe
from nlpkit.tasks.text import PreparedText
from nlpkit.tokenizer import Tokenizer, train_tokenizer

_LAYOUT = 4  # raise when the files below change, so that older caches are left alone


@dataclass(frozen=True)
class Corpus(Texts):
    """Texts with their labels, int32 [texts]; with several a text, which ones it has, bool [texts, labels], on disk."""

    labels: np.ndarray


@dataclass(frozen=True)
class JoinedCorpora:
    """Corpora one after the other, to be read as one."""

    parts: tuple[Corpus, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def labels(self) -> np.ndarray:
        return np.concatenate([part.labels for part in self.parts])

    def lengths(self) -> np.ndarray:
        return np.concatenate([part.lengths() for part in self.parts])

    def row(self, number: int) -> np.ndarray:
        part, row = self._place(number)
        return part.row(row)

    def text(self, number: int) -> str:
        part, row = self._place(number)
        return part.text(row)

    def _place(self, number: int) -> tuple[Corpus, int]:
        for part in self.parts:
            if number < len(part):
                return part, number
            number -= len(part)
        raise IndexError(number)


@dataclass(frozen=True)
class PreparedData(PreparedText):
    """What training takes: the tokenizer, the label names in id order, the two corpora, and what is known of them."""

    labels: tuple[str, ...]
    train: Corpus
    validation: Corpus

    @property
    def several(self) -> bool:
        """Whether a text may have several labels."""
        return self.train.labels.ndim == 2

    def shares(self) -> np.ndarray:
        """Which share of the texts to train on each label has: float [labels]."""
        labels = self.train.labels
        counts = labels.sum(0) if self.several else np.bincount(labels, minlength=len(self.labels))
        shares: np.ndarray = counts / len(labels)
        return shares


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
        "data": recipe.data.model_dump(exclude={"source", "unlabelled"}),
        "tokenizer": recipe.tokenizer.model_dump(exclude={"max_length", "truncation", "sampling"}),
        "seed": recipe.training.seed,
    }
    folder, facts, seen = prepared_folder(
        dataset, "texts", shape, lambda work: _fill(work, dataset, recipe, report, tokenizer), tokenizer
    )
    labels = tuple(json.loads((folder / "labels.json").read_text(encoding="utf-8")))
    corpora = {name: _open_corpus(folder, name) for name in ("train", "validation")}
    if recipe.model.labels is not None:
        corpora = {
            name: replace(corpus, labels=_as_asked(corpus.labels, recipe.model.labels, len(labels), dataset.name))
            for name, corpus in corpora.items()
        }
    model = Tokenizer((folder / TOKENIZER).read_bytes(), normalization=recipe.tokenizer.normalization)
    return PreparedData(tokenizer=model, labels=labels, **corpora, facts=facts, seen=seen)


def split_indexes(labels: np.ndarray, fraction: float, limit: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Seeded, stratified (train, validation) row numbers, ascending; of `limit` rows in all, where given.

    Each class gives `fraction` of its rows to validation, one at least where it has two.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))[:limit]
    held_out = []
    by_label = order[np.argsort(labels[order], kind="stable")]
    ends = np.unique(labels[by_label], return_index=True)[1][1:]  # where the next label begins
    for rows in np.split(by_label, ends):
        count = max(1, round(len(rows) * fraction)) if len(rows) > 1 else 0
        held_out.append(rows[:count])
    validation = np.sort(np.concatenate(held_out))
    return np.setdiff1d(order, validation), validation


def _fill(
    work: Path, dataset: Dataset[Example], recipe: ClassificationRecipe, report: Report, given: bytes | None
) -> None:
    # a column is a label even where no text has it
    columns = dict.fromkeys(one_label(name, dataset.name) for name in recipe.data.label_columns or ())
    names = {name: number for number, name in enumerate(columns)}
    taught: set[str] = set()
    said: list[str] = []
    stores, found, unlearnt = {}, {}, {}
    for split in sorted(dataset.splits, key=lambda split: split != "train"):
        own = names if split != "test" else {}  # a model has no label that stands in test alone
        with recorded() as told:
            stores[split], found[split] = _store_split(work, dataset, split, own, recipe, report)
        said += told
        if split == "train":
            taught = set(own)
        elif not len(stores[split]):
            raise DataError(f"{dataset.name}: its {split} split is empty; fill it, or remove it")
        elif others := sorted(set(own) - taught):
            unlearnt[split] = others
    found.pop("test", None)
    order = in_order(names)  # label ids follow the names' order, not the rows'
    several = any(labels.several for labels in found.values())
    if len(order) < (1 if several else 2):
        only = f"one label, {order[0]!r}" if order else "no label" if several else "no rows at all"
        raise DataError(f"{dataset.name}: there is {only} in it; a classifier needs two labels or more")
    place = {name: number for number, name in enumerate(order)}
    rank = np.array([place[name] for name in names], dtype=np.int32)

    found = {split: replace(labels, ids=rank[labels.ids]) for split, labels in found.items()}
    labels = {split: _rarest(labels, len(order)) if several else labels.ids for split, labels in found.items()}
    if "validation" in found:
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
        if several:
            _write_matrix(work / f"{name}.labels.npy", found[split], rows, len(order))
        else:
            np.save(work / f"{name}.labels.npy", labels[split][rows])
    keys |= {"train": keys["train"][train_rows], "validation": keys[validation_split][validation_rows]}
    keep_facts(work, Facts(repeated=count_repeated(keys), unlearnt=unlearnt, said=said), keys)
    for split in stores:
        (work / f"texts-{split}.bin").unlink()
    (work / "labels.json").write_text(json.dumps(order, ensure_ascii=False), encoding="utf-8")


@dataclass(frozen=True)
class _Labels:
    """A split's labels: the ids int32 of all texts, one text after the other, how many each text has, int64 [texts],
    and whether any came as several."""

    ids: np.ndarray
    counts: np.ndarray
    several: bool


def _store_split(
    work: Path,
    dataset: Dataset[Example],
    split: str,
    names: dict[str, int],
    recipe: ClassificationRecipe,
    report: Report,
) -> tuple[StoredTexts, _Labels]:
    """A split's texts, normalized, and labels, these numbered in order of appearance."""
    ids: list[int] = []
    counts: list[int] = []
    several = False

    def texts() -> Iterator[str]:
        nonlocal several
        for text, label in dataset.read(split):
            several = several or not isinstance(label, str)
            labels = all_of(label)
            ids.extend(names.setdefault(one, len(names)) for one in labels)
            counts.append(len(labels))
            yield normalize(text, recipe.tokenizer.normalization)

    stored = store_texts(work / f"texts-{split}.bin", texts(), f"reading {split}", report)
    return stored, _Labels(np.array(ids, np.int32), np.array(counts, np.int64), several)


def _rarest(labels: _Labels, classes: int) -> np.ndarray:
    """Of each text the rarest of its labels, and `classes` for one that has none: what to hold texts out by, so that
    each label has its share."""
    texts = np.repeat(np.arange(len(labels.counts)), labels.counts)
    order = np.argsort(-np.bincount(labels.ids, minlength=classes)[labels.ids], kind="stable")
    rarest = np.full(len(labels.counts), classes, np.int32)
    rarest[texts[order]] = labels.ids[order]  # what is written last stays
    return rarest


def _write_matrix(path: Path, labels: _Labels, rows: np.ndarray, classes: int) -> None:
    """Which labels each of the rows has, as a bool array [rows, classes] on disk."""
    place = np.full(len(labels.counts), -1)
    place[rows] = np.arange(len(rows))
    texts = np.repeat(place, labels.counts)
    matrix = np.lib.format.open_memmap(path, "w+", bool, (len(rows), classes))
    matrix[texts[texts >= 0], labels.ids[texts >= 0]] = True
    matrix.flush()


def _open_corpus(folder: Path, name: str) -> Corpus:
    labels = np.load(folder / f"{name}.labels.npy", mmap_mode="r", allow_pickle=False)
    return Corpus(**vars(open_texts(folder, name)), labels=labels)


def _as_asked(labels: np.ndarray, wanted: str, classes: int, name: str) -> np.ndarray:
    """A corpus' labels, one a text or several as the recipe's model.labels wants them."""
    if wanted == "several" and labels.ndim == 1:
        matrix: np.ndarray = np.eye(classes, dtype=bool)[labels]
        return matrix
    if wanted == "one" and labels.ndim == 2:
        if (labels.sum(1) != 1).any():
            raise DataError(
                f"{name}: there are texts with several labels or none, and model.labels is 'one'; leave it out"
            )
        return np.nonzero(labels)[1].astype(np.int32)
    return labels
