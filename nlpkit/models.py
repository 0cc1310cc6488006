"""The models that are at hand: those trained here, under ./models, and the starters, which come with the package."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from nlpkit.bundle import newest_bundle
from nlpkit.errors import BundleError

STARTERS = Path(__file__).parent / "starters"
_ANSWERING = {"classification": "sentiment", "generation": "python-docs", "translation": "dates"}


def starters() -> dict[str, Path]:
    """The folders of the models that come with the package, by name."""
    return {path.parent.name: path.parent for path in sorted(STARTERS.glob("*/metadata.json"))}


def find_model(reference: str | Path) -> Path:
    """The folder that a path or a starter's name means; a path that exists wins."""
    try:
        path = Path(reference).expanduser()
        found = path.exists()
    except (OSError, RuntimeError, ValueError):  # no name of a file, or of somebody's home
        return Path(reference)
    return path if found else starters().get(str(reference), path)


def newest_model(task: str) -> Path:
    """The model of a task that was trained last under ./models, or the starter that answers for it. Raises BundleError
    where there is neither."""
    try:
        return newest_bundle(task)
    except BundleError:
        if path := starters().get(_ANSWERING.get(task, "")):
            return path
        raise


def answering_models() -> list[Path]:
    """The folders of the models that answer where none is named, one for each task that has one."""
    from nlpkit.tasks import task_names

    found = []
    for task in task_names():
        with suppress(BundleError):
            found.append(newest_model(task))
    return found


def list_models(root: Path = Path("models")) -> Iterator[tuple[str, Path]]:
    """The name by which each model is called here, and its folder: those under `root` by path, then the starters."""
    for path in sorted(root.glob("[!.]*/metadata.json")):
        yield str(path.parent), path.parent
    yield from starters().items()
