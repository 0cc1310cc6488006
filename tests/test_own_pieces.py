"""SentencePiece models and vectors that people have."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece

import nlpkit
from nlpkit import TextClassifier, TextGenerator, Translator
from nlpkit.errors import DataError, UsageError
from nlpkit.own_tokenizer import adopt_tokenizer
from nlpkit.recipe import TokenizerSection, TrainingSection
from nlpkit.tokenizer import Tokenizer
from nlpkit.vectors import read_vectors, vectors_of
from tests.conftest import Command, settings, write_csv
from tests.test_classification import LABELS, TEXTS
from tests.test_cli import refused

SPACE = "\u2581"
OWN: dict[str, Any] = {"units": 8, "embedding_size": 6, "epochs": 1, "yardstick": False}


def spm(path: Path, kind: str = "unigram", **options: Any) -> Path:
    """A SentencePiece model as people train it: no padding, the unknown piece first, a space of its own in front."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter([*TEXTS, "An Early Morning, at 10 o'clock: ok?"]),
        model_writer=written,
        model_type=kind,
        vocab_size=options.pop("vocab_size", 120),
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    path.write_bytes(written.getvalue())
    return path


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("unigram", {}),
        ("bpe", {"pad_id": 3, "byte_fallback": True, "vocab_size": 400}),
        ("bpe", {"normalization_rule_name": "nmt_nfkc_cf", "user_defined_symbols": ["<sep>"]}),
        ("char", {"control_symbols": ["<mask>"]}),
    ],
)
def test_text_is_split_as_before(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    path = spm(tmp_path / "own.model", kind, **options)
    content, section = adopt_tokenizer(path, TokenizerSection())
    before, after = sentencepiece.SentencePieceProcessor(model_file=str(path)), Tokenizer(content)
    for text in [*TEXTS[:20], "The Superb film", "ｆｕｌｌ width", "naïve <sep> 7 €"]:
        assert after.pieces(after.encode([text])[0]) == [before.IdToPiece(i) for i in before.Encode(text)]
        if section.byte_fallback:
            assert after.decode(after.encode([text])[0]) == before.Decode(before.Encode(text))
    assert after.pieces(range(4))[1] == "<unk>"
    assert {*after.pieces(range(len(after)))} >= {before.IdToPiece(i) for i in range(before.GetPieceSize())}
    assert section.kind == kind
    assert section.vocab_size == len(after)
    assert section.byte_fallback == bool(options.get("byte_fallback"))
    assert section.lowercase == ("normalization_rule_name" in options)


def test_what_was_learned_in_lower_case_reads_so(tmp_path: Path) -> None:
    lower = iter(text.lower() for text in TEXTS)
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=lower,
        model_writer=written,
        vocab_size=120,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        minloglevel=2,
    )
    (tmp_path / "own.model").write_bytes(written.getvalue())
    plain, told = adopt_tokenizer(tmp_path / "own.model", TokenizerSection())
    folding, section = adopt_tokenizer(tmp_path / "own.model", TokenizerSection(lowercase=True))
    assert (told.lowercase, section.lowercase) == (False, True)
    assert Tokenizer(folding).encode(["The LOVELY day"]) == Tokenizer(plain).encode(["the lovely day"])
    assert Tokenizer(plain).encode(["The LOVELY day"]) != Tokenizer(plain).encode(["the lovely day"])
    with_capitals, section = adopt_tokenizer(
        spm(tmp_path / "whole.model", character_coverage=1.0), TokenizerSection(lowercase=True)
    )
    assert not section.lowercase  # it has pieces for them
    assert Tokenizer(with_capitals).encode(["An"]) != Tokenizer(with_capitals).encode(["an"])


def test_heads_take_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = str(spm(tmp_path / "own.model", character_coverage=1.0))
    content, _ = adopt_tokenizer(path, TokenizerSection())
    classifier = TextClassifier(**OWN, model=path).fit(TEXTS, LABELS)
    assert classifier.tokenizer.to_bytes() == content
    assert f"{path}: {len(classifier.tokenizer)} unigram pieces, which read text as nmt_nfkc" in caplog.text
    assert "characters that it has not are unknown" in caplog.text
    assert TextGenerator(**OWN, model=path).fit(TEXTS).tokenizer.to_bytes() == content
    assert Translator(**OWN, model=path).fit(TEXTS, TEXTS).tokenizer.to_bytes() == content
    classifier.save(tmp_path / "model")
    kept: Any = nlpkit.load(tmp_path / "model")
    Path(path).unlink()  # which a trained model does not need
    assert np.array_equal(kept.predict_proba(TEXTS[:5]), classifier.predict_proba(TEXTS[:5]))
    assert kept.recipe.tokenizer.vocab_size == len(kept.tokenizer)


def test_what_is_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "text.model").write_text("the words of a text\n" * 40)
    for name, told in (("text.model", "is not a SentencePiece model"), ("none.model", "cannot be read")):
        with pytest.raises(UsageError, match=told):
            TextClassifier(**OWN, model=str(tmp_path / name)).fit(TEXTS, LABELS)
    with pytest.raises(UsageError, match="into whole words"):
        adopt_tokenizer(spm(tmp_path / "words.model", "word"), TokenizerSection())
    with pytest.raises(UsageError, match="does not write a space before"):
        adopt_tokenizer(spm(tmp_path / "after.model", treat_whitespace_as_suffix=True), TokenizerSection())
    TextGenerator(**OWN).fit(TEXTS).save(tmp_path / "writer")
    with pytest.raises(UsageError, match=r"leave tokenizer\.model out"):
        TextClassifier(start_from=str(tmp_path / "writer"), model=str(tmp_path / "words.model")).fit(TEXTS, LABELS)


RNG = np.random.default_rng(0)
VECTORS = {name: RNG.normal(0, 2, 6).astype(np.float32) for name in ("the", "lovely", "on", "went", ".", "new york")}


def written(path: Path, form: str, vectors: dict[str, np.ndarray] = VECTORS) -> Path:
    head = f"{len(vectors)} {len(next(iter(vectors.values())))}\n".encode()
    text = b"".join(f"{name} {' '.join(map(repr, vector.tolist()))}\n".encode() for name, vector in vectors.items())
    binary = b"".join(name.encode() + b" " + vector.astype("<f4").tobytes() + b"\n" for name, vector in vectors.items())
    content = {"word2vec": head + text, "glove": text, "binary": head + binary}[form.removesuffix(".gz")]
    path.write_bytes(gzip.compress(content) if form.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("form", ["word2vec", "glove", "binary", "word2vec.gz", "binary.gz"])
def test_vectors_of_every_form(tmp_path: Path, form: str) -> None:
    one_word = {name: vector for name, vector in VECTORS.items() if form != "binary" or " " not in name}
    path = written(tmp_path / f"own.vec{'.gz' if form.endswith('.gz') else ''}", form, one_word)
    found = read_vectors(path, {"the", ".", "nothing", "lovely"})
    assert sorted(found) == [".", "lovely", "the"]
    for name, vector in found.items():
        np.testing.assert_array_equal(vector, VECTORS[name])


@pytest.mark.parametrize("form", ["word2vec", "glove", "binary"])
def test_vectors_of_many_numbers(tmp_path: Path, form: str) -> None:
    vectors = {f"w{number}": RNG.normal(0, 1, 700).astype(np.float32) for number in range(60)}
    found = read_vectors(written(tmp_path / "own.vec", form, vectors), vectors)
    assert {*found} == {*vectors}
    assert all(np.array_equal(found[name], vectors[name]) for name in vectors)


def embedding(model: Any) -> np.ndarray:
    found: np.ndarray = model.network().get_layer("embedding").get_weights()[0]
    return found


def fitted_on_vectors(tmp_path: Path, task: str, **options: Any) -> Any:
    path = str(written(tmp_path / "own.vec", "word2vec"))
    options = {**OWN, "vectors": path, "vocab_size": 600, **options}
    if task == "classifier":
        return TextClassifier(**options, ngrams=0).fit(TEXTS, LABELS)
    return (
        TextGenerator(**options, kind="bpe").fit(TEXTS)
        if task == "generator"
        else Translator(**options).fit(TEXTS, TEXTS)
    )


def scaled(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the embedding of four words, and what they would be if they were their vectors to a scale."""
    pieces = model.tokenizer.pieces(range(len(model.tokenizer)))
    rows = embedding(model)[[pieces.index(f"{SPACE}{name}") for name in ("the", "lovely", "on", "went")]]
    given = np.stack([VECTORS[name] for name in ("the", "lovely", "on", "went")])
    scale = (rows * given).sum() / (given**2).sum()
    assert scale > 0
    return rows, scale * given


@pytest.mark.parametrize("task", ["classifier", "generator", "translator"])
def test_the_embedding_begins_with_them(tmp_path: Path, task: str, caplog: pytest.LogCaptureFixture) -> None:
    model = fitted_on_vectors(tmp_path, task, learning_rate=1e-9)
    pieces = model.tokenizer.pieces(range(len(model.tokenizer)))
    rows, given = scaled(model)
    np.testing.assert_allclose(rows, given, atol=1e-5)
    taken = [piece.startswith(SPACE) and piece.strip(SPACE) in VECTORS for piece in pieces]
    if task == "classifier":
        assert rows.std() == pytest.approx(0.5, abs=0.1)
    else:
        assert 0.5 < rows.std() / embedding(model)[~np.array(taken)][4:].std() < 2
    assert f"vectors of {sum(piece.strip(SPACE) == '.' for piece in pieces) + 4} of {len(pieces)} pieces" in caplog.text


@pytest.mark.parametrize("task", ["classifier", "generator", "translator"])
def test_the_embedding_stays_as_they_are(tmp_path: Path, task: str) -> None:
    quickly = {"learning_rate": 0.05, "weight_decay": 0.1}
    rows, given = scaled(fitted_on_vectors(tmp_path, task, vectors_frozen=1, **quickly))
    np.testing.assert_allclose(rows, given, atol=1e-6)
    rows, given = scaled(fitted_on_vectors(tmp_path, task, **quickly))
    assert np.abs(rows - given).max() > 0.01


def test_rows_that_are_held_move_when_their_steps_are_done() -> None:
    import keras

    from nlpkit.training.schedule import make_optimizer

    matrix, other = keras.Variable(np.ones((3, 2), np.float32)), keras.Variable(np.ones(2, np.float32))
    optimizer = make_optimizer(TrainingSection(weight_decay=0.1, warmup=0, ema_momentum=0), 10, holding=True)
    optimizer.hold(matrix, [0, 2], 0.4)
    optimizer.build([other, matrix])
    for step in range(6):
        before = np.array(matrix), np.array(other)
        optimizer.apply([np.ones(2, np.float32), np.ones((3, 2), np.float32)])
        moved = (np.array(matrix) != before[0]).all(1)
        assert moved.tolist() == ([False, True, False] if step < 4 else [True] * 3)
        assert (np.array(other) != before[1]).all()


def test_what_is_held_still_goes_with_vectors() -> None:
    with pytest.raises(UsageError, match="vectors_frozen goes with vectors"):
        TextClassifier(vectors_frozen=0.5)


def test_vectors_of_pieces_are_taken_by_piece(tmp_path: Path) -> None:
    alone = {"the": VECTORS["the"], SPACE: VECTORS["on"], "ing": VECTORS["went"]}  # a word may be called like a space
    tokenizer = Tokenizer(adopt_tokenizer(spm(tmp_path / "own.model"), TokenizerSection())[0])
    rows = vectors_of(str(written(tmp_path / "alone.vec", "word2vec", alone)), tokenizer, 6)
    assert tokenizer.pieces(rows) == [piece for piece in tokenizer.pieces(rows) if piece.startswith(SPACE)]
    assert np.array_equal(rows[tokenizer.pieces(range(len(tokenizer))).index(f"{SPACE}the")], VECTORS["the"])
    named = {f"{SPACE}the": VECTORS["the"], "the": VECTORS["on"], "\u2581": VECTORS["went"]}
    path = str(written(tmp_path / "pieces.vec", "word2vec", named))
    still = {**OWN, "vectors": path, "learning_rate": 1e-9, "vocab_size": 600}
    model = TextClassifier(**still, ngrams=0).fit(TEXTS, LABELS)
    row = embedding(model)[model.tokenizer.pieces(range(len(model.tokenizer))).index(f"{SPACE}the")]
    assert np.corrcoef(row, VECTORS["the"])[0, 1] > 0.9999


def test_what_are_no_vectors(tmp_path: Path, nlpkit: Command) -> None:
    write_csv(tmp_path / "few.csv", list(zip(TEXTS, LABELS, strict=True)))
    path = written(tmp_path / "own.vec", "word2vec")
    train = ("train", "--data", "few.csv", *settings(), "--set")
    done = nlpkit(*train, "model.vectors=own.vec", cwd=tmp_path)
    refused(done, 2, "own.vec has vectors of 6 numbers, and model.embedding_size is 16", "--set model.embedding_size=6")
    right = ("model.vectors=own.vec", "--set", "model.embedding_size=6")
    assert nlpkit(*train, *right, cwd=tmp_path).returncode == 0  # nothing was left behind
    metadata = json.loads((tmp_path / "models" / "sentiment-few" / "metadata.json").read_text())
    assert metadata["vectors"]["from"] == "own.vec"
    assert metadata["vectors"]["pieces"] >= 4
    done = nlpkit(*train, "model.vectors=none.vec", "--output", "b", cwd=tmp_path)
    refused(done, 2, "there is no file at none.vec")
    others = {"zebra": VECTORS["the"], "yacht": VECTORS["on"]}
    with pytest.raises(UsageError, match="a vector for none of the"):
        TextClassifier(**OWN, vectors=str(written(tmp_path / "others.vec", "glove", others))).fit(TEXTS, LABELS)
    for content, told in (
        (b"the words of a text\n", "no word and numbers"),
        (b"2 3\nthe 1.0 2.0 3.0\non 1.0 x 3.0\n", "holds no vectors"),
        (b"2 3\nthe 1.0 2.0 3.0\non 1.0\n", "fewer than 3 numbers"),
        (b"5 4\nthe " + bytes(16) + b"\non " + bytes(9), "ends within a vector"),
        (b"1 3\nthe nan 2.0 3.0\n", "no numbers"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=told):
            read_vectors(path, {"the", "on"})
    with pytest.raises(UsageError, match=r"model\.start_from brings already"):
        TextClassifier(start_from="sentiment", vectors="own.vec").fit(TEXTS, LABELS)
