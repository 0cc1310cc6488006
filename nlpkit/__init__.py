"""Text models on Keras LSTM layers: train on a laptop, ship a few megabytes, answer in milliseconds.

>>> import nlpkit
>>> nlpkit.load("models/reviews").predict(["a lovely day"])
['positive']

Nothing heavy is imported here: names are looked up when they are used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nlpkit.errors import NlpkitError as NlpkitError
    from nlpkit.recipe import load_recipe as load_recipe
    from nlpkit.tasks import load as load
    from nlpkit.tasks.classification.classifier import TextClassifier as TextClassifier
    from nlpkit.tasks.generation.generator import TextGenerator as TextGenerator
    from nlpkit.tasks.translation.translator import Translator as Translator

__version__ = "0.1.0"

_PUBLIC = {
    "NlpkitError": "nlpkit.errors",
    "TextClassifier": "nlpkit.tasks.classification.classifier",
    "TextGenerator": "nlpkit.tasks.generation.generator",
    "Translator": "nlpkit.tasks.translation.translator",
    "load": "nlpkit.tasks",
    "load_recipe": "nlpkit.recipe",
}

__all__ = ["NlpkitError", "TextClassifier", "TextGenerator", "Translator", "load", "load_recipe"]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'nlpkit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
