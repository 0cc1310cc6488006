"""`nlpkit serve`, in a process of its own, through HTTP."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlpkit as package
from tests.conftest import Command
from tests.serving import JSON, Running, relabelled, running, waited

TEXTS = [
    "I loved every minute of it.",
    "so dull",
    "",
    "   ",
    "אהבתי את הסרט 😀 <script>alert(1)</script>",
    "not " * 900,
    "A fine film. " * 20,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def classifier() -> Any:
    return package.load("sentiment")


@pytest.fixture(scope="module")
def generator() -> Any:
    return package.load("python-docs")


@pytest.fixture(scope="module")
def translator() -> Any:
    return package.load("dates")


def test_labels_are_those_of_the_model(server: Running, classifier: Any) -> None:
    found = server.ask("/v1/models/sentiment:predict", {"texts": TEXTS}).json["predictions"]
    assert [one["label"] for one in found] == classifier.predict(TEXTS)
    scores = [[one["scores"][label] for label in classifier.labels] for one in found]
    assert np.array(scores) == pytest.approx(classifier.predict_proba(TEXTS), abs=1e-6)
    assert [one["truncated"] for one in found] == [False] * 5 + [True, False]
    one = server.ask("/v1/models/sentiment:predict", {"texts": ["so so"], "top": 1, "min_score": 0.999}).json
    assert one["predictions"][0]["label"] is None
    assert len(one["predictions"][0]["scores"]) == 1


def test_answers_do_not_depend_on_company(server: Running, classifier: Any) -> None:
    texts = [("good " if n % 3 else "bad ") * (1 + n % 40) + "film" for n in range(120)]
    alone = classifier.predict_proba(texts)

    def ask(text: str) -> float:
        answer = server.ask("/v1/models/sentiment:predict", {"texts": [text]}).json
        return float(answer["predictions"][0]["scores"]["positive"])

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(ask, texts))
    assert found == pytest.approx(alone[:, 1], abs=1e-6)
    before = server.figure("nlpkit_batch_items_count", verb="predict")
    together = server.ask("/v1/models/sentiment:predict", {"texts": texts}).json["predictions"]
    assert [one["scores"]["positive"] for one in together] == pytest.approx(alone[:, 1], abs=1e-6)
    assert server.figure("nlpkit_batch_items_count", verb="predict") - before < len(texts) / 4


def test_a_text_is_streamed_as_it_is_written(server: Running, generator: Any) -> None:
    body = {"prompt": "The ", "length": 120, "seed": 7}
    answer = server.ask("/v1/models/python-docs:generate", body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *parts, last = answer.events
    assert len(parts) > 5
    text = "".join(told["text"] for _, told in parts)
    assert text == generator.generate("The ", length=120, seed=7)
    assert last == ("done", {"seed": 7})
    whole = server.ask("/v1/models/python-docs:generate", body | {"stream": False})
    assert whole.json == {"text": text, "seed": 7}


def test_texts_written_side_by_side_are_those_written_alone(server: Running, generator: Any) -> None:
    asked = [
        {"prompt": prompt, "length": 60, "seed": seed, "stream": False, **options}
        for seed, prompt in enumerate(["The ", "", "def open(", "a" * 700, "If the file "])
        for options in ({}, {"temperature": 0.5}, {"repetition_penalty": 1.3}, {"stop": ["e"], "top_k": 5})
    ]
    with ThreadPoolExecutor(len(asked)) as pool:
        found = list(pool.map(lambda body: server.ask("/v1/models/python-docs:generate", body).json["text"], asked))
    alone = [generator.generate(**{key: body[key] for key in body if key != "stream"}) for body in asked]
    assert found == alone


def test_translations_and_where_they_came_from(server: Running, translator: Any) -> None:
    texts = ["5 mars 2024", "", "Dienstag, 31. Dezember 1985", "31. Mai 1999. " * 40]
    body = {"texts": texts, "nbest": 2, "alignment": True}
    found = server.ask("/v1/models/dates:translate", body).json["texts"]
    alone = translator.translate_many(texts)
    for one, wanted in zip(found, alone, strict=True):
        assert [best["text"] for best in one["translations"]] == [best.text for best in wanted[:2]]
        told = [best["log_probability"] for best in one["translations"]]
        assert told == pytest.approx([best.log_probability for best in wanted[:2]], abs=1e-3)
    aligned = translator.align(texts[0])
    assert found[0]["alignment"]["target"] == aligned.target
    assert np.array(found[0]["alignment"]["shares"]) == pytest.approx(aligned.shares, abs=1e-3)
    assert ["alignment" in one for one in found] == [True, False, True, False]


def test_what_goes_on_inside(server: Running, classifier: Any) -> None:
    found = server.ask("/v1/models/sentiment:inspect", {"text": "I loved it"}).json
    wanted = classifier.inspect("I loved it").to_dict()
    assert found["texts"] == json.loads(json.dumps(wanted["texts"]))
    gate = "text.layer 1 forward.forget"
    assert found["arrays"][gate]["values"] == wanted["arrays"][gate]["values"]
    page = server.ask("/v1/models/sentiment:inspect", {"text": "</script><b>", "page": True}).json["html"]
    assert page.startswith("<!doctype html>")
    assert "</script><b>" not in page


def test_it_serves_without_a_training_framework(server: Running) -> None:
    loaded = Path(f"/proc/{server.process.pid}/maps").read_text(encoding="utf-8")
    assert "onnxruntime" in loaded
    assert not re.search("tensorflow|libtorch|jaxlib", loaded)


def test_what_there_is_is_listed(server: Running) -> None:
    models = server.ask("/v1/models").json["models"]
    assert {one["name"]: one["verbs"] for one in models} == {
        "sentiment": ["predict", "inspect"],
        "python-docs": ["generate", "inspect"],
        "dates": ["translate", "inspect"],
    }
    assert models[0]["labels"] == ["negative", "positive"]
    assert server.ask("/v1/models/dates").json == models[-1]
    assert server.ask("/healthz").status == server.ask("/readyz").status == 200
    paths = server.ask("/openapi.json").json["paths"]
    assert "/v1/models/dates:translate" in paths
    assert "/v1/models/dates:predict" not in paths


def test_the_pages_ask_for_nothing_elsewhere(server: Running) -> None:
    for path in ("/", "/docs"):
        page = server.ask(path).body.decode()
        links = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
        assert links
        for link in links:
            assert not re.match(r"https?:|//", link), link
            if not link.startswith("data:"):
                assert server.ask(f"/{link.removeprefix('/')}").status == 200
    assert "default-src 'none'" in server.ask("/").headers["content-security-policy"]


DEEP = b"[" * 100_000
WRONG: list[tuple[str, Any, int, str]] = [
    ("sentiment:predict", {"texts": []}, 422, "texts"),
    ("sentiment:predict", {"texts": ["a"], "labels": 2}, 422, "labels"),
    ("sentiment:predict", {"texts": "a"}, 422, "texts"),
    ("sentiment:predict", {"texts": [1]}, 422, "texts.0"),
    ("sentiment:predict", {"texts": ["a"] * 257}, 422, "256"),
    ("sentiment:predict", {"texts": ["a" * 20_001]}, 422, "20,000"),
    ("sentiment:predict", {"texts": ["a"], "min_score": 2}, 422, "min_score"),
    ("sentiment:predict", {"texts": ["a"], "min_score": "most"}, 422, "min_score"),
    ("sentiment:predict", {"texts": ["a"], "top": 0}, 422, "top"),
    ("sentiment:predict", b'{"texts": ["\\ud800"]}', 422, "texts.0"),
    ("sentiment:predict", b"{", 422, "JSON"),
    ("sentiment:predict", b"\xff\xfe", 422, "JSON"),
    ("sentiment:predict", b"", 422, ""),
    ("sentiment:predict", DEEP, 400, ""),
    ("sentiment:predict", b'"' + b"a" * (1 << 20) + b'"', 413, ""),
    ("python-docs:generate", {"length": 0}, 422, "length"),
    ("python-docs:generate", {"temperature": -1}, 422, "temperature"),
    ("python-docs:generate", b'{"temperature": NaN}', 422, "temperature"),
    ("python-docs:generate", {"stop": [""]}, 422, "stop.0"),
    ("python-docs:generate", {"seed": -1}, 422, "seed"),
    ("python-docs:generate", {"prompt": "a" * 20_001}, 422, "20,000"),
    ("dates:translate", {"texts": ["a"], "beam": 2, "nbest": 3}, 422, "nbest"),
    ("dates:translate", {"texts": ["a"], "length_penalty": -1}, 422, "length_penalty"),
    ("dates:translate", {"texts": ["a"], "coverage_penalty": 1e308}, 422, "coverage_penalty"),
    ("python-docs:generate", {"stop": ["a" * 201]}, 422, "stop.0"),
    ("sentiment:predict", {"text": ["a"]}, 422, "did you mean texts?"),
    ("sentiment:predict", {"a" * 90: 1}, 422, "there is no field 'aaa"),
    ("sentiment:predict", b'{"texts": [' + b"1," * 400_000 + b"1]}", 422, "texts.0"),
    ("sentiment:inspect", {"text": "a" * 401}, 422, "400"),
    ("sentiment:inspect", {"text": "a" * 1_501, "page": True}, 422, "1,500"),
    ("python-docs:inspect", {"text": ""}, 422, ""),
    ("sentiment:translate", {"texts": ["a"]}, 404, ":predict"),
    ("nothing:predict", {"texts": ["a"]}, 404, "python-docs"),
]


@pytest.mark.parametrize(("path", "body", "status", "told"), WRONG)
def test_what_cannot_be_answered_is_told(server: Running, path: str, body: Any, status: int, told: str) -> None:
    answer = server.ask(f"/v1/models/{path}", body)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert told in answer.json["detail"]
    for place in (str(Path(package.__file__).parent), "site-packages", "Traceback", "a" * 50):
        assert place not in answer.body.decode()
    assert len(answer.body) < 500
    assert server.ask("/healthz").status == 200


def test_a_body_that_is_no_json_by_its_name_is_refused(server: Running) -> None:
    """A page of another address may send plain text without asking first."""
    answer = server.ask("/v1/models/sentiment:predict", {"texts": ["a"]}, **{"content-type": "text/plain"})
    assert answer.status == 422
    assert server.ask("/v1/models/sentiment:predict", method="GET").status in (404, 405)
    allowed = server.ask("/v1/models", origin="http://elsewhere.example")
    assert "access-control-allow-origin" not in allowed.headers


def test_what_stands_before_a_body_is_bounded(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * 200_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.slow
def test_who_connects_and_says_nothing_is_let_go(server: Running) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    for before in (b"", whole):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            if before:
                connection.sendall(before)
                while not connection.recv(1000).endswith(b'{"status":"alive"}'):
                    pass
            connection.sendall(whole[:30])
            assert connection.recv(100) == b""


def test_a_log_that_nobody_reads_holds_up_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "sentiment", log_to=subprocess.PIPE) as server:
        for _ in range(600):  # lines of more than a pipe holds
            assert server.ask("/v1/models/sentiment:predict", {"texts": ["a"]}).status == 200
        assert server.stop() == 0


def test_a_line_of_log_tells_of_a_request_and_not_its_texts(server: Running) -> None:
    number = {"x-request-id": "mine-1"}
    answer = server.ask("/v1/models/sentiment:predict", {"texts": ["my secret", "text"]}, **number)
    assert answer.headers["x-request-id"] == "mine-1"
    waited(lambda: any(line.get("request") == "mine-1" for line in server.lines()))  # it is written after the answer
    (line,) = [line for line in server.lines() if line.get("request") == "mine-1"]
    assert {key: line[key] for key in ("event", "route", "status", "model", "verb", "texts", "characters")} == {
        "event": "request",
        "route": "/v1/models/sentiment:predict",
        "status": 200,
        "model": "sentiment",
        "verb": "predict",
        "texts": 2,
        "characters": 13,
    }
    assert line["ms"] > 0
    assert "secret" not in server.log.read_text(encoding="utf-8")
    forged = server.ask("/healthz", **{"x-request-id": "a b{}"})
    assert forged.headers["x-request-id"] != "a b{}"


def test_figures_count(server: Running) -> None:
    def count() -> float:
        return server.figure("nlpkit_requests_total", model="dates", verb="translate", status="200")

    before = count()
    for _ in range(3):
        server.ask("/v1/models/dates:translate", {"texts": ["1 May 2001"]})
    assert count() == before + 3
    assert server.figure("nlpkit_request_seconds_count", model="dates", verb="translate") >= 3
    assert server.figure("nlpkit_waiting") == 0
    names = set(re.findall(r'model="([^"]*)"', server.ask("/metrics").body.decode()))
    assert names == {"sentiment", "python-docs", "dates"}  # not what people type


def opened_stream(server: Running, **body: Any) -> socket.socket:
    """A connection on which a long text is being sent."""
    content = json.dumps({"length": 20_000, **body}).encode()
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    head = f"POST /v1/models/python-docs:generate HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON['content-type']}\r\n"
    connection.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
    assert b"200 OK" in connection.recv(1000)
    return connection


def test_a_client_that_goes_away_stops_its_text(server: Running) -> None:
    connection = opened_stream(server, seed=1)
    waited(lambda: server.figure("nlpkit_waiting") > 0)
    connection.close()
    waited(lambda: server.figure("nlpkit_waiting") == 0, 5)

    def rests() -> bool:
        before = server.figure("nlpkit_tokens_total", model="python-docs", verb="generate")
        time.sleep(0.3)
        return server.figure("nlpkit_tokens_total", model="python-docs", verb="generate") == before

    waited(rests, 5)  # the turn that it was in is counted when it ends


def test_a_client_that_goes_away_before_its_answer(server: Running) -> None:
    content = json.dumps({"length": 20_000, "stream": False}).encode()
    connection = socket.create_connection(("127.0.0.1", server.port))
    head = "POST /v1/models/python-docs:generate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    number = "x-request-id: gone-1\r\n"
    connection.sendall(f"{head}{number}content-length: {len(content)}\r\n\r\n".encode() + content)
    waited(lambda: server.figure("nlpkit_waiting") > 0)
    connection.close()
    waited(lambda: any(line.get("request") == "gone-1" for line in server.lines()), 5)
    assert [line["status"] for line in server.lines() if line.get("request") == "gone-1"] == [499]


def test_long_texts_leave_short_ones_their_turn(server: Running) -> None:
    streams = [opened_stream(server, seed=seed) for seed in range(6)]
    long = {"texts": ["a long film, " * 800] * 64}
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(server.ask, "/v1/models/sentiment:predict", long) for _ in range(4)]
        time.sleep(0.3)
        assert not all(one.done() for one in waiting)
        began = time.monotonic()
        assert server.ask("/v1/models/sentiment:predict", {"texts": ["short"]}).status == 200
        short = time.monotonic() - began
        unfinished = [one for one in waiting if not one.done()]
        assert unfinished
        assert all(one.result().status == 200 for one in waiting)
        assert time.monotonic() - began > short
    for stream in streams:
        stream.close()


def test_with_much_waiting_a_request_is_refused_for_the_moment(tmp_path: Path) -> None:
    with running(tmp_path, "python-docs", "sentiment", "--max-waiting", "3", "--max-texts", "2") as server:
        streams = [opened_stream(server, seed=seed) for seed in range(2)]  # a prompt each
        full = server.ask("/v1/models/sentiment:predict", {"texts": ["a", "b"]})
        assert full.status == 503
        assert full.headers["retry-after"] == "1"
        assert server.ask("/v1/models/sentiment:predict", {"texts": ["a"]}).status == 200
        streams[0].close()
        waited(lambda: server.ask("/v1/models/sentiment:predict", {"texts": ["a", "b"]}).status == 200, 5)
        streams[1].close()


def test_what_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with running(tmp_path, "python-docs", "--deadline", "1.5") as server:
        whole = server.ask("/v1/models/python-docs:generate", {"length": 20_000, "stream": False})
        assert whole.status == 504
        *parts, (name, told) = server.ask("/v1/models/python-docs:generate", {"length": 20_000}).events
        assert parts
        assert name == "error"
        assert told["status"] == 504
        waited(lambda: server.figure("nlpkit_waiting") == 0, 5)


def test_a_key_is_asked_for(tmp_path: Path) -> None:
    with running(tmp_path, "sentiment", "--api-key", key="of-mine") as server:
        body = {"texts": ["a"]}
        assert server.ask("/v1/models/sentiment:predict", body).status == 200
        for wrong in ({"authorization": "Bearer other"}, {"authorization": "of-mine"}, {"authorization": ""}):
            answer = server.ask("/v1/models/sentiment:predict", body, **wrong)
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            for path in ("/v1/models", "/metrics", "/v1/models/nothing"):
                assert server.ask(path, **wrong).status == 401
            for path in ("/", "/healthz", "/readyz", "/docs", "/openapi.json"):
                assert server.ask(path, **wrong).status == 200
        assert "of-mine" not in server.log.read_text(encoding="utf-8") + server.talk


def test_pages_of_an_origin_that_is_let_in_may_ask(tmp_path: Path) -> None:
    origin = "https://example.org"
    with running(tmp_path, "sentiment", "--allow-origin", origin, "--api-key", key="of-mine") as server:
        path = "/v1/models/sentiment:predict"
        before = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        for asking, told in ((origin, origin), ("https://other.org", None)):
            asked = server.ask(path, method="OPTIONS", authorization="", origin=asking, **before)
            assert asked.headers.get("access-control-allow-origin") == told
            assert server.ask(path, {"texts": ["a"]}, origin=asking).headers.get("access-control-allow-origin") == told


def test_what_stops_it_under_load_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "sentiment", "python-docs", "--drain", "4") as server:
        told: list[int] = []
        failed: list[str] = []

        def ask_on() -> None:
            """Requests on one connection, until the server asks for no more on it."""
            connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
            try:
                while True:
                    connection.request("POST", "/v1/models/sentiment:predict", b'{"texts": ["a film"]}', JSON)
                    reply = connection.getresponse()
                    reply.read()
                    told.append(reply.status)
                    if reply.getheader("connection") == "close":
                        break
            except (OSError, HTTPException) as error:
                failed.append(repr(error))
            finally:
                connection.close()

        stream = opened_stream(server, length=3_000, seed=3)
        threads = [threading.Thread(target=ask_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        waited(lambda: server.ask("/readyz").status == 503, 4)
        assert server.ask("/v1/models/sentiment:predict", {"texts": ["a"]}).status == 200  # of who does not know it yet
        text = b""
        while part := stream.recv(1 << 16):
            text += part
        stream.close()
        for thread in threads:
            thread.join()
        assert server.process.wait(30) == 0
    assert b"event: done" in text
    assert set(told) == {200}
    assert len(told) > 10
    assert not failed
    assert server.lines()[-1]["event"] == "stopped"


def test_a_new_version_is_taken_without_a_lost_request(tmp_path: Path) -> None:
    folder = tmp_path / "reviews"
    relabelled(folder, ["bad", "good"])
    with running(tmp_path, "reviews", "--reload") as server:
        seen: list[tuple[int, str]] = []
        stop = threading.Event()

        def ask_on() -> None:
            while not stop.is_set():
                answer = server.ask("/v1/models/reviews:predict", {"texts": ["I loved it"]})
                seen.append((answer.status, answer.json["predictions"][0]["label"]))

        threads = [threading.Thread(target=ask_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        version = server.ask("/v1/models/reviews").json["version"]
        relabelled(folder, ["no", "yes"])
        waited(lambda: server.ask("/v1/models/reviews").json["version"] != version)
        # a damaged one keeps the one before
        metadata = folder / "metadata.json"
        whole = metadata.read_bytes()
        metadata.write_bytes(whole.replace(b'"labels"', b'"lables"'))
        waited(lambda: server.figure("nlpkit_reloads_total", result="refused") == 1)
        assert (
            server.ask("/v1/models/reviews:predict", {"texts": ["I loved it"]}).json["predictions"][0]["label"] == "yes"
        )
        metadata.write_bytes(whole)
        time.sleep(1.5)
        shutil.rmtree(folder)
        time.sleep(1.5)
        relabelled(folder, ["minus", "plus"])
        waited(lambda: seen[-1][1] == "plus")
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for status, _ in seen} == {200}
    labels = [label for _, label in seen]
    assert [label for place, label in enumerate(labels) if label not in labels[:place]] == ["good", "yes", "plus"]


@pytest.mark.slow
def test_several_processes_answer_and_one_that_dies_is_begun_anew(tmp_path: Path) -> None:
    with running(tmp_path, "sentiment", "--workers", "2") as server:

        def children() -> set[int]:
            number = server.process.pid
            text = Path(f"/proc/{number}/task/{number}/children").read_text(encoding="ascii")
            return {
                int(one) for one in text.split() if b"resource_tracker" not in Path(f"/proc/{one}/cmdline").read_bytes()
            }

        def ask(_: int) -> int:
            return server.ask("/v1/models/sentiment:predict", {"texts": ["a film"]}).status

        waited(lambda: sum(line["event"] == "started" for line in server.lines()) == 2)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(200))) == {200}
        assert server.figure("nlpkit_requests_total", status="200") == 200  # of both
        before = children()
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        waited(lambda: sum(line["event"] == "started" for line in server.lines()) == 3)
        assert any(line["event"] == "process died" for line in server.lines())
        assert set(map(ask, range(20))) == {200}
        assert server.stop() == 0
        assert sum(line["event"] == "stopped" for line in server.lines()) == 2


@pytest.mark.slow
def test_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    with running(tmp_path, "sentiment", "--workers", "2", "--drain", "0") as server:
        waited(lambda: sum(line["event"] == "started" for line in server.lines()) == 2)
        server.process.kill()
        server.process.wait()
        waited(lambda: sum(line["event"] == "stopped" for line in server.lines()) == 2)


def test_what_is_asked_wrongly_is_told_before_it_serves(nlpkit: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = nlpkit("serve", "sentiment", "--port", port, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: 127.0.0.1:{port} cannot be listened on")
    for arguments, code, told in (
        (["nowhere"], 1, "there is no bundle at nowhere"),
        (["sentiment", "a/sentiment"], 2, "two models are called sentiment"),
        (["a b=sentiment"], 2, "'a b' can be no part of an address"),
        (["sentiment", "--api-key"], 2, "NLPKIT_API_KEY"),
        (["sentiment", "--host", "ü" * 80], 1, "cannot be listened on"),
        (["sentiment", "--deadline", "inf"], 2, "--deadline"),
        (["sentiment", "--max-texts", "9", "--max-waiting", "8"], 2, "--max-waiting 8"),
    ):
        done = nlpkit("serve", *arguments, "--port", "0", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert told in done.stderr
        assert done.stderr.count("\n") == 1


def test_without_its_extra_it_tells_what_to_install(nlpkit: Command, tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError(\"No module named 'uvicorn'\", name='uvicorn')\n")
    done = nlpkit("serve", "sentiment", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr == "error: serving needs uvicorn: pip install 'nlpkit-lstm[serve]'\n"
