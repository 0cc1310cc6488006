"""The rows that a model is judged on, held against what it was trained on."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal

from nlpkit.data.dataset import RowT
from nlpkit.data.seen import Seen
from nlpkit.errors import DataError

logger = logging.getLogger("nlpkit")

UNKNOWN = "%s may have been trained on, in whole or in part: an exported model no longer knows"


@dataclass
class JudgedRows(Generic[RowT]):
    """The rows of the data set `name` to judge on; read, `trained_on` counts those that the model was trained on: None
    where that is not known.

    `key` gives the key of a row, and `keep` says which ones are judged: all of them, those that were not trained on,
    or those that were held out then. Raises DataError when none of them is.
    """

    name: str
    rows: Iterable[RowT]
    key: Callable[[RowT], int]
    seen: Seen | None
    keep: Literal["all", "unread", "held out"] = "all"
    trained_on: int | None = None

    def __iter__(self) -> Iterator[RowT]:
        trained_on = judged = count = 0
        for row in self.rows:
            count += 1
            if self.seen is not None:
                key = self.key(row)
                known = self.seen.was_trained_on(key)
                if known if self.keep == "unread" else self.keep == "held out" and not self.seen.was_held_out(key):
                    continue
                trained_on += known
            judged += 1
            yield row
        if count and not judged:
            why = "all were trained on" if self.keep == "unread" else "none was held out when the model was trained"
            raise DataError(
                f"{self.name}: of its {count:,} rows {why}; name other data, or --split train to judge on them anyway"
            )
        if judged < count:
            kept = "were not trained on" if self.keep == "unread" else "were held out then"
            logger.warning("judged on %s of the %s rows of %s, which %s", f"{judged:,}", f"{count:,}", self.name, kept)
        if self.seen is None or not self.seen.whole:
            logger.warning(UNKNOWN, self.name)
        else:
            self.trained_on = trained_on
        if trained_on:
            rows = f"{trained_on:,} of the {judged:,} rows of {self.name}"
            logger.warning("%s were trained on: the figures flatter", rows)
