"""The generator's network, embedding, LSTMStack and next-token scores, and how it is trained."""

import random
from typing import Any

import keras
import numpy as np
from keras import ops

from nlpkit.bundle import Bundle
from nlpkit.data.batching import Batch
from nlpkit.errors import DataError
from nlpkit.layers.dropout import WordDropout
from nlpkit.layers.stack import LSTMStack
from nlpkit.runtime.graph import STATES
from nlpkit.runtime.session import Session
from nlpkit.tasks.generation.graph import generator_graph
from nlpkit.tasks.generation.language import LanguageModel, zero_state
from nlpkit.tasks.generation.penalty import ActivationPenalty
from nlpkit.tasks.generation.recipe import GenerationRecipe, GeneratorSection
from nlpkit.tasks.generation.report import generation_report
from nlpkit.tasks.generation.sampled import SampledClasses, sampled_classes
from nlpkit.tasks.generation.stream import PreparedStream
from nlpkit.tokenizer import BOS
from nlpkit.training.bundling import bundle_network, hold_to_network
from nlpkit.training.length import run_length
from nlpkit.training.progress import EpochRow, validation_row
from nlpkit.training.schedule import make_optimizer


def build_generator(recipe: GenerationRecipe, vocab_size: int) -> keras.Model:
    """From {"ids": int32 [batch, steps], "state": float32 [states, batch, units]} to {"logits", "state", "features"}.

    Logits are [batch, steps, vocabulary]; states are laid out as `LSTMStack` lays them out; features are what the
    logits are made of.
    """
    section, training = recipe.model, recipe.training
    ids = keras.Input((None,), dtype="int32", name="ids")
    state = keras.Input(batch_shape=(section.layers * STATES[section.cell], None, section.units), name="state")
    embedding = keras.layers.ReversibleEmbedding(
        vocab_size, section.embedding_size, embeddings_initializer="glorot_normal", name="embedding"
    )
    kept = WordDropout(section.word_dropout, name="word_dropout")(ids)
    x = embedding(kept)
    x = keras.layers.SpatialDropout1D(section.input_dropout, name="input_dropout")(x)
    shared = None if section.input_dropout else kept  # equal tokens of two rows lose different features
    outputs, next_state = LSTMStack(
        section.cell,
        section.units,
        section.layers,
        recurrent_dropout=section.recurrent_dropout,
        weight_dropout=section.weight_dropout,
        dropout=section.output_dropout,
        name="stack",
    )(x, state=state, ids=shared)
    x = keras.layers.SpatialDropout1D(section.output_dropout, name="output_dropout")(outputs)
    x = ActivationPenalty(training.activation_penalty, training.activation_change_penalty, name="penalty")(x, outputs)
    if not section.tie_embeddings:
        logits = keras.layers.Dense(vocab_size, name="logits")(x)
    else:
        if section.embedding_size != section.units:
            x = keras.layers.Dense(section.embedding_size, use_bias=False, name="projection")(x)
        logits = embedding(x, reverse=True)
    outputs = {"logits": logits, "state": next_state, "features": x}
    return keras.Model({"ids": ids, "state": state}, outputs, name="generator")


@keras.saving.register_keras_serializable("nlpkit")
class CarryingNetwork(keras.Model):
    """A generator whose rows go on, batch after batch, from the state that the batch before left them in.

    Takes {"ids": int32 [rows, steps], "carry": float32 [rows]}, where carry is 0 for rows that begin anew and else 1;
    gives logits [rows, steps, vocabulary]. Gradients stop at the batch's beginning: truncated back-propagation
    through time.

    With `sampled` classes it is given those that were drawn, "drawn" int32 [rows, drawn / rows], and in training gives
    features in place of logits, which it would not need.
    """

    def __init__(self, core: keras.Model, rows: int, sampled: SampledClasses | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.core, self.sampled = core, sampled
        self.trunk = keras.Model(core.input, {name: core.output[name] for name in ("features", "state")}, name="trunk")
        states, _, units = core.input["state"].shape
        self.state = self.add_weight(
            shape=(states, rows, units), initializer="zeros", trainable=False, name="carried_state"
        )

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        state = self.state * inputs["carry"][None, :, None]
        sampled = training and self.sampled is not None
        outputs = (self.trunk if sampled else self.core)({"ids": inputs["ids"], "state": state}, training=training)
        self.state.assign(outputs["state"])
        return outputs["features" if sampled else "logits"]

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        if self.sampled is None or not training:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        embeddings = self.core.get_layer("embedding").embeddings
        nats = self.sampled.loss(y_pred, y, x["drawn"], embeddings) * sample_weight
        return ops.sum([ops.mean(nats), *self.losses])


def export_generator(core: keras.Model, section: GeneratorSection) -> bytes:
    """The network as an ONNX model that takes ids and a state and gives logits and the next state."""
    embedding = ops.convert_to_numpy(core.get_layer("embedding").embeddings)
    projection = logits = None
    if not section.tie_embeddings:
        kernel, bias = (ops.convert_to_numpy(weight) for weight in core.get_layer("logits").weights)
        logits = kernel, bias
    elif section.embedding_size != section.units:
        (projection,) = map(ops.convert_to_numpy, core.get_layer("projection").weights)
    layers = [directions[0] for directions in core.get_layer("stack").recurrent_weights()]
    return generator_graph(embedding=embedding, layers=layers, cell=section.cell, projection=projection, logits=logits)


def compile_generator(recipe: GenerationRecipe, data: PreparedStream, epochs: "StreamBatches") -> CarryingNetwork:
    """A fresh network for the data, seeded and ready to train."""
    random.seed(recipe.training.seed)  # from which Keras draws the seeds of all layers
    length = run_length(recipe.training, len(epochs.plan(0)))
    section = recipe.model
    # what is read twice is hardly learnt by heart, and what is read often is
    dropout = max(section.output_dropout, section.repeat_dropout * (1 - 2 * length.parts / length.epochs))
    section = section.model_copy(update={"output_dropout": dropout})
    core = build_generator(recipe.model_copy(update={"model": section}), len(data.tokenizer))
    network = CarryingNetwork(core, epochs.rows, epochs.sampled)
    network.compile(
        optimizer=make_optimizer(recipe.training, length.steps, holding=recipe.model.vectors_frozen is not None),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=keras.backend.backend() == "jax",  # on TensorFlow the LSTM layer compiles itself, and is quicker so
    )
    return network


def bundle_generator(
    core: keras.Model,
    recipe: GenerationRecipe,
    data: PreparedStream,
    history: list[EpochRow],
) -> Bundle:
    """Everything a bundle holds but its figures and its card.

    Raises NlpkitError when the exported graph and the network disagree.
    """
    graph = export_generator(core, recipe.model)
    session = Session(graph)
    ids = np.resize(data.validation.ids if len(data.validation.ids) else data.train.ids, (4, 32)).astype(np.int32)
    state, found, expected = zero_state(session, len(ids)), [], []
    for part in (ids[:, :16], ids[:, 16:]):  # twice, so that the state counts
        answer = core({"ids": part, "state": state}, training=False)
        expected.append(ops.convert_to_numpy(ops.softmax(answer["logits"])))
        logits, state = session.run(part, state)
        found.append(ops.convert_to_numpy(ops.softmax(logits)))
    hold_to_network(found, expected)
    facts = {
        "spelt_in_bytes": data.tokenizer.spelt_in_bytes(data.train.ids),
    }
    return bundle_network(core, {"model.onnx": graph}, recipe, data.tokenizer, history, facts)


class StreamBatches:
    """The training split as rows that read on from batch to batch, each from a place of its own.

    The places move by a random distance every epoch, so that segments begin elsewhere, and the text is taken as
    a ring, so that every row is equally long. The few segments that are left over come in other epochs. Some segments
    begin anew, from a zero state and the token for a beginning, as a prompt does.
    """

    unit = "segments"
    one_shape = True

    def __init__(self, recipe: GenerationRecipe, data: PreparedStream) -> None:
        self.recipe, self.data = recipe, data
        self.amount = f"{data.train.characters:,} characters"
        self.steps = recipe.training.segment_length
        tokens = len(data.train.ids)
        if tokens < self.steps:
            raise DataError(
                f"{recipe.data.source} has {tokens:,} tokens to train on, fewer than one segment of {self.steps:,}; "
                "give more text, or lower training.segment_length"
            )
        # little text: fewer rows, so that each still reads on for a while
        self.rows = max(1, min(recipe.training.batch_size, tokens // (_LEAST_SEGMENTS * self.steps)))
        classes, vocabulary = recipe.training.sampled_classes, len(data.tokenizer)
        self.sampled = sampled_classes(data.train.ids, vocabulary, classes, self.rows) if classes else None

    def plan(self, epoch: int) -> list[Batch]:
        first = self._first(epoch)
        row_length = len(self.data.train.ids) // self.rows
        starts = first + row_length * np.arange(self.rows)
        return [Batch(starts + at, self.rows, self.steps) for at in range(0, row_length - self.steps + 1, self.steps)]

    def collate(self, epoch: int, batch: Batch) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        # each step is given the token before the one that it is to predict
        places = (batch.rows[:, None] + np.arange(-1, self.steps)) % len(self.data.train.ids)
        tokens = self.data.train.ids[places].astype(np.int32)
        rng = np.random.default_rng([self.recipe.training.seed, epoch, batch.rows[0]])
        begins = rng.random(self.rows) < self.recipe.training.restarts
        begins |= batch.rows[0] == self._first(epoch)
        tokens[begins, 0] = BOS
        inputs = {"ids": tokens[:, :-1], "carry": np.where(begins, 0, 1).astype(np.float32)}
        if self.sampled is not None:
            inputs["drawn"] = self.sampled.draw(rng).reshape(self.rows, -1)  # as all inputs, of so many rows
        return inputs, tokens[:, 1:], np.ones((self.rows, self.steps), np.float32)

    def computed(self, batch: Batch) -> int:
        return batch.shape_rows * batch.width

    def tokens(self, batch: Batch) -> int:
        return self.rows * self.steps

    def validate(self, network: keras.Model) -> EpochRow:
        model = LanguageModel(Session(export_generator(network.core, self.recipe.model), threads=0))
        report = generation_report(model.nats(self.data.validation.ids), max(1, self.data.validation.characters))
        return validation_row(report, val_nats="nats_per_character") | {"score": -report.nats_per_character}

    def _first(self, epoch: int) -> int:
        rng = np.random.default_rng([self.recipe.training.seed, epoch])
        return int(rng.integers(len(self.data.train.ids)))


_LEAST_SEGMENTS = 32  # in a row, where the text is long enough
