"""How complex and how maintainable programs are (paper, Table 7). Nothing is executed."""

import ast
import io
import math
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hardwon.languages import UnknownLanguageError, get_language
from hardwon.languages.metrics import Counts, ProgramCounts
from hardwon.records import Task

_LONGEST = 64 * 1024
"""Characters; longer texts are not parsed, since Python's parser takes memory to match."""
_BRANCHES = (ast.For, ast.While, ast.If, ast.IfExp, ast.comprehension, ast.ExceptHandler)


@dataclass(frozen=True, slots=True)
class Maintainability:
    """The maintainability index of one program, with what it is made of.

    The index is that of Coleman, Ash, Lowther and Oman ("Using metrics to evaluate software system
    maintainability", IEEE Computer 27(8), 1994): 171 - 5.2 ln V - 0.23 G - 16.2 ln L, and
    50 sin(sqrt(2.4 C)) more where comments are counted.
    """

    volume: float
    """V, Halstead's: occurrences of operators and operands, times the logarithm to base 2 of how
    many different ones there are."""
    paths: int
    """G, McCabe's cyclomatic complexity: one more than there are branches and loops."""
    lines: int
    """L: lines of code, without comments and blank lines."""
    commented: float
    """C: lines with a comment over lines that are not blank, from 0 to 1."""

    @property
    def without_comments(self) -> float:
        """The index without its term for comments, at most 171."""
        return (
            171
            - 5.2 * math.log(max(self.volume, 1.0))
            - 0.23 * self.paths
            - 16.2 * math.log(max(self.lines, 1))
        )

    @property
    def with_comments(self) -> float:
        """The index with its term for comments, at most 221."""
        return self.without_comments + 50 * math.sin(math.sqrt(2.4 * self.commented))


def maintainability(impl: str) -> Maintainability | None:
    """Return the measures of a program; None if it is not written in the syntax of Python."""
    tree = _tree(impl)
    if tree is None:
        return None
    code, commented, filled = _lines(impl)
    return Maintainability(
        volume=_volume(tree),
        paths=1 + sum(isinstance(node, _BRANCHES) for node in ast.walk(tree)),
        lines=len(code),
        commented=len(commented) / filled if filled else 0.0,
    )


def _tree(impl: str) -> ast.Module | None:
    if len(impl) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(impl)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _volume(tree: ast.Module) -> float:
    """Return Halstead's volume: operators are what nodes do, operands what they name or state."""
    operators: Counter[str] = Counter()
    operands: Counter[str] = Counter()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                operands[name] += 1
            case ast.Constant(value=value):
                operands[repr(value)] += 1
            case ast.Attribute(attr=name):
                operators["."] += 1
                operands[name] += 1
            case ast.keyword(arg=name):
                operators["="] += 1
                operands[str(name)] += 1
            case ast.Module() | ast.expr_context() | ast.Expr() | ast.arguments():
                pass
            case ast.BinOp() | ast.BoolOp() | ast.UnaryOp() | ast.Compare() | ast.AugAssign():
                pass  # their operators are nodes of their own
            case _:
                operators[type(node).__name__] += 1
    different = len(operators) + len(operands)
    return (operators.total() + operands.total()) * math.log2(different) if different else 0.0


def _lines(impl: str) -> tuple[set[int], set[int], int]:
    """Return the lines with code, those with a comment, and how many are not blank."""
    code: set[int] = set()
    commented: set[int] = set()
    blank = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    try:
        for token in tokenize.generate_tokens(io.StringIO(impl).readline):
            if token.type == tokenize.COMMENT:
                commented.add(token.start[0])
            elif token.type not in blank:
                code.update(range(token.start[0], token.end[0] + 1))
    except (tokenize.TokenError, IndentationError):
        code.update(at for at, line in enumerate(impl.splitlines(), 1) if line.strip())
    return code, commented, len(code | commented)


def counts(task: Task, impl: str) -> ProgramCounts | None:
    """Return what a program is made of; None if its language pack does not say, or is missing."""
    try:
        language = get_language(task.language)
    except UnknownLanguageError:
        return None
    return language.counts(task, impl) if isinstance(language, Counts) else None


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, mean and greatest of some numbers."""

    least: float
    mean: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread | None":
        """Return the spread of values; None without any."""
        values = list(values)
        if not values:
            return None
        return cls(min(values), sum(values) / len(values), max(values))
