"""Many files: the answers to each are a file of their own, a shard, in a folder that remembers which are done.

The folder holds a list, `.nlpkit-shards.json`, of the shards that nlpkit writes there, written before any of them is:
what it does not name is somebody else's, and is not replaced. A shard is done for its file as it was, the model and the
options that the list tells of.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.answers.rows import answer_name, choose_format
from nlpkit.bundle import digest
from nlpkit.data.remote import below, fetched, files_of, inside, is_many, is_remote, place_of, placed, sizes_of, type_at
from nlpkit.errors import NlpkitError, UsageError
from nlpkit.locking import locked
from nlpkit.output import check_output_file, open_output

if TYPE_CHECKING:
    from nlpkit.tasks.base import TrainedTask

Answer = partial[int]
"""Writes a model's answers to a file into another, and tells how many they are; its keywords are the options."""

Tell = Callable[[str], None]
Progress = Callable[[], AbstractContextManager[Callable[..., None]]]
"""Shows how many of how many are done, and how quickly, while its block lasts."""

LIST = ".nlpkit-shards.json"
_FORMAT = "nlpkit shards"
_NO_LIST: dict[str, Any] = {"asked": {}, "shards": {}}
_EVERY = 1.0  # seconds between two writings of the list

logger = logging.getLogger("nlpkit")


@dataclass(frozen=True)
class Shard:
    """A file, the one spelling of its place, what changes when its content does, and what the answers to it are called
    in their folder."""

    source: str
    place: str
    state: str
    name: str


@dataclass(frozen=True)
class Outcome:
    """What became of a shard: how many rows and bytes it has, or why it could not be written; and what was told."""

    rows: int
    size: int
    error: str | None
    notes: list[str]


def shards_of(
    files: Sequence[str], output: str | None, said: str | None, engine: str, *, overwrite: bool
) -> list[Shard]:
    """The shards of the files that names stand for, as `plan_shards` plans them; none where they stand for one file at
    most. Refuses options that do not go with either, and the output of one file that is not to be written to, or not in
    its format."""
    if "" in files or output == "":
        option, what = ("--file", "a file") if "" in files else ("--output", "where to write")
        raise UsageError(f'{option} "" is no name; name {what}, or see whether a variable of the shell is empty')
    if len(files) < 2 and not any(map(is_many, files)):
        if engine != "local":
            raise UsageError(f"--engine {engine} answers many files: give a pattern, such as --file 'logs/*.parquet'")
        if output is not None and output.endswith("/"):
            raise UsageError(f"{output} is a folder; name a file in it")
        if output is None or not is_remote(output):
            check_output_file(None if output is None else Path(output), overwrite=overwrite)
        elif (found := type_at(output)) == "directory":
            raise UsageError(f"{output} is a folder; name a file in it")
        elif found is not None and not overwrite:
            raise UsageError(f"{output} exists; pick another name, or --overwrite it")
        choose_format(said, Path(output) if output else None, Path(files[0]) if files else None)
        return []
    if output is None:
        raise UsageError("the answers to many files go into a folder; name it with --output")
    if "-" in files:
        raise UsageError("standard input is not one of many files; leave --file - out")
    return plan_shards(files, output, said)


@contextmanager
def one_file(files: Sequence[str], output: str | None) -> Iterator[tuple[Path | None, Path | None]]:
    """The local files that are read and written for the one at most that is named, and its output."""
    with (
        fetched(files[0]) if files else nullcontext(None) as source,
        placed(output) if output is not None else nullcontext(None) as written,
    ):
        yield source, written


def plan_shards(files: Sequence[str], output: str, said: str | None) -> list[Shard]:
    """The shards of all files that the names stand for, in order, as `answer_name` calls them, in the folders below a
    pattern's beginning that they are in. What the output's folder lists as a shard is no file to answer, unless it is
    named itself.

    Raises UsageError for two of one name, and for one that is to be written where a file to answer is.
    """
    shards: dict[str, Shard] = {}
    answers = {place_of(inside(output, name)) for name in (_read_list(output) or _NO_LIST)["shards"]}
    for pattern in files:
        root, found = files_of(pattern)
        many = is_many(pattern)
        for source, state in found.items():
            place = place_of(source)
            if many and place in answers:
                continue
            archive = Path(source) if source.lower().endswith(".zip") and not is_remote(source) else None
            name = answer_name(below(root, source), said, archive)
            if name in shards and shards[name].place != place:
                raise UsageError(
                    f"{shards[name].source} and {source} would both be written as {inside(output, name)}; rename one, "
                    "or name both by one pattern, such as '**/*.csv', which keeps their folders"
                )
            choose_format(said, Path(name), None)
            shards[name] = Shard(source, place, state, name)
    sources = {shard.place for shard in shards.values()}
    if taken := next((name for name in shards if place_of(inside(output, name)) in sources), None):
        raise UsageError(f"{inside(output, taken)} is a file to answer; pick another folder with --output")
    if not shards:
        raise UsageError(f"{' and '.join(files)} leads to nothing but the answers in {output}")
    return list(shards.values())


def write_shards(
    shards: Sequence[Shard],
    output: str,
    models: "Sequence[TrainedTask[Any]]",
    answer: Answer,
    *,
    engine: str,
    overwrite: bool,
    tell: Tell,
    progress: Progress,
) -> None:
    """Writes the answers of a model, or of several together, to each shard's file that is not done. An engine is
    `local`, which is this process, or `ray`. What becomes of them is told in lines, and how many are done is shown.

    Raises UsageError when the folder has answers of another model or with other options, or files that are not
    nlpkit's, and these are not to be replaced; NlpkitError, at the end, when some shards could not be written.
    """
    asked = {"model": digest(model.bundle for model in models)}
    for option, value in answer.keywords.items():
        asked |= value if isinstance(value, dict) else {option: value}
    with nullcontext() if is_remote(output) else locked(Path(output)):
        listed = _listed(output, asked, overwrite=overwrite)
        sizes = sizes_of(output, [shard.name for shard in shards])
        left = _left(shards, output, listed, sizes, tell, overwrite=overwrite)
        if len(left) < len(shards):
            tell(f"{output}: {len(shards) - len(left):,} of {len(shards):,} shards are done already")
        if left:
            gone = {shard.name for shard in shards if shard.name not in sizes}
            kept = {name: one for name, one in listed.items() if name not in gone}
            _answer_all(left, output, models, answer, asked, kept, engine=engine, tell=tell, progress=progress)


def answer_shard(answer: Answer, model: Any, source: str, output: str) -> Outcome:
    """Writes a model's answers to one file, whole or not at all."""
    with _gathered() as notes:
        try:
            if not is_remote(output):
                Path(output).parent.mkdir(parents=True, exist_ok=True)
            with placed(output) as written:
                with fetched(source) as file:
                    rows = answer(model, file, written)
                size = written.stat().st_size
            return Outcome(rows, size, None, notes)
        except Exception as error:  # of whatever kind: the other shards can do without this one
            told = str(error) if isinstance(error, NlpkitError | OSError) else f"{type(error).__name__}: {error}"
            return Outcome(0, 0, _about(source, " ".join(told.split())), notes)


def _answer_all(
    shards: Sequence[Shard],
    output: str,
    models: "Sequence[TrainedTask[Any]]",
    answer: Answer,
    asked: Mapping[str, Any],
    before: Mapping[str, Any],
    *,
    engine: str,
    tell: Tell,
    progress: Progress,
) -> None:
    """Answers files, and keeps the folder's list: of one that fails it has what it had `before` again, if anything."""
    listed = {**before, **{one.name: {"source": one.place, "state": one.state, "bytes": None} for one in shards}}
    _write_list(output, asked, listed)
    if engine == "ray":
        from nlpkit.ray import answer_shards
    else:
        answer_shards = _answer_here
    begun = saved = time.monotonic()
    done = failed = rows = 0
    try:
        with progress() as report:
            report(0, len(shards))
            work = [(shard.source, inside(output, shard.name)) for shard in shards]
            for number, outcome in answer_shards(models, answer, work):
                shard = shards[number]
                for told in dict.fromkeys(outcome.notes):
                    tell(f"note: {_about(shard.source, told)}")
                if outcome.error is None:
                    listed[shard.name]["bytes"] = outcome.size
                else:
                    failed += 1
                    del listed[shard.name]
                    if shard.name in before:
                        listed[shard.name] = before[shard.name]
                    tell(f"error: {outcome.error}")
                done, rows, now = done + 1, rows + outcome.rows, time.monotonic()
                report(done, len(shards), f", {rows / (now - begun):,.0f} rows/s")
                if now - saved > _EVERY:
                    _write_list(output, asked, listed)
                    saved = time.monotonic()
    finally:
        _write_list(output, asked, listed)
    tell(f"wrote {done - failed:,} shards to {output}, {rows:,} rows")
    if failed:
        raise NlpkitError(
            f"{failed:,} of {len(shards):,} shards could not be written, as told above; the same command tries these "
            "again, and no other"
        )


def _answer_here(
    models: "Sequence[TrainedTask[Any]]", answer: Answer, work: Sequence[tuple[str, str]]
) -> Iterator[tuple[int, Outcome]]:
    model = together(models)
    for number, (source, output) in enumerate(work):
        yield number, answer_shard(answer, model, source, output)


def together(models: "Sequence[Any]") -> Any:
    """The one model, or the translator that several are together."""
    first, *others = models
    return first.together(*others) if others else first


def _read_list(output: str) -> dict[str, Any] | None:
    """The folder's list: what was `asked`, and what it has of each of its `shards`, by name. None for one that is
    damaged."""
    if LIST not in sizes_of(output, [LIST]):
        return _NO_LIST
    try:
        with fetched(inside(output, LIST)) as file:
            found = json.loads(file.read_text(encoding="utf-8"))
        whole = all(set(one) == {"source", "state", "bytes"} for one in found["shards"].values())
        return dict(found) if whole and found["format"] == _FORMAT and isinstance(found["asked"], dict) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError):
        return None


def _listed(output: str, asked: Mapping[str, Any], *, overwrite: bool) -> dict[str, Any]:
    """What the folder's list has of each shard, by name. Raises UsageError for one that is damaged, of another model or
    with other options; when that is to be replaced, its shards stay known as nlpkit's, and as not of this run."""
    found = _read_list(output)
    if found is None and not overwrite:
        place = inside(output, LIST)
        raise UsageError(f"{place} is damaged, or not nlpkit's; pick another --output, or --overwrite what is there")
    found = found or _NO_LIST
    before, shards = found["asked"], dict(found["shards"])
    other = next((name for name in {**asked, **before} if asked.get(name) != before.get(name)), None)
    if other is None or not shards:
        return shards
    if overwrite:
        return {name: one | {"state": None} for name, one in shards.items()}
    option, value = f"--{other.replace('_', '-')}", before.get(other)
    with_it = f"with {option}" if value is True else f"with {option} {value}"
    had = f"without {option}" if value is None or value is False else with_it
    of = "of another model" if other == "model" else had
    raise UsageError(f"{output} holds answers {of}; pick another --output, or --overwrite them")


def _left(
    shards: Sequence[Shard],
    output: str,
    listed: Mapping[str, Any],
    sizes: Mapping[str, int],
    tell: Tell,
    *,
    overwrite: bool,
) -> list[Shard]:
    """Those that are not done, where files of such sizes are there. Raises UsageError for one whose place has what
    nlpkit did not write there, or wrote for another file, unless that is to be replaced."""
    left = []
    changed = 0
    for shard in shards:
        before, size = listed.get(shard.name), sizes.get(shard.name)
        place = inside(output, shard.name)
        if size == -1:
            raise UsageError(f"{place} is a folder, or no file; pick another --output")
        if size is not None and not overwrite:
            if before is None or before["state"] is None:
                raise UsageError(f"{place} exists, and is not of this run; pick another --output, or --overwrite it")
            if before["source"] != shard.place:
                raise UsageError(f"{place} is for {before['source']}; pick another --output, or --overwrite it")
            if before["bytes"] not in (None, size):
                raise UsageError(f"{place} was changed since it was written; move it away, or --overwrite it")
            if before["bytes"] == size and before["state"] == shard.state:
                continue
            changed += before["bytes"] == size
        left.append(shard)
    if changed:
        tell(f"{output}: {changed:,} shards are written anew, since their files have changed")
    return left


def _write_list(output: str, asked: Mapping[str, Any], listed: Mapping[str, Any]) -> None:
    content = {"format": _FORMAT, "asked": asked, "shards": listed}
    with placed(inside(output, LIST)) as path, open_output(path) as file:
        file.write(json.dumps(content, indent=0) + "\n")


@contextmanager
def _gathered() -> Iterator[list[str]]:
    """What is told inside the block, instead of telling it."""
    notes: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: notes.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False
    try:
        yield notes
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def _about(source: str, told: str) -> str:
    return told if source in told else f"{source}: {told}"
