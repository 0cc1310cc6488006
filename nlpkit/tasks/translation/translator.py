"""Translation: one sequence into another, from one language to another or from one way of writing to another."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np

from nlpkit.bundle import Bundle, BundleFacts
from nlpkit.cores import cores
from nlpkit.data.batching import windows
from nlpkit.data.cache import Report
from nlpkit.data.catalog import open_pairs
from nlpkit.data.dataset import Dataset, Pair, dataset_from_pairs
from nlpkit.data.frames import Table, Texts, is_held, paired_table, texts_of
from nlpkit.data.judged import JudgedRows
from nlpkit.data.seen import Seen, row_key
from nlpkit.data.summary import PairsSummary, summarize_pairs
from nlpkit.data.values import one_text
from nlpkit.errors import DataError, UsageError, check_options
from nlpkit.model_card import CardText
from nlpkit.runtime.beam import Hypothesis, Ranking
from nlpkit.runtime.session import Session
from nlpkit.tasks.base import FitOptions, RowTask, same_place
from nlpkit.tasks.text import TextTask
from nlpkit.tasks.translation.answering import (
    ENCODER,
    TranslatorSessions,
    forced_log_probabilities,
    forced_nats,
    pieces_of,
    spaces_behind,
    translate_rows,
)
from nlpkit.tasks.translation.card import card_text
from nlpkit.tasks.translation.pairs import PreparedPairs, prepare_pairs
from nlpkit.tasks.translation.recipe import TranslationRecipe
from nlpkit.tasks.translation.report import TranslationReport, translation_report
from nlpkit.tokenizer import BOS, EOS
from nlpkit.yardstick import Yardstick

if TYPE_CHECKING:
    import keras

    from nlpkit.inspect.inspection import Inspection
    from nlpkit.inspect.memory import MemoryReport
    from nlpkit.serve.verbs import Verb
    from nlpkit.tasks.base import TrainedTask
    from nlpkit.training.fit import EpochBatches
    from nlpkit.training.progress import EpochRow

logger = logging.getLogger("nlpkit")


@dataclass(frozen=True)
class Translation:
    """A translation, its log-probability in nats, the sum over its tokens, and whether it, or a part of it, was cut
    because it came to no end in as many tokens as training lets a target have."""

    text: str
    log_probability: float
    cut: bool = False


@dataclass(frozen=True)
class Alignment:
    """Where a translator looked: shares [target pieces, source pieces], each row summing to one. The target's last
    piece is its end."""

    source: list[str]
    target: list[str]
    shares: np.ndarray


class TranslatorFacts(BundleFacts):
    pair: str | None = None


class Translator(TextTask[TranslationRecipe], RowTask[TranslationRecipe]):
    """Turns a sentence into its translation.

    >>> translator = nlpkit.load("models/numbers-en-de")
    >>> translator.translate(["one two three"])
    ['eins zwei drei']
    """

    task = "translation"
    schema = TranslationRecipe
    verb = "translate"
    next_command = 'nlpkit translate "…"'
    unit, counted = "pairs", "sentences"
    figures = ("bleu", "chrf", "exact_match")
    data_options = ("source", "target", "pair", "source_column", "target_column")
    judge_options = ("beam",)
    facts, files = TranslatorFacts, (ENCODER,)
    own_data = "your own table, .tmx file or lines with tabs, or a folder with train.en, train.de …, with --pair en-de"

    def __init__(self, recipe: TranslationRecipe | str | Path = "translate", **settings: Any) -> None:
        super().__init__(recipe, **settings)
        self._others: list[Translator] = []

    # -- training

    def fit(
        self,
        sources: Iterable[Any] | None = None,
        targets: Iterable[Any] | None = None,
        *,
        data: str | Path | Table | None = None,
        pair: str | None = None,
        **options: Unpack[FitOptions],
    ) -> Self:
        """Trains on `sources` and `targets`, or on the data that `data` names or is, a `pair` of its languages such as
        en-de, or on the recipe's own.

        Sources and targets are lists, arrays, columns of a frame, generators. As `data`, a frame of pandas or Polars,
        an Arrow table, a Hugging Face Dataset or a dict of columns has its columns chosen as those of a file are, by
        the recipe's `source_column` and `target_column`, the `pair` or their names, or holds a column of dicts by
        language; a DatasetDict, or a dict of tables, has splits.
        A part is held out to choose the best epoch by. The `options` are those of `FitOptions`.
        Raises DataError for data that cannot be trained on.
        """
        dataset = self._given(sources, targets, data, pair)
        self._with_source(self.recipe.data.source, pair=pair)
        return self._fit(dataset, data, **options)

    # -- answering

    def translate(self, texts: Texts, *, beam: int = 5, **ranking: float) -> list[str]:
        """The best translation of each text; that of an empty one is empty.

        beam: how many sequences are kept side by side, 1 for greedy; ranking: the fields of `Ranking`, of which
        length_penalty is the recipe's unless it is given. Raises UsageError for an option out of range.

        >>> translator.translate(["one two three", ""], beam=1)
        ['eins zwei drei', '']
        """
        return [best[0].text for best in self.translate_stream(texts, beam=beam, **ranking)]

    def translate_many(self, texts: Texts, *, beam: int = 5, **ranking: float) -> list[list[Translation]]:
        """Of each text the `beam` best translations that were found, the best first; of an empty one the empty one.

        >>> [len(answers) for answers in translator.translate_many(["one two"], beam=3)]
        [3]
        """
        return list(self.translate_stream(texts, beam=beam, **ranking))

    def translate_stream(self, texts: Texts, *, beam: int = 5, **ranking: float) -> Iterator[list[Translation]]:
        """As `translate_many`, in order, holding some 2,000 texts at a time: it waits for so many, or for the end.

        A text of more tokens than the model was trained on is translated in parts, each behind a sentence if it can
        be, which are put together with the spaces that stood between them. A warning tells how many of the best
        translations were cut.
        """
        options = self.ranking(ranking)
        if beam < 1:
            raise UsageError(f"beam must be 1 or more, not {beam}")
        self.check_trained()
        named = self.columns.get("source"), (self.recipe.data.pair or "").partition("-")[0], "source"
        return self._stream(texts_of(texts, *named), beam, options)

    def score(self, sources: Iterable[Any], targets: Iterable[Any]) -> np.ndarray:
        """log p of each target given its source, in nats, its end included: float64 [pairs]; of an ensemble, by the
        mean of its models' probabilities. Raises DataError for a source without a word.

        >>> good, bad = translator.score(["one two"] * 2, ["eins zwei", "zwei eins"])
        >>> bool(good > bad)
        True
        """
        self.check_trained()
        pairs = list(dataset_from_pairs(sources, targets).read("train"))
        if empty := [row for row, pair in enumerate(pairs) if not pair.source.strip()]:
            raise DataError(f"source {empty[0]} is empty; leave such pairs out")
        rows = (self.tokenizer.encode([pair[side] for pair in pairs]) for side in (0, 1))
        return -forced_nats(self._models(), *([np.array(ids, np.int32) for ids in side] for side in rows))

    def align(self, source: str, target: str | None = None) -> Alignment:
        """Where the model looks in the source at each piece of a target, of its own translation where none is given.

        Raises UsageError for an ensemble, DataError for an empty source.

        >>> alignment = translator.align("one two", "eins zwei")
        >>> alignment.shares.shape == (len(alignment.target), len(alignment.source))
        True
        """
        self._alone("align")
        if not one_text(source, "source").strip():
            raise DataError("there is no text to align")
        target = self.translate([source])[0] if target is None else one_text(target, "target")
        ids, wanted = self.tokenizer.encode([source, target])
        _, attention = forced_log_probabilities(self.sessions, [np.array(ids)], np.array([[BOS, *wanted]]))
        pieces = self.tokenizer.pieces
        return Alignment(pieces(ids), pieces([*wanted, EOS]), attention[0])

    def inspect(self, text: str) -> "Inspection":
        """What goes on inside the model while it reads a source and writes its translation: gates, memory, where it
        looked, and what each piece would lose without each source word. Raises UsageError for an ensemble, DataError
        for a text that is empty or longer than one sentence.

        >>> found = translator.inspect("one two")
        >>> [part.name for part in found.parts]
        ['source', 'translation']
        """
        from nlpkit.tasks.translation.inspecting import inspect_text

        self._alone("inspect")
        return inspect_text(self, one_text(text, "text"))

    def _measure_memory(self, rows: Any, report: Callable[[int, int], object]) -> "MemoryReport":
        from nlpkit.tasks.translation.inspecting import measure_memory

        self._alone("memory")
        return measure_memory(self, rows, report)

    def together(self, *others: "Translator") -> Self:
        """This translator with others beside it, an ensemble: each token by the mean of their probabilities. Of
        others that are ensembles, all members are taken.

        Raises UsageError when they do not share one tokenizer, or are for other languages.
        """
        ours = self.bundle
        for other in others:
            if not isinstance(other, Translator):
                raise UsageError(f"a {type(other).__name__} does not translate, so it cannot help a translator")
            normalizations = {one.recipe.tokenizer.normalization for one in (self, other)}
            if other.bundle.files["tokenizer.model"] != ours.files["tokenizer.model"] or len(normalizations) > 1:
                raise UsageError("translators that work together need the same tokenizer: the same data and settings")
            if other.recipe.data.pair is not None and self.recipe.data.pair is not None:
                self.check_pair(other.recipe.data.pair)
        ensemble = type(self).from_bundle(ours)
        ensemble.recipe = self.recipe
        ensemble._others = [*self._others, *(one for other in others for one in (other, *other._others))]
        return ensemble

    def _seen(self) -> Seen | None:
        """As of every task; of an ensemble what any of them was trained on, and what was held out from all."""
        seen = super()._seen()
        for other in self._others:
            theirs = other._seen()
            if seen is not None:
                seen = replace(seen, whole=False) if theirs is None else seen.after(theirs)
        return seen

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Writes the bundle, as every task does. Raises UsageError for an ensemble: its models are saved one by one."""
        self._alone("save")
        super().save(folder, overwrite=overwrite)

    def exported(self, *, int8: bool = False, seen: bool = False) -> Self:
        """The model as it is shipped, as of every task. Raises UsageError for an ensemble."""
        self._alone("exported")
        return super().exported(int8=int8, seen=seen)

    def evaluate(
        self,
        sources: Iterable[Any] | None = None,
        targets: Iterable[Any] | None = None,
        *,
        data: str | Path | Table | None = None,
        split: str | None = None,
        beam: int = 5,
        **ranking: float,
    ) -> TranslationReport:
        """How near the model's translations come to `targets`, or to those of a split of a data set.

        The data set is the one it was trained on unless `data` names another, or is one as `fit` takes it; the split
        is `test` where there is one, else what was held out of the data trained on, or all of another. Raises
        UsageError for a split that the data does not have.

        >>> translator.evaluate(["one two three"], ["eins zwei drei"]).exact_match
        1.0
        """
        given = self._given(sources, targets, data, None, remembered=True)
        report: TranslationReport = self._evaluate(given, data, split, beam=beam, **ranking)
        return report

    def compare(self, rows: Iterable[Pair], *, beam: int = 5, **ranking: float) -> TranslationReport:
        """The model's translations against those of pairs."""
        kept: list[Pair] = []

        def sources() -> Iterator[str]:
            for pair in rows:
                kept.append(pair)
                yield pair.source

        found = [best[0].text for best in self.translate_stream(sources(), beam=beam, **ranking)]
        if not kept:
            raise DataError("there is nothing to evaluate on: the data is empty")
        wanted = [self.tokenizer.normalize(pair.target) for pair in kept]
        return translation_report(found, wanted, [pair.source for pair in kept])

    def rows(
        self, data: str | Path | None = None, split: str | None = None, **columns: Any
    ) -> tuple[str, JudgedRows[Pair]]:
        """As of every task. Raises UsageError where a `pair` is named of which the model is not."""
        self.check_pair(columns.get("pair"))
        return super().rows(data, split, **columns)

    def check_pair(self, pair: str | None) -> None:
        """Raises UsageError when the model is known to be of another pair of languages."""
        known = self.recipe.data.pair
        if pair is not None and pair != known:
            raise UsageError(f"the model is for {known or 'no pair of languages that it knows of'}, not {pair}")

    def network(self) -> "keras.Model":
        """As of every task. Raises UsageError for an ensemble."""
        self._alone("network")
        return super().network()

    def check(self) -> None:
        model = self.recipe.model
        state = (2 * model.layers, None, model.units)
        fed, (_, _, features) = self.session.shape("next_fed"), self.session.shape("memory")
        memory, keys = (None, None, features), (None, None, model.units)
        self.sessions.encoder.expect(ids=(None, None), lengths=(None,), memory=memory, keys=keys, state=state)
        self.session.expect(
            tokens=(None,),
            state=state,
            next_state=state,
            fed=(None, fed[1]),
            memory=memory,
            keys=keys,
            lengths=(None,),
            log_probabilities=(None, len(self.tokenizer)),
            attention=(None, None),
        )

    # -- what the house asks

    @classmethod
    def open_data(cls, source: str, **columns: Any) -> Dataset[Pair]:
        return open_pairs(source, **columns)

    @staticmethod
    def summarize(rows: Iterable[Pair]) -> PairsSummary:
        return summarize_pairs(rows)

    @classmethod
    def told(cls, metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if metadata.get("pair"):
            yield "pair", metadata["pair"]

    # -- within

    def _compiled(self, prepared: PreparedPairs) -> "tuple[keras.Model, EpochBatches]":
        from nlpkit.tasks.translation.network import PairBatches, compile_translator

        batches = PairBatches(self.recipe, prepared)
        return compile_translator(self.recipe, prepared, batches), batches

    def _fresh(self, prepared: PreparedPairs, start: "TrainedTask[Any]") -> set[str]:
        return {"lexicon"}  # which is of the data

    def _build(self) -> "keras.Model":
        from nlpkit.tasks.translation.network import build_translator

        return build_translator(self.recipe.model, len(self.tokenizer))

    def _graphs(self, network: "keras.Model") -> dict[str, bytes]:
        from nlpkit.tasks.translation.network import export_translator

        return export_translator(network, self.recipe.model)

    def _card(self) -> CardText:
        return card_text(self.metadata, self.recipe)

    def _prepare(self, dataset: Dataset[Pair], report: Report, frontend: bytes | None) -> PreparedPairs:
        return prepare_pairs(dataset, self.recipe, report, frontend)

    def _key(self, row: Pair) -> int:
        return row_key(*map(self.tokenizer.normalize, row))

    def _prepared_rows(self, prepared: PreparedPairs, split: str) -> Iterator[Pair]:
        sides = prepared.train if split == "train" else prepared.validation
        return (sides.pair(row) for row in range(len(sides)))

    def _bundled(
        self,
        network: "keras.Model",
        dataset: Dataset[Pair],
        prepared: PreparedPairs,
        history: "list[EpochRow]",
    ) -> Bundle:
        from nlpkit.tasks.translation.network import bundle_translator

        return bundle_translator(network, self.recipe, prepared, history)

    def _yardstick(self, dataset: Dataset[Pair], prepared: PreparedPairs) -> Yardstick:
        from nlpkit.tasks.translation.yardstick import translation_yardstick

        return translation_yardstick(prepared, self._rows_judged(dataset, prepared), self.recipe.training.seed)

    def verbs(self) -> "list[Verb]":
        from nlpkit.tasks.translation.serving import translator_verbs

        return translator_verbs(self)

    def _open(self, bundle: Bundle) -> None:
        super()._open(bundle)
        self.sessions = TranslatorSessions(Session(bundle.files[ENCODER]), self.session)

    def _models(self) -> list[TranslatorSessions]:
        return [self.sessions, *(other.sessions for other in self._others)]

    def _alone(self, method: str) -> None:
        if self._others:
            raise UsageError(f"{method} is for one model, not for several together; call it on each of them")

    def search(self, rows: list[np.ndarray], beam: int, ranking: Ranking) -> list[list[Hypothesis]]:
        """The `beam` best translations of rows of token ids, each of a part of a text as `parts` gives them."""
        recipes = [self.recipe, *(other.recipe for other in self._others)]
        return translate_rows(
            self._models(),
            rows,
            width=beam,
            ranking=ranking,
            max_length=max(recipe.tokenizer.max_length for recipe in recipes),  # as long a target as any has seen
            max_ratio=max(recipe.data.max_ratio for recipe in recipes),
        )

    def _stream(self, texts: Iterable[str], beam: int, ranking: Ranking) -> Iterator[list[Translation]]:
        count, cut = 0, 0
        for window in windows(texts):
            rows: list[np.ndarray] = []
            texts_parts = []
            for parts, ids in self.parts(window):
                texts_parts.append(parts)
                rows += ids
            found = iter(self.search(rows, beam, ranking))
            for parts in texts_parts:
                answers = self.joined([(next(found), after) for after in parts], beam)
                count, cut = count + 1, cut + answers[0].cut
                yield answers
        if cut:
            logger.warning(
                "translations that came to no end, and were cut at the length that training lets them have: %s of %s",
                f"{cut:,}",
                f"{count:,}",
            )

    def parts(self, texts: list[str]) -> Iterator[tuple[list[str], list[np.ndarray]]]:
        """Of each text the spaces behind each of its parts, and their token ids: one part for most texts, none for
        one without a word."""
        # as long a source as every one of the models has seen
        limit = min(one.recipe.tokenizer.max_length for one in [self, *self._others])

        def count(text: str) -> int:
            return len(self.tokenizer.encode([text])[0])

        for text, ids in zip(texts, self.tokenizer.encode(texts, threads=cores()), strict=True):
            if not text.strip():
                yield [], []
            elif len(ids) <= limit:
                yield [""], [np.array(ids, np.int32)]
            else:
                pieces = pieces_of(text.strip(), count, limit)
                cores_of = self.tokenizer.encode([piece.strip() for piece in pieces])
                yield spaces_behind(pieces), [np.array(part, np.int32) for part in cores_of]

    def joined(self, parts: list[tuple[list[Hypothesis], str]], beam: int) -> list[Translation]:
        """The best translations of a text of those of its parts, each with the spaces behind it."""
        ranked = [(0.0, Translation("", 0.0))]
        for hypotheses, after in parts:
            written = [self.tokenizer.decode(one.ids) + after for one in hypotheses]
            longer = [
                (score + one.score, before, place) for score, before in ranked for place, one in enumerate(hypotheses)
            ]
            ranked = [
                (
                    score,
                    Translation(
                        before.text + written[place],
                        before.log_probability + hypotheses[place].log_probability,
                        before.cut or hypotheses[place].cut,
                    ),
                )
                for score, before, place in sorted(longer, key=lambda one: -one[0])[:beam]
            ]
        return [translation for _, translation in ranked]

    def ranking(self, options: dict[str, float]) -> Ranking:
        """How hypotheses are ranked: by the recipe's decoding, over which `options` are laid. Raises UsageError for one
        that there is not."""
        check_options("translate", options, Ranking)
        return Ranking(**self.recipe.decoding.model_dump() | options)

    def _named(self, source: str, **columns: Any) -> Dataset[Pair]:
        section = self.recipe.data
        columns = {name: value for name, value in columns.items() if value is not None}
        target = columns.get("target")
        if self._is_source(source) and (target is None or same_place(target, section.target or "")):
            known = section.model_dump(include={"target", "pair", "source_column", "target_column"})
            known["reading"] = section.reading
        else:
            pair = section.pair if Path(source).exists() or source.startswith("tfds:") else None
            known = {"pair": pair, "remembered": self.columns}
        return self.open_data(source, **known | columns)

    def _given(
        self, sources: Any, targets: Any, data: Any, pair: str | None, *, remembered: bool = False
    ) -> Dataset[Pair] | None:
        """What a program gave that holds its data itself; None where `data` names some, or nothing was given."""
        if not is_held(data, sources=sources, targets=targets):
            return None
        if data is None:
            return dataset_from_pairs(sources, targets)
        names = self.columns if remembered else self.recipe.data.columns
        columns = names.get("source"), names.get("target")
        return paired_table(data, pair or self.recipe.data.pair, *columns, remembered=remembered)
