"""What a new model takes over from the one that it starts from: the tokenizer, the shape, and the weights that fit."""

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from nlpkit.data.notes import tell_once
from nlpkit.errors import UsageError
from nlpkit.recipe import Recipe, TextRecipe

if TYPE_CHECKING:
    import keras

    from nlpkit.tasks.base import TrainedTask

R = TypeVar("R", bound=Recipe)

_BACKBONE = ("cell", "units", "layers", "embedding_size")
_TOKENIZER = ("kind", "vocab_size", "normalization", "lowercase", "byte_fallback")
# what a model has by itself, whatever it starts from
_OWN = ("start_from", "vectors", "vectors_frozen", "labels", "ngrams", "counts")


def recipe_from(recipe: R, start: Recipe) -> R:
    """The recipe with the shape of the backbone, or, of the same task, of the whole network, and with the tokenizer, of
    the model that it starts from; what the recipe says otherwise is told. Raises UsageError where it then no longer is
    one."""
    section = type(recipe.model)
    keys = [key for key in section.model_fields if key not in _OWN and not key.endswith("dropout")]
    shape = {key: getattr(start.model, key) for key in (keys if start.task == recipe.task else _BACKBONE)}
    if start.task != recipe.task and "bidirectional" in keys:
        shape["bidirectional"] = start.model.directions == 2
    table: dict[str, Any] = recipe.model_dump(exclude_none=True)
    brought = {"model": shape}
    if isinstance(recipe, TextRecipe) and isinstance(start, TextRecipe):
        brought["tokenizer"] = {key: getattr(start.tokenizer, key) for key in _TOKENIZER}
    usual = type(recipe).model_validate({}).model_dump()
    lost = [
        f"{name}.{key} = {value!r}, not {said!r}"
        for name, section_brought in brought.items()
        for key, value in section_brought.items()
        if (said := table[name].get(key)) not in (value, usual[name][key])
    ]
    if lost:
        tell_once(f"{recipe.model.start_from} brings along what it is like: {'; '.join(lost)}")
    for name, section_brought in brought.items():
        table[name] |= section_brought
    try:
        return type(recipe).model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key, what = ".".join(map(str, first["loc"][:2])), first["msg"].removeprefix("Value error, ")
        raise UsageError(f"the recipe does not go with {recipe.model.start_from}: {key}: {what}") from None


def take_weights(network: "keras.Model", start: "TrainedTask[Any]", fresh: set[str]) -> dict[str, Any]:
    """Sets the layers of a network that a trained model has, by name and shape, but for those that are to be `fresh`,
    to that model's weights; gives what the metadata tell of it. Raises UsageError where nothing fits."""
    known = {layer.name: layer.get_weights() for layer in start.trained_network().layers}
    taken, new = [], []
    for layer in network.layers:
        own, given = layer.get_weights(), known.get(layer.name)
        if not own:
            continue
        fits = given is not None and [array.shape for array in own] == [array.shape for array in given]
        if fits and layer.name not in fresh:
            layer.set_weights(given)
            taken.append(layer.name)
        else:
            new.append(layer.name)
    if not taken:
        raise UsageError(f"nothing of {start.recipe.task} of such a shape fits into {network.name}; start from another")
    return {"task": start.recipe.task, "sha256": weights_digest(start), "taken": taken, "new": new}


def weights_digest(model: "TrainedTask[Any]") -> str:
    """By which the weights of a model are known."""
    return hashlib.sha256(model.bundle.files["model.onnx"]).hexdigest()
