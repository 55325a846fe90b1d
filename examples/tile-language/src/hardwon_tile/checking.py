"""What can be said of a program without running it: sizes, the law, and its normal form."""

from collections.abc import Iterator, Mapping, Sequence

from hardwon.records import Diagnostic, OutputSpec, Stage, Task, TensorSpec
from hardwon_tile.syntax import ELEMENTWISE, REDUCTIONS, Instruction, Size, code_lines, written

REGISTERS = 6
"""How many tiles the machine can hold at a time."""
LAW = f"at most {REGISTERS} tiles are held at a time, and each is freed once, after its last use"


def size_of(spec: TensorSpec | OutputSpec) -> Size:
    """Return the size of the tile that holds an input or an output: a vector is one row.

    Structural IR states dimensions innermost first.
    """
    columns, *rows = spec.dims
    return (rows[0] if rows else "1", columns)


def size_errors(task: Task, program: Sequence[Instruction]) -> Iterator[Diagnostic]:
    """Yield what is wrong with the tiles' names and sizes; a wrong line hides no later one."""
    inputs = {item.name: size_of(item) for item in task.inputs}
    outputs = {item.name: size_of(item) for item in task.outputs}
    known = {"1", *(side for size in (*inputs.values(), *outputs.values()) for side in size)}
    tiles: dict[str, Size] = {}
    stored: set[str] = set()
    for item in program:
        missing = [name for name in _tiles_of(item) if name not in tiles]
        if missing:
            yield _error(item, f"{missing[0]}: no tile of that name has been made")
        elif item.op == "store" and item.first not in outputs:
            yield _error(item, f"expected an output ({', '.join(outputs)}), got {item.first}")
        elif item.op == "store" and item.first in stored:
            yield _error(item, f"{item.first} has been stored before")
        elif item.op == "load" and item.operands[0] not in inputs:
            yield _error(item, f"expected an input ({', '.join(inputs)}), got {item.operands[0]}")
        elif item.makes in tiles:
            yield _error(item, f"{item.makes} has been made before; expected a new name")
        elif item.makes and not known.issuperset(item.size):
            yield _error(item, f"expected sizes of the task ({', '.join(sorted(known))})")
        elif item.op == "store" and tiles[item.operands[0]] != outputs[item.first]:
            wanted, got = outputs[item.first], tiles[item.operands[0]]
            yield _error(item, f"{item.first} has size {size_text(wanted)}, got {size_text(got)}")
        elif item.makes and (wrong := _misfit(item, tiles, inputs)):
            yield _error(item, wrong)
        if item.makes:
            tiles.setdefault(item.makes, item.size)
        elif item.op == "store":
            stored.add(item.first)
    for name in [name for name in outputs if name not in stored]:
        yield Diagnostic(stage=Stage.TYPES, line=None, message=f"{name} is never stored")


def law_errors(program: Sequence[Instruction]) -> Iterator[Diagnostic]:
    """Yield where registers are not handled as the law asks."""
    held: dict[str, Instruction] = {}
    for item in program:
        for name in _tiles_of(item):
            if name not in held:
                yield _unlawful(item, f"{name} has been freed before")
        if item.op == "free":
            held.pop(item.first, None)
        elif item.makes:
            held[item.makes] = item
            if len(held) > REGISTERS:
                names = ", ".join(held)
                yield _unlawful(item, f"{len(held)} tiles are held ({names})")
    for name, item in held.items():
        yield _unlawful(item, f"{name} is never freed")


def most_held(program: Sequence[Instruction]) -> int:
    """Return how many tiles are held at the fullest moment."""
    held: set[str] = set()
    most = 0
    for item in program:
        if item.op == "free":
            held.discard(item.first)
        elif item.makes:
            held.add(item.makes)
        most = max(most, len(held))
    return most


def with_frees(text: str, program: Sequence[Instruction]) -> str:
    """Return the program with every tile freed right after its last use, and nowhere else."""
    last = {name: item.line for item in program for name in (item.makes, *item.reads) if name}
    frees = {item.line for item in program if item.op == "free"}
    lines: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if number not in frees:
            lines.append(line)
        lines += [f"free {name}" for name, end in last.items() if end == number]
    return "\n".join(lines)


def normal_form(program: Sequence[Instruction]) -> str:
    """Return the program with tiles named by their order; registers are a matter of spelling."""
    names: dict[str, str] = {}
    lines = []
    for item in program:
        if item.op == "free":
            continue
        operands = tuple(names[name] for name in item.reads) or item.operands
        first = item.first
        if item.makes:
            first = names[item.makes] = f"t{len(names)}"
        elif item.op == "fill":
            operands = (repr(float(operands[0])),)
        lines.append(written(Instruction(item.op, first, item.size, operands, 0)))
    return "\n".join(lines)


def count_lines(text: str) -> int:
    """Return how many lines have code."""
    return sum(1 for _ in code_lines(text))


def _tiles_of(item: Instruction) -> tuple[str, ...]:
    """Return the tiles that have to be held when an instruction begins."""
    return (item.first,) if item.op == "free" else item.reads


def _misfit(item: Instruction, tiles: Mapping[str, Size], inputs: Mapping[str, Size]) -> str:
    """Return why a tile cannot have the size that is stated; empty if it can."""
    taken = [tiles[name] for name in item.reads]
    wanted = item.size
    if item.op in REDUCTIONS:
        (source,) = taken
        is_kept = [side == of for side, of in zip(wanted, source, strict=True)]
        is_one = [side == "1" for side in wanted]
        if all(kept or one for kept, one in zip(is_kept, is_one, strict=True)) and not all(is_kept):
            return ""
        options = (("1", source[1]), (source[0], "1"), ("1", "1"))
        offered = " or ".join(size_text(size) for size in dict.fromkeys(options) if size != source)
        return f"{item.op} of {size_text(source)} makes {offered}, got {size_text(wanted)}"
    match item.op:
        case "fill":
            return ""
        case "load":
            made: Size | None = inputs[item.operands[0]]
        case "flip":
            made = taken[0][1], taken[0][0]
        case "dot":
            made = (taken[0][0], taken[1][1]) if taken[0][1] == taken[1][0] else None
        case _:
            assert item.op in ELEMENTWISE
            made = stretched(taken)
    if made == wanted:
        return ""
    of = f" of {' and '.join(map(size_text, taken))}" if taken else ""
    makes = f"makes {size_text(made)}, got {size_text(wanted)}" if made else "does not fit"
    return f"{item.op}{of} {makes}"


def stretched(sizes: Sequence[Size]) -> Size | None:
    """Return the size of an elementwise result; None if the sizes do not go together."""
    sides = []
    for along in zip(*sizes, strict=True):
        others = {side for side in along if side != "1"}
        if len(others) > 1:
            return None
        sides.append(others.pop() if others else "1")
    return sides[0], sides[1]


def size_text(size: Size) -> str:
    """Return a size as it is written."""
    return f"[{size[0]},{size[1]}]"


def _error(item: Instruction, message: str) -> Diagnostic:
    return Diagnostic(stage=Stage.TYPES, line=item.line, message=message)


def _unlawful(item: Instruction, message: str) -> Diagnostic:
    return Diagnostic(stage=Stage.AFFINE, line=item.line, message=message, rule=LAW)
