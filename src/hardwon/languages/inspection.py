"""What a language pack may offer on top of `Language`: inspecting tasks and programs.

Both protocols are optional. A pack without them still works; lint then makes only the checks that
need no knowledge of the language, and explain has nothing to say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from hardwon.records import Diagnostic, Task


class Severity(StrEnum):
    """How bad a remark is."""

    ERROR = "error"
    """The task cannot be used: samples on it would be wasted, or a wrong answer would pass."""
    WARNING = "warning"
    """Probably not what the author meant."""
    NOTE = "note"
    """Worth knowing; nothing has to be done."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that lint has to say about a task."""

    severity: Severity
    rule: str
    """A short name for this kind of remark, e.g. `unreachable-function`."""
    where: tuple[str | int, ...]
    """Keys into the structural IR, e.g. ("fns", "fn_gate"); empty for the task as a whole."""
    message: str
    """What was found."""
    advice: str
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Law:
    """A property of functions by which a variant means the same as the program it comes from."""

    kind: str
    """The pack's own word, e.g. "commutes"."""
    functions: tuple[str, ...]
    slots: tuple[int, ...] = ()
    text: str = ""
    """The law for people, e.g. `fn_mul(x1, x0) = fn_mul(x0, x1)`."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A program made by a rule rather than by an author."""

    kind: str
    """The rule that made it, e.g. "swap arguments"."""
    program: str
    """It obeys the language's law and type-checks."""
    change: str
    """What it is or how it differs from the program it comes from, in words."""
    plain: str
    """The program without what only the law asks for, to be compared with `TaskLinter.plain`."""
    laws: tuple[Law, ...] = ()
    """If any of these holds, the variant is not wrong but another way to write the program."""
    legitimate: bool = False
    """Of trivial programs: whether the task offers nothing that a longer answer could use."""


class TaskLinter(Protocol):
    """Knows one task by its types; runs nothing."""

    def remarks(self) -> tuple[Remark, ...]:
        """Return what the types alone reveal: functions and results out of reach."""
        ...

    def trivial_programs(self) -> Iterator[Variant]:
        """Yield every program that is too small to be the answer, simplest first."""
        ...

    def data_variants(self) -> tuple[Task, ...]:
        """Return the same task with its inputs drawn from other distributions."""
        ...

    def plain(self, impl: str) -> str:
        """Return a readable program in the spelling that its variants have as `Variant.plain`."""
        ...

    def variants(self, impl: str) -> Iterator[Variant]:
        """Yield well-typed programs that differ from a correct one in a single place."""
        ...


@runtime_checkable
class Lints(Protocol):
    """A language pack that can lint tasks."""

    def linter(self, task: Task, sizes: Mapping[str, int]) -> TaskLinter:
        """Return a linter of the task; `sizes` are those at the default setting."""
        ...

    @property
    def prober(self) -> str:
        """The module that runs a task's own code to find out about it, in a confined process.

        Its `serve_task()` returns a function that is called once per process. It takes a request
        with `task` (a Task), `settings` (Settings, the default one first) and `laws` (Laws), and no
        data. It returns no data and a JSON-able reply: `remarks` (objects with the fields of
        Remark) and `holds` (one boolean per law, as far as testing can tell).
        """
        ...


@dataclass(frozen=True, slots=True)
class AnnotatedLine:
    """One line of a program, with what is known of the streams that it makes."""

    number: int
    text: str
    streams: tuple[tuple[str, str], ...] = ()
    """Name and type of each stream."""
    errors: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowNode:
    """A box of a dataflow graph."""

    key: str
    kind: str
    """"input", "step" or "output"."""
    title: str
    detail: str = ""
    line: int | None = None
    faulty: bool = False
    """Whether an error of the program is about it."""
    moves: bool = False
    """Whether it only moves data and computes nothing."""


@dataclass(frozen=True, slots=True)
class FlowEdge:
    """A stream between two boxes."""

    source: str
    target: str
    label: str
    """The stream's type, or a question mark where it has none."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A program, explained. Empty graphs belong to programs that could not be read."""

    lines: tuple[AnnotatedLine, ...]
    errors: tuple[Diagnostic, ...]
    """All errors, those without a line included."""
    nodes: tuple[FlowNode, ...] = ()
    edges: tuple[FlowEdge, ...] = ()
    facts: Mapping[str, int | tuple[str, ...]] = field(default_factory=dict)
    """Counts and lists by label, in the order in which people want to read them."""


@runtime_checkable
class Annotates(Protocol):
    """A language pack that can explain programs."""

    def annotate(self, task: Task, impl: str, sizes: Mapping[str, int]) -> Annotation:
        """Return the program with the types of its streams, and its dataflow graph."""
        ...
