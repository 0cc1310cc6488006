"""Recipes: closed, typed, layered, and the same after a round trip."""

from pathlib import Path
from typing import Any, cast

import pytest

from nlpkit.errors import UsageError
from nlpkit.recipe import (
    RecipeFile,
    find_recipe,
    list_recipes,
    load_recipe,
    recipe_from_toml,
    recipe_to_toml,
    setting_key,
)
from nlpkit.tasks.classification.recipe import ClassificationRecipe


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text('task = "classification"\n[training]\nepochs = 7\nlearning_rate = 1\n', encoding="utf-8")
    return path


def test_flags_win_over_settings_and_settings_over_the_file(recipe_file: Path) -> None:
    assert load_recipe(recipe_file).training.epochs == 7
    assert load_recipe(recipe_file, ["training.epochs=8"]).training.epochs == 8
    assert load_recipe(recipe_file, ["training.epochs=8"], {"training.epochs": 9}).training.epochs == 9
    assert load_recipe(recipe_file, ["training.epochs=8"], {"training.epochs": None}).training.epochs == 8


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("data.source=my file.csv", "my file.csv"),
        ('data.source="quoted"', "quoted"),
        ("data.source = spaced ", "spaced"),
    ],
)
def test_a_bare_word_is_a_string(setting: str, value: str) -> None:
    assert load_recipe("sentiment", [setting]).data.source == value


def test_lists_and_numbers_in_settings() -> None:
    recipe = load_recipe("sentiment", ['model.pooling=["last", "mean"]', "training.learning_rate=1e-3"])
    assert isinstance(recipe, ClassificationRecipe)
    assert recipe.model.pooling == ["last", "mean"]
    assert recipe.training.learning_rate == 0.001


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("training.min_epochs=50", "training: min_epochs = 50 is more than max_epochs = 30"),
        ("model.vectors_frozen=0.5", "model: vectors_frozen goes with vectors, the file that they are in"),
        ("training.frozen=true", "training.frozen goes with model.start_from, a model to start from"),
    ],
)
def test_keys_that_do_not_go_together_are_told_in_short(setting: str, told: str) -> None:
    with pytest.raises(UsageError, match=f": {told}$"):
        load_recipe("sentiment", [setting])


def test_round_trip_keeps_every_key(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file, ["data.text_column=body", "training.seed=5"])
    text = recipe_to_toml(recipe)
    assert recipe_from_toml(text, "here") == recipe
    assert "checkpoint_minutes" in text


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        (["training.epocs=3"], ["--set training.epocs=3", "training.epocs", "did you mean training.epochs"]),
        (["epochs=3"], ["epochs", "did you mean training.epochs"]),
        (["trainig.epochs=3"], ["trainig", "did you mean training"]),
        (["training.epochs=three"], ["--set training.epochs=three", "training.epochs", "integer", "'three'"]),
        (["training.epochs=0"], ["training.epochs", "greater than or equal to 1", "not 0"]),
        (["training.epochs=true"], ["training.epochs", "integer"]),
        (["model.cell=lstn"], ["model.cell", "'lstm'", "'lstn'"]),
        (["model.pooling=[]"], ["model.pooling", "at least 1"]),
        (["model.embedding_dropout=1.0"], ["model.embedding_dropout", "less than 1"]),
        (["training.epochs"], ["section.key=value"]),
        (["task=sumarization"], ["no task 'sumarization'"]),
        (["training.seed.deep=1"], ["a key, not a section"]),
        (["training.epochs=0", "training.warmup=2"], ["(and 1 more)"]),
    ],
)
def test_what_is_not_in_the_schema_is_refused(settings: list[str], parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe("sentiment", settings)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[training\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"bad\.toml is not valid TOML"):
        load_recipe(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_recipe(path)
    path.write_text("[training]\nepochs = 1.5\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"bad\.toml: training\.epochs: .*not 1\.5"):
        load_recipe(path)


def test_finding_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe_file: Path) -> None:
    assert find_recipe("sentiment").name == "sentiment.toml"
    assert find_recipe(str(recipe_file)) == recipe_file
    with pytest.raises(UsageError, match="did you mean sentiment"):
        find_recipe("sentimant")
    with pytest.raises(UsageError, match=r"no recipe file at nowhere/x\.toml"):
        find_recipe("nowhere/x.toml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    recipe_file.rename(tmp_path / "recipes" / "sentiment.toml")
    assert load_recipe("sentiment").training.epochs == 7  # the nearer one


def test_the_shipped_recipes_are_valid_and_spelled_out() -> None:
    recipes = list_recipes()
    assert "sentiment" in [recipe.name for recipe in recipes]
    for recipe in recipes:
        assert recipe.description
        assert load_recipe(recipe.path)


def test_the_defaults_are_the_default_recipe_s() -> None:
    shipped = load_recipe("sentiment")
    assert shipped.training == ClassificationRecipe().training
    assert shipped.data == ClassificationRecipe().data


def test_every_key_has_a_name_of_its_own() -> None:
    sections = [
        set(type(section).model_fields)
        for _, section in ClassificationRecipe()
        if hasattr(type(section), "model_fields")
    ]
    assert sum(map(len, sections)) == len(set.union(*sections))
    assert setting_key("units", ClassificationRecipe) == "model.units"


@pytest.mark.parametrize("recipe", list_recipes(), ids=lambda recipe: recipe.name)
def test_every_recipe_that_comes_along_is_valid_and_spells_out_its_keys(recipe: RecipeFile) -> None:
    found = load_recipe(recipe.path)
    assert recipe.description
    # what it leaves to a default, it names in a comment: no key is hidden
    text = recipe.path.read_text(encoding="utf-8")
    sections = {name: section for name, section in found.model_dump().items() if isinstance(section, dict)}
    named = {line.removeprefix("# ").split(" = ")[0] for line in text.splitlines() if " = " in line}
    hidden = {key for section in sections.values() for key in section} - named
    assert hidden <= {"text_column", "source_column", "target_column", "target", "limit"}


def test_a_key_that_had_another_name_is_told_and_read_from_a_bundle() -> None:
    for recipe in ("generate", "translate"):
        with pytest.raises(UsageError, match=r"model\.embedding_dropout is called model\.input_dropout now"):
            load_recipe(recipe, ["model.embedding_dropout=0.1"])
    old = recipe_to_toml(load_recipe("translate", ["model.input_dropout=0.3"])).replace(
        "input_dropout", "embedding_dropout"
    )
    assert "embedding_dropout = 0.3" in old
    assert cast(Any, recipe_from_toml(old, "a bundle")).model.input_dropout == 0.3


def test_tied_embeddings_once_needed_one_size() -> None:
    tied = recipe_to_toml(load_recipe("generate", ["model.tie_embeddings=true"]))
    assert cast(Any, recipe_from_toml(tied, "a bundle")).model.tie_embeddings
    # as it was called when they did nothing where sizes differ
    old = tied.replace("input_dropout", "embedding_dropout")
    assert not cast(Any, recipe_from_toml(old, "a bundle")).model.tie_embeddings


def test_an_older_recipe_that_is_damaged_is_told_so() -> None:
    for wrong in ('"x"', "3", "[]"):
        with pytest.raises(UsageError, match="a bundle: model: input should be a valid dictionary"):
            recipe_from_toml(f'task = "generation"\nmodel = {wrong}\n', "a bundle")
    with pytest.raises(UsageError, match="embedding_dropout is called input_dropout now"):
        setting_key("embedding_dropout", type(load_recipe("generate")))
    assert setting_key("embedding_dropout", ClassificationRecipe) == "model.embedding_dropout"
