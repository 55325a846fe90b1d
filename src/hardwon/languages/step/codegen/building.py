"""Writes the function `build`, which binds a task and its program to one size setting."""

import itertools
import json
from collections.abc import Sequence
from functools import cached_property

from hardwon.languages.step.codegen.blocks import Block, defaults, native_program
from hardwon.languages.step.codegen.runtime_text import outer_names
from hardwon.languages.step.codegen.sizes import VALUE_SUFFIX, ctx_uses, value_name
from hardwon.languages.step.codegen.text import (
    INDENT,
    TYPE_NAMES,
    call_text,
    described,
    dims_text,
    list_text,
    number_text,
    type_expression,
    type_names,
    unused,
)
from hardwon.languages.step.settings import DEFAULT_SIZES
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

_STANDARD_SYMBOLS = (*DEFAULT_SIZES, "E")
_DOCSTRING = '''
    """Bind the operator to the sizes in `ctx`.

    `input_data` is filled afterwards, before any of the functions runs.
    """
'''.strip("\n")


class Build:
    """Writes the function `build`, which binds the task and its program to one size setting."""

    def __init__(self, task: Task, impl: str) -> None:
        self.task = task
        self.setup = Block.read(task.global_code, "global")
        self.bodies = {fn.func_name: Block.read(fn.apply, fn.func_name) for fn in task.fns}
        self.references = [
            [Block.read(text, f"{output.name}, data_transform") for text in output.data_transform]
            for output in task.outputs
        ]
        self.program = native_program(impl)
        if "step" in self.setup.bound:
            raise ValueError("global: cannot bind `step`, the namespace of the primitives")
        # The set-up may use these names for something else, in the scope where types are written.
        self.prefix = "step." if TYPE_NAMES & self.setup.bound else ""

    def text(self) -> str:
        """Return the function's source."""
        head = call_text("def build", ["ctx", "input_data", *defaults(self.setup, outer_names())])
        parts = [
            *filter(None, ["\n".join(self._size_lines()), "\n".join(self._setup_lines())]),
            *map(self._function, self.task.fns),
            self._program(),
            self._reference(),
            self._return(),
        ]
        return f"{head}:\n{_DOCSTRING}\n" + "\n\n".join(parts)

    # Names

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name that occurs in the task or the program."""
        blocks = [self.setup, self.program, *self.bodies.values()]
        blocks += itertools.chain.from_iterable(self.references)
        return frozenset().union(*(block.words for block in blocks), type_names(self.task))

    @cached_property
    def symbols(self) -> list[str]:
        """The symbols that occur anywhere, the standard ones first."""
        known = [*_STANDARD_SYMBOLS, *(n.removesuffix(VALUE_SUFFIX) for n in type_names(self.task))]
        return [s for s in dict.fromkeys(known) if {s, value_name(s)} & self.words]

    @cached_property
    def function_names(self) -> dict[str, str]:
        """The Python name of each function: another one where its own would hide something."""
        scope = {"ctx", "input_data", *self.symbols, *map(value_name, self.symbols)}
        hidden = outer_names() | self.setup.bound | scope
        return {
            name: unused(f"{name}_fn", hidden | self.words) if name in hidden else name
            for name in self.bodies
        }

    @cached_property
    def scope(self) -> frozenset[str]:
        """Every name that the program and the reference see."""
        sizes = {*self.symbols, *map(value_name, self.symbols)}
        functions = self.function_names.values()
        return outer_names() | self.setup.bound | sizes | {"ctx", "input_data", *functions}

    @cached_property
    def program_name(self) -> str:
        """`program`, unless the task has something of this name."""
        return unused("program", self.setup.bound | set(self.function_names.values()))

    @cached_property
    def reference_name(self) -> str:
        """`reference`, unless the task has something of this name."""
        return unused("reference", self.setup.bound | set(self.function_names.values()))

    # Parts of the function, in order

    def _size_lines(self) -> list[str]:
        lines = []
        if self.symbols:
            targets = ", ".join(self.symbols) + "," * (len(self.symbols) == 1)
            names = ", ".join(f'"{symbol}"' for symbol in self.symbols)
            lines.append(f"{INDENT}{targets} = step.symbols(ctx, {names})")
        standard = [s for s in self.symbols if s in DEFAULT_SIZES and value_name(s) in self.words]
        return lines + [f"{INDENT}{value_name(s)} = ctx[{s}]" for s in standard]

    def _setup_lines(self) -> list[str]:
        """Return the set-up, and what keeps `ctx[E]` and `E_value` the same after it."""
        if not self.setup.tree.body:
            return []
        lines = [f"{INDENT}# The task's own set-up.", self.setup.indented(INDENT)]
        stored, otherwise_used = ctx_uses(self.setup)
        for symbol in self.symbols:
            value = value_name(symbol)
            bound = value in self.setup.bound
            if bound and symbol not in stored:
                lines.append(f"{INDENT}{value} = ctx.setdefault({symbol}, {value})")
            elif value in self.words and not bound and (symbol in stored or otherwise_used):
                lines.append(f"{INDENT}{value} = ctx[{symbol}]")
        return lines

    def _function(self, fn: FunctionSpec) -> str:
        arguments = [
            f"takes={self._dtype(fn.input_dtype)}",
            f"gives={self._dtype(fn.output_dtype)}",
        ]
        if fn.init is not None:
            arguments.append(f"init=[{', '.join(map(number_text, fn.init))}]")
        parameters = "input, state" if fn.is_fold else "input"
        return "\n".join(
            [
                call_text(f"{INDENT}@step.function", arguments),
                f"{INDENT}def {self.function_names[fn.func_name]}({parameters}):",
                self.bodies[fn.func_name].indented(INDENT * 2),
            ]
        )

    def _program(self) -> str:
        inputs = [tensor.name for tensor in self.task.inputs]
        renamed = {own: name for own, name in self.function_names.items() if own != name}
        captured = [
            *(f"{own}={name}" for own, name in renamed.items()),
            *defaults(self.program, self.scope - renamed.keys() - set(inputs)),
        ]
        return "\n".join(
            [
                f"{INDENT}# The program.",
                *(f"{INDENT}# {described(tensor)}" for tensor in self.task.inputs),
                call_text(f"{INDENT}def {self.program_name}", [*inputs, *captured]) + ":",
                self.program.indented(INDENT * 2),
            ]
        )

    def _reference(self) -> str:
        together = Block.read(
            "\n".join(block.code for parts in self.references for block in parts), "references"
        )
        taken = self.scope | together.words
        lines, results = [], []
        for output, parts in zip(self.task.outputs, self.references, strict=True):
            stems = [f"{output.name}_{at}" for at in range(len(parts))]
            names = [unused(stem, taken) for stem in (stems if stems[1:] else [output.name])]
            taken |= {*names}
            lines.append(f"{INDENT * 2}# {described(output)}")
            lines += [
                block.with_result(name).indented(INDENT * 2)
                for block, name in zip(parts, names, strict=True)
            ]
            results.append(f"[{', '.join(names)}]")
        head = call_text(f"{INDENT}def {self.reference_name}", defaults(together, self.scope))
        return "\n".join(
            [
                f"{INDENT}# The PyTorch reference.",
                f"{head}:",
                *lines,
                call_text(f"{INDENT * 2}return ", results, ("[", "]")),
            ]
        )

    def _return(self) -> str:
        return "\n".join(
            [
                f"{INDENT}return step.Operator(",
                list_text(f"{INDENT * 2}inputs", map(self._tensor, self.task.inputs)),
                list_text(f"{INDENT * 2}parameters", map(self._tensor, self.task.parameters)),
                list_text(f"{INDENT * 2}outputs", map(self._output, self.task.outputs)),
                f"{INDENT * 2}program={self.program_name},",
                f"{INDENT * 2}reference={self.reference_name},",
                f"{INDENT})",
            ]
        )

    def _tensor(self, spec: TensorSpec) -> str:
        arguments = [json.dumps(spec.name), self._dtype(spec.dtype), dims_text(spec.dims)]
        if spec.data_gen is not None:
            arguments.append(f"data_gen={json.dumps(spec.data_gen)}")
        if spec.max is not None:
            arguments += [f"min={spec.min or 0}", f"max={spec.max}"]
        return call_text(f"{INDENT * 3}step.TensorSpec", arguments)

    def _output(self, spec: OutputSpec) -> str:
        arguments = [json.dumps(spec.name), self._dtype(spec.dtype), dims_text(spec.dims)]
        return call_text(f"{INDENT * 3}step.OutputSpec", arguments)

    def _dtype(self, dtype: Sequence[str]) -> str:
        parts = [type_expression(text, self.prefix) for text in dtype]
        return parts[0] if len(parts) == 1 else f"{self.prefix}Tuple({', '.join(parts)})"
