"""The tasks, by name: those that come with nlpkit, each a folder here, and those that other packages register.

A package registers a task by an entry point of the group `nlpkit.tasks`, whose name is the task's and whose value its
class, "package.module:Class"; recipes for it lie in the folder `recipes` beside that module.
"""

from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.errors import BundleError, UsageError

if TYPE_CHECKING:
    from nlpkit.bundle import Bundle
    from nlpkit.tasks.base import TrainedTask
    from nlpkit.tasks.classification.classifier import TextClassifier
    from nlpkit.tasks.generation.generator import TextGenerator
    from nlpkit.tasks.translation.translator import Translator

_GROUP = "nlpkit.tasks"
_OWN = {
    "classification": "nlpkit.tasks.classification.classifier:TextClassifier",
    "generation": "nlpkit.tasks.generation.generator:TextGenerator",
    "translation": "nlpkit.tasks.translation.translator:Translator",
}


def task_names() -> list[str]:
    """The names of all tasks, nlpkit's own first."""
    return list(_entries())


def task_class(task: str) -> "type[TrainedTask[Any]]":
    """The class of a task in `task_names`. Raises UsageError where its package is broken."""
    try:
        found: type[TrainedTask[Any]] = _entries()[task].load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the package that brings the task {task!r} cannot be loaded: {error}") from error
    return found


def task_classes() -> "list[type[TrainedTask[Any]]]":
    """The classes of all tasks whose packages are not broken."""
    found = []
    for task in task_names():
        with suppress(UsageError):
            found.append(task_class(task))
    return found


def task_of(bundle: "Bundle", folder: str | Path) -> "type[TrainedTask[Any]]":
    """The class of the task of a bundle that was read from a folder.

    Raises BundleError where there is no such task, or where the metadata are not as it writes them.
    """
    from nlpkit.bundle import check_facts

    task = bundle.metadata["task"]
    if task not in task_names():
        raise BundleError(f"{folder} holds a model for the task {task!r}, which this nlpkit does not know")
    found = task_class(task)
    check_facts(found.facts, bundle.metadata, folder)
    return found


def recipe_folders() -> list[Path]:
    """The folders of recipes beside the modules of the tasks that other packages registered."""
    found = []
    for name, entry in _entries().items():
        with suppress(ImportError):  # a package that is broken brings none
            spec = None if name in _OWN else find_spec(entry.module)
            found += [Path(spec.origin).parent / "recipes"] if spec and spec.origin else []
    return found


def load(folder: str | Path) -> "TextClassifier | TextGenerator | Translator":
    """The model in a bundle, a folder or the name of one that comes with nlpkit, ready to answer; of a task that
    another package registered, an instance of its class. Loads no training framework.

    Raises BundleError when the folder is no bundle, is damaged, or was made by a newer nlpkit.

    >>> nlpkit.load("models/reviews").predict(["a lovely day"])
    ['positive']
    """
    from nlpkit.bundle import read_bundle
    from nlpkit.models import find_model

    folder = find_model(folder)
    return model_of(read_bundle(folder), folder)


def model_of(bundle: "Bundle", folder: str | Path) -> "TextClassifier | TextGenerator | Translator":
    """The model in a bundle that was read from a folder. Raises BundleError where its parts do not go together."""
    from nlpkit.bundle import opening

    task = task_of(bundle, folder)
    with opening(folder):
        model: Any = task.from_bundle(bundle)
        model.check()
    return model  # type: ignore[no-any-return]


@cache
def _entries() -> dict[str, EntryPoint]:
    own = {name: EntryPoint(name, value, _GROUP) for name, value in _OWN.items()}
    return own | {entry.name: entry for entry in entry_points(group=_GROUP)} | own
