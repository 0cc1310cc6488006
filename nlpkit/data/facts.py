"""What is to be said of a data set before it is trained on, and beside every figure that it gives."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nlpkit.data.cache import cached
from nlpkit.data.dataset import Dataset
from nlpkit.data.notes import tell_once
from nlpkit.data.seen import SEEN, Seen, seen_from, seen_from_bytes

logger = logging.getLogger("nlpkit")

FLATTERS = 0.02  # of a text's characters, trained on; fewer are common phrases
_FILE = "facts.json"


@dataclass(frozen=True)
class Facts:
    """What was found in the splits of a data set when all of them were read.

    left_out: rows that are of no use to training, by split and reason; repeated: how many rows of a split that judges
    stand in the one trained on, too; unlearnt: the labels of such a split that the one trained on does not have; said:
    what the readers had to tell; characters: of each split, where these are what is counted.
    """

    left_out: dict[str, dict[str, int]] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)
    unlearnt: dict[str, list[str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    characters: dict[str, int] = field(default_factory=dict)

    def tell(self, name: str, unit: str) -> None:
        """Says so, of the data set `name` with rows called `unit`."""
        for message in self.said:
            tell_once(message)
        for split, reasons in self.left_out.items():
            counts = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
            logger.warning("left out %s of %s: %s (%s)", amount(sum(reasons.values()), unit), name, counts, split)
        for split, count in self.repeated.items():
            if count <= FLATTERS * self.characters.get(split, 0):
                continue
            stand = "stands" if count == 1 else "stand"
            rows = amount(count, unit)
            logger.warning("%s of %s, %s, %s in train, too: its figures flatter", rows, name, split, stand)
        for split, labels in self.unlearnt.items():
            names = ", ".join(map(repr, labels[:5])) + (", …" if len(labels) > 5 else "")
            logger.warning("%s, %s, has labels that train has not, so they cannot be learnt: %s", name, split, names)


def amount(count: int, things: str) -> str:
    """`1 row`, `2,000 rows`: so many of what `things` are called in the plural."""
    return f"{count:,} {things.removesuffix('s') if count == 1 else things}"


def keep_facts(folder: Path, facts: Facts, keys: Mapping[str, np.ndarray]) -> None:
    """Writes facts, and the record of what was seen, beside prepared data. `keys` are those of each split's rows."""
    (folder / _FILE).write_text(json.dumps(asdict(facts), ensure_ascii=False), encoding="utf-8")
    (folder / SEEN).write_bytes(seen_from(keys["train"], keys["validation"]).to_bytes())


def prepared_folder(
    dataset: Dataset[Any], unit: str, shape: Mapping[str, Any], fill: Callable[[Path], None], tokenizer: bytes | None
) -> tuple[Path, Facts, Seen]:
    """The folder with a data set's rows, called `unit`, as `cached` gives it, the content of the data being part of the
    `shape`; and what `fill` kept with `keep_facts`, which is told."""
    folder = cached({**shape, "fingerprint": dataset.fingerprint}, fill, tokenizer)
    facts = Facts(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    facts.tell(dataset.name, unit)
    return folder, facts, seen_from_bytes((folder / SEEN).read_bytes())


def count_repeated(keys: Mapping[str, np.ndarray]) -> dict[str, int]:
    """How many rows of each other split stand in train, too; splits without any are left out."""
    counts = {split: int(np.isin(own, keys["train"]).sum()) for split, own in keys.items() if split != "train"}
    return {split: count for split, count in counts.items() if count}
