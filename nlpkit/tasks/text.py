"""What the tasks over text do alike: a tokenizer stands before the network."""

from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

from nlpkit.bundle import Bundle
from nlpkit.data.facts import Facts
from nlpkit.data.seen import Seen
from nlpkit.errors import BundleError
from nlpkit.recipe import TextRecipe
from nlpkit.tasks.base import TrainedTask
from nlpkit.tokenizer import Tokenizer

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

    @property
    def tokenizer(self) -> Tokenizer:
        """What splits a text into pieces, as it did in training. Raises UsageError before the model is trained.

        >>> len(model.tokenizer) == model.metadata["vocabulary"]
        True
        """
        self.check_trained()
        return cast(Tokenizer, self.frontend)

    def _open(self, bundle: Bundle) -> None:
        super()._open(bundle)
        if bundle.metadata.get("vocabulary") != len(self.tokenizer):
            raise BundleError("the bundle's tokenizer.model has not as many pieces as its metadata.json says")

    def _read_frontend(self, content: bytes) -> Tokenizer:
        normalization = self.recipe.tokenizer.normalization
        return Tokenizer(content, leading_space=self.leading_space, normalization=normalization)

    def _sizes(self, prepared: Any) -> dict[str, Any]:
        return super()._sizes(prepared) | {"vocabulary": len(prepared.tokenizer)}
