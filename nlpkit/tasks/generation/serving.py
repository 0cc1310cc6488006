"""Generators over HTTP: a text that is written on, whole or as it comes."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import fields
from secrets import randbelow
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from nlpkit.serve.verbs import Ask, Asked, Text, Verb, off_loop
from nlpkit.tasks.generation.language import State
from nlpkit.tasks.generation.sampling import Sampling
from nlpkit.tasks.generation.writing import Drafts, draft, join, split

if TYPE_CHECKING:
    from nlpkit.tasks.generation.generator import TextGenerator

_STEPS = 8  # tokens that are written before others have their turn: a few milliseconds
_ROWS = 32  # texts written side by side at most
_READ = 512  # tokens of a prompt that are read before others have their turn


class GenerateRequest(Asked):
    prompt: Text = Field("", description="What to write on from.", examples=["The "])
    length: int = Field(400, ge=1, le=20_000, description="So many characters at most.")
    temperature: float = Field(0.8, ge=0, le=100, description="0 takes the likeliest; higher is wilder.")
    top_k: int = Field(0, ge=0, description="Draw from so many of the likeliest; 0 is all of them.")
    top_p: float = Field(1.0, gt=0, le=1, description="Draw from the likeliest that make up this share.")
    min_p: float = Field(0.0, ge=0, le=1, description="Draw from those with this share of the likeliest's.")
    repetition_penalty: float = Field(1.0, ge=1, le=100, description="Above 1, what was just said is likelier not.")
    stop: list[Annotated[Text, Field(min_length=1, max_length=200)]] = Field(
        [], max_length=16, description="End before any of these strings."
    )
    seed: int | None = Field(
        None, ge=0, lt=1 << 63, description="The same one writes the same text; else a random one."
    )
    stream: bool = Field(True, description="Send the text as server-sent events while it is written; else at once.")


class GenerateResponse(BaseModel):
    """As JSON; as events, each `data` holds a `text` that goes on, and the last one, of the event `done`, the seed."""

    text: str = Field(description="What follows the prompt.")
    seed: int


def generator_verbs(model: "TextGenerator") -> list[Verb]:
    writer = model.writer()

    def read(asked: list[tuple[list[int], State]]) -> list[State]:
        return [writer.model.after(tokens, state) for tokens, state in asked]

    def write(texts: list[Drafts]) -> list[tuple[Drafts, str] | Exception]:
        drafts = join(texts)
        added = [""] * len(texts)
        try:
            for _ in range(_STEPS):
                added = [before + more for before, more in zip(added, writer.step(drafts), strict=True)]
                if drafts.done:
                    break
        except Exception as error:
            return [error] * len(texts)  # each is some steps on, and cannot be tried again
        return list(zip(split(drafts), added, strict=True))

    async def written(asked: GenerateRequest, ask: Ask, seed: int) -> AsyncIterator[str]:
        options = Sampling(**asked.model_dump(include={one.name for one in fields(Sampling)}))
        tokens = await off_loop(writer.tokens, asked.prompt)
        state = writer.model.begin(1)
        for start in range(0, len(tokens) - 1, _READ):
            part = tokens[start : min(start + _READ, len(tokens) - 1)]
            (state,) = await ask(read, [(part, state)], [len(part)], most=1, kin="prompt")
        drafts = draft(tokens, state, options, length=asked.length, stop=asked.stop, seed=[seed, 0])
        while not drafts.done:
            ((drafts, added),) = await ask(write, [drafts], [_STEPS], most=_ROWS * _STEPS, kin=options)
            if added:
                yield added

    async def answer(asked: GenerateRequest, ask: Ask) -> dict[str, Any]:
        seed = _seed(asked)
        return {"text": "".join([added async for added in written(asked, ask, seed)]), "seed": seed}

    async def stream(asked: GenerateRequest, ask: Ask) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
        seed = _seed(asked)
        async for added in written(asked, ask, seed):
            yield "message", {"text": added}
        yield "done", {"seed": seed}

    return [
        Verb(
            "generate",
            "Text that goes on from a prompt",
            GenerateRequest,
            GenerateResponse,
            lambda asked: [asked.prompt],
            answer,
            stream,
        )
    ]


def _seed(asked: GenerateRequest) -> int:
    return randbelow(1 << 31) if asked.seed is None else asked.seed
