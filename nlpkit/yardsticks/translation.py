"""The yardstick of translators: the better of a translation memory and a table of words, on the same split."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from nlpkit.data.dataset import Pair
from nlpkit.data.pairs import PreparedPairs
from nlpkit.metrics import translation_report
from nlpkit.yardstick import Yardstick

_MOST_CELLS = 10_000_000  # a token beside one of the other side: it is not to take longer than what it measures
_AT_ONCE = 256  # texts looked up together: each may share a word with every text that is remembered
_ITERATIONS = 10
_WORD = re.compile(r"\w+|[^\w\s]")

Translate = Callable[[Sequence[str]], list[str]]


def translation_yardstick(data: PreparedPairs, judged: Mapping[str, Iterable[Pair]], seed: int = 1) -> Yardstick:
    """The better, by BLEU on the validation split, of a translation memory, which gives the target of the train split's
    nearest source, and of a table that puts a word in the place of each word, both fitted on pairs of the train split
    that come to `_MOST_CELLS` at most; and its figures on the rows of `judged`, by split."""
    order = np.random.default_rng(seed).permutation(len(data.train))
    cells = (data.train.source.lengths() + 1) * data.train.target.lengths()
    rows = np.sort(order[: max(1, np.searchsorted(cells[order].cumsum(), _MOST_CELLS, side="right"))])
    sources, targets = ([side.text(row) for row in rows] for side in (data.train.source, data.train.target))
    models: dict[str, Translate] = {}
    if any(map(_WORD.search, sources)):
        models["the nearest source's translation, by TF-IDF"] = _memory(sources, targets)
    models["word for word, by IBM Model 1"] = _word_for_word(sources, targets)
    held_out = [data.validation.pair(row) for row in range(len(data.validation))]
    asked, wanted = map(list, zip(*held_out, strict=True))
    name = max(models, key=lambda name: translation_report(models[name](asked), wanted, resamples=0).bleu)
    reports = {}
    for split, pairs in judged.items():
        asked, wanted = ([data.tokenizer.normalize(text) for text in side] for side in zip(*pairs, strict=True))
        reports[split] = translation_report(models[name](asked), wanted)
    some = f", on {len(rows):,} of the pairs" if len(rows) < len(data.train) else ""
    return Yardstick(name + some, reports)


def word_table(sources: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """The likeliest translation of each word of the sources: IBM Model 1 (Brown et al., 1993), by expectation
    maximization, with the empty word.

    Words differ by case: a language that has it tells the beginning of a sentence, and so often its subject, by it.
    """
    ids: tuple[dict[str, int], dict[str, int]] = {"": 0}, {}
    sides: list[tuple[np.ndarray, np.ndarray]] = []
    for source, target in zip(sources, targets, strict=True):
        given, found = (
            np.array([known.setdefault(word, len(known)) for word in _WORD.findall(text)], np.int64)
            for known, text in zip(ids, (source, target), strict=True)
        )
        sides.append((np.append(given, 0), found))
    if not sum(len(found) for _, found in sides):
        return {}
    # a cell for each word of a target beside each of its source
    words = len(ids[1])
    pairs = np.concatenate([np.add.outer(found, given * words).reshape(-1) for given, found in sides])
    widths = np.concatenate([np.full(len(found), len(given)) for given, found in sides])
    place = np.repeat(np.arange(len(widths)), widths)  # which of all targets' words a cell is of
    kinds, kind = np.unique(pairs, return_inverse=True)
    given = kinds // words
    chances = np.ones(len(kinds))  # of a target's word, given a source's
    for _ in range(_ITERATIONS):
        shares = chances[kind]
        shares /= np.bincount(place, shares)[place]
        counts = np.bincount(kind, shares)
        chances = counts / np.bincount(given, counts)[given]
    order = np.lexsort((chances, given))
    best = order[np.append(given[order][1:] != given[order][:-1], True)]
    names = [list(known) for known in ids]
    return {names[0][kinds[cell] // words]: names[1][kinds[cell] % words] for cell in best}


def _word_for_word(sources: Sequence[str], targets: Sequence[str]) -> Translate:
    """Puts its likeliest translation in the place of each word, and leaves what it does not know as it is."""
    table = word_table(sources, targets)

    def translate(texts: Sequence[str]) -> list[str]:
        return [_WORD.sub(lambda word: table.get(word[0], word[0]), text) for text in texts]

    return translate


def _memory(sources: Sequence[str], targets: Sequence[str]) -> Translate:
    """Gives the target of the nearest source, by the cosine of TF-IDF of words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=_WORD.pattern, sublinear_tf=True, dtype=np.float32)
    known = vectorizer.fit_transform(sources).T.tocsr()

    def nearest(texts: Sequence[str]) -> Iterator[int]:
        for start in range(0, len(texts), _AT_ONCE):
            likeness = vectorizer.transform(texts[start : start + _AT_ONCE]) @ known
            yield from np.asarray(likeness.argmax(1)).reshape(-1).tolist()

    return lambda texts: [targets[row] for row in nearest(texts)]
