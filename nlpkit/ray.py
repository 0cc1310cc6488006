"""Models on a Ray cluster, by Ray Data's actors: one a core, each of which opens the bundle once.

>>> import nlpkit.ray
>>> labelled = nlpkit.ray.predict(ray.data.read_parquet("s3://bucket/reviews"), "models/reviews")
>>> labelled.write_parquet("s3://bucket/labels")
"""

import json
import logging
import os
import signal
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.cores import cores, planned_cores, use_one_core
from nlpkit.data.columns import Header, cell, choose_column
from nlpkit.data.remote import is_remote
from nlpkit.errors import NlpkitError, UsageError
from nlpkit.quiet import quiet

if TYPE_CHECKING:
    import ray.data

    from nlpkit.answers.shards import Answer, Outcome
    from nlpkit.tasks.base import TrainedTask
    from nlpkit.tasks.classification.classifier import TextClassifier

logger = logging.getLogger("nlpkit")

_ROWS = 2_048  # of a batch: as many as prediction sorts by length
_TRIES = 3  # of a batch whose worker was killed, besides the first
_PATIENCE = 10.0  # seconds
_OBJECT_STORE = 256 << 20  # bytes; what travels is a bundle, and a line for each shard
# Ray would send statistics, and print what its processes log, on standard output, too; read where it is imported
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_DEDUP_LOGS_SKIP_REGEX": ".*"}


def predict(
    dataset: "ray.data.Dataset",
    bundle: "str | Path | TextClassifier",
    *,
    text_column: str | None = None,
    top: int = 1,
    min_score: float | str | None = None,
    concurrency: int | tuple[int, int] | None = None,
) -> "ray.data.Dataset":
    """The dataset with the columns that `nlpkit predict --format parquet` adds: `label` and `score`, or, of one that
    has such a column, `predicted_label`.

    A bundle's folder, or a starter's name, is opened by each worker, where it finds it; a model that was loaded travels
    by value. The column is the one that is named, else the one that the model was trained on, else the one whose name
    says that it holds texts. `top` and `min_score` are as of the command. `concurrency` is how many workers there are,
    or from how many to how many; without it, as many as the cluster has cores free. Answers come when the dataset that
    is given back is consumed. Raises UsageError for columns that are not clear, BundleError for what is no bundle.
    """
    import ray
    import ray.data

    from nlpkit.tasks import load
    from nlpkit.tasks.classification.classifier import TextClassifier

    by_value = isinstance(bundle, TextClassifier)
    classifier = bundle if isinstance(bundle, TextClassifier) else load(bundle)
    if not isinstance(classifier, TextClassifier):
        raise UsageError(f"{bundle} holds a model for {classifier.task}; give one that classifies")
    classifier.chooser(min_score)
    if top != 1 and (classifier.several or min_score is not None or top < 1):
        raise UsageError(
            "top is 1 or more, and above 1 only without min_score, of models that give each text one label"
        )
    names = dataset.columns() or []
    column = choose_column(Header(names), "text", text_column, classifier.columns.get("text"))
    low, high = concurrency if isinstance(concurrency, tuple) else (concurrency or 1, concurrency)
    return _mapped(
        dataset,
        _Rows,
        fn_constructor_args=(ray.put(classifier.exported().bundle) if by_value else bundle, column, top, min_score),
        batch_size=_ROWS,
        compute=ray.data.ActorPoolStrategy(min_size=low, max_size=high),
        udf_modifying_row_count=False,
    )


def answer_shards(
    models: "Sequence[TrainedTask[Any]]", answer: "Answer", work: Sequence[tuple[str, str]]
) -> "Iterator[tuple[int, Outcome]]":
    """The outcome of each piece of work, a file and where the answers to it go, with its number, in the order in which
    they end; as `nlpkit.answers.shards.answer_shard` does them here, to the last bit.

    One whose worker is killed is done again by another; after the fourth time it is given up. Runs on the cluster that
    RAY_ADDRESS names, or on one that is started here and ends with it. Raises NlpkitError where there is none.
    """
    from nlpkit.answers.shards import Outcome

    with cluster() as ray, _quiet_data(ray):
        workers = max(1, min(len(work), int(ray.cluster_resources().get("CPU", 1))))
        given = ray.put([model.exported().bundle for model in models])
        items = [{"number": number, "source": source, "output": output} for number, (source, output) in enumerate(work)]
        done = _mapped(
            ray.data.from_items(items, override_num_blocks=len(items)),
            _Shards,
            fn_constructor_args=(given, answer, Path.cwd(), planned_cores(), logger.level),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
        )
        missing = dict(enumerate(work))
        try:
            for row in done.iter_rows():
                source, output = missing.pop(row["number"])
                outcome = Outcome(**json.loads(row["outcome"]))
                if outcome.error is None and not is_remote(output) and not Path(output).is_file():
                    told = f"{source}: its answers are on another machine; pick an --output that all machines share"
                    outcome = Outcome(0, 0, told, outcome.notes)
                yield row["number"], outcome
        except ray.exceptions.RayError as error:
            raise NlpkitError(f"Ray's workers do not begin: {' '.join(str(error).split())}") from error
        for number, (source, _) in missing.items():
            told = f"{source}: its worker was killed {1 + _TRIES} times; see whether there is memory enough"
            yield number, Outcome(0, 0, told, [])


class _Rows:
    """A worker that answers the rows of a table."""

    def __init__(self, bundle: Any, column: str, top: int, min_score: float | str | None) -> None:
        import pyarrow
        import ray

        from nlpkit.tasks import load, model_of

        use_one_core()
        model: Any = model_of(ray.get(bundle), "the model") if isinstance(bundle, ray.ObjectRef) else load(bundle)
        self._model, self._column, self._top = model, column, min(top, len(model.labels))
        self._choose = model.chooser(min_score)
        label = pyarrow.int64() if isinstance(model.labels[0], int) else pyarrow.string()
        self._types = [label, pyarrow.float64()]
        if model.several:
            self._types = [pyarrow.list_(one) for one in self._types]

    def __call__(self, table: Any) -> Any:
        """The table with the columns of the answers, of the same types whatever the rows."""
        import pyarrow

        from nlpkit.answers.predictions import answers, columns_of, no_columns
        from nlpkit.answers.rows import naming

        values = enumerate(table[self._column].to_pylist())
        cells = (cell(Path("the batch"), number, {self._column: value}, self._column) for number, value in values)
        texts: Iterator[Any] = (({}, "" if value is None else str(value)) for value in cells)
        found = [columns_of(one, self._top) for one in answers(self._model, texts, self._choose, self._top)]
        names = naming()(dict.fromkeys(table.column_names), {name: name for name in no_columns(self._top)})
        for (name, added), type in zip(names.items(), cycle(self._types), strict=False):
            table = table.append_column(name, pyarrow.array([row.get(added) for row in found], type))
        return table


class _Shards:
    """A worker that answers whole files."""

    def __init__(self, bundles: Any, answer: "Answer", folder: Path, planned: int, level: int) -> None:
        import ray

        from nlpkit.answers.shards import together
        from nlpkit.tasks import model_of

        with suppress(OSError):  # where all files are at addresses, a node need not have it
            os.chdir(folder)
        use_one_core(planned)
        logger.setLevel(level)
        self._model = together([model_of(bundle, "the model") for bundle in ray.get(bundles)])
        self._answer = answer

    def __call__(self, batch: Any) -> Any:
        from dataclasses import asdict

        import pyarrow

        from nlpkit.answers.shards import answer_shard

        rows = batch.to_pylist()
        found = [answer_shard(self._answer, self._model, row["source"], row["output"]) for row in rows]
        numbers = pyarrow.array([row["number"] for row in rows], pyarrow.int64())
        outcomes = pyarrow.array([json.dumps(asdict(one)) for one in found], pyarrow.string())
        return pyarrow.table({"number": numbers, "outcome": outcomes})


def _mapped(dataset: "ray.data.Dataset", worker: type, **options: Any) -> "ray.data.Dataset":
    """The dataset as workers map its batches, each of which has a core."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*ray_remote_args")  # the only way to say how often a batch is tried
        return dataset.map_batches(worker, batch_format="pyarrow", num_cpus=1, max_task_retries=_TRIES, **options)


def _knock(address: str) -> None:
    """Raises OSError where nothing listens at an address of a host and a port: Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()


@contextmanager
def cluster() -> Iterator[Any]:
    """Ray, connected: to the cluster that this process is connected to, or else RAY_ADDRESS names, or else to one that
    is started here, with a worker a core, and is gone in the end."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        with quiet():
            import ray
            import ray.data
            import ray.tune
    except ImportError:
        raise NlpkitError('--engine ray needs Ray; pip install "nlpkit-lstm[ray]" brings it') from None
    own = not ray.is_initialized()
    if own:
        leave = signal.getsignal(signal.SIGTERM)
        talk: dict[str, Any] = {"logging_level": "critical", "log_to_driver": False}
        try:
            with quiet():
                if address := os.environ.get("RAY_ADDRESS"):
                    _knock(address)
                    ray.init(**talk)
                else:
                    talk |= {"object_store_memory": _OBJECT_STORE, "include_dashboard": False}
                    ray.init("local", num_cpus=cores(), **talk)
        except Exception as error:  # ValueError, ConnectionError, RuntimeError and others
            raise NlpkitError(f"Ray cannot be started or reached: {' '.join(str(error).split())}") from error
        signal.signal(signal.SIGTERM, leave)  # it has set its own
    try:
        yield ray
    finally:
        if own:
            ray.shutdown()


@contextmanager
def _quiet_data(ray: Any) -> Iterator[None]:
    """Has Ray Data say nothing, and go on where workers fail."""
    context, log = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    before, level = copy(context), log.level
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_errored_blocks, context.max_consecutive_actor_init_deaths = -1, _TRIES
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
        vars(context).update(vars(before))
