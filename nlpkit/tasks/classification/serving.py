"""Classifiers over HTTP: labels for texts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from nlpkit.serve.verbs import Ask, Asked, Texts, Verb, off_loop
from nlpkit.tasks.classification.answering import FEW_TOKENS, predict_rows

if TYPE_CHECKING:
    from nlpkit.tasks.classification.classifier import TextClassifier


class PredictRequest(Asked):
    texts: Texts = Field(examples=[["I loved every minute", "so dull"]])
    top: int | None = Field(None, ge=1, description="Tell the scores of so many labels, the likeliest; else of all.")
    min_score: float | Literal["auto"] | None = Field(
        None,
        description="Give no label below this score; auto is the one found on the validation split.",
    )


class Prediction(BaseModel):
    label: str | int | list[str] | list[int] | None = Field(description="A list where a text may have several.")
    score: float | list[float] = Field(description="The label's probability; of no label, the best one's.")
    scores: dict[str, float] = Field(description="Probabilities by label, the likeliest first.")
    truncated: bool = Field(description="Whether the text is longer than the model reads.")


class PredictResponse(BaseModel):
    predictions: list[Prediction]


def classifier_verbs(model: "TextClassifier") -> list[Verb]:
    section, session = model.recipe.tokenizer, model.session

    def run(rows: list[np.ndarray]) -> Sequence[np.ndarray]:
        return list(predict_rows(session, rows, section))

    async def answer(asked: PredictRequest, ask: Ask) -> dict[str, Any]:
        choose = model.chooser(asked.min_score)
        rows = [np.array(ids, np.int32) for ids in await off_loop(model.tokenizer.encode, asked.texts)]
        costs = [min(len(ids), section.max_length) for ids in rows]
        found = await ask(run, rows, costs, most=FEW_TOKENS)
        return {
            "predictions": [
                model.verdict(scores, choose, asked.top).to_dict() | {"truncated": len(ids) > section.max_length}
                for ids, scores in zip(rows, found, strict=True)
            ]
        }

    return [
        Verb(
            "predict",
            "A label for each text",
            PredictRequest,
            PredictResponse,
            lambda asked: asked.texts,
            answer,
            facts={"labels": list(model.labels), "several": model.several},
        )
    ]
