"""Writes a solved task as one self-contained pytest file.

The task's code (set-up, function bodies, references) and the program become ordinary Python source
in the file, all inside one function, `build`, that binds them to one size setting. Every block is
moved to its new indentation without touching the inside of its strings, and is then compared with
the original as a syntax tree.
"""

import ast
import builtins
import io
import itertools
import json
import math
import operator
import re
import symtable
import textwrap
import tokenize
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

DEFAULT_SIZES = {"M": 5, "N": 7, "K": 9, "D": 16}
OTHER_SIZES = (
    {"M": 4, "N": 3, "K": 5, "D": 8},
    {"M": 3, "N": 6, "K": 4, "D": 10},
    {"M": 6, "N": 8, "K": 12, "D": 24},
)
"""They differ from the default ones, and from each other, in every symbol."""
MAX_SETTINGS = 3
SEEDS = (0, 1, 2)

STANDARD_SYMBOLS = ("M", "N", "K", "D", "E")
VALUE_SUFFIX = "_value"
TYPE_NAMES = frozenset({"fp32", "Multihot", "Buffer", "Tile", "Tuple"})
TYPE_NODES = (
    *(ast.Expression, ast.Call, ast.List, ast.Name, ast.Constant),
    *(ast.BinOp, ast.Mult, ast.Load),
)
OPERATORS: dict[type[ast.AST], Callable[[int, int], int]] = {
    **{ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul},
    **{ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod},
    **{ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt},
    **{ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge},
}
"""What constraints on sizes may use."""
ALWAYS_BINDING = (ast.Assign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""What no file can hold; a right program has it in comments at most."""
_RUNTIME = files("hardwon.languages.step.codegen") / "runtime.py"
"""Read as text: to import it would load PyTorch, which writing a file does not need."""

LINE_LENGTH = 100
INDENT = "    "


def generate_test_file(task: Task, impl: str) -> str:
    """Return the source of a pytest file that checks a solved task against its reference.

    The file needs torch and pytest only. The same task and program give the same text.

    Args:
        task: a valid task.
        impl: a program that the judge found correct. The file runs it as Python.

    Raises:
        ValueError: if a block of code cannot be written as a part of the file.
    """
    build = _Build(task, impl)
    sections = {
        "Sizes and seeds": "\n" + _settings(task, build.setup),
        "The operator": "\n\n" + build.text(),
        "Tests": "\n" + TESTS,
        "The STeP runtime": "\n" + _runtime_text(),
    }
    parts = [_header(task), *(f"{_banner(name)}\n{text}" for name, text in sections.items())]
    text = "\n\n\n".join(parts)
    _compile(text)
    return text


TESTS = '''
every_setting = pytest.mark.parametrize(
    "sizes", SETTINGS, ids=lambda sizes: "-".join(f"{s}{size}" for s, size in sizes.items())
)


def run(sizes, seed):
    """Return the declared outputs, the program's results, and what the reference expects.

    Sizes other than the first ones are skipped where the code breaks off: bodies and references
    may be written for particular sizes.
    """
    try:
        trial = Trial(build, sizes, seed)
        return trial.outputs, trial.results(), trial.expected()
    except AffineError:
        raise
    except Exception as error:
        if sizes == SETTINGS[0]:
            raise
        pytest.skip(f"the task is not for these sizes: {error}")


@every_setting
@pytest.mark.parametrize("seed", SEEDS)
def test_results_equal_the_reference(sizes, seed):
    for output, result, expected in zip(*run(sizes, seed), strict=True):
        for tensor, part in zip(result.data, expected, strict=True):
            part.compare(output.name, tensor)


@every_setting
def test_results_have_the_declared_types(sizes):
    for output, result, _ in zip(*run(sizes, SEEDS[0]), strict=True):
        assert (output.name, result.dtype) == (output.name, output.dtype)
        assert (output.name, result.shape) == (output.name, output.shape)


@every_setting
def test_every_stream_is_consumed_at_most_once(sizes):
    try:
        run(sizes, SEEDS[0])
    except AffineError as error:
        pytest.fail(str(error))
'''.strip()

BUILD_DOCSTRING = '''
    """Bind the operator to the sizes in `ctx`.

    `input_data` is filled afterwards, before any of the functions runs.
    """
'''.strip("\n")


# ---- Sections of the file ----


def _banner(title: str) -> str:
    return f"# {'=' * 10} {title} {'=' * (LINE_LENGTH - len(title) - 14)}"


@cache
def _runtime_source() -> tuple[str, str, str]:
    """Return the runtime's docstring, imports and definitions."""
    source = _RUNTIME.read_text(encoding="utf-8")
    tree = ast.parse(source)
    lines = source.splitlines()
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    first, last = imports[0].lineno - 1, imports[-1].end_lineno
    docstring = ast.get_docstring(tree) or ""
    return docstring, "\n".join(lines[first:last]), "\n".join(lines[last:]).strip()


@cache
def outer_names() -> frozenset[str]:
    """Return what code in a generated file sees from outside of `build`."""
    table = symtable.symtable(_RUNTIME.read_text(encoding="utf-8"), "runtime", "exec")
    defined = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned()}
    defined |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_imported()}
    return frozenset({*defined, "pytest", "SETTINGS", "SEEDS", "build", *dir(builtins)})


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


def _settings(task: Task, setup: "Block") -> str:
    lines = []
    for sizes in _size_settings(task, setup):
        literal = ", ".join(f'"{symbol}": {size}' for symbol, size in sizes.items())
        lines.append(f"{INDENT}{{{literal}}},")
    return "\n".join(["SETTINGS = [", *lines, "]", f"SEEDS = {list(SEEDS)}"])


class _Build:
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
        head = _call("def build", ["ctx", "input_data", *_defaults(self.setup, outer_names())])
        parts = [
            *filter(None, ["\n".join(self._size_lines()), "\n".join(self._setup_lines())]),
            *map(self._function, self.task.fns),
            self._program(),
            self._reference(),
            self._return(),
        ]
        return f"{head}:\n{BUILD_DOCSTRING}\n" + "\n\n".join(parts)

    # Names

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name that occurs in the task or the program."""
        blocks = [self.setup, self.program, *self.bodies.values()]
        blocks += itertools.chain.from_iterable(self.references)
        return frozenset().union(*(block.words for block in blocks), _type_names(self.task))

    @cached_property
    def symbols(self) -> list[str]:
        """The symbols that occur anywhere, the standard ones first."""
        known = [*STANDARD_SYMBOLS, *(n.removesuffix("_value") for n in _type_names(self.task))]
        return [s for s in dict.fromkeys(known) if {s, _value(s)} & self.words]

    @cached_property
    def function_names(self) -> dict[str, str]:
        """The Python name of each function: another one where its own would hide something."""
        scope = {"ctx", "input_data", *self.symbols, *map(_value, self.symbols)}
        hidden = outer_names() | self.setup.bound | scope
        return {
            name: _unused(f"{name}_fn", hidden | self.words) if name in hidden else name
            for name in self.bodies
        }

    @cached_property
    def scope(self) -> frozenset[str]:
        """Every name that the program and the reference see."""
        sizes = {*self.symbols, *map(_value, self.symbols)}
        functions = self.function_names.values()
        return outer_names() | self.setup.bound | sizes | {"ctx", "input_data", *functions}

    @cached_property
    def program_name(self) -> str:
        """`program`, unless the task has something of this name."""
        return _unused("program", self.setup.bound | set(self.function_names.values()))

    @cached_property
    def reference_name(self) -> str:
        """`reference`, unless the task has something of this name."""
        return _unused("reference", self.setup.bound | set(self.function_names.values()))

    # Parts of the function, in order

    def _size_lines(self) -> list[str]:
        lines = []
        if self.symbols:
            targets = ", ".join(self.symbols) + "," * (len(self.symbols) == 1)
            names = ", ".join(f'"{symbol}"' for symbol in self.symbols)
            lines.append(f"{INDENT}{targets} = step.symbols(ctx, {names})")
        standard = [s for s in self.symbols if s in DEFAULT_SIZES and _value(s) in self.words]
        return lines + [f"{INDENT}{_value(s)} = ctx[{s}]" for s in standard]

    def _setup_lines(self) -> list[str]:
        """Return the set-up, and what keeps `ctx[E]` and `E_value` the same after it."""
        if not self.setup.tree.body:
            return []
        lines = [f"{INDENT}# The task's own set-up.", self.setup.indented(INDENT)]
        stored, otherwise_used = _ctx_uses(self.setup)
        for symbol in self.symbols:
            value = _value(symbol)
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
            arguments.append(f"init=[{', '.join(map(_number, fn.init))}]")
        parameters = "input, state" if fn.is_fold else "input"
        return "\n".join(
            [
                _call(f"{INDENT}@step.function", arguments),
                f"{INDENT}def {self.function_names[fn.func_name]}({parameters}):",
                self.bodies[fn.func_name].indented(INDENT * 2),
            ]
        )

    def _program(self) -> str:
        inputs = [tensor.name for tensor in self.task.inputs]
        renamed = {own: name for own, name in self.function_names.items() if own != name}
        captured = [
            *(f"{own}={name}" for own, name in renamed.items()),
            *_defaults(self.program, self.scope - renamed.keys() - set(inputs)),
        ]
        return "\n".join(
            [
                f"{INDENT}# The program.",
                *(f"{INDENT}# {_described(tensor)}" for tensor in self.task.inputs),
                _call(f"{INDENT}def {self.program_name}", [*inputs, *captured]) + ":",
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
            names = [_unused(stem, taken) for stem in (stems if stems[1:] else [output.name])]
            taken |= {*names}
            lines.append(f"{INDENT * 2}# {_described(output)}")
            lines += [
                block.with_result(name).indented(INDENT * 2)
                for block, name in zip(parts, names, strict=True)
            ]
            results.append(f"[{', '.join(names)}]")
        head = _call(f"{INDENT}def {self.reference_name}", _defaults(together, self.scope))
        return "\n".join(
            [
                f"{INDENT}# The PyTorch reference.",
                f"{head}:",
                *lines,
                _call(f"{INDENT * 2}return ", results, ("[", "]")),
            ]
        )

    def _return(self) -> str:
        return "\n".join(
            [
                f"{INDENT}return step.Operator(",
                _list(f"{INDENT * 2}inputs", map(self._tensor, self.task.inputs)),
                _list(f"{INDENT * 2}parameters", map(self._tensor, self.task.parameters)),
                _list(f"{INDENT * 2}outputs", map(self._output, self.task.outputs)),
                f"{INDENT * 2}program={self.program_name},",
                f"{INDENT * 2}reference={self.reference_name},",
                f"{INDENT})",
            ]
        )

    def _tensor(self, spec: TensorSpec) -> str:
        arguments = [json.dumps(spec.name), self._dtype(spec.dtype), _dims(spec.dims)]
        if spec.data_gen is not None:
            arguments.append(f"data_gen={json.dumps(spec.data_gen)}")
        if spec.max is not None:
            arguments += [f"min={spec.min or 0}", f"max={spec.max}"]
        return _call(f"{INDENT * 3}step.TensorSpec", arguments)

    def _output(self, spec: OutputSpec) -> str:
        arguments = [json.dumps(spec.name), self._dtype(spec.dtype), _dims(spec.dims)]
        return _call(f"{INDENT * 3}step.OutputSpec", arguments)

    def _dtype(self, dtype: Sequence[str]) -> str:
        parts = [_type_expression(text, self.prefix) for text in dtype]
        return parts[0] if len(parts) == 1 else f"{self.prefix}Tuple({', '.join(parts)})"


# ---- Blocks of Python ----


@dataclass(frozen=True)
class Block:
    """A block of Python statements without common indentation."""

    code: str
    what: str
    """Where the block is from, for error messages."""

    @classmethod
    def read(cls, text: str, what: str) -> "Block":
        """Read a block that may be indented as a whole.

        Raises:
            ValueError: if it is no Python.
        """
        try:
            code = _moved(text.replace("\r\n", "\n").replace("\r", "\n"), "")
            _parsed(code)
        except SyntaxError as error:
            raise ValueError(f"{what}, line {error.lineno}: {error.msg}") from None
        except tokenize.TokenError as error:
            message, (line, _) = error.args
            raise ValueError(f"{what}, line {line}: {message}") from None
        return cls(code.strip("\n"), what)

    @cached_property
    def tree(self) -> ast.Module:
        """The block's syntax tree."""
        return _parsed(self.code)

    @cached_property
    def words(self) -> frozenset[str]:
        """Everything that looks like a name, strings and comments included."""
        return frozenset(re.findall(r"\w+", self.code))

    @cached_property
    def bound(self) -> frozenset[str]:
        """The names that the block binds when it is the body of a function."""
        if not self.tree.body:
            return frozenset()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                source = "def scope():\n" + self.indented(INDENT)
                (scope,) = symtable.symtable(source, "block", "exec").get_children()
        except SyntaxError as error:
            line = (error.lineno or 1) - 1
            raise ValueError(f"{self.what}, line {line}: {error.msg}") from None
        return frozenset(s.get_name() for s in scope.get_symbols() if s.is_local())

    def indented(self, indent: str) -> str:
        """Return the code at another indentation.

        Raises:
            ValueError: if its meaning would change.
        """
        code = _moved(self.code, indent)
        (wrapper,) = _parsed(f"if True:\n{code}\n{indent}pass").body
        statements = wrapper.body[:-1] if isinstance(wrapper, ast.If) else []
        if list(map(ast.dump, statements)) != list(map(ast.dump, self.tree.body)):
            raise ValueError(f"{self.what}: this code cannot be indented without a change")
        return code

    def with_result(self, name: str) -> "Block":
        """Return the block with its last expression assigned to a name.

        Raises:
            ValueError: if it does not end in an expression.
        """
        if not self.tree.body or not isinstance(self.tree.body[-1], ast.Expr):
            raise ValueError(f"{self.what}: the last line has to be an expression")
        last = self.tree.body[-1]
        return Block(
            _inserted(self.code, [(last.lineno, last.col_offset, f"{name} = ")]), self.what
        )


def native_program(impl: str) -> Block:
    """Return a program of the language as Python with the same meaning.

    To the language, `zip` and comprehensions of any bracket are lists, which may be used twice;
    Python's are used up by their first reader.

    Raises:
        ValueError: if it is no Python.
    """
    text = _UNWRITABLE.sub("\ufffd", impl.removeprefix("\ufeff"))
    text = text.replace("\f", " ").expandtabs(4).strip("\n")
    try:
        program = Block.read(text, "program")
    except ValueError:
        # The first line may have stood beside its key, so that only the others are indented.
        first, _, others = text.partition("\n")
        program = Block.read(f"{first.strip()}\n{textwrap.dedent(others)}", "program")
    read_once: set[ast.AST] = set()
    for node in ast.walk(program.tree):
        if isinstance(node, ast.For | ast.comprehension):
            read_once.add(node.iter)
        elif isinstance(node, ast.Call):
            read_once.update(node.args)
    edits: list[tuple[int, int, str]] = []
    for node in ast.walk(program.tree):
        match node:
            case ast.GeneratorExp() | ast.Call(func=ast.Name(id="zip")) if node not in read_once:
                edits.append((node.lineno, node.col_offset, "[*"))
                edits.append((node.end_lineno or 0, node.end_col_offset or 0, "]"))
    return Block(_inserted(program.code, edits), "program")


def _parsed(code: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape sequence is the task author's business
        return ast.parse(code)


def _moved(text: str, indent: str) -> str:
    """Replace the common indentation of a block, leaving the inside of strings alone.

    Raises:
        SyntaxError, tokenize.TokenError: if the text cannot be read.
    """
    margin: str | None = None
    inside_strings: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if margin is None and kind not in ("COMMENT", "NL", "INDENT"):
            margin = token.line[: token.start[1]]
        # From Python 3.12 on, an f-string is several tokens.
        if kind.endswith("STRING_START"):
            opened.append(token.start[0])
        elif kind == "STRING" or kind.endswith("STRING_END"):
            start = token.start[0] if kind == "STRING" else opened.pop()
            inside_strings.update(range(start + 1, token.end[0] + 1))
    lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        if number in inside_strings:
            lines.append(line)
        elif line.strip():
            # Comments and continued lines may stand further left than the code.
            own = line[len(margin or "") :] if line.startswith(margin or "") else line.lstrip()
            lines.append(indent + own)
        else:
            lines.append("")
    return "\n".join(lines)


def _inserted(code: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """Insert texts at places given as line (from 1) and UTF-8 column, as syntax trees do."""
    lines = code.split("\n")
    for number, column, text in sorted(edits, reverse=True):
        line = lines[number - 1].encode()
        lines[number - 1] = (line[:column] + text.encode() + line[column:]).decode()
    return "\n".join(lines)


def _defaults(block: Block, outer: Collection[str]) -> list[str]:
    """Return parameters `x=x` for names that a block may read from outside and binds later.

    In a function such a name is local throughout, so its outer value has to come in as a default.
    """
    return [f"{name}={name}" for name in sorted(block.bound & set(outer)) if _reads(block, name)]


def _reads(block: Block, name: str) -> bool:
    """Whether the block may read a name before it binds it."""
    for statement in block.tree.body:
        mentions = (n for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id == name)
        if any(isinstance(mention.ctx, ast.Load) for mention in mentions):
            return True
        if name in Block(ast.unparse(statement), block.what).bound:
            return not isinstance(statement, ALWAYS_BINDING)
    return False


# ---- Sizes ----


def _size_settings(task: Task, setup: Block) -> list[Mapping[str, int]]:
    """Return the default sizes, and others that meet the task's constraints."""
    known = _literal_sizes(setup)
    others = (
        sizes
        for sizes in OTHER_SIZES
        if all(_holds(constraint, sizes, known) for constraint in task.constraints)
    )
    return [DEFAULT_SIZES, *itertools.islice(others, MAX_SETTINGS - 1)]


def _holds(constraint: str, sizes: Mapping[str, int], known: Mapping[str, int]) -> bool:
    """Whether a task is meant for these sizes; `known` are those that its set-up fixes."""
    values = {**sizes, **known}
    values |= {_value(symbol): size for symbol, size in values.items()}
    try:
        return bool(_evaluated(ast.parse(constraint.strip(), mode="eval").body, values))
    except (LookupError, SyntaxError, ZeroDivisionError):
        return False  # it cannot be told without running the task's code


def _evaluated(node: ast.expr, values: Mapping[str, int]) -> int:
    """Compute an integer expression over sizes.

    Raises:
        LookupError: for an unknown name or any other kind of expression.
    """
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _evaluated(operand, values)
        case ast.BoolOp(op=ast.And(), values=operands):
            return all(_evaluated(operand, values) for operand in operands)
        case ast.BoolOp(values=operands):
            return any(_evaluated(operand, values) for operand in operands)
        case ast.BinOp(left=left, op=sign, right=right):
            return OPERATORS[type(sign)](_evaluated(left, values), _evaluated(right, values))
        case ast.Compare(left=left, ops=signs, comparators=others):
            sides = [_evaluated(side, values) for side in (left, *others)]
            compared = zip(signs, itertools.pairwise(sides), strict=True)
            return all(OPERATORS[type(sign)](*pair) for sign, pair in compared)
    raise LookupError(ast.unparse(node))


def _literal_sizes(setup: Block) -> dict[str, int]:
    """Return the sizes that the set-up fixes by `E_value = 3` or `ctx[E] = 3`."""
    sizes = {}
    for statement in setup.tree.body:
        match statement:
            case ast.Assign(targets=targets, value=ast.Constant(value=int(size))):
                for target in targets:
                    match target:
                        case ast.Name(id=name) if name.endswith(VALUE_SUFFIX):
                            sizes[name.removesuffix(VALUE_SUFFIX)] = size
                        case ast.Subscript(value=ast.Name(id="ctx"), slice=ast.Name(id=name)):
                            sizes[name] = size
    return sizes


def _ctx_uses(setup: Block) -> tuple[set[str], bool]:
    """Return the symbols X of all `ctx[X] = ...`, and whether `ctx` is used in other ways."""
    uses = subscripts = 0
    stored = set()
    for node in ast.walk(setup.tree):
        match node:
            case ast.Name(id="ctx"):
                uses += 1
            case ast.Subscript(value=ast.Name(id="ctx"), slice=ast.Name(id=name), ctx=use):
                subscripts += 1
                if isinstance(use, ast.Store):
                    stored.add(name)
    return stored, uses > subscripts


def _value(symbol: str) -> str:
    return symbol + VALUE_SUFFIX


# ---- Python text ----


def _type_expression(text: str, prefix: str = "") -> str:
    """Return the Python expression of a type or dimension; it is written almost like one.

    Raises:
        ValueError: if the text is anything else.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        raise ValueError(f"expected a type or a dimension, got {text!r}") from None
    for node in ast.walk(tree):
        constructor = not isinstance(node, ast.Call) or ast.unparse(node.func) in TYPE_NAMES
        if not constructor or not isinstance(node, TYPE_NODES):
            raise ValueError(f"expected a type or a dimension, got {text!r}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in TYPE_NAMES:
            node.id = prefix + node.id
    return ast.unparse(tree)


def _type_names(task: Task) -> list[str]:
    """Return the names in all types and dimensions of a task, in order."""
    tensors: list[TensorSpec | OutputSpec] = [*task.inputs, *task.parameters, *task.outputs]
    texts = [
        *(text for tensor in tensors for text in (*tensor.dtype, *tensor.dims)),
        *(text for fn in task.fns for text in (*fn.input_dtype, *fn.output_dtype)),
    ]
    names = (name for text in texts for name in re.findall(r"[^\W\d]\w*", text))
    return [name for name in names if name not in TYPE_NAMES]


def _dims(dims: Sequence[str]) -> str:
    return f"[{', '.join(map(_type_expression, dims))}]"


def _described(spec: TensorSpec | OutputSpec) -> str:
    parts = ", ".join(map(_type_expression, spec.dtype))
    dtype = parts if len(spec.dtype) == 1 else f"({parts})"
    return f"{spec.name}: stream of {dtype}, shape {_dims(spec.dims)}"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return f'float("{value}")'
    return str(int(value)) if value == int(value) else repr(value)


def _unused(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _call(head: str, arguments: Iterable[str], brackets: tuple[str, str] = ("(", ")")) -> str:
    """Return `head(arguments)`, one argument a line if it is too long for one line."""
    opening, closing = brackets
    arguments = list(arguments)
    line = f"{head}{opening}{', '.join(arguments)}{closing}"
    if len(line) < LINE_LENGTH:
        return line
    indent = head[: len(head) - len(head.lstrip())]
    inner = [f"{indent}{INDENT}{argument}," for argument in arguments]
    return "\n".join([head + opening, *inner, indent + closing])


def _list(head: str, items: Iterable[str]) -> str:
    """Return `head=[items],` for items that bring their own indentation."""
    lines = [f"{item}," for item in items]
    indent = head[: len(head) - len(head.lstrip())]
    return "\n".join([f"{head}=[", *lines, f"{indent}],"]) if lines else f"{head}=[],"


def _compile(text: str) -> None:
    """Check that a file is Python.

    Raises:
        ValueError: if it is not.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<generated>", "exec")
        except SyntaxError as error:
            line = text.split("\n")[(error.lineno or 1) - 1].strip()
            raise ValueError(f"cannot be a part of a test file: {line!r}: {error.msg}") from None
