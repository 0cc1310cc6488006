"""A head outside nlpkit: how many words of a text begin with a capital letter."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from nlpkit.bundle import Bundle
from nlpkit.data.batching import Batch, pad, plan_epoch
from nlpkit.data.catalog import open_labelled
from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.facts import Facts
from nlpkit.data.seen import row_key, seen_from
from nlpkit.data.summary import LabelledSummary, summarize
from nlpkit.errors import DataError
from nlpkit.frontend import Frontend
from nlpkit.intervals import mean_interval
from nlpkit.model_card import CardText, made_with, pieces_told
from nlpkit.recipe import Recipe, StackSection, TextRecipe, TokenizerSection, TrainingSection
from nlpkit.report import Gain, Report
from nlpkit.runtime.builder import GraphBuilder, serialized
from nlpkit.runtime.graph import joined_directions, mean_over_steps, recurrent_layer
from nlpkit.tasks.base import RowTask
from nlpkit.tasks.classification.recipe import ClassifierData
from nlpkit.tasks.text import PreparedText, TextTask
from nlpkit.tokenizer import train_tokenizer

if TYPE_CHECKING:
    import keras
    from rich.console import Console

    from nlpkit.training.progress import EpochRow


class CapitalsRecipe(TextRecipe):
    task: Literal["capitals"] = "capitals"
    data: ClassifierData = ClassifierData()
    tokenizer: TokenizerSection = TokenizerSection()
    model: StackSection = StackSection(units=16, embedding_size=16)
    training: TrainingSection = TrainingSection(learning_rate=0.01)


@dataclass(frozen=True)
class CapitalsReport(Report):
    chief = ("mean_absolute_error",)

    examples: int
    mean_absolute_error: float

    def gain_over(self, yardstick: Self) -> Gain:
        saved = yardstick.each - self.each
        return self._gain("mean_absolute_error", yardstick, float(saved.mean()), mean_interval(saved))

    def show(self, console: "Console", title: str) -> None:
        console.print(f"{title}: {self.examples:,} texts  off by {self.told('mean_absolute_error')}", soft_wrap=True)


def report_of(found: np.ndarray, wanted: np.ndarray) -> CapitalsReport:
    """The figures of counts [texts] that were found, and those that were wanted."""
    off = np.abs(found - wanted)
    return CapitalsReport(len(off), float(off.mean()), intervals={"mean_absolute_error": mean_interval(off)}, each=off)


@dataclass(frozen=True)
class Prepared(PreparedText):
    """The examples of both splits, and their token ids."""

    train: list[Example]
    validation: list[Example]
    ids: dict[str, list[np.ndarray]]


def wanted(examples: Iterable[Example]) -> np.ndarray:
    """The counts that examples have for labels: float32 [examples]."""
    return np.array([float(str(label)) for _, label in examples], np.float32)


class CapitalCounter(TextTask[CapitalsRecipe], RowTask[CapitalsRecipe]):
    """Tells how many words of a text begin with a capital letter."""

    task, schema = "capitals", CapitalsRecipe
    unit, counted, figures = "texts", "examples", ("mean_absolute_error",)
    lower_is_better = True
    data_options = ("text_column", "label_column")

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """The count for each text: float32 [texts]."""
        rows = [np.array(ids, np.int32) for ids in self.tokenizer.encode(list(texts))]
        return np.array([self.session.run(*pad([row]))[0][0, 0] for row in rows], np.float32)

    def compare(self, rows: Iterable[Example]) -> CapitalsReport:
        examples = list(rows)
        return report_of(self.predict(text for text, _ in examples), wanted(examples))

    def check(self) -> None:
        self.session.expect(ids=(None, None), lengths=(None,), counts=(None, 1))

    # -- data

    @classmethod
    def open_data(cls, source: str, **columns: Any) -> Dataset[Example]:
        return open_labelled(source, **columns)

    def _named(self, source: str, **columns: Any) -> Dataset[Example]:
        return self.open_data(source, **columns)

    @staticmethod
    def summarize(rows: Iterable[Example]) -> LabelledSummary:
        return summarize(rows)

    def _prepare(self, dataset: Dataset[Example], report: Any, frontend: bytes | None) -> Prepared:
        rows = list(dataset.read("train"))
        if len(rows) < 20:
            raise DataError(f"{dataset.name}: {len(rows)} rows are too few")
        examples = {"train": [row for i, row in enumerate(rows) if i % 10], "validation": rows[::10]}
        texts = {split: [example.text for example in kept] for split, kept in examples.items()}
        section = self.recipe.tokenizer
        model = self._read_frontend(frontend) if frontend else train_tokenizer(texts["train"], section)
        texts = {split: [model.normalize(text) for text in kept] for split, kept in texts.items()}
        ids = {split: [np.array(row, np.int32) for row in model.encode(kept)] for split, kept in texts.items()}
        seen = seen_from(*(map(row_key, kept) for kept in texts.values()))
        return Prepared(tokenizer=model, facts=Facts(), seen=seen, ids=ids, **examples)

    def _prepared_rows(self, prepared: Prepared, split: str) -> list[Example]:
        return prepared.train if split == "train" else prepared.validation

    def _key(self, row: Example) -> int:
        return row_key(self.tokenizer.normalize(row.text))

    # -- the network

    def _build(self, vocabulary: int | None = None) -> "keras.Model":
        import keras

        from nlpkit.layers.embedding import Embedding
        from nlpkit.layers.pooling import Pooling
        from nlpkit.layers.stack import LSTMStack

        section = self.recipe.model
        ids, lengths = keras.Input((None,), dtype="int32", name="ids"), keras.Input((), dtype="int32", name="lengths")
        x = Embedding(vocabulary or len(self.tokenizer), section.embedding_size, name="embedding")(ids)
        x = LSTMStack(section.cell, section.units, section.layers, bidirectional=True, name="stack")(x, lengths)
        x = Pooling(["mean"], bidirectional=True)(x, lengths) * keras.ops.cast(lengths, "float32")[:, None]
        return keras.Model({"ids": ids, "lengths": lengths}, keras.layers.Dense(1, name="count")(x))

    def _compiled(self, prepared: Prepared) -> "tuple[keras.Model, Batches]":
        batches, network = Batches(self.recipe, prepared), self._build(len(prepared.tokenizer))
        return compiled(network, batches), batches

    def _bundled(
        self, network: "keras.Model", dataset: Dataset[Example], prepared: Prepared, history: "list[EpochRow]"
    ) -> Bundle:
        return bundled(network, self._build(len(prepared.tokenizer)), self.recipe, prepared.frontend, history)

    def _card(self) -> CardText:
        return CardText(
            what=f"A counter of capitals {made_with(self.metadata)}.",
            command="nlpkit evaluate",
            call='predict(["A Text"])',
            columns={"texts": "examples", "off by": "mean_absolute_error"},
            unit=self.unit,
            read=pieces_told(self.metadata, self.recipe),
            kind="bidirectional ",
            head=" under a sum",
            limits="It counts in the kind of text that it was trained on.",
        )


def compiled(network: "keras.Model", batches: "Batches") -> "keras.Model":
    """The network, ready to train."""
    from nlpkit.training.length import run_length
    from nlpkit.training.schedule import make_optimizer

    section = batches.recipe.training
    network.compile(make_optimizer(section, run_length(section, len(batches.plan(0))).steps), loss="mse")
    return network


def bundled(
    network: "keras.Model", bare: "keras.Model", recipe: Recipe, frontend: Frontend, history: "list[EpochRow]"
) -> Bundle:
    """The trained network's weights in one without an optimizer, and its graph."""
    from nlpkit.training.bundling import bundle_network

    bare.set_weights(network.get_weights())
    return bundle_network(bare, {"model.onnx": export(bare, recipe.model.cell)}, recipe, frontend, history, {})


class Batches:
    """The train split as batches of arrays."""

    unit, one_shape = "texts", False

    def __init__(self, recipe: Recipe, prepared: Any) -> None:
        self.recipe, self.prepared, self.ids = recipe, prepared, prepared.ids["train"]
        self.amount, self.wanted = f"{len(self.ids):,} texts", wanted(prepared.train)
        self.lengths = np.array([len(row) for row in self.ids])

    def plan(self, epoch: int) -> list[Batch]:
        section = self.recipe.training
        rng = np.random.default_rng([section.seed, epoch])
        return plan_epoch(self.lengths, section.batch_size, 4_096, rng)

    def collate(self, epoch: int, batch: Batch) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        ids, lengths = self.padded(batch)
        wanted, weights = np.zeros((2, batch.shape_rows), np.float32)
        wanted[: len(batch.rows)], weights[: len(batch.rows)] = self.wanted[batch.rows], 1
        return {"ids": ids, "lengths": lengths}, wanted[:, None], weights

    def padded(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """A batch's ids and lengths."""
        return pad([self.ids[row] for row in batch.rows], shape_rows=batch.shape_rows, width=batch.width)

    def inputs(self, split: str) -> dict[str, np.ndarray]:
        ids, lengths = pad(self.prepared.ids[split])
        return {"ids": ids, "lengths": lengths}

    def computed(self, batch: Batch) -> int:
        return batch.shape_rows * batch.width

    def tokens(self, batch: Batch) -> int:
        return int(self.lengths[batch.rows].sum())

    def validate(self, network: "keras.Model") -> "EpochRow":
        found = np.asarray(network.predict_on_batch(self.inputs("validation")))[:, 0]
        error = report_of(found, wanted(self.prepared.validation)).mean_absolute_error
        return {"val_mean_absolute_error": error, "score": -error}


def export(network: "keras.Model", cell: str) -> bytes:
    """The network as an ONNX model that gives counts [batch, 1]."""
    from onnx import TensorProto

    graph = GraphBuilder()
    kernel, bias = network.get_layer("count").get_weights()
    vectors = "ids"
    if ids := network.input["ids"].dtype == "int32":
        (embedding,) = network.get_layer("embedding").get_weights()
        vectors = graph.add("Gather", graph.constant(embedding), "ids")
    x = graph.add("Transpose", vectors, perm=[1, 0, 2])
    for directions in network.get_layer("stack").recurrent_weights():
        x, _ = joined_directions(graph, recurrent_layer(graph, x, "lengths", directions, cell), directions)
    lengths = graph.add("Unsqueeze", graph.add("Cast", "lengths", to=TensorProto.FLOAT), graph.ints(1))
    total = graph.add("Mul", mean_over_steps(graph, x), lengths)
    counts = graph.add("Gemm", total, graph.constant(kernel), graph.constant(bias))
    graph.nodes[-1].output[0] = "counts"
    assert counts
    read = (TensorProto.INT32, ["batch", "steps"]) if ids else (TensorProto.FLOAT, ["batch", "steps", 1])
    inputs: dict[str, Any] = {"ids": read, "lengths": (TensorProto.INT32, ["batch"])}
    return serialized(graph, "capitals", inputs, {"counts": ["batch", 1]})


def rows() -> Iterator[tuple[str, str]]:
    """Texts of small and capitalized words, and how many of these they have."""
    rng = np.random.default_rng(0)
    for _ in range(400):
        capitals = rng.random(rng.integers(3, 12)) < 0.4
        words = [rng.choice(["Anna", "Rome", "Monday"] if capital else ["goes", "home", "by"]) for capital in capitals]
        yield " ".join(words), str(capitals.sum())
