"""What programs can reach by types alone, whatever they do with dimensions.

Shape primitives make any buffer of an element that exists (Repeat supplies missing dimensions), but
nothing takes a tuple apart except a function. So the question is which elements and which tuples
exist.
"""

from dataclasses import dataclass

from hardwon.languages.inspection import Remark, Severity
from hardwon.languages.step.dims import Dim
from hardwon.languages.step.signature import Function, Signature
from hardwon.languages.step.synthesis.values import base, buffer_dims
from hardwon.languages.step.types import (
    Component,
    Dtype,
    Multihot,
    Scalar,
    Tile,
    components,
    from_components,
)

_Element = Scalar | Multihot | Tile


@dataclass(frozen=True, slots=True)
class _Available:
    """The elements and the closed tuples that some program makes."""

    elements: frozenset[_Element]
    tuples: frozenset[Dtype]

    def makes(self, wanted: tuple[Component, ...]) -> bool:
        """Whether streams can be zipped into these components."""
        if not wanted:
            return True
        if base(wanted[0]) in self.elements and self.makes(wanted[1:]):
            return True
        return any(
            wanted[: len(items)] == items and self.makes(wanted[len(items) :])
            for items in map(components, self.tuples)
        )

    def missing(self, wanted: tuple[Component, ...]) -> str:
        """Return the components that nothing makes."""
        names = [str(item) for item in wanted if base(item) not in self.elements]
        return ", ".join(dict.fromkeys(names)) or str(from_components(wanted))

    def plus(self, dtype: Dtype) -> "_Available":
        items = components(dtype)
        if len(items) == 1:
            return _Available(self.elements | {base(items[0])}, self.tuples)
        return _Available(self.elements, self.tuples | {dtype})


def remarks(signature: Signature) -> tuple[Remark, ...]:
    """Return functions and results out of reach, and functions that lead to no result."""
    available = _Available(frozenset(), frozenset())
    for _, stream in signature.inputs:
        available = available.plus(stream.dtype)
    waiting = list(signature.functions)
    while ready := [fn for fn in waiting if available.makes(components(fn.input))]:
        waiting = [fn for fn in waiting if fn not in ready]
        for fn in ready:
            available = available.plus(fn.output)
    found = [
        Remark(
            Severity.ERROR,
            "unreachable-function",
            ("fns", fn.name),
            f"no program can call {fn.name}:"
            f" nothing makes {available.missing(components(fn.input))}",
            "correct input_dtype, or give the task an input or a function that makes it",
        )
        for fn in waiting
    ]
    found += [
        Remark(
            Severity.ERROR,
            "unreachable-output",
            ("outputs", at),
            f"no program can return {stream}:"
            f" nothing makes {available.missing(components(stream.dtype))}",
            "correct the output's dtype, or give the task a function that makes it",
        )
        for at, stream in enumerate(signature.outputs)
        if not available.makes(components(stream.dtype))
    ]
    reachable = tuple(fn for fn in signature.functions if fn not in waiting)
    return (*found, *_leading_nowhere(signature, reachable), *_stretched(signature, reachable))


def _leading_nowhere(signature: Signature, functions: tuple[Function, ...]) -> list[Remark]:
    """Return remarks on functions whose results cannot take part in any result of the task."""
    wanted: set[Component | _Element] = set()
    closed: set[Dtype] = set()

    def want(dtype: Dtype) -> None:
        wanted.update(base(item) for item in components(dtype))
        closed.add(dtype)

    def useful(fn: Function) -> bool:
        items = components(fn.output)
        if len(items) == 1:
            # A multi-hot also steers Partition and Merge, whatever they carry.
            return base(items[0]) in wanted or isinstance(base(items[0]), Multihot)
        return any(_contains(components(dtype), items) for dtype in closed)

    for stream in signature.outputs:
        want(stream.dtype)
    waiting = list(functions)
    while ready := [fn for fn in waiting if useful(fn)]:
        waiting = [fn for fn in waiting if fn not in ready]
        for fn in ready:
            want(fn.input)
    return [
        Remark(
            Severity.WARNING,
            "useless-function",
            ("fns", fn.name),
            f"the result of {fn.name} ({fn.output}) is of no use:"
            " no function takes it and no output has its type",
            "correct output_dtype, or leave the function out",
        )
        for fn in waiting
    ]


def _contains(whole: tuple[Component, ...], part: tuple[Component, ...]) -> bool:
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def _stretched(signature: Signature, functions: tuple[Function, ...]) -> list[Remark]:
    """Return remarks on functions that only see data blown up by Repeat."""
    present: set[str] = set()
    for _, stream in signature.inputs:
        present |= _symbols(stream.dtype) | _symbols_of(stream.shape)
    for fn in functions:
        present |= _symbols(fn.output)
    return [
        Remark(
            Severity.WARNING,
            "stretched-input",
            ("fns", fn.name),
            f"{fn.name} takes {fn.input}, but no input and no function's output has a dimension"
            f" {', '.join(sorted(_symbols(fn.input) - present))}: only Repeat can make one",
            "check the dimensions of input_dtype",
        )
        for fn in functions
        if _symbols(fn.input) - present
    ]


def _symbols(dtype: Dtype) -> set[str]:
    return set().union(
        *(_symbols_of(buffer_dims(item)) | _lengths(base(item)) for item in components(dtype))
    )


def _lengths(element: _Element) -> set[str]:
    return set(element.length.symbols) if isinstance(element, Multihot) else set()


def _symbols_of(dims: tuple[Dim, ...]) -> set[str]:
    return {symbol for dim in dims for symbol in dim.symbols}
