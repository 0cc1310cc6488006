"""A sweep's runs by Ray Tune: as many at once as a machine, or a cluster of them, has room for."""

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from nlpkit.errors import UsageError
from nlpkit.locking import work_folder
from nlpkit.ray import cluster
from nlpkit.sweep.runs import Ended, Run, train

_PASSED_ON = ("KERAS_", "NLPKIT_", "TF_", "TFDS_", "XLA_", "JAX_", "OMP_")
_SETTINGS = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a run sees the GPUs that it would see as typed
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}


def train_on_ray(runs: Sequence[Run], ended: Ended, folder: Path, cpus: int) -> None:
    """Trains runs, each on so many CPUs, on the Ray cluster that this machine is of, or else on this machine.

    All machines of a cluster must see the folder, the data and the working directory by the same names. Raises
    NlpkitError where Ray is not installed, UsageError for more CPUs than a machine has.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    with cluster() as ray:
        _tune(ray, runs, ended, folder, cpus)


def _tune(ray: Any, runs: Sequence[Run], ended: Ended, folder: Path, cpus: int) -> None:
    tune = ray.tune
    here, environment = Path.cwd(), {k: v for k, v in os.environ.items() if k.startswith(_PASSED_ON)}

    def trial(config: dict[str, Any]) -> None:
        # Ray sets how many threads a trial's libraries take, by which sums differ: as typed, none is set
        own = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | environment
        tune.report({"error": train(config["run"]["command"], lambda line: None, cwd=here, env=own)})

    class Told(tune.Callback):  # type: ignore[name-defined]
        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            ended(runs[trial.config["run"]["number"]], trial.last_result["error"])

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            ended(runs[trial.config["run"]["number"]], "its process or its machine was lost")

        def __reduce__(self) -> tuple[Any, ...]:  # Tune keeps a copy, which has nobody to tell
            return tune.Callback, ()

    most = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes())
    if cpus > most:  # which Ray would wait for without end
        raise UsageError(f"--cpus {cpus}: no machine here has more than {most} for Ray; give fewer")
    with work_folder(folder) as work, redirect_stdout(io.StringIO()):  # where Tune talks, whatever it is told
        configs = [{"number": number, "command": run.command()} for number, run in enumerate(runs)]
        tune.Tuner(
            tune.with_resources(trial, {"cpu": cpus}),
            param_space={"run": tune.grid_search(configs)},
            run_config=tune.RunConfig(storage_path=str(work.resolve()), verbose=0, callbacks=[Told()]),
        ).fit()
