"""What is done to every text before it is split into pieces, told by the recipe and kept with the model."""

import re
from typing import Literal

Normalization = Literal["none", "lines", "sentence", "web"]

_BREAK = re.compile(r"(?:<br\s*+)++(?:/?>)?", re.IGNORECASE)


def normalize(text: str, how: Normalization) -> str:
    """The text as a model reads it; doing it twice changes nothing.

    "none" leaves it alone; "lines" drops a byte order mark and makes every line break one of "\\n"; "web" also turns
    HTML's `<br>` into one; "sentence" makes every run of white space one space, with none at the ends.
    """
    if how == "none":
        return text
    text = text.lstrip("\ufeff")
    if how == "sentence":
        return " ".join(text.split()).lstrip("\ufeff ")  # a mark may stand behind white space
    if how == "web" and "<" in text:
        text = _BREAK.sub(_line_break, text)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _line_break(found: re.Match[str]) -> str:
    tag = found[0]
    # one that is begun inside another stays: in its place a line break would make the outer one whole
    return "\n" if tag.endswith(">") and tag.lower().count("<br") == 1 else tag
