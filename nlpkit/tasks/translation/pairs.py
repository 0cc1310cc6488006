"""Pairs of sentences made ready for training: split, weeded, tokenized, and laid out flat on disk."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from nlpkit.data.cache import TOKENIZER, Report
from nlpkit.data.dataset import Dataset, Pair
from nlpkit.data.facts import Facts, count_repeated, keep_facts, prepared_folder
from nlpkit.data.notes import recorded
from nlpkit.data.seen import row_key
from nlpkit.data.texts import StoredTexts, Texts, counted, open_texts, store_texts, write_texts
from nlpkit.errors import DataError
from nlpkit.normalization import normalize
from nlpkit.tasks.text import PreparedText
from nlpkit.tasks.translation.recipe import TranslationRecipe
from nlpkit.tokenizer import Tokenizer, train_tokenizer

_LAYOUT = 2  # raise when the files below change, so that older caches are left alone
SHORT = 4  # tokens added to both sides before their ratio is taken: short sentences may differ more


@dataclass(frozen=True)
class Sides:
    """The two sides of a split: row i of one is the translation of row i of the other."""

    source: Texts
    target: Texts

    def __len__(self) -> int:
        return len(self.source)

    def pair(self, index: int) -> Pair:
        """One pair as it was read."""
        return Pair(self.source.text(index), self.target.text(index))


@dataclass(frozen=True)
class PreparedPairs(PreparedText):
    """What training a translator takes: one tokenizer for both sides, and the two splits; and what is known of them."""

    train: Sides
    validation: Sides


def prepare_pairs(
    dataset: Dataset[Pair],
    recipe: TranslationRecipe,
    report: Report = lambda *_: None,
    tokenizer: bytes | None = None,
) -> PreparedPairs:
    """The data set under the recipe, from the cache when the same was prepared before.

    Every split is read and checked, the test split too. The tokenizer is trained on both sides of the train split,
    unless the model of one is given. Pairs with an empty side, with more than `max_length` tokens on one, or of lengths
    that differ by more than `max_ratio` are left out of train and validation, counted and told. Raises DataError for
    data that cannot be trained on.
    """
    shape = {
        "pairs": _LAYOUT,
        "data": recipe.data.model_dump(exclude={"source", "target"}),
        "tokenizer": recipe.tokenizer.model_dump(exclude={"sampling"}),
        "seed": recipe.training.seed,
    }
    folder, facts, seen = prepared_folder(
        dataset, "pairs", shape, lambda work: _fill(work, dataset, recipe, report, tokenizer), tokenizer
    )
    train, validation = (
        Sides(open_texts(folder, f"{split}.source"), open_texts(folder, f"{split}.target"))
        for split in ("train", "validation")
    )
    model = Tokenizer((folder / TOKENIZER).read_bytes(), normalization=recipe.tokenizer.normalization)
    return PreparedPairs(tokenizer=model, train=train, validation=validation, facts=facts, seen=seen)


def _fill(work: Path, dataset: Dataset[Pair], recipe: TranslationRecipe, report: Report, given: bytes | None) -> None:
    splits = [split for split in ("train", "validation") if split in dataset.splits]
    with recorded() as said:
        stores = {split: _store_split(work, dataset, split, recipe, report) for split in dataset.splits}
    for split, (sources, _) in stores.items():
        if not len(sources):
            raise DataError(f"{dataset.name}: its {split} split is empty; fill it, or remove it")
    order = np.random.default_rng(recipe.training.seed).permutation(len(stores["train"][0]))[: recipe.data.limit]
    if "validation" in splits:
        train_rows, held_out = np.sort(order), np.arange(len(stores["validation"][0]))
    else:
        count = max(1, round(len(order) * recipe.data.validation_fraction))
        train_rows, held_out = np.sort(order[count:]), np.sort(order[:count])
    texts = chain.from_iterable(map(side.text, train_rows) for side in stores["train"])
    watched = counted(texts, "learning pieces", report, 2 * len(train_rows))
    split_digits = recipe.tokenizer.split_digits
    tokenizer = Tokenizer(given) if given else train_tokenizer(watched, recipe.tokenizer, split_digits=split_digits)
    (work / TOKENIZER).write_bytes(tokenizer.model)
    found = {split: np.fromiter(map(row_key, *sides), np.uint64) for split, sides in stores.items()}
    keys, left_out = dict(found), {}
    for split, place, rows in (("train", "train", train_rows), ("validation", splits[-1], held_out)):
        sides = stores[place]
        written = []
        for name, side in zip(Pair._fields, sides, strict=True):
            write_texts(work, f"{split}.{name}", side, rows, tokenizer, report)
            written.append(open_texts(work, f"{split}.{name}").lengths())
        kept, reasons = _weed(written[0], written[1], recipe)
        keys[split] = found[place][rows[kept]]
        if len(kept) < len(rows):
            left_out[split] = reasons
            for name, side in zip(Pair._fields, sides, strict=True):
                write_texts(work, f"{split}.{name}", side, rows[kept], tokenizer, report)
        if not len(kept):
            use = "train on" if split == "train" else "hold out"
            raise DataError(f"{dataset.name}: of {len(rows):,} pairs none is left to {use}")
    keep_facts(work, Facts(left_out=left_out, repeated=count_repeated(keys), said=said), keys)
    for path in work.glob("texts-*.bin"):
        path.unlink()


def _weed(source: np.ndarray, target: np.ndarray, recipe: TranslationRecipe) -> tuple[np.ndarray, dict[str, int]]:
    """The rows whose token counts make them fit to train on, and how many are not, by reason."""
    shorter, longer = np.minimum(source, target), np.maximum(source, target)
    reasons = np.select(
        [
            shorter == 0,
            longer > recipe.tokenizer.max_length,
            longer + SHORT > recipe.data.max_ratio * (shorter + SHORT),
        ],
        ["with an empty side", f"longer than {recipe.tokenizer.max_length} tokens", "of uneven lengths"],
        "",
    )
    return np.flatnonzero(reasons == ""), dict(Counter(reasons[reasons != ""].tolist()))


def _store_split(
    work: Path, dataset: Dataset[Pair], split: str, recipe: TranslationRecipe, report: Report
) -> tuple[StoredTexts, StoredTexts]:
    how = recipe.tokenizer.normalization
    targets: list[str] = []

    def sources() -> Iterator[str]:
        for source, target in dataset.read(split):
            targets.append(normalize(target, how))
            yield normalize(source, how)

    stored = store_texts(work / f"texts-{split}.source.bin", sources(), f"reading {split}", report)
    return stored, store_texts(work / f"texts-{split}.target.bin", targets, f"reading {split}", report)
