"""Blocks of Python that move to another indentation or scope and keep their meaning."""

import ast
import io
import re
import symtable
import textwrap
import tokenize
import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from hardwon.languages.step.codegen.text import INDENT

_ALWAYS_BINDING = (ast.Assign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""What no file can hold; a right program has it in comments at most."""


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


def defaults(block: Block, outer: Collection[str]) -> list[str]:
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
            return not isinstance(statement, _ALWAYS_BINDING)
    return False
