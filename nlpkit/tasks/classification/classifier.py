"""Text classification: one label a text, or several."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np

from nlpkit.arrays import digest_of
from nlpkit.bundle import Bundle
from nlpkit.data.cache import Report
from nlpkit.data.catalog import open_labelled
from nlpkit.data.dataset import Dataset, Example, dataset_from_lists
from nlpkit.data.facts import FLATTERS, amount
from nlpkit.data.frames import Table, Texts, is_held, labelled_table, texts_of
from nlpkit.data.labels import all_of, listed
from nlpkit.data.notes import tell_once
from nlpkit.data.seen import Seen, row_key
from nlpkit.data.summary import LabelledSummary, summarize
from nlpkit.data.values import one_text
from nlpkit.errors import BundleError, DataError, Interrupted, UsageError
from nlpkit.model_card import CardText
from nlpkit.runtime.session import Session
from nlpkit.tasks.base import FitOptions, RowTask
from nlpkit.tasks.classification.answering import predict_texts
from nlpkit.tasks.classification.card import card_text
from nlpkit.tasks.classification.corpus import PreparedData, prepare
from nlpkit.tasks.classification.facts import ClassifierFacts
from nlpkit.tasks.classification.held_out import HELD_OUT, held_out_from_bytes
from nlpkit.tasks.classification.recipe import ClassificationRecipe, of_training, says_how
from nlpkit.tasks.classification.report import ClassificationReport, LabelsReport, classification_report, labels_report
from nlpkit.tasks.text import TextTask
from nlpkit.training.run import Run
from nlpkit.yardstick import Yardstick

if TYPE_CHECKING:
    import keras

    from nlpkit.inspect.inspection import Inspection
    from nlpkit.inspect.memory import MemoryReport
    from nlpkit.serve.verbs import Verb
    from nlpkit.tasks.base import TrainedTask
    from nlpkit.tasks.classification.frozen import EarlierHead, FrozenHead
    from nlpkit.training.fit import EpochBatches
    from nlpkit.training.plan import TrainingPlan
    from nlpkit.training.progress import EpochRow

logger = logging.getLogger("nlpkit")

_FEW, _FEW_OTHERS = 5_000, 1_000  # texts to train on, up to which a head alone is better, with a start's labels or not
_LEAST_SHARE = 0.05  # of the sequence in a classifier, for its head to be worth going on from


@dataclass(frozen=True)
class Verdict:
    """A text's label and the score of it, and the likeliest labels with their scores.

    The label is None where the best score, which then stands beside it, is too low; it is a list, and the score too,
    where a text may have several.
    """

    label: Any
    score: Any
    ranked: list[tuple[Any, float]]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it."""
        score = [round(one, 6) for one in self.score] if isinstance(self.score, list) else round(self.score, 6)
        return {"label": self.label, "score": score, "scores": {name: round(one, 6) for name, one in self.ranked}}


class TextClassifier(TextTask[ClassificationRecipe], RowTask[ClassificationRecipe]):
    """Gives a text one of the labels it was trained on, or those that go with it, where texts had several.

    >>> texts, labels = ["a good film", "a bad film"] * 40, ["positive", "negative"] * 40
    >>> classifier = TextClassifier(epochs=2).fit(texts, labels)
    >>> classifier.predict(["what a good day"])
    ['positive']

    Where labels are lists, such as `["sport", "money"]` and `[]`, it gives lists.
    """

    task = "classification"
    schema = ClassificationRecipe
    verb = "predict"
    next_command = 'nlpkit predict "I loved every minute"'
    unit, counted = "texts", "examples"
    figures, percent = ("accuracy", "micro_f1", "macro_f1"), True
    data_options = ("text_column", "label_column", "label_columns", "label_delimiter")
    facts = ClassifierFacts
    files = training_files = (HELD_OUT,)
    vectors_spread = 0.5  # ten times that of a fresh embedding, which the network would drown in noise
    own_data = (
        "your own .csv, .tsv, .jsonl, .json, .parquet or .xlsx file, lines of __label__x and a text, or a folder of "
        "classes or of splits"
    )

    def __init__(self, recipe: ClassificationRecipe | str | Path = "sentiment", **settings: Any) -> None:
        super().__init__(recipe, **settings)
        self._asked = self.recipe
        self._head: FrozenHead | None = None  # of a backbone that stayed as it was
        self._texts: Texts | None = None  # without labels, as fit was given them
        self._unlabelled: list[np.ndarray] = []  # and their token ids, or those of the recipe's

    # -- training

    def fit(
        self,
        texts: Iterable[Any] | Table | None = None,
        labels: Iterable[Any] | None = None,
        *,
        data: str | Path | Table | None = None,
        unlabelled: Texts | None = None,
        **options: Unpack[FitOptions],
    ) -> Self:
        """Trains on `texts` and `labels`, or on the data set that `data` names or is, or on the recipe's own.

        A label is a string or an integer, or, where a text may have several or none, a list, tuple or set of them.
        Texts and labels are lists, arrays, columns of a frame, generators. As `data`, a frame of pandas or Polars, an
        Arrow table, a Hugging Face Dataset or a dict of columns has its columns chosen as those of a file are, by the
        recipe's `text_column` and `label_column` or by their names; a DatasetDict, or a dict of tables, has splits.
        A part is held out to choose the best epoch by. From texts without labels, `unlabelled`, or those that the
        recipe's `data.unlabelled` names, its n-grams and its embedding learn too. The `options` are those of
        `FitOptions`.
        Raises DataError for data that cannot be trained on.
        """
        if unlabelled is not None and not self._asked.model.ngrams:
            raise UsageError("texts without labels are what n-grams learn from, and model.ngrams is 0")
        self._texts = unlabelled
        return self._fit(self._given(texts, labels, data), data, **options)

    # -- answering

    @property
    def labels(self) -> tuple[Any, ...]:
        """The labels, in the order of the columns of `predict_proba`: strings, or integers where `fit` was given
        integers.

        >>> classifier.labels
        ('negative', 'positive')
        """
        labels = tuple(self.metadata["labels"])
        return tuple(map(int, labels)) if self.metadata.get("label_type") == "int" else labels

    @property
    def several(self) -> bool:
        """Whether a text may have several labels, or none."""
        return self.recipe.model.labels == "several"

    def predict(self, texts: Texts, *, min_score: float | str | None = None) -> list[Any]:
        """The likeliest label of each text; of several a text, the list of those that go with it, likeliest first.
        Texts are as `predict_stream` takes them.

        With `min_score`, a text whose best score is lower gets None; "auto" is the score that was found on the
        validation split, from which on answers reach the recipe's `selective_accuracy`. Of several labels each is given
        from `min_score` on, instead of from its own threshold, which is what "auto" means too. Raises UsageError for a
        `min_score` that is not between 0 and 1, or one that was not found.

        >>> classifier.predict(["a lovely day", "so dull"])
        ['positive', 'negative']
        >>> classifier.predict(["a lovely day", "so dull"], min_score=0.8)
        ['positive', None]
        """
        labels, chosen = self.labels, self.chooser(min_score)
        found = ([labels[i] for i in chosen(scores)] for scores in self.predict_stream(texts))
        return list(found) if self.several else [answer[0] if answer else None for answer in found]

    def chooser(self, min_score: float | str | None = None) -> Callable[[np.ndarray], list[int]]:
        """What `predict` answers by: from a text's scores, float32 [labels], to the numbers of the labels that it is
        given, the likeliest first. Raises as `predict` does."""
        own = min_score is None or min_score == "auto"
        least = None if own else _probability(min_score)
        if self.several:
            thresholds = self._thresholds() if least is None else np.float32(least)

            def given(scores: np.ndarray) -> list[int]:
                found = np.flatnonzero(scores >= thresholds)
                ranked: list[int] = found[np.argsort(-scores[found], kind="stable")].tolist()
                return ranked

            return given
        if min_score == "auto":
            least = self._own_min_score()
            if least is None:
                raise UsageError(
                    "no score was found on the validation split from which on answers reach the accuracy of "
                    f"{self.recipe.training.selective_accuracy}; give a number, such as 0.8, instead of auto"
                )

        def likeliest(scores: np.ndarray) -> list[int]:
            best = int(self.ranked(scores)[0])
            return [best] if least is None or scores[best] >= least else []

        return likeliest

    def ranked(self, scores: np.ndarray) -> np.ndarray:
        """The numbers of the labels by a text's scores, float32 [labels], the one to give first: the likeliest, but
        that a rare label may stand before a likelier one, as training found best for what was held out."""
        weights = self._rare_weights()
        return np.argsort(-scores if weights is None else -scores * weights, kind="stable")

    def verdict(
        self, scores: np.ndarray, choose: Callable[[np.ndarray], list[int]], most: int | None = None
    ) -> "Verdict":
        """What is told of a text by its scores, float32 [labels], as a `chooser` chooses: at most so many labels with
        their scores."""
        labels = self.labels
        order = self.ranked(scores)[:most]
        ranked = list(zip([labels[i] for i in order.tolist()], scores[order].tolist(), strict=True))
        given = [(labels[i], float(scores[i])) for i in choose(scores)]
        if self.several:
            return Verdict([label for label, _ in given], [score for _, score in given], ranked)
        return Verdict(given[0][0] if given else None, ranked[0][1], ranked)

    def predict_proba(self, texts: Texts) -> np.ndarray:
        """Each label's probability for each text: float32 [texts, labels]; of several a text, each by itself.

        >>> scores = classifier.predict_proba(["a lovely day", "so dull"])
        >>> scores.shape, scores.argmax(axis=1).tolist()
        ((2, 2), [1, 0])
        """
        rows = list(self.predict_stream(texts))
        return np.array(rows, np.float32).reshape(len(rows), len(self.labels))

    def predict_stream(self, texts: Texts) -> Iterator[np.ndarray]:
        """Each label's probability for each text, in order, float32 [labels]; holds some 2,000 texts at a
        time for each core, and waits for so many, or for the end, before it answers.

        Texts are a list, an array, a column of a frame, a generator, or a frame, whose column of texts is taken. Raises
        UsageError for anything else; DataError, which names the row, when it comes to a value that is no text.

        >>> with open("lines.txt") as lines:
        ...     sum(1 for scores in classifier.predict_stream(lines) if scores.max() > 0.7)
        2
        """
        self.check_trained()
        given = texts_of(texts, self.columns.get("text"))
        return predict_texts(self.session, self.tokenizer, given, self.recipe.tokenizer)

    def inspect(self, text: str) -> "Inspection":
        """What goes on inside the model while it reads a text: gates, memory, what it would answer after each word,
        and what each word adds to the answer.

        >>> found = classifier.inspect("a lovely day")
        >>> len(found.arrays()["text.layer 1 forward.forget"]) == len(found.parts[0].text.tokens)
        True
        """
        from nlpkit.tasks.classification.inspecting import inspect_text

        self.check_trained()
        return inspect_text(self, one_text(text, "text"))

    def _measure_memory(self, rows: Any, report: Callable[[int, int], object]) -> "MemoryReport":
        from nlpkit.tasks.classification.inspecting import measure_memory

        return measure_memory(self, rows, report)

    def evaluate(
        self,
        texts: Iterable[Any] | Table | None = None,
        labels: Iterable[Any] | None = None,
        *,
        data: str | Path | Table | None = None,
        split: str | None = None,
    ) -> ClassificationReport | LabelsReport:
        """How well the model does on `texts` and `labels`, or on a split of a data set.

        The data set is the one it was trained on unless `data` names another, or is one as `fit` takes it; the
        split is `test` where there is one, else what was held out of the data trained on, or all of another. Raises
        DataError for a label that the model does not have, UsageError for a split that the data does not have.

        >>> classifier.evaluate(["a lovely day", "so dull"], ["positive", "negative"]).accuracy
        1.0
        """
        given = self._given(texts, labels, data, remembered=True)
        report: ClassificationReport | LabelsReport = self._evaluate(given, data, split)
        return report

    def compare(self, rows: Iterable[Example]) -> ClassificationReport | LabelsReport:
        """The model's answers against the labels of a stream of examples. Those with a label that it does not know are
        left out, and counted and told; DataError when they all are. Texts that were held out count by what the model
        answered before its n-grams were fitted on them, too."""
        names = tuple(self.metadata["labels"])
        ids = {label: i for i, label in enumerate(names)}
        truth: list[list[int]] = []
        keys: list[int] = []
        unknown: Counter[str] = Counter()

        def texts() -> Iterator[str]:
            for text, label in rows:
                labels = all_of(label)
                if others := [one for one in labels if one not in ids]:
                    unknown[others[0]] += 1
                    continue
                if len(labels) != 1 and not self.several:
                    raise DataError(
                        f"the data has a text with {len(labels)} labels, and the model gives each text one; "
                        f"the text begins {text[:40]!r}"
                    )
                truth.append([ids[one] for one in labels])
                keys.append(self._key(Example(text, label)))
                yield text

        probabilities = np.array(list(self.predict_stream(texts())), np.float32)
        if unknown:
            most = ", ".join(f"{label!r} {count:,}" for label, count in unknown.most_common(5))
            told = f"the data has labels that the model does not know: {most}"
            if not truth:
                raise DataError(f"{told}; it knows {listed(names)}")
            logger.warning("left out %s: %s", amount(unknown.total(), "texts"), told)
        if not truth:
            raise DataError("there is nothing to evaluate on: the data is empty")
        if self._held_out:
            probabilities = self._held_out.laid_over(probabilities, keys)
        if self.several:
            return labels_report(probabilities, _matrix(truth, len(names)), names, self._thresholds())
        return classification_report(
            probabilities, np.array(truth)[:, 0], names, self._own_min_score(), self._rare_weights()
        )

    def parts_told(self) -> str | None:
        if "ngrams" not in self.metadata:
            return None
        told = self.metadata["ngrams"]
        figure = told["figure"].replace("_f1", " F1")
        sequence, ngrams, both = (f"{told['validation'][part]:.4f}" for part in ("sequence", "ngrams", "together"))
        return f"on validation: {figure} {sequence} by the sequence alone, {ngrams} by n-grams alone, {both} by both"

    def check(self) -> None:
        self.session.expect(ids=(None, None), lengths=(None,), probabilities=(None, len(self.labels)))

    # -- what the house asks

    @classmethod
    def open_data(cls, source: str, **columns: Any) -> Dataset[Example]:
        return open_labelled(source, **columns)

    @staticmethod
    def summarize(rows: Iterable[Example]) -> LabelledSummary:
        return summarize(rows)

    @classmethod
    def told(cls, metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield "labels", listed(metadata["labels"]) + ("; several a text" if "thresholds" in metadata else "")
        if ngrams := metadata.get("ngrams"):
            parts = ", ".join(f"{name} {figure:.4f}" for name, figure in ngrams["validation"].items())
            if count := ngrams.get("unlabelled"):
                yield "learned from", f"{amount(count, 'texts')} without labels, too"
            yield "parts", f"{ngrams['figure'].replace('_f1', ' F1')} on validation: {parts}"
            for label, heaviest in ngrams["heaviest"].items():
                yield f"speaks for {label}", ", ".join(map(repr, heaviest))

    # -- within

    def verbs(self) -> "list[Verb]":
        from nlpkit.tasks.classification.serving import classifier_verbs

        return classifier_verbs(self)

    def _open(self, bundle: Bundle) -> None:
        super()._open(bundle)
        content = bundle.files.get(HELD_OUT)
        self._held_out = None if content is None else held_out_from_bytes(content, len(self.metadata["labels"]))

    def _learned_from(self) -> Seen | None:
        seen = self._seen()
        return seen.all_read() if seen is not None and self._refitted else seen

    def _known(self, seen: Seen) -> Seen:
        """Without what it answered before, a model was trained on what was held out, too, where it was refitted."""
        return seen.all_read() if self._refitted and not self._held_out else seen

    @property
    def _refitted(self) -> bool:
        """Whether what was held out was learned from in the end."""
        return bool(self.metadata.get("ngrams", {}).get("refitted", False))

    def _compiled(self, prepared: PreparedData) -> "tuple[keras.Model, EpochBatches]":
        from nlpkit.tasks.classification.network import TrainingBatches, compile_classifier

        batches = TrainingBatches(self.recipe, prepared)
        return compile_classifier(self.recipe, prepared, batches), batches

    def _build(self) -> "keras.Model":
        from nlpkit.tasks.classification.network import build_classifier

        ngrams = self.metadata.get("ngrams", {})
        if ngrams and "refitted" not in ngrams:
            raise BundleError(
                "an older nlpkit made this model's n-grams, in a form that networks no longer have; it answers as it "
                "did, but for its network train it again"
            )
        table = ngrams.get("buckets", 0), ngrams.get("columns")
        return build_classifier(self.recipe.model, len(self.tokenizer), len(self.labels), *table)

    def _graphs(self, network: "keras.Model") -> dict[str, bytes]:
        from nlpkit.tasks.classification.network import export_classifier

        return {"model.onnx": export_classifier(network, self.recipe.model)}

    def _card(self) -> CardText:
        return card_text(self.metadata, self.recipe)

    def _prepare(self, dataset: Dataset[Example], report: Report, frontend: bytes | None) -> PreparedData:
        return prepare(dataset, self.recipe, report, frontend)

    def _key(self, row: Example) -> int:
        return row_key(self.tokenizer.normalize(row.text))

    def _prepared_rows(self, prepared: PreparedData, split: str) -> Iterator[Example]:
        corpus = prepared.train if split == "train" else prepared.validation
        for text, label in zip(corpus, corpus.labels, strict=True):
            several = prepared.several
            yield Example(
                text, tuple(prepared.labels[i] for i in np.flatnonzero(label)) if several else prepared.labels[label]
            )

    def _sizes(self, prepared: PreparedData) -> dict[str, Any]:
        return super()._sizes(prepared) | {"labels": prepared.labels}

    def _bundled(
        self,
        network: "keras.Model",
        dataset: Dataset[Example],
        prepared: PreparedData,
        history: "list[EpochRow]",
    ) -> Bundle:
        from nlpkit.tasks.classification.network import bundle_classifier

        head, self._head = self._head, None
        unlabelled, self._unlabelled = self._unlabelled, []
        taught = self._vectors is not None and self.recipe.model.vectors is None
        return bundle_classifier(network, self.recipe, dataset, prepared, history, head, unlabelled, taught=taught)

    def _gather(self, dataset: Dataset[Example], prepared: PreparedData, report: Report) -> None:
        super()._gather(dataset, prepared, report)
        self._unlabelled = []
        if self._texts is not None or self.recipe.data.unlabelled is not None:
            from nlpkit.tasks.classification.unlabelled import read_unlabelled

            self._unlabelled = read_unlabelled(self._texts, self.recipe, dataset, prepared, report)

    def _gathered(self) -> str:
        return super()._gathered() + (digest_of(self._unlabelled) if self._unlabelled else "")

    def _learn(
        self, prepared: PreparedData, run: Run, start: "TrainedTask[Any] | None"
    ) -> "tuple[keras.Model, list[EpochRow], dict[str, Any]]":
        self._head = None
        if start is None or not self._frozen(start, prepared):
            if start is None and self._vectors is None and self._unlabelled:
                from nlpkit.cooccurrence import token_vectors

                run.display.report("learning vectors", 0, None)
                texts = chain(self._unlabelled, map(prepared.train.row, range(len(prepared.train))))
                size = self.recipe.model.embedding_size
                self._vectors = token_vectors(texts, len(prepared.tokenizer), size) or None
            return super()._learn(prepared, run, start)
        from nlpkit.tasks.classification.frozen import fit_head

        began = time.monotonic()
        network, encoder, told = self._on_frozen(prepared, start)
        try:
            earlier = self._earlier_head(start, prepared)
            self._head = fit_head(encoder, self.recipe, prepared, run.display.report, earlier)
        except KeyboardInterrupt:
            raise Interrupted("stopped while the head was fitted, of which nothing is kept", 130) from None
        network.get_layer("logits").set_weights([self._head.kernel, self._head.bias])
        return network, [{"epoch": 1.0, "seconds": time.monotonic() - began}], told

    def _planned(self, prepared: PreparedData, start: "TrainedTask[Any] | None") -> "TrainingPlan":
        if start is None or not self._frozen(start, prepared):
            return super()._planned(prepared, start)
        from nlpkit.tasks.classification.frozen import plan_head

        network, encoder, _ = self._on_frozen(prepared, start)
        return plan_head(network, encoder, self.recipe, prepared, unit=self.unit)

    def _default_start(self, dataset: Dataset[Example]) -> str | None:
        from nlpkit.tasks.classification.default_start import default_start

        found = default_start(dataset, self.recipe)
        if found:
            tell_once(f"few texts, of a kind that {found} has read: the model starts from it; --from none does not")
        return found

    def start(self, dataset: Dataset[Any] | None = None, run: Path | None = None) -> "TrainedTask[Any] | None":
        self.recipe = self._asked.model_copy(update={"data": self.recipe.data})  # without what other data settled
        start = super().start(dataset, run)
        section = self.recipe.model
        stays = start is not None and start.task != self.task and self.recipe.training.frozen is not False
        if stays and section.pooling == type(section)().pooling:
            # a state's maxima say more of how long a text is than of what it is about
            tell_once("a backbone that stays as it is: the means of its states are read, and not their maxima")
            section = section.model_copy(update={"pooling": ["mean"]})
            self.recipe = self.recipe.model_copy(update={"model": section})
        return start

    def _frozen(self, start: "TrainedTask[Any]", prepared: PreparedData) -> bool:
        """Whether what it starts from stays as it is: where nothing is said of how to train, a model of another task,
        and one of this task for few texts that are new to it."""
        if self.recipe.training.frozen is not None or start.task != self.task:
            return self.recipe.training.frozen is not False
        few = len(prepared.train) <= (_FEW if self._same_labels(start, prepared) else _FEW_OTHERS)
        return few and not says_how(self._asked) and not self._was_read(start, prepared)

    def _was_read(self, start: "TrainedTask[Any]", prepared: PreparedData) -> bool:
        """Whether the model that it starts from was trained on some of the texts, as far as that is known."""
        seen = start._learned_from()
        if seen is None:
            return False
        texts = [*prepared.train, *prepared.validation]
        return sum(seen.was_trained_on(row_key(text)) for text in texts) > FLATTERS * len(texts)

    def _same_labels(self, start: "TrainedTask[Any]", prepared: PreparedData) -> bool:
        """Whether a classifier gives the labels that the data has."""
        known = start.recipe.model.labels, tuple(start.metadata["labels"])
        return known == (self.recipe.model.labels, prepared.labels)

    def _earlier_head(self, start: "TrainedTask[Any]", prepared: PreparedData) -> "EarlierHead | None":
        """What the model that it starts from says of the data's labels; None where it has others, or where it has read
        the texts, or may have, by which what it says cannot be weighed."""
        from nlpkit.tasks.classification.frozen import EarlierHead
        from nlpkit.tasks.classification.inspecting import read_network

        if not isinstance(start, TextClassifier) or not self._same_labels(start, prepared):
            return None
        seen = start._learned_from()
        if seen is None or not seen.whole or self._was_read(start, prepared):
            return None
        network = read_network(start)
        return EarlierHead(network.kernel, network.bias, network.ngrams)

    def _on_frozen(
        self, prepared: PreparedData, start: "TrainedTask[Any]"
    ) -> "tuple[keras.Model, Session, dict[str, Any]]":
        """A network whose backbone is that of the model it starts from, a session that gives what this makes of texts,
        and what was taken over."""
        from nlpkit.tasks.classification.network import build_classifier, export_classifier

        network = build_classifier(self.recipe.model, len(prepared.tokenizer), len(prepared.labels))
        told = self._take_over(network, prepared, start) | {"frozen": True}
        if start.task == self.task and self.recipe.training.frozen is None:
            tell_once("few texts: what it starts from stays as it is; --set training.frozen=false trains all of it")
        if ignored := [key for key in of_training(self._asked) if key != "training.frozen"]:
            tell_once(
                f"the head alone is fitted, so there is no use for {', '.join(ignored)}; training.frozen=false trains "
                "all of it"
            )
        if others := [name for name in told["new"] if name != "logits"]:
            raise UsageError(
                f"{' and '.join(others)} would have to be trained, too, so what it starts from cannot stay as it is; "
                "set training.frozen = false"
            )
        return network, Session(export_classifier(network, self.recipe.model, head=False)), told

    def _fresh(self, prepared: PreparedData, start: "TrainedTask[Any]") -> set[str]:
        if start.task != self.task or self._frozen(start, prepared):
            return {"logits"}
        return set() if self._same_labels(start, prepared) and _share(start) > _LEAST_SHARE else {"logits"}

    def _take_over(self, network: "keras.Model", prepared: PreparedData, start: "TrainedTask[Any]") -> dict[str, Any]:
        told = super()._take_over(network, prepared, start)
        if "logits" in told["taken"]:  # weighed there beside n-grams, whose bias they have, too
            kernel, bias = network.get_layer("logits").get_weights()
            whole = "ngrams" not in start.metadata
            network.get_layer("logits").set_weights([kernel / _share(start), bias if whole else 0 * bias])
        return told

    def _resolve(self, prepared: PreparedData) -> None:
        self._with_labels("several" if prepared.several else "one")

    def _with_labels(self, labels: str | None) -> None:
        """Sets the recipe's model.labels: to what was asked for, and then to what the data has."""
        section = self.recipe.model.model_copy(update={"labels": labels})
        self.recipe = self.recipe.model_copy(update={"model": section})

    def _own_min_score(self) -> float | None:
        """The score that was found on the validation split, from which on to answer."""
        found = self.metadata.get("min_score")
        return None if found is None else _probability(found)

    def _thresholds(self) -> np.ndarray:
        """From which score on each of several labels is given: float32 [labels]."""
        return self._by_label("thresholds", "threshold")

    def _rare_weights(self) -> np.ndarray | None:
        """With what to multiply scores so that rare labels are given more readily: float32 [labels]; None for labels
        of which none is rare."""
        return self._by_label("rare_weights", "weight") if "rare_weights" in self.metadata else None

    def _by_label(self, key: str, what: str) -> np.ndarray:
        try:
            known = self.metadata[key]
            return np.array([known[label] for label in self.metadata["labels"]], np.float32)
        except (KeyError, TypeError, ValueError):
            raise BundleError(f"the bundle's metadata.json has no {what} for each label; train it again") from None

    def _yardstick(self, dataset: Dataset[Example], prepared: PreparedData) -> Yardstick | None:
        from nlpkit.tasks.classification.yardstick import linear_yardstick

        judged = self._rows_judged(dataset, prepared)
        return linear_yardstick(prepared, judged, self.recipe.training.seed, refitted=self._refitted)

    def _named(self, source: str, **columns: Any) -> Dataset[Example]:
        section = self.recipe.data
        # where the labels stand in a cell, or in columns, is the task's and not one file's
        known: dict[str, Any] = {"label_columns": section.label_columns, "label_delimiter": section.label_delimiter}
        if self._is_source(source):
            known |= {"text_column": section.text_column, "label_column": section.label_column}
            known["reading"] = section.reading
        else:
            known["remembered"] = self.columns
        given = {name: value for name, value in columns.items() if value}
        if "label_columns" in given:
            known |= {"label_column": None, "label_delimiter": None}
        elif "label_column" in given:
            known["label_columns"] = None
        return self.open_data(source, skip_empty=section.skip_empty, **known | given)

    def _given(self, texts: Any, labels: Any, data: Any, *, remembered: bool = False) -> Dataset[Example] | None:
        """What a program gave that holds its data itself; None where `data` names some, or nothing was given."""
        if not is_held(data, texts=texts, labels=labels):
            return None
        if data is None:
            return dataset_from_lists(texts, labels)
        section = self.recipe.data
        names = self.columns if remembered else section.columns
        several: dict[str, Any] = {"label_columns": section.label_columns, "label_delimiter": section.label_delimiter}
        return labelled_table(data, names.get("text"), names.get("label"), **several, remembered=remembered)


def _share(start: "TrainedTask[Any]") -> float:
    """By how much the sequence's logits were multiplied in a classifier."""
    return float(start.metadata.get("ngrams", {}).get("weights", {}).get("sequence", 1.0))


def _probability(value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = -1.0
    if not 0 <= found <= 1:
        raise UsageError(f"min_score is a probability, from 0 to 1, or auto, not {value!r}")
    return found


def _matrix(rows: list[list[int]], classes: int) -> np.ndarray:
    """Which labels each row names: bool [rows, classes]."""
    matrix = np.zeros((len(rows), classes), bool)
    for row, labels in enumerate(rows):
        matrix[row, labels] = True
    return matrix
