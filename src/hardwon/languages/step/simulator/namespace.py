"""The task's own Python: its namespace, random inputs and references.

This is the code that has to be executed, so it only ever runs in a judge's worker process.
"""

import ast
import contextlib
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

import torch

from hardwon.languages.protocol import TaskError
from hardwon.languages.step.dims import UnboundSymbolError, parse_dim
from hardwon.languages.step.settings import DEFAULT_SIZES
from hardwon.languages.step.signature import Signature, signature_of
from hardwon.languages.step.types import Component, Multihot, data_shape, element_dims
from hardwon.languages.step.types import parse_component as read_component
from hardwon.records import FunctionSpec, Task, TensorSpec

_VALUE = "_value"

Inputs = dict[str, torch.Tensor | list[torch.Tensor]]
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
    with _blame(f"the task's global code at {_sizes_text(sizes)}"):
        exec(compile(textwrap.dedent(task.global_code), "<global>", "exec"), names)
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


def _sizes_text(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


@contextlib.contextmanager
def _blame(what: str) -> Iterator[None]:
    """Turn whatever task code raises into a TaskError that names it."""
    try:
        yield
    except TaskError:
        raise
    except (Exception, SystemExit) as error:
        raise TaskError(f"{what} failed: {type(error).__name__}: {error}") from error


def draw_inputs(space: Namespace, seed: int) -> Inputs:
    """Draw random inputs and parameters, and show them to task code as `input_data`.

    Raises:
        TaskError: if a dimension has no size or the data cannot be drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs: Inputs = {}
    for tensor in (*space.task.inputs, *space.task.parameters):
        with _blame(f"drawing {tensor.name}"):
            drawn = [
                _draw(space, tensor, read_component(dtype), generator) for dtype in tensor.dtype
            ]
        inputs[tensor.name] = drawn if len(drawn) > 1 else drawn[0]
    space.globals["input_data"] = inputs
    return inputs


def _draw(
    space: Namespace, tensor: TensorSpec, component: Component, generator: torch.Generator
) -> torch.Tensor:
    dims = element_dims(component) + tuple(map(parse_dim, tensor.dims))
    try:
        shape = data_shape(dims, space.sizes)
    except UnboundSymbolError as error:
        raise TaskError(
            f"{tensor.name}: the symbol {error} has no size; bind it in `global`,"
            f" e.g. ctx[{error}] = 3"
        ) from error
    elem = component if isinstance(component, Multihot) else getattr(component, "elem", None)
    if isinstance(elem, Multihot):
        return _multihot(shape, tensor, generator)
    match tensor.data_gen:
        case "torch.rand":
            return torch.rand(shape, generator=generator)
        case "torch.randn":
            return torch.randn(shape, generator=generator)
        case "torch.ones":
            return torch.ones(shape)
        case "binary":
            return (torch.rand(shape, generator=generator) < 0.5).float()
    raise TaskError(f"{tensor.name}: expected a known data_gen, got {tensor.data_gen!r}")


def _multihot(
    shape: tuple[int, ...], tensor: TensorSpec, generator: torch.Generator
) -> torch.Tensor:
    low, high, length = tensor.min or 0, tensor.max or 0, shape[-1]
    if not 0 <= low <= high <= length:
        raise TaskError(
            f"{tensor.name}: expected 0 <= min <= max <= {length} ones per vector,"
            f" got min {low}, max {high}"
        )
    count = torch.randint(low, high + 1, shape[:-1], generator=generator)
    order = torch.rand(shape, generator=generator).argsort(dim=-1).argsort(dim=-1)
    return (order < count.unsqueeze(-1)).float()


def compile_body(fn: FunctionSpec) -> CodeType:
    """Compile a function body into a module that defines `body(input, state)`.

    The statements are moved as syntax, not as text, so that odd indentation and multi-line strings
    survive.

    Raises:
        TaskError: if it is not Python.
    """
    with _blame(f"reading the body of {fn.func_name}"):
        module = ast.parse("def body(input, state=None): pass")
        function = module.body[0]
        assert isinstance(function, ast.FunctionDef)
        function.body = ast.parse(textwrap.dedent(fn.apply), f"<{fn.func_name}>").body
        return compile(module, f"<{fn.func_name}>", "exec")


def bind_body(fn: FunctionSpec, space: Namespace) -> Body:
    """Return a function's body as a callable in the task's namespace."""
    defined: dict[str, Any] = {}
    with _blame(f"defining {fn.func_name}"):
        exec(compile_body(fn), space.globals, defined)
    body: Body = defined["body"]
    return body


def run_references(space: Namespace, dtype: torch.dtype) -> list[list[torch.Tensor]]:
    """Run the references of all outputs in one namespace and in the given precision.

    Returns one list per output with one tensor per component.

    Raises:
        TaskError: if a reference fails or returns another shape than its output declares.
    """
    names = dict(space.globals)
    names["input_data"] = {
        name: [item.to(dtype) for item in value] if isinstance(value, list) else value.to(dtype)
        for name, value in space.globals["input_data"].items()
    }
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
    declared = space.signature.outputs[position]
    dims = element_dims(read_component(output.dtype[component])) + declared.shape
    expected = data_shape(dims, space.sizes)
    if tuple(found.shape) != expected:
        raise TaskError(
            f"{what}: expected shape {expected} from its dtype and dims,"
            f" got {tuple(found.shape)} at {_sizes_text(space.sizes)}"
        )
    return found.to(torch.float64)
