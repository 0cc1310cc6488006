"""Requests a second and waiting times of `nlpkit serve`, beside a plain FastAPI handler that calls `predict`.

    python benchmarks/serving.py sentiment --data imdb --split test
    python benchmarks/serving.py sentiment --memory 100000
    python benchmarks/serving.py python-docs --streams

Both servers, and what asks them, run on this machine, one after the other, in turns. Each request is one text; of so
many connections each sends its next request when it has its answer. `--memory` sends so many requests of a short text
and tells what the server holds; `--streams` has texts of 400 characters written, by so many connections at once.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from nlpkit.data.catalog import open_labelled

_CONNECTIONS = (1, 8, 64)
_PATH = "/v1/models/model:predict"
_PLAIN = "--plain"  # the script again, as the peer


def plain(model: str, port: int) -> None:
    """The handler that people write first."""
    import uvicorn
    from fastapi import FastAPI

    import nlpkit

    loaded = nlpkit.load(model)
    app = FastAPI()

    @app.post("/predict")
    def predict(body: dict[str, list[str]]) -> dict[str, list[str]]:
        return {"labels": loaded.predict(body["texts"])}  # type: ignore[union-attr]

    uvicorn.run(app, port=port, log_level="critical")


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """A server as a process, once it answers: its number."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            time.sleep(0.05)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


async def load(port: int, path: str, texts: list[str], connections: int, seconds: float) -> list[float]:
    """The seconds that each request took."""
    bodies = [json.dumps({"texts": [text]}).encode() for text in texts]
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    requests = cycle([f"{head}content-length: {len(body)}\r\n\r\n".encode() + body for body in bodies])
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.write(next(requests))
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            if not answer.startswith(b"http/1.1 200"):
                raise SystemExit(f"not answered: {answer!r}")
            await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0]))
            took.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return took


async def streams(port: int, connections: int, seconds: float) -> tuple[list[float], int]:
    """The seconds until each text began, and how many characters were written."""
    begun: list[float] = []
    written = 0
    end = time.perf_counter() + seconds
    head = "POST /v1/models/model:generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"

    async def one() -> None:
        nonlocal written
        while time.perf_counter() < end:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            began = time.perf_counter()
            body = b'{"prompt": "The ", "length": 400}'
            writer.write(f"{head}connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            first = True
            async for line in reader:
                if line.startswith(b'data: {"text"'):
                    begun.extend([time.perf_counter() - began] if first else [])
                    first = False
                    written += len(json.loads(line[6:])["text"])
            writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return begun, written


def compare(asked: argparse.Namespace, pid: int) -> None:
    """nlpkit's server, which runs, beside the plain one, on one text a request."""
    texts = [row.text for row in islice(open_labelled(asked.data).read(asked.split), asked.texts)]
    length = np.mean([len(text) for text in texts])
    print(f"{len(texts):,} texts of {asked.data}, {asked.split}; {length:,.0f} characters each")
    this = [sys.executable, __file__, asked.model, "--port", str(asked.port + 1), _PLAIN]
    with running(this, asked.port + 1):
        systems = {"nlpkit serve": (asked.port, _PATH), "plain handler": (asked.port + 1, "/predict")}
        for port, path in systems.values():
            asyncio.run(load(port, path, texts, 8, 1))
        before = resident(pid)
        print(f"{'':14} connections  requests/s   p50 ms   p95 ms   p99 ms")
        for connections in _CONNECTIONS:
            took: dict[str, list[float]] = {name: [] for name in systems}
            for _ in range(asked.turns):
                for name, (port, path) in systems.items():
                    took[name] += asyncio.run(load(port, path, texts, connections, asked.seconds))
            for name, seconds in took.items():
                rate = len(seconds) / (asked.seconds * asked.turns)
                p50, p95, p99 = 1000 * np.percentile(seconds, (50, 95, 99))
                print(f"{name:14} {connections:11} {rate:11.1f} {p50:8.1f} {p95:8.1f} {p99:8.1f}", flush=True)
        print(f"memory of nlpkit serve: {before:.0f} MB before, {resident(pid):.0f} MB after")


def resident(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", default="imdb")
    parser.add_argument("--split", default="test")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--memory", type=int, metavar="REQUESTS")
    parser.add_argument("--streams", action="store_true")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument(_PLAIN, action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.plain:
        plain(asked.model, asked.port)
        return
    command = [sys.executable, "-m", "nlpkit", "serve", f"model={asked.model}", "--port", str(asked.port)]
    command += ["--workers", str(asked.workers)]
    with running(command, asked.port) as pid:
        if asked.streams:
            print("connections  first characters, p50 ms   p95 ms  characters/s")
            for connections in _CONNECTIONS:
                begun, written = asyncio.run(streams(asked.port, connections, asked.seconds))
                p50, p95 = 1000 * np.percentile(begun, (50, 95))
                print(f"{connections:11} {p50:25.1f} {p95:8.1f} {written / asked.seconds:13,.0f}", flush=True)
        elif asked.memory:
            done = 0
            while done < asked.memory:
                done += len(asyncio.run(load(asked.port, _PATH, ["I loved it"], 8, 10)))
                print(f"{done:9,} requests: {resident(pid):.1f} MB", flush=True)
        else:
            compare(asked, pid)


if __name__ == "__main__":
    main()
