"""Data sets of tensorflow-datasets."""

import hashlib
import logging
import socket
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.files import Columns, add_files
from nlpkit.errors import DataError, UsageError, did_you_mean
from nlpkit.quiet import quiet

_SPLITS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "dev": "validation",
    "test": "test",
}


def open_tfds(name: str, columns: Columns = Columns(), *, rename: Mapping[str, str] | None = None) -> Dataset:
    """A text-classification data set of TFDS, downloaded and prepared first where it is not yet.

    `columns` name the features where there are several texts or labels; `rename` gives labels other names.
    Raises UsageError for a name that TFDS does not have or features that are not clear, DataError when the
    data cannot be had.
    """
    builder = _builder(name)
    text, label = _features(name, builder, columns)
    if not builder.is_prepared():
        _download(name, builder)
    names = builder.info.features[label].names

    def reader(split: str) -> Iterator[Example]:
        with quiet():
            import tensorflow_datasets

            decoders = tensorflow_datasets.decode.PartialDecoding({text: True, label: True})
            rows = iter(tensorflow_datasets.as_numpy(builder.as_dataset(split, decoders=decoders)))
        for row in _whole(name, builder, rows):
            if row[label] < 0:  # TFDS' way to say that there is none
                raise DataError(f"{name}: a row of the split {split} has no label")
            said = names[row[label]]
            yield Example(row[text].decode().replace("<br />", "\n"), (rename or {}).get(said, said))

    found = {_SPLITS[split]: split for split in builder.info.splits if split in _SPLITS}
    if "train" not in found:
        raise UsageError(f"{name} has no train split; it has {', '.join(builder.info.splits)}")
    digest = hashlib.sha256(repr((name, columns, rename)).encode())
    folder = Path(str(builder.data_dir))
    add_files(digest, sorted(folder.rglob("*")), folder)
    splits = {ours: partial(reader, theirs) for ours, theirs in found.items()}
    return Dataset(name, splits, digest.hexdigest())


def is_prepared(name: str) -> bool:
    """Whether a data set is on this machine already, without a download."""
    return bool(_builder(name).is_prepared())


def _builder(name: str) -> Any:
    with quiet():
        import tensorflow_datasets

    try:
        return tensorflow_datasets.builder(name)
    except tensorflow_datasets.core.registered.DatasetNotFoundError:
        hint = did_you_mean(name, tensorflow_datasets.list_builders(with_community_datasets=False))
        raise UsageError(f"tensorflow-datasets has no data set called {name}{hint}") from None
    except Exception as error:
        raise DataError(f"tensorflow-datasets cannot open {name}: {_line(error)}") from error


def _features(name: str, builder: Any, columns: Columns) -> tuple[str, str]:
    features = builder.info.features
    kinds = {key: type(feature).__name__ for key, feature in features.items()}
    pair = builder.info.supervised_keys or (None, None)
    chosen = []
    for wanted, kind, likely, option in (
        (columns.text, "Text", pair[0], "--text-column"),
        (columns.label, "ClassLabel", pair[1], "--label-column"),
    ):
        fitting = [key for key in kinds if kinds[key] == kind]
        if wanted is None and likely in fitting:
            wanted = likely
        if wanted is None and len(fitting) == 1:
            wanted = fitting[0]
        if wanted is None or wanted not in fitting:
            have = f"it has {', '.join(fitting)}; name one with {option}" if fitting else "it has none"
            raise UsageError(f"{name}: which feature is the {kind} is not clear; {have}")
        chosen.append(wanted)
    return chosen[0], chosen[1]


def _whole(name: str, builder: Any, rows: Iterator[Any]) -> Iterator[Any]:
    import tensorflow

    try:
        yield from rows
    except tensorflow.errors.OpError as error:
        raise DataError(
            f"{name}: its prepared files in {builder.data_dir} cannot be read ({type(error).__name__}); "
            "remove that folder and prepare it again"
        ) from error


def _download(name: str, builder: Any) -> None:
    ways_out = (
        "set TFDS_DATA_DIR to a folder that holds it, train on --data reviews, which needs no network, "
        "or name your own file with --data"
    )
    try:
        # where no name resolves, TFDS would retry for minutes
        socket.getaddrinfo("storage.googleapis.com", 443)
    except OSError:
        raise DataError(f"{name} is not on this machine and there is no network to fetch it; {ways_out}") from None
    logging.getLogger("nlpkit").warning("downloading %s with tensorflow-datasets", name)
    try:
        builder.download_and_prepare()
    except Exception as error:  # its sources fail each in their own way
        raise DataError(f"{name} could not be downloaded: {_line(error)}; {ways_out}") from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
