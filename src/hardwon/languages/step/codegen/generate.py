"""Writes a solved task as one self-contained pytest file.

The task's code (set-up, function bodies, references) and the program become ordinary Python source
in the file, all inside one function, `build`, that binds them to one size setting. Every block is
moved to its new indentation without touching the inside of its strings, and is then compared with
the original as a syntax tree.
"""

import ast
import builtins
import inspect
import io
import itertools
import math
import re
import symtable
import textwrap
import tokenize
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType

from hardwon.languages.step.codegen import runtime
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

LINE_LENGTH = 100
INDENT = "    "
SEEDS = (0, 1, 2)
MAX_SETTINGS = 3

DEFAULT_SIZES = {"M": 5, "N": 7, "K": 9, "D": 16}
OTHER_SIZES = (
    {"M": 4, "N": 3, "K": 5, "D": 8},
    {"M": 6, "N": 8, "K": 4, "D": 12},
    {"M": 8, "N": 6, "K": 12, "D": 24},
    {"M": 3, "N": 4, "K": 6, "D": 2},
)
"""Preferred size settings; all differ from the default in every symbol."""
LARGEST_SEARCHED_SIZE = 12

STANDARD_SYMBOLS = ("M", "N", "K", "D", "E")
TYPE_NAMES = frozenset({"fp32", "Multihot", "Buffer", "Tile", "Tuple"})
MODULE_NAMES = frozenset({*vars(runtime), "pytest", "SETTINGS", "SEEDS", "build"})
"""Names at the top level of a generated file."""
OUTER_NAMES = MODULE_NAMES | frozenset(dir(builtins))


def generate_test_file(task: Task, impl: str) -> str:
    """Return the source of a pytest file that checks a solved task against its reference.

    The file needs torch and pytest only. The same task and program give the same text.

    Args:
        task: a valid task.
        impl: a program that the judge found correct. The file runs it as Python.

    Raises:
        ValueError: if a block of code cannot be written as a part of the file.
    """
    text = "\n\n\n".join(
        [
            _header(task),
            _banner("Size settings and seeds") + "\n\n" + _settings(task),
            _banner("The operator") + "\n\n\n" + _Build(task, impl).text(),
            _banner("Tests") + "\n\n" + TESTS,
            _banner("The STeP runtime") + "\n" + _runtime_text(),
        ]
    )
    _compiled(text)
    return text


TESTS = """
every_setting = pytest.mark.parametrize("sizes", SETTINGS)


@every_setting
@pytest.mark.parametrize("seed", SEEDS)
def test_results_equal_the_reference(sizes, seed):
    trial = Trial(build, sizes, seed)
    results = trial.results()
    for output, result, expected in zip(trial.outputs, results, trial.expected(), strict=True):
        assert_close(output.name, result.data, expected)


@every_setting
def test_results_have_the_declared_types(sizes):
    trial = Trial(build, sizes, SEEDS[0])
    for output, result in zip(trial.outputs, trial.results(), strict=True):
        assert (output.name, result.dtype) == (output.name, output.dtype)
        assert (output.name, result.shape) == (output.name, output.shape)


@every_setting
def test_every_stream_is_consumed_at_most_once(sizes):
    try:
        Trial(build, sizes, SEEDS[0]).results()
    except AffineError as error:
        pytest.fail(str(error))
""".strip()


# ---- Sections of the file ----


def _banner(title: str) -> str:
    return f"# {'=' * 10} {title} {'=' * (LINE_LENGTH - len(title) - 14)}"


def _runtime_source() -> tuple[str, str, str]:
    """Return the runtime's docstring, imports and definitions."""
    source = inspect.getsource(runtime)
    tree = ast.parse(source)
    lines = source.splitlines()
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    first, last = imports[0].lineno - 1, imports[-1].end_lineno
    docstring = ast.get_docstring(tree) or ""
    return docstring, "\n".join(lines[first:last]), "\n".join(lines[last:]).strip()


def _runtime_text() -> str:
    docstring, _, definitions = _runtime_source()
    comment = textwrap.indent(docstring, "# ", lambda _: True).replace("# \n", "#\n")
    return f"{comment}\n\n\n{definitions}\n"


def _header(task: Task) -> str:
    name = re.sub(r"[^\w./ -]", "_", task.test_name)
    imports = _runtime_source()[1].replace("\nimport torch\n", "\nimport pytest\nimport torch\n")
    return (
        f'"""Checks a STeP program for the operator {name} against its PyTorch reference.\n'
        "\n"
        "Run this file with `python -m pytest`. It needs only torch and pytest: the primitives of\n"
        "STeP are defined below the tests.\n"
        '"""\n'
        "\n"
        f"{imports}"
    )


def _settings(task: Task) -> str:
    lines = []
    for sizes in _size_settings(task):
        name = "-".join(f"{symbol}{size}" for symbol, size in sizes.items())
        literal = ", ".join(f'"{symbol}": {size}' for symbol, size in sizes.items())
        lines.append(f'{INDENT}pytest.param({{{literal}}}, id="{name}"),')
    return "\n".join(["SETTINGS = [", *lines, "]", f"SEEDS = {list(SEEDS)}"])


class _Build:
    """Writes the function `build`, which binds the task and its program to one size setting."""

    def __init__(self, task: Task, impl: str) -> None:
        self.task = task
        self.setup = Block(task.global_code, "global")
        self.program_block = native_program(impl)
        self.bodies = {fn.func_name: Block(fn.apply, fn.func_name) for fn in task.fns}
        self.references = [
            [Block(text, f"{output.name}, data_transform") for text in output.data_transform]
            for output in task.outputs
        ]
        if "step" in self.setup.bound:
            raise ValueError("global: cannot bind `step`, the namespace of the primitives")
        # Sizes and types are written in the same scope as the task's own names.
        self.type_prefix = "step." if TYPE_NAMES & self.setup.bound else ""

    def text(self) -> str:
        """Return the function's source."""
        parts = [
            self._sizes(),
            self._setup(),
            *(self._function(fn) for fn in self.task.fns),
            self._program(),
            self._reference(),
            self._return(),
        ]
        head = _call("def build", ["ctx", "input_data", *_defaults(self.setup, OUTER_NAMES)])
        docstring = (
            f'{INDENT}"""Bind the operator to the sizes in `ctx`.\n'
            "\n"
            f"{INDENT}`input_data` is filled afterwards, before any of the functions runs.\n"
            f'{INDENT}"""'
        )
        body = "\n\n".join(part for part in parts if part)
        return f"{head}:\n{docstring}\n{body}"

    # Names

    @cached_property
    def types(self) -> list[tuple[str, ...]]:
        """The text of every dtype and every dims of the task."""
        tensors = (*self.task.inputs, *self.task.parameters, *self.task.outputs)
        return [
            *(text for tensor in tensors for text in (tensor.dtype, tensor.dims)),
            *(text for fn in self.task.fns for text in (fn.input_dtype, fn.output_dtype)),
        ]

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name that occurs in the task or the program."""
        blocks = [self.setup, self.program_block, *self.bodies.values()]
        blocks += itertools.chain.from_iterable(self.references)
        texts = [block.code for block in blocks] + [t for texts in self.types for t in texts]
        return frozenset(re.findall(r"\w+", "\n".join(texts)))

    @cached_property
    def symbols(self) -> list[str]:
        """The symbols that occur anywhere, the standard ones first."""
        names = (name for texts in self.types for text in texts for name in _names_in(text))
        known = [*STANDARD_SYMBOLS, *(name.removesuffix("_value") for name in names)]
        return [s for s in dict.fromkeys(known) if {s, _value(s)} & self.words]

    @cached_property
    def function_names(self) -> dict[str, str]:
        """The Python name of each function; another one where its own hides something."""
        hidden = {*OUTER_NAMES, *self.setup.bound, *self.symbols, *map(_value, self.symbols)}
        hidden |= {"ctx", "input_data"}
        return {
            name: _unused(f"{name}_fn", hidden | self.words) if name in hidden else name
            for name in self.bodies
        }

    @cached_property
    def local_names(self) -> frozenset[str]:
        """Every name in the scope of `build` that comes from the task."""
        values = map(_value, self.symbols)
        own = {"ctx", "input_data", *self.symbols, *values, *self.function_names.values()}
        return self.setup.bound | own

    # Parts

    def _sizes(self) -> str:
        lines = []
        if self.symbols:
            targets = ", ".join(self.symbols) + "," * (len(self.symbols) == 1)
            names = ", ".join(f'"{symbol}"' for symbol in self.symbols)
            lines.append(f"{targets} = step.symbols(ctx, {names})")
        lines += [
            f"{_value(s)} = ctx[{s}]"
            for s in self.symbols
            if s in DEFAULT_SIZES and _value(s) in self.words
        ]
        return textwrap.indent("\n".join(lines), INDENT)

    def _setup(self) -> str:
        if not self.setup.tree.body:
            return ""
        lines = [f"{INDENT}# The task's own set-up.", self.setup.indented(INDENT)]
        set_sizes, only_plain = _sizes_set_in_ctx(self.setup)
        for symbol in self.symbols:
            value, in_ctx = _value(symbol), symbol in set_sizes or not only_plain
            if value in self.setup.bound:
                if symbol not in set_sizes and only_plain:
                    lines.append(f"{INDENT}ctx[{symbol}] = {value}")
            elif value in self.words and in_ctx:
                lines.append(f"{INDENT}{value} = ctx[{symbol}]")
        return "\n".join(lines)

    def _function(self, fn: FunctionSpec) -> str:
        arguments = [
            f"takes={self._dtype(fn.input_dtype)}",
            f"gives={self._dtype(fn.output_dtype)}",
        ]
        if fn.init is not None:
            arguments.append(f"init=[{', '.join(map(_number, fn.init))}]")
        parameters = "input, state" if fn.is_fold else "input"
        lines = [
            _call(f"{INDENT}@step.function", arguments),
            f"{INDENT}def {self.function_names[fn.func_name]}({parameters}):",
            self.bodies[fn.func_name].indented(INDENT * 2),
        ]
        return "\n".join(lines)

    def _program(self) -> str:
        inputs = [tensor.name for tensor in self.task.inputs]
        renamed = {own: name for own, name in self.function_names.items() if own != name}
        outer = (OUTER_NAMES | self.local_names) - renamed.keys() - set(inputs)
        captured = [f"{own}={name}" for own, name in renamed.items() if own not in inputs]
        captured += _defaults(self.program_block, outer)
        lines = [
            f"{INDENT}# The program.",
            *(f"{INDENT}# {_described(tensor)}" for tensor in self.task.inputs),
            _call(f"{INDENT}def {self._program_name}", [*inputs, *captured]) + ":",
            self.program_block.indented(INDENT * 2),
        ]
        return "\n".join(lines)

    @property
    def _program_name(self) -> str:
        return _unused("program", self.words) if "program" in self.local_names else "program"

    @property
    def _reference_name(self) -> str:
        return _unused("reference", self.words) if "reference" in self.local_names else "reference"

    def _reference(self) -> str:
        blocks = [block for parts in self.references for block in parts]
        together = Block("\n".join(block.code for block in blocks), "data_transform")
        taken = OUTER_NAMES | self.local_names | _names_of(together)
        defaults = _defaults(together, OUTER_NAMES | self.local_names)
        lines, results = [], []
        for output, parts in zip(self.task.outputs, self.references, strict=True):
            lines.append(f"{INDENT * 2}# {_described(output)}")
            names = []
            for at, block in enumerate(parts):
                stem = output.name if len(parts) == 1 else f"{output.name}_{at}"
                names.append(_unused(stem, taken))
                taken |= {names[-1]}
                lines.append(block.with_result(names[-1]).indented(INDENT * 2))
            results.append(f"[{', '.join(names)}]")
        lines.append(_call(f"{INDENT * 2}return ", results, brackets="[]"))
        head = _call(f"{INDENT}def {self._reference_name}", defaults)
        return "\n".join([f"{INDENT}# The PyTorch reference.", f"{head}:", *lines])

    def _return(self) -> str:
        deep = INDENT * 3
        fields = []
        for key, specs in (
            ("inputs", [self._tensor(spec, deep) for spec in self.task.inputs]),
            ("parameters", [self._tensor(spec, deep) for spec in self.task.parameters]),
            ("outputs", [self._output(spec, deep) for spec in self.task.outputs]),
        ):
            if specs:
                fields.append(
                    "\n".join(
                        [f"{INDENT * 2}{key}=[", *(f"{s}," for s in specs), f"{INDENT * 2}],"]
                    )
                )
            else:
                fields.append(f"{INDENT * 2}{key}=[],")
        fields.append(f"{INDENT * 2}program={self._program_name},")
        fields.append(f"{INDENT * 2}reference={self._reference_name},")
        return "\n".join([f"{INDENT}return step.Operator(", *fields, f"{INDENT})"])

    def _tensor(self, spec: TensorSpec, indent: str) -> str:
        arguments = [f'"{spec.name}"', self._dtype(spec.dtype), _dims(spec.dims)]
        if spec.data_gen is not None:
            arguments.append(f'data_gen="{spec.data_gen}"')
        if spec.max is not None:
            arguments += [f"min={spec.min or 0}", f"max={spec.max}"]
        return _call(f"{indent}step.TensorSpec", arguments)

    def _output(self, spec: OutputSpec, indent: str) -> str:
        arguments = [f'"{spec.name}"', self._dtype(spec.dtype), _dims(spec.dims)]
        return _call(f"{indent}step.OutputSpec", arguments)

    def _dtype(self, dtype: Sequence[str]) -> str:
        parts = [_expression(text, self.type_prefix) for text in dtype]
        return parts[0] if len(parts) == 1 else f"{self.type_prefix}Tuple({', '.join(parts)})"
