"""Reads the program out of a model's answer. Nothing of the answer is ever executed.

An answer is cut at its fences, and what they hold at its `impl` keys, into blocks that may hold a
program. The last block with a complete program counts: one that Python can parse, once its
indentation is repaired, and that returns something.
"""

import ast
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hardwon.ir.answer_text import clean_lines, split_fences
from hardwon.ir.pieces import assembled, piece_of
from hardwon.ir.python_code import CodeError, parse_python

MAX_ANSWER_BYTES = 256 << 10
"""Longer answers are not read; a program has about 1 KiB."""
_PARSED_CHARACTERS = 16 * MAX_ANSWER_BYTES
"""How much may be parsed in all the attempts at one answer."""
_LEAST_COST = 256
"""What an attempt costs at least, in characters."""
_LONGEST_PROGRAM = 300
"""Lines of a program that is looked for among prose."""
_LONGEST_RETURN = 20
"""Lines of its `return` statement."""

_KEY = re.compile(
    r"""[-{*`_ ]*["'\u201c]?impl["'\u201d]?[*`_ ]*(?:[:=]|(?=[|>]))[*`_ ]*
        (?:[|>][-+\d]*(?:[ ]*\#.*|[*`_ ]*$)?)?[ ]*(?P<inline>.*)""",
    re.IGNORECASE | re.VERBOSE,
)
_OTHER_KEY = re.compile(
    r"(?:test_name|language|global|inputs|parameters|fns|outputs|constraints) *:(?: |$)"
)
_INDICATOR = re.compile(r"\s*[|>][-+\d]*$")
_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_STATEMENT = re.compile(
    r"""\s*(?:[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*[,\s]*=(?!=)
        |[A-Za-z_]\w*\s*:\s*["'A-Za-z_][^=]*\s=\s
        |[(\[][\w\s,]+[)\]]\s*=(?!=)
        |return\b
        |for\b.*:$
        |(?:async\s+)?def\b.*\()""",
    re.VERBOSE,
)
"""A line that starts like a statement of a program."""
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTION_NAMES = ("program", "impl")
_PROGRAM_FUNCTION = re.compile(r"\s*(?:async\s+)?def\s+(?:program|impl)\b")
_OTHER_FUNCTION = re.compile(r"\s*(?:async\s+)?def\s+(?!(?:program|impl)\b)")
_IMPORT = re.compile(r"\s*(?:import [\w.]+(?: as \w+)?|from [\w.]+ import .+)$")
_PLACEHOLDER = re.compile(r"^[^#]*(?:[=(,]\s*(?:\.\.\.|\u2026)|return (?:\.\.\.|\u2026))")
_RETURN = re.compile(r"\s*return\b")
_COMMENT = re.compile(r"\s*#")


def extract_impl(answer: str) -> str | None:
    """Return the program in a model's answer, dedented and without blank lines at its ends.

    Imports above it are left out: they are a habit, and no part of a program.

    If there are blocks of code but none of them is complete, the last one comes back as it is, for
    the checker to say what is wrong with it. None if the answer holds no program, or more than
    256 KiB.
    """
    if len(answer.encode("utf-8", "surrogatepass")) > MAX_ANSWER_BYTES:
        return None
    program = _Extraction().program(answer)
    return None if program is None else _without_imports(program)


def _without_imports(program: str) -> str:
    lines = program.split("\n")
    start = next((at for at, line in enumerate(lines) if line and not _IMPORT.match(line)), 0)
    return _joined(lines[start:])


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines that start where a program is expected to start."""

    lines: tuple[str, ...]
    """All that may belong to it."""
    length: int
    """How many of the lines do belong to it, if the answer is well indented."""


class _Extraction:
    """The work on one answer, within a bound on what is parsed altogether."""

    def __init__(self) -> None:
        self.left = _PARSED_CHARACTERS

    def program(self, answer: str) -> str | None:
        blocks: list[_Block] = []
        prose: list[tuple[str, ...]] = []
        for segment in split_fences(clean_lines(answer)):
            found = list(_json_blocks(segment.lines)) or list(_keyed_blocks(segment.lines))
            if segment.fenced and not found:
                found = [_unkeyed_block(segment.lines)]
            # Without a line like a statement, it is a shell command, an example of a type, ...
            found = [block for block in found if any(map(_STATEMENT.match, block.lines))]
            blocks += found
            if not found:
                prose.append(segment.lines)
        ranked = sorted(range(len(blocks)), key=lambda at: (_is_no_aside(blocks[at]), at))
        for at in reversed(ranked):
            if program := self.complete(blocks[at]):
                return self.assembled(program, [block.lines for block in blocks[:at]])
        if blocks:
            last = blocks[-1]
            return _joined(next(_layouts(last.lines[: last.length])))
        return self.among(prose)

    def complete(self, block: _Block) -> str | None:
        """Return a block's program if it is complete."""
        if program := self.whole(block.lines[: block.length]):
            return program
        # The first line may be none of it: a command that writes what follows into a file.
        first = next((at for at, line in enumerate(block.lines) if _can_start(line)), 0)
        for layout in _layouts(block.lines[first:]):
            if program := self.leading(layout):
                return program
        return None

    def assembled(self, program: str, earlier: Sequence[Sequence[str]]) -> str:
        """Return a program with those of earlier lines that bind what it reads."""
        tree = self.parse(program.split("\n"))
        if not earlier or not isinstance(tree, ast.Module):
            return program
        pieces = []
        for lines in earlier:
            layout = next(_layouts(lines))
            piece = self.parse(layout)
            if isinstance(piece, ast.Module):
                pieces.append(piece_of(piece, _joined(layout)))
        return assembled(piece_of(tree, program), pieces)

    def whole(self, lines: Sequence[str]) -> str | None:
        """Return the complete program that lines are, from the first to the last."""
        for layout in _layouts(lines):
            tree = self.parse(layout)
            if isinstance(tree, ast.Module):
                program = _named_function(tree, layout) or _returning(tree.body, layout)
                if program:
                    return program
        return None

    def leading(self, lines: Sequence[str], least: int = 1) -> str | None:
        """Return the complete program that lines begin with, whatever comes after it.

        None if there is none of at least `least` lines.
        """
        while len(lines) >= least:
            tree = self.parse(lines)
            if isinstance(tree, ast.Module):
                if program := _named_function(tree, lines):
                    return program
                body = _up_to_return(tree.body)
                end = max((statement.end_lineno or 0 for statement in body), default=0)
                return _returning(body, lines[:end]) if end >= least else None
            if tree.line is None:
                return None
            lines = lines[: min(tree.line, len(lines)) - 1]
        return None

    def among(self, prose: Sequence[Sequence[str]]) -> str | None:
        """Return the longest program that stands between lines of prose, the last of equals."""
        best: str | None = None
        length = 0
        above: list[str] = []
        for at, lines in reversed(list(enumerate(prose))):
            first = next((index for index, line in enumerate(lines) if _can_start(line)), None)
            if first is None:
                continue
            if program := self.whole(lines[first:]):
                # Nothing is cut off at its end, so that comments there stay part of it.
                if len(lines) - first > length:
                    best, length = program, len(lines) - first
                continue
            for start, end in _spans(lines):
                if end - start <= length or self.left < 0:
                    continue
                if program := self.between(lines, start, end):
                    best, length = program, end - start
                    above = [line for earlier in prose[:at] for line in earlier] + [*lines[:start]]
        return best and self.assembled(best, [[line] for line in above if _STATEMENT.match(line)])

    def between(self, lines: Sequence[str], start: int, end: int) -> str | None:
        """Return the program from a line to the `return` right before another, if it is one."""
        # The lines right above belong to a program that is broken in them: better all of it,
        # and an error with its line, than a rest that makes no sense.
        first = start
        while first and "(" in lines[first - 1] and _STATEMENT.match(lines[first - 1]):
            first -= 1
        if first < start:
            return _joined(next(_layouts(lines[first:end])))
        for layout in _layouts(lines[start : end + _LONGEST_RETURN]):
            if program := self.leading(layout, least=end - start):
                return program
        return None

    def parse(self, lines: Sequence[str]) -> ast.Module | CodeError:
        """Parse lines, as long as the bound allows."""
        code = "\n".join(lines)
        self.left -= max(len(code), _LEAST_COST)
        return parse_python(code) if self.left >= 0 else CodeError(None, "too much to parse")


def _is_no_aside(block: _Block) -> bool:
    """Whether a block is no sketch with `...` and no comparison with PyTorch.

    The latter has functions, and none of them is the program.
    """
    if any(map(_PLACEHOLDER.search, block.lines)):
        return False
    return any(map(_PROGRAM_FUNCTION.match, block.lines)) or not any(
        map(_OTHER_FUNCTION.match, block.lines)
    )


def _json_blocks(lines: Sequence[str]) -> Iterator[_Block]:
    """Yield the texts in a JSON object or a Python dict, those under an `impl` key last."""
    text = "\n".join(lines)
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return
    value = _value_of(text[start : end + 1])
    for _, found in sorted(_texts_in(value), key=lambda item: item[0]):
        block = tuple(line.rstrip() for line in found.expandtabs(4).splitlines())
        if any(map(_STATEMENT.match, block)):
            yield _Block(block, len(block))


def _value_of(text: str) -> object:
    """Return what a text says in JSON or as a literal of Python; None if it does neither."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    tree = parse_python(text)
    if not isinstance(tree, ast.Module) or len(tree.body) != 1:
        return None
    (statement,) = tree.body
    if not isinstance(statement, ast.Expr):
        return None
    try:
        return ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _texts_in(value: object, *, is_impl: bool = False) -> Iterator[tuple[bool, str]]:
    """Yield all texts in a JSON value, and whether each is below an `impl` key."""
    match value:
        case str():
            yield is_impl, value
        case list() if value and all(isinstance(item, str) for item in value):
            yield is_impl, "\n".join(value)
        case list():
            for item in value:
                yield from _texts_in(item, is_impl=is_impl)
        case dict():
            for key, item in value.items():
                yield from _texts_in(item, is_impl=is_impl or str(key).lower() == "impl")


def _unkeyed_block(lines: tuple[str, ...]) -> _Block:
    """Return the block that lines are, without the mark of a block whose key is missing."""
    first = next((at for at, line in enumerate(lines) if line), None)
    if first is not None and _INDICATOR.match(lines[first]):
        lines = lines[first + 1 :]
    return _Block(lines, len(lines))


def _keyed_blocks(lines: Sequence[str]) -> Iterator[_Block]:
    """Yield what follows each `impl` key, up to the next key of the format."""
    keys = [(index, match) for index, line in enumerate(lines) if (match := _key_of(line))]
    ends = [*(index for index, _ in keys[1:]), len(lines)]
    for (index, match), end in zip(keys, ends, strict=False):
        indent = _indent(lines[index])
        body = list(lines[index + 1 : end])
        for number, line in enumerate(body):
            if _indent(line) <= indent and _OTHER_KEY.match(line.lstrip()):
                del body[number:]
                break
        inline = match["inline"]
        if (quoted := _quoted_lines(inline)) is not None:
            yield _Block(quoted, len(quoted))
        elif _STATEMENT.match(inline):
            yield _Block((inline, *body), 1 + _length_in_yaml(body, indent))
        else:
            yield _Block(tuple(body), _length_in_yaml(body, indent))


def _can_start(line: str) -> bool:
    """Whether a program may begin with a line."""
    return bool(_STATEMENT.match(line) or _COMMENT.match(line) or _IMPORT.match(line))


def _spans(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where programs may start and end (exclusive), the last end first, long before short."""
    starts = [index for index, line in enumerate(lines) if _can_start(line)]
    returns = [start for start in starts if _RETURN.match(lines[start])]
    for before, end in reversed(list(zip([-1, *returns], returns, strict=False))):
        least = max(before + 1, end + 1 - _LONGEST_PROGRAM)
        for start in starts[bisect_left(starts, least) : bisect_right(starts, end)]:
            yield start, end + 1


def _key_of(line: str) -> re.Match[str] | None:
    return _KEY.match(line.lstrip())


def _quoted_lines(inline: str) -> tuple[str, ...] | None:
    """Return the lines of a program that is given as a quoted text next to its key."""
    text = _JSON_TEXT.match(inline)
    try:
        return tuple(str(json.loads(text[0], strict=False)).split("\n")) if text else None
    except ValueError:
        return None


def _length_in_yaml(body: Sequence[str], indent: int) -> int:
    """Return how many lines YAML counts as the block of a key, or all if none is indented."""
    is_indented: bool | None = None
    for number, line in enumerate(body):
        if not line:
            continue
        if is_indented is None:
            is_indented = _indent(line) > indent
        elif is_indented and _indent(line) <= indent:
            return number
    return len(body)


def _layouts(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield lines dedented in all ways that an author may have meant, the likeliest first."""
    code = [number for number, line in enumerate(lines) if line and not _COMMENT.match(line)]
    if not code:
        yield [line.lstrip() for line in lines]
        return
    margins = [_indent(lines[number]) for number in code]
    least = min(margins)
    yield [_dedented(line, least) for line in lines]
    if margins[0] != least:
        # The first line is right, some others are too far left.
        yield [_dedented(line, margins[0]) for line in lines]
    if len(margins) > 1 and margins[0] != min(margins[1:]):
        # All but the first line are right.
        rest = [_dedented(line, min(margins[1:])) for line in lines]
        rest[code[0]] = lines[code[0]].lstrip()
        yield rest
    if not any(lines[number].endswith(":") for number in code):
        # Nothing asks for an indentation, so whatever there is was not meant.
        yield [line.lstrip() for line in lines]


def _dedented(line: str, margin: int) -> str:
    return line[min(_indent(line), margin) :]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _up_to_return(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements up to the first `return` or, without one, the first function."""
    for kind in (ast.Return, _Function):
        for index, statement in enumerate(body, start=1):
            if isinstance(statement, kind):
                return body[:index]
    return []


def _named_function(tree: ast.Module, lines: Sequence[str]) -> str | None:
    """Return the body of the last function that is named as programs are, wherever it stands."""
    if any(isinstance(statement, ast.Return) for statement in tree.body):
        return None
    named = [
        node
        for node in ast.walk(tree)
        if isinstance(node, _Function)
        and node.name in _FUNCTION_NAMES
        and any(isinstance(inner, ast.Return) for inner in node.body)
    ]
    if not named:
        return None
    function = max(named, key=lambda node: node.lineno)
    start = end = min([function.lineno, *(item.lineno for item in function.decorator_list)]) - 1
    while start and _COMMENT.match(lines[start - 1]):
        start -= 1
    comments = [line.lstrip() for line in lines[start:end]]
    return _joined([*comments, *next(_layouts(_body_lines(function, lines)))])


def _returning(body: list[ast.stmt], lines: Sequence[str]) -> str | None:
    """Return the program that lines hold, bare or as a function; None if no `return` ends it."""
    if body and isinstance(body[-1], ast.Return):
        return _joined(lines[_start_of_last(body) :])
    match [statement for statement in body if isinstance(statement, _Function)]:
        case [function] if any(isinstance(inner, ast.Return) for inner in function.body):
            comments = [line for line in lines[: function.lineno - 1] if _COMMENT.match(line)]
            return _joined([*comments, *next(_layouts(_body_lines(function, lines)))])
        case _:
            return None


def _start_of_last(body: list[ast.stmt]) -> int:
    """Return the first line of the last of several programs, each of which returns."""
    before = [at for at, node in enumerate(body[:-1], start=1) if isinstance(node, ast.Return)]
    if not before:
        return 0
    first, last = (ast.Module(part, []) for part in (body[: before[-1]], body[before[-1] :]))
    if piece_of(first, "").binds & piece_of(last, "").reads:
        return 0
    return body[before[-1] - 1].end_lineno or 0


def _body_lines(function: _Function, lines: Sequence[str]) -> list[str]:
    """Return the lines of a function's body, its docstring left out, its comments kept."""
    body = function.body
    if len(body) > 1 and ast.get_docstring(function) is not None:
        body = body[1:]
    start = body[0].lineno - 1
    head = lines[start].encode()[: body[0].col_offset].decode()
    if head.strip():
        # A function on one line.
        return [lines[start][len(head) :], *lines[start + 1 : function.end_lineno]]
    while not lines[start - 1] or _COMMENT.match(lines[start - 1]):
        start -= 1
    return list(lines[start : function.end_lineno])


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")
