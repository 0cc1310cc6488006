"""What every task's class does alike: take a recipe, train, keep a bundle, give it back."""

import csv
import io
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypedDict, TypeVar, Unpack, cast

from nlpkit.bundle import Bundle, BundleFacts, bundle_from_bytes, bundle_to_bytes, check_output, write_bundle
from nlpkit.data.cache import Report
from nlpkit.data.dataset import IN_MEMORY, Dataset
from nlpkit.data.facts import amount
from nlpkit.data.judged import JudgedRows
from nlpkit.data.notes import tell_once
from nlpkit.data.seen import SEEN, Seen, seen_from_bytes
from nlpkit.data.summary import Summary
from nlpkit.errors import BundleError, DataError, UsageError
from nlpkit.frontend import FRONTENDS, Frontend
from nlpkit.locking import locked
from nlpkit.model_card import CardText, model_card
from nlpkit.models import starters
from nlpkit.quiet import import_keras
from nlpkit.recipe import AUTO, Recipe, load_recipe, recipe_from_toml, setting_key
from nlpkit.runtime.session import Session
from nlpkit.tasks.starting import recipe_from, take_weights
from nlpkit.training.randomness import own_random_state
from nlpkit.training.run import START, Run, begin_run, check_gathered, check_run, claimed_run, kept_frontend, kept_start
from nlpkit.yardstick import Yardstick, yardstick_facts, yardstick_line

if TYPE_CHECKING:
    import keras

    from nlpkit.inspect.inspection import Inspection
    from nlpkit.inspect.memory import MemoryReport
    from nlpkit.serve.verbs import Verb
    from nlpkit.training.fit import EpochBatches
    from nlpkit.training.plan import TrainingPlan
    from nlpkit.training.progress import EpochRow, TrainingDisplay

logger = logging.getLogger("nlpkit")

R = TypeVar("R", bound=Recipe)

_WEIGHTS = "model.weights.h5"
_NO_WEIGHTS = "the model was exported without its Keras weights; load the one it was exported from"
CHANGED = (
    "{} has changed since the model was trained on it, and the model does not know what was held out then; name other "
    "data, or --split train to judge on all of it"
)
_OF_TRAINING = (_WEIGHTS, "history.csv", SEEN)


def same_place(one: str, other: str) -> bool:
    """Whether two names or paths, however they are spelt, are of the same data."""
    if "\0" in one + other:  # which no path has
        return False
    return one == other or Path(one).resolve() == Path(other).resolve()


class FitOptions(TypedDict, total=False):
    """What `fit` of every task takes besides its data.

    Progress goes to standard error, or to `display`. With `checkpoint`, a folder, SIGINT saves the state there and
    raises Interrupted, and `resume` goes on from it. `tensorboard` is a folder for its logs. With `output` the bundle
    is written there as soon as it is trained, and again with its figures; one that is there already, or an unfinished
    run, is refused unless `overwrite`.
    """

    display: "TrainingDisplay | None"
    checkpoint: str | Path | None
    resume: bool
    tensorboard: str | Path | None
    output: str | Path | None
    overwrite: bool


class TrainedTask(ABC, Generic[R]):
    """A recipe, and, once trained or loaded, the bundle and its open session."""

    task: ClassVar[str]
    schema: ClassVar[type[Recipe]]
    verb: ClassVar[str | None] = None
    """The command that answers with its models."""
    next_command: ClassVar[str] = "nlpkit evaluate"
    """What to try first with a model that was just trained."""
    unit: ClassVar[str]
    """What its data is counted in."""
    counted: ClassVar[str]
    """The figure of a report that says how many of them there were."""
    figures: ClassVar[tuple[str, ...]]
    """The figures of a report to look at, as far as it has them, the chief one first."""
    lower_is_better: ClassVar[bool] = False
    """Whether these are better when they are lower."""
    percent: ClassVar[bool] = False
    """Whether the chief figure is a share of one."""
    data_options: ClassVar[tuple[str, ...]] = ()
    """Which of the command line's options say where in the data its rows are."""
    judge_options: ClassVar[tuple[str, ...]] = ()
    """Which of them say how it is judged: arguments of `compare`."""
    own_data: ClassVar[str] = "your own files"
    """What of one's own it can be trained on."""
    frontend_file: ClassVar[str] = FRONTENDS[-1]
    """What stands before the network is written as, of `FRONTENDS`."""
    facts: ClassVar[type[BundleFacts]] = BundleFacts
    """What its bundles tell in their metadata besides what all do."""
    files: ClassVar[tuple[str, ...]] = ()
    """What its bundles hold besides what all do,"""
    training_files: ClassVar[tuple[str, ...]] = ()
    """and which of it a model is shipped without."""
    threads: ClassVar[int] = 1  # of a session
    worse_hint: ClassVar[str] = "more data helps most"
    """What to try where a model is no better than its yardstick."""

    def __init__(self, recipe: R | str | Path, **settings: Any) -> None:
        """`recipe` is one, or the name or path of one; `settings` are keys of its sections: `epochs=2`.

        Raises UsageError for a key or a value that the schema does not have, or a recipe for another task.
        """
        if isinstance(recipe, str | Path):
            flags = {
                setting_key(name, self.schema): str(value) if isinstance(value, Path) else value
                for name, value in settings.items()
            }
            found: Recipe = load_recipe(recipe, flags=flags)
        elif settings:
            raise UsageError("settings go with the name or path of a recipe, not with a finished one")
        else:
            found = recipe
        if found.task != self.task:
            raise UsageError(f"the recipe {recipe} is for {found.task}, and {type(self).__name__} for {self.task}")
        self.recipe = cast(R, found)
        self.reports: dict[str, Any] = {}  # what fit ended with, by split
        self.yardstick: Yardstick | None = None  # and what it is held against
        self._bundle: Bundle | None = None
        self.saved_in: Path | None = None  # the folder of the last bundle that save wrote
        self._run: Path | None = None  # the checkpoint of what fit trained

    # -- what a task fills in, in the order in which it is asked

    @classmethod
    @abstractmethod
    def open_data(cls, source: str, **columns: Any) -> Dataset[Any]:
        """The data set that a name or a path means, by its columns where they are not clear: `data_options` and how its
        files are read. Raises UsageError when nothing is meant."""

    @abstractmethod
    def _named(self, source: str, **columns: Any) -> Dataset[Any]:
        """The data set that a name means to the model: with the columns of the recipe where it is the recipe's."""

    @staticmethod
    @abstractmethod
    def summarize(rows: Iterable[Any]) -> Summary:
        """A split of its data at a glance."""

    @abstractmethod
    def _prepare(self, dataset: Dataset[Any], report: Report, frontend: bytes | None) -> Any:
        """The data, split and made ready for the network by its `frontend`: the one that is given as it was written,
        else one that is learned from the train split."""

    def _resolve(self, prepared: Any) -> None:
        """Sets what the recipe leaves to the data."""

    def _gather(self, dataset: Dataset[Any], prepared: Any, report: Report) -> None:
        """Reads what training takes besides its data, before a run begins, so that a wrong name leaves nothing
        behind."""

    def _gathered(self) -> str:
        """A mark of the content of what was read so; nothing where nothing was."""
        return ""

    @abstractmethod
    def _read_frontend(self, content: bytes) -> Frontend:
        """Reads back what stands before the network."""

    @abstractmethod
    def _compiled(self, prepared: Any) -> "tuple[keras.Model, EpochBatches]":
        """A fresh network for prepared data, ready to train, and the batches of its train split."""

    def _sizes(self, prepared: Any) -> dict[str, Any]:
        """How much prepared data there is, `train` and `validation` in the task's unit, and what else is told of it to
        `plan_training`."""
        return {"train": len(prepared.train), "validation": len(prepared.validation)}

    @abstractmethod
    def _bundled(
        self, network: "keras.Model", dataset: Dataset[Any], prepared: Any, history: "list[EpochRow]"
    ) -> Bundle:
        """A trained network as `bundle_network` gives it, held to its graph."""

    @abstractmethod
    def _build(self) -> "keras.Model":
        """The network of the model's shape."""

    def _graphs(self, network: "keras.Model") -> dict[str, bytes]:
        """What a network of the model's shape is exported as: ONNX models by file name. A task whose models are to be
        started from after they were exported has it."""
        raise UsageError(_NO_WEIGHTS)

    @abstractmethod
    def check(self) -> None:
        """Raises BundleError when the parts of the bundle do not go together."""

    @abstractmethod
    def compare(self, rows: Any) -> Any:
        """How well the model does on rows."""

    def _judge(self, rows: Iterable[Any]) -> Any:
        """How well the model does on rows of a data set."""
        return self.compare(rows)

    @abstractmethod
    def _judge_held_out(self, prepared: Any) -> Any:
        """How well the model does on the validation split."""

    @abstractmethod
    def _split(self, dataset: Dataset[Any], split: str | None) -> tuple[str, Any]:
        """The split of a data set that `evaluate` takes, by name, and its rows, which tell how many of them were
        `trained_on`: `split`, else test, else what was not trained on. Raises UsageError for a split that the data does
        not have."""

    @abstractmethod
    def _all_rows(self, dataset: Dataset[Any], split: str | None) -> Any:
        """All rows of a split, or of train."""

    def _yardstick(self, dataset: Dataset[Any], prepared: Any) -> Yardstick | None:
        """What a model that only counts, fitted on the train split, reaches on the splits of `reports`; None where
        there is none for this data."""
        return None

    def parts_told(self) -> str | None:
        """One line on what each part of the model reaches alone on the validation split, where it has several."""
        return None

    @classmethod
    def told(cls, metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What `nlpkit info` tells of a model besides what it tells of all: titles and lines."""
        return iter(())

    @abstractmethod
    def _card(self) -> CardText:
        """What the model's card tells of it."""

    def inspect(self, text: str) -> "Inspection":
        """What goes on inside the model while it reads a text. Raises UsageError for a task that does not show it."""
        raise UsageError(f"models for {self.task} do not show what goes on inside them")

    def verbs(self) -> "list[Verb]":
        """What its models can be asked over HTTP, besides to be inspected."""
        return []

    def memory(
        self,
        data: str | Path | None = None,
        split: str | None = None,
        *,
        report: Callable[[int, int], object] = lambda done, total: None,
        **columns: Any,
    ) -> "MemoryReport":
        """How far back the model's answers come from, on the split that `evaluate` takes. `report` is told how many
        contexts of how many are done. Raises as `rows` does, and UsageError for a task that does not show it."""
        self.check_trained()
        return self._measure_memory(self.rows(data, split, **columns)[1], report)

    def _measure_memory(self, rows: Any, report: Callable[[int, int], object]) -> "MemoryReport":
        raise UsageError(f"models for {self.task} do not show how far back they remember")

    # -- training

    def own_dataset(self) -> Dataset[Any]:
        """The recipe's data set. Raises UsageError where there is none of that name."""
        return self._named(self.recipe.data.source)

    def prepared(self) -> Any:
        """The recipe's data, split and made ready for the network, from the cache where it was prepared before."""
        frontend = self._given_frontend(self.start()) if self._bundle is None else self.frontend.to_bytes()
        return self._prepare(self.own_dataset(), lambda *_: None, frontend)

    @own_random_state()
    def plan(self) -> "TrainingPlan":
        """What `fit` on the recipe's data will come to: sizes, steps and the seconds expected. Imports Keras.

        Raises UsageError where the recipe's data is not there, DataError where it cannot be trained on.
        """
        dataset = self.own_dataset()
        start = self.start(dataset)
        prepared = self._prepare(dataset, lambda *_: None, self._given_frontend(start))
        self._resolve(prepared)
        self._gather(dataset, prepared, lambda *_: None)
        import_keras()
        return self._planned(prepared, start)

    def start(self, dataset: Dataset[Any] | None = None, run: Path | None = None) -> "TrainedTask[Any] | None":
        """The model that the recipe starts from, whose shape and tokenizer it takes now; None where it starts from
        nothing. Where the recipe leaves that to the data, `dataset` or its own, it is settled now. The checkpoint of a
        `run` to go on with keeps it as it was. Raises UsageError where they cannot go together, BundleError where it
        cannot be read."""
        where: str | Path | None = self.recipe.model.start_from
        if where == AUTO:
            try:
                found = self._default_start(dataset or self.own_dataset())
            except UsageError:  # there is no such data, which is told when it is to be learned from
                found = None
            where = found and starters()[found]  # and not what is called so here
            section = self.recipe.model.model_copy(update={"start_from": found})
            self.recipe = self.recipe.model_copy(update={"model": section})
        if where is None:
            return None
        from nlpkit.tasks import load, model_of

        kept = None if run is None else kept_start(run)
        try:
            if run is None or kept is None:
                start = load(where)
            else:
                start = model_of(bundle_from_bytes(kept, run / START), run / START)
        except BundleError as error:
            raise BundleError(f"model.start_from: {error}") from None
        if start.frontend_file != self.frontend_file:
            raise UsageError(f"{self.recipe.model.start_from} reads other data than {self.task} does")
        if self.recipe.model.vectors is not None:
            raise UsageError("model.vectors fills what model.start_from brings already; leave one of them out")
        self.recipe = recipe_from(self.recipe, start.recipe)
        return start

    def _default_start(self, dataset: Dataset[Any]) -> str | None:
        """The starter to start from where the recipe leaves it to the data; None for nothing."""
        return None

    def _given_frontend(self, start: "TrainedTask[Any] | None") -> bytes | None:
        """What is to stand before the network, as it is written: that of the model it starts from; None where it is
        learned from the data."""
        return None if start is None else start.frontend.to_bytes()

    def fit(self, *, data: str | Path | None = None, **options: Unpack[FitOptions]) -> Self:
        """Trains on the data set that `data` names, or on the recipe's own. Raises DataError for data that cannot be
        trained on."""
        return self._fit(None, data, **options)

    @own_random_state()
    def _fit(
        self,
        given: Dataset[Any] | None,
        data: Any,
        *,
        display: "TrainingDisplay | None" = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        tensorboard: str | Path | None = None,
        output: str | Path | None = None,
        overwrite: bool = False,
    ) -> Self:
        """Trains on the data set that was `given`, or on the one that `data` names, or on the recipe's own."""
        from nlpkit.training.progress import TrainingDisplay

        self._with_source(IN_MEMORY if given else str(data) if data is not None else self.recipe.data.source)
        start = self.start(given, Path(checkpoint) if resume and checkpoint is not None else None)
        check_run(checkpoint, self.recipe, resume=resume)
        dataset = given or self.own_dataset()
        if "train" not in dataset.splits:
            raise UsageError(f"{dataset.name} has no train split to learn from; it has {', '.join(dataset.splits)}")
        tensorboard = None if tensorboard is None else Path(tensorboard)
        with ExitStack() as held:
            run = held.enter_context(claimed_run(checkpoint, self.recipe, resume=resume, overwrite=overwrite))
            if output is not None:
                if run and run.resolve() == Path(output).resolve():
                    raise UsageError(f"{output} cannot be both the output and the checkpoint; name another")
                held.enter_context(locked(Path(output)))
                check_output(Path(output), overwrite=overwrite, run=run, files=self.files)
            shown = held.enter_context(display or TrainingDisplay())
            kept = self._given_frontend(start)
            if run and resume:
                kept = kept_frontend(run, dataset.fingerprint, self.frontend_file)
            prepared = self._prepare(dataset, shown.report, kept)
            self._resolve(prepared)
            self._gather(dataset, prepared, shown.report)
            if run and resume:
                check_gathered(run, self._gathered())
            shown.report("loading Keras", 0, None)
            import_keras()
            if run is not None and not resume:
                kept = None if start is None else bundle_to_bytes(start.bundle)
                begin_run(run, self.recipe, dataset.fingerprint, prepared.frontend, kept, self._gathered())
            bundle = self._train(dataset, prepared, Run(shown, run, resume, tensorboard), start)
            earlier = start._learned_from() if start and start.task == self.task else None
            seen = prepared.seen.after(earlier)
            if start and start.task == self.task and earlier is None:
                seen = replace(seen, whole=False)
            if not seen.whole:
                tell_once(f"what {self.recipe.model.start_from} was trained on is not known; on that, figures flatter")
            bundle.files[SEEN] = seen.to_bytes()
            self._open(bundle)
            self._run = run and run.resolve()
            if output is not None:  # whatever becomes of its figures
                self.save(output, overwrite=True)
            self._tell_figures(dataset, prepared, shown.report, earlier)
            if output is not None:
                self.save(output, overwrite=True)
        return self

    def _train(self, dataset: Dataset[Any], prepared: Any, run: Run, start: "TrainedTask[Any] | None" = None) -> Bundle:
        """Trains on prepared data, from another model's weights where there is one; Keras is imported now."""
        network, history, told = self._learn(prepared, run, start)
        run.display.report("putting the model together", 0, None)
        bundle = self._bundled(network, dataset, prepared, history)
        if told:
            bundle.metadata["start"] = {"from": self.recipe.model.start_from, **told}
        sizes = self._sizes(prepared)
        bundle.metadata["data"] = {
            "source": self.recipe.data.source,
            "fingerprint": dataset.fingerprint,
            "train": sizes["train"],
            "validation": sizes["validation"],
            "columns": dict(dataset.columns),
        }
        return bundle

    def _planned(self, prepared: Any, start: "TrainedTask[Any] | None") -> "TrainingPlan":
        from nlpkit.training.devices import shared_by
        from nlpkit.training.plan import plan_training

        with shared_by(self.recipe.training.devices):
            return plan_training(*self._compiled(prepared), self.recipe, unit=self.unit, **self._sizes(prepared))

    def _learn(
        self, prepared: Any, run: Run, start: "TrainedTask[Any] | None"
    ) -> "tuple[keras.Model, list[EpochRow], dict[str, Any]]":
        """The trained network, its history, and what it took over from the model that it started from."""
        from nlpkit.training.devices import shared_by
        from nlpkit.training.fit import fit

        with shared_by(self.recipe.training.devices):
            network, batches = self._compiled(prepared)
            told = {} if start is None else self._take_over(network, prepared, start)
            self._fill_embedding(network)
            return network, fit(network, batches, self.recipe.training, run), told

    def _core(self, network: "keras.Model") -> "keras.Model":
        """What of a network that is trained has the layers of the model."""
        return network

    def _fill_embedding(self, network: "keras.Model") -> None:
        """Sets the embedding of a fresh network to the vectors that it begins with, if any."""

    def _take_over(self, network: "keras.Model", prepared: Any, start: "TrainedTask[Any]") -> dict[str, Any]:
        """Sets a fresh network to what it can take from the model that it starts from, and tells of it."""
        told = take_weights(self._core(network), start, self._fresh(prepared, start))
        listed = [", ".join(told[key]).replace("_", " ") for key in ("taken", "new")]
        tell_once(f"from {self.recipe.model.start_from}: its tokenizer, {listed[0]}; new: {listed[1] or 'nothing'}")
        return told

    def _fresh(self, prepared: Any, start: "TrainedTask[Any]") -> set[str]:
        """The layers that are not to be taken over, though their shapes fit."""
        return set()

    def _tell_figures(self, dataset: Dataset[Any], prepared: Any, report: Report, earlier: Seen | None = None) -> None:
        """Works out how good the model that was just trained is, and what a model that only counts would reach, and
        puts that into its metadata, with how much of it the model that it started from had read `earlier`. What goes
        wrong here is no reason to throw the model away."""
        judges: dict[str, Callable[[], Any]] = {"validation": lambda: self._judge_held_out(prepared)}
        if "test" in dataset.splits:
            judges["test"] = lambda: self._judge(dataset.read("test"))
        self.reports, self.yardstick = {}, None
        for split, judge in judges.items():
            report(f"evaluating {split}", 0, None)
            try:
                self.reports[split] = judge()
            except Exception as error:
                logger.warning("the %s split could not be evaluated: %s", split, error)
        if self.recipe.training.yardstick:
            report("fitting the yardstick", 0, None)
            try:
                self.yardstick = self._yardstick(dataset, prepared)
                if self.yardstick:
                    self.metadata["yardstick"] = yardstick_facts(self.yardstick, self.reports)
            except Exception as error:
                logger.warning("there is no yardstick to compare with: %s", error)
        repeated = dict(prepared.facts.repeated)
        for split, count in (self._read_by(earlier, dataset, prepared) if earlier else {}).items():
            repeated[split] = max(count, repeated.get(split, 0))
            if count:
                told = amount(count, self.unit), dataset.name, split, self.recipe.model.start_from
                logger.warning("%s of %s, %s, were trained on by %s: its figures flatter", *told)
        seen = self._seen()
        whole = seen is not None and seen.whole
        self.metadata["metrics"] = {
            split: {**found.to_dict(), "trained_on": repeated.get(split, 0) if whole else None}
            for split, found in self.reports.items()
        }

    def _with_source(self, source: str, **more: Any) -> None:
        """Sets the recipe's data source, and other keys of the section where they are given."""
        given = {key: value for key, value in more.items() if value is not None}
        section = self.recipe.data.model_copy(update={"source": source, **given})
        self.recipe = self.recipe.model_copy(update={"data": section})

    # -- judging

    def evaluate(self, *, data: str | Path | None = None, split: str | None = None) -> Any:
        """How well the model does on a split of a data set.

        The data set is the one it was trained on unless `data` names another; the split is `test` where there is one,
        else what was held out of the data trained on, or all of another. Raises UsageError for a split that the data
        does not have.
        """
        return self._evaluate(None, data, split)

    def rows(self, data: str | Path | None = None, split: str | None = None, **columns: Any) -> tuple[str, Any]:
        """The split that `evaluate` takes, by name, and its rows, as `compare` takes them: of the data set that `data`
        names, or of the recipe's own, whose `columns` are as `open_data` takes them. Raises UsageError for a split that
        the data does not have, or for texts in memory that were trained on.

        >>> split, rows = model.rows("lines.csv")
        >>> split, [row.label for row in rows]
        ('train', ['positive', 'negative'])
        """
        if data is None and self.recipe.data.source == IN_MEMORY:
            raise UsageError("the model was trained on texts in memory; name the data to evaluate on")
        source = self.recipe.data.source if data is None else str(data)
        return self._split(self._named(source, **columns), split)

    def _evaluate(self, given: Dataset[Any] | None, data: Any, split: str | None, **options: Any) -> Any:
        """How well the model does on the data set that was `given`, on all of it where `data` is not it, or on what
        `data` names."""
        if given is None:
            return self.compare(self.rows(data, split)[1], **options)
        return self.compare(self._all_rows(given, split) if data is None else self._split(given, split)[1], **options)

    def _is_own(self, dataset: Dataset[Any]) -> bool:
        """Whether a data set is, to the byte, what the model was trained on, however it is named."""
        known = None if self._bundle is None else self.metadata["data"]["fingerprint"]
        return bool(dataset.fingerprint == known)

    def _is_source(self, name: str) -> bool:
        """Whether a name or a path, however it is spelt, is that of the recipe's data."""
        source = self.recipe.data.source
        return source != IN_MEMORY and same_place(name, source)

    def _seen(self) -> Seen | None:
        """What the model was trained on; None for one that was exported, or made by an older nlpkit, or not trained."""
        files = {} if self._bundle is None else self._bundle.files
        return self._known(seen_from_bytes(files[SEEN])) if SEEN in files else None

    def _known(self, seen: Seen) -> Seen:
        """What the model as it is has seen of its data, of which that was known when it was prepared."""
        return seen

    def _learned_from(self) -> Seen | None:
        """The same, with all that it was fitted on in the end."""
        return self._seen()

    def _read_by(self, earlier: Seen, dataset: Dataset[Any], prepared: Any) -> dict[str, int]:
        """How much of each split that is judged was trained on `earlier`."""
        return {}

    def yardstick_gain(self, split: str, report: Any) -> dict[str, Any] | None:
        """What was found in training of the gain over the yardstick, the fields of a `Gain`, where the `report` is of
        the rows that it was found on, however the data is named, and of the model as it was."""
        gain: dict[str, Any] | None = self.metadata.get("yardstick", {}).get("gain", {}).get(split)
        if gain is None or not math.isclose(getattr(report, gain["figure"], math.nan), gain["model"], rel_tol=1e-6):
            return None
        return gain

    def yardstick_told(self, split: str, report: Any) -> str | None:
        """One line on that."""
        gain = self.yardstick_gain(split, report)
        return None if gain is None else yardstick_line(self.metadata["yardstick"]["name"], gain, self.worse_hint)

    # -- what it is kept as

    @property
    def bundle(self) -> Bundle:
        """What the model is made of, as it is saved. Raises UsageError before it is trained.

        >>> sorted(model.bundle.files)[:2]
        ['README.md', 'history.csv']
        """
        if self._bundle is None:
            raise UsageError(f"this {type(self).__name__} is not trained yet; call fit first, or nlpkit.load a bundle")
        return self._bundle

    def check_trained(self) -> None:
        """Raises UsageError before the model is trained."""
        _ = self.bundle

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known of the model: its data, figures, libraries and size. Raises UsageError before it is trained.

        >>> model.metadata["task"], model.metadata["data"]["train"]
        ('classification', 108)
        """
        return self.bundle.metadata

    @property
    def history(self) -> list[dict[str, float]]:
        """The figures of each epoch of its training, `seconds` since it began among them; none for a model that was
        exported. Raises UsageError before it is trained.

        >>> len(model.history) == model.metadata["epochs"]
        True
        """
        rows = csv.DictReader(io.StringIO(self.bundle.files.get("history.csv", b"").decode()))
        return [{name: float(value) for name, value in row.items() if value} for row in rows]

    @property
    def columns(self) -> dict[str, str]:
        """Which columns of a table it was trained on, by what they are for: {"text": "body", "label": "kind"}."""
        known = self.metadata["data"].get("columns", {}) if self._bundle is not None else {}
        return {**self.recipe.data.columns, **known}

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Writes the bundle, whole or not at all. An existing one is kept unless `overwrite`.

        Raises UsageError when the folder is taken, BundleError when it cannot be written.

        >>> model.save("models/kept")
        >>> nlpkit.load("models/kept").metadata["task"]
        'classification'
        """
        folder, bundle = Path(folder), self.bundle
        card = model_card(folder.resolve().name, bundle.metadata, self.recipe, self._card())
        write_bundle(
            folder,
            Bundle(bundle.metadata, bundle.files | {"README.md": card.encode()}),
            overwrite=overwrite,
            run=self._run,
        )
        self.saved_in = folder

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> Self:
        """The model in a bundle; `nlpkit.load` reads one from a folder."""
        text = bundle.files["recipe.toml"].decode()
        model = cls(cast(R, recipe_from_toml(text, "the bundle's recipe.toml", cls.schema)))
        model._open(bundle)
        return model

    def exported(self, *, int8: bool = False, seen: bool = False) -> Self:
        """The model as it is shipped: without what training left, `network` among it; with `int8`, its matrices in
        int8 with a scale for each row; with `seen`, what tells whether a text was trained on is kept, for those who
        start from it. Its figures are gone too, until `evaluate` finds new ones. Raises UsageError for `seen` of a
        model that does not know it.

        >>> small = model.exported(int8=True)
        >>> len(small.bundle.files["model.onnx"]) < len(model.bundle.files["model.onnx"])
        True
        """
        from nlpkit.runtime.quantize import quantize_weights

        if seen and SEEN not in self.bundle.files:
            raise UsageError("what the model was trained on is not known any more; export the one that was trained")
        bundle, left = self.bundle, {*_OF_TRAINING, *self.training_files} - ({SEEN} if seen else set())
        files = {name: content for name, content in bundle.files.items() if name not in left}
        if int8:
            files |= {name: quantize_weights(graph) for name, graph in files.items() if name.endswith(".onnx")}
        metadata = {**bundle.metadata, "metrics": {}}
        if int8:
            metadata["weights"] = "int8"
            metadata.pop("yardstick", None)  # which is another model's gain
        return self.from_bundle(Bundle(metadata, files))

    @own_random_state()
    def network(self) -> "keras.Model":
        """The Keras network with the model's weights, to look into or to train on. Imports Keras. Raises UsageError for
        a model that was exported.

        >>> model.network().count_params() >= model.metadata["parameters"]
        True
        """
        if _WEIGHTS not in self.bundle.files:
            raise UsageError(_NO_WEIGHTS)
        return self.trained_network()

    @own_random_state()
    def trained_network(self) -> "keras.Model":
        """The same, of a model that was exported too: from its graphs, which hold what was trained; what was counted
        beside it is then left out. Imports Keras. Raises BundleError where the graphs are not of the recipe's network.
        """
        files = self.bundle.files
        import_keras()
        from nlpkit.training.weights import network_from_graphs, network_from_weights

        if _WEIGHTS in files:
            return network_from_weights(self._build(), files[_WEIGHTS])
        graphs = {name: content for name, content in files.items() if name.endswith(".onnx")}
        return network_from_graphs(self._build(), self._graphs, graphs)

    def _open(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.frontend = self._read_frontend(bundle.files[self.frontend_file])
        self.session = Session(bundle.files["model.onnx"], threads=self.threads)


class RowTask(TrainedTask[R]):
    """A task whose rows stand alone, so that each of them was trained on or was not."""

    def _judge_held_out(self, prepared: Any) -> Any:
        return self._judge(self._prepared_rows(prepared, "validation"))

    def _rows_judged(self, dataset: Dataset[Any], prepared: Any) -> dict[str, Iterable[Any]]:
        """The rows of each split that `reports` has."""
        held_out = {"validation": self._prepared_rows(prepared, "validation")}
        return {split: held_out[split] if split in held_out else dataset.read(split) for split in self.reports}

    def _split(self, dataset: Dataset[Any], split: str | None) -> tuple[str, JudgedRows[Any]]:
        """As of every task. What was held out is known by the data's fingerprint, or, where the data has changed or is
        another, row by row."""
        seen = self._seen()
        if self._is_own(dataset) and split in (None, "train", "validation"):
            split = split or ("test" if "test" in dataset.splits else "validation")
            if split != "test" or seen is None:
                prepared = self._prepare(dataset, lambda *_: None, self.frontend.to_bytes())
                rows = dataset.read(split) if split == "test" else self._prepared_rows(prepared, split)
                own = self._known(prepared.seen)
                if self.metadata.get("start", {}).get("task") == self.task:  # whose own record is no longer here
                    own = replace(own, whole=False)
                return split, JudgedRows(dataset.name, rows, self._key, seen or own)
        chosen = split or next((name for name in ("test", "validation") if name in dataset.splits), None)
        if chosen is not None and (chosen in dataset.splits or chosen != "validation" or seen is None):
            return chosen, self._all_rows(dataset, chosen)
        if seen is None and self._is_source(dataset.name):
            raise DataError(CHANGED.format(dataset.name))
        keep: Literal["unread", "held out"] = "held out" if chosen else "unread"
        return chosen or "train", JudgedRows(dataset.name, dataset.read("train"), self._key, seen, keep)

    def _all_rows(self, dataset: Dataset[Any], split: str | None) -> JudgedRows[Any]:
        """All rows of a split, or of train."""
        return JudgedRows(dataset.name, dataset.read(split or "train"), self._key, self._seen())

    def _read_by(self, earlier: Seen, dataset: Dataset[Any], prepared: Any) -> dict[str, int]:
        rows = {"validation": self._prepared_rows(prepared, "validation")}
        if "test" in dataset.splits:
            rows["test"] = dataset.read("test")
        return {split: sum(earlier.was_trained_on(self._key(row)) for row in found) for split, found in rows.items()}

    @abstractmethod
    def _key(self, row: Any) -> int:
        """What a row is known by, as `data.seen` keeps it."""

    @abstractmethod
    def _prepared_rows(self, prepared: Any, split: str) -> Iterable[Any]:
        """The rows of the train or the validation split of prepared data."""
