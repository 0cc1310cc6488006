"""The errors that people see: one line that says what is wrong, where, and what to do."""

import errno
from collections.abc import Iterable


class NlpkitError(Exception):
    """Something that the person running nlpkit can mend; the command line prints it and exits with 1."""

    exit_code = 1


class UsageError(NlpkitError):
    """A command, option or recipe that cannot be meant as it stands; exits with 2."""

    exit_code = 2


class DataError(NlpkitError):
    """Data that cannot be read, or not as asked."""


class BundleError(NlpkitError):
    """A folder that is no bundle, or a damaged one."""


class Interrupted(NlpkitError):
    """Training was stopped from outside; its state is saved where it was given a checkpoint.

    Exits with `exit_code`: 128 and the signal's number, as shells report it.
    """

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def reason(error: OSError) -> str:
    """Why the system would not, and what to do where that is plain."""
    if error.errno == errno.ENOSPC:
        return f"{error.strerror}: the disk is full; make room and try again"
    return str(error.strerror or error)


def check_options(verb: str, given: Iterable[str], known: type) -> None:
    """Raises UsageError for a keyword that a verb was given and that no field of the dataclass of its options has."""
    from dataclasses import fields

    names = [field.name for field in fields(known)]
    for name in given:
        if name not in names:
            raise UsageError(f"{verb} takes no option {name!r}{did_you_mean(name, names)}")


def did_you_mean(word: str, candidates: list[str] | tuple[str, ...]) -> str:
    """`; did you mean X?` for the nearest candidate, or the empty string when none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, candidates, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
