"""What the tasks over text do alike: a tokenizer stands before the network."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import numpy as np

from nlpkit.arrays import digest_of
from nlpkit.bundle import Bundle
from nlpkit.data.cache import Report
from nlpkit.data.dataset import Dataset
from nlpkit.data.facts import Facts
from nlpkit.data.seen import Seen
from nlpkit.errors import BundleError, UsageError
from nlpkit.own_tokenizer import adopt_tokenizer
from nlpkit.recipe import TextRecipe
from nlpkit.tasks.base import TrainedTask
from nlpkit.tokenizer import Tokenizer

if TYPE_CHECKING:
    import keras

T = TypeVar("T", bound=TextRecipe)


@dataclass(frozen=True)
class PreparedText:
    """What all prepared text has: the tokenizer, what is known of the data, and what will have been seen of it."""

    tokenizer: Tokenizer
    facts: Facts
    seen: Seen

    @property
    def frontend(self) -> Tokenizer:
        """What stands before the network."""
        return self.tokenizer


class TextTask(TrainedTask[T]):
    """A task whose network reads a tokenizer's ids."""

    frontend_file = Tokenizer.file
    leading_space: ClassVar[bool] = True
    """Whether a text is read as if a space stood before it."""
    _vectors: "dict[int, np.ndarray] | None" = None
    """Those that the embedding begins with, by piece."""
    vectors_spread: ClassVar[float | None] = None
    """The standard deviation that their numbers come to; without one, that of what stood there."""

    @property
    def tokenizer(self) -> Tokenizer:
        """What splits a text into pieces, as it did in training. Raises UsageError before the model is trained.

        >>> len(model.tokenizer) == model.metadata["vocabulary"]
        True
        """
        self.check_trained()
        return cast(Tokenizer, self.frontend)

    def start(self, dataset: Dataset[Any] | None = None, run: Path | None = None) -> "TrainedTask[Any] | None":
        start = super().start(dataset, run)
        vectors = self.recipe.model.vectors
        if vectors is not None and not Path(vectors).expanduser().is_file():
            raise UsageError(f"model.vectors: there is no file at {vectors}")
        if self.recipe.tokenizer.model is not None:
            if start is not None:
                raise UsageError("the tokenizer comes with model.start_from; leave tokenizer.model out")
            _, section = adopt_tokenizer(self.recipe.tokenizer.model, self.recipe.tokenizer)
            self.recipe = self.recipe.model_copy(update={"tokenizer": section})
        return start

    def _given_frontend(self, start: "TrainedTask[Any] | None") -> bytes | None:
        if self.recipe.tokenizer.model is None:
            return super()._given_frontend(start)
        return adopt_tokenizer(self.recipe.tokenizer.model, self.recipe.tokenizer)[0]

    def _gather(self, dataset: Dataset[Any], prepared: Any, report: Report) -> None:
        self._vectors = None
        if self.recipe.model.vectors is not None:
            from nlpkit.vectors import vectors_of

            report("reading vectors", 0, None)
            self._vectors = vectors_of(self.recipe.model.vectors, prepared.tokenizer, self.recipe.model.embedding_size)

    def _gathered(self) -> str:
        if not self._vectors:
            return ""
        ids = sorted(self._vectors)
        return digest_of([np.array(ids), *(self._vectors[id] for id in ids)])

    def _fill_embedding(self, network: "keras.Model") -> None:
        if self._vectors is None:
            return
        from nlpkit.vectors import fill_embedding

        matrix = fill_embedding(self._core(network), self._vectors, self.vectors_spread)
        if share := self.recipe.model.vectors_frozen:
            network.optimizer.hold(matrix, self._vectors, share)

    def _train(self, *given: Any) -> Bundle:
        bundle = super()._train(*given)
        vectors, self._vectors = self._vectors, None
        if vectors is not None:
            source = self.recipe.model.vectors or "texts with and without labels"
            bundle.metadata["vectors"] = {"from": source, "pieces": len(vectors)}
        return bundle

    def _open(self, bundle: Bundle) -> None:
        super()._open(bundle)
        if bundle.metadata.get("vocabulary") != len(self.tokenizer):
            raise BundleError("the bundle's tokenizer.model has not as many pieces as its metadata.json says")

    def _read_frontend(self, content: bytes) -> Tokenizer:
        normalization = self.recipe.tokenizer.normalization
        return Tokenizer(content, leading_space=self.leading_space, normalization=normalization)

    def _sizes(self, prepared: Any) -> dict[str, Any]:
        return super()._sizes(prepared) | {"vocabulary": len(prepared.tokenizer)}
