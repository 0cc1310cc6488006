"""What a server is told at its start."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nlpkit.errors import UsageError

PROCESSES = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names a folder where the processes of a server leave their figures for each other."""


@dataclass(frozen=True)
class Settings:
    """models: folders by name; threads: so many answer in each process; max_body: bytes of a request; max_texts: of a
    request; max_characters: of a text; max_waiting: texts let in at once by each process; deadline: seconds of a
    request; drain: seconds to go on after SIGTERM; reload: whether new versions of models are taken; origins: pages of
    other addresses that may ask; log_texts: whether logs hold what was asked; key: what requests must bring, if
    anything."""

    models: dict[str, Path]
    threads: int = 2
    max_body: int = 1 << 20
    max_texts: int = 256
    max_characters: int = 20_000
    max_waiting: int = 1_024
    deadline: float = 25.0
    drain: float = 1.0
    reload: bool = False
    origins: tuple[str, ...] = ()
    log_texts: bool = False
    key: str | None = None


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def named_models(given: Sequence[str]) -> dict[str, Path]:
    """The folders of models by the names that they are served under, of what the command line was given: folders, names
    that `nlpkit models` lists, or NAME=FOLDER; without any, those that the answering commands take. Raises UsageError
    for names that no address can have, or that two would share."""
    from nlpkit.models import answering_models, find_model

    found: dict[str, Path] = {}
    for one in given or map(str, answering_models()):
        name, equals, folder = one.partition("=")
        if not equals or Path(one).exists():
            folder, name = one, Path(one).resolve().name
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} can be no part of an address; name the model, as in reviews={folder}")
        if name in found:
            raise UsageError(f"two models are called {name}; name one of them, as in {name}-2={folder}")
        found[name] = find_model(folder)
    return found
