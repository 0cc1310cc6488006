"""Dates as people write them in fifteen languages, and as ISO 8601: made by code, out of the CLDR data in Babel."""

import datetime
import hashlib
import re
from collections.abc import Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.data.dataset import Dataset, Pair
from nlpkit.errors import DataError

if TYPE_CHECKING:
    from babel import Locale

LANGUAGES = ("cs", "de", "el", "en", "es", "fi", "fr", "hu", "it", "ja", "nl", "pl", "pt", "sv", "tr")
_FIRST, _LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
_SPLITS = {"train": 24_000, "validation": 500, "test": 1_000}
_FORMATS = ("full", "long", "medium", "numeric")


def open_dates() -> Dataset[Pair]:
    """Pairs such as ("5 mars 2024", "2024-03-05"), always the same ones: each day is of one split only, and stands
    in it once, in a language and a format drawn for it. Raises DataError when Babel is not installed."""
    if not has_babel():
        raise DataError('dates are made by the package Babel, which is not installed; pip install "babel" brings it')
    fingerprint = hashlib.sha256(repr((version("babel"), LANGUAGES, _SPLITS)).encode()).hexdigest()
    return Dataset("dates", {split: partial(_read, split) for split in _SPLITS}, fingerprint)


def has_babel() -> bool:
    """Whether the package is there."""
    try:
        return bool(version("babel"))
    except PackageNotFoundError:
        return False


def write_date(date: datetime.date, locale: "Locale", style: str) -> str:
    """A date in a style of `full`, `long`, `medium` or `numeric`. One of figures that could also be read with day and
    month the other way around comes out long; with points between them the day always comes first."""
    from babel.dates import format_date, format_skeleton

    if style != "numeric":
        return str(format_date(date, style, locale))
    text = str(format_skeleton("yMd", date, locale=locale))
    figures = re.findall(r"\d+", text)
    clear = int(figures[0]) == date.year or "." in text or date.day > 12 or date.day == date.month
    return text if clear else str(format_date(date, "long", locale))


def _read(split: str) -> Iterator[Pair]:
    from babel import Locale

    locales = [Locale.parse(language) for language in LANGUAGES]
    rng = np.random.default_rng(0)
    days = rng.permutation((_LAST - _FIRST).days + 1)
    choices = rng.integers((len(locales), len(_FORMATS)), size=(len(days), 2))
    start = 0
    for name, count in _SPLITS.items():
        if name == split:
            for day, (language, style) in zip(days[start : start + count].tolist(), choices[start:], strict=False):
                date = _FIRST + datetime.timedelta(day)
                yield Pair(write_date(date, locales[language], _FORMATS[style]), date.isoformat())
        start += count
