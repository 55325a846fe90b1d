"""What demonstrations show of functions: who feeds whom, and how folds are used.

The search counts this, to make statements cheaper that are like those of demonstrations. (Drawing
learns from whole choices instead; see `learner`.)
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.primitives import Accum, Map, Merge, Partition, Scan, Zip
from hardwon.languages.step.signature import Signature
from hardwon.languages.step.synthesis.keys import ROUTE, input_key
from hardwon.languages.step.synthesis.space import Sizes, Space
from hardwon.languages.step.types import components
from hardwon.records import Experience

Pair = tuple[str, str, int]
"""(producer, consumer, component of the consumer's input)."""
Mode = tuple[str, str]
"""(fold, how it is applied), e.g. "Scan 1"."""
Maker = tuple[str, frozenset[str]]
"""A producer, and the producers that feed it: all that is known of where a stream comes from."""
Fragment = tuple[Maker, str, int]
"""(maker, consumer, component of the consumer's input): three statements in a row."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one program shows: who feeds whom, and how folds are used."""

    pairs: frozenset[Pair]
    modes: frozenset[Mode]
    fragments: frozenset[Fragment] = frozenset()
    """Pairs with what fed the producer."""


def lesson_of(graph: Graph, signature: Signature, keys: Mapping[str, str]) -> Lesson:
    """Read a program: who feeds whom, seen through everything that only moves data."""
    sources: dict[Ref, tuple[str, ...]] = {
        Ref(INPUT, port): tuple(map(input_key, components(stream.dtype)))
        for port, (_, stream) in enumerate(signature.inputs)
    }
    feeders = {ref: (frozenset[str](),) * len(known) for ref, known in sources.items()}
    pairs: set[Pair] = set()
    modes: set[Mode] = set()
    fragments: set[Fragment] = set()

    def consume(key: str, ref: Ref) -> None:
        for slot, (producer, fed) in enumerate(zip(sources[ref], feeders[ref], strict=True)):
            pairs.add((producer, key, slot))
            fragments.add(((producer, fed), key, slot))

    for index, node in enumerate(graph.nodes):
        first = sources[node.inputs[0]]
        found: tuple[str, ...] = first
        fed = feeders[node.inputs[0]]
        match node.primitive:
            case Map(fn=fn) | Accum(fn=fn) | Scan(fn=fn):
                key = keys[fn.name]
                consume(key, node.inputs[0])
                found = (key,) * len(components(fn.output))
                fed = (frozenset(first),) * len(found)
                if not isinstance(node.primitive, Map):
                    modes.add((key, mode(node.primitive)))
            case Zip():
                found = tuple(source for ref in node.inputs for source in sources[ref])
                fed = tuple(known for ref in node.inputs for known in feeders[ref])
            case Partition():
                pairs.update((source, ROUTE, 0) for source in sources[node.inputs[1]])
            case Merge(fn=fn):
                key = keys[fn.name]
                for ref in node.inputs[:-1]:
                    consume(key, ref)
                found = (key,) * len(components(fn.output))
                branches = (source for ref in node.inputs[:-1] for source in sources[ref])
                fed = (frozenset(branches),) * len(found)
                modes.add((key, "Merge"))
        sources.update(dict.fromkeys(node.results(index), found))
        feeders.update(dict.fromkeys(node.results(index), fed))
    return Lesson(frozenset(pairs), frozenset(modes), frozenset(fragments))


def mode(primitive: Accum | Scan) -> str:
    """Return how a fold is applied, as lessons name it."""
    return f"{primitive.name} {primitive.b}"


@dataclass(frozen=True)
class Evidence:
    """What demonstrations contain, counted."""

    pairs: Mapping[Pair, float] = field(default_factory=dict)
    """Points for one producer feeding one input."""
    modes: Mapping[Mode, float] = field(default_factory=dict)
    """Points for a way of applying a fold."""
    fragments: frozenset[Fragment] = frozenset()
    """What was seen in any demonstration."""


_STRENGTH = 1.4
"""Points of one lesson of weight 1, which is what a program that always succeeds has."""
_CEILING = 3.0
"""Points that no number of lessons exceeds."""


def evidence_of(demonstrations: Sequence[Experience], sizes: Mapping[str, Sizes]) -> Evidence:
    """Return what demonstrations contain; those that cannot be read contain nothing.

    Args:
        demonstrations: solved tasks.
        sizes: the sizes of their tasks, by digest.
    """
    lessons: list[tuple[Lesson, float]] = []
    for shown in demonstrations:
        space = Space.of(shown.task, sizes[shown.task.digest])
        graph = space.read(shown.impl)
        if graph is not None:
            lessons.append((lesson_of(graph, space.signature, space.keys), shown.success_rate))
    return counted(lessons)


def counted(lessons: Sequence[tuple[Lesson, float]]) -> Evidence:
    """Return what lessons contain.

    Each lesson comes with the success rate of its program; rare successes weigh most. Seeing the
    same thing in several programs adds up, with diminishing returns.
    """
    pairs: defaultdict[Pair, float] = defaultdict(float)
    modes: defaultdict[Mode, float] = defaultdict(float)
    for lesson, success_rate in lessons:
        weight = 1.0 - math.log10(max(success_rate, 1e-3))
        for pair in lesson.pairs:
            pairs[pair] += weight
        for entry in lesson.modes:
            modes[entry] += weight
    return Evidence(
        {pair: _points(weight) for pair, weight in pairs.items()},
        {entry: _points(weight) for entry, weight in modes.items()},
        frozenset[Fragment]().union(*(lesson.fragments for lesson, _ in lessons)),
    )


def _points(weight: float) -> float:
    return min(_CEILING, _STRENGTH * math.log2(1 + weight))
