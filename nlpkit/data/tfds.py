"""Data sets of tensorflow-datasets."""

import hashlib
import logging
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nlpkit.data.columns import Columns
from nlpkit.data.dataset import Dataset, Example, Pair, RowT
from nlpkit.data.facts import amount
from nlpkit.data.folders import SPLITS, add_files
from nlpkit.data.notes import tell_once
from nlpkit.data.parallel import split_pair
from nlpkit.errors import DataError, UsageError, did_you_mean
from nlpkit.quiet import quiet

logger = logging.getLogger("nlpkit")


def open_tfds(
    name: str,
    columns: Columns = Columns(),
    *,
    rename: Mapping[str, str] | None = None,
    skip_empty: bool = False,
) -> Dataset[Example]:
    """A text-classification data set of TFDS, downloaded and prepared first where it is not yet.

    `columns` name the features where there are several texts or labels; `rename` gives labels other names; with
    `skip_empty` rows without text are left out, instead of refused. Raises UsageError for a name that TFDS does
    not have or features that are not clear, DataError when the data cannot be had.
    """
    builder = _builder(name)
    text = _feature(name, builder, "Text", columns.text, 0, "--text-column")
    label = _feature(name, builder, "ClassLabel", columns.label, 1, "--label-column")
    _fetch(name, builder)
    names = builder.info.features[label].names

    def reader(split: str) -> Iterator[Example]:
        left_out = 0
        for row in _rows(name, builder, split, text, label):
            if row[label] < 0:  # TFDS' way to say that there is none
                raise DataError(f"{name}: a row of the split {split} has no label")
            said = names[row[label]]
            content = _text(row[text])
            if not content.strip():
                if not skip_empty:
                    raise DataError(
                        f"{name}: a row of the split {split} has no text; leave such rows out with "
                        "--set data.skip_empty=true"
                    )
                left_out += 1
                continue
            yield Example(content, (rename or {}).get(said, said))
        if left_out:
            tell_once(f"left out {amount(left_out, 'rows')} without text in {name}, {split}")

    return _dataset(name, builder, reader, repr((columns, rename, skip_empty)))


def open_tfds_texts(name: str, text_column: str | None = None, *, more: Sequence[str] = ()) -> Dataset[str]:
    """The texts of a TFDS data set, a document a row; to the train split come those of the splits `more`. Raises as
    `open_tfds` does."""
    builder = _builder(name)
    text = _feature(name, builder, "Text", text_column, 0, "--text-column")
    _fetch(name, builder)

    def reader(split: str) -> Iterator[str]:
        for part in (split, *(more if split == "train" else ())):
            yield from (_text(row[text]) for row in _rows(name, builder, part, text))

    return _dataset(name, builder, reader, repr((text_column, more)) if more else repr(text_column))


def open_tfds_pairs(name: str, pair: str | None = None) -> Dataset[Pair]:
    """The pairs of a TFDS translation set, in the order of the supervised pair, or from and to the languages that
    `pair` names. Raises as `open_tfds` does."""
    builder = _builder(name)
    translated = [key for key, feature in builder.info.features.items() if type(feature).__name__ == "Translation"]
    # most sets have the languages themselves as features
    languages = list(builder.info.features[translated[0]] if translated else builder.info.features)
    source, target = split_pair(pair) if pair else builder.info.supervised_keys or (None, None)
    if source not in languages or target not in languages:
        raise UsageError(f"{name} has {', '.join(languages)}; say from which to which with --pair")
    _fetch(name, builder)
    features = translated or [source, target]

    def reader(split: str) -> Iterator[Pair]:
        for row in _rows(name, builder, split, *features):
            sides = row[translated[0]] if translated else row
            yield Pair(_text(sides[source]), _text(sides[target]))

    return _dataset(name, builder, reader, repr((source, target)))


def is_prepared(name: str) -> bool:
    """Whether a data set is on this machine already, without a download."""
    return bool(_builder(name).is_prepared())


def _builder(name: str) -> Any:
    if not name:
        raise UsageError("tfds: needs a name after it, such as tfds:ag_news_subset")
    with quiet():
        import tensorflow_datasets

    try:
        return tensorflow_datasets.builder(name)
    except tensorflow_datasets.core.registered.DatasetNotFoundError:
        hint = did_you_mean(name, tensorflow_datasets.list_builders(with_community_datasets=False))
        raise UsageError(f"tensorflow-datasets has no data set called {name}{hint}") from None
    except Exception as error:
        raise DataError(f"tensorflow-datasets cannot open {name}: {_line(error)}") from error


def _feature(name: str, builder: Any, kind: str, wanted: str | None, place: int, option: str) -> str:
    """The one feature of a kind: the `wanted`, else the one at a `place` in the supervised pair, else the only one."""
    fitting = [key for key, feature in builder.info.features.items() if type(feature).__name__ == kind]
    likely = (builder.info.supervised_keys or (None, None))[place]
    if wanted is None and likely in fitting:
        wanted = likely
    if wanted is None and len(fitting) == 1:
        wanted = fitting[0]
    if wanted is None or wanted not in fitting:
        have = f"it has {', '.join(fitting)}; name one with {option}" if fitting else "it has none"
        raise UsageError(f"{name}: which feature is the {kind} is not clear; {have}")
    return wanted


def _rows(name: str, builder: Any, split: str, *features: str) -> Iterator[Any]:
    with quiet():
        import tensorflow_datasets

        decoders = tensorflow_datasets.decode.PartialDecoding(dict.fromkeys(features, True))
        rows = iter(tensorflow_datasets.as_numpy(builder.as_dataset(split, decoders=decoders)))
    return _whole(name, builder, rows)


def _text(value: bytes) -> str:
    return value.decode()


def _dataset(name: str, builder: Any, reader: Callable[[str], Iterator[RowT]], choices: str) -> Dataset[RowT]:
    found = {SPLITS[split]: split for split in builder.info.splits if split in SPLITS}
    if "train" not in found:
        raise UsageError(f"{name} has no train split; it has {', '.join(builder.info.splits)}")
    digest = hashlib.sha256((name + choices).encode())
    folder = Path(str(builder.data_dir))
    add_files(digest, sorted(folder.rglob("*")), folder)
    return Dataset(name, {ours: partial(reader, theirs) for ours, theirs in found.items()}, digest.hexdigest())


def _whole(name: str, builder: Any, rows: Iterator[Any]) -> Iterator[Any]:
    import tensorflow

    try:
        yield from rows
    except tensorflow.errors.OpError as error:
        raise DataError(
            f"{name}: its prepared files in {builder.data_dir} cannot be read ({type(error).__name__}); "
            "remove that folder and prepare it again"
        ) from error


def _fetch(name: str, builder: Any) -> None:
    """Downloads and prepares the data where that was not done before."""
    if builder.is_prepared():
        return
    ways_out = (
        "set TFDS_DATA_DIR to a folder that holds it, train on --data reviews, which needs no network, "
        "or name your own file with --data"
    )
    try:
        # where no name resolves, TFDS would retry for minutes
        socket.getaddrinfo("storage.googleapis.com", 443)
    except OSError:
        raise DataError(f"{name} is not on this machine and there is no network to fetch it; {ways_out}") from None
    logger.warning("downloading %s with tensorflow-datasets", name)
    try:
        builder.download_and_prepare()
    except Exception as error:  # its sources fail each in their own way
        raise DataError(f"{name} could not be downloaded: {_line(error)}; {ways_out}") from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
