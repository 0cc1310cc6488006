"""`nlpkit recipes`: what can be trained."""

import typer

from nlpkit.terminal import plain_table

app = typer.Typer(help="List the recipes, or print one.", invoke_without_command=True)


@app.callback()
def recipes(context: typer.Context) -> None:
    """List the recipes that can be named from here."""
    if context.invoked_subcommand:
        return
    from rich.console import Console

    from nlpkit.recipe import list_recipes

    table = plain_table("recipe", "task", "what it does")
    for recipe in list_recipes():
        table.add_row(recipe.name, recipe.task, recipe.description)
    Console(highlight=False).print(table)


@app.command()
def show(name: str = typer.Argument(help="A recipe's name or path.")) -> None:
    """Print a recipe, with its comments, ready to be saved and changed."""
    from nlpkit.recipe import find_recipe, load_recipe

    load_recipe(name)  # what is shown is valid
    print(find_recipe(name).read_text(encoding="utf-8"), end="")
