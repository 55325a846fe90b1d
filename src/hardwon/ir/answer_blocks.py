"""Blocks of an answer that may hold a program: what follows its keys, or stands in its JSON."""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hardwon.ir.program_text import indentation
from hardwon.ir.python_code import parse_python

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
STATEMENT = re.compile(
    r"""\s*(?:[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*[,\s]*=(?!=)
        |[A-Za-z_]\w*\s*:\s*["'A-Za-z_][^=]*\s=\s
        |[(\[][\w\s,]+[)\]]\s*=(?!=)
        |return\b
        |for\b.*:$
        |(?:async\s+)?def\b.*\()""",
    re.VERBOSE,
)
"""A line that starts like a statement of a program."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that start where a program is expected to start."""

    lines: tuple[str, ...]
    """All that may belong to it."""
    length: int
    """How many of the lines do belong to it, if the answer is well indented."""


def json_blocks(lines: Sequence[str]) -> Iterator[Block]:
    """Yield the texts in a JSON object or a Python dict, those under an `impl` key last."""
    text = "\n".join(lines)
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return
    value = _value_of(text[start : end + 1])
    for _, found in sorted(_texts_in(value), key=lambda item: item[0]):
        block = tuple(line.rstrip() for line in found.expandtabs(4).splitlines())
        if any(map(STATEMENT.match, block)):
            yield Block(block, len(block))


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


def unkeyed_block(lines: tuple[str, ...]) -> Block:
    """Return the block that lines are, without the mark of a block whose key is missing."""
    first = next((at for at, line in enumerate(lines) if line), None)
    if first is not None and _INDICATOR.match(lines[first]):
        lines = lines[first + 1 :]
    return Block(lines, len(lines))


def keyed_blocks(lines: Sequence[str]) -> Iterator[Block]:
    """Yield what follows each `impl` key, up to the next key of the format."""
    keys = [(index, match) for index, line in enumerate(lines) if (match := _key_of(line))]
    ends = [*(index for index, _ in keys[1:]), len(lines)]
    for (index, match), end in zip(keys, ends, strict=False):
        indent = indentation(lines[index])
        body = list(lines[index + 1 : end])
        for number, line in enumerate(body):
            if indentation(line) <= indent and _OTHER_KEY.match(line.lstrip()):
                del body[number:]
                break
        inline = match["inline"]
        if (quoted := _quoted_lines(inline)) is not None:
            yield Block(quoted, len(quoted))
        elif STATEMENT.match(inline):
            yield Block((inline, *body), 1 + _length_in_yaml(body, indent))
        else:
            yield Block(tuple(body), _length_in_yaml(body, indent))


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
            is_indented = indentation(line) > indent
        elif is_indented and indentation(line) <= indent:
            return number
    return len(body)
