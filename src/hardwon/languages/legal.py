"""Writing a program by choosing among legal statements, and searching for one. Both optional."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hardwon.records import Experience, Task


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that is legal now."""

    text: str
    """As it stands in the program, one or more lines; the same text is the same choice."""
    score: float
    """Log-preference of the pack's own policy; comparable within one state only."""


class Draft(Protocol):
    """A program being written; immutable: choosing returns another draft."""

    @property
    def text(self) -> str:
        """The program so far."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the program is complete: well-typed, obeying the law, of the declared types."""
        ...

    def statements(self) -> Sequence[Statement]:
        """Return the legal statements, the last one included; empty at a dead end."""
        ...

    def choose(self, statement: Statement) -> "Draft":
        """Return the draft with this statement appended."""
        ...


@runtime_checkable
class Drafts(Protocol):
    """A language pack that knows which statements are legal."""

    def draft(
        self,
        task: Task,
        demonstrations: Sequence[Experience],
        sizes: Mapping[str, Mapping[str, int]],
    ) -> Draft:
        """Return the empty program of a task.

        `sizes` holds, by digest, the default sizes of the task and of every demonstrated task.
        """
        ...


@dataclass(frozen=True, slots=True)
class SearchReport:
    """How a systematic search ended."""

    programs: tuple[str, ...]
    """Programs whose results agreed with the reference, the best first; obeying the law."""
    steps: int
    """Evaluations."""
    stopped: str
    """Why: solved, the budget, the time, or that the bounded space is exhausted."""
    hint: str
    """What came nearest, for people: values reached, functions left unused."""


@runtime_checkable
class Searches(Protocol):
    """A language pack that can search for programs by running them.

    The search executes task code; it only ever runs in a confined process.
    """

    @property
    def searcher(self) -> str:
        """The module that searches, to be run in a confined process.

        Its `serve_task()` returns a function that takes a request and data and returns a reply and
        data, as `Language.executor` does. The request holds `task`, `demonstrations` and `sizes`
        (as `Language.sampler` takes them), `seed`, `budget` (evaluations, counted from the start
        of the search), and `start`: a program to start from, or null. Further requests on the same
        process with a larger budget go on with the same search. The reply has the fields of
        `SearchReport`, and may have `bytes`, the memory that the search holds, so that a worker
        knows how many idle ones it can keep.
        """
        ...
