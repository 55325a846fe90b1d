"""A program to start from: which function took what there, however broken the rest is."""

from dataclasses import dataclass

from hardwon.languages.step import syntax as s
from hardwon.languages.step.elaborate import elaborate
from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.parser import ParseError, parse
from hardwon.languages.step.primitives import Accum, Map, Merge, Partition, Scan, Zip
from hardwon.languages.step.synthesis.search.lessons import Pair, lesson_of
from hardwon.languages.step.synthesis.space import Space

_MOST_BROKEN_LINES = 12


@dataclass(frozen=True)
class Start:
    """What is taken from a program."""

    pairs: frozenset[Pair] = frozenset()
    uses: tuple["Use", ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """A function with where its arguments come from; dimensions are left to the search."""

    functions: frozenset[str]
    primitive: str
    arguments: tuple["Use | int", ...]
    """Uses, or numbers of inputs."""


def start_from(text: str, space: Space) -> Start:
    """Read as much of a program as can be read."""
    program = _salvaged(text, space.signature.inputs[0][0])
    if program is None:
        return Start()
    graph = elaborate(program, space.signature, space.sizes).graph
    try:
        lesson = lesson_of(graph, space.signature, space.keys)
    except (KeyError, IndexError):  # of a graph with errors
        return Start(uses=_uses(graph))
    return Start(lesson.pairs, _uses(graph))


def _salvaged(text: str, result: str) -> s.Program | None:
    """Parse a program, without the lines that cannot be read; what it returns does not matter."""
    lines = [*text.splitlines(), f"return {result}"]
    if "return" in text:
        lines.pop()
    for _ in range(_MOST_BROKEN_LINES):
        try:
            return parse("\n".join(lines))
        except ParseError as error:
            places = sorted({d.line for d in error.diagnostics if d.line}, reverse=True)
            if not places or places[-1] > len(lines):
                return None
            for place in places:
                if place <= len(lines):
                    lines[place - 1] = ""
    return None


def _uses(graph: Graph) -> tuple[Use, ...]:
    """Return all uses of functions, seen through everything that only moves data."""
    origins: dict[Ref, tuple[Use | int, ...]] = {
        Ref(INPUT, port): (port,) for port in range(len(graph.inputs))
    }
    found: list[Use] = []
    branches: dict[Ref, set[str]] = {}
    routed: dict[Ref, tuple[tuple[Use | int, ...], tuple[Use | int, ...]]] = {}
    for index, node in enumerate(graph.nodes):
        inputs = [origins.get(ref, ()) for ref in node.inputs]
        made: tuple[Use | int, ...] = inputs[0] if inputs else ()
        results = node.results(index)
        match node.primitive:
            case Map(fn=fn) if node.inputs[0] in routed:
                routed[results[0]] = routed[node.inputs[0]]
                branches[results[0]] = {*branches.get(node.inputs[0], ()), fn.name}
            case Map(fn=fn) | Accum(fn=fn) | Scan(fn=fn):
                use = Use(frozenset([fn.name]), node.primitive.name, made)
                found.append(use)
                made = (use,)
            case Zip():
                made = tuple(origin for part in inputs for origin in part)
            case Partition() if len(inputs) == 2:
                routed.update(dict.fromkeys(results, (inputs[0], inputs[1])))
            case Merge(fn=fn):
                names = set[str]().union(*(branches.get(ref, set()) for ref in node.inputs))
                tokens = next((routed[ref] for ref in node.inputs if ref in routed), None)
                if tokens is not None:
                    use = Use(frozenset([fn.name, *names]), "Route", (*tokens[0], *inputs[-1]))
                    found.append(use)
                    made = (use,)
        origins.update(dict.fromkeys(results, made))
        for ref in results:  # shape primitives between Partition and Merge
            if len(node.inputs) == 1 and node.inputs[0] in routed:
                routed.setdefault(ref, routed[node.inputs[0]])
                branches.setdefault(ref, branches.get(node.inputs[0], set()))
    return tuple(found)
