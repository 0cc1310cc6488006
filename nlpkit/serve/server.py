"""Processes that serve, and how they begin and end."""

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import uvicorn

from nlpkit.cores import use_one_core
from nlpkit.errors import NlpkitError, reason
from nlpkit.serve.logs import end_logs, log, write_logs
from nlpkit.serve.settings import PROCESSES, Settings

_BACKLOG = 2_048  # connections that wait to be taken
_HEAD = 10.0  # seconds in which a connection has to say what it wants
_SPARE = 64  # file descriptors that are not connections
_SHORT_LIVED = 5.0  # seconds: a process that ends sooner has likely not served,
_GIVE_UP = 3  # and after so many of them one after the other the next would not either


def serve(settings: Settings, host: str, port: int, workers: int, ready: Callable[[int], object]) -> int:
    """Serves until it is told to stop, and gives the exit code. `ready` is called with the port, which a `port` of 0
    leaves to the system, when models are open and connections are taken.

    Raises BundleError for a model that cannot be opened, NlpkitError where the port is taken.
    """
    with _listening(host, port) as listener:
        if workers == 1:
            server = _server(settings)
            ready(listener.getsockname()[1])
            return _run(server, listener)
        _check(settings)
        ready(listener.getsockname()[1])
        with tempfile.TemporaryDirectory(prefix="nlpkit-metrics-") as folder:
            os.environ[PROCESSES] = folder  # read when its library is imported
            return _supervise(settings, listener, workers)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError, ValueError, TypeError) as error:
        why = reason(error) if isinstance(error, OSError) else "there is no such address"
        raise NlpkitError(f"{host}:{port} cannot be listened on: {why}; pick another --port or --host") from None
    # connections have it from here: else the body of an answer waits until its head was acknowledged, 40 ms
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _check(settings: Settings) -> None:
    """Raises BundleError for a model that no process could open."""
    from nlpkit.tasks import load

    for folder in settings.models.values():
        load(folder)


def _connections() -> int | None:
    """How many connections a process can hold; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted) - _SPARE


def _server(settings: Settings) -> "_Server":
    """What serves in this process, its models open."""
    from nlpkit.serve.app import create_app

    use_one_core()  # for each batch: several are answered side by side
    return _Server(
        uvicorn.Config(
            create_app(settings),
            http="h11",  # the one that bounds what stands before a body
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=_connections(),
            timeout_graceful_shutdown=int(settings.deadline) + 1,
        ),
        settings.drain,
    )


def _run(server: "_Server", listener: socket.socket) -> int:
    server.run(sockets=[listener])
    end_logs()
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Goes on for some seconds after SIGTERM, while whoever sends requests is told to send no more, and then ends when
    what was asked is answered; SIGINT leaves the seconds out, and a second one does not wait for answers. Who connects
    and says nothing is let go."""

    def __init__(self, config: uvicorn.Config, drain: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._stopping_since: float | None = None
        # of each connection the request that it last made, None before the first, and since when that was the last
        self._last: WeakKeyDictionary[Any, tuple[Any, float]] = WeakKeyDictionary()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        from nlpkit.serve.guard import STOPPING

        STOPPING.set()
        if sig == signal.SIGTERM:
            self._stopping_since = self._stopping_since or time.monotonic()
        else:
            self.force_exit, self.should_exit = self.should_exit, True

    async def on_tick(self, counter: int) -> bool:
        now, since = time.monotonic(), self._stopping_since
        self.should_exit = self.should_exit or (since is not None and now >= since + self._drain)
        if counter % 10 == 0:  # each second
            for connection in list(self.server_state.connections):
                cycle = connection.cycle  # type: ignore[union-attr]
                last, then = self._last.get(connection, (self, now))
                if last is not cycle or (cycle is not None and not cycle.response_complete):
                    self._last[connection] = cycle, now
                elif now > then + _HEAD:
                    connection.transport.close()
        return await super().on_tick(counter)


def _work(settings: Settings, listener: socket.socket) -> None:
    """What a process of several does, until it is told to stop, or the one that began it has died."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    raise SystemExit(_run(_server(settings), listener))


def _supervise(settings: Settings, listener: socket.socket, workers: int) -> int:
    """Has several processes serve, and begins anew those that die, until it is told to stop."""
    from prometheus_client.multiprocess import mark_process_dead

    write_logs()
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopping.append(number))

    def begin() -> tuple[SpawnProcess, float]:
        process = multiprocessing.get_context("spawn").Process(target=_work, args=(settings, listener))
        process.start()
        return process, time.monotonic()

    processes = [begin() for _ in range(workers)]
    short_lived = 0
    while not stopping and short_lived < _GIVE_UP:
        time.sleep(0.1)
        for place, (process, since) in enumerate(processes):
            if process.is_alive():
                continue
            log("process died", level=logging.ERROR, process=process.pid, exit_code=process.exitcode)
            mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
            short_lived = short_lived + 1 if time.monotonic() < since + _SHORT_LIVED else 0
            processes[place] = begin()
    listener.close()
    for process, _ in processes:
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGTERM)
    for process, _ in processes:
        process.join()
    end_logs()
    return 0 if stopping else 1
