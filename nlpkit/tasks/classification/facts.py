"""What a classifier's bundle tells in its metadata besides what every bundle does."""

from typing import Annotated

from pydantic import Field

from nlpkit.bundle import BundleFacts


class NgramFacts(BundleFacts):
    buckets: Annotated[int, Field(ge=1, le=1 << 31)]
    weights: dict[str, float]
    figure: str
    validation: dict[str, float]
    heaviest: dict[str, list[str]]


class ClassifierFacts(BundleFacts):
    labels: Annotated[list[str], Field(min_length=1)]
    # left out where there is none, but never null
    ngrams: Annotated[NgramFacts, Field(default=None)]
    rare_weights: Annotated[dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]], Field(default=None)]
