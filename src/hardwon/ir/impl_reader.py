"""Reads the program out of a model's answer. Nothing of the answer is ever executed.

An answer is cut at its fences, and what they hold at its `impl` keys, into blocks that may hold a
program. The last block with a complete program counts: one that Python can parse, once its
indentation is repaired, and that returns something.
"""

import ast
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from hardwon.ir.answer_blocks import STATEMENT, Block, json_blocks, keyed_blocks, unkeyed_block
from hardwon.ir.answer_text import clean_lines, split_fences
from hardwon.ir.pieces import assembled, piece_of
from hardwon.ir.program_text import (
    COMMENT,
    joined,
    layouts,
    named_function,
    returning,
    up_to_return,
)
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

_PROGRAM_FUNCTION = re.compile(r"\s*(?:async\s+)?def\s+(?:program|impl)\b")
_OTHER_FUNCTION = re.compile(r"\s*(?:async\s+)?def\s+(?!(?:program|impl)\b)")
_IMPORT = re.compile(r"\s*(?:import [\w.]+(?: as \w+)?|from [\w.]+ import .+)$")
_PLACEHOLDER = re.compile(r"^[^#]*(?:[=(,]\s*(?:\.\.\.|\u2026)|return (?:\.\.\.|\u2026))")
_RETURN = re.compile(r"\s*return\b")


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
    return joined(lines[start:])


class _Extraction:
    """The work on one answer, within a bound on what is parsed altogether."""

    def __init__(self) -> None:
        self.left = _PARSED_CHARACTERS

    def program(self, answer: str) -> str | None:
        blocks: list[Block] = []
        prose: list[tuple[str, ...]] = []
        for segment in split_fences(clean_lines(answer)):
            found = list(json_blocks(segment.lines)) or list(keyed_blocks(segment.lines))
            if segment.fenced and not found:
                found = [unkeyed_block(segment.lines)]
            # Without a line like a statement, it is a shell command, an example of a type, ...
            found = [block for block in found if any(map(STATEMENT.match, block.lines))]
            blocks += found
            if not found:
                prose.append(segment.lines)
        ranked = sorted(range(len(blocks)), key=lambda at: (_is_no_aside(blocks[at]), at))
        for at in reversed(ranked):
            if program := self.complete(blocks[at]):
                return self.assembled(program, [block.lines for block in blocks[:at]])
        if blocks:
            last = blocks[-1]
            return joined(next(layouts(last.lines[: last.length])))
        return self.among(prose)

    def complete(self, block: Block) -> str | None:
        """Return a block's program if it is complete."""
        if program := self.whole(block.lines[: block.length]):
            return program
        # The first line may be none of it: a command that writes what follows into a file.
        first = next((at for at, line in enumerate(block.lines) if _can_start(line)), 0)
        for layout in layouts(block.lines[first:]):
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
            layout = next(layouts(lines))
            piece = self.parse(layout)
            if isinstance(piece, ast.Module):
                pieces.append(piece_of(piece, joined(layout)))
        return assembled(piece_of(tree, program), pieces)

    def whole(self, lines: Sequence[str]) -> str | None:
        """Return the complete program that lines are, from the first to the last."""
        for layout in layouts(lines):
            tree = self.parse(layout)
            if isinstance(tree, ast.Module):
                program = named_function(tree, layout) or returning(tree.body, layout)
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
                if program := named_function(tree, lines):
                    return program
                body = up_to_return(tree.body)
                end = max((statement.end_lineno or 0 for statement in body), default=0)
                return returning(body, lines[:end]) if end >= least else None
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
        return best and self.assembled(best, [[line] for line in above if STATEMENT.match(line)])

    def between(self, lines: Sequence[str], start: int, end: int) -> str | None:
        """Return the program from a line to the `return` right before another, if it is one."""
        # The lines right above belong to a program that is broken in them: better all of it,
        # and an error with its line, than a rest that makes no sense.
        first = start
        while first and "(" in lines[first - 1] and STATEMENT.match(lines[first - 1]):
            first -= 1
        if first < start:
            return joined(next(layouts(lines[first:end])))
        for layout in layouts(lines[start : end + _LONGEST_RETURN]):
            if program := self.leading(layout, least=end - start):
                return program
        return None

    def parse(self, lines: Sequence[str]) -> ast.Module | CodeError:
        """Parse lines, as long as the bound allows."""
        code = "\n".join(lines)
        self.left -= max(len(code), _LEAST_COST)
        return parse_python(code) if self.left >= 0 else CodeError(None, "too much to parse")


def _can_start(line: str) -> bool:
    """Whether a program may begin with a line."""
    return bool(STATEMENT.match(line) or COMMENT.match(line) or _IMPORT.match(line))


def _spans(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where programs may start and end (exclusive), the last end first, long before short."""
    starts = [index for index, line in enumerate(lines) if _can_start(line)]
    returns = [start for start in starts if _RETURN.match(lines[start])]
    for before, end in reversed(list(zip([-1, *returns], returns, strict=False))):
        least = max(before + 1, end + 1 - _LONGEST_PROGRAM)
        for start in starts[bisect_left(starts, least) : bisect_right(starts, end)]:
            yield start, end + 1


def _is_no_aside(block: Block) -> bool:
    """Whether a block is no sketch with `...` and no comparison with PyTorch.

    The latter has functions, and none of them is the program.
    """
    if any(map(_PLACEHOLDER.search, block.lines)):
        return False
    return any(map(_PROGRAM_FUNCTION.match, block.lines)) or not any(
        map(_OTHER_FUNCTION.match, block.lines)
    )
