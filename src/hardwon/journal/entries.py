"""The values that go into a journal and come out of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias, Union

from pydantic import JsonValue

from hardwon.records import Answer, Experience, Record, Task, Usage, Verdict

JSON: TypeAlias = Union[bool, int, float, str, Sequence["JSON"], Mapping[str, "JSON"], None]  # noqa: UP007
"""A value of a run's configuration."""


class SampleRecord(Record):
    """One sample with what the judge says of it.

    An answer without a program has a verdict too, the same one for all such answers of a task.
    """

    answer: Answer
    verdict: Verdict


class RunState(StrEnum):
    """Whether a run can still grow."""

    RUNNING = "running"
    """Begun and not ended; perhaps interrupted, then it can be resumed."""
    FINISHED = "finished"


class RunRecord(Record):
    """One run of the learning loop."""

    id: int
    configuration: dict[str, JsonValue]
    created_at: datetime
    """In UTC."""
    hardwon_version: str
    """The version that began the run."""
    state: RunState
    ending: str | None
    """Why the run ended; None while it is running."""


class IterationRecord(Record):
    """One iteration: the demonstrations that it samples with, and the tasks that it attempts."""

    index: int
    """Counts from 0 without gaps."""
    stratum: int
    """The stratum that the selection has reached, from 0, the hardest."""
    effort: int = 0
    """How hard the proposer tries; 0 is as usual."""
    demonstrations: tuple[str, ...]
    """Digests of the selected experiences, in the order of the prompt."""
    tasks: tuple[str, ...]
    """Digests of the attempted tasks, in the order of the run."""
    started_at: datetime
    """In UTC."""
    finished_at: datetime | None
    """In UTC; None until the iteration is complete."""
    digest: str | None
    """Hash of the iteration and all before it (see `journal.iterations`); None until then."""


class Wave(Record):
    """What joined a run at one time. A run begins with wave 0; each time it grows, it gets another.

    A loop plays the waves one after the other, each to its end, and carries over what it remembers.
    So a run ends in the same way whether it grew before or after it had come to its first end.
    """

    index: int
    tasks: tuple[Task, ...]
    """In order; never those of an earlier wave."""
    imported: tuple[Experience, ...]
    """Verified answers from elsewhere (`iteration` is -1), in the order in which they came."""


class RunTotals(Record):
    """What a run amounts to so far."""

    tasks: int
    solved: int
    """Tasks that the run solved itself."""
    imported: int
    iterations: int
    samples: int
    correct: int
    usage: Usage
    """What all samples cost together."""
