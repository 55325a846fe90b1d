"""Random programs in which every size is right: what `hardwon improve` uses without a model.

A program is grown backwards, from the outputs to the inputs, by rules such as "a row of sums comes
from a tile by `sum`". So nothing is computed that no output needs, and no growth leads nowhere.
"""

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hardwon.records import Experience, Task
from hardwon_tile.checking import size_of, stretched, with_frees
from hardwon_tile.syntax import ELEMENTWISE, REDUCTIONS, Instruction, Size, parse, written

NUMBERS = ("0.0", "0.5", "1.0", "2.0")
MOST_EXTRA = 4
"""How much deeper a program may be than the shallowest one of its size."""
_LIKING = 6.0
"""How much likelier an input, or a tile that is there already, is than any operation."""
_LESSON = 4.0
"""How much a pair of opcodes counts that a demonstration has, one reading what the other makes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to make a tile of some size."""

    op: str
    size: Size
    reads: tuple[Size, ...] = ()
    named: str = ""
    """For `load` the input, for `fill` the number."""

    @property
    def share(self) -> float:
        """How likely it is beside other rules with its opcode: stretching is the exception."""
        return 0.2 if self.op in ELEMENTWISE and set(self.reads) != {self.size} else 1.0


@dataclass(frozen=True)
class Sampler:
    """See `hardwon.languages.protocol.StatementSampler`."""

    task: Task
    rules: Mapping[Size, Sequence[Rule]]
    depths: Mapping[Size, int]
    """How many instructions in a row it takes at least to make a tile of a size."""
    pairs: Counter[tuple[str, str]]

    @classmethod
    def taught(cls, task: Task, demonstrations: Sequence[Experience]) -> "Sampler":
        """Return a sampler that prefers what demonstrations in this language do."""
        pairs: Counter[tuple[str, str]] = Counter()
        for shown in demonstrations:
            if shown.task.language == task.language:
                pairs.update(set(_pairs(parse(shown.impl)[0])))
        rules: defaultdict[Size, list[Rule]] = defaultdict(list)
        for rule in _rules(task):
            rules[rule.size].append(rule)
        return cls(task, rules, _depths(list(itertools.chain(*rules.values()))), pairs)

    def draw(self, rng: random.Random, temperature: float) -> tuple[str | None, int]:
        """See `StatementSampler.draw`."""
        growth = _Growth(self, rng, max(temperature, 0.05))
        stores = []
        for output in self.task.outputs:
            size = size_of(output)
            if size not in self.depths:
                return None, len(growth.program)
            tile = growth.tile(size, "store", self.depths[size] + rng.randrange(MOST_EXTRA))
            stores.append(Instruction("store", output.name, ("", ""), (tile,), 0))
        program = [*growth.program, *stores]
        text = "\n".join(map(written, program))
        return with_frees(text, parse(text)[0]), len(program)


@dataclass
class _Growth:
    """A program on its way."""

    sampler: Sampler
    rng: random.Random
    temperature: float
    program: list[Instruction] = field(default_factory=list)

    def tile(self, size: Size, reader: str, depth: int) -> str:
        """Return the name of a tile for an instruction that reads it; make it if need be."""
        depths, pairs = self.sampler.depths, self.sampler.pairs
        there = [item for item in self.program if item.size == size]
        rules = [
            rule
            for rule in self.sampler.rules[size]
            if all(depths.get(source, depth) < depth for source in rule.reads)
        ]
        # An opcode is as likely with many rules as with few.
        shares: defaultdict[str, float] = defaultdict(float)
        for rule in rules:
            shares[rule.op] += rule.share / (_LIKING if rule.op == "load" else 1.0)
        weights = [rule.share / shares[rule.op] for rule in rules]
        weights += [_LIKING / len(there) for _ in there]
        options: list[Rule | Instruction] = [*rules, *there]
        drawn = self.rng.choices(
            options,
            [
                (weight * (1 + _LESSON * pairs[option.op, reader])) ** (1 / self.temperature)
                for option, weight in zip(options, weights, strict=True)
            ],
        )[0]
        if isinstance(drawn, Instruction):
            return drawn.first
        operands = [self.tile(source, drawn.op, depth - 1) for source in drawn.reads]
        name = f"t{len(self.program)}"
        self.program.append(
            Instruction(drawn.op, name, size, (drawn.named,) if drawn.named else tuple(operands), 0)
        )
        return name


def _rules(task: Task) -> Iterator[Rule]:
    """Yield all ways to make tiles of sizes that the task knows."""
    loads = [Rule("load", size_of(item), (), item.name) for item in task.inputs]
    stores = [size_of(item) for item in task.outputs]
    sides = dict.fromkeys(
        ["1", *(side for size in (*(rule.size for rule in loads), *stores) for side in size)]
    )
    yield from loads
    yield from (Rule("fill", ("1", "1"), (), number) for number in NUMBERS)
    sizes: list[Size] = [(rows, columns) for rows in sides for columns in sides]
    for rows, columns in sizes:
        yield Rule("flip", (columns, rows), ((rows, columns),))
        for op, taken in ELEMENTWISE.items():
            if taken == 1:
                yield Rule(op, (rows, columns), ((rows, columns),))
        for made in dict.fromkeys([("1", columns), (rows, "1"), ("1", "1")]):
            if made != (rows, columns):
                yield from (Rule(op, made, ((rows, columns),)) for op in REDUCTIONS)
    for one, other in itertools.product(sizes, repeat=2):
        if one[1] == other[0]:
            yield Rule("dot", (one[0], other[1]), (one, other))
        whole = stretched([one, other])
        for op, taken in ELEMENTWISE.items():
            if taken == 2 and whole in {one, other}:
                yield Rule(op, whole, (one, other))


def _depths(rules: Iterable[Rule]) -> dict[Size, int]:
    """Return the least depth of every size that can be made at all."""
    depths: dict[Size, int] = {}
    rules = list(rules)
    for depth in itertools.count(1):
        new = {
            rule.size
            for rule in rules
            if rule.size not in depths and all(source in depths for source in rule.reads)
        }
        if not new:
            break
        depths |= dict.fromkeys(new, depth)
    return depths


def _pairs(program: Sequence[Instruction]) -> Iterator[tuple[str, str]]:
    """Yield the opcodes of every instruction that makes a tile and every one that reads it."""
    ops: dict[str, str] = {}
    for item in program:
        yield from ((ops[name], item.op) for name in item.reads)
        if item.makes:
            ops[item.makes] = item.op
