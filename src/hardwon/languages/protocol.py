"""What a language pack must offer, and the sampler that it may. Nobody outside sees other types.

How to write a pack is in `docs/language-packs.md`.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from hardwon.records import Diagnostic, Experience, StreamType, Task


@dataclass(frozen=True, slots=True)
class Finding:
    """An error in a task file's types or dimensions."""

    path: tuple[str | int, ...]
    """Where, as keys into the structural IR, e.g. ("fns", 2, "input_dtype")."""
    message: str
    """What is wrong, with what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A program as far as it can be understood without running it."""

    errors: tuple[Diagnostic, ...]
    """Errors of every static stage; empty for a program that only the functional check can fail."""
    runnable: bool
    """Whether it parses and type-checks; it can then be run, even if it breaks the law."""
    affine: bool | None
    """Whether the language's global law holds; None if the program could not be read.

    True for every program that could, where a language has no law.
    """
    normal_form: str | None
    """The same text for programs that differ in spelling only; None if it could not be read."""
    code_lines: int | None
    """Lines of code without comments and blank lines."""
    streams: Callable[[], tuple[StreamType, ...]] = field(default=tuple, compare=False)
    """Says of what type every stream is, as far as that is known; only asked for if needed."""


PLAIN = "plain"
"""Values as the task says that they are drawn."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One size setting and one seed for random inputs."""

    sizes: Mapping[str, int]
    """Symbol to size, before the task's `global` code has its say."""
    seed: int
    draws: tuple[str, ...] = (PLAIN,)
    """Which kinds of values to draw at these sizes; the names are the language pack's own."""


@dataclass(frozen=True, slots=True)
class Support:
    """What a task makes of one setting."""

    setting: Setting
    sizes: Mapping[str, int]
    """All symbols' sizes, those bound by `global` included; empty where that fails."""
    draws: tuple[str, ...]
    """The kinds of values at which programs are checked."""
    problems: tuple[str, ...]
    """Why the setting, or a kind of values, or a function at these sizes, is left out."""


class ProcessEndedError(Exception):
    """A process that runs task code ended, was killed, or sent something that is no reply."""


class TaskProcess(Protocol):
    """A process that runs the code of one task, with limits and without a way out."""

    @property
    def running(self) -> bool:
        """Whether it can still be asked."""
        ...

    def ask(
        self,
        request: Mapping[str, Any],
        data: Sequence[bytes] = (),
        *,
        seconds: float,
        most: int,
    ) -> tuple[dict[str, Any], list[bytearray]]:
        """Send one request and wait for the reply, a JSON object and at most `most` bytes.

        Any failure ends the process.

        Args:
            request: anything that can be pickled, a Task for instance.
            data: bytes that go along.
            seconds: how long to wait.
            most: how many bytes of data the reply may have, besides its JSON object.

        Returns:
            The reply and its data, whose content is the process's own: to be checked, since the
            code of the task may have written them.

        Raises:
            TimeoutError: if it takes too long.
            ProcessEndedError: if the process dies over it, or sends something else.
        """
        ...

    def interrupt(self) -> None:
        """End the request that another thread waits for: it fails at once, and the process ends."""
        ...

    def stop(self) -> None:
        """Kill it, with everything that it started."""
        ...


class Host(Protocol):
    """Starts processes for task code."""

    @property
    def seconds(self) -> float:
        """How long one program may run."""
        ...

    @property
    def prepare_seconds(self) -> float:
        """How long a task's own code may run before the first program does."""
        ...

    def spawn(self) -> TaskProcess:
        """Start a process that answers by what `serve_task()` of the pack's `executor` returns.

        Raises:
            ProcessEndedError: if it cannot be started.
        """
        ...


class Simulator(Protocol):
    """Runs and checks programs of one task.

    It lives in the judge's own process, which executes no task code: for that it starts processes
    by its host, one task each, and believes nothing of what they send.
    """

    def sizes(self) -> Mapping[str, int]:
        """Return all symbols' sizes at the default setting, those bound by `global` included.

        Raises:
            TaskError: if the task's own code fails.
        """
        ...

    def prepare(self, settings: Sequence[Setting]) -> None:
        """Run the task's own code at these settings once, so that later checks only run programs.

        After `close` or a failed check it makes the simulator ready again.

        Raises:
            TaskError: if that code fails at the default sizes, takes too long, or ends its process
                (what a process raises for the latter two has to be translated).
            ProcessEndedError: if no process can be started, which is nobody's fault in the task.
        """
        ...

    def check(self, impl: str, settings: Sequence[Setting]) -> tuple[Diagnostic, ...]:
        """Run a runnable program on fresh inputs and compare with the reference.

        Returns no diagnostics if every output agrees at every setting.

        Raises:
            TaskError: if the task itself (not the program) is at fault.
            TimeoutError: if the program runs for too long.
            MemoryError: if it takes too much memory.
            ProcessEndedError: if it ends the process that runs it.
        """
        ...

    def support(self) -> tuple[Support, ...]:
        """Return what the task makes of the settings that it was prepared for."""
        ...

    def close(self) -> None:
        """End the processes that run task code."""
        ...


class TaskError(Exception):
    """The task's own code (global, function bodies, references) is broken."""


class StatementSampler(Protocol):
    """Draws well-typed programs of one task at random, statement by statement."""

    def draw(self, rng: random.Random, temperature: float) -> tuple[str | None, int]:
        """Return one program (or None if the bounded steps led nowhere) and the steps spent.

        All chance comes from `rng`: a seed reproduces a run.
        """
        ...


class Language(Protocol):
    """A low-level language of one accelerator family."""

    @property
    def name(self) -> str:
        """The name under which tasks refer to it."""
        ...

    @property
    def executor(self) -> str:
        """The module that runs task code in confined processes; empty if none is needed.

        Its `serve_task()` returns a function from a request (a dict) and its data (a list of
        bytearrays) to a JSON-able dict and a sequence of bytes. Processes fork from one that has
        called it once. They can open hardly any file, so the module, or that call, imports
        whatever will be needed. What they print is lost, and an exception that leaves the function
        ends the process without a word: errors belong into the reply.
        """
        ...

    def check_task(self, task: Task) -> tuple[Finding, ...]:
        """Return every error in the task's types and dimensions, or in what else the pack reads.

        Names, code and lists have been checked for what they are in every language.
        """
        ...

    def read(self, task: Task, impl: str, sizes: Mapping[str, int]) -> Reading:
        """Parse and check a program without running anything.

        `sizes` are the task's sizes at the default setting.
        """
        ...

    def enforce_law(self, task: Task, impl: str, sizes: Mapping[str, int]) -> str:
        """Return the program rewritten so that the language's global law holds.

        A program that already obeys it, or that cannot be read, comes back unchanged. The rewrite
        never changes a result.
        """
        ...

    def settings(self, task: Task, seed: int) -> tuple[Setting, ...]:
        """Return the size settings and seeds at which programs are checked, the default first."""
        ...

    def simulator(self, task: Task, host: Host) -> Simulator:
        """Return a simulator of the task. Only to be called in a judge's worker process."""
        ...

    def test_file(self, task: Task, impl: str) -> str:
        """Return the source of a pytest file that verifies a solved task.

        It holds the program, the references and the inputs; it may import the pack.
        """
        ...


@runtime_checkable
class Samples(Protocol):
    """A language pack that writes programs without a model. Optional."""

    def sampler(
        self,
        task: Task,
        demonstrations: Sequence[Experience],
        sizes: Mapping[str, Mapping[str, int]],
    ) -> StatementSampler:
        """Return a sampler of well-typed programs, steered by demonstrations.

        `sizes` holds, by digest, the default sizes of the task and of every demonstrated task.
        Demonstrations may be in other languages.
        """
        ...
