"""The translator's network, a bidirectional LSTMStack under an attention decoder, and how it is trained."""

import random
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from nlpkit.bundle import Bundle
from nlpkit.data.batching import Batch, pad, plan_pairs
from nlpkit.intervals import mean_interval
from nlpkit.layers.dropout import WordDropout
from nlpkit.layers.stack import LSTMStack
from nlpkit.runtime.session import Session
from nlpkit.tasks.translation.answering import (
    ENCODER,
    TranslatorSessions,
    forced_log_probabilities,
    forced_nats,
    translate_rows,
)
from nlpkit.tasks.translation.attention import AttentionDecoder
from nlpkit.tasks.translation.graph import decoder_graph, encoder_graph
from nlpkit.tasks.translation.lexicon import FOLDS, fold_lexicon
from nlpkit.tasks.translation.lexicon_layer import Lexicon
from nlpkit.tasks.translation.pairs import PreparedPairs
from nlpkit.tasks.translation.recipe import TranslationRecipe, TranslatorSection
from nlpkit.tasks.translation.report import translation_report
from nlpkit.tokenizer import BOS, EOS
from nlpkit.training.bundling import bundle_network, hold_to_network
from nlpkit.training.length import run_length
from nlpkit.training.progress import MARGIN, EpochRow, validation_row
from nlpkit.training.schedule import make_optimizer


def build_translator(section: TranslatorSection, vocab_size: int) -> keras.Model:
    """From {"source": int32 [batch, source steps], "lengths": int32 [batch], "target": int32 [batch, steps]} to logits
    [batch, steps, vocabulary] for the token after each of the target's, which begins with the one for a beginning.

    With a lexicon, "fold" int32 [batch] is which of its tables to look into: FOLDS for texts of no training split."""
    source = keras.Input((None,), dtype="int32", name="source")
    lengths = keras.Input((), dtype="int32", name="lengths")
    target = keras.Input((None,), dtype="int32", name="target")
    embedding = keras.layers.ReversibleEmbedding(
        vocab_size,
        section.embedding_size,
        # far from zero: with the usual small values attention finds nothing to tell the source's words apart by for a
        # thousand steps
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.5),
        name="embedding",
    )

    def embedded(ids: Any, side: str) -> Any:
        x = embedding(WordDropout(section.word_dropout, name=f"{side}_word_dropout")(ids))
        return keras.layers.SpatialDropout1D(section.input_dropout, name=f"{side}_input_dropout")(x)

    memory = LSTMStack(
        section.cell,
        section.units,
        section.layers,
        bidirectional=True,
        recurrent_dropout=section.recurrent_dropout,
        dropout=section.output_dropout,
        name="stack",
    )(embedded(source, "source"), lengths)
    memory = keras.layers.SpatialDropout1D(section.output_dropout, name="memory_dropout")(memory)
    inputs = {"source": source, "lengths": lengths, "target": target}
    if section.lexicon:
        inputs["fold"] = keras.Input((), dtype="int32", name="fold")
        ids, chances = Lexicon(vocab_size, name="lexicon")(source, inputs["fold"])
        memory = ops.concatenate([memory, ops.sum(embedding(ids) * chances[..., None], axis=-2)], axis=-1)
    x = AttentionDecoder(
        section.units,
        section.layers,
        section.embedding_size,
        attention=section.attention,
        input_feeding=section.input_feeding,
        lexicon=section.lexicon,
        dropout=section.output_dropout,
        name="decoder",
    )(embedded(target, "target"), memory, lengths)
    return keras.Model(inputs, embedding(x, reverse=True), name="translator")


def export_translator(network: keras.Model, section: TranslatorSection) -> dict[str, bytes]:
    """The network as two ONNX models, by file name: the encoder, and one step of the decoder."""
    array = ops.convert_to_numpy
    embedding = array(network.get_layer("embedding").embeddings)
    decoder = network.get_layer("decoder")
    weights = {weight.name: array(weight) for weight in decoder.weights if "seed" not in weight.name}
    lexicon = None
    if section.lexicon:
        ids, chances = (array(weight)[-len(embedding) :] for weight in network.get_layer("lexicon").weights)
        lexicon = np.einsum("vke,vk->ve", embedding[ids], chances)
    encoder = encoder_graph(
        embedding=embedding,
        layers=network.get_layer("stack").recurrent_weights(),
        cell=section.cell,
        decoder=weights,
        lexicon=lexicon,
    )
    step = decoder_graph(
        embedding=embedding,
        decoder=weights,
        layers=section.layers,
        input_feeding=section.input_feeding,
    )
    return {ENCODER: encoder, "model.onnx": step}


class SmoothedCrossEntropy(keras.losses.Loss):
    """-log p of the right token in nats, less `smoothing` of its weight, which goes to all tokens alike (Szegedy et
    al., 2016): the mean over real tokens, of ids [batch, steps] and logits [batch, steps, vocabulary]."""

    def __init__(self, smoothing: float) -> None:
        super().__init__(reduction="mean_with_sample_weight")
        self.smoothing = smoothing

    def call(self, wanted: Any, logits: Any) -> Any:
        total = ops.logsumexp(logits, axis=-1)
        right = ops.squeeze(ops.take_along_axis(logits, ops.cast(wanted, "int32")[..., None], axis=-1), -1)
        return total - (1 - self.smoothing) * right - self.smoothing * ops.mean(logits, axis=-1)


def compile_translator(recipe: TranslationRecipe, data: PreparedPairs, epochs: "PairBatches") -> keras.Model:
    """A fresh network for the data, seeded and ready to train."""
    random.seed(recipe.training.seed)  # from which Keras draws the seeds of all layers
    network = build_translator(recipe.model, len(data.tokenizer))
    if recipe.model.lexicon:
        sources, targets = ([side.row(i) for i in range(len(side))] for side in (data.train.source, data.train.target))
        tables = fold_lexicon(sources, targets, len(data.tokenizer), recipe.training.seed)
        network.get_layer("lexicon").set_weights(tables)
    network.compile(
        optimizer=make_optimizer(
            recipe.training,
            run_length(recipe.training, len(epochs.plan(0))).steps,
            holding=recipe.model.vectors_frozen is not None,
        ),
        loss=SmoothedCrossEntropy(recipe.training.label_smoothing),
        jit_compile=keras.backend.backend() == "jax",
    )
    return network


def bundle_translator(
    network: keras.Model,
    recipe: TranslationRecipe,
    data: PreparedPairs,
    history: list[EpochRow],
) -> Bundle:
    """Everything a bundle holds but its figures and its card.

    Raises NlpkitError when the exported graphs and the network disagree.
    """
    graphs = export_translator(network, recipe.model)
    sessions = TranslatorSessions(*map(Session, graphs.values()))
    lengths = data.validation.source.lengths()
    # short and long side by side, so that padding counts
    sample = np.argsort(lengths, kind="stable")[:: max(1, len(lengths) // 16)][:16]
    sources, targets = ([side.row(row) for row in sample] for side in (data.validation.source, data.validation.target))
    given, _, _ = _teach(sources, targets)
    if recipe.model.lexicon:
        given["fold"] = np.full(len(sample), FOLDS, np.int32)
    expected = ops.convert_to_numpy(ops.softmax(network.predict_on_batch(given)))
    found, _ = forced_log_probabilities(sessions, sources, given["target"])
    hold_to_network([np.exp(found)], [expected])
    # a compiled network would save its optimizer too, at three times the size
    bare = build_translator(recipe.model, len(data.tokenizer))
    bare.set_weights(network.get_weights())
    facts = {
        "pair": recipe.data.pair,
    }
    return bundle_network(bare, graphs, recipe, data.tokenizer, history, facts)


class PairBatches:
    """The training split as batches of arrays."""

    unit = "pairs"
    one_shape = False

    def __init__(self, recipe: TranslationRecipe, data: PreparedPairs) -> None:
        self.recipe, self.data = recipe, data
        self.amount = f"{len(data.train):,} pairs"
        self.source, self.target = data.train.source.lengths(), data.train.target.lengths() + 1

    def plan(self, epoch: int) -> list[Batch]:
        rng = np.random.default_rng([self.recipe.training.seed, epoch])
        section = self.recipe.training
        return plan_pairs(self.source, self.target, section.batch_size, section.batch_tokens, rng)

    def collate(self, epoch: int, batch: Batch) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        sides = []
        for side, texts in enumerate((self.data.train.source, self.data.train.target)):
            rate = self.recipe.tokenizer.sampling
            if rate:
                rng = np.random.default_rng([self.recipe.training.seed, epoch, batch.rows[0], side])
                seed = int(rng.integers(2**31))
                sampled = self.data.tokenizer.sample([texts.text(row) for row in batch.rows], rate, seed=seed)
                sides.append([np.array(ids, np.int32) for ids in sampled])
            else:
                sides.append([texts.row(row) for row in batch.rows])
        given, wanted, weights = _teach(sides[0], sides[1], shape_rows=batch.shape_rows)
        if self.recipe.model.lexicon:
            given["fold"] = np.resize(batch.rows % FOLDS, batch.shape_rows).astype(np.int32)
        return given, wanted, weights

    def computed(self, batch: Batch) -> int:
        return batch.shape_rows * sum(_width(lengths[batch.rows]) for lengths in (self.source, self.target))

    def tokens(self, batch: Batch) -> int:
        return int(self.source[batch.rows].sum() + self.target[batch.rows].sum())

    def validate(self, network: keras.Model) -> EpochRow:
        sessions = TranslatorSessions(*map(Session, export_translator(network, self.recipe.model).values()))
        held_out, tokenizer = self.data.validation, self.data.tokenizer
        sources, targets = ([side.row(row) for row in range(len(side))] for side in (held_out.source, held_out.target))
        max_length, max_ratio = self.recipe.tokenizer.max_length, self.recipe.data.max_ratio
        found = translate_rows([sessions], sources, width=1, max_length=max_length, max_ratio=max_ratio)
        report = translation_report(
            [tokenizer.decode(best[0].ids) for best in found],
            [held_out.target.text(row) for row in range(len(held_out))],
            resamples=100,
        )
        each = forced_nats([sessions], sources, targets) / np.mean([len(target) + 1 for target in targets])
        nats, (low, high) = float(each.mean()), mean_interval(each)  # a token's
        row = validation_row(report, val_bleu="bleu", val_chrf="chrf", val_exact="exact_match")
        # BLEU is zero until four words in a row are right, and says little of one-word sentences
        return {
            "val_nats": nats,
            "val_nats" + MARGIN: (high - low) / 2,
            **row,
            "score": report.chrf - 1e-3 * nats,  # of equals, the surer one
        }


def _teach(
    sources: list[np.ndarray], targets: list[np.ndarray], shape_rows: int = 0
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The inputs, the tokens to predict and their weights, padded to widths of which there are few."""
    source, lengths = pad(sources, shape_rows=shape_rows, width=_width([len(ids) for ids in sources]))
    width = _width([len(ids) + 1 for ids in targets])
    given, counts = pad([np.concatenate([[BOS], ids]) for ids in targets], shape_rows=shape_rows, width=width)
    wanted, _ = pad([np.concatenate([ids, [EOS]]) for ids in targets], shape_rows=shape_rows, width=width)
    weights = (np.arange(width) < counts[:, None]).astype(np.float32)
    weights[len(targets) :] = 0
    return {"source": source, "lengths": lengths, "target": given}, wanted, weights


def _width(lengths: Sequence[int] | np.ndarray) -> int:
    return -(-int(max(lengths)) // _STEP) * _STEP


_STEP = 2  # widths are multiples of this
