"""The text of a program: one instruction a line, read and never executed.

load  x[M,N], E0      # an input
fill  two[1,1], 2.0   # a number everywhere
mul   y[M,N], x, two  # an operation; the destination states its size
store S0, y           # a result
free  x               # the register may be used again
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Size = tuple[str, str]
"""Rows and columns: symbols of the task, or integers."""

ELEMENTWISE = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "max": 2, "neg": 1, "exp": 1, "sqrt": 1, "abs": 1,
}  # fmt: skip
"""Opcodes by how many tiles they take; a size of 1 stretches to the other tile's."""
REDUCTIONS = ("sum", "top")
"""Opcodes that reduce every axis along which the destination has size 1."""
OPCODES = {
    "load": 1, "fill": 1, "store": 1, "free": 0, "flip": 1, "dot": 2,
    **ELEMENTWISE, **dict.fromkeys(REDUCTIONS, 1),
}  # fmt: skip
"""All opcodes by how many operands follow the first one."""
SIZELESS = ("store", "free")
"""Opcodes that make no tile."""

MOST_INSTRUCTIONS = 256
_INSTRUCTION = re.compile(
    r"(?P<op>\w+)\s+(?P<first>\w+)\s*"
    r"(?:\[\s*(?P<rows>\w+)\s*,\s*(?P<columns>\w+)\s*\])?\s*(?:,\s*(?P<rest>.*))?"
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|inf)")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line of a program."""

    op: str
    first: str
    """The tile that it makes; for `store` an output, for `free` a tile."""
    size: Size
    """Of the tile that it makes; empty texts where it makes none."""
    operands: tuple[str, ...]
    line: int

    @property
    def makes(self) -> str | None:
        """The tile that it makes."""
        return None if self.op in SIZELESS else self.first

    @property
    def reads(self) -> tuple[str, ...]:
        """The tiles that it reads."""
        return () if self.op in {"load", "fill", "free"} else self.operands


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cannot be understood."""

    line: int
    message: str


def parse(text: str) -> tuple[tuple[Instruction, ...], tuple[Fault, ...]]:
    """Return the instructions of a program, and what is wrong with other lines."""
    found: list[Instruction] = []
    faults: list[Fault] = []
    for number, code in code_lines(text):
        item = _instruction(code, number)
        if isinstance(item, Instruction):
            found.append(item)
        else:
            faults.append(Fault(number, item))
    if len(found) > MOST_INSTRUCTIONS:
        more = f"expected at most {MOST_INSTRUCTIONS} instructions, got {len(found)}"
        faults.append(Fault(found[MOST_INSTRUCTIONS].line, more))
    return tuple(found), tuple(faults)


def code_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with code, without comments, and their numbers from 1 on."""
    for number, line in enumerate(text.split("\n"), start=1):
        if code := line.partition("#")[0].strip():
            yield number, code


def written(instruction: Instruction) -> str:
    """Return an instruction as it is written, without a comment."""
    rows, columns = instruction.size
    first = f"{instruction.first}[{rows},{columns}]" if instruction.makes else instruction.first
    return f"{instruction.op} {', '.join((first, *instruction.operands))}"


def _instruction(code: str, line: int) -> Instruction | str:
    """Return what a line says, or what is wrong with it."""
    op = code.split(maxsplit=1)[0]
    if op not in OPCODES:
        return f"expected an opcode ({', '.join(OPCODES)}), got {op[:40]!r}"
    match = _INSTRUCTION.fullmatch(code)
    if match is None:
        return f"expected {form_of(op)}, got {code[:80]!r}"
    rest = match["rest"]
    operands = tuple(item.strip() for item in rest.split(",")) if rest is not None else ()
    readable = _NUMBER if op == "fill" else _NAME
    is_sized = match["rows"] is not None
    if (
        len(operands) != OPCODES[op]
        or is_sized == (op in SIZELESS)
        or not all(map(readable.fullmatch, operands))
        or not _NAME.fullmatch(match["first"])
    ):
        return f"expected {form_of(op)}, got {code[:80]!r}"
    size = (match["rows"], match["columns"]) if is_sized else ("", "")
    return Instruction(op, match["first"], size, operands, line)


def form_of(op: str) -> str:
    """Return how an instruction is written."""
    match op:
        case "load":
            return "load TILE[ROWS,COLUMNS], INPUT"
        case "fill":
            return "fill TILE[ROWS,COLUMNS], NUMBER"
        case "store":
            return "store OUTPUT, TILE"
        case "free":
            return "free TILE"
    return f"{op} TILE[ROWS,COLUMNS], {', '.join(['TILE'] * OPCODES[op])}"
