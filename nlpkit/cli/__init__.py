"""The `nlpkit` command. One file a verb; their bodies parse, call and print."""

import io
import logging
import os
import sys

import typer

import nlpkit
from nlpkit.cli import data, evaluate, export, generate, info, predict, recipes, train, translate
from nlpkit.errors import Interrupted, NlpkitError

app = typer.Typer(
    name="nlpkit",
    help="Text models on Keras LSTM layers: train on a laptop, ship a few megabytes, answer in milliseconds.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("generate")(generate.generate)
app.command("translate")(translate.translate)
app.command("export")(export.export)
app.command("info")(info.info)
app.add_typer(recipes.app, name="recipes")
app.add_typer(data.app, name="data")


def _print_version(asked: bool) -> None:
    if asked:
        print(nlpkit.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_print_version, help="Print the version and stop."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error; goes with any command."),
) -> None:
    pass


def main() -> None:
    """Runs the command and leaves with its exit code: 0, 1 for what went wrong, 2 for what was asked wrongly."""
    debug = "--debug" in sys.argv  # wherever it stands, so that a failed command can be repeated with it
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    logging.basicConfig(format="note: %(message)s", stream=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    try:
        code = app(arguments, standalone_mode=False)
    except (NlpkitError, typer.TyperException) as error:
        if debug:
            raise
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        if message:
            print(f"error: {' '.join(message.split())}", file=sys.stderr)
        code = error.exit_code
        if isinstance(error, Interrupted):
            # all is saved; TensorFlow's data threads may still be at work, and would complain of Python's end
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        code = 130
    except Exception as error:
        if debug:
            raise
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        print(f"error: {' '.join(what.split())} (a bug, it seems: --debug shows where)", file=sys.stderr)
        code = 1
    sys.exit(code)
