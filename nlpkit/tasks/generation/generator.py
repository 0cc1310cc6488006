"""Text generation: writing on from a prompt, in the manner of the text that was trained on."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np

from nlpkit.bundle import Bundle, BundleFacts
from nlpkit.data.cache import Report
from nlpkit.data.catalog import open_documents
from nlpkit.data.dataset import Dataset, dataset_from_texts
from nlpkit.data.facts import FLATTERS
from nlpkit.data.frames import Table, document_table, is_held
from nlpkit.data.judged import UNKNOWN
from nlpkit.data.seen import Seen
from nlpkit.data.summary import DocumentsSummary, summarize_documents
from nlpkit.data.values import one_text
from nlpkit.errors import BundleError, DataError, UsageError, check_options
from nlpkit.model_card import CardText
from nlpkit.runtime.graph import STATES
from nlpkit.runtime.session import Session
from nlpkit.tasks.base import CHANGED, FitOptions
from nlpkit.tasks.generation.card import card_text
from nlpkit.tasks.generation.counts import COUNTS, MOST, count_ngrams, counts_from_bytes
from nlpkit.tasks.generation.language import LanguageModel
from nlpkit.tasks.generation.recipe import GenerationRecipe
from nlpkit.tasks.generation.report import GenerationReport, generation_report
from nlpkit.tasks.generation.sampling import Sampling
from nlpkit.tasks.generation.stream import PreparedStream, Stream, prepare_stream, repeated_characters, token_ids
from nlpkit.tasks.generation.writing import Writer, write, write_likeliest
from nlpkit.tasks.text import TextTask
from nlpkit.training.run import Run
from nlpkit.yardstick import Yardstick

if TYPE_CHECKING:
    import keras

    from nlpkit.inspect.inspection import Inspection
    from nlpkit.inspect.memory import MemoryReport
    from nlpkit.serve.verbs import Verb
    from nlpkit.tasks.base import TrainedTask
    from nlpkit.training.fit import EpochBatches
    from nlpkit.training.progress import EpochRow


@dataclass(frozen=True)
class Surprise:
    """A piece of a text, one character where the tokenizer is one of characters, and its -log p in nats."""

    text: str
    nats: float


logger = logging.getLogger("nlpkit")


@dataclass(frozen=True)
class JudgedText:
    """A text to judge a generator on: its token ids, how many characters they spell, and about
    how many of these were trained on, None where that is not known."""

    ids: np.ndarray
    characters: int
    trained_on: int | None


class GeneratorFacts(BundleFacts):
    spelt_in_bytes: str = ""


class TextGenerator(TextTask[GenerationRecipe]):
    """Writes on from a prompt.

    >>> generator = TextGenerator(epochs=2).fit(["one two three four five " * 200])
    >>> generator.generate("one two ", length=15, temperature=0)
    'three four five'
    """

    task = "generation"
    schema = GenerationRecipe
    verb = "generate"
    next_command = 'nlpkit generate --prompt "The "'
    unit, counted = "characters", "characters"
    figures, lower_is_better = ("bits_per_character", "nats_per_character"), True
    data_options = ("text_column",)
    facts, files = GeneratorFacts, (COUNTS,)
    own_data = "your own text file, a folder of them, or a table with a column of texts"
    leading_space = False
    threads = 0  # rows that read on are one batch
    worse_hint = "more text helps most, then the recipe generate-best"

    def __init__(self, recipe: GenerationRecipe | str | Path = "generate", **settings: Any) -> None:
        super().__init__(recipe, **settings)

    # -- training

    def fit(
        self,
        texts: Iterable[Any] | None = None,
        *,
        data: str | Path | Table | None = None,
        **options: Unpack[FitOptions],
    ) -> Self:
        """Trains on `texts`, each a document, or on the data that `data` names or is, or on the recipe's own.

        Texts are a list, an array, a column of a frame, a generator. As `data`, a frame of pandas or Polars, an Arrow
        table, a Hugging Face Dataset or a dict of columns has its column chosen as that of a file is, by the recipe's
        `text_column` or by its name; a DatasetDict, or a dict of tables, has splits.
        A part is held out to choose the best epoch by. The `options` are those of `FitOptions`.
        Raises DataError for text that cannot be trained on.
        """
        return self._fit(self._given(texts, data), data, **options)

    # -- writing

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 400,
        stop: str | Iterable[str] | None = (),
        seed: int | None = None,
        beam: int = 0,
        **sampling: Any,
    ) -> str:
        """What the model writes after the prompt, without it.

        length: characters at most; stop: ends the text before any of these strings, none of which is empty; seed: the
        same one gives the same text; beam: above zero, the likeliest text that a search of this width finds, instead of
        a drawn one; sampling: the fields of `Sampling`, such as `temperature=0.7`.
        Raises UsageError for an option out of range.

        >>> generator.generate("one ", length=9, seed=1)
        'two three'
        >>> generator.generate("one ", length=9, seed=1, stop=" ")
        'two'
        """
        if not beam:
            return "".join(self.stream(prompt, length=length, stop=stop, seed=seed, **sampling))
        if beam < 0 or sampling or seed is not None:
            raise UsageError("beam is 1 or more, and goes without sampling options: it draws nothing")
        self._check(prompt, length)
        return write_likeliest(self.writer(), prompt, width=beam, length=length, stop=_words(stop))

    def generate_many(
        self,
        prompt: str = "",
        samples: int = 2,
        *,
        length: int = 400,
        stop: str | Iterable[str] | None = (),
        seed: int | None = None,
        **sampling: Any,
    ) -> list[str]:
        """Several texts after one prompt, written side by side; otherwise as `generate`. The first is what
        `generate` writes with the same seed.

        >>> len(generator.generate_many("one ", 3, length=20))
        3
        """
        texts = [""] * samples
        for added in self._write(prompt, length, stop, seed, samples, sampling):
            texts = [text + more for text, more in zip(texts, added, strict=True)]
        return texts

    def stream(
        self,
        prompt: str = "",
        *,
        length: int = 400,
        stop: str | Iterable[str] | None = (),
        seed: int | None = None,
        **sampling: Any,
    ) -> Iterator[str]:
        """The text of `generate` as it is written, a few characters at a time.

        >>> for added in generator.stream("one ", length=9, seed=1):
        ...     print(added, end="")
        two three
        """
        return (added for (added,) in self._write(prompt, length, stop, seed, 1, sampling) if added)

    def score(self, text: str) -> list[Surprise]:
        """The pieces of a text with the surprise of each, given all that stands before it.

        >>> [piece.text for piece in generator.score("one")]
        ['o', 'n', 'e']
        """
        self.check_trained()
        if not one_text(text, "text to score"):
            raise DataError("there is no text to score")
        ids = self.tokenizer.encode([text])[0]
        nats = self.language.nats(np.array(ids))
        spellings = self.tokenizer.spellings()
        found: list[Surprise] = []
        begun, cost = b"", 0.0
        for token, surprise in zip(ids, nats.tolist(), strict=True):
            begun, cost = begun + spellings[token], cost + surprise
            try:
                found.append(Surprise(begun.decode(), cost))
            except UnicodeDecodeError:
                continue  # a byte of a character whose others follow
            begun, cost = b"", 0.0
        return found

    def inspect(self, text: str) -> "Inspection":
        """What goes on inside the model while it reads a text: gates, memory, what it expects after each token, how
        much each surprises it, and how far back that comes from. Raises DataError for an empty text.

        >>> found = generator.inspect("one two")
        >>> found.parts[0].surprise.shape == (len(found.parts[0].text.tokens),)
        True
        """
        from nlpkit.tasks.generation.inspecting import inspect_text

        self.check_trained()
        return inspect_text(self, one_text(text, "text"))

    def _measure_memory(self, rows: Any, report: Callable[[int, int], object]) -> "MemoryReport":
        from nlpkit.tasks.generation.inspecting import measure_memory

        return measure_memory(self, rows, report)

    def evaluate(
        self,
        texts: Iterable[Any] | None = None,
        *,
        data: str | Path | Table | None = None,
        split: str | None = None,
    ) -> GenerationReport:
        """How well the model predicts `texts`, or a split of a data set: nats and bits a character.

        The data set is the one it was trained on unless `data` names another, or is one as `fit` takes it; the
        split is `test` where there is one, else what was held out of the data trained on, or all of another.
        `validation+test` reads one after the other. Raises UsageError for a split that the data does not have.

        >>> generator.evaluate(["one two three"]).characters
        13
        """
        report: GenerationReport = self._evaluate(self._given(texts, data, remembered=True), data, split)
        return report

    def compare(self, rows: JudgedText) -> GenerationReport:
        """How well the model predicts a text."""
        self.check_trained()
        return generation_report(self.language.nats(rows.ids), rows.characters)

    def parts_told(self) -> str | None:
        if "parts" not in self.metadata:
            return None
        network, counts, both = (f"{self.metadata['parts'][part]:.4f}" for part in ("network", "counts", "both"))
        return (
            f"on validation: nats a character {network} by the network alone, {counts} by counts alone, {both} by both"
        )

    def check(self) -> None:
        model = self.recipe.model
        state = (model.layers * STATES[model.cell], None, model.units)
        logits = (None, None, len(self.tokenizer))
        self.session.expect(ids=(None, None), state=state, logits=logits, next_state=state)
        if (model.counts > 0) != (COUNTS in self.bundle.files):
            raise BundleError(f"the recipe has counts = {model.counts}, which does not go with the bundle's files")

    # -- what the house asks

    @classmethod
    def open_data(cls, source: str, **columns: Any) -> Dataset[str]:
        return open_documents(source, **columns)

    @staticmethod
    def summarize(rows: Iterable[str]) -> DocumentsSummary:
        return summarize_documents(rows)

    # -- within

    def _compiled(self, prepared: PreparedStream) -> "tuple[keras.Model, EpochBatches]":
        from nlpkit.tasks.generation.network import StreamBatches, compile_generator

        batches = StreamBatches(self.recipe, prepared)
        return compile_generator(self.recipe, prepared, batches), batches

    def _sizes(self, prepared: PreparedStream) -> dict[str, Any]:
        return {
            "train": prepared.train.characters,
            "validation": prepared.validation.characters,
            "vocabulary": len(prepared.tokenizer),
        }

    def _build(self) -> "keras.Model":
        from nlpkit.tasks.generation.network import build_generator

        return build_generator(self.recipe, len(self.tokenizer))

    def _graphs(self, network: "keras.Model") -> dict[str, bytes]:
        from nlpkit.tasks.generation.network import export_generator

        return {"model.onnx": export_generator(network, self.recipe.model)}

    def _card(self) -> CardText:
        return card_text(self.metadata, self.recipe)

    def _prepare(self, dataset: Dataset[str], report: Report, frontend: bytes | None) -> PreparedStream:
        return prepare_stream(dataset, self.recipe, report, frontend)

    def _bundled(
        self,
        network: Any,
        dataset: Dataset[str],
        prepared: PreparedStream,
        history: "list[EpochRow]",
    ) -> Bundle:
        from nlpkit.tasks.generation.network import bundle_generator

        return bundle_generator(network.core, self.recipe, prepared, history)

    def _core(self, network: Any) -> Any:
        return network.core

    def _train(
        self, dataset: Dataset[str], prepared: PreparedStream, run: Run, start: "TrainedTask[Any] | None" = None
    ) -> Bundle:
        bundle = super()._train(dataset, prepared, run, start)
        if self.recipe.model.counts:
            self._count(bundle, prepared, run)
        return bundle

    def _count(self, bundle: Bundle, prepared: PreparedStream, run: Run) -> None:
        """Puts counts beside the network of a bundle, weighed on the validation split."""
        run.display.report("counting", 0, None)
        ids, characters = prepared.validation.ids, prepared.validation.characters
        ngrams = count_ngrams(prepared.train.ids, len(prepared.tokenizer), self.recipe.model.counts)
        network = LanguageModel(Session(bundle.files["model.onnx"], threads=self.threads))
        counts = network.weighed(ngrams, ids)
        bundle.files[COUNTS] = counts.to_bytes()
        both = LanguageModel(network.session, counts)
        nats = {"network": network.nats(ids), "counts": ngrams.nats(ids), "both": both.nats(ids)}
        bundle.metadata["parts"] = {name: float(one.sum()) / characters for name, one in nats.items()}

    def _open(self, bundle: Bundle) -> None:
        super()._open(bundle)
        content = bundle.files.get(COUNTS)
        self._counts = (
            None if content is None else counts_from_bytes(content, len(self.tokenizer), self.recipe.model.counts)
        )

    @property
    def language(self) -> LanguageModel:
        """What all writing and judging asks."""
        return LanguageModel(self.session, self._counts)

    def writer(self) -> Writer:
        """What writes on from a prompt."""
        return Writer(self.language, self.tokenizer, ends=self._ends(), rare=self._rare())

    def verbs(self) -> "list[Verb]":
        from nlpkit.tasks.generation.serving import generator_verbs

        return generator_verbs(self)

    def _judge_held_out(self, prepared: PreparedStream) -> GenerationReport:
        held_out = prepared.validation
        return self.compare(JudgedText(held_out.ids, held_out.characters, None))

    def _yardstick(self, dataset: Dataset[str], prepared: PreparedStream) -> Yardstick:
        unit, order = ("characters", 7) if self.recipe.tokenizer.kind == "char" else ("pieces", 4)
        ngrams = count_ngrams(prepared.train.ids, len(prepared.tokenizer), order, 4 * MOST)
        reports = {}
        for split in self.reports:
            ids, characters = prepared.validation.ids, prepared.validation.characters
            if split != "validation":
                text = self._text(dataset.read(split), None)
                ids, characters = text.ids, text.characters
            reports[split] = generation_report(ngrams.nats(ids), characters)
        return Yardstick(f"Kneser-Ney counts of {order} {unit}", reports)

    def _all_rows(self, dataset: Dataset[str], split: str | None) -> JudgedText:
        return _together(dataset.name, "train", [self._text(dataset.read(split or "train"), self._seen())])

    def _split(self, dataset: Dataset[str], split: str | None) -> tuple[str, JudgedText]:
        """As of every task. What was held out is known by the data's fingerprint; where the data has changed or is
        another, it is what follows the last part of a document that was trained on. `validation+test` is one after the
        other."""
        own, seen = self._is_own(dataset), self._seen()
        names = [name for name in ("test", "validation") if name in dataset.splits]
        # what is judged as far as it was not trained on
        unread = "validation" if split else "train"
        asked, split = split, split or (names[0] if names else "validation" if own else "train")
        parts = []
        for name in split.split("+"):
            if own and name in ("train", "validation"):
                prepared = self._prepare(dataset, lambda *_: None, self.frontend.to_bytes())
                stream = getattr(prepared, name)
                trained_on = stream.characters if name == "train" else prepared.facts.repeated.get(name, 0)
                if name == "validation" and seen is not None and self.recipe.model.start_from is not None:
                    trained_on = max(trained_on, self._repeated(stream, seen))
                known = name == "train" or seen is None or seen.whole
                parts.append(JudgedText(stream.ids, stream.characters, trained_on if known else None))
            elif name == unread and "validation" not in dataset.splits:
                parts.append(self._text(self._unread(dataset, seen, held_out=asked is not None), seen))
            else:
                parts.append(self._text(dataset.read(name), seen))
        return split, _together(dataset.name, split, parts)

    def _read_by(self, earlier: Seen, dataset: Dataset[str], prepared: PreparedStream) -> dict[str, int]:
        found = {"validation": self._repeated(prepared.validation, earlier)}
        if "test" in dataset.splits:
            found["test"] = repeated_characters(map(self.tokenizer.normalize, dataset.read("test")), earlier.train)
        return found

    def _repeated(self, stream: Stream, seen: Seen) -> int:
        """How many characters of a stream were seen in training."""
        return repeated_characters([self.tokenizer.decode(stream.ids)], seen.train)

    def _text(self, documents: Iterable[str], seen: Seen | None) -> JudgedText:
        """Documents to judge on."""
        texts = [self.tokenizer.normalize(text) for text in documents]
        trained_on = None if seen is None or not seen.whole else repeated_characters(texts, seen.train)
        ids = [*self._ids(texts), np.empty(0, np.int64)]
        return JudgedText(np.concatenate(ids), sum(map(len, texts)), trained_on)

    def _unread(self, dataset: Dataset[str], seen: Seen | None, *, held_out: bool) -> Iterator[str]:
        """The documents of a data set without a validation split, as far as they were not trained on; with `held_out`,
        only of one that was trained on in part. Otherwise raises UsageError."""
        if seen is None and self._is_source(dataset.name):
            raise DataError(CHANGED.format(dataset.name))
        before = after = 0
        for text in map(self.tokenizer.normalize, dataset.read("train")):
            rest = seen.unread(text) if seen else text
            before, after = before + len(text), after + len(rest)
            if rest:
                yield rest
        if held_out and after == before:
            dataset.read("validation")  # which it does not have
        if before and not after:
            raise DataError(f"{dataset.name} was all trained on; name other data, or --split train to judge on it")
        if after < before:
            characters = f"{after:,} of the {before:,} characters of {dataset.name}"
            logger.warning("judging on %s, which were not trained on", characters)

    def _judge(self, rows: Iterable[str]) -> GenerationReport:
        text = self._text(rows, None)
        if not text.characters:
            raise DataError("there is nothing to evaluate on: the data is empty")
        return self.compare(text)

    def _write(
        self,
        prompt: str,
        length: int,
        stop: str | Iterable[str] | None,
        seed: int | None,
        samples: int,
        sampling: dict[str, Any],
    ) -> Iterator[list[str]]:
        self._check(prompt, length)
        if samples < 1:
            raise UsageError(f"samples must be 1 or more, not {samples}")
        if seed is not None and seed < 0:
            raise UsageError(f"seed must be 0 or more, not {seed}")
        check_options("generate", sampling, Sampling)
        options = Sampling(**sampling)
        return write(
            self.writer(),
            prompt,
            options,
            length=length,
            stop=_words(stop),
            seed=int(np.random.default_rng().integers(2**31)) if seed is None else seed,
            samples=samples,
        )

    def _check(self, prompt: str, length: int) -> None:
        self.check_trained()
        one_text(prompt, "prompt")
        if length < 1:
            raise UsageError(f"length must be 1 or more, not {length}")

    def _ends(self) -> bool:
        return self.recipe.data.documents == "apart"

    def _rare(self) -> str:
        """The characters that are no pieces of the tokenizer and that training met; of an older model none is known."""
        return str(self.metadata.get("spelt_in_bytes", ""))

    def _ids(self, documents: list[str]) -> Iterator[np.ndarray]:
        return token_ids(self.tokenizer, documents, apart=self._ends())

    def _named(self, source: str, **columns: Any) -> Dataset[str]:
        section = self.recipe.data
        columns = {name: value for name, value in columns.items() if value is not None}
        if self._is_source(source):
            columns = {"text_column": section.text_column, "reading": section.reading} | columns
        else:
            columns = {"remembered": self.columns} | columns
        return self.open_data(source, **columns)

    def _given(self, texts: Any, data: Any, *, remembered: bool = False) -> Dataset[str] | None:
        """What a program gave that holds its data itself; None where `data` names some, or nothing was given."""
        if not is_held(data, texts=texts):
            return None
        if data is None:
            return dataset_from_texts(texts)
        names = self.columns if remembered else self.recipe.data.columns
        return document_table(data, names.get("text"), remembered=remembered)


def _words(stop: str | Iterable[str] | None) -> list[str]:
    words = [stop] if isinstance(stop, str) else list(stop or ())
    if not all(one_text(word, "word to stop at") for word in words):
        raise UsageError("an empty word to stop at would end every text before it begins; leave it out")
    return words


def _together(name: str, split: str, parts: list[JudgedText]) -> JudgedText:
    """Parts of the data set `name`, one after the other; says how much of it was trained on."""
    characters = sum(part.characters for part in parts)
    if not characters:
        raise DataError(f"there is nothing to evaluate on: {name}, {split} is empty")
    known = [part.trained_on for part in parts if part.trained_on is not None]
    trained_on = sum(known) if len(known) == len(parts) else None
    if trained_on is None:
        logger.warning(UNKNOWN, name)
    elif trained_on > FLATTERS * characters:
        told = f"{trained_on:,} of the {characters:,} characters of {name}"
        logger.warning("%s were trained on: the figures flatter", told)
    return JudgedText(np.concatenate([part.ids for part in parts]), characters, trained_on)
