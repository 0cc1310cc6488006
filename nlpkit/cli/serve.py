"""`nlpkit serve`: models behind an address."""

import os

import typer

from nlpkit.cli.options import note
from nlpkit.errors import UsageError


def serve(
    bundles: list[str] = typer.Argument(
        None,
        metavar="[BUNDLE|NAME=BUNDLE]...",
        help="Folders, or names that `nlpkit models` lists.",
        show_default="the newest of each task under ./models, or those that come with nlpkit",
    ),
    host: str = typer.Option("127.0.0.1", help="Where to listen; 0.0.0.0 lets other machines in."),
    port: int = typer.Option(8000, min=0, max=65535, help="0 leaves it to the system."),
    workers: int = typer.Option(1, min=1, help="So many processes, each with the models in memory."),
    reload: bool = typer.Option(False, "--reload", help="Take new versions of the models as they are written."),
    api_key: bool = typer.Option(
        False, "--api-key", help="Ask for the key that the environment variable NLPKIT_API_KEY holds."
    ),
    allow_origin: list[str] = typer.Option(
        [], metavar="URL", help="Let pages of this origin ask; may be given several times."
    ),
    max_body: int = typer.Option(1 << 20, min=1, metavar="BYTES", help="A larger request is refused."),
    max_texts: int = typer.Option(256, min=1, help="A request with more texts is refused."),
    max_characters: int = typer.Option(20_000, min=1, help="A longer text is refused."),
    max_waiting: int = typer.Option(1_024, min=1, help="With more texts waiting, a request is refused for the moment."),
    deadline: float = typer.Option(
        25.0, min=0.001, max=86_400, metavar="SECONDS", help="A request that takes longer is given up."
    ),
    drain: float = typer.Option(
        1.0,
        min=0,
        max=86_400,
        metavar="SECONDS",
        help="After SIGTERM go on so long, while /readyz tells to send no more.",
    ),
    log_texts: bool = typer.Option(False, "--log-texts", help="Write what was asked into the log, too."),
) -> None:
    """Answer over HTTP, with a page to play with; logs are JSON lines on standard output."""
    key = os.environ.get("NLPKIT_API_KEY", "").strip()  # a file that it comes from ends with a line break
    if api_key and not (key.isascii() and key.isprintable() and key):
        raise UsageError("--api-key wants a key in NLPKIT_API_KEY, of letters, digits and marks that are ASCII")
    if max_texts > max_waiting:
        raise UsageError(f"--max-waiting {max_waiting} would never let a request of --max-texts {max_texts} in")
    try:
        from nlpkit.serve.server import serve
    except ModuleNotFoundError as error:
        raise UsageError(f"serving needs {error.name}: pip install 'nlpkit-lstm[serve]'") from None
    from nlpkit.cores import cores
    from nlpkit.serve.settings import Settings, named_models

    settings = Settings(
        models=named_models(bundles or []),
        threads=max(2, cores() // workers),  # so that what is slow does not hold up the rest
        max_body=max_body,
        max_texts=max_texts,
        max_characters=max_characters,
        max_waiting=max_waiting,
        deadline=deadline,
        drain=drain,
        reload=reload,
        origins=tuple(allow_origin),
        log_texts=log_texts,
        key=key if api_key else None,
    )

    def ready(port: int) -> None:
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        note(f"serving {', '.join(settings.models)}\n  to play with  {address}/\n  for programs  {address}/docs")

    raise typer.Exit(serve(settings, host, port, workers, ready))
