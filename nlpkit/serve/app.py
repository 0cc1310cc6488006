"""The addresses of a server, and what is asked at each."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Hashable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

import nlpkit
from nlpkit.errors import UsageError
from nlpkit.serve.guard import CALL, STOPPING, Call, ClientGone, Guard
from nlpkit.serve.logs import log, write_logs
from nlpkit.serve.metrics import BATCHES, TOKENS, WAITING, exposition
from nlpkit.serve.problems import Problem, add_problems
from nlpkit.serve.scheduler import Run, Scheduler
from nlpkit.serve.served import Models, Served
from nlpkit.serve.settings import Settings
from nlpkit.serve.verbs import Ask, Verb

T = TypeVar("T")

_PAGE = Path(__file__).with_name("playground.html")
# what the page may do: its own style and script, questions to this server, and a page of an inspection in a frame
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "frame-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": what}
    for status, what in (
        (401, "Without the key that the server wants"),
        (413, "The body is too large"),
        (422, "What is asked cannot be answered"),
        (503, "Too much waits already; try again"),
        (504, "It took too long"),
    )
}


class State:
    """What the requests to a process share: its settings, its models, and, while it runs, what answers."""

    scheduler: Scheduler

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models = Models(settings.models)


def create_app(settings: Settings) -> FastAPI:
    """A server of models. Raises BundleError for one that cannot be opened."""
    state = State(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        write_logs()
        state.scheduler = Scheduler(settings.threads, settings.max_waiting, _observe)
        watch = asyncio.create_task(state.models.watch()) if settings.reload else None
        log("started", models={name: served.facts["version"] for name, served in state.models.by_name.items()})
        yield
        if watch:
            watch.cancel()
        state.scheduler.close()
        log("stopped")

    app = FastAPIOffline(
        redoc_url=None,
        title="nlpkit",
        summary="Text models on Keras LSTM layers, behind an address",
        version=nlpkit.__version__,
        lifespan=lifespan,
    )
    add_problems(app)
    _add_health(app, state)
    for name, served in state.models.by_name.items():
        for verb in served.verbs.values():
            _add_verb(app, state, name, verb)
    _add_models(app, state)

    @app.get("/", include_in_schema=False)
    async def playground() -> HTMLResponse:
        return HTMLResponse(_PAGE.read_text(encoding="utf-8"), headers={"content-security-policy": _POLICY})

    app.add_middleware(Guard, key=settings.key, max_body=settings.max_body, deadline=settings.deadline)
    if settings.origins:  # before the guard, as a browser asks without the key whether it may ask
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.origins, allow_methods=["GET", "POST"], allow_headers=["*"]
        )
    return app


def _add_models(app: FastAPI, state: State) -> None:
    @app.get("/v1/models", summary="The models, and what each can be asked")
    async def models() -> JSONResponse:
        return JSONResponse({"models": [served.facts for served in state.models.by_name.values()]})

    @app.get("/v1/models/{name}", summary="One model")
    async def model(name: str) -> JSONResponse:
        if name not in state.models.by_name:
            raise _no_model(state)
        return JSONResponse(state.models.by_name[name].facts)

    @app.post("/v1/models/{name}", include_in_schema=False)
    async def nothing(name: str) -> None:
        known = name.partition(":")[0]
        if known in state.models.by_name:
            verbs = " or ".join(f":{one}" for one in state.models.by_name[known].verbs)
            raise HTTPException(404, f"{known} is to be asked for {verbs}")
        raise _no_model(state)


def _no_model(state: State) -> HTTPException:
    return HTTPException(404, f"there is no such model here; there are {', '.join(state.models.by_name)}")


def _add_health(app: FastAPI, state: State) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"], summary="Whether the process is alive")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @app.api_route(
        "/readyz",
        methods=["GET", "HEAD"],
        summary="Whether requests are welcome: not while the server is about to stop",
    )
    async def readyz() -> JSONResponse:
        return JSONResponse({"status": "stopping"}, 503) if STOPPING.is_set() else JSONResponse({"status": "ready"})

    @app.get("/metrics", summary="Figures for Prometheus")
    def metrics() -> Response:
        content, headers = exposition()
        return Response(content, headers=headers)


def _observe(label: str, items: int, cost: int) -> None:
    model, _, verb = label.partition(":")
    BATCHES.labels(model, verb).observe(items)
    TOKENS.labels(model, verb).inc(cost)


def _add_verb(app: FastAPI, state: State, name: str, verb: Verb) -> None:
    verb_name = verb.name  # alone, as the verb holds the model that is served first

    async def handle(request: Request, asked: Any) -> Response:
        served = state.models.by_name[name]  # as it is now, which may be newer than what the address was made for
        now = served.verbs[verb_name]
        texts = now.texts(asked)
        _check_limits(state.settings, texts)
        call: Call = request.scope[CALL]
        call.facts |= {"texts": len(texts), "characters": sum(map(len, texts))}
        if state.settings.log_texts:
            call.facts["asked"] = asked.model_dump()
        ask = _asking(state, served, now, call.deadline)
        if now.stream and asked.stream:
            events = _events(state, call, len(texts), now.stream(asked, ask))
            return _Events(await _unless_gone(request, anext(events)), events)
        with _room(state, len(texts)):
            answer = await _unless_gone(request, now.answer(asked, ask))
        content = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
        return Response(content, media_type="application/json")

    handle.__annotations__["asked"] = verb.request
    content: dict[str, Any] = {"text/event-stream": {}} if verb.stream else {}
    app.post(
        f"/v1/models/{name}:{verb.name}",
        summary=verb.summary,
        name=f"{name}:{verb.name}",
        tags=[name],
        response_model=None,
        responses={200: {"model": verb.response, "content": content}, **_PROBLEMS},
    )(handle)


def _check_limits(settings: Settings, texts: list[str]) -> None:
    if len(texts) > settings.max_texts:
        raise UsageError(f"a request has at most {settings.max_texts:,} texts, not {len(texts):,}")
    for number, text in enumerate(texts):
        if len(text) > settings.max_characters:
            raise UsageError(f"text {number} has {len(text):,} characters; {settings.max_characters:,} are the most")


@contextmanager
def _room(state: State, texts: int) -> Iterator[None]:
    with state.scheduler.room(texts):
        WAITING.inc(texts)
        try:
            yield
        finally:
            WAITING.dec(texts)


def _asking(state: State, served: Served, verb: Verb, deadline: float) -> Ask:
    """How a request has its model answer; after its deadline TimeoutError is raised."""
    version, label = served.facts["version"], f"{served.name}:{verb.name}"

    async def ask(
        run: Run, items: Sequence[Any], costs: Sequence[int], *, kin: Hashable = None, **how: Any
    ) -> list[Any]:
        async with asyncio.timeout_at(deadline):
            return await state.scheduler.answer(items, costs, run, kin=(version, kin), label=label, **how)

    return ask


async def _unless_gone(request: Request, answer: Awaitable[T]) -> T:
    """An answer, unless the client goes away meanwhile, which raises ClientGone."""
    work = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(request.receive())  # the body was read: what comes next is that
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientGone
        return work.result()
    finally:
        work.cancel()
        gone.cancel()


async def _events(
    state: State, call: Call, texts: int, told: AsyncGenerator[tuple[str, dict[str, Any]]]
) -> AsyncGenerator[bytes]:
    """A stream as server-sent events. What goes wrong after the first is the last one, `error`."""
    with _room(state, texts):
        begun = False
        try:
            async with aclosing(told):
                async for name, data in told:
                    yield _event(name, data)
                    begun = True
        except Exception as error:
            if not begun:
                raise
            answer = call.answer_to(error)
            yield f"event: error\ndata: {bytes(answer.body).decode()}\n\n".encode()


def _event(name: str, data: dict[str, Any]) -> bytes:
    head = "" if name == "message" else f"event: {name}\n"
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class _Events(StreamingResponse):
    """Events, of which the first is there already. However it ends, they are closed."""

    def __init__(self, first: bytes, others: AsyncGenerator[bytes]) -> None:
        super().__init__(self._all(first), media_type="text/event-stream", headers={"cache-control": "no-store"})
        self._others = others

    async def _all(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        async for event in self._others:
            yield event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._others.aclose()
