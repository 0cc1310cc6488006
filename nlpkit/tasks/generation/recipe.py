"""A generator's recipe."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from nlpkit.recipe import (
    DataSection,
    Fraction,
    Passes,
    StackSection,
    TextRecipe,
    TokenizerSection,
    TrainingSection,
    Updates,
)


class GeneratorData(DataSection):
    source: str = "python-docs"
    text_column: str | None = None
    documents: Literal["joined", "apart"] = "joined"


class GeneratorTokenizer(TokenizerSection):
    kind: Literal["unigram", "bpe", "char"] = "char"
    normalization: Literal["none", "lines", "web"] = "lines"  # what a prompt ends in stays


class GeneratorSection(StackSection):
    input_dropout: Fraction = 0.0
    weight_dropout: Fraction = 0.0
    repeat_dropout: Fraction = 0.0
    tie_embeddings: bool = False
    counts: Annotated[int, Field(ge=0, le=20)] = 0

    @model_validator(mode="after")
    def _check_what_goes_together(self) -> Self:
        if self.weight_dropout and self.cell != "lstm":
            raise ValueError(f"weight_dropout goes with cell = 'lstm', not {self.cell!r}")
        if self.weight_dropout and self.recurrent_dropout:
            raise ValueError("weight_dropout and recurrent_dropout are two ways to the same end; set one of them to 0")
        return self


class GeneratorTraining(TrainingSection):
    min_epochs: Passes = 2
    updates: Updates = 900
    segment_length: Annotated[int, Field(ge=2, le=100_000)] = 64
    restarts: Fraction = 0.02
    sampled_classes: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    activation_penalty: Annotated[float, Field(ge=0)] = 0.0
    activation_change_penalty: Annotated[float, Field(ge=0)] = 0.0


class GenerationRecipe(TextRecipe):
    task: Literal["generation"] = "generation"
    description: str = ""
    data: GeneratorData = GeneratorData()
    tokenizer: GeneratorTokenizer = GeneratorTokenizer()
    model: GeneratorSection = GeneratorSection()
    training: GeneratorTraining = GeneratorTraining()

    @model_validator(mode="after")
    def _check_sampled(self) -> Self:
        if self.training.sampled_classes and not self.model.tie_embeddings:
            raise ValueError("training.sampled_classes goes with model.tie_embeddings = true")
        return self

    renamed: ClassVar[Mapping[str, str]] = {"model.embedding_dropout": "model.input_dropout"}

    @classmethod
    def upgraded(cls, table: dict[str, Any]) -> dict[str, Any]:
        model = table.get("model")
        if isinstance(model, dict) and "embedding_dropout" in model:  # as it was called when tie_embeddings did nothing
            model["tie_embeddings"] = model.get("embedding_size") == model.get("units") and model.get(
                "tie_embeddings", False
            )
        return super().upgraded(table)
