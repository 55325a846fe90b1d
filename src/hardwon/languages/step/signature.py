"""A task as STeP sees it: typed inputs, functions and outputs."""

import re
from dataclasses import dataclass
from functools import lru_cache

from hardwon.languages.protocol import Finding
from hardwon.languages.step.dims import Dim, parse_dim
from hardwon.languages.step.settings import DEFAULT_SIZES, ConstraintError, constrained
from hardwon.languages.step.types import (
    Buffer,
    Component,
    Dtype,
    Multihot,
    Stream,
    element_dims,
    from_components,
    interned,
    parse_component,
)
from hardwon.records import Task

STANDARD_SYMBOLS = ("M", "N", "K", "D", "E")


@dataclass(frozen=True, slots=True)
class Function:
    """A specialised function of the hardware, typed. Its body is known to the simulator only."""

    name: str
    """The name that programs use (`func_name` in structural IR)."""
    input: Dtype
    output: Dtype
    is_fold: bool

    def __str__(self) -> str:
        kind = "fold" if self.is_fold else "function"
        return f"{kind} {self.name}: {self.input} -> {self.output}"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a program may use and what it must return."""

    inputs: tuple[tuple[str, Stream], ...]
    functions: tuple[Function, ...]
    outputs: tuple[Stream, ...]
    parameters: frozenset[str]
    symbols: frozenset[str]

    def function(self, name: str) -> Function | None:
        """Return the function that programs call by this name."""
        return next((fn for fn in self.functions if fn.name == name), None)


@lru_cache(maxsize=512)
def _signature_of(task: Task) -> Signature:
    symbols = set(STANDARD_SYMBOLS)

    def dims_of(dims: tuple[str, ...]) -> tuple[Dim, ...]:
        parsed = tuple(parse_dim(dim) for dim in dims)
        symbols.update(*(dim.symbols for dim in parsed))
        return parsed

    def dtype_of(dtype: tuple[str, ...]) -> Dtype:
        items = tuple(parse_component(item) for item in dtype)
        for item in items:
            symbols.update(*(dim.symbols for dim in element_dims(item)))
        return from_components(items)

    inputs = tuple(
        (i.name, interned(Stream(dtype_of(i.dtype), dims_of(i.dims)))) for i in task.inputs
    )
    for parameter in task.parameters:
        dtype_of(parameter.dtype)
        dims_of(parameter.dims)
    functions = tuple(
        Function(fn.func_name, dtype_of(fn.input_dtype), dtype_of(fn.output_dtype), fn.is_fold)
        for fn in task.fns
    )
    outputs = tuple(Stream(dtype_of(out.dtype), dims_of(out.dims)) for out in task.outputs)
    symbols.update(*map(constrained, task.constraints))
    return Signature(
        inputs,
        functions,
        outputs,
        frozenset(parameter.name for parameter in task.parameters),
        frozenset(symbols),
    )


def signature_of(task: Task) -> Signature:
    """Return the typed view of a task that `check_task` finds nothing wrong with.

    Raises:
        ValueError: if a type or dimension cannot be read.
    """
    return _signature_of(task)


def check_task(task: Task) -> tuple[Finding, ...]:
    """Return every error in the types and dimensions of a task."""
    findings: list[Finding] = []

    def read_dtype(path: tuple[str | int, ...], dtype: tuple[str, ...]) -> list[Component]:
        items: list[Component] = []
        for text in dtype:
            try:
                items.append(parse_component(text))
            except ValueError as error:
                findings.append(Finding(path, str(error)))
        return items

    def read_dims(path: tuple[str | int, ...], dims: tuple[str, ...]) -> None:
        for text in dims:
            try:
                parse_dim(text)
            except ValueError as error:
                findings.append(Finding(path, str(error)))

    for key, tensors in (("inputs", task.inputs), ("parameters", task.parameters)):
        for at, tensor in enumerate(tensors):
            items = read_dtype((key, at, "dtype"), tensor.dtype)
            read_dims((key, at, "dims"), tensor.dims)
            multihot = [_is_multihot(item) for item in items]
            if any(multihot) and (tensor.min is None or tensor.max is None):
                message = f"expected min and max, the number of ones per vector of {items[0]}"
                findings.append(Finding((key, at), message))
            if not all(multihot) and tensor.data_gen is None:
                message = f"expected data_gen, since {items[0]} is not drawn by min and max"
                findings.append(Finding((key, at), message))
            if multihot and all(multihot) and tensor.data_gen is not None:
                message = "expected min and max instead of data_gen, since the input is multi-hot"
                findings.append(Finding((key, at, "data_gen"), message))
    for at, fn in enumerate(task.fns):
        read_dtype(("fns", at, "input_dtype"), fn.input_dtype)
        outputs = read_dtype(("fns", at, "output_dtype"), fn.output_dtype)
        if fn.init is not None and len(outputs) != len(fn.init):
            message = (
                f"expected one entry per component of the output ({len(outputs)}),"
                f" got {len(fn.init)}"
            )
            findings.append(Finding(("fns", at, "init"), message))
    for at, output in enumerate(task.outputs):
        items = read_dtype(("outputs", at, "dtype"), output.dtype)
        read_dims(("outputs", at, "dims"), output.dims)
        if items and len(items) != len(output.data_transform):
            message = (
                f"expected one block per component of the output ({len(items)}),"
                f" got {len(output.data_transform)}"
            )
            findings.append(Finding(("outputs", at, "data_transform"), message))
    for at, constraint in enumerate(task.constraints):
        try:
            unsized = sorted(s for s in constrained(constraint) if not _has_size(s, task))
        except ConstraintError as error:
            findings.append(Finding(("constraints", at), str(error)))
            continue
        if unsized:
            message = (
                f"expected symbols that have a size ({', '.join(DEFAULT_SIZES)}, and what `global`"
                f" binds), got {', '.join(unsized)}"
            )
            findings.append(Finding(("constraints", at), message))
    return tuple(findings)


def _has_size(symbol: str, task: Task) -> bool:
    """Whether a symbol has a size by default, or from `global` by all that its text tells."""
    bound = rf"\b{re.escape(symbol)}(_value)?\b"
    return symbol in DEFAULT_SIZES or re.search(bound, task.global_code) is not None


def _is_multihot(component: Component) -> bool:
    return isinstance(component, Multihot) or (
        isinstance(component, Buffer) and isinstance(component.elem, Multihot)
    )
