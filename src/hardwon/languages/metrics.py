"""What a language pack may say of a program's size. Optional, as inspection is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hardwon.records import Task


@dataclass(frozen=True, slots=True)
class ProgramCounts:
    """How much a program is made of, as it is written."""

    primitives: Mapping[str, int]
    """Calls of each primitive that occurs."""
    reshaping: int
    """Those among them that only change shapes, by the language's own definition."""
    functions: tuple[str, ...]
    """The specialised functions that it mentions, in the order of the task."""

    @property
    def calls(self) -> int:
        """How many primitive calls there are, whatever the primitive."""
        return sum(self.primitives.values())


@runtime_checkable
class Counts(Protocol):
    """A language pack that can count what a program is made of."""

    def counts(self, task: Task, impl: str) -> ProgramCounts | None:
        """Return the counts of a program, without running it; None if it cannot be read."""
        ...
