"""What every task's class does alike: take a recipe, train, keep a bundle, give it back."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

from nlpkit.bundle import Bundle, write_bundle
from nlpkit.data.cache import Report
from nlpkit.data.dataset import Dataset
from nlpkit.errors import DataError, UsageError
from nlpkit.model_card import model_card
from nlpkit.quiet import import_keras
from nlpkit.recipe import RECIPES, Recipe, load_recipe, recipe_from_toml, setting_key
from nlpkit.runtime.session import Session
from nlpkit.tokenizer import Tokenizer
from nlpkit.training.run import Run, begin_run, claimed_run

if TYPE_CHECKING:
    from nlpkit.training.progress import TrainingDisplay

logger = logging.getLogger("nlpkit")

R = TypeVar("R", bound=Recipe)

_WEIGHTS = "model.weights.h5"
_OF_TRAINING = (_WEIGHTS, "history.csv")


class TrainedTask(ABC, Generic[R]):
    """A recipe, and, once trained or loaded, the bundle and its open session."""

    task: ClassVar[str]
    leading_space: ClassVar[bool] = True
    threads: ClassVar[int] = 1  # of a session

    def __init__(self, recipe: R | str | Path, **settings: Any) -> None:
        """`recipe` is one, or the name or path of one; `settings` are keys of its sections: `epochs=2`.

        Raises UsageError for a key or a value that the schema does not have, or a recipe for another task.
        """
        schema = RECIPES[self.task]
        if isinstance(recipe, str | Path):
            flags = {setting_key(name, schema): value for name, value in settings.items()}
            found: Recipe = load_recipe(recipe, flags=flags)
        elif settings:
            raise UsageError("settings go with the name or path of a recipe, not with a finished one")
        else:
            found = recipe
        if found.task != self.task:
            raise UsageError(f"the recipe {recipe} is for {found.task}, and {type(self).__name__} for {self.task}")
        self.recipe = cast(R, found)
        self.reports: dict[str, Any] = {}  # what fit ended with, by split
        self._bundle: Bundle | None = None
        self._run: Path | None = None  # the checkpoint of what fit trained

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Writes the bundle, whole or not at all. An existing one is kept unless `overwrite`.

        Raises UsageError when the folder is taken, BundleError when it cannot be written.
        """
        folder, bundle = Path(folder), self._trained()
        card = model_card(folder.resolve().name, bundle.metadata, self.recipe)
        write_bundle(
            folder,
            Bundle(bundle.metadata, bundle.files | {"README.md": card.encode()}),
            overwrite=overwrite,
            run=self._run,
        )

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> Self:
        """The model in a bundle; `nlpkit.load` reads one from a folder."""
        model = cls(cast(R, recipe_from_toml(bundle.files["recipe.toml"].decode(), "the bundle's recipe.toml")))
        model._open(bundle)
        return model

    def exported(self, *, int8: bool = False) -> Self:
        """The model as it is shipped: without what training left, `network` among it; with `int8`, its matrices in
        int8 with a scale for each row. Its figures are gone too, until `evaluate` finds new ones."""
        from nlpkit.runtime.quantize import quantize_weights

        bundle = self._trained()
        files = {name: content for name, content in bundle.files.items() if name not in _OF_TRAINING}
        if int8:
            files |= {name: quantize_weights(graph) for name, graph in files.items() if name.endswith(".onnx")}
        weights = "int8" if int8 else bundle.metadata.get("weights", "float32")
        return self.from_bundle(Bundle({**bundle.metadata, "weights": weights, "metrics": {}}, files))

    @abstractmethod
    def check(self) -> None:
        """Raises BundleError when the parts of the bundle do not go together."""

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known of the model: its data, figures, libraries and size."""
        return self._trained().metadata

    def _fit(
        self,
        dataset: Dataset[Any],
        display: "TrainingDisplay | None",
        checkpoint: str | Path | None,
        resume: bool,
        tensorboard: Path | None,
    ) -> Self:
        from nlpkit.training.progress import TrainingDisplay

        with claimed_run(checkpoint, resume=resume) as held, display or TrainingDisplay() as shown:
            prepared = self._prepare(dataset, shown.report)
            shown.report("loading Keras", 0, None)
            import_keras()
            if held is not None and not resume:
                begin_run(held, self.recipe)
            bundle = self._train(dataset, prepared, Run(shown, held, resume, tensorboard))
            self._open(bundle)
            self._run = held
            shown.report("evaluating validation", 0, None)
            self.reports = {"validation": self._judge_held_out(prepared)}
            if "test" in dataset.splits:
                shown.report("evaluating test", 0, None)
                try:
                    self.reports["test"] = self._judge(dataset.read("test"))
                except DataError as error:  # no reason to throw the model away
                    logger.warning("the test split could not be evaluated: %s", error)
        bundle.metadata["metrics"] = {split: report.to_dict() for split, report in self.reports.items()}
        return self

    @abstractmethod
    def _prepare(self, dataset: Dataset[Any], report: Report) -> Any:
        """The data, split and tokenized."""

    @abstractmethod
    def _train(self, dataset: Dataset[Any], prepared: Any, run: Run) -> Bundle:
        """Trains on prepared data; Keras may be imported now."""

    @abstractmethod
    def _judge_held_out(self, prepared: Any) -> Any:
        """How well the model does on the validation split."""

    @abstractmethod
    def _judge(self, rows: Iterable[Any]) -> Any:
        """How well the model does on rows of a data set."""

    def _open(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._tokenizer = Tokenizer(bundle.files["tokenizer.model"], leading_space=self.leading_space)
        self._session = Session(bundle.files["model.onnx"], threads=self.threads)

    def _trained(self) -> Bundle:
        if self._bundle is None:
            raise UsageError(f"this {type(self).__name__} is not trained yet; call fit first, or nlpkit.load a bundle")
        return self._bundle

    def _keras_weights(self) -> bytes:
        files = self._trained().files
        if _WEIGHTS not in files:
            raise UsageError("the model was exported without its Keras weights; load the one it was exported from")
        return files[_WEIGHTS]

    def _with_source(self, source: str, **more: Any) -> None:
        """Sets the recipe's data source, and other keys of the section where they are given."""
        given = {key: value for key, value in more.items() if value is not None}
        section = self.recipe.data.model_copy(update={"source": source, **given})
        self.recipe = cast(R, self.recipe.model_copy(update={"data": section}))
