"""Processes that serve, and how they begin and end."""

import logging
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from types import FrameType

import uvicorn

from nlpkit.cores import use_one_core
from nlpkit.errors import NlpkitError, reason
from nlpkit.serve.logs import log, write_logs
from nlpkit.serve.settings import Settings

_BACKLOG = 2_048  # connections that wait to be taken
_SHORT_LIVED = 5.0  # seconds: a process that ends sooner would do so again


def serve(settings: Settings, host: str, port: int, workers: int, ready: Callable[[int], object]) -> int:
    """Serves until it is told to stop, and gives the exit code. `ready` is called with the port, which a `port` of 0
    leaves to the system, when models are open and connections are taken.

    Raises BundleError for a model that cannot be opened, NlpkitError where the port is taken.
    """
    with _listening(host, port) as listener:
        if workers == 1:
            run = _server(settings)
            ready(listener.getsockname()[1])
            run(listener)
            return 0
        _check(settings)
        ready(listener.getsockname()[1])
        with tempfile.TemporaryDirectory(prefix="nlpkit-metrics-") as folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read when its library is imported
            return _supervise(settings, listener, workers)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # connections have it from here: else the body of an answer waits until its head was acknowledged, 40 ms
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        why = reason(error) if isinstance(error, OSError) else "there is no such port"
        raise NlpkitError(f"{host}:{port} cannot be listened on: {why}; pick another --port or --host") from None


def _check(settings: Settings) -> None:
    """Raises BundleError for a model that no process could open."""
    from nlpkit.tasks import load

    for folder in settings.models.values():
        load(folder)


def _server(settings: Settings) -> Callable[[socket.socket], None]:
    """What serves in this process, its models open."""
    from nlpkit.serve.app import create_app

    use_one_core()  # for each batch: several are answered side by side
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.deadline) + 1,
    )
    server = _Server(config)
    server.drain = settings.drain
    return lambda listener: server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Goes on for some seconds after SIGTERM, while whoever sends requests is told to send no more, and then ends when
    what was asked is answered; SIGINT leaves the seconds out, and a second one does not wait for answers."""

    drain: float
    _stopping_since: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        from nlpkit.serve.guard import STOPPING

        STOPPING.set()
        if sig == signal.SIGTERM:
            self._stopping_since = self._stopping_since or time.monotonic()
        else:
            self.force_exit, self.should_exit = self.should_exit, True

    async def on_tick(self, counter: int) -> bool:
        since = self._stopping_since
        self.should_exit = self.should_exit or (since is not None and time.monotonic() >= since + self.drain)
        return await super().on_tick(counter)


def _work(settings: Settings, listener: socket.socket) -> None:
    """What a process of several does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the one that began them tells them
    _server(settings)(listener)


def _supervise(settings: Settings, listener: socket.socket, workers: int) -> int:
    """Has several processes serve, and begins anew those that die, until it is told to stop."""
    write_logs()
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopping.append(number))
    context = get_context("spawn")

    def begin() -> tuple[SpawnProcess, float]:
        process = context.Process(target=_work, args=(settings, listener), daemon=False)
        process.start()
        return process, time.monotonic()

    processes = [begin() for _ in range(workers)]
    code = 0
    while not stopping and not code:
        time.sleep(0.1)
        for place, (process, since) in enumerate(processes):
            if process.is_alive():
                continue
            log("process died", level=logging.ERROR, process=process.pid, exit_code=process.exitcode)
            if time.monotonic() < since + _SHORT_LIVED:
                code = 1  # the next one would die, too
                break
            processes[place] = begin()
    listener.close()
    for process, _ in processes:
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGTERM)
    for process, _ in processes:
        process.join()
    return code
