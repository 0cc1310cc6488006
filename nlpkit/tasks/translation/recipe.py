"""A translator's recipe."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nlpkit.normalization import Normalization
from nlpkit.recipe import DataSection, Fraction, Section, StackSection, TextRecipe, TokenizerSection, TrainingSection


class TranslatorData(DataSection):
    source: str = "dates"
    target: str | None = None
    pair: Annotated[str, Field(pattern=r"^[^\s-]+-[^\s-]+$")] | None = None
    source_column: str | None = None
    target_column: str | None = None
    max_ratio: Annotated[float, Field(ge=1)] = 4.0


class TranslatorTokenizer(TokenizerSection):
    normalization: Normalization = "sentence"
    split_digits: bool = True
    max_length: Annotated[int, Field(ge=4, le=10_000)] = 100
    sampling: Fraction = 0.0


class TranslatorSection(StackSection):
    cell: Literal["lstm"] = "lstm"
    input_dropout: Fraction = 0.0
    attention: Literal["general", "additive"] = "general"
    input_feeding: bool = True
    lexicon: bool = False

    @property
    def directions(self) -> int:
        return 2


class TranslatorTraining(TrainingSection):
    batch_tokens: Annotated[int, Field(ge=16, le=10_000_000)] = 8_192
    label_smoothing: Fraction = 0.1


class DecodingSection(Section):
    length_penalty: Annotated[float, Field(ge=0, le=10)] = 1.0


class TranslationRecipe(TextRecipe):
    task: Literal["translation"] = "translation"
    description: str = ""
    data: TranslatorData = TranslatorData()
    tokenizer: TranslatorTokenizer = TranslatorTokenizer()
    model: TranslatorSection = TranslatorSection()
    training: TranslatorTraining = TranslatorTraining()
    decoding: DecodingSection = DecodingSection()

    renamed: ClassVar[Mapping[str, str]] = {"model.embedding_dropout": "model.input_dropout"}
