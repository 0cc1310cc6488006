"""A server in a process of its own, and what asks it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import nlpkit as package
from nlpkit.bundle import Bundle, write_bundle

JSON = {"content-type": "application/json"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Any]]:
        """Server-sent events: their names and what they tell."""
        found = []
        for part in self.body.decode().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in part.split("\n"))
            found.append((lines.get("event", "message"), json.loads(lines["data"])))
        return found


@dataclass
class Running:
    """A server that runs: where, its process, and what it has written."""

    port: int
    process: "subprocess.Popen[str]"
    talk: str
    log: Path
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        method = method or ("GET" if content is None else "POST")
        connection.request(method, path, content, {**(JSON if content is not None else {}), **self.headers, **headers})
        reply = connection.getresponse()
        answer = Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        connection.close()
        return answer

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def figure(self, name: str, **labels: str) -> float:
        """A figure that Prometheus is told, summed over what the labels leave open; 0 where there is none yet."""
        total = 0.0
        for line in self.ask("/metrics").body.decode().splitlines():
            named, _, value = line.rpartition(" ")
            if named.partition("{")[0] == name and all(f'{key}="{said}"' in named for key, said in labels.items()):
                total += float(value)
        return total

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def running(
    folder: Path, *arguments: str | Path, key: str | None = None, log_to: int | None = None
) -> Iterator[Running]:
    """`nlpkit serve` with arguments, in a folder, once it is ready; it is ended afterwards. It logs into a file, unless
    `log_to` says otherwise."""
    environment = os.environ | ({"NLPKIT_API_KEY": key} if key else {})
    command = [Path(sys.executable).with_name("nlpkit"), "serve", *arguments, "--port", "0"]
    log = folder / "log.jsonl"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command, stdout=log_to or out, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment
        )
    assert process.stderr is not None
    try:
        talk = "".join(process.stderr.readline() for _ in range(3))
        assert "/docs" in talk, talk + process.stderr.read()
        server = Running(int(talk.rsplit(":", 1)[1].split("/")[0]), process, talk, log)
        if key:
            server.headers = {"authorization": f"Bearer {key}"}
        waited(lambda: server.ask("/readyz").status == 200)
        yield server
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()
        if process.stdout is not None:
            process.stdout.close()


def relabelled(folder: Path, labels: list[str], **facts: Any) -> None:
    """Writes the starter `sentiment`, under other labels, into a folder, as a new version of what is there."""
    bundle = package.load("sentiment").bundle
    metadata = {key: value for key, value in bundle.metadata.items() if key != "rare_weights"}
    write_bundle(folder, Bundle(metadata | {"labels": labels} | facts, bundle.files), overwrite=True)


def waited(condition: Any, seconds: float = 30) -> None:
    """Waits until a condition holds, and fails where it never does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
