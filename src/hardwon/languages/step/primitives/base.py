"""What every primitive declares: its arguments, how many streams it takes, and its type rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from hardwon.languages.step.dims import Dim
from hardwon.languages.step.signature import Function
from hardwon.languages.step.types import Dtype, Stream, components, from_components


class ArgumentKind(Enum):
    """What may be written as an argument of a primitive."""

    FUNCTION = "a function of the task"
    POSITION = "an integer literal"
    POSITIONS = "a list of integer literals"
    SIZE = "an integer, a symbol or a product of them"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a primitive."""

    name: str
    kind: ArgumentKind


class RuleError(Exception):
    """A program breaks a type rule. `str()` says what was expected and what came."""

    def __init__(self, message: str, rule: str) -> None:
        super().__init__(message)
        self.rule = rule


class Inputs(Enum):
    """How the streams of `.apply(...)` are written."""

    ONE = "one stream"
    ZIPPED = "one stream, or a tuple of streams that is zipped first"
    TUPLE = "a tuple of two or more streams"
    PAIR = "a tuple of two streams"
    LIST_AND_INDEX = "a list of streams and a multi-hot stream"


@dataclass(frozen=True, slots=True)
class Primitive:
    """One primitive with its arguments; its docstring is the first line of its reference card."""

    parameters: ClassVar[tuple[Parameter, ...]] = ()
    inputs: ClassVar[Inputs] = Inputs.ONE
    reshapes: ClassVar[bool] = False
    """Whether the paper counts it as a shape primitive (Promote, Repeat, RepeatRef, Flatten)."""

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """Return the types of the results.

        `sizes` are the task's default sizes, for the few rules that need a concrete number.
        A result dimension that only the data decides is written as a symbol that starts with `?`;
        the checker makes it unique.

        Raises:
            RuleError: if the inputs do not fit.
        """
        raise NotImplementedError

    def outputs(self, sizes: Mapping[str, int]) -> int:
        """Return the number of result streams."""
        del sizes
        return 1

    @property
    def name(self) -> str:
        """The name that programs use."""
        return type(self).__name__

    def arguments(self) -> tuple[tuple[str, object], ...]:
        """Return the arguments in the order of declaration."""
        return tuple([(item.name, getattr(self, item.name)) for item in self.parameters])

    def __str__(self) -> str:
        parts = (f"{name}={argument_text(value)}" for name, value in self.arguments())
        return f"{self.name}({', '.join(parts)})"


def argument_text(value: object) -> str:
    """Return an argument as programs write it."""
    match value:
        case Function(name=name):
            return name
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case _:
            return str(value)


def require_input(fn: Function, dtype: Dtype, what: str) -> None:
    """Check that elements are what a function takes.

    Raises:
        RuleError: if they are not.
    """
    if fn.input != dtype:
        raise RuleError(
            f"{fn.name} takes {fn.input}, but the {what} carries {dtype}",
            rule="the function's input type equals the stream's dtype",
        )


def require_fold(fn: Function, user: str) -> None:
    """Check that a function has an initial state.

    Raises:
        RuleError: if it has none.
    """
    if not fn.is_fold:
        raise RuleError(
            f"{user} needs a function with an initial state, but {fn.name} has no init",
            rule=f"{user}(fn): fn is a fold",
        )


def require_rank(
    name: str, value: int, low: int, high: int, stream: Stream, *, outermost_stays: bool = False
) -> None:
    """Check that a position, written `name=value`, lies within a stream's dimensions.

    Raises:
        RuleError: if it does not.
    """
    if not low <= value <= high:
        argument = name.rsplit("(", maxsplit=1)[-1]
        span = f"{low} <= {argument} <= {high}" if low <= high else "a stream of higher rank"
        raise RuleError(
            f"{name}={value}) on {stream} of rank {stream.rank}: expected {span}",
            rule="positions lie within the stream's dimensions"
            + ("; the outermost dimension stays" if outermost_stays else ""),
        )


def zip_types(streams: tuple[Stream, ...]) -> Stream:
    """Return the type of streams that are zipped: a flat tuple over their common shape.

    Raises:
        RuleError: if the shapes differ.
    """
    first = streams[0]
    for other in streams[1:]:
        if other.shape != first.shape:
            raise RuleError(
                f"streams that are zipped need equal shapes, got {first} and {other}",
                rule="Zip: equal shapes",
            )
    items = tuple(item for stream in streams for item in components(stream.dtype))
    return Stream(from_components(items), first.shape)


def unknown_dim(tag: int) -> Dim:
    """Return a placeholder for a dimension that only the data decides."""
    return Dim(powers=((f"?{tag}", 1),))
