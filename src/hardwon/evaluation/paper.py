"""The paper's own figures, to stand beside ours. They are data, and never mixed with ours."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml
from pydantic import Field

from hardwon.records import Record


class ModeFigures(Record):
    """Pass@n of one model in each mode."""

    model: str
    single: float | None = None
    agent: float | None = None
    self_improve: float | None = Field(default=None, alias="self-improve")


class GroupFigures(Record):
    """Pass@1 and Pass@n of one model, over all tasks and per group."""

    model: str
    all: tuple[float, float]
    groups: Mapping[str, tuple[float, float]]


class GuardianFigures(Record):
    """One cell of the ablation of the guardian."""

    kind: str = Field(alias="class")
    use: str
    mode: str
    pass_1: float | None = Field(default=None, alias="pass@1")
    solved: tuple[int, int]


class DiversityFigures(Record):
    """Semantic diversity in one mode."""

    mode: str
    success: float
    failure: float
    overall: float
    pass_n: float = Field(alias="pass@n")


class ComplexityFigures(Record):
    """Least, mean and greatest value of one measure of solved programs."""

    measure: str
    least: float | None = None
    mean: float
    greatest: float | None = None


class PaperFigures(Record):
    """All of them."""

    tasks: int
    """How many tasks the benchmark has."""
    ablated: str
    """The model with which the guardian and the diversity were measured."""
    modes: tuple[ModeFigures, ...]
    groups: tuple[GroupFigures, ...]
    guardian: tuple[GuardianFigures, ...]
    diversity: tuple[DiversityFigures, ...]
    equal_tokens: tuple[ModeFigures, ...]
    complexity: tuple[ComplexityFigures, ...]


@cache
def paper() -> PaperFigures:
    """Return the paper's figures."""
    text = (files("hardwon.evaluation") / "paper.yaml").read_text(encoding="utf-8")
    return PaperFigures.model_validate(yaml.safe_load(text))
