"""Random texts: many spellings of one graph, and random programs of the whole grammar."""

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from step_strategies import Draw

from hardwon.languages.step import syntax as s
from hardwon.languages.step.dims import LARGEST, Dim
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import PRIMITIVES, Copy, Partition, Primitive, Zip
from hardwon.languages.step.primitives.base import Inputs
from hardwon.languages.step.signature import Function

# Spellings of a graph


class Author:
    """Writes a graph as a program, and makes every choice of style by drawing."""

    def __init__(self, draw: Draw, graph: Graph) -> None:
        self.draw = draw
        self.graph = graph
        self.lines: list[str] = []
        self.fresh = 0
        self.texts = {Ref(INPUT, port): name for port, name in enumerate(graph.inputs)}
        self.waiting = graph.uses() + Counter(graph.outputs)
        """How often each stream is still to be mentioned."""
        self.mentioned: list[Ref] = []
        """The streams that the statement in the making mentions."""
        self.nested = {
            index
            for index, node in enumerate(graph.nodes)
            if node.outputs == 1 and self.waiting[Ref(index, 0)] == 1 and draw(st.booleans())
        }
        """The nodes that are written as a part of the statement that takes their result."""

    def one_of(self, *options: str) -> str:
        return str(self.draw(st.sampled_from(options)))

    def flip(self) -> bool:
        return bool(self.draw(st.booleans()))

    def write(self) -> str:
        todo = [index for index in range(len(self.graph.nodes)) if index not in self.nested]
        while todo:
            index = self.draw(st.sampled_from([at for at in todo if self.is_ready(at)]))
            todo.remove(index)
            self.statement(index)
        results = [self.stream(ref) for ref in self.graph.outputs]
        listed = ", ".join(results)
        self.line(
            f"return {self.one_of(listed, f'[{listed}]', f'({listed},)')}"
            if len(results) > 1
            else f"return {self.one_of(listed, f'({listed})', f'[{listed}]', f'{listed},')}"
        )
        margin = self.one_of("", "    ", "\t")
        return "\n".join(margin + line if line else "" for line in self.lines)

    def is_ready(self, index: int) -> bool:
        return all(
            self.is_ready(ref.node) if ref.node in self.nested else ref in self.texts
            for ref in self.graph.nodes[index].inputs
        )

    def line(self, text: str) -> None:
        above = self.one_of("", "", "", "\n", "# a comment\n", "#\n")
        beside = self.one_of("", "", "", "  # beside")
        self.lines += [*above.split("\n")[:-1], text + beside]

    def name(self) -> str:
        """Return a new name, or one whose streams are all used up."""
        dead = [
            text
            for ref, text in self.texts.items()
            if text.isidentifier() and not self.waiting[ref]
        ]
        self.fresh += 1
        return self.one_of(f"v{self.fresh}", *dead)

    def statement(self, index: int) -> None:
        node = self.graph.nodes[index]
        self.mentioned = []
        text = self.call(node)
        for ref in self.mentioned:
            self.waiting[ref] -= 1
        if isinstance(node.primitive, Copy | Partition):
            self.bind_several(index, text)
        else:
            self.bind(index, text)

    def bind_several(self, index: int, text: str) -> None:
        refs = self.graph.nodes[index].results(index)
        if self.flip():
            self.fresh += 1
            self.line(f"all{self.fresh} = {text}")
            for ref in refs:
                at = self.one_of(str(ref.port), str(ref.port - len(refs)))
                self.texts[ref] = f"all{self.fresh}[{at}]"
            return
        names = [f"v{self.fresh}_{port}" for port in range(len(refs))]
        self.fresh += 1
        listed = ", ".join(names)
        self.line(f"{self.one_of(listed, f'({listed})', f'[{listed}]')} = {text}")
        self.texts.update(zip(refs, names, strict=True))

    def bind(self, index: int, text: str) -> None:
        target = self.name()
        self.texts = {ref: other for ref, other in self.texts.items() if other != target}
        item = f"item{self.fresh}"
        first = self.mentioned[0]
        over = self.texts.get(first)
        style = self.one_of("plain", "plain", "list", "twice", "unpack", "for", "comprehension")
        if over is None or f"({over}" not in text:
            style = "plain"
        inner = text.replace(f"({over}", f"({item}", 1)
        match style:
            case "plain":
                self.line(f"{target} = {text}")
            case "list":
                self.line(f"{target} = [{text}][0]")
            case "twice":
                self.line(f"{target} = again{self.fresh} = {text}")
                target = self.one_of(target, f"again{self.fresh}")
            case "unpack":
                self.line(f"{self.one_of(f'[{target}]', f'{target},')} = [{text}]")
            case "for":
                self.line(f"for {item} in [{over}]:")
                self.line(f"    {target} = {inner}")
            case "comprehension":
                self.line(f"({target},) = [{inner} for {item}, in zip([{over}])]")
        self.texts[Ref(index, 0)] = target

    def stream(self, ref: Ref) -> str:
        if ref.node in self.nested:
            return self.call(self.graph.nodes[ref.node])
        self.mentioned.append(ref)
        return self.texts[ref]

    def call(self, node: Node) -> str:
        kind = node.primitive.inputs
        inputs = self.zipped(node.inputs) if kind in (Inputs.ZIPPED, Inputs.TUPLE) else node.inputs
        texts = [self.stream(ref) for ref in inputs]
        listed = ", ".join(texts)
        if kind is Inputs.LIST_AND_INDEX:
            parts = ", ".join(texts[:-1])
            apply = self.one_of(f"(([{parts}], {texts[-1]}))", f"([{parts}], {texts[-1]})")
        elif len(texts) > 1:
            apply = self.one_of(f"(({listed}))", f"([{listed}])", f"({listed})")
        else:
            apply = self.one_of(f"({listed})", f"([{listed}])", f"(({listed},))")
        return f"{self.operator(node.primitive)}.apply{apply}"

    def zipped(self, inputs: tuple[Ref, ...]) -> tuple[Ref, ...]:
        """Leave out Zips that an author may leave out."""
        refs: list[Ref] = []
        for ref in inputs:
            inner = self.graph.nodes[ref.node] if ref.node in self.nested else None
            if inner is not None and isinstance(inner.primitive, Zip) and self.flip():
                refs += self.zipped(inner.inputs)
            else:
                refs.append(ref)
        return tuple(refs)

    def operator(self, primitive: Primitive) -> str:
        name = primitive.name
        if name == "Repeat":
            name = self.one_of("Repeat", "RepeatLast")
        given = [(key, self.argument(value)) for key, value in primitive.arguments()]
        if self.flip():
            listed = ", ".join(value for _, value in given)
        else:
            given = self.draw(st.permutations(given))
            listed = ", ".join(f"{key}={value}" for key, value in given)
        return f"{self.one_of('step.', '')}{name}({listed})"

    def argument(self, value: object) -> str:
        match value:
            case Function(name=name):
                return name
            case tuple():
                listed = ", ".join(map(str, value))
                several = [f"[{listed}]", f"({listed},)", f"[{listed},]"]
                return self.one_of(*several, *([listed] if len(value) == 1 else []))
            case Dim():
                return self.size(value)
        return str(value)

    def size(self, dim: Dim) -> str:
        names = [name for name, power in dim.powers for _ in range(power)]
        factors = [self.one_of(name, f"{name}_value") for name in names]
        if dim.coefficient != 1 or not factors:
            factors.append(str(dim.coefficient))
        return self.one_of("*", " * ").join(self.draw(st.permutations(factors)))


@st.composite
def spellings(draw: Draw, graph: Graph) -> str:
    """Draw a text of a program that elaborates to the same graph but for spelling."""
    return Author(draw, graph).write()


# Programs of the grammar, with or without a meaning

_NAMES = st.sampled_from(
    ["a", "b", "_t", "größe", "x", "y", "hot", "flat", "K", "W", "fn_neg", "fn_sum"]
)
_COMMENTS = st.lists(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1).filter(
        lambda text: text == text.strip() and not text.startswith("#")
    ),
    max_size=2,
).map(tuple)


def _tuples(items: st.SearchStrategy[Any], low: int, high: int) -> st.SearchStrategy[Any]:
    return st.lists(items, min_size=low, max_size=high).map(tuple)


_TARGETS: st.SearchStrategy[Any] = st.recursive(
    st.builds(s.Name, _NAMES),
    lambda inner: st.builds(s.Targets, _tuples(inner, 1, 3)),
    max_leaves=4,
)


@st.composite
def _operators(draw: Draw, inner: st.SearchStrategy[Any]) -> s.Operator:
    name = draw(st.sampled_from(sorted(PRIMITIVES)))
    keys = [parameter.name for parameter in PRIMITIVES[name].parameters if draw(st.booleans())]
    return s.Operator(name, tuple((key, draw(inner)) for key in keys))


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(s.Product, inner, inner),
        st.builds(s.Sequence, _tuples(inner, 0, 3)),
        st.builds(s.Index, inner, st.integers(-LARGEST, LARGEST)),
        st.builds(s.Comprehension, inner, _tuples(st.tuples(_TARGETS, inner), 1, 2)),
        st.builds(s.ZipLists, _tuples(inner, 0, 3)),
        _operators(inner),
        st.builds(s.Apply, inner, _tuples(inner, 1, 3)),
    )


_EXPRESSIONS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.builds(s.Name, _NAMES), st.builds(s.Integer, st.integers(0, LARGEST))),
    _larger,
    max_leaves=8,
)

_SIMPLE: st.SearchStrategy[Any] = st.one_of(
    st.builds(s.Assign, _tuples(_TARGETS, 1, 2), _EXPRESSIONS, _COMMENTS),
    st.builds(s.Evaluate, _EXPRESSIONS, _COMMENTS),
)
_STATEMENTS: st.SearchStrategy[Any] = st.recursive(
    _SIMPLE,
    lambda inner: st.builds(s.For, _TARGETS, _EXPRESSIONS, _tuples(inner, 0, 2), _COMMENTS),
    max_leaves=3,
)


@st.composite
def grammatical_programs(draw: Draw) -> s.Program:
    """Draw a program that uses the grammar at random."""
    body = draw(_tuples(_STATEMENTS, 0, 3))
    returned = s.Return(draw(_EXPRESSIONS), draw(_COMMENTS))
    return s.Program((*body, returned), draw(_COMMENTS))
