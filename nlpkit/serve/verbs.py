"""What a task tells of how its models are asked over HTTP: its `serving.py` makes the verbs of a model."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, model_validator

from nlpkit.errors import UsageError, did_you_mean
from nlpkit.serve.scheduler import Run

if TYPE_CHECKING:
    from nlpkit.tasks.base import TrainedTask

A = TypeVar("A", str, list[str])
T = TypeVar("T")


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half a character, a lone surrogate, is no text") from None
    return text


Text = Annotated[str, AfterValidator(_whole)]
"""A text of a request."""

Texts = Annotated[list[Text], Field(min_length=1), FailFast()]
"""Texts of a request. Of many that are none the first is told, and not a million."""


class Asked(BaseModel):
    """The body of a request: fields that it does not know are refused, of many the first."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, body: Any) -> Any:
        if isinstance(body, dict) and (strange := [name[:40] for name in body if name not in cls.model_fields]):
            raise ValueError(f"there is no field {strange[0]!r}{did_you_mean(strange[0], list(cls.model_fields))}")
        return body


class Ask(Protocol):
    """How a verb has its model answer, on the threads where models do, beside what else waits."""

    def __call__(
        self,
        run: Run,
        items: Sequence[Any],
        costs: Sequence[int],
        *,
        most: int,
        kin: Hashable = None,
        slow: bool = False,
    ) -> Awaitable[list[Any]]:
        """What `run` makes of items, in their order. Those with the same `kin` may be given to it together, as long as
        their number times the largest of their `costs`, which is what a batch with its padding costs, is at most
        `most`. Of what is `slow`, a second or more, one runs at a time."""


@dataclass(frozen=True)
class Verb:
    """One thing to ask of a model, `POST /v1/models/NAME:verb`.

    texts: those that a request holds, which are limited in number and length; answer: what is told, of the form of
    `response`, or that as JSON; stream: the same as events, a name and what is told with it, as they come, for a
    request with the field `stream`. They raise UsageError and DataError for what cannot be asked. facts: what the list
    of models tells of the model for it.
    """

    name: str
    summary: str
    request: type[Asked]
    response: type[BaseModel]
    texts: Callable[[Any], list[str]]
    answer: Callable[[Any, Ask], Awaitable[dict[str, Any] | bytes]]
    stream: Callable[[Any, Ask], AsyncGenerator[tuple[str, dict[str, Any]]]] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def verbs_of(model: "TrainedTask[Any]") -> list[Verb]:
    """All that a model can be asked."""
    from nlpkit.tasks.base import TrainedTask

    # the distribution that answers alone has no onnx, by which an inspection reads a model's weights
    shows = type(model).inspect is not TrainedTask.inspect and find_spec("onnx") is not None
    return [*model.verbs(), *([_inspect_verb(model)] if shows else [])]


async def off_loop(function: Callable[[A], T], given: A) -> T:
    """What a function makes of a text or some, on another thread where they are long: what is short takes less time
    than to change threads."""
    length = len(given) if isinstance(given, str) else sum(map(len, given))
    return function(given) if length <= _SHORT else await asyncio.to_thread(function, given)


_SHORT = 8_000  # characters
_LONGEST, _LONGEST_PAGE = 400, 1_500  # characters: of each token the gates of every unit are told


class InspectRequest(Asked):
    text: Text = Field(
        description=f"What the model is to read: {_LONGEST} characters at most, or {_LONGEST_PAGE:,} for a page.",
        examples=["I loved every minute"],
    )
    page: bool = Field(False, description="Answer with a page to look into, instead of every number.")


class InspectResponse(BaseModel):
    """As `nlpkit inspect --json` prints it, or the page as `html`."""

    model_config = ConfigDict(extra="allow")


def _inspect_verb(model: "TrainedTask[Any]") -> Verb:
    def inspected(asked: list[InspectRequest]) -> list[bytes]:
        from nlpkit.inspect.page import page

        found = [(one.page, model.inspect(one.text)) for one in asked]
        told = [{"html": page([one])} if as_page else one.to_dict() for as_page, one in found]
        return [json.dumps(one, ensure_ascii=False).encode() for one in told]

    async def answer(asked: InspectRequest, ask: Ask) -> bytes:
        most = _LONGEST_PAGE if asked.page else _LONGEST
        if len(asked.text) > most:
            raise UsageError(
                f"text: {most:,} characters are the most that are looked into, and it has {len(asked.text):,}"
            )
        (found,) = await ask(inspected, [asked], [1], most=1, slow=True)
        return bytes(found)

    return Verb(
        "inspect",
        "What goes on inside the model while it reads a text",
        InspectRequest,
        InspectResponse,
        lambda asked: [asked.text],
        answer,
    )
