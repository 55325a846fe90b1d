"""How likely each choice is by plain preferences, and what programs show of functions.

Functions are known by what they do, not by what they are called: the key of a function is its body
with names of weights left out. So experience with one operator carries over to others that use the
same unit, and nothing depends on the names in a task file.
"""

import ast
import hashlib
import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.primitives import (
    Accum,
    Bufferize,
    Flatten,
    Identity,
    Map,
    Merge,
    Partition,
    Promote,
    Repeat,
    RepeatRef,
    Reshape,
    Scan,
    Streamify,
    Zip,
)
from hardwon.languages.step.signature import Signature
from hardwon.languages.step.synthesis.linear import Feature
from hardwon.languages.step.types import Buffer, Component, Multihot, components
from hardwon.records import FunctionSpec, Task

_PASSED_ON = (Bufferize, Flatten, Identity, Promote, Repeat, RepeatRef, Reshape, Streamify)
"""Primitives whose (first) input says who produced their result."""


@lru_cache(maxsize=4096)
def function_key(spec: FunctionSpec) -> str:
    """Return a key that functions with the same body share, whatever they are called."""
    try:
        tree = ast.parse(textwrap.dedent(spec.apply))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return hashlib.sha256(spec.apply.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = "name"
    kind = "map" if spec.init is None else f"fold{spec.init}"
    return hashlib.sha256(f"{kind} {ast.dump(tree)}".encode()).hexdigest()[:16]


def function_keys(task: Task) -> Mapping[str, str]:
    """Return the key of every function of a task, by the name that programs use."""
    return {fn.func_name: function_key(fn) for fn in task.fns}


def input_key(component: Component) -> str:
    """Return the producer key of a component of an input stream."""
    match component:
        case Multihot() | Buffer(elem=Multihot()):
            return "input:multihot"
        case _:
            return "input"


Maker = tuple[str, frozenset[str]]
"""A producer, and the producers that feed it: all that is known of where a stream comes from."""
Fragment = tuple[Maker, str, int]
"""(maker, consumer, component of the consumer's input): three statements in a row."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one program shows: who feeds whom, and how folds are used."""

    pairs: frozenset[tuple[str, str, int]]
    """(producer, consumer, component of the consumer's input)."""
    modes: frozenset[tuple[str, str]]
    """(fold, how it is applied), e.g. "Scan 1"."""
    fragments: frozenset[Fragment] = frozenset()
    """Pairs with what fed the producer."""


def lesson_of(graph: Graph, signature: Signature, keys: Mapping[str, str]) -> Lesson:
    """Read a program: who feeds whom, seen through everything that only moves data."""
    sources: dict[Ref, tuple[str, ...]] = {
        Ref(INPUT, port): tuple(map(input_key, components(stream.dtype)))
        for port, (_, stream) in enumerate(signature.inputs)
    }
    feeders = {ref: (frozenset[str](),) * len(known) for ref, known in sources.items()}
    pairs: set[tuple[str, str, int]] = set()
    modes: set[tuple[str, str]] = set()
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


ROUTE = "route"
"""The consumer key of a multi-hot stream that routes tokens."""


def mode(primitive: Accum | Scan) -> str:
    """Return how a fold is applied, as lessons name it."""
    return f"{primitive.name} {primitive.b}"


@dataclass(frozen=True)
class Policy:
    """Scores of choices, in units of log-odds; higher is likelier."""

    pairs: Mapping[tuple[str, str, int], float] = field(default_factory=dict)
    modes: Mapping[tuple[str, str], float] = field(default_factory=dict)
    fragments: frozenset[Fragment] = frozenset()
    """What was seen in any demonstration."""
    weights: Mapping[Feature, float] = field(default_factory=dict)
    """What was learned of the features of choices; see `features`."""

    unused_function: float = 2.0
    repeated_function: float = -1.2
    """Per call that the function already has."""
    branch_alone: float = -3.0
    """Mapping a function that looks like one of several branches over a whole stream."""
    idle_branch: float = 0.0
    """A branch that passes its tokens on."""
    unused_value: float = 1.5
    newest_value: float = 1.0
    used_value: float = -0.7
    input_beside: float = 1.5
    """An input as one of several arguments: what was computed often meets what it came from."""
    same_value_again: float = -3.0
    elders_first: float = 0.8
    """A probability: the older of two interchangeable arguments comes first."""
    spread_value: float = -2.0
    wide_fit: float = 1.0
    scan: float = -1.2
    deeper_fold: float = -1.5
    lost_dim: float = -0.7
    """Folding away a dimension of the results."""
    spent_dim: float = 0.5
    """Folding away a dimension that the results do not have."""
    input_as_result: float = -4.0
    function_in_result: float = 2.0
    """Per function that it took to make a result."""
    complete: float = 7.0
    """Ending with results that took all functions."""
    function_left_out: float = -2.0
    """Ending without a function, each."""

    def pair(self, producer: str, consumer: str, slot: int) -> float:
        """Return what demonstrations say of one stream feeding one input."""
        return self.pairs.get((producer, consumer, slot), 0.0)

    def total(self, features: Iterable[Feature]) -> float:
        """Return the sum of what was learned of these features."""
        if not self.weights:
            return 0.0
        return sum(self.weights.get(feature, 0.0) for feature in features)


_STRENGTH = 1.4
_CEILING = 3.0


def learn(lessons: Sequence[tuple[Lesson, float]]) -> Policy:
    """Return what the lessons contain, counted, for the costs of the systematic search.

    Each lesson comes with the success rate of its program; rare successes weigh most. Seeing the
    same thing in several programs adds up, with diminishing returns.
    """
    pairs: Counter[tuple[str, str, int]] = Counter()
    modes: Counter[tuple[str, str]] = Counter()
    fragments = frozenset[Fragment]().union(*(lesson.fragments for lesson, _ in lessons))
    for lesson, success_rate in lessons:
        weight = 1.0 - math.log10(max(success_rate, 1e-3))
        for pair in lesson.pairs:
            pairs[pair] += weight  # type: ignore[assignment]
        for entry in lesson.modes:
            modes[entry] += weight  # type: ignore[assignment]

    def scores(
        counts: Counter[tuple[str, str, int]] | Counter[tuple[str, str]],
    ) -> dict[object, float]:
        return {key: min(_CEILING, _STRENGTH * math.log2(1 + n)) for key, n in counts.items()}

    return Policy(
        pairs=scores(pairs),  # type: ignore[arg-type]
        modes=scores(modes),  # type: ignore[arg-type]
        fragments=fragments,
    )
