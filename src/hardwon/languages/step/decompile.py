"""From a dataflow graph back to a program: straight-line code with the author's names."""

from hardwon.languages.step import syntax as s
from hardwon.languages.step.dims import Dim
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.lines import MODULE
from hardwon.languages.step.primitives import PRIMITIVES
from hardwon.languages.step.primitives.base import Inputs
from hardwon.languages.step.signature import Function, Signature


def decompile(graph: Graph, signature: Signature) -> s.Program:
    """Return a program that elaborates to `graph`; streams without a name get a fresh one."""
    names = _names(graph, signature)
    statements: list[s.Statement] = []
    for index, node in enumerate(graph.nodes):
        targets = tuple(names[ref] for ref in node.results(index))
        value = s.Apply(_operator(node), (_argument(node, names),))
        if len(targets) == 1 and node.primitive.name != "Partition":
            target: s.Target = s.Name(targets[0])
        else:
            target = s.Targets(tuple(map(s.Name, targets)))
        statements.append(s.Assign((target,), value, node.comments))
    results = tuple(s.Name(names[ref]) for ref in graph.outputs)
    returned: s.Expression = results[0] if len(results) == 1 else s.Sequence(results)
    statements.append(s.Return(returned, graph.comments))
    return s.Program(tuple(statements))


def _names(graph: Graph, signature: Signature) -> dict[Ref, str]:
    names = {Ref(INPUT, port): name for port, name in enumerate(graph.inputs)}
    taken = (
        {*graph.inputs, *PRIMITIVES, MODULE, "zip", "list", "tuple"}
        | {fn.name for fn in signature.functions}
        | signature.parameters
        | signature.symbols
        | {f"{symbol}_value" for symbol in signature.symbols}
    )
    hints = {
        Ref(index, port): hint
        for index, node in enumerate(graph.nodes)
        for port, hint in enumerate(node.names)
        if hint
    }
    counter = len(graph.inputs)
    for ref in graph.refs():
        if ref.node == INPUT:
            continue
        hint = hints.get(ref)
        if hint is None or hint in taken or hint.startswith("__"):  # `_` and its list element `__0`
            while f"E{counter}" in taken or f"E{counter}" in hints.values():
                counter += 1
            hint = f"E{counter}"
        taken.add(hint)
        names[ref] = hint
    return names


def _operator(node: Node) -> s.Operator:
    primitive = node.primitive
    arguments = tuple((name, _literal(value)) for name, value in primitive.arguments())
    return s.Operator(primitive.name, arguments)


def _literal(value: object) -> s.Expression:
    match value:
        case Function(name=name):
            return s.Name(name)
        case int():
            return s.Integer(value)
        case tuple():
            return s.Sequence(tuple(map(_literal, value)))
        case Dim():
            return _size(value)
    raise TypeError(f"no primitive has an argument like {value!r}")


def _size(dim: Dim) -> s.Expression:
    factors: list[s.Expression] = [
        s.Name(symbol) for symbol, power in dim.powers for _ in range(power)
    ]
    if dim.coefficient != 1 or not factors:
        factors.insert(0, s.Integer(dim.coefficient))
    result = factors[0]
    for factor in factors[1:]:
        result = s.Product(result, factor)
    return result


def _argument(node: Node, names: dict[Ref, str]) -> s.Expression:
    streams: tuple[s.Expression, ...] = tuple(s.Name(names[ref]) for ref in node.inputs)
    if node.primitive.inputs is Inputs.LIST_AND_INDEX:
        return s.Sequence((s.Sequence(streams[:-1]), streams[-1]))
    return streams[0] if len(streams) == 1 else s.Sequence(streams)
