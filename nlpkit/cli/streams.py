"""The three standard streams, as whoever started the command left them: closed, full or broken ones too."""

import io
import os
import sys
from contextlib import suppress


def prepare_streams() -> None:
    """Makes the streams UTF-8, and gives closed ones a stand-in, so that no file of ours takes their number.

    What is written to a closed standard output is an error, as on a full disk; talk that nobody can take is dropped.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number is taken: this one; reading from it ends at once, writing to it fails
            os.open(os.devnull, flags)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _Talk(sys.stderr.detach(), encoding="utf-8", errors="backslashreplace", line_buffering=True)


def give_up(number: int) -> None:
    """From now on what is written to this descriptor goes nowhere; its buffers' rest makes no error at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


class _Talk(io.TextIOWrapper):
    """Standard error. That nobody listens any more is no reason to stop a training."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            give_up(2)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            give_up(2)
            with suppress(OSError):
                super().flush()
