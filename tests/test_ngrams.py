"""The n-grams that stand beside a classifier's sequence."""

import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlpkit
from nlpkit import TextClassifier
from nlpkit.bundle import Bundle
from nlpkit.data.dataset import dataset_from_lists
from nlpkit.errors import BundleError
from nlpkit.runtime.session import Session
from nlpkit.tasks.classification.corpus import PreparedData, prepare
from nlpkit.tasks.classification.held_out import HeldOut, held_out_from_bytes
from nlpkit.tasks.classification.network import build_classifier, export_classifier
from nlpkit.tasks.classification.ngrams import NgramWeights, code_limit, find_ngrams, piece_codes, place_of
from nlpkit.tasks.classification.ngrams_fit import best_weights, bucket_count, fit_ngrams, word_edges
from nlpkit.tasks.classification.ngrams_layer import Ngrams
from nlpkit.tasks.classification.recipe import ClassificationRecipe, ClassifierSection
from tests.conftest import FILLER
from tests.test_classification import SMALL

VOCABULARY, CLASSES, BUCKETS = 30, 3, 64
LENGTHS = [5, 1, 2, 9]
NGRAMS = ClassificationRecipe(model=ClassifierSection(ngrams=3))


def weights(n: int = 3, columns: int = CLASSES, *, share: float = 0.3) -> NgramWeights:
    """A model that knows the n-grams of `padded`, less those whose buckets others own; a word's edge is at a `share`
    of the pieces."""
    rng = np.random.default_rng(1)
    codes, edges = piece_codes(np.arange(VOCABULARY), n), rng.random((VOCABULARY, 2)) < share
    marks = np.zeros(BUCKETS, np.uint8)
    for row, length in zip(*padded(), strict=True):
        bucket, mark = place_of(find_ngrams(row[:length], codes, edges).keys, BUCKETS)
        marks[bucket] = mark
    table = rng.integers(-127, 128, (BUCKETS, columns)).astype(np.int8)
    norms = rng.integers(0, 256, (BUCKETS, columns)).astype(np.uint8)
    return NgramWeights(codes, edges, marks, table, norms, rng.normal(0, 1, (columns, CLASSES)).astype(np.float32))


def padded(extra: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    ids = np.full((len(LENGTHS), max(LENGTHS) + extra), 7, np.int32)  # padding that would show
    for row, length in zip(ids, LENGTHS, strict=True):
        row[:length] = np.resize(rng.integers(0, VOCABULARY, -(-length // 2)), length)  # what is said twice
    return ids, np.array(LENGTHS, np.int32)


def by_hand(given: NgramWeights, row: np.ndarray) -> np.ndarray:
    """A text's scores, n-gram by n-gram."""
    total, squares = np.zeros(given.table.shape[1]), np.zeros(given.table.shape[1])
    n = given.codes.shape[1]
    words: list[list[int]] = []
    for place, piece in enumerate(row):
        if not place or given.edges[piece, 0] or given.edges[row[place - 1], 1]:
            words.append([])
        words[-1].append(piece)
    seen = set()
    for start in range(len(words)):
        for size in range(1, min(n, len(words) - start) + 1):
            ngram = words[start : start + size]
            if str(ngram) in seen:
                continue
            seen.add(str(ngram))
            codes = [
                sum(int(given.codes[piece, at]) for piece in word) % code_limit(n) for at, word in enumerate(ngram)
            ]
            bucket, rest = sum(codes) % BUCKETS, sum(codes) // BUCKETS
            if rest % 256 == given.marks[bucket]:
                total += given.table[bucket]
                squares += given.norms[bucket].astype(float) ** 2
    scores: np.ndarray = total / np.sqrt(np.maximum(squares, 1)) @ given.kernel
    return scores


@pytest.mark.parametrize("n", [1, 3])
def test_layer_and_graph_give_what_each_n_gram_adds(n: int) -> None:
    given = weights(n, columns=2)
    ids, lengths = padded(extra=3)
    expected = np.array([by_hand(given, row[:length]) for row, length in zip(ids, lengths, strict=True)])
    assert np.ptp(expected, axis=0).min() > 0.1
    layer = Ngrams(VOCABULARY, n, BUCKETS, 2, CLASSES)
    layer.build()
    layer.assign(given)
    np.testing.assert_allclose(layer(ids, lengths), expected, atol=1e-5)
    for row, length, scores in zip(ids, lengths, expected, strict=True):
        np.testing.assert_allclose(given.scores(row[:length]), scores, atol=1e-5)
    section = ClassifierSection(units=4, embedding_size=4, ngrams=n)
    network = build_classifier(section, VOCABULARY, CLASSES, BUCKETS)
    table, norms = (np.concatenate([values, values[:, :1]], axis=1) for values in (given.table, given.norms))
    kernel = np.concatenate([given.kernel, np.zeros((1, CLASSES), np.float32)])
    network.get_layer("ngrams").assign(NgramWeights(given.codes, given.edges, given.marks, table, norms, kernel))
    network.get_layer("logits").set_weights([np.zeros((16, CLASSES)), np.zeros(CLASSES)])
    odds = np.exp(expected)
    answers = Session(export_classifier(network, section)).run(ids, lengths)[0]
    np.testing.assert_allclose(answers, odds / odds.sum(1, keepdims=True), atol=1e-5)


def test_two_models_beside_each_other_give_the_sum_of_both() -> None:
    earlier, own = weights(columns=2), weights()
    ids, lengths = padded()
    free, taken, strange, same = np.array_split(np.random.default_rng(4).permutation(np.flatnonzero(earlier.marks)), 4)
    assert min(map(len, (free, taken, strange, same))) > 2
    table, norms, marks = own.table.copy(), own.norms.copy(), own.marks.copy()
    table[free], norms[free], marks[free] = 0, 0, 0  # which the one before may keep
    marks[taken] += 1  # another n-gram, whose bucket it now is
    own = replace(own, table=table, norms=norms, marks=marks)
    marks = earlier.marks.copy()
    marks[strange] += 1  # which is not to count for the one that took its bucket
    earlier = replace(earlier, marks=marks)
    both = own.beside(earlier)
    assert own.goes_with(earlier)
    assert both.table.shape == (BUCKETS, CLASSES + 2)
    kept_table, kept_norms = earlier.table.copy(), earlier.norms.copy()
    kept_table[taken], kept_norms[taken] = 0, 0
    kept = replace(earlier, table=kept_table, norms=kept_norms)
    for row, length in zip(ids, lengths, strict=True):
        expected = by_hand(own, row[:length]) + by_hand(kept, row[:length])
        np.testing.assert_allclose(both.scores(row[:length]), expected, atol=1e-5)
    assert not own.goes_with(weights(n=2))
    assert not own.goes_with(weights(share=0.6))


def test_padding_and_company_change_not_a_bit() -> None:
    section = ClassifierSection(units=4, embedding_size=4, ngrams=3)
    network = build_classifier(section, VOCABULARY, CLASSES, BUCKETS)
    network.get_layer("ngrams").assign(weights())
    network.get_layer("logits").set_weights([np.zeros((16, CLASSES)), np.zeros(CLASSES)])
    session = Session(export_classifier(network, section))
    together = session.run(*padded())[0]
    np.testing.assert_array_equal(session.run(*padded(extra=40))[0], together)
    ids, lengths = padded()
    assert session.many_rows
    np.testing.assert_array_equal(
        session.run(np.tile(ids, (20, 1)), np.tile(lengths, 20))[0], np.tile(together, (20, 1))
    )
    for row, length, answer in zip(ids, lengths, together, strict=True):
        np.testing.assert_array_equal(session.run(row[None, :length], np.array([length], np.int32))[0][0], answer)


def test_layers_come_back_from_their_config() -> None:
    layer = Ngrams(VOCABULARY, 3, BUCKETS, 2, CLASSES, name="ngrams")
    again = Ngrams.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_pieces_that_are_alike_have_one_code() -> None:
    codes = piece_codes(np.array([0, 1, 2, 1, 2]), 3)
    np.testing.assert_array_equal(codes[[3, 4]], codes[[1, 2]])
    assert len(np.unique(codes[:3])) == 9
    assert codes.min() >= 0


class Spelled:
    """A tokenizer of these pieces."""

    def __init__(self, *pieces: str) -> None:
        self.spellings = ["<pad>", "<unk>", "<0xE4>", *pieces]

    def __len__(self) -> int:
        return len(self.spellings)

    def pieces(self, ids: Iterable[int]) -> list[str]:
        return [self.spellings[number] for number in ids]

    def byte_pieces(self) -> dict[int, int]:
        return {0xE4: 2}


def test_words_end_at_spaces_at_marks_and_where_a_script_has_none() -> None:
    tokenizer: Any = Spelled("\u2581good", "ness", "\u2581", ",", "\u597d", "7", "\u0901")
    edges = dict(zip(tokenizer.spellings, word_edges(tokenizer).tolist(), strict=True))
    assert edges["\u2581good"] == [True, False]
    assert edges["ness"] == edges["7"] == edges["<0xE4>"] == edges["\u0901"] == [False, False]
    assert edges["\u2581"] == [True, False]
    assert edges[","] == edges["\u597d"] == [True, True]


def test_a_word_is_one_whatever_it_is_split_into() -> None:
    edges = np.array([[True, False], [False, False], [True, True]])  # a word's first piece, another, a mark
    found = find_ngrams(np.array([0, 1, 1, 2, 0]), piece_codes(np.arange(3), 2), edges)
    spans = list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))
    assert spans == [(0, 3), (3, 4), (4, 5), (0, 4), (3, 5)]
    assert len(set(found.keys.tolist())) == 5


def test_an_n_gram_counts_once() -> None:
    row, _ = padded()
    given = weights(n=1, share=1)  # every piece is a word
    np.testing.assert_allclose(given.scores(np.tile(row[0][:5], 2)), given.scores(row[0][:5]), atol=1e-6)


def test_a_text_of_which_nothing_is_known_scores_nothing() -> None:
    given = weights(n=1, share=1)
    unknown = replace(given, codes=given.codes + 1)
    assert not unknown.scores(padded()[0][0]).any()


def told_and_absent(share: float, *, columns: int = 2) -> PreparedData:
    """Texts of which a word tells one class, of this share, and its absence the others."""
    rng = random.Random(2)
    texts, labels = [], []
    for number in range(600):
        told = number % 100 < 100 * share
        words = rng.choices(FILLER, k=12) + ["bravo"] * (rng.random() < (0.9 if told else 0.1))
        texts.append(" ".join(words))
        labels.append("told" if told else f"absent {number % (columns - 1)}")
    return prepare(dataset_from_lists(texts, labels), NGRAMS)


@pytest.mark.parametrize(
    ("share", "class_weights", "wanted"),
    [(0.5, "none", 0), (0.2, "none", np.log(0.2 / 0.8)), (0.2, "balanced", 0)],
)
def test_a_text_of_which_nothing_is_known_is_as_the_classes_are(
    share: float, class_weights: str, wanted: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = told_and_absent(share)
    training = NGRAMS.training.model_copy(update={"class_weights": class_weights})
    recipe, told = NGRAMS.model_copy(update={"training": training}), data.labels.index("told")

    def bias() -> float:
        found = fit_ngrams(recipe, data, data.train).bias
        return float(found[told] - found[1 - told])

    held = bias()
    monkeypatch.setattr("nlpkit.tasks.classification.ngrams_fit._SILENT", 0)
    monkeypatch.setattr("nlpkit.tasks.classification.ngrams_fit._LEAST_SILENT", 0)
    assert abs(bias() - wanted) > 0.8  # as the texts alone have it, which all are of one length
    assert abs(held - wanted) < 0.4 * abs(bias() - wanted)


def test_of_more_classes_no_text_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    data = told_and_absent(0.4, columns=3)
    before = fit_ngrams(NGRAMS, data, data.train)
    monkeypatch.setattr("nlpkit.tasks.classification.ngrams_fit._LEAST_SILENT", 1_000)
    np.testing.assert_array_equal(fit_ngrams(NGRAMS, data, data.train).bias, before.bias)


@pytest.mark.parametrize("count", [7, 11])
def test_a_class_of_texts_of_which_nothing_is_known_is_found(count: int) -> None:
    rng = random.Random(3)
    noise = ["".join(rng.choices("bcdfghjklmnpqrstvwxz", k=4)) for _ in range(4 * count)]
    texts = [" ".join(noise[4 * number : 4 * number + 4]) for number in range(count)]
    texts += [" ".join(rng.choices(FILLER, k=12)) for _ in range(100 * count // 7)]
    data = prepare(dataset_from_lists(texts, ["garbled"] * count + ["text"] * (len(texts) - count)), NGRAMS)
    found = fit_ngrams(NGRAMS, data, data.train).scores(data.train, NGRAMS).argmax(1)
    np.testing.assert_array_equal(found, data.train.labels)


def test_buckets_follow_the_data_and_the_labels() -> None:
    assert bucket_count(0, 1) == bucket_count(1_000, 1) < bucket_count(20_000, 1) < bucket_count(50_000_000, 1)
    for columns in (1, 8, 100):
        assert bucket_count(50_000_000, columns) * (2 * columns + 1) <= 3_000_000


def parts(texts: int, seed: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits [texts, 2] that tell so much of the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, texts)
    margin = strength * (2 * truth - 1) + rng.normal(0, 1, texts)
    return np.stack([-margin, margin], 1), truth


def test_the_better_part_gets_the_weight() -> None:
    good, truth = parts(400, 1, 1.0)
    noise, _ = parts(400, 2, 0.0)
    (a, b), loss = best_weights([noise, good], truth, [0.0, 1.0], several=False)
    assert a < 0.2 < 0.5 < b
    (c,), alone = best_weights([good], truth, [1.0], several=False)
    assert loss <= alone + 0.01
    assert abs(b - c) < 0.1
    # what says the opposite of the truth gets none, not less than none
    (none, rest), _ = best_weights([-good, good + noise], truth, [0.0, 1.0], several=False)
    assert none == 0
    assert rest > 0


def test_few_texts_leave_the_weights_as_expected() -> None:
    good, truth = parts(3, 1, 1.0)
    noise, _ = parts(3, 2, 0.0)
    (a, b), _ = best_weights([noise, good], truth, [0.0, 1.0], several=False, ridge=100.0)
    assert abs(a) < 0.1
    assert abs(b - 1) < 0.1


def test_of_very_many_texts_some_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    good, truth = parts(4_000, 1, 1.0)
    (every,), _ = best_weights([good], truth, [1.0], several=False)
    quarter = best_weights([good[::4]], truth[::4], [1.0], several=False)
    monkeypatch.setattr("nlpkit.tasks.classification.ngrams_fit._MOST_LOGITS", good.size // 4)
    assert best_weights([good], truth, [1.0], several=False) == quarter
    assert quarter[0] == pytest.approx([every], rel=0.1)


def test_several_labels_have_weights_too() -> None:
    good, truth = parts(400, 1, 1.0)
    labels = np.stack([truth == 0, truth == 1], 1)
    (a,), _ = best_weights([good], labels, [1.0], several=True, ridge=0.01)
    (b,), _ = best_weights([good], truth, [1.0], several=False, ridge=0.01)
    assert a == pytest.approx(2 * b, rel=0.01)  # a margin is the difference of two


def negated(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Reviews whose label hangs on whether "not" stands right before their word."""
    rng = random.Random(seed)
    texts, labels = [], []
    for number in range(count):
        words = rng.choices(FILLER, k=rng.randint(4, 12))
        words.insert(rng.randrange(len(words) + 1), "not")
        word, denied = ("lovely", "dull")[number % 2], number // 2 % 2
        place = rng.randrange(1, len(words))
        words[place:place] = ["not", word] if denied else ["so", word]
        texts.append(" ".join(words))
        labels.append("positive" if (word == "lovely") != denied else "negative")
    return texts, labels


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    return TextClassifier(**(SMALL | {"epochs": 1, "ngrams": 3})).fit(*negated(400, 1))


def test_n_grams_know_what_stands_together(model: TextClassifier) -> None:
    told = model.metadata["ngrams"]
    assert told["validation"]["ngrams"] >= 0.95
    assert told["validation"]["together"] >= 0.95  # though one pass over the texts has taught the sequence little
    assert told["validation"]["sequence"] < 0.9
    texts, labels = negated(200, 2)
    assert np.mean([ours == theirs for ours, theirs in zip(model.predict(texts), labels, strict=True)]) >= 0.95


def test_the_heaviest_n_grams_are_told(model: TextClassifier) -> None:
    heaviest = model.metadata["ngrams"]["heaviest"]
    assert heaviest.keys() == set(model.labels)
    assert "not lovely" in heaviest["negative"][:5]
    assert "not dull" in heaviest["positive"][:5]


def test_a_network_with_n_grams_is_the_graph(model: TextClassifier) -> None:
    from nlpkit.data.batching import pad

    texts = negated(8, 3)[0]
    ids, lengths = pad([np.array(row) for row in model.tokenizer.encode(texts)])
    network = model.network()
    logits = network.predict_on_batch({"ids": ids, "lengths": lengths})
    odds = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), model.predict_proba(texts), atol=1e-5)
    # the table and its hashing are no parameters that were trained
    learnt = sum(weight.size for weight in network.get_weights()) - sum(
        weight.size for weight in network.get_layer("ngrams").get_weights()
    )
    assert model.metadata["parameters"] == learnt


def test_int8_leaves_the_n_grams_as_they_are(model: TextClassifier) -> None:
    texts = negated(50, 4)[0]
    np.testing.assert_allclose(model.exported(int8=True).predict_proba(texts), model.predict_proba(texts), atol=0.02)


def test_a_model_without_n_grams_tells_of_none(tmp_path: Path) -> None:
    settings: dict[str, Any] = SMALL | {"epochs": 1, "ngrams": 0}
    plain = TextClassifier(**settings).fit(*negated(80, 1))
    assert "ngrams" not in plain.metadata
    assert plain.network().count_params() == plain.metadata["parameters"]


@pytest.fixture(scope="module")
def own_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of reviews, and a model of it in the folder `model` beside it."""
    path = tmp_path_factory.mktemp("own") / "reviews.csv"
    texts, labels = negated(80, 1)
    labels[::7] = ["negative"] * 12  # which half of them are not
    rows = [f"{text},{label}\n" for text, label in zip(texts, labels, strict=True)]
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    TextClassifier(**(SMALL | {"epochs": 1, "ngrams": 3})).fit(data=path, output=path.parent / "model")
    return path


def test_what_was_held_out_is_learned_from_in_the_end_and_judged_by_what_was_answered_before(own_data: Path) -> None:
    model: Any = nlpkit.load(own_data.parent / "model")
    assert model.metadata["ngrams"]["refitted"] is True
    split, rows = model.rows()
    rows = list(rows)
    assert (split, len(rows)) == ("validation", model.metadata["data"]["validation"])
    texts, labels = map(list, zip(*rows, strict=True))
    wanted = [model.labels.index(label) for label in labels]
    now = -np.log(model.predict_proba(texts)[range(len(texts)), wanted]).mean()
    report = model.evaluate()
    assert report.to_dict() | {"trained_on": 0} == model.metadata["metrics"]["validation"]
    answered = report.probabilities[range(len(texts)), wanted]
    assert -np.log(answered).mean() == pytest.approx(report.log_loss, rel=1e-5)
    assert now < report.log_loss - 0.01  # it is surer of what it has learned from since
    # the same wherever these texts stand, and however they are given
    given = model.evaluate([f" {text} " for text in texts], labels)
    assert given.log_loss == report.log_loss


def test_an_exported_model_has_read_what_was_held_out(own_data: Path, caplog: pytest.LogCaptureFixture) -> None:
    exported = nlpkit.load(own_data.parent / "model").exported()
    assert "held_out.npz" not in exported.bundle.files
    with caplog.at_level("WARNING"):
        exported.evaluate()
    count = exported.metadata["data"]["validation"]
    assert f"{count} of the {count} rows of {own_data} were trained on" in caplog.text


def test_a_validation_split_of_ones_own_is_not_learned_from() -> None:
    parts = {"train": negated(80, 1), "validation": negated(20, 2)}
    data = {split: {"text": texts, "label": labels} for split, (texts, labels) in parts.items()}
    model = TextClassifier(**(SMALL | {"epochs": 1, "ngrams": 3})).fit(data=data)
    assert model.metadata["ngrams"]["refitted"] is False
    assert "held_out.npz" not in model.bundle.files
    texts, labels = parts["validation"]
    report: Any = model.evaluate(texts, labels)
    assert report.accuracy == model.metadata["metrics"]["validation"]["accuracy"]


def test_answers_of_before_come_back_whole_or_are_refused() -> None:
    known = HeldOut(np.array([3, 2**64 - 1], np.uint64), np.array([[0.25, 0.75], [1, 0]], np.float32))
    again = held_out_from_bytes(known.to_bytes(), 2)
    now = np.full((3, 2), 0.5, np.float32)
    expected = [[1, 0], [0.5, 0.5], [0.25, 0.75]]
    np.testing.assert_array_equal(again.laid_over(now, [2**64 - 1, 5, 3]), expected)
    for content, labels in ((known.to_bytes()[:-30], 2), (b"", 2), (known.to_bytes(), 3)):
        with pytest.raises(BundleError, match=r"held_out\.npz"):
            held_out_from_bytes(content, labels)
    wrong = replace(known, probabilities=np.full((2, 2), np.nan, np.float32))
    with pytest.raises(BundleError, match="a probability for each of 2 labels"):
        held_out_from_bytes(wrong.to_bytes(), 2)


def test_the_network_of_an_older_form_is_refused(model: TextClassifier) -> None:
    metadata = {**model.metadata, "ngrams": {**model.metadata["ngrams"]}}
    del metadata["ngrams"]["refitted"]
    older = TextClassifier.from_bundle(Bundle(metadata, model.bundle.files))
    assert older.predict(["so lovely"]) == model.predict(["so lovely"])
    with pytest.raises(BundleError, match="for its network train it again"):
        older.network()


def test_a_rare_class_is_found_by_its_words() -> None:
    rng = random.Random(1)
    texts, labels = [], []
    for number in range(300):
        rare = number % 15 == 0
        words = rng.choices(FILLER, k=8) + (["recall"] if rare else [])
        rng.shuffle(words)
        texts.append(" ".join(words))
        labels.append("rare" if rare else "common")
    model: Any = TextClassifier(**(SMALL | {"epochs": 1, "ngrams": 3})).fit(texts, labels)
    assert model.predict(["nothing to tell", "they recall the thing"]) == ["common", "rare"]
    assert "recall" in model.metadata["ngrams"]["heaviest"]["rare"]
