"""Documents made ready to learn to write from: held out, tokenized, and run together into one long row of ids."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlpkit.cores import cores
from nlpkit.data.cache import TOKENIZER, Report, id_type, map_file
from nlpkit.data.dataset import Dataset
from nlpkit.data.facts import Facts, keep_facts, prepared_folder
from nlpkit.data.notes import recorded
from nlpkit.data.seen import among, document_keys, part_keys
from nlpkit.errors import DataError
from nlpkit.normalization import normalize
from nlpkit.tasks.generation.recipe import GenerationRecipe
from nlpkit.tasks.text import PreparedText
from nlpkit.tokenizer import BOS, EOS, Tokenizer, train_tokenizer

_LAYOUT = 3  # raise when the files below change, so that older caches are left alone
_STRETCH = 100_000  # characters tokenized at a time
_FEW = 20  # documents, below which each gives its end to validation


@dataclass(frozen=True)
class Stream:
    """Token ids [tokens] in reading order, memory-mapped, and how many characters they spell."""

    ids: np.ndarray
    characters: int


@dataclass(frozen=True)
class PreparedStream(PreparedText):
    """What training a generator takes, and what is known of it."""

    train: Stream
    validation: Stream


def prepare_stream(
    dataset: Dataset[str],
    recipe: GenerationRecipe,
    report: Report = lambda *_: None,
    tokenizer: bytes | None = None,
) -> PreparedStream:
    """The documents under the recipe, from the cache when the same were prepared before.

    Every split is read and checked, the test split too. The tokenizer is trained on the train split only, unless the
    model of one is given. Raises DataError for text that cannot be trained on.
    """
    shape = {
        "stream": _LAYOUT,
        "data": recipe.data.model_dump(exclude={"source"}),
        "tokenizer": recipe.tokenizer.model_dump(),
        "seed": recipe.training.seed,
    }
    folder, facts, seen = prepared_folder(
        dataset, "characters", shape, lambda work: _fill(work, dataset, recipe, report, tokenizer), tokenizer
    )
    model = Tokenizer(
        (folder / TOKENIZER).read_bytes(), leading_space=False, normalization=recipe.tokenizer.normalization
    )
    train, validation = (
        Stream(map_file(folder / f"{name}.ids.bin", id_type(len(model))), facts.characters[name])
        for name in ("train", "validation")
    )
    return PreparedStream(tokenizer=model, train=train, validation=validation, facts=facts, seen=seen)


def split_documents(documents: list[str], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """(train, validation): the end of each document is held out, or, of twenty or more, whole ones drawn by seed."""
    if len(documents) < _FEW:
        ends = [round(len(text) * (1 - fraction)) for text in documents]
        pairs = list(zip(documents, ends, strict=True))
        return [text[:end] for text, end in pairs], [text[end:] for text, end in pairs]
    count = max(1, round(len(documents) * fraction))
    held_out = set(np.random.default_rng(seed).permutation(len(documents))[:count].tolist())
    return (
        [text for row, text in enumerate(documents) if row not in held_out],
        [text for row, text in enumerate(documents) if row in held_out],
    )


def token_ids(tokenizer: Tokenizer, documents: Iterable[str], *, apart: bool) -> Iterator[np.ndarray]:
    """The ids of documents in turn, a piece of some length at a time; `apart` puts a beginning and an end to each."""
    dtype = id_type(len(tokenizer))
    for text in map(tokenizer.normalize, documents):
        if apart:
            yield np.array([BOS], dtype)
        for ids in tokenizer.encode(list(_stretches(text)), threads=cores()):
            yield np.array(ids, dtype)
        if apart:
            yield np.array([EOS], dtype)


def _fill(work: Path, dataset: Dataset[str], recipe: GenerationRecipe, report: Report, given: bytes | None) -> None:
    found = {}
    said: list[str] = []
    for split in dataset.splits:
        report(f"reading {split}", 0, None)
        with recorded() as told:
            found[split] = [normalize(text, recipe.tokenizer.normalization) for text in dataset.read(split)]
        said += told
        if not any(map(str.strip, found[split])):
            raise DataError(f"{dataset.name} has no text in it ({split})")
    if "validation" not in found:
        fraction = recipe.data.validation_fraction
        found["train"], found["validation"] = split_documents(found["train"], fraction, recipe.training.seed)
        if not any(map(str.strip, found["validation"])):
            raise DataError(
                f"{dataset.name} is so short that data.validation_fraction = {fraction} holds nothing out; raise it, "
                "or give more text"
            )
    found["train"] = list(_limited(found["train"], recipe.data.limit))
    report("learning pieces", 0, None)
    tokenizer = (
        Tokenizer(given, leading_space=False)
        if given
        else train_tokenizer(found["train"], recipe.tokenizer, leading_space=False)
    )
    (work / TOKENIZER).write_bytes(tokenizer.model)
    for name in ("train", "validation"):
        report(f"tokenizing {name}", 0, None)
        with (work / f"{name}.ids.bin").open("wb") as file:
            for ids in token_ids(tokenizer, found[name], apart=recipe.data.documents == "apart"):
                file.write(ids.tobytes())
    keys = {name: np.fromiter(document_keys(found[name]), np.uint64) for name in ("train", "validation")}
    learnt = np.unique(keys["train"])
    repeated = {name: repeated_characters(texts, learnt) for name, texts in found.items() if name != "train"}
    characters = {name: sum(map(len, texts)) for name, texts in found.items()}
    keep_facts(work, Facts(repeated=repeated, said=said, characters=characters), keys)


def repeated_characters(documents: Iterable[str], trained: np.ndarray) -> int:
    """How many characters of documents are of parts with one of the keys `trained` on, which ascend."""
    count = 0
    for text in documents:
        keys, ends = part_keys(text)
        count += int(np.diff(ends, prepend=0)[among(keys, trained)].sum())
    return count


def _limited(documents: list[str], limit: int | None) -> Iterator[str]:
    """The first documents, up to so many characters in all."""
    left = sum(map(len, documents)) if limit is None else limit
    for text in documents:
        if left <= 0:
            return
        yield text[:left]
        left -= len(text)


def _stretches(text: str) -> Iterator[str]:
    """The text in parts that begin with a space, where pieces begin too, so that the cuts change no piece."""
    start = 0
    while start < len(text):
        end = text.find(" ", start + _STRETCH)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end
