"""The task's own Python: its namespace, function bodies and references.

This is the code that has to be executed; for judging it only ever runs in confined processes.
"""

import ast
import contextlib
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from hardwon.languages.protocol import TaskError
from hardwon.languages.step.settings import DEFAULT_SIZES, constrained, holds
from hardwon.languages.step.signature import Signature, signature_of
from hardwon.languages.step.simulator.draws import Values, draw_all
from hardwon.languages.step.types import data_shape, element_dims
from hardwon.languages.step.types import parse_component as read_component
from hardwon.records import FunctionSpec, Task

_VALUE = "_value"

Body = Callable[..., Any]


class Symbol(str):
    """A size's name, as task code uses it: `ctx[E] = 3`."""

    __slots__ = ()


@dataclass(frozen=True)
class Namespace:
    """A task's names at one size setting. `globals` is what task code runs in."""

    task: Task
    signature: Signature
    sizes: Mapping[str, int]
    globals: dict[str, Any]


def build_namespace(task: Task, sizes: Mapping[str, int], seed: int) -> Namespace:
    """Bind the symbols and run the task's `global` code.

    Raises:
        TaskError: if that code fails or binds a symbol to something that is no size.
    """
    signature = signature_of(task)
    context = {Symbol(name): size for name, size in {**DEFAULT_SIZES, **sizes}.items()}
    names: dict[str, Any] = {"torch": torch, "ctx": context, "input_data": {}}
    for symbol in signature.symbols:
        names[symbol] = Symbol(symbol)
        if symbol in context:
            names[symbol + _VALUE] = context[Symbol(symbol)]
    torch.manual_seed(seed)
    dtype = torch.get_default_dtype()
    with _blame(f"the task's global code at {_sizes_text(sizes)}"):
        exec(compile(textwrap.dedent(task.global_code), "<global>", "exec"), names)
    if torch.get_default_dtype() is not dtype:
        torch.set_default_dtype(dtype)
        raise TaskError("global: expected fp32 as the default dtype, the code changes it")
    bound: dict[str, int] = {}
    for symbol in sorted(signature.symbols):
        size = names["ctx"].get(symbol, names.get(symbol + _VALUE))
        if size is None:
            continue
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise TaskError(
                f"global: expected a positive integer as the size of {symbol}, got {size!r}"
            )
        bound[symbol] = size
        names[symbol + _VALUE] = size
        names["ctx"][Symbol(symbol)] = size
    return Namespace(task, signature, bound, names)


def require_constraints(space: Namespace) -> None:
    """Check what could not be told before `global` has bound its symbols.

    Raises:
        TaskError: if a constraint does not hold, or is about a symbol that has no size.
    """
    sizes = {**DEFAULT_SIZES, **space.sizes}
    for constraint in space.task.constraints:
        named = constrained(constraint)
        for symbol in sorted(named - sizes.keys()):
            raise TaskError(
                f"constraints: {constraint!r} is about {symbol}, which has no size; bind"
                f" {symbol}{_VALUE} in `global`"
            )
        if not holds(constraint, sizes):
            at = _sizes_text({name: sizes[name] for name in sorted(named)})
            raise TaskError(f"constraints: {constraint!r} does not hold at {at}")


def _sizes_text(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={size}" for name, size in sizes.items()) or "the default sizes"


@contextlib.contextmanager
def _blame(what: str) -> Iterator[None]:
    """Turn whatever task code raises into a TaskError that names it."""
    try:
        yield
    except TaskError:
        raise
    except (Exception, SystemExit) as error:
        raise TaskError(f"{what} failed: {type(error).__name__}: {error}") from error


def draw_inputs(space: Namespace, seed: int) -> Values:
    """Draw random inputs and parameters, and show them to task code as `input_data`.

    Raises:
        TaskError: if a dimension has no size or the data cannot be drawn.
    """
    values = draw_all(space.task, space.sizes, seed)
    space.globals["input_data"] = values
    return values


def as_dtype(values: Values, dtype: torch.dtype) -> Values:
    """Return copies of the values in another precision."""
    return {
        name: [item.to(dtype, copy=True) for item in value]
        if isinstance(value, list)
        else value.to(dtype, copy=True)
        for name, value in values.items()
    }


def bind_body(fn: FunctionSpec, space: Namespace) -> Body:
    """Return a function's body as a callable in the task's namespace.

    Raises:
        TaskError: if it is not Python.
    """
    with _blame(f"reading the body of {fn.func_name}"):
        statements = ast.parse(textwrap.dedent(fn.apply), f"<{fn.func_name}>").body
        return define(statements, space.globals, fn.func_name)


def define(statements: list[ast.stmt], names: dict[str, Any], name: str) -> Body:
    """Define `body(input, state)` in a namespace.

    The statements are moved as syntax, not as text, so that odd indentation and multi-line strings
    survive.
    """
    module = ast.parse("def body(input, state=None): pass")
    function = module.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = statements
    defined: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(module), f"<{name}>", "exec"), names, defined)
    body: Body = defined["body"]
    return body


def run_references(space: Namespace, dtype: torch.dtype) -> list[list[torch.Tensor]]:
    """Run the references of all outputs in one namespace and in the given precision.

    Returns one list per output with one tensor per component.

    Raises:
        TaskError: if a reference fails or returns another shape than its output declares.
    """
    names = dict(space.globals)
    names["input_data"] = as_dtype(space.globals["input_data"], dtype)
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        return [
            [
                _reference(names, space, position, component, block)
                for component, block in enumerate(output.data_transform)
            ]
            for position, output in enumerate(space.task.outputs)
        ]
    finally:
        torch.set_default_dtype(default)


def _reference(
    names: dict[str, Any], space: Namespace, position: int, component: int, block: str
) -> torch.Tensor:
    output = space.task.outputs[position]
    what = f"the reference of {output.name}"
    with _blame(what):
        tree = ast.parse(textwrap.dedent(block), f"<{output.name}>")
        last = tree.body.pop() if tree.body else None
        if not isinstance(last, ast.Expr):
            raise TaskError(f"{what}: expected an expression on its last line")
        exec(compile(tree, f"<{output.name}>", "exec"), names)
        value = eval(compile(ast.Expression(last.value), f"<{output.name}>", "eval"), names)
        found = torch.as_tensor(value)
    if found.is_complex():
        raise TaskError(f"{what}: expected real numbers, got {found.dtype}")
    declared = space.signature.outputs[position]
    dims = element_dims(read_component(output.dtype[component])) + declared.shape
    expected = data_shape(dims, space.sizes)
    if tuple(found.shape) != expected:
        raise TaskError(
            f"{what}: expected shape {expected} from its dtype and dims,"
            f" got {tuple(found.shape)} at {_sizes_text(space.sizes)}"
        )
    return found.to(torch.float64)
