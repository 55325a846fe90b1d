"""The values that go into a journal and come out of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias, Union

from pydantic import JsonValue

from hardwon.records import Answer, Record, Verdict

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
    demonstrations: tuple[str, ...]
    """Digests of the selected experiences, in the order of the prompt."""
    tasks: tuple[str, ...]
    """Digests of the attempted tasks, in the order of the run."""
    started_at: datetime
    """In UTC."""
    finished_at: datetime | None
    """In UTC; None until the iteration is complete."""
    digest: str | None
    """Hash of the iteration and all before it (see `hardwon.journal.chain`); None until then."""
