"""The classifier's network, embedding, LSTMStack, pooling and class scores, and how it is trained."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from nlpkit.bundle import Bundle
from nlpkit.data.batching import STEP, Batch, pad, plan_epoch, truncate
from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.seen import row_key
from nlpkit.layers.dropout import WordDropout
from nlpkit.layers.embedding import Embedding
from nlpkit.layers.pooling import Pooling
from nlpkit.layers.stack import LSTMStack
from nlpkit.runtime.session import Session
from nlpkit.tasks.classification.answering import predict_corpus
from nlpkit.tasks.classification.corpus import JoinedCorpora, PreparedData
from nlpkit.tasks.classification.frozen import RIDGE, FrozenHead
from nlpkit.tasks.classification.graph import classifier_graph
from nlpkit.tasks.classification.held_out import HELD_OUT, HeldOut
from nlpkit.tasks.classification.linear import column_count
from nlpkit.tasks.classification.ngrams import NgramWeights
from nlpkit.tasks.classification.ngrams_fit import FittedNgrams, best_weights, corpus_scores, fit_ngrams
from nlpkit.tasks.classification.ngrams_layer import Ngrams
from nlpkit.tasks.classification.recipe import ClassificationRecipe, ClassifierSection
from nlpkit.tasks.classification.report import (
    any_rare,
    best_thresholds,
    called,
    classification_report,
    labels_report,
    least_score,
    rare_weights,
)
from nlpkit.training.bundling import bundle_network, hold_to_network
from nlpkit.training.length import run_length
from nlpkit.training.progress import EpochRow, validation_row
from nlpkit.training.schedule import make_optimizer

_SEQUENCE_SHARE = 0.2  # how far the sequence moves logits, of how far n-grams do, unless held-out texts tell otherwise
_TAUGHT_SHARE = 0.45  # the same, where texts without labels taught its embedding, and many have labels
_TAUGHT_TEXTS = 200  # with labels, for half of that
_SELF_TAUGHT_SCALE = 0.7  # of n-grams that learned from their own answers, which makes them too sure


def build_classifier(
    section: ClassifierSection, vocab_size: int, classes: int, buckets: int = 0, columns: int | None = None
) -> keras.Model:
    """From {"ids": int32 [batch, steps], "lengths": int32 [batch]} to logits [batch, classes].

    With `buckets`, those of the n-grams that stand beside the sequence, which are not trained with it, in as many
    `columns` as the classes need, or more.
    """
    ids = keras.Input((None,), dtype="int32", name="ids")
    lengths = keras.Input((), dtype="int32", name="lengths")
    kept = WordDropout(section.word_dropout, name="word_dropout")(ids)
    x = Embedding(vocab_size, section.embedding_size, dropout=section.embedding_dropout, name="embedding")(kept)
    x = LSTMStack(
        section.cell,
        section.units,
        section.layers,
        bidirectional=section.bidirectional,
        recurrent_dropout=section.recurrent_dropout,
        dropout=section.output_dropout,
        name="stack",
    )(x, lengths, ids=kept)
    x = Pooling(section.pooling, bidirectional=section.bidirectional, name="pooling")(x, lengths)
    x = keras.layers.Dropout(section.output_dropout, name="output_dropout")(x)
    logits = keras.layers.Dense(classes, name="logits")(x)
    if buckets:
        columns = columns or column_count(classes, several=section.labels == "several")
        ngrams = Ngrams(vocab_size, section.ngrams, buckets, columns, classes, name="ngrams")(ids, lengths)
        logits = keras.layers.Add(name="together")([logits, ngrams])
    return keras.Model({"ids": ids, "lengths": lengths}, logits, name="classifier")


def export_classifier(network: keras.Model, section: ClassifierSection, *, head: bool = True) -> bytes:
    """The network as an ONNX model that gives probabilities [batch, classes], of one class or of each by itself;
    without its head, one that gives the pooled features."""

    def arrays(layer: keras.layers.Layer) -> list[np.ndarray]:
        return [ops.convert_to_numpy(weight) for weight in layer.weights]

    (embedding,) = arrays(network.get_layer("embedding"))
    attention = arrays(network.get_layer("pooling"))
    dense_kernel, dense_bias = arrays(network.get_layer("logits"))
    beside = [layer for layer in network.layers if isinstance(layer, Ngrams)]
    return classifier_graph(
        embedding=embedding,
        layers=network.get_layer("stack").recurrent_weights(),
        cell=section.cell,
        pooling=section.pooling,
        attention=(attention[0], attention[1]) if attention else None,
        logits=(dense_kernel, dense_bias) if head else None,
        ngrams=beside[0].ngram_weights() if beside else None,
        several=section.labels == "several",
    )


def compile_classifier(recipe: ClassificationRecipe, data: PreparedData, epochs: "TrainingBatches") -> keras.Model:
    """A fresh network for the data, seeded and ready to train."""
    random.seed(recipe.training.seed)  # from which Keras draws the seeds of all layers
    network = build_classifier(recipe.model, len(data.tokenizer), len(data.labels))
    smoothing = recipe.training.label_smoothing
    if data.several:
        # begin with how common each label is (Lin et al., 2017): from one half, it is most of a run to a rare one's
        yes = data.train.labels.sum(0)
        no, yes = (np.stack([len(data.train) - yes, yes]) + 0.5) * epochs.label_weights
        network.get_layer("logits").bias.assign(np.log(yes / no))
        loss = binary_loss(epochs.label_weights, smoothing)
        metric = keras.metrics.MeanMetricWrapper(_all_right, name="subset_accuracy")
    else:
        # the mean is over rows, not over their weights: a batch without a rare label must not weigh as much as one with
        loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=smoothing, reduction="sum_over_batch_size"
        )
        metric = keras.metrics.CategoricalAccuracy(name="accuracy")
    network.compile(
        optimizer=make_optimizer(
            recipe.training,
            run_length(recipe.training, len(epochs.plan(0))).steps,
            holding=recipe.model.vectors_frozen is not None,
        ),
        loss=loss,
        weighted_metrics=[metric],
        jit_compile=keras.backend.backend() == "jax",  # XLA on TensorFlow's CPU was half as fast
    )
    # made now and not with the first batch, so that a run that goes on finds its counts where to put them
    nothing = np.zeros((1, len(data.labels)), np.float32)
    network.compute_metrics(None, nothing, nothing)
    network.reset_metrics()
    return network


def binary_loss(weights: np.ndarray, smoothing: float) -> Callable[[Any, Any], Any]:
    """The loss [batch] of targets and logits [batch, labels], the mean of the labels' cross-entropies, each a yes or
    no of its own; float32 weights [2, labels] are those of a no and of a yes."""
    no, yes = weights

    def loss(targets: Any, logits: Any) -> Any:
        targets = ops.cast(targets, logits.dtype)
        smooth = targets * (1 - smoothing) + smoothing / 2
        each = ops.binary_crossentropy(smooth, logits, from_logits=True)
        return ops.mean(each * (targets * yes + (1 - targets) * no), axis=-1)

    return loss


def _all_right(targets: Any, logits: Any) -> Any:
    """Which rows [batch] have all labels right, at a probability of one half."""
    return ops.cast(ops.all(ops.equal(targets > 0.5, logits > 0), axis=-1), "float32")


def bundle_classifier(
    network: keras.Model,
    recipe: ClassificationRecipe,
    dataset: Dataset[Example],
    data: PreparedData,
    history: list[EpochRow],
    head: FrozenHead | None = None,
    unlabelled: Sequence[np.ndarray] = (),
    *,
    taught: bool = False,
) -> Bundle:
    """Everything a bundle holds but its figures and its card. `head` is what the network has got, where it was fitted
    on a backbone that stayed as it was; `unlabelled` are the token ids of texts for the n-grams to learn from, too,
    which have `taught` the network's embedding or not.

    Raises NlpkitError when the exported graph and the network disagree.
    """
    section = recipe.model
    files: dict[str, bytes] = {}
    told: dict[str, Any] = {}
    more = None
    if section.ngrams:
        # what was held out of the texts to train on is learned from, too, once nothing is chosen by it any more
        refitted = "validation" not in dataset.splits
        bare, told, answers, more = _with_ngrams(
            network, recipe, data, head, unlabelled, taught=taught, refitted=refitted
        )
        if refitted:
            keys = np.fromiter(map(row_key, data.validation), np.uint64)
            files[HELD_OUT] = HeldOut(keys, answers).to_bytes()
    else:
        bare = _bare(network, recipe, data)
    graph = export_classifier(bare, section)
    _hold_to_network(graph, bare, recipe, data)
    if not files:
        answers = predict_corpus(Session(graph), data.validation, recipe.tokenizer)
    facts = {
        "labels": list(data.labels),
        "label_type": dataset.label_type,
        **told,
        **_operating_points(answers, recipe, data, more),
    }
    return bundle_network(bare, {"model.onnx": graph, **files}, recipe, data.tokenizer, history, facts)


def _bare(network: keras.Model, recipe: ClassificationRecipe, data: PreparedData, *table: int) -> keras.Model:
    """The trained network without its optimizer, which would be saved at three times the size; with a table of n-grams,
    of so many buckets and columns."""
    bare = build_classifier(recipe.model, len(data.tokenizer), len(data.labels), *table)
    for layer in network.layers:
        bare.get_layer(layer.name).set_weights(layer.get_weights())
    return bare


def _with_ngrams(
    network: keras.Model,
    recipe: ClassificationRecipe,
    data: PreparedData,
    head: FrozenHead | None,
    unlabelled: Sequence[np.ndarray],
    *,
    taught: bool,
    refitted: bool,
) -> tuple[keras.Model, dict[str, Any], np.ndarray, "_Answers | None"]:
    """The trained network with n-grams beside the sequence; what is told of these: how much each part weighs, what each
    and both reach on the validation split, and which n-grams weigh most; the answers of both for it, the n-grams
    fitted on the train split alone; and, where there are any, those of n-grams, or, with a `head`, of both, for texts
    of the train split that they were not fitted on. Where they are to be `refitted`, the n-grams, and the head, that
    stand in the network are fitted on both splits. N-grams of the head before a `head` stand beside, where their table
    is large enough for both.
    """
    several, truth = data.several, np.asarray(data.validation.labels)
    model = fit_ngrams(recipe, data, data.train, unlabelled)
    ngrams = model.scores(data.validation, recipe)
    if head is None:
        answers = predict_corpus(Session(export_classifier(network, recipe.model)), data.validation, recipe.tokenizer)
        sequence = _logits(answers, several=several)
        # few texts leave most of the weight with the n-grams, whose scale is known from more of them than are held out
        share, scale = _SEQUENCE_SHARE, _SELF_TAUGHT_SCALE if unlabelled else 1.0
        if taught:
            share = _TAUGHT_SHARE * len(data.train) / (len(data.train) + _TAUGHT_TEXTS)
        prior = [scale * share * float(ngrams.std()) / max(float(sequence.std()), 1e-6), scale]
    else:
        sequence, prior = head.held_out, [0.5, 0.5]
    parts, unread = {"sequence": sequence, "ngrams": ngrams}, np.asarray(data.train.labels[model.rows])
    folded = []  # the same of texts of the train split
    if head is not None and model.out_of_fold is not None:
        folded = [head.out_of_fold[model.rows], model.out_of_fold]
    earlier = None if head is None else _earlier_ngrams(head, model)
    if earlier is not None:
        before, offset = earlier
        parts["earlier ngrams"] = corpus_scores(before, data.validation, recipe) + offset
        prior = [0.5, 0.2, 0.5]  # few texts teach less than those that it has read
        if folded:
            folded.append(corpus_scores(before, data.train, recipe)[model.rows] + offset)
    known, wanted = list(parts.values()), truth
    if folded:
        known = [np.concatenate(part) for part in zip(known, folded, strict=True)]
        wanted = np.concatenate([truth, unread])
    shares, _ = best_weights(known, wanted, prior, several=several, ridge=RIDGE)
    weighed = dict(zip(parts, shares, strict=True))
    together = np.tensordot(shares, np.stack(list(parts.values())), 1)
    figure, judge = _judge(data)
    reached = {name: judge(logits) for name, logits in (parts | {"together": together}).items()}
    more = None
    if model.out_of_fold is not None:
        logits = np.tensordot(shares, np.stack(folded), 1) if folded else model.out_of_fold
        more = _Answers(_probabilities(logits, several=several), unread)
    if refitted and head is not None:
        network.get_layer("logits").set_weights(head.final)
    if refitted or earlier is not None:
        corpus = JoinedCorpora((data.train, data.validation)) if refitted else data.train
        model = fit_ngrams(recipe, data, corpus, unlabelled, len(earlier[0].table) if earlier else None)
    first, second, *others = shares
    weights = replace(model.weights, kernel=second * model.weights.kernel)
    bias = second * model.bias
    if earlier is not None:
        before, offset = earlier
        weights = weights.beside(replace(before, kernel=others[0] * before.kernel))
        bias = bias + others[0] * offset
    joined = _bare(network, recipe, data, *weights.table.shape)
    kernel, own_bias = joined.get_layer("logits").get_weights()
    joined.get_layer("logits").set_weights([first * kernel, first * own_bias + bias])
    joined.get_layer("ngrams").assign(weights)
    told = {
        "buckets": len(weights.table),
        "columns": weights.table.shape[1],
        "refitted": refitted,
        "weights": weighed,
        "figure": figure,
        "validation": reached,
        "heaviest": model.heaviest,
        **({"unlabelled": len(unlabelled)} if unlabelled else {}),
    }
    return joined, {"ngrams": told}, _probabilities(together, several=several), more


def _earlier_ngrams(head: FrozenHead, model: FittedNgrams) -> tuple[NgramWeights, np.ndarray] | None:
    """The n-grams that a head has from the model that it starts from, and their bias, where they are of the same words,
    and their table has room for those of the data's, beside them; None for those of fewer texts than these."""
    ngrams = None if head.earlier is None else head.earlier.ngrams
    if head.earlier is None or ngrams is None or not ngrams.goes_with(model.weights):
        return None
    return (ngrams, head.earlier.bias) if len(ngrams.table) >= 2 * len(model.weights.table) else None


def _logits(probabilities: np.ndarray, *, several: bool) -> np.ndarray:
    """What probabilities come of; where one sums to one with the others, up to what all have in common."""
    certain = np.clip(probabilities, 1e-7, 1 - 1e-7)
    found: np.ndarray = np.log(certain) - np.log1p(-certain) if several else np.log(certain)
    return found


def _probabilities(logits: np.ndarray, *, several: bool) -> np.ndarray:
    """The probabilities float32 of logits [texts, labels], of one class or of each by itself."""
    if several:
        found = 1 / (1 + np.exp(-logits))
    else:
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        found = odds / odds.sum(-1, keepdims=True)
    answers: np.ndarray = found.astype(np.float32)
    return answers


def _judge(data: PreparedData) -> tuple[str, Callable[[np.ndarray], float]]:
    """The name of a report's figure that tells parts apart, and what it is for logits [texts, classes] of the
    validation split: macro F1 where a label is rare, which accuracy would not show."""
    truth, names = np.asarray(data.validation.labels), data.labels

    def micro_f1(logits: np.ndarray) -> float:
        probabilities = _probabilities(logits, several=True)
        return labels_report(probabilities, truth, names, best_thresholds(probabilities, truth)).micro_f1

    def accuracy(logits: np.ndarray) -> float:
        return float((called(logits) == truth).mean())

    def macro_f1(logits: np.ndarray) -> float:
        probabilities = _probabilities(logits, several=False)
        weights = rare_weights(probabilities, truth, data.shares())
        return classification_report(probabilities, truth, names, weights=weights).macro_f1

    if data.several:
        return "micro_f1", micro_f1
    return ("macro_f1", macro_f1) if any_rare(data.shares()) else ("accuracy", accuracy)


@dataclass(frozen=True)
class _Answers:
    """Probabilities [texts, labels] and what is right, class ids [texts] or bool [texts, labels]."""

    probabilities: np.ndarray
    truth: np.ndarray


def _operating_points(
    answers: np.ndarray, recipe: ClassificationRecipe, data: PreparedData, more: _Answers | None
) -> dict[str, Any]:
    """From which score on a label is given, by the answers for the validation split: for each of several labels where
    its F1 is highest; else where they reach the recipe's selective accuracy, and how much more readily rare ones are.

    A few held-out texts have too few of a rare label to tell how readily to give it: `more` answers help with that.
    """
    truth = np.asarray(data.validation.labels)
    known = _Answers(answers, truth)
    if more is not None:
        known = _Answers(np.concatenate([answers, more.probabilities]), np.concatenate([truth, more.truth]))
    if data.several:
        thresholds = best_thresholds(known.probabilities, known.truth).tolist()
        return {"thresholds": dict(zip(data.labels, thresholds, strict=True))}
    weights = rare_weights(known.probabilities, known.truth, data.shares())
    told = {} if weights is None else {"rare_weights": dict(zip(data.labels, weights.tolist(), strict=True))}
    min_score = least_score(known.probabilities, known.truth, recipe.training.selective_accuracy, weights)
    return {"min_score": min_score, **told}


def _hold_to_network(graph: bytes, network: keras.Model, recipe: ClassificationRecipe, data: PreparedData) -> None:
    lengths = data.validation.lengths()
    # short and long side by side, so that padding counts
    sample = np.argsort(lengths, kind="stable")[:: max(1, len(lengths) // 16)][:16]
    section = recipe.tokenizer
    ids, counts = pad([truncate(data.validation.row(row), section.max_length, section.truncation) for row in sample])
    probability = ops.sigmoid if data.several else ops.softmax
    expected = probability(network.predict_on_batch({"ids": ids, "lengths": counts}))
    session = Session(graph)
    copies = 1 + (session.many_rows or 0) // len(ids)  # so that the model's other way is held to it too
    found = [*session.run(ids, counts), *session.run(np.tile(ids, (copies, 1)), np.tile(counts, copies))]
    hold_to_network(found, [ops.convert_to_numpy(expected), np.tile(ops.convert_to_numpy(expected), (copies, 1))])


class TrainingBatches:
    """The training split as batches of arrays."""

    unit = "texts"
    one_shape = False

    def __init__(self, recipe: ClassificationRecipe, data: PreparedData) -> None:
        self.recipe, self.data = recipe, data
        self.amount = f"{len(data.train):,} texts"
        self.lengths = np.minimum(data.train.lengths(), recipe.tokenizer.max_length)
        labels, classes = data.train.labels, len(data.labels)
        yes = labels.sum(0) if data.several else np.bincount(labels, minlength=classes)
        # balanced: every class weighs the same in all, and the average example weighs one; of several labels a text,
        # each is two classes, those texts that have it and those that do not
        counts = np.stack([len(labels) - yes, yes]) if data.several else yes
        balanced = recipe.training.class_weights == "balanced"
        weights = len(labels) / (len(counts) * np.maximum(counts, 1)) if balanced else np.ones(counts.shape)
        self.label_weights = weights.astype(np.float32)
        """Those of the classes [classes]; of several labels those of a no and of a yes [2, labels]."""

    def plan(self, epoch: int) -> list[Batch]:
        rng = np.random.default_rng([self.recipe.training.seed, epoch])
        section = self.recipe.training
        return plan_epoch(self.lengths, section.batch_size, section.batch_tokens, rng)

    def collate(self, epoch: int, batch: Batch) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        section, corpus = self.recipe.tokenizer, self.data.train
        if section.sampling:
            seed = int(np.random.default_rng([self.recipe.training.seed, epoch, batch.rows[0]]).integers(2**31))
            texts = [corpus.text(row) for row in batch.rows]
            sampled = self.data.tokenizer.sample(texts, section.sampling, seed=seed)
            rows = [np.array(ids, np.int32) for ids in sampled]
        else:
            rows = [corpus.row(row) for row in batch.rows]
        rows = [truncate(ids, section.max_length, section.truncation) for ids in rows]
        # sampled rows are of any length, and JAX compiles for each
        step = STEP if keras.backend.backend() == "jax" else 1
        ids, lengths = pad(rows, shape_rows=batch.shape_rows, width=batch.width, step=step)
        targets = np.zeros((batch.shape_rows, len(self.data.labels)), np.float32)
        weights = np.zeros(batch.shape_rows, np.float32)  # rows of padding weigh nothing
        labels = corpus.labels[batch.rows]
        if self.data.several:
            targets[: len(labels)], weights[: len(labels)] = labels, 1
        else:
            targets[np.arange(len(labels)), labels] = 1
            weights[: len(labels)] = self.label_weights[labels]
        return {"ids": ids, "lengths": lengths}, targets, weights

    def computed(self, batch: Batch) -> int:
        return batch.shape_rows * batch.width

    def tokens(self, batch: Batch) -> int:
        return int(self.lengths[batch.rows].sum())

    def validate(self, network: keras.Model) -> EpochRow:
        session = Session(export_classifier(network, self.recipe.model))
        truth, names = self.data.validation.labels, self.data.labels
        probabilities = predict_corpus(session, self.data.validation, self.recipe.tokenizer)
        # where rare labels weigh as much as common ones in training, they do so in choosing the epoch too
        balanced = self.recipe.training.class_weights == "balanced"
        if self.data.several:
            found = labels_report(probabilities, truth, names, best_thresholds(probabilities, truth))
            row = validation_row(
                found, val_loss="log_loss", val_micro_f1="micro_f1", val_subset_accuracy="subset_accuracy"
            )
            return row | {"score": (found.macro_f1 if balanced else found.micro_f1) - 1e-6 * found.log_loss}
        report = classification_report(probabilities, truth, names)
        score = np.mean([scores.recall for scores in report.classes]) if balanced else report.accuracy
        if not balanced and any_rare(self.data.shares()):
            score = -report.log_loss  # a network that never gives a rare label has a high accuracy
        row = validation_row(report, val_loss="log_loss", val_accuracy="accuracy")
        return row | {"score": float(score) - 1e-6 * report.log_loss}  # of equals, the surer one
