"""What stands before a network: it makes arrays of what people have."""

from typing import Any, Protocol

FRONTENDS = ("tokenizer.model", "frontend.npz")
"""What it is written as: that of text is the tokenizer, all others have the second name."""


class Frontend(Protocol):
    """Learned from the train split alone, and kept in a bundle, by which answers are given, and with an unfinished run,
    which goes on with it. That of text is `Tokenizer`."""

    file: str
    """Of `FRONTENDS`, the one that it is written as."""

    def to_bytes(self) -> bytes:
        """What the task's `_read_frontend` reads back."""
        ...

    def facts(self) -> dict[str, Any]:
        """What metadata.json tells of it."""
        ...
