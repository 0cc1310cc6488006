"""The recipe: the typed and closed description of one run, read from TOML and written back to it.

A value is looked for in this order: a command-line flag, `--set section.key=value`, the recipe's file, the
default below. Whatever is not a key of the schema is refused, with the key that was probably meant.
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from nlpkit.data.tables import Reading
from nlpkit.errors import UsageError, did_you_mean, reason
from nlpkit.normalization import Normalization

Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A closed group of keys: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DataSection(Section):
    source: str
    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True
    validation_fraction: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    limit: Annotated[int, Field(ge=1)] | None = None

    @property
    def reading(self) -> Reading:
        """How the data's files are read."""
        return Reading(self.encoding, self.delimiter, self.header)

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are named, by what they are for: {"text": "body"}."""
        return {key.removesuffix("_column"): name for key, name in self if key.endswith("_column") and name is not None}


class TokenizerSection(Section):
    model: Annotated[str, Field(min_length=1)] | None = None
    kind: Literal["unigram", "bpe", "char"] = "bpe"
    vocab_size: Annotated[int, Field(ge=8, le=1_000_000)] = 8000
    normalization: Normalization = "lines"
    lowercase: bool = False
    byte_fallback: bool = True


NOTHING, AUTO = "none", "auto"
"""Of what to start from: nothing, which a setting can say so too, and what the task finds best for the data."""


class StackSection(Section):
    """The backbone, the same for every task."""

    start_from: Annotated[str | None, BeforeValidator(lambda given: None if given == NOTHING else given)] = None
    vectors: Annotated[str, Field(min_length=1)] | None = None
    vectors_frozen: Annotated[float, Field(gt=0, le=1)] | None = None
    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    units: Annotated[int, Field(ge=1, le=8192)] = 128
    layers: Annotated[int, Field(ge=1, le=16)] = 1
    embedding_size: Annotated[int, Field(ge=1, le=8192)] = 128
    word_dropout: Fraction = 0.0
    recurrent_dropout: Fraction = 0.0
    output_dropout: Fraction = 0.0

    @property
    def directions(self) -> int:
        """In how many the text is read."""
        return 1

    @model_validator(mode="after")
    def _check_vectors(self) -> Self:
        if self.vectors_frozen is not None and self.vectors is None:
            raise ValueError("vectors_frozen goes with vectors, the file that they are in")
        return self


Passes = Annotated[int, Field(ge=1, le=100_000)]
Updates = Annotated[int, Field(ge=1, le=100_000_000)]


class TrainingSection(Section):
    epochs: Passes | None = None
    min_epochs: Passes = 6
    max_epochs: Passes = 30
    updates: Updates = 600
    max_updates: Updates = 12_000
    batch_size: Annotated[int, Field(ge=1, le=100_000)] = 64
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.004
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    warmup: Fraction = 0.1
    schedule: Literal["cosine", "constant"] = "cosine"
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    beta_2: Fraction = 0.99
    ema_momentum: Fraction = 0.995
    ema_share: Annotated[float, Field(gt=0, le=1)] = 0.03
    average_epochs: Annotated[int, Field(ge=0)] = 0
    patience: Annotated[int, Field(ge=0)] = 0
    yardstick: bool = True
    devices: Annotated[int, Field(ge=1, le=1024)] = 1
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 2.0
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if self.min_epochs > self.max_epochs:
            raise ValueError(f"min_epochs = {self.min_epochs} is more than max_epochs = {self.max_epochs}")
        if self.updates > self.max_updates:
            raise ValueError(f"updates = {self.updates} is more than max_updates = {self.max_updates}")
        return self


class Recipe(Section):
    """What the recipes of all tasks have: of each task a class of its own, with its own sections."""

    task: str
    description: str = ""
    data: DataSection
    model: StackSection
    training: TrainingSection

    renamed: ClassVar[Mapping[str, str]] = {}
    """The keys that had another name, by that name, dotted."""

    @classmethod
    def settle(cls, table: dict[str, Any], keys: Collection[str]) -> None:
        """Settles in a recipe's table what it leaves open, where it follows from the `keys`, dotted, that were set."""

    @classmethod
    def upgraded(cls, table: dict[str, Any]) -> dict[str, Any]:
        """The table of a recipe that an older nlpkit wrote into a bundle, as it would be written today."""
        for old, new in cls.renamed.items():
            (section, before), (_, now) = old.split("."), new.split(".")
            part = table.get(section)
            if isinstance(part, dict) and before in part:
                part[now] = part.pop(before)
        return table


class TextRecipe(Recipe):
    """A recipe of a task that reads text, which a tokenizer stands before."""

    tokenizer: TokenizerSection


@dataclass(frozen=True)
class RecipeFile:
    """A recipe on disk: its name, where it lies and the line that describes it."""

    name: str
    path: Path
    description: str
    task: str


def find_recipe(reference: str) -> Path:
    """The file that a name or a path means: a path, `recipes/NAME.toml` here, or the package's own.

    Raises UsageError when there is none.
    """
    path = Path(reference)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if path.is_file():
            return path
        raise UsageError(f"no recipe file at {reference}; `nlpkit recipes` lists the recipes there are")
    files = _recipe_files()
    if reference not in files:
        hint = did_you_mean(reference, list(files))
        raise UsageError(f"no recipe called {reference}{hint}; `nlpkit recipes` lists them")
    return files[reference]


def list_recipes() -> list[RecipeFile]:
    """Every recipe that can be named from here, by name."""
    found = []
    for name, path in sorted(_recipe_files().items()):
        table = _read_toml(path)
        found.append(
            RecipeFile(name, path, str(table.get("description", "")), str(table.get("task", "classification")))
        )
    return found


def load_recipe(reference: str | Path, settings: Iterable[str] = (), flags: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe that a name or path means, with `a.b=c` settings and then `{"a.b": value}` flags laid over it.

    Raises UsageError that names the file or setting, the key and what was probably meant.

    >>> recipe = nlpkit.load_recipe("sentiment", ["model.units=64"])
    >>> recipe.task, recipe.model.units
    ('classification', 64)
    """
    path = find_recipe(str(reference))
    table = _read_toml(path)
    origin: dict[str, str] = {}
    for setting in settings:
        key, value = parse_setting(setting)
        _assign(table, key, value, f"--set {setting}")
        origin[key] = f"--set {setting}"
    for key, value in (flags or {}).items():
        if value is not None:
            _assign(table, key, value, key)
            origin[key] = f"--{key.rsplit('.', 1)[-1].replace('_', '-')} {value}"
    _schema(table, str(path)).settle(table, origin)
    return parse_recipe(table, str(path), origin)


def setting_key(name: str, schema: type[Recipe]) -> str:
    """The dotted key of a bare one, as Python's keyword arguments give it: `epochs` is `training.epochs`.

    Raises UsageError for a key that no section has.
    """
    keys = {key.rpartition(".")[2]: key for key in _keys(schema) if "." in key}
    for old, new in schema.renamed.items():
        if name == old.rpartition(".")[2]:
            raise UsageError(f"{name} is called {new.rpartition('.')[2]} now")
    if name not in keys:
        raise UsageError(f"no section of a recipe has a key {name}{did_you_mean(name, list(keys))}")
    return keys[name]


def parse_recipe(table: Mapping[str, Any], where: str, origin: Mapping[str, str] | None = None) -> Recipe:
    """A validated recipe; `where` and `origin` (dotted key to its source) tell errors whom to blame."""
    return _validated(table, _schema(table, where), where, origin or {})


def _validated(table: Mapping[str, Any], schema: type[Recipe], where: str, origin: Mapping[str, str]) -> Recipe:
    try:
        return schema.model_validate(dict(table))
    except ValidationError as error:
        raise UsageError(_explain(error, schema, where, origin)) from None


def recipe_to_toml(recipe: Recipe) -> str:
    """The recipe with every key spelled out, as TOML."""
    import tomli_w

    return tomli_w.dumps(recipe.model_dump(exclude_none=True))


def recipe_from_toml(text: str, where: str, schema: type[Recipe] | None = None) -> Recipe:
    """Reads back what `recipe_to_toml` wrote, today or in an older nlpkit: of the `schema`, where it is of its task,
    which then need not be registered."""
    table = _parse_toml(text, where)
    if schema is None or table.get("task") != schema.model_fields["task"].default:
        schema = _schema(table, where)
    return _validated(schema.upgraded(table), schema, where, {})


def packaged_recipes() -> Path:
    """The folder of the recipes that come with nlpkit: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def _recipe_files() -> dict[str, Path]:
    from nlpkit.tasks import recipe_folders

    folders = [*recipe_folders(), packaged_recipes(), Path("recipes")]  # the nearer one wins
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def _schema(table: Mapping[str, Any], where: str) -> type[Recipe]:
    """The class of a table's task."""
    from nlpkit.tasks import task_class, task_names  # a task's class needs this file

    task = table.get("task", "classification")
    if task not in task_names():
        hint = did_you_mean(str(task), task_names())
        raise UsageError(f"{where}: task: there is no task {task!r}{hint}; there are {', '.join(task_names())}")
    schema: type[Recipe] = task_class(task).schema
    return schema


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return _parse_toml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text, so it is no recipe") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {reason(error)}") from None


def _parse_toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is not valid TOML: {error}") from None


def parse_setting(setting: str) -> tuple[str, Any]:
    """The dotted key and the value that `section.key=value` sets. Raises UsageError for what is not written so."""
    key, equals, text = setting.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not key:
        raise UsageError(f"--set {setting}: write it as section.key=value, such as training.epochs=3")
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text  # a bare word is a string


def _assign(table: dict[str, Any], key: str, value: Any, where: str) -> None:
    *sections, last = key.split(".")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise UsageError(f"{where}: {section} is a key, not a section")
    table[last] = value


def _explain(error: ValidationError, schema: type[Recipe], where: str, origin: Mapping[str, str]) -> str:
    """The first thing wrong, in one line; how many more there are, if any."""
    first = error.errors()[0]
    # pydantic appends its own steps to the location (list indexes, union members); keys come first
    key = ".".join(str(part) for part in first["loc"][:2])
    place = origin.get(key, where)
    if first["type"] == "extra_forbidden":
        if key in schema.renamed:
            return f"{place}: {key} is called {schema.renamed[key]} now"
        known = _keys(schema)
        section = key.rpartition(".")[0]
        siblings = [name for name in known if name.rpartition(".")[0] == section]
        elsewhere = [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]]
        hint = did_you_mean(key, siblings) or did_you_mean(key, known)
        hint = f"; did you mean {elsewhere[0]}?" if elsewhere else hint
        message = f"{place}: there is no key {key}{hint}"
        if not hint:
            message += f"; the keys there are: {', '.join(name.rpartition('.')[2] for name in siblings)}"
    elif not key or (first["type"] == "value_error" and isinstance(first["input"], dict)):  # of several keys together
        message = f"{place}: {key}{': ' if key else ''}{first['msg'].removeprefix('Value error, ')}"
    else:
        given = first["input"]
        reason = first["msg"][0].lower() + first["msg"][1:]
        message = f"{place}: {key}: {reason}, not {given!r}"
    others = error.error_count() - 1
    return message + (f" (and {others} more)" if others else "")


def _keys(schema: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in schema.model_fields.items():
        keys.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += _keys(field.annotation, f"{prefix}{name}.")
    return keys
