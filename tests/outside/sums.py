"""A head over numbers: the sum of a series. No tokenizer stands before its network, and its recipe has none."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from nlpkit.bundle import Bundle
from nlpkit.data.batching import Batch
from nlpkit.data.catalog import open_labelled
from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.facts import Facts
from nlpkit.data.seen import Seen, row_key, seen_from
from nlpkit.data.summary import LabelledSummary, summarize
from nlpkit.model_card import CardText, made_with
from nlpkit.recipe import Recipe, StackSection, TrainingSection
from nlpkit.tasks.base import RowTask
from nlpkit.tasks.classification.recipe import ClassifierData
from tests.outside.capitals import Batches, CapitalsReport, bundled, compiled, report_of, wanted

if TYPE_CHECKING:
    import keras

    from nlpkit.training.progress import EpochRow


class SumsRecipe(Recipe):
    task: Literal["sums"] = "sums"
    data: ClassifierData = ClassifierData()
    model: StackSection = StackSection(units=8)
    training: TrainingSection = TrainingSection(learning_rate=0.01)


@dataclass(frozen=True)
class Scale:
    """Numbers less their mean, by their standard deviation."""

    mean: float
    deviation: float
    file = "frontend.npz"

    def vectors(self, text: str) -> np.ndarray:
        """The numbers of a text, with spaces between, as vectors [steps, 1]."""
        return (np.array(text.split(), np.float32)[:, None] - self.mean) / self.deviation

    def to_bytes(self) -> bytes:
        file = io.BytesIO()
        np.savez(file, mean=self.mean, deviation=self.deviation)
        return file.getvalue()

    def facts(self) -> dict[str, Any]:
        return {"features": 1}


@dataclass(frozen=True)
class Prepared:
    """The examples of both splits, and the vectors [steps, 1] of each series."""

    frontend: Scale
    facts: Facts
    seen: Seen
    train: list[Example]
    validation: list[Example]
    ids: dict[str, list[np.ndarray]]


def padded(rows: list[np.ndarray], count: int = 0, width: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [rows, steps, 1], and lengths int32 [rows]."""
    vectors = np.zeros((max(count, len(rows)), max(width, *map(len, rows)), 1), np.float32)
    lengths = np.ones(len(vectors), np.int32)
    for number, row in enumerate(rows):
        vectors[number, : len(row)], lengths[number] = row, len(row)
    return vectors, lengths


class SeriesSum(RowTask[SumsRecipe]):
    """Tells the sum of a series of numbers."""

    task, schema = "sums", SumsRecipe
    unit, counted, figures = "series", "examples", ("mean_absolute_error",)
    lower_is_better = True

    def predict(self, series: Iterable[str]) -> np.ndarray:
        """The sum of each series, numbers with spaces between: float32 [series]."""
        scale = cast(Scale, self.frontend)
        rows = [scale.vectors(text) for text in series]
        return np.array([self.session.run(*padded([row]))[0][0, 0] for row in rows], np.float32)

    def compare(self, rows: Iterable[Example]) -> CapitalsReport:
        examples = list(rows)
        return report_of(self.predict(text for text, _ in examples), wanted(examples))

    def check(self) -> None:
        self.session.expect(ids=(None, None, 1), lengths=(None,), counts=(None, 1))

    @classmethod
    def open_data(cls, source: str, **columns: Any) -> Dataset[Example]:
        return open_labelled(source, **columns)

    def _named(self, source: str, **columns: Any) -> Dataset[Example]:
        return self.open_data(source, **columns)

    @staticmethod
    def summarize(rows: Iterable[Example]) -> LabelledSummary:
        return summarize(rows)

    def _read_frontend(self, content: bytes) -> Scale:
        known = np.load(io.BytesIO(content), allow_pickle=False)
        return Scale(float(known["mean"]), float(known["deviation"]))

    def _prepare(self, dataset: Dataset[Example], report: Any, frontend: bytes | None) -> Prepared:
        rows = list(dataset.read("train"))
        examples = {"train": [row for i, row in enumerate(rows) if i % 10], "validation": rows[::10]}
        numbers = np.array(" ".join(text for text, _ in examples["train"]).split(), float)
        scale = self._read_frontend(frontend) if frontend else Scale(float(numbers.mean()), float(numbers.std()))
        vectors = {split: [scale.vectors(text) for text, _ in kept] for split, kept in examples.items()}
        keys = ([row_key(text) for text, _ in kept] for kept in examples.values())
        return Prepared(frontend=scale, facts=Facts(), seen=seen_from(*keys), ids=vectors, **examples)

    def _prepared_rows(self, prepared: Prepared, split: str) -> list[Example]:
        return prepared.train if split == "train" else prepared.validation

    def _key(self, row: Example) -> int:
        return row_key(row.text)

    def _build(self) -> "keras.Model":
        import keras

        from nlpkit.layers.pooling import Pooling
        from nlpkit.layers.stack import LSTMStack

        section = self.recipe.model
        vectors, lengths = keras.Input((None, 1), name="ids"), keras.Input((), dtype="int32", name="lengths")
        x = LSTMStack(section.cell, section.units, section.layers, bidirectional=True, name="stack")(vectors, lengths)
        x = Pooling(["mean"], bidirectional=True)(x, lengths) * keras.ops.cast(lengths, "float32")[:, None]
        return keras.Model({"ids": vectors, "lengths": lengths}, keras.layers.Dense(1, name="count")(x))

    def _compiled(self, prepared: Prepared) -> "tuple[keras.Model, SeriesBatches]":
        batches = SeriesBatches(self.recipe, prepared)
        return compiled(self._build(), batches), batches

    def _bundled(
        self, network: "keras.Model", dataset: Dataset[Example], prepared: Prepared, history: "list[EpochRow]"
    ) -> Bundle:
        return bundled(network, self._build(), self.recipe, prepared.frontend, history)

    def _card(self) -> CardText:
        return CardText(
            what=f"Sums of series {made_with(self.metadata)}.",
            command="nlpkit evaluate",
            call='predict(["1 2 3"])',
            columns={"series": "examples", "off by": "mean_absolute_error"},
            unit=self.unit,
            read="Numbers: less their mean, by their standard deviation",
            kind="bidirectional ",
            head=" under a sum",
            limits="It sums numbers like those that it was trained on.",
        )


class SeriesBatches(Batches):
    """The train split as batches of vectors."""

    unit = "series"

    def padded(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        return padded([self.ids[row] for row in batch.rows], batch.shape_rows, batch.width)

    def inputs(self, split: str) -> dict[str, np.ndarray]:
        vectors, lengths = padded(self.prepared.ids[split])
        return {"ids": vectors, "lengths": lengths}
