"""What agents do: propose programs, guard the language's law, repair what the judge refused."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hardwon.models.protocol import ModelError
from hardwon.records import Answer, Experience, Task, Usage, Verdict


class UnansweredError(ModelError):
    """Requests that no model answered, whatever was tried: the samples they were for are missing.

    Raised after everything that did come. A missing sample is not a failed one: it says nothing of
    its task, and may be asked for again.
    """


def _unheard(usage: Usage) -> None:
    """Listen to nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request for samples of one task: the arguments of p(y | x, d) in Algorithm 1."""

    task: Task
    demonstrations: tuple[Experience, ...]
    """In the order of the prompt: hardest first."""
    temperature: float
    indices: tuple[int, ...]
    """Which samples are wanted; each index stands for one draw."""
    seed: int
    """Together with task, temperature and index it decides a sample, where the model allows it.

    The demonstrations decide it as well; the seed differs from iteration to iteration, so that
    repeated steps with the same demonstrations bring new samples."""
    sizes: Mapping[str, Mapping[str, int]]
    """Default sizes of the task and of all demonstrated tasks, by digest."""
    effort: int = 0
    """How hard to try: 0 is a sample as usual; above, the stages of a deepening search."""
    asked: Callable[[Usage], None] = field(default=_unheard, compare=False, repr=False)
    """Told of every request to a model, as soon as it is answered, what it has cost.

    A sample may take many requests and minutes: this is how a display knows that it goes on."""


class Proposer(Protocol):
    """Turns a task into candidate programs."""

    @property
    def name(self) -> str:
        """What identifies it in a run's configuration."""
        ...

    def propose(self, request: Request) -> AsyncIterator[Answer]:
        """Yield one answer per wanted index, in any order, as they come.

        A sample without a program is an answer too, and no failure of one sample ends the others.

        Raises:
            UnansweredError: after all answers, if requests for others were never answered.
        """
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """What an agent made of a program."""

    impl: str | None
    usage: Usage = field(default_factory=Usage)
    exchanges: tuple[str, ...] = ()


class Guardian(Protocol):
    """Checks a program against the language's global law and mends it (paper, section 3)."""

    async def guard(self, request: Request, answer: Answer) -> Change:
        """Return the program as it should be judged, and what that cost beyond the answer."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


class Repairer(Protocol):
    """Gives a refused program another try, with the judge's diagnostics."""

    async def repair(self, request: Request, answer: Answer, verdict: Verdict) -> Change | None:
        """Return another program, and what it cost beyond the answer; None to give up."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...
