"""Translators over HTTP: a translation of each text, and where it came from."""

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, Field

from nlpkit.errors import UsageError
from nlpkit.runtime.beam import Hypothesis
from nlpkit.serve.verbs import Ask, Asked, Texts, Verb, off_loop

if TYPE_CHECKING:
    from nlpkit.tasks.translation.translator import Alignment, Translator

_ALIGNED = 500  # characters of a text whose alignment is told: it grows with their square
_TOKENS = 1_024  # of the sources of a batch, each of which is kept `beam` times


class TranslateRequest(Asked):
    texts: Texts = Field(examples=[["5 mars 2024"]])
    beam: int = Field(5, ge=1, le=32, description="So many translations are kept side by side; 1 is greedy.")
    nbest: int = Field(1, ge=1, le=32, description="So many translations a text, the best first.")
    length_penalty: float | None = Field(
        None, ge=0, le=10, description="Above 0, longer ones are favoured; else the recipe's."
    )
    coverage_penalty: float | None = Field(
        None, ge=0, le=10, description="Above 0, those that left source words unread are not."
    )
    alignment: bool = Field(
        False,
        description="Tell where in the source each piece of the best one came from, of texts of at most "
        f"{_ALIGNED} characters.",
    )


class TranslationTold(BaseModel):
    text: str
    log_probability: float = Field(description="In nats.")
    cut: bool = Field(description="Whether it came to no end, and was cut.")


class AlignmentTold(BaseModel):
    source: list[str] = Field(description="The source's pieces.")
    target: list[str] = Field(description="The translation's pieces; the last one is its end.")
    shares: list[list[float]] = Field(description="For each piece of the target what of each of the source was read.")


class TranslatedText(BaseModel):
    translations: list[TranslationTold]
    alignment: AlignmentTold | None = None


class TranslateResponse(BaseModel):
    texts: list[TranslatedText]


def translator_verbs(model: "Translator") -> list[Verb]:
    async def answer(asked: TranslateRequest, ask: Ask) -> dict[str, Any]:
        if asked.nbest > asked.beam:
            raise UsageError(f"nbest {asked.nbest} needs a beam as wide, not {asked.beam}")
        given = asked.model_dump(include={"length_penalty", "coverage_penalty"}, exclude_none=True)
        ranking = model.ranking(given)

        def search(rows: list[np.ndarray]) -> list[list[Hypothesis]]:
            return model.search(rows, asked.beam, ranking)

        texts = await off_loop(lambda texts: list(model.parts(texts)), asked.texts)
        rows = [ids for _, parts in texts for ids in parts]
        kin = (asked.beam, ranking)
        found = iter(await ask(search, rows, [len(ids) for ids in rows], most=_TOKENS // asked.beam, kin=kin))
        told = []
        for text, (spaces, _) in zip(asked.texts, texts, strict=True):
            parts = [(next(found), after) for after in spaces]
            if len(parts) > 1:
                joined = await asyncio.to_thread(model.joined, parts, asked.beam)
            else:
                joined = model.joined(parts, asked.beam)
            answer_to: dict[str, Any] = {
                "translations": [
                    vars(one) | {"log_probability": round(one.log_probability, 4)} for one in joined[: asked.nbest]
                ]
            }
            if asked.alignment and text.strip() and len(text) <= _ALIGNED:
                (aligned,) = await ask(align, [(text, joined[0].text)], [1], most=1, kin="alignment")
                answer_to["alignment"] = aligned
            told.append(answer_to)
        return {"texts": told}

    def align(pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
        return [_told(model.align(source, target)) for source, target in pairs]

    return [
        Verb(
            "translate",
            "A translation of each text",
            TranslateRequest,
            TranslateResponse,
            lambda asked: asked.texts,
            answer,
            facts={"pair": model.recipe.data.pair},
        )
    ]


def _told(alignment: "Alignment") -> dict[str, Any]:
    shares = np.round(alignment.shares.astype(np.float64), 4).tolist()
    return {"source": alignment.source, "target": alignment.target, "shares": shares}
