"""The models that a server answers with, and new versions of them."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpkit.bundle import bundle_state, digest
from nlpkit.errors import NlpkitError
from nlpkit.serve.logs import log
from nlpkit.serve.metrics import RELOADS
from nlpkit.serve.verbs import Verb, verbs_of

_LOOK = 1.0  # seconds between looks at the folders


@dataclass(frozen=True)
class Served:
    """A model as it is served: its verbs, and what is told of it. `state` tells a version in the folder from others."""

    name: str
    verbs: dict[str, Verb]
    facts: dict[str, Any]
    state: Any


def open_served(name: str, folder: Path) -> Served:
    """Opens a bundle to be served. Raises BundleError."""
    from nlpkit.tasks import load

    state = bundle_state(folder)
    model: Any = load(folder)
    verbs = {verb.name: verb for verb in verbs_of(model)}
    metadata = model.bundle.metadata
    facts = {
        "name": name,
        "task": model.task,
        "verbs": list(verbs),
        "version": digest([model.bundle])[:12],
        "created": metadata["created"],
        "parameters": metadata["parameters"],
        "weights": metadata.get("weights", "float32"),
    }
    for verb in verbs.values():
        facts |= verb.facts
    return Served(name, verbs, facts, state)


class Models:
    """Models by name, as they are now."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = folders
        self.by_name = {name: open_served(name, folder) for name, folder in folders.items()}

    async def watch(self) -> None:
        """Takes new versions of models as they are written into their folders, until it is cancelled. One that cannot
        be opened is told, and the one before goes on."""
        told: dict[str, str] = {}
        while True:
            await asyncio.sleep(_LOOK)
            for name, folder in self._folders.items():
                state = await asyncio.to_thread(bundle_state, folder)
                if state is None or state == self.by_name[name].state:  # of a folder that is away the model stays
                    continue
                try:
                    served = await asyncio.to_thread(open_served, name, folder)
                    if served.facts["task"] != self.by_name[name].facts["task"]:
                        raise NlpkitError(f"it is for {served.facts['task']} now; start the server again for that")
                except Exception as error:  # tried again, as files that somebody copies come one after the other
                    if told.get(name) != str(error):
                        told[name] = str(error)
                        RELOADS.labels(name, "refused").inc()
                        log("model not taken", level=logging.WARNING, model=name, why=str(error))
                else:
                    self.by_name[name] = served
                    told.pop(name, None)
                    RELOADS.labels(name, "taken").inc()
                    log("model taken", model=name, version=served.facts["version"])
