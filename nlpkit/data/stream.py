"""Documents made ready to learn to write from: held out, tokenized, and run together into one long row of ids."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlpkit.cores import cores
from nlpkit.data.cache import Report, cached, id_type, map_file
from nlpkit.data.dataset import Dataset
from nlpkit.errors import DataError
from nlpkit.recipe import GenerationRecipe
from nlpkit.tokenizer import BOS, EOS, Tokenizer, train_tokenizer

_LAYOUT = 1  # raise when the files below change, so that older caches are left alone
_STRETCH = 100_000  # characters tokenized at a time
_FEW = 20  # documents, below which each gives its end to validation


@dataclass(frozen=True)
class Stream:
    """Token ids [tokens] in reading order, memory-mapped, and how many characters they spell."""

    ids: np.ndarray
    characters: int


@dataclass(frozen=True)
class PreparedStream:
    """What training a generator takes."""

    tokenizer: Tokenizer
    train: Stream
    validation: Stream


def prepare_stream(dataset: Dataset[str], recipe: GenerationRecipe, report: Report = lambda *_: None) -> PreparedStream:
    """The documents under the recipe, from the cache when the same were prepared before.

    The tokenizer is trained on the train split only. Raises DataError for text that cannot be trained on.
    """
    shape = {
        "stream": _LAYOUT,
        "fingerprint": dataset.fingerprint,
        "data": recipe.data.model_dump(exclude={"source"}),
        "tokenizer": recipe.tokenizer.model_dump(),
        "seed": recipe.training.seed,
    }
    folder = cached(shape, lambda work: _fill(work, dataset, recipe, report))
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer((folder / "tokenizer.model").read_bytes(), leading_space=False)
    train, validation = (
        Stream(map_file(folder / f"{name}.ids.bin", id_type(len(tokenizer))), facts[name])
        for name in ("train", "validation")
    )
    return PreparedStream(tokenizer, train, validation)


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
    for text in documents:
        if apart:
            yield np.array([BOS], dtype)
        for ids in tokenizer.encode(list(_stretches(text)), threads=cores()):
            yield np.array(ids, dtype)
        if apart:
            yield np.array([EOS], dtype)


def _fill(work: Path, dataset: Dataset[str], recipe: GenerationRecipe, report: Report) -> None:
    report("reading train", 0, None)
    train = list(dataset.read("train"))
    if "validation" in dataset.splits:
        validation = list(dataset.read("validation"))
    else:
        train, validation = split_documents(train, recipe.data.validation_fraction, recipe.training.seed)
    train = list(_limited(train, recipe.data.limit))
    if not any(text.strip() for text in train):
        raise DataError(f"{dataset.name} has no text in it")
    report("learning pieces", 0, None)
    tokenizer = train_tokenizer(train, recipe.tokenizer, leading_space=False)
    (work / "tokenizer.model").write_bytes(tokenizer.model)
    facts = {}
    for name, documents in (("train", train), ("validation", validation)):
        report(f"tokenizing {name}", 0, None)
        with (work / f"{name}.ids.bin").open("wb") as file:
            for ids in token_ids(tokenizer, documents, apart=recipe.data.documents == "apart"):
                file.write(ids.tobytes())
        facts[name] = sum(map(len, documents))
    (work / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


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
