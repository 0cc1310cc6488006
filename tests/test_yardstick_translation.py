"""What a translator is held against: a translation memory, and a table of words."""

import random
import re
from typing import Any

import pytest

from nlpkit.data.dataset import Pair, dataset_from_pairs
from nlpkit.tasks.translation.pairs import prepare_pairs
from nlpkit.tasks.translation.recipe import TranslationRecipe, TranslatorTokenizer
from nlpkit.tasks.translation.yardstick import translation_yardstick, word_table

GERMAN = {"A": "Ein", "a": "einen", "man": "Mann", "dog": "Hund", "cat": "Kater", "sees": "sieht", "not": "nicht"}


def made_pairs(count: int, seed: int = 0) -> list[Pair]:
    rng = random.Random(seed)
    found = [rng.choices(list(GERMAN), k=rng.randint(4, 9)) for _ in range(count)]
    return [Pair(" ".join(words) + ".", " ".join(map(GERMAN.__getitem__, words)) + ".") for words in found]


def yardstick(pairs: list[Pair], judged: dict[str, list[Pair]]) -> tuple[str, dict[str, Any]]:
    recipe = TranslationRecipe(tokenizer=TranslatorTokenizer(vocab_size=400))
    found = translation_yardstick(prepare_pairs(dataset_from_pairs(*zip(*pairs, strict=True)), recipe), judged)
    return found.name, dict(found.reports)


def test_a_words_translation_is_what_it_explains() -> None:
    sources, targets = zip(*made_pairs(200), strict=True)
    assert word_table(sources, targets) == GERMAN | {".": "."}
    assert word_table(["a b", "a"], ["x y", "x"]) == {"a": "x", "b": "y"}
    assert word_table([], []) == word_table(["a"], [" "]) == {}


def test_the_table_serves_where_words_are_put_together_anew() -> None:
    name, reports = yardstick(
        made_pairs(100), {"validation": made_pairs(20, 1), "test": [Pair("a  dog!", "einen  Hund!")]}
    )
    assert name == "word for word, by IBM Model 1"
    assert reports["validation"].bleu == pytest.approx(100)
    assert reports["test"].exact_match == 1  # a mark that it does not know stays; spaces are as the model reads them
    assert reports["test"].sentences == 1


def test_the_memory_serves_where_sentences_come_again() -> None:
    turned = [Pair(f"one {i} two", f"{'drei ' * (i % 5)}vier {'fünf ' * (i % 3)}sechs") for i in range(1, 16)]
    name, reports = yardstick(turned * 6, {"test": [Pair("ONE 7  two", turned[6].target)]})
    assert name == "the nearest source's translation, by TF-IDF"
    assert reports["test"].exact_match == 1


def test_what_has_no_words_and_what_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = [Pair("\u0301" * (1 + i % 3), "…" * (1 + i % 3)) for i in range(40)]
    assert yardstick(strange, {"test": strange})[1]["test"].sentences == 40
    monkeypatch.setattr("nlpkit.tasks.translation.lexicon._MOST_CELLS", 3_000)
    name, reports = yardstick(made_pairs(100), {"validation": made_pairs(20, 1)})
    assert re.fullmatch("word for word, by IBM Model 1, on [45]\\d of the pairs", name)
    assert reports["validation"].bleu > 60
