"""Texts that nobody labelled, from which the n-grams and the embedding learn beside those with labels."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nlpkit.data.batching import windows
from nlpkit.data.cache import Report
from nlpkit.data.catalog import open_documents
from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.facts import amount
from nlpkit.data.files import read_rows
from nlpkit.data.frames import Texts, texts_of
from nlpkit.data.seen import row_key
from nlpkit.errors import DataError
from nlpkit.tasks.classification.corpus import PreparedData
from nlpkit.tasks.classification.recipe import ClassificationRecipe

logger = logging.getLogger("nlpkit")

_MOST_TOKENS = 5_000_000
_MOST_SCORES = 10_000_000  # tokens times labels


def read_unlabelled(
    texts: Texts | None,
    recipe: ClassificationRecipe,
    dataset: Dataset[Example],
    data: PreparedData,
    report: Report = lambda *_: None,
) -> list[np.ndarray]:
    """The token ids of `texts`, or of those that the recipe's `data.unlabelled` names: a table, a file of one text a
    line, a folder of files, or a data set by its name. Those that stand in a split of the data are left out, and told;
    of very many the first are read.

    Raises UsageError when nothing is meant, DataError when there is no text in it.
    """
    name = "the texts without labels" if texts is not None else str(recipe.data.unlabelled)
    given = _named(recipe) if texts is None else texts_of(texts, recipe.data.text_column)
    normalize = data.tokenizer.normalize
    known = {int(key) for corpus in (data.train, data.validation) for key in map(row_key, corpus)}
    if "test" in dataset.splits:
        known |= {row_key(normalize(text)) for text, _ in dataset.read("test")}
    most = min(_MOST_TOKENS, _MOST_SCORES // len(data.labels))
    rows: list[np.ndarray] = []
    left_out = tokens = 0
    for window in windows(given):
        if tokens > most:
            logger.warning("of %s the first %s are read", name, amount(len(rows), "texts"))
            break
        normal = [text for text in map(normalize, window) if text.strip()]
        new = [text for text in normal if row_key(text) not in known]
        left_out += len(normal) - len(new)
        found = [np.array(ids, np.int32) for ids in data.tokenizer.encode(new) if ids]
        rows += found
        tokens += sum(map(len, found))
        report("reading texts without labels", len(rows), None)
    if left_out:
        logger.warning("left out %s of %s that stand in the data", amount(left_out, "texts"), name)
    if not rows:
        raise DataError(f"{name}: there is no text in it that is not in the data, too")
    return rows


def _named(recipe: ClassificationRecipe) -> Iterator[str]:
    """The texts that the recipe names, read as their own file says, which need not be as the labelled one."""
    name = str(recipe.data.unlabelled)
    path = Path(name).expanduser()
    if path.is_file():
        return (text for _, text in read_rows(path, None, remembered=recipe.data.text_column))
    return open_documents(name).read("train")
