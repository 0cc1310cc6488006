"""The tasks, by name. A new one is a file here, a line in `TASKS`, a recipe and a test file."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.bundle import opening, read_bundle
from nlpkit.errors import BundleError

if TYPE_CHECKING:
    from nlpkit.tasks.classification.classifier import TextClassifier
    from nlpkit.tasks.generation.generator import TextGenerator
    from nlpkit.tasks.translation.translator import Translator

TASKS = {
    "classification": ("nlpkit.tasks.classification.classifier", "TextClassifier"),
    "generation": ("nlpkit.tasks.generation.generator", "TextGenerator"),
    "translation": ("nlpkit.tasks.translation.translator", "Translator"),
}


def load(folder: str | Path) -> "TextClassifier | TextGenerator | Translator":
    """The model in a bundle, ready to answer. Loads no training framework.

    Raises BundleError when the folder is no bundle, is damaged, or was made by a newer nlpkit.
    """
    bundle = read_bundle(Path(folder))
    task = bundle.metadata.get("task")
    if task not in TASKS:
        raise BundleError(f"{folder} holds a model for the task {task!r}, which this nlpkit does not know")
    with opening(folder):
        model: TextClassifier | TextGenerator | Translator = task_class(task).from_bundle(bundle)
        model.check()
    return model


def task_class(task: str) -> Any:
    """The class of a task in `TASKS`."""
    module, name = TASKS[task]
    return getattr(import_module(module), name)
