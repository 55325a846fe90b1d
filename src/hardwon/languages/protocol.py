"""What a language pack must offer. Everything outside a pack sees only these types."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hardwon.records import Diagnostic, Experience, Task


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
    """Whether the language's global law holds; None if the program could not be read."""
    normal_form: str | None
    """The same text for programs that differ in spelling only; None if it could not be read."""
    code_lines: int | None
    """Lines of code without comments and blank lines."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One size setting and one seed for random inputs."""

    sizes: Mapping[str, int]
    """Symbol to size, before the task's `global` code has its say."""
    seed: int


class Simulator(Protocol):
    """Runs programs of one task; lives in a worker process, because task code is executed."""

    def sizes(self) -> Mapping[str, int]:
        """Return all symbols' sizes at the default setting, those bound by `global` included.

        Raises:
            TaskError: if the task's own code fails.
        """
        ...

    def prepare(self, settings: Sequence[Setting]) -> None:
        """Run the task's own code at these settings once, so that later checks only run programs.

        Raises:
            TaskError: if it fails at the default sizes.
        """
        ...

    def check(self, impl: str, settings: Sequence[Setting]) -> tuple[Diagnostic, ...]:
        """Run a runnable program on fresh inputs and compare with the reference.

        Returns no diagnostics if every output agrees at every setting.

        Raises:
            TaskError: if the task itself (not the program) is at fault.
        """
        ...


class TaskError(Exception):
    """The task's own code (global, function bodies, references) is broken."""


class StatementSampler(Protocol):
    """Draws well-typed programs of one task at random, statement by statement."""

    def draw(self, rng: random.Random, temperature: float) -> tuple[str | None, int]:
        """Return one program (or None if the bounded steps led nowhere) and the steps spent."""
        ...


class Language(Protocol):
    """A low-level language of one accelerator family."""

    @property
    def name(self) -> str:
        """The name under which tasks refer to it."""
        ...

    def check_task(self, task: Task) -> tuple[Finding, ...]:
        """Return every error in the task's types and dimensions."""
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

    def simulator(self, task: Task) -> Simulator:
        """Return a simulator of the task. Only to be called in a worker process."""
        ...

    def sampler(
        self,
        task: Task,
        demonstrations: Sequence[Experience],
        sizes: Mapping[str, Mapping[str, int]],
    ) -> StatementSampler:
        """Return a sampler of well-typed programs, steered by demonstrations.

        `sizes` holds, by digest, the default sizes of the task and of every demonstrated task.
        """
        ...

    def test_file(self, task: Task, impl: str) -> str:
        """Return the source of a self-contained pytest file that verifies a solved task."""
        ...
