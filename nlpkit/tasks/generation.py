"""Text generation: writing on from a prompt, in the manner of the text that was trained on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nlpkit.bundle import Bundle
from nlpkit.data.cache import Report
from nlpkit.data.catalog import open_documents
from nlpkit.data.dataset import IN_MEMORY, Dataset, dataset_from_texts
from nlpkit.data.stream import PreparedStream, prepare_stream, token_ids
from nlpkit.decoding.sampling import Sampling
from nlpkit.decoding.writing import write, write_likeliest
from nlpkit.errors import DataError, UsageError
from nlpkit.metrics import GenerationReport, generation_report
from nlpkit.quiet import import_keras
from nlpkit.recipe import GenerationRecipe
from nlpkit.runtime.generate import token_nats
from nlpkit.runtime.graph import STATES
from nlpkit.tasks.base import TrainedTask
from nlpkit.training.run import Run

if TYPE_CHECKING:
    import keras

    from nlpkit.networks.plan import TrainingPlan
    from nlpkit.training.progress import TrainingDisplay


@dataclass(frozen=True)
class Surprise:
    """A piece of a text, one character where the tokenizer is one of characters, and its -log p in nats."""

    text: str
    nats: float


class TextGenerator(TrainedTask[GenerationRecipe]):
    """Writes on from a prompt.

    >>> generator = TextGenerator(epochs=5).fit(data="novel.txt")
    >>> print(generator.generate("It was a dark", length=200, temperature=0.7))
    """

    task = "generation"
    leading_space = False
    threads = 0  # rows that read on are one batch

    def __init__(self, recipe: GenerationRecipe | str | Path = "generate", **settings: Any) -> None:
        super().__init__(recipe, **settings)

    # -- training

    def fit(
        self,
        texts: Sequence[str] | None = None,
        *,
        data: str | Path | None = None,
        display: "TrainingDisplay | None" = None,
        checkpoint: Path | None = None,
        resume: bool = False,
        tensorboard: Path | None = None,
    ) -> Self:
        """Trains on `texts`, each a document, or on the data that `data` names, or on the recipe's own.

        A part is held out to choose the best epoch by. Progress goes to standard error. With `checkpoint`, a
        folder, SIGINT saves the state there and raises Interrupted, and `resume` goes on from it.
        Raises DataError for text that cannot be trained on.
        """
        dataset = None if texts is None else dataset_from_texts(texts)
        source = IN_MEMORY if dataset else str(data) if data is not None else self.recipe.data.source
        self._with_source(source)
        dataset = dataset or self._named(source)
        return self._fit(dataset, display, checkpoint, resume, tensorboard)

    def prepared(self) -> PreparedStream:
        """The recipe's data, split and tokenized, from the cache where it was prepared before."""
        return prepare_stream(self._named(self.recipe.data.source), self.recipe)

    def plan(self) -> "TrainingPlan":
        """What `fit` on the recipe's data will come to: sizes, steps and the time expected."""
        data = self.prepared()
        import_keras()
        from nlpkit.networks.generator import StreamBatches, compile_generator
        from nlpkit.networks.plan import plan_training

        batches = StreamBatches(self.recipe, data)
        return plan_training(
            compile_generator(self.recipe, data, batches),
            batches,
            self.recipe,
            train=data.train.characters,
            validation=data.validation.characters,
            unit="characters",
            vocabulary=len(data.tokenizer),
        )

    # -- writing

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 400,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        beam: int = 0,
        **sampling: Any,
    ) -> str:
        """What the model writes after the prompt, without it.

        length: characters at most; stop: ends the text before any of these strings; seed: the same one gives the same
        text; beam: above zero, the likeliest text that a search of this width finds, instead of a drawn one;
        sampling: the fields of `Sampling`, such as `temperature=0.7`. Raises UsageError for an option out of range.
        """
        if not beam:
            return "".join(self.stream(prompt, length=length, stop=stop, seed=seed, **sampling))
        if beam < 0 or sampling or seed is not None:
            raise UsageError("beam is 1 or more, and goes without sampling options: it draws nothing")
        self._check(prompt, length)
        return write_likeliest(
            self._session, self._tokenizer, prompt, width=beam, length=length, stop=_words(stop), ends=self._ends()
        )

    def generate_many(
        self,
        prompt: str = "",
        samples: int = 2,
        *,
        length: int = 400,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        **sampling: Any,
    ) -> list[str]:
        """Several texts after one prompt, written side by side; otherwise as `generate`. The first is what
        `generate` writes with the same seed."""
        texts = [""] * samples
        for added in self._write(prompt, length, stop, seed, samples, sampling):
            texts = [text + more for text, more in zip(texts, added, strict=True)]
        return texts

    def stream(
        self,
        prompt: str = "",
        *,
        length: int = 400,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        **sampling: Any,
    ) -> Iterator[str]:
        """The text of `generate` as it is written, a few characters at a time."""
        return (added for (added,) in self._write(prompt, length, stop, seed, 1, sampling) if added)

    def score(self, text: str) -> list[Surprise]:
        """The pieces of a text with the surprise of each, given all that stands before it."""
        self._trained()
        if not text:
            raise DataError("there is no text to score")
        ids = self._tokenizer.encode([text])[0]
        nats = token_nats(self._session, np.array(ids))
        spellings = self._tokenizer.spellings()
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

    def evaluate(
        self, texts: Sequence[str] | None = None, *, data: str | Path | None = None, split: str | None = None
    ) -> GenerationReport:
        """How well the model foretells `texts`, or a split of a data set: nats and bits a character.

        The data set is the one it was trained on unless `data` names another; the split is `test` where there is
        one, else what was held out of the data trained on, or all of another. `validation+test` reads one after the
        other. Raises UsageError for a split that the data does not have.
        """
        if texts is not None:
            return self._judge(dataset_from_texts(texts).read("train"))
        return self.compare(*self.documents(data, split)[1:])

    def documents(
        self, data: str | Path | None = None, split: str | None = None, text_column: str | None = None
    ) -> tuple[str, np.ndarray, int]:
        """The split that `evaluate` takes: its name, its token ids, and its number of characters."""
        if data is None and self.recipe.data.source == IN_MEMORY:
            raise UsageError("the model was trained on texts in memory; name the data to evaluate on")
        source = self.recipe.data.source if data is None else str(data)
        dataset = self._named(source, text_column)
        own = source == self.recipe.data.source
        if split is None:
            names = ("test", "validation", "train")
            split = (
                "validation" if own and "test" not in dataset.splits else next(n for n in names if n in dataset.splits)
            )
        parts, characters = [], 0
        for name in split.split("+"):
            if own and name in ("train", "validation"):
                prepared = getattr(prepare_stream(dataset, self.recipe), name)
                parts.append(prepared.ids)
                characters += prepared.characters
            else:
                documents = list(dataset.read(name))
                parts += self._ids(documents)
                characters += sum(map(len, documents))
        if not characters:
            raise DataError(f"there is nothing to evaluate on: {source}, {split} is empty")
        return split, np.concatenate(parts), characters

    def compare(self, ids: np.ndarray, characters: int) -> GenerationReport:
        """How well the model foretells token ids that spell so many characters."""
        self._trained()
        return generation_report(token_nats(self._session, ids), characters)

    def network(self) -> "keras.Model":
        """The Keras network with the model's weights, to look into or to train on. Imports Keras."""
        from nlpkit.networks.bundling import network_from_weights
        from nlpkit.networks.generator import build_generator

        return network_from_weights(build_generator(self.recipe, len(self._tokenizer)), self._keras_weights())

    def check(self) -> None:
        model = self.recipe.model
        state = (model.layers * STATES[model.cell], None, model.units)
        logits = (None, None, len(self._tokenizer))
        self._session.expect(ids=(None, None), state=state, logits=logits, next_state=state)

    # -- within

    def _prepare(self, dataset: Dataset[str], report: Report) -> PreparedStream:
        return prepare_stream(dataset, self.recipe, report)

    def _train(self, dataset: Dataset[str], prepared: PreparedStream, run: Run) -> Bundle:
        from nlpkit.networks.generator import bundle_generator, train_generator

        core, history = train_generator(self.recipe, prepared, run)
        return bundle_generator(core, self.recipe, dataset, prepared, history)

    def _judge_held_out(self, prepared: PreparedStream) -> GenerationReport:
        return self.compare(prepared.validation.ids, prepared.validation.characters)

    def _judge(self, rows: Iterable[str]) -> GenerationReport:
        texts = list(rows)
        if not any(texts):
            raise DataError("there is nothing to evaluate on: the data is empty")
        return self.compare(np.concatenate(list(self._ids(texts))), sum(map(len, texts)))

    def _write(
        self,
        prompt: str,
        length: int,
        stop: str | Sequence[str],
        seed: int | None,
        samples: int,
        sampling: dict[str, Any],
    ) -> Iterator[list[str]]:
        self._check(prompt, length)
        if samples < 1:
            raise UsageError(f"samples must be 1 or more, not {samples}")
        try:
            options = Sampling(**sampling)
        except TypeError as error:
            raise UsageError(f"generate takes no option {str(error).rpartition(' ')[2]}") from None
        return write(
            self._session,
            self._tokenizer,
            prompt,
            options,
            length=length,
            stop=_words(stop),
            seed=int(np.random.default_rng().integers(2**31)) if seed is None else seed,
            samples=samples,
            ends=self._ends(),
        )

    def _check(self, prompt: str, length: int) -> None:
        self._trained()
        if not isinstance(prompt, str):
            raise UsageError("a prompt is one string")
        if length < 1:
            raise UsageError(f"length must be 1 or more, not {length}")

    def _ends(self) -> bool:
        return self.recipe.data.documents == "apart"

    def _ids(self, documents: list[str]) -> Iterator[np.ndarray]:
        return token_ids(self._tokenizer, documents, apart=self._ends())

    def _named(self, source: str, text_column: str | None = None) -> Dataset[str]:
        if source == self.recipe.data.source:
            text_column = text_column or self.recipe.data.text_column
        return open_documents(source, text_column=text_column)


def _words(stop: str | Sequence[str]) -> list[str]:
    return [word for word in ([stop] if isinstance(stop, str) else stop) if word]
