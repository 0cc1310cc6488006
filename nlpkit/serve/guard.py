"""What stands before every request: the key, a number for it, a line of log, figures, and an answer to what fails."""

import asyncio
import hmac
import logging
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nlpkit.serve.logs import log
from nlpkit.serve.metrics import REQUESTS, SECONDS
from nlpkit.serve.problems import problem, problem_of

CALL = "nlpkit.call"
"""Where a request's scope has its Call."""
STOPPING = threading.Event()
"""Whether this process is about to stop: it still answers, and asks for no more."""

_OPEN = re.compile(r"/(healthz|readyz|docs|docs/oauth2-redirect|openapi\.json|static-offline-docs/.*)?")
"""Addresses that need no key: whether the server is well, and pages, of which the documentation names the models."""
_VERB = re.compile(r"/v1/models/([^/:]+):(\w+)")
_NUMBER = re.compile(r"[\w.-]{1,64}", re.ASCII)
_CUT = 5.0  # seconds after its deadline that a request is cut off, if it does not end by itself
_GONE = 499  # the status in logs and figures where nobody waited for an answer
_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds, for ever
NO_KEY = "this server wants a key, as in the header Authorization: Bearer KEY"


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


@dataclass
class Call:
    """What is known of a request: its number, the loop's time at which it is late, the status that it was answered
    with, 0 as long as it was not, whether the client went away before that, and what its line of log tells."""

    number: str
    deadline: float
    status: int = 0
    gone: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def answer_to(self, error: Exception) -> Response:
        """What is told of an exception; what should not have happened is logged."""
        answer = problem_of(error)
        if answer.status_code == 500:
            log("fault", level=logging.ERROR, error=True, request=self.number)
        return answer


class Guard:
    """A middleware. The key is what requests must bring, if anything; each has at most so many bytes, and so many
    seconds."""

    def __init__(self, app: ASGIApp, key: str | None, max_body: int, deadline: float) -> None:
        self._app, self._key, self._most, self._seconds = app, key, max_body, deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, read, whole, ended = time.perf_counter(), 0, False, False
        headers = Headers(scope=scope)
        number = headers.get("x-request-id", "")
        late = asyncio.get_running_loop().time() + self._seconds
        call = scope[CALL] = Call(number if _NUMBER.fullmatch(number) else secrets.token_hex(8), late)

        async def receiving() -> Message:
            nonlocal read, whole
            try:
                async with asyncio.timeout_at(None if whole else late):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body of the request did not come in time") from None
            read += len(message.get("body", b""))
            if read > self._most:
                raise HTTPException(413, f"the body of a request has at most {self._most:,} bytes")
            call.gone = call.gone or (message["type"] == "http.disconnect" and not ended)
            whole = whole or not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            nonlocal ended
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            if message["type"] == "http.response.start":
                call.status = message["status"]
                told = MutableHeaders(scope=message)
                told["x-request-id"] = call.number
                told["x-content-type-options"] = "nosniff"
                if STOPPING.is_set():
                    told["connection"] = "close"
            await send(message)

        try:
            if self._may(scope["path"], headers):
                async with asyncio.timeout_at(late + _CUT):
                    await self._app(scope, receiving, sending)
            else:
                await problem(401, NO_KEY, {"www-authenticate": "Bearer"})(scope, receive, sending)
        except ClientGone:
            pass
        except Exception as error:
            answer = call.answer_to(error)
            if not call.status and not call.gone:
                await answer(scope, receive, sending)
        finally:
            if call.gone:
                call.status = _GONE
            _tell(scope, call, time.perf_counter() - began)

    def _may(self, path: str, headers: Headers) -> bool:
        if self._key is None or _OPEN.fullmatch(path):
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # compared whole, so that the time tells nothing of where they differ
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._key.encode())


def _tell(scope: Scope, call: Call, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", None)  # none for addresses that there are not, which may be any
    model: dict[str, Any] = {}
    if route and (found := _VERB.fullmatch(route)):
        model = {"model": found[1], "verb": found[2]}
        REQUESTS.labels(*model.values(), call.status).inc()
        SECONDS.labels(*model.values()).observe(seconds)
    if route not in _QUIET:
        facts: dict[str, Any] = {
            "method": scope["method"],
            "route": route,
            "status": call.status,
            "ms": round(seconds * 1000, 2),
        }
        log("request", request=call.number, **facts, **model, **call.facts)
