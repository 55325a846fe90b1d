"""A model that says what a test wants, and keeps what it was asked."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hardwon.agents import Request
from hardwon.ir import parse_task
from hardwon.records import (
    Completion,
    Experience,
    Finish,
    Parameters,
    Prompt,
    Task,
    Usage,
)

USAGE = Usage(requests=1, input_tokens=100, cached_tokens=60, output_tokens=10, thinking_tokens=4)
SIZES = {"M": 5, "N": 7, "K": 9, "D": 16}


@dataclass(frozen=True)
class Asked:
    """One request to the model."""

    prompt: Prompt
    parameters: Parameters
    index: int
    role: str


Said = str | Completion | Exception


@dataclass
class ScriptedModel:
    """Says what a function of the request returns: a text, a completion, or an error to raise."""

    script: Callable[[Asked], Said]
    name: str = "fake"
    asked: list[Asked] = field(default_factory=list)
    together: int = 0
    """The most requests that were under way at the same time."""
    _now: int = 0

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        asked = Asked(prompt, parameters, index, role)
        self.asked.append(asked)
        self._now += 1
        self.together = max(self.together, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        said = self.script(asked)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, str):
            return Completion(text=said, finish=Finish.STOP, usage=USAGE)
        return said

    async def close(self) -> None:
        raise AssertionError("the model is not the agents' to close")


def by_index(said: Mapping[int, Said]) -> ScriptedModel:
    """Return a model that answers each sample in its own way."""
    return ScriptedModel(lambda asked: said[asked.index])


def always(*said: Said) -> ScriptedModel:
    """Return a model that gives these answers in turn, and the last one from then on."""
    rest = list(said)
    return ScriptedModel(lambda _: rest.pop(0) if len(rest) > 1 else rest[0])


def fenced(program: str) -> str:
    """Return a program in the form that is asked for."""
    body = "\n".join(f"  {line}" if line else "" for line in program.split("\n"))
    return f"```yaml\nimpl: |-\n{body}\n```"


def request_for(
    text: str | Task,
    indices: int | tuple[int, ...] = 1,
    *,
    demonstrations: tuple[Experience, ...] = (),
    temperature: float = 0.7,
    seed: int = 0,
) -> Request:
    """Return a request for samples of a task, given as structural IR or as a record."""
    task = parse_task(text) if isinstance(text, str) else text
    wanted = tuple(range(indices)) if isinstance(indices, int) else indices
    return Request(
        task=task,
        demonstrations=demonstrations,
        temperature=temperature,
        indices=wanted,
        seed=seed,
        sizes={task.digest: SIZES},
    )


def shown(text: str, impl: str, rate: float = 0.5) -> Experience:
    """Return a demonstration."""
    return Experience(
        task=parse_task(text), impl=impl, normal_form="form", code_lines=1, success_rate=rate,
        correct=1, samples=2, iteration=0,
    )  # fmt: skip
