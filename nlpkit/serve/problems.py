"""Answers to what cannot be answered: problem details (RFC 9457), which tell nothing of the machine."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from nlpkit.errors import DataError, UsageError
from nlpkit.serve.scheduler import FullError


class Problem(BaseModel):
    """Why a request was not answered; the body of every such answer."""

    title: str
    status: int
    detail: str


FULL = "more waits to be answered than can be; try again in a moment"
LATE = "the answer took longer than a request may; ask for less, or try again"
FAULT = "the model could not answer; the server's log tells why"


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    title = HTTPStatus(status).phrase
    return JSONResponse(
        Problem(title=title, status=status, detail=detail).model_dump(),
        status,
        dict(headers or {}),
        media_type="application/problem+json",
    )


def problem_of(error: Exception) -> JSONResponse:
    """What is told of an exception that a request ended with."""
    if isinstance(error, FullError):
        return problem(503, FULL, {"retry-after": "1"})
    if isinstance(error, TimeoutError):
        return problem(504, LATE)
    if isinstance(error, UsageError | DataError):
        return problem(422, str(error))
    return problem(500, FAULT)


def add_problems(app: FastAPI) -> None:
    """Has an app tell all that goes wrong in one form."""

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        # the rest of a body that is too large is not read, so that nothing else can come on its connection
        close = {"connection": "close"} if error.status_code in (408, 413) else {}
        return problem(error.status_code, str(error.detail), close | dict(error.headers or {}))

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return problem(422, "; ".join(map(_told, error.errors()[:5])))

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)


def _told(error: Mapping[str, Any]) -> str:
    """A fault of a body, without what stood there."""
    if error["type"] == "json_invalid":
        return "the body is no JSON"
    where = ".".join(str(part) for part in error["loc"][1:]) or "the body"
    said = error["msg"].removeprefix("Value error, ")
    return f"{where}: {said[:1].lower()}{said[1:]}"
