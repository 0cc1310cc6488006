"""The yardstick of translators: the better of a translation memory and a table of words, on the same split."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from nlpkit.data.dataset import Pair
from nlpkit.tasks.translation.lexicon import some_pairs, word_chances
from nlpkit.tasks.translation.pairs import PreparedPairs
from nlpkit.tasks.translation.report import translation_report
from nlpkit.yardstick import Yardstick

_AT_ONCE = 256  # texts looked up together: each may share a word with every text that is remembered
_WORD = re.compile(r"\w+|[^\w\s]")

Translate = Callable[[Sequence[str]], list[str]]


def translation_yardstick(data: PreparedPairs, judged: Mapping[str, Iterable[Pair]], seed: int = 1) -> Yardstick:
    """The better, by BLEU on the validation split, of a translation memory, which gives the target of the train split's
    nearest source, and of a table that puts a word in the place of each word, both fitted on `some_pairs` of the train
    split; and its figures on the rows of `judged`, by split."""
    rows = np.sort(some_pairs(data.train.source.lengths(), data.train.target.lengths(), seed))
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
    """The likeliest translation of each word of the sources, by IBM Model 1.

    Words differ by case: a language that has it tells the beginning of a sentence, and so often its subject, by it.
    """
    known: dict[str, int] = {"": 0}
    sides = [
        [np.array([known.setdefault(word, len(known)) for word in _WORD.findall(text)], np.int64) for text in side]
        for side in (sources, targets)
    ]
    names = list(known)
    given, found, _ = word_chances(*sides)  # the likeliest last
    return {names[source]: names[target] for source, target in zip(given, found, strict=True) if source}


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
