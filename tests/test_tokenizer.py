"""SentencePiece behind one small interface."""

from itertools import product
from typing import Any, get_args

import pytest

from nlpkit.errors import DataError, UsageError
from nlpkit.normalization import Normalization, normalize
from nlpkit.recipe import TokenizerSection
from nlpkit.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, train_tokenizer

CORPUS = ["The cat sat on the mat.", "A dog, a log;  two spaces", "Naïve café\n\nnew\tparagraph", " leading"] * 20
STRANGE = ["", " ", "  two  ", "日本語 🙂", "\x00\r\n", "café\u0301", "ﬁ", "x" * 20_000]


def trained(**settings: Any) -> Tokenizer:
    return train_tokenizer(CORPUS, TokenizerSection(**settings))


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char"])
def test_decoding_gives_the_text_back(kind: str) -> None:
    tokenizer = trained(kind=kind, normalization="none")
    for text in CORPUS + STRANGE:
        assert tokenizer.decode(tokenizer.encode([text])[0]) == text


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("none", "\ufeffa \r\n b<br />c\rd "),
        ("lines", "a \n b<br />c\nd "),
        ("web", "a \n b\nc\nd "),
        ("sentence", "a b<br />c d"),
    ],
)
def test_a_text_is_normalized_wherever_it_is_read(how: Normalization, wanted: str) -> None:
    text = "\ufeffa \r\n b<br />c\rd "
    tokenizer = trained(normalization=how)
    assert tokenizer.normalize(text) == tokenizer.normalize(tokenizer.normalize(text)) == wanted
    assert tokenizer.encode([text]) == tokenizer.encode([wanted])
    assert tokenizer.sample([text], 0.3, seed=1) == tokenizer.sample([wanted], 0.3, seed=1)
    assert tokenizer.decode(tokenizer.encode([text])[0]) == wanted
    # and when the pieces are learnt: `<br` is one that no text spells any more
    learnt = train_tokenizer(["over<br />and<BR>over"] * 50, TokenizerSection(kind="char", normalization=how))
    assert ("<" in learnt.pieces(range(len(learnt)))) == (how != "web")


@pytest.mark.parametrize("how", get_args(Normalization))
def test_normalizing_twice_changes_nothing(how: Normalization) -> None:
    parts = ("\ufeff", " ", "\r", "\n", "<br", "<BR/>", ">", "/>", "a", "\u2028", "<")
    for count in range(1, 5):
        for text in map("".join, product(parts, repeat=count)):
            once = normalize(text, how)
            assert normalize(once, how) == once, (text, once)
    assert normalize("<br" * 100_000 + ">", how).count("<br") == 100_000  # at once, too


def test_a_mark_behind_white_space_is_a_mark() -> None:
    assert normalize(" \ufeffabc", "sentence") == "abc"


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char"])
def test_a_small_corpus_gets_fewer_pieces(kind: str) -> None:
    assert 260 < len(trained(kind=kind, vocab_size=8000)) < 1000


def test_special_ids() -> None:
    tokenizer = trained(byte_fallback=False)
    assert (PAD, UNK, BOS, EOS) == (0, 1, 2, 3)
    assert tokenizer.pieces([0, 1, 2, 3]) == ["<pad>", "<unk>", "<s>", "</s>"]
    assert UNK in tokenizer.encode(["日"])[0]
    ids = tokenizer.encode(["The cat"])[0]
    assert not {PAD, UNK, BOS, EOS} & set(ids)
    assert tokenizer.decode([BOS, *ids, EOS, PAD, PAD]) == "The cat"


def test_a_model_comes_back_from_its_bytes() -> None:
    tokenizer = trained()
    again = Tokenizer(tokenizer.model)
    assert again.encode(CORPUS, threads=2) == tokenizer.encode(CORPUS)
    for damaged in (b"nonsense", tokenizer.model.replace("é".encode(), b"\xc3\xc3")):
        with pytest.raises(DataError, match="not a SentencePiece model"):
            Tokenizer(damaged)


def test_lower_case() -> None:
    tokenizer = trained(lowercase=True)
    assert tokenizer.encode(["THE CAT"]) == tokenizer.encode(["the cat"])


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sampling_is_seeded_and_still_spells_the_text(kind: str) -> None:
    tokenizer = trained(kind=kind)
    first = tokenizer.sample(CORPUS, 0.1, seed=1)
    assert tokenizer.sample(CORPUS, 0.1, seed=2) != first
    assert tokenizer.sample(CORPUS, 0.1, seed=1) == first
    assert [tokenizer.decode(ids) for ids in first] == CORPUS


def test_too_small_a_vocabulary() -> None:
    with pytest.raises(UsageError, match="vocab_size=100 is too small"):
        trained(vocab_size=100)


def test_no_text() -> None:
    with pytest.raises(DataError, match="no text"):
        train_tokenizer([], TokenizerSection())
