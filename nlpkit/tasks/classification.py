"""Text classification: one label a text."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nlpkit.bundle import Bundle
from nlpkit.data.cache import Report
from nlpkit.data.catalog import open_labelled
from nlpkit.data.corpus import PreparedData, prepare
from nlpkit.data.dataset import IN_MEMORY, Dataset, Example, dataset_from_lists
from nlpkit.errors import DataError, UsageError
from nlpkit.metrics import ClassificationReport, classification_report
from nlpkit.quiet import import_keras
from nlpkit.recipe import ClassificationRecipe
from nlpkit.runtime.classify import predict_texts
from nlpkit.tasks.base import TrainedTask
from nlpkit.training.run import Run

if TYPE_CHECKING:
    import keras

    from nlpkit.networks.plan import TrainingPlan
    from nlpkit.training.progress import TrainingDisplay


class TextClassifier(TrainedTask[ClassificationRecipe]):
    """Gives a text one of the labels it was trained on.

    >>> classifier = TextClassifier(epochs=2).fit(texts, labels)
    >>> classifier.predict(["I loved every minute"])
    ['positive']
    """

    task = "classification"

    def __init__(self, recipe: ClassificationRecipe | str | Path = "sentiment", **settings: Any) -> None:
        super().__init__(recipe, **settings)

    # -- training

    def fit(
        self,
        texts: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        *,
        data: str | Path | None = None,
        display: "TrainingDisplay | None" = None,
        checkpoint: Path | None = None,
        resume: bool = False,
        tensorboard: Path | None = None,
    ) -> Self:
        """Trains on `texts` and `labels`, or on the data set that `data` names, or on the recipe's own.

        A part is held out to choose the best epoch by. Progress goes to standard error. With `checkpoint`, a
        folder, SIGINT saves the state there and raises Interrupted, and `resume` goes on from it.
        Raises DataError for data that cannot be trained on.
        """
        dataset = _lists(texts, labels)
        source = IN_MEMORY if dataset else str(data) if data is not None else self.recipe.data.source
        self._with_source(source)
        dataset = dataset or self._named(source)
        return self._fit(dataset, display, checkpoint, resume, tensorboard)

    def prepared(self) -> PreparedData:
        """The recipe's data, split and tokenized, from the cache where it was prepared before."""
        return prepare(self._named(self.recipe.data.source), self.recipe)

    def plan(self) -> "TrainingPlan":
        """What `fit` on the recipe's data will come to: sizes, steps and the time expected."""
        data = self.prepared()
        import_keras()
        from nlpkit.networks.classifier import TrainingBatches, compile_classifier
        from nlpkit.networks.plan import plan_training

        batches = TrainingBatches(self.recipe, data)
        return plan_training(
            compile_classifier(self.recipe, data, batches),
            batches,
            self.recipe,
            train=len(data.train),
            validation=len(data.validation),
            unit="texts",
            vocabulary=len(data.tokenizer),
            labels=data.labels,
        )

    # -- answering

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `predict_proba`."""
        return tuple(self.metadata["labels"])

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The likeliest label of each text."""
        labels = self.labels
        return [labels[row.argmax()] for row in self.predict_stream(_sequence(texts))]

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Each label's probability for each text: float32 [texts, labels]."""
        rows = list(self.predict_stream(_sequence(texts)))
        return np.array(rows, np.float32).reshape(len(rows), len(self.labels))

    def predict_stream(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        """Each label's probability for each text, in order, float32 [labels]; holds some 2,000 texts at a time."""
        self._trained()
        return predict_texts(self._session, self._tokenizer, texts, self.recipe.tokenizer)

    def evaluate(
        self,
        texts: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        *,
        data: str | Path | None = None,
        split: str | None = None,
    ) -> ClassificationReport:
        """How well the model does on `texts` and `labels`, or on a split of a data set.

        The data set is the one it was trained on unless `data` names another; the split is `test` where there
        is one, else what was held out of the data trained on, or all of another. Raises DataError for a label
        that the model does not have, UsageError for a split that the data does not have.
        """
        given = _lists(texts, labels)
        return self.compare(given.read("train") if given else self.examples(data, split)[1])

    def compare(self, examples: Iterable[Example]) -> ClassificationReport:
        """The model's answers against the labels of a stream of examples."""
        ids = {label: i for i, label in enumerate(self.labels)}
        truth: list[int] = []

        def texts() -> Iterator[str]:
            for text, label in examples:
                if label not in ids:
                    raise DataError(
                        f"the data has the label {label!r}, which the model does not; it knows {', '.join(ids)}"
                    )
                truth.append(ids[label])
                yield text

        probabilities = np.array(list(self.predict_stream(texts())), np.float32)
        if not truth:
            raise DataError("there is nothing to evaluate on: the data is empty")
        return classification_report(probabilities, np.array(truth), self.labels)

    def examples(
        self, data: str | Path | None = None, split: str | None = None, **columns: str | None
    ) -> tuple[str, Iterable[Example]]:
        """The split that `evaluate` takes, by name, and its examples; `columns` as `open_labelled` takes them."""
        if data is None and self.recipe.data.source == IN_MEMORY:
            raise UsageError("the model was trained on texts in memory; name the data to evaluate on")
        source = self.recipe.data.source if data is None else str(data)
        dataset = self._named(source, **columns)
        if source == self.recipe.data.source and split in (None, "train", "validation"):
            split = split or ("test" if "test" in dataset.splits else "validation")
            if split != "test":
                return split, _held_examples(prepare(dataset, self.recipe), split)
        split = split or next(name for name in ("test", "validation", "train") if name in dataset.splits)
        return split, dataset.read(split)

    def network(self) -> "keras.Model":
        """The Keras network with the model's weights, to look into or to train on. Imports Keras."""
        from nlpkit.networks.bundling import network_from_weights
        from nlpkit.networks.classifier import build_classifier

        network = build_classifier(self.recipe.model, len(self._tokenizer), len(self.labels))
        return network_from_weights(network, self._keras_weights())

    def check(self) -> None:
        self._session.expect(ids=(None, None), lengths=(None,), probabilities=(None, len(self.labels)))

    # -- within

    def _prepare(self, dataset: Dataset[Example], report: Report) -> PreparedData:
        return prepare(dataset, self.recipe, report)

    def _train(self, dataset: Dataset[Example], prepared: PreparedData, run: Run) -> Bundle:
        from nlpkit.networks.classifier import bundle_classifier, train_classifier

        network, history = train_classifier(self.recipe, prepared, run)
        return bundle_classifier(network, self.recipe, dataset, prepared, history)

    def _judge_held_out(self, prepared: PreparedData) -> ClassificationReport:
        return self.compare(_held_examples(prepared, "validation"))

    def _judge(self, rows: Iterable[Example]) -> ClassificationReport:
        return self.compare(rows)

    def _named(self, source: str, **columns: str | None) -> Dataset[Example]:
        section = self.recipe.data
        if source == section.source:
            columns = {"text_column": section.text_column, "label_column": section.label_column} | {
                name: value for name, value in columns.items() if value
            }
        return open_labelled(source, skip_empty=section.skip_empty, **columns)


def _sequence(texts: Sequence[str]) -> Sequence[str]:
    if isinstance(texts, str):
        raise UsageError("give a list of texts, not one string: predict([text])")
    return texts


def _lists(texts: Sequence[str] | None, labels: Sequence[str] | None) -> Dataset[Example] | None:
    if (texts is None) != (labels is None):
        raise UsageError("texts and labels go together: one label for each text")
    return None if texts is None or labels is None else dataset_from_lists(texts, labels)


def _held_examples(prepared: PreparedData, split: str) -> Iterator[Example]:
    corpus = prepared.train if split == "train" else prepared.validation
    for row, label in enumerate(corpus.labels):
        yield Example(corpus.text(row), prepared.labels[label])
