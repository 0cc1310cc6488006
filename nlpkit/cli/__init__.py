"""The `nlpkit` command. One file a verb; their bodies parse, call and print."""

import logging
import os
import signal
import sys
from types import FrameType

import typer

import nlpkit
from nlpkit.cli import (
    data,
    evaluate,
    export,
    generate,
    info,
    inspect,
    lab,
    models,
    predict,
    recipes,
    serve,
    sweep,
    train,
    translate,
)
from nlpkit.cli.streams import give_up, prepare_streams
from nlpkit.errors import NlpkitError, reason

app = typer.Typer(
    name="nlpkit",
    help="Text models on Keras LSTM layers: train on a laptop, ship a few megabytes, answer in milliseconds.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("train")(train.train)
app.command("sweep")(sweep.sweep)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("generate")(generate.generate)
app.command("translate")(translate.translate)
app.command("export")(export.export)
app.command("info")(info.info)
app.command("inspect")(inspect.inspect)
app.command("models")(models.models)
app.command("serve")(serve.serve)
app.add_typer(recipes.app, name="recipes")
app.add_typer(data.app, name="data")
app.add_typer(lab.app, name="lab")


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


_OF_TRAINING = ("keras", "onnx", "sacrebleu", "scipy", "sklearn", "tensorflow", "tensorflow_datasets", "tomli_w")
"""What the distribution that answers alone has not."""


def main() -> None:
    """Runs the command and leaves with its exit code: 0, 1 for what went wrong, 2 for what was asked wrongly."""
    debug = "--debug" in sys.argv  # wherever it stands, so that a failed command can be repeated with it
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    prepare_streams()
    _leave_on_signals()
    logging.basicConfig(format="note: %(message)s", stream=sys.stderr)
    try:
        code = app(arguments, standalone_mode=False)
        sys.stdout.flush()
    except (NlpkitError, typer.TyperException) as error:
        if debug:
            raise
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        if message:
            _tell(message)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        code = 130
    except OSError as error:
        if debug:
            raise
        # files are named in their errors, and so are those that verbs make of them; streams are not
        where = f"{error.filename} cannot be used" if error.filename else "standard output cannot be written"
        _tell(f"{where}: {reason(error)}")
        code = 1
    except MemoryError:
        if debug:
            raise
        _tell("there is not enough memory; try smaller batches or a smaller model")
        code = 1
    except Exception as error:
        if debug:
            raise
        if isinstance(error, ModuleNotFoundError) and error.name in _OF_TRAINING:
            _tell(f"this needs {error.name}: pip install nlpkit-lstm, which brings it")
        else:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            _tell(f"{what} (a bug, it seems: --debug shows where)")
        code = 1
    try:
        sys.stdout.flush()
    except OSError:  # told above; Python would tell it again at its end
        give_up(1)
    if code and "tensorflow" in sys.modules:
        # what failed was taken away or saved; data threads may still be at work, and Python's end would wait for them
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _tell(message: str) -> None:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)


def _leave_on_signals() -> None:
    """What asks a process to end becomes an exception, so that half-written files are taken away."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)  # as shells report it

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, leave)
