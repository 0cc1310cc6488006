"""Translation: one sequence into another, from one language to another or from one way of writing to another."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nlpkit.bundle import Bundle
from nlpkit.cores import cores
from nlpkit.data.batching import windows
from nlpkit.data.cache import Report
from nlpkit.data.catalog import open_pairs
from nlpkit.data.dataset import IN_MEMORY, Dataset, Pair, dataset_from_pairs
from nlpkit.data.pairs import PreparedPairs, Sides, prepare_pairs
from nlpkit.decoding.beam import Hypothesis, Ranking
from nlpkit.errors import DataError, UsageError
from nlpkit.metrics import TranslationReport, translation_report
from nlpkit.quiet import import_keras
from nlpkit.recipe import TranslationRecipe
from nlpkit.runtime.session import Session
from nlpkit.runtime.translate import (
    TranslatorSessions,
    forced_log_probabilities,
    forced_nats,
    pieces_of,
    translate_rows,
)
from nlpkit.tasks.base import TrainedTask
from nlpkit.tokenizer import BOS, EOS
from nlpkit.training.run import Run

if TYPE_CHECKING:
    import keras

    from nlpkit.networks.plan import TrainingPlan
    from nlpkit.training.progress import TrainingDisplay


@dataclass(frozen=True)
class Translation:
    """A translation and its log-probability in nats, the sum over its tokens."""

    text: str
    log_probability: float


@dataclass(frozen=True)
class Alignment:
    """Where a translator looked: shares [target pieces, source pieces], each row summing to one. The target's last
    piece is its end."""

    source: list[str]
    target: list[str]
    shares: np.ndarray


class Translator(TrainedTask[TranslationRecipe]):
    """Turns a sentence into its translation.

    >>> translator = Translator(epochs=20).fit(data="corpus", pair="en-de")
    >>> translator.translate(["Two dogs are playing in the snow."])
    ['Zwei Hunde spielen im Schnee.']
    """

    task = "translation"

    def __init__(self, recipe: TranslationRecipe | str | Path = "translate", **settings: Any) -> None:
        super().__init__(recipe, **settings)
        self._others: list[Translator] = []

    # -- training

    def fit(
        self,
        sources: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        *,
        data: str | Path | None = None,
        pair: str | None = None,
        display: "TrainingDisplay | None" = None,
        checkpoint: Path | None = None,
        resume: bool = False,
        tensorboard: Path | None = None,
    ) -> Self:
        """Trains on `sources` and `targets`, or on the data that `data` names, a `pair` of its languages such as
        en-de, or on the recipe's own.

        A part is held out to choose the best epoch by. Progress goes to standard error. With `checkpoint`, a
        folder, SIGINT saves the state there and raises Interrupted, and `resume` goes on from it.
        Raises DataError for data that cannot be trained on.
        """
        dataset = _lists(sources, targets)
        self._with_source(
            IN_MEMORY if dataset else str(data) if data is not None else self.recipe.data.source, pair=pair
        )
        dataset = dataset or self._named()
        return self._fit(dataset, display, checkpoint, resume, tensorboard)

    def prepared(self) -> PreparedPairs:
        """The recipe's data, split and tokenized, from the cache where it was prepared before."""
        return prepare_pairs(self._named(), self.recipe)

    def plan(self) -> "TrainingPlan":
        """What `fit` on the recipe's data will come to: sizes, steps and the time expected."""
        data = self.prepared()
        import_keras()
        from nlpkit.networks.plan import plan_training
        from nlpkit.networks.translator import PairBatches, compile_translator

        batches = PairBatches(self.recipe, data)
        return plan_training(
            compile_translator(self.recipe, data, batches),
            batches,
            self.recipe,
            train=len(data.train),
            validation=len(data.validation),
            unit="pairs",
            vocabulary=len(data.tokenizer),
        )

    # -- answering

    def translate(self, texts: Sequence[str], *, beam: int = 5, **ranking: float) -> list[str]:
        """The best translation of each text; that of an empty one is empty.

        beam: how many sequences are kept side by side, 1 for greedy; ranking: the fields of `Ranking`, of which
        length_penalty is the recipe's unless it is given. Raises UsageError for an option out of range.
        """
        return [best[0].text for best in self.translate_stream(_sequence(texts), beam=beam, **ranking)]

    def translate_many(self, texts: Sequence[str], *, beam: int = 5, **ranking: float) -> list[list[Translation]]:
        """Of each text the `beam` best translations that were found, the best first."""
        return list(self.translate_stream(_sequence(texts), beam=beam, **ranking))

    def translate_stream(self, texts: Iterable[str], *, beam: int = 5, **ranking: float) -> Iterator[list[Translation]]:
        """As `translate_many`, in order, holding some 2,000 texts at a time.

        A text of more tokens than the model was trained on is translated in parts, and has one translation.
        """
        options = self._ranking(ranking)
        if beam < 1:
            raise UsageError(f"beam must be 1 or more, not {beam}")
        self._trained()
        return self._stream(texts, beam, options)

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> np.ndarray:
        """log p of each target given its source, in nats, its end included: float64 [pairs]."""
        self._trained()
        pairs = list(dataset_from_pairs(sources, targets).read("train"))
        rows = (self._tokenizer.encode([pair[side] for pair in pairs]) for side in (0, 1))
        return -forced_nats(self._sessions, *([np.array(ids, np.int32) for ids in side] for side in rows))

    def align(self, source: str, target: str | None = None) -> Alignment:
        """Where the model looks in the source at each piece of a target, of its own translation where none is given."""
        if not source.strip():
            raise DataError("there is no text to align")
        if target is None:
            target = self.translate([source])[0]
        ids, wanted = self._tokenizer.encode([source, target])
        _, attention = forced_log_probabilities(self._sessions, [np.array(ids)], np.array([[BOS, *wanted]]))
        pieces = self._tokenizer.pieces
        return Alignment(pieces(ids), pieces([*wanted, EOS]), attention[0])

    def together(self, *others: "Translator") -> Self:
        """This translator with others beside it, an ensemble: each token by the mean of their probabilities.

        Raises UsageError when they do not share one tokenizer.
        """
        for other in others:
            if other._trained().files["tokenizer.model"] != self._trained().files["tokenizer.model"]:
                raise UsageError("translators that work together need the same tokenizer: the same data and settings")
        ensemble = type(self).from_bundle(self._trained())
        ensemble._others = list(others)
        return ensemble

    def evaluate(
        self,
        sources: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        *,
        data: str | Path | None = None,
        split: str | None = None,
        beam: int = 5,
        **ranking: float,
    ) -> TranslationReport:
        """How near the model's translations come to `targets`, or to those of a split of a data set.

        The data set is the one it was trained on unless `data` names another; the split is `test` where there is
        one, else what was held out of the data trained on, or all of another. Raises UsageError for a split that
        the data does not have.
        """
        given = _lists(sources, targets)
        pairs = given.read("train") if given else self.pairs(data, split)[1]
        return self.compare(pairs, beam=beam, **ranking)[0]

    def compare(
        self, pairs: Iterable[Pair], *, beam: int = 5, **ranking: float
    ) -> tuple[TranslationReport, list[Pair], list[str]]:
        """The model's translations against those of pairs: the figures, the pairs, and the translations."""
        kept: list[Pair] = []

        def sources() -> Iterator[str]:
            for pair in pairs:
                kept.append(pair)
                yield pair.source

        found = [best[0].text for best in self.translate_stream(sources(), beam=beam, **ranking)]
        if not kept:
            raise DataError("there is nothing to evaluate on: the data is empty")
        return translation_report(found, [pair.target for pair in kept]), kept, found

    def pairs(
        self,
        data: str | Path | None = None,
        split: str | None = None,
        *,
        target: str | None = None,
        pair: str | None = None,
        **columns: str | None,
    ) -> tuple[str, Iterable[Pair]]:
        """The split that `evaluate` takes, by name, and its pairs; the rest as `open_pairs` takes it."""
        self.check_pair(pair)
        section = self.recipe.data
        if data is None and section.source == IN_MEMORY:
            raise UsageError("the model was trained on texts in memory; name the data to evaluate on")
        own = data is None or (str(data) == section.source and target in (None, section.target))
        if own:
            dataset = self._named()
        else:
            source = str(data)
            known = section.pair if Path(source).is_dir() or source.startswith("tfds:") else None
            dataset = open_pairs(source, target=target, pair=pair or known, **columns)
        if own and split in (None, "train", "validation"):
            split = split or ("test" if "test" in dataset.splits else "validation")
            if split != "test":
                return split, _pairs(getattr(prepare_pairs(dataset, self.recipe), split))
        split = split or next(name for name in ("test", "validation", "train") if name in dataset.splits)
        return split, dataset.read(split)

    def check_pair(self, pair: str | None) -> None:
        """Raises UsageError when the model is known to be of another pair of languages."""
        known = self.recipe.data.pair
        if pair is not None and pair != known:
            raise UsageError(f"the model is for {known or 'no pair of languages that it knows of'}, not {pair}")

    def network(self) -> "keras.Model":
        """The Keras network with the model's weights, to look into or to train on. Imports Keras."""
        from nlpkit.networks.bundling import network_from_weights
        from nlpkit.networks.translator import build_translator

        network = build_translator(self.recipe.model, len(self._tokenizer))
        return network_from_weights(network, self._keras_weights())

    def check(self) -> None:
        model = self.recipe.model
        state = (2 * model.layers, None, model.units)
        fed, (_, _, features) = self._session.shape("next_fed"), self._session.shape("memory")
        memory, keys = (None, None, features), (None, None, model.units)
        self._sessions.encoder.expect(ids=(None, None), lengths=(None,), memory=memory, keys=keys, state=state)
        self._session.expect(
            tokens=(None,),
            state=state,
            next_state=state,
            fed=(None, fed[1]),
            memory=memory,
            keys=keys,
            lengths=(None,),
            log_probabilities=(None, len(self._tokenizer)),
            attention=(None, None),
        )

    # -- within

    def _prepare(self, dataset: Dataset[Pair], report: Report) -> PreparedPairs:
        return prepare_pairs(dataset, self.recipe, report)

    def _train(self, dataset: Dataset[Pair], prepared: PreparedPairs, run: Run) -> Bundle:
        from nlpkit.networks.translator import bundle_translator, train_translator

        network, history = train_translator(self.recipe, prepared, run)
        return bundle_translator(network, self.recipe, dataset, prepared, history)

    def _judge_held_out(self, prepared: PreparedPairs) -> TranslationReport:
        return self._judge(_pairs(prepared.validation))

    def _judge(self, rows: Iterable[Pair]) -> TranslationReport:
        return self.compare(rows)[0]

    def _open(self, bundle: Bundle) -> None:
        super()._open(bundle)
        self._sessions = TranslatorSessions(Session(bundle.files["encoder.onnx"]), self._session)

    def _stream(self, texts: Iterable[str], beam: int, ranking: Ranking) -> Iterator[list[Translation]]:
        models = [self._sessions, *(other._sessions for other in self._others)]
        for window in windows(texts):
            rows: list[list[int]] = []
            owners: list[int] = []
            for owner, ids in enumerate(self._encode(window)):
                rows += ids
                owners += [owner] * len(ids)
            found = translate_rows(models, [np.array(ids, np.int32) for ids in rows], width=beam, ranking=ranking)
            parts: list[list[list[Translation]]] = [[] for _ in window]
            for owner, hypotheses in zip(owners, found, strict=True):
                parts[owner].append([self._translation(one) for one in hypotheses])
            for answers in parts:
                if len(answers) == 1:
                    yield answers[0]
                else:  # none, or the parts of a long text
                    yield [
                        Translation(
                            " ".join(best[0].text for best in answers), sum(best[0].log_probability for best in answers)
                        )
                    ]

    def _encode(self, texts: list[str]) -> Iterator[list[list[int]]]:
        """The token ids of each text's parts: one for most texts, none for one without a word."""
        limit = self.recipe.tokenizer.max_length
        for text, ids in zip(texts, self._tokenizer.encode(texts, threads=cores()), strict=True):
            if not text.strip():
                yield []
            elif len(ids) <= limit:
                yield [ids]
            else:
                parts = self._tokenizer.encode(list(pieces_of(text, len(ids), limit)))
                # a word longer than the limit is cut where it must be
                yield [part[start : start + limit] for part in parts for start in range(0, len(part), limit)]

    def _ranking(self, options: dict[str, float]) -> Ranking:
        try:
            return Ranking(**self.recipe.decoding.model_dump() | options)
        except TypeError as error:
            raise UsageError(f"translate takes no option {str(error).rpartition(' ')[2]}") from None

    def _translation(self, hypothesis: Hypothesis) -> Translation:
        return Translation(self._tokenizer.decode(hypothesis.ids), hypothesis.log_probability)

    def _named(self) -> Dataset[Pair]:
        section = self.recipe.data
        return open_pairs(
            section.source,
            target=section.target,
            pair=section.pair,
            source_column=section.source_column,
            target_column=section.target_column,
        )


def _sequence(texts: Sequence[str]) -> Sequence[str]:
    if isinstance(texts, str):
        raise UsageError("give a list of texts, not one string: translate([text])")
    return texts


def _lists(sources: Sequence[str] | None, targets: Sequence[str] | None) -> Dataset[Pair] | None:
    if (sources is None) != (targets is None):
        raise UsageError("sources and targets go together: one target for each source")
    return None if sources is None or targets is None else dataset_from_pairs(sources, targets)


def _pairs(sides: Sides) -> Iterator[Pair]:
    return (sides.pair(row) for row in range(len(sides)))
