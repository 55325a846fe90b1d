"""From the program as written to its dataflow graph: names resolved, lists and loops unrolled."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from hardwon.languages.step import syntax as s
from hardwon.languages.step.dims import LARGEST, MOST_FACTORS, Dim, integer, symbol
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref, results_of
from hardwon.languages.step.primitives import (
    PRIMITIVES,
    ArgumentKind,
    Parameter,
    Primitive,
    Zip,
)
from hardwon.languages.step.primitives.base import Inputs
from hardwon.languages.step.signature import Function, Signature
from hardwon.records import Diagnostic, Stage

MAX_NODES = 4096
MAX_EVALUATIONS = 50_000
MAX_ERRORS = 50
_LONGEST_NAME = 200
"""Longer names are not kept: every stream of a list would repeat them."""
_NAMED_DEPTH = 2
"""How deep in lists of lists streams are still named after the list."""
_ZIP = Zip()
"""One for all, so that what is known of it is known of all."""
_ALIKE = 0.6
"""How alike two names have to be for one to be a misspelling of the other."""
_MAX_CLOSE = 200
"""Among how many names the one that an unknown name may stand for is looked for."""


class _Unknown:
    """The value of an expression with an error; silences errors that follow from it."""


UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class _Values:
    """A list or tuple."""

    items: tuple["_Value", ...]


_Value = Ref | Function | Dim | Primitive | _Values | _Unknown


_Operators = dict[int, "_Known"]
"""By the identity of what they are spelled with: equal lines are read once, as one object."""


@dataclass(frozen=True, slots=True)
class _Known:
    """An operator as it has been resolved, for the programs of the same task that repeat it."""

    expression: s.Operator
    """Kept alive, so that no other one can have its identity."""
    primitive: Primitive
    names: frozenset[str]
    """What it is spelled with; a program that binds one of these means something else by it."""
    evaluations: int


class _Latest:
    """The operators of the latest task; programs come task by task."""

    known: "tuple[Signature, _Operators] | None" = None

    def operators(self, signature: Signature) -> "_Operators":
        known = self.known
        if known is None or known[0] is not signature:
            known = self.known = signature, {}
        return known[1]


_latest = _Latest()
_MOST_OPERATORS = 4096


class _ProgramTooLargeError(Exception):
    """Unrolling goes on for too long."""


class _TooManyErrorsError(Exception):
    """More errors would help nobody."""


@dataclass(frozen=True, slots=True)
class Elaboration:
    """A graph, and what was wrong on the way there; errors leave out what depends on them."""

    graph: Graph
    errors: tuple[Diagnostic, ...]


def elaborate(program: s.Program, signature: Signature, sizes: Mapping[str, int]) -> Elaboration:
    """Resolve and unroll a program. `sizes` decide how many streams Partition makes."""
    return _Elaborator(signature, sizes, _latest.operators(signature)).run(program)


class _Call(NamedTuple):
    """A node whose results have no names yet, since those may come later."""

    primitive: Primitive
    inputs: tuple[Ref, ...]
    results: tuple[Ref, ...]
    line: int
    comments: tuple[str, ...]


@dataclass
class _Elaborator:
    signature: Signature
    sizes: Mapping[str, int]
    operators: _Operators
    names: dict[str, _Value] = field(default_factory=dict)
    nodes: list[_Call] = field(default_factory=list)
    named: dict[Ref, str] = field(default_factory=dict)
    """What the author called the streams, first name first come."""
    errors: list[Diagnostic] = field(default_factory=list)
    left: int = MAX_EVALUATIONS
    """How many more expressions may be evaluated."""
    comments: tuple[str, ...] = ()
    """Comments waiting for the first node of their statement."""
    first: int = 0
    """The line of the current statement, from which the lines within it count."""

    def run(self, program: s.Program) -> Elaboration:
        for port, (name, _) in enumerate(self.signature.inputs):
            self.names[name] = Ref(INPUT, port)
        outputs: tuple[Ref, ...] = ()
        closing: tuple[str, ...] = ()
        line = 0
        try:
            for statement in program.statements:
                if isinstance(statement, s.Return):
                    outputs = self.returned(statement)
                    closing, line = statement.comments, statement.line
                    break
                self.statement(statement)
        except _ProgramTooLargeError:
            self.error(
                None,
                f"expected at most {MAX_NODES} primitive calls after unrolling its loops,"
                " the program has more",
                stage=Stage.PARSE,
            )
        except _TooManyErrorsError:
            pass
        inputs = tuple(name for name, _ in self.signature.inputs)
        nodes = tuple(map(self.named_node, self.nodes))
        graph = Graph(inputs, nodes, outputs, (*self.comments, *closing), line)
        return Elaboration(graph, tuple(self.errors))

    def named_node(self, call: _Call) -> Node:
        primitive, inputs, results, line, comments = call
        names = tuple([self.named.get(ref) for ref in results])
        return Node(primitive, inputs, len(results), line, comments, names if any(names) else ())

    def error(
        self,
        line: int | None,
        message: str,
        rule: str | None = None,
        stage: Stage = Stage.TYPES,
    ) -> None:
        line = None if line is None else self.first + line
        diagnostic = Diagnostic(stage=stage, line=line, message=message, rule=rule)
        if diagnostic not in self.errors:  # a loop body can fail alike in every run
            self.errors.append(diagnostic)
            if len(self.errors) >= MAX_ERRORS:
                self.left = 0

    def statement(self, statement: s.Statement) -> None:
        self.comments += statement.comments
        self.first = statement.line
        match statement:
            case s.Assign(targets=targets, value=value):
                result = self.value(value)
                for target in targets:
                    self.bind(target, result)
            case s.Evaluate(value=value):
                self.value(value)
            case s.For(target=target, iterable=iterable, body=body):
                for item in self.items(self.value(iterable), 0, "`for`"):
                    self.count()
                    self.first = statement.line
                    self.bind(target, item)
                    for inner in body:
                        self.statement(inner)

    def bind(self, target: s.Target, value: _Value) -> None:
        if isinstance(target, s.Name):
            self.names[target.id] = value
            self.remember_name(value, target.id)
            return
        targets = target.items
        if isinstance(value, _Unknown):
            parts: tuple[_Value, ...] = (UNKNOWN,) * len(targets)
        elif isinstance(value, _Values) and len(value.items) == len(targets):
            parts = value.items
        else:
            came = f"{len(value.items)}" if isinstance(value, _Values) else self.called(value)
            self.error(target.line, f"expected {len(targets)} values to unpack, got {came}")
            parts = (UNKNOWN,) * len(targets)
        for inner, part in zip(targets, parts, strict=True):
            self.bind(inner, part)

    def remember_name(self, value: _Value, name: str, depth: int = 0) -> None:
        """Let streams keep the first name that the author gave them, or their list's."""
        if len(name) > _LONGEST_NAME:
            return
        if isinstance(value, Ref):
            if value.node != INPUT:
                self.named.setdefault(value, name)
        elif isinstance(value, _Values) and depth < _NAMED_DEPTH:
            for at, item in enumerate(value.items):
                self.count()
                self.remember_name(item, f"{name}_{at}", depth + 1)

    def returned(self, statement: s.Return) -> tuple[Ref, ...]:
        self.first = statement.line
        value = self.value(statement.value)
        items = value.items if isinstance(value, _Values) else (value,)
        refs: list[Ref] = []
        for item in items:
            if isinstance(item, Ref):
                refs.append(item)
            elif not isinstance(item, _Unknown):
                self.error(0, f"expected `return` with streams, got {self.called(item)}")
        if len(refs) == len(items) and len(refs) != len(self.signature.outputs):
            self.error(
                0,
                f"expected `return` with {len(self.signature.outputs)} stream(s), the task's"
                f" outputs, got {len(refs)}",
                rule="one stream per declared output",
            )
        # A partial result would be checked against the wrong outputs.
        return tuple(refs) if len(refs) == len(self.signature.outputs) == len(items) else ()

    def count(self, number: int = 1) -> None:
        self.left -= number
        if self.left < 0:
            raise _TooManyErrorsError if len(self.errors) >= MAX_ERRORS else _ProgramTooLargeError

    def value(self, expression: s.Expression) -> _Value:
        self.left -= 1
        if self.left < 0:
            self.count(0)
        # What nearly every line consists of comes first, without the price of a pattern.
        if isinstance(expression, s.Name):
            bound = self.names.get(expression.id)
            return self.free(expression.id, expression.line) if bound is None else bound
        if isinstance(expression, s.Apply):
            receiver = self.value(expression.receiver)
            arguments = tuple(map(self.value, expression.arguments))
            return self.apply(receiver, arguments, expression.line)
        if isinstance(expression, s.Operator):
            return self.operator(expression)
        match expression:
            case s.Integer(value=number, line=line):
                if number < 1:  # positions may be 0; sizes are checked where they are used
                    return Dim(coefficient=number)
                return integer(number)
            case s.Product(left=left, right=right, line=line):
                return self.multiply(self.value(left), self.value(right), line)
            case s.Sequence(items=items):
                return _Values(tuple(map(self.value, items)))
            case s.Index(sequence=sequence, at=at, line=line):
                return self.index(self.value(sequence), at, line)
            case s.Comprehension(element=element, loops=loops, line=line):
                return _Values(tuple(self.comprehension(element, loops, line)))
            case s.ZipLists(lists=lists, line=line):
                return self.zip_lists([self.value(item) for item in lists], line)

    def free(self, name: str, line: int) -> _Value:
        """Return what a name means that the program has not bound."""
        function = self.signature.function(name)
        if function is not None:
            return function
        base = name.removesuffix("_value")
        if base in self.signature.symbols:
            return symbol(base)
        if name in self.signature.parameters:
            self.error(
                line,
                f"{name!r} is a parameter: function bodies see it, programs handle streams only",
                rule="parameters are no streams",
            )
            return UNKNOWN
        known = [*(fn.name for fn in self.signature.functions), *self.names]
        near = max([(_likeness(name, other), other) for other in known[:_MAX_CLOSE]], default=None)
        hint = f"; did you mean {near[1]!r}?" if near and near[0] else ""
        odd = next((letter for letter in name if not letter.isascii()), None)
        if odd is not None:  # it may look like another one
            hint = f": it has the letter {odd!r}, U+{ord(odd):04X}{hint}"
        self.error(line, f"{name!r} is not defined{hint}", rule="names are bound before use")
        return UNKNOWN

    def multiply(self, left: _Value, right: _Value, line: int) -> _Value:
        match left, right:
            case Dim(), Dim():
                result = left * right
                if abs(result.coefficient) > LARGEST:
                    self.error(line, f"expected an integer of at most {LARGEST}")
                    return UNKNOWN
                if result.factors > MOST_FACTORS:
                    self.error(line, f"expected a product of at most {MOST_FACTORS} sizes")
                    return UNKNOWN
                return result
            case (_Unknown(), _) | (_, _Unknown()):
                return UNKNOWN
        wrong = right if isinstance(left, Dim) else left
        self.error(line, f"expected a product of sizes, got {self.called(wrong)}")
        return UNKNOWN

    def items(self, value: _Value, line: int, user: str) -> tuple[_Value, ...]:
        if isinstance(value, _Values):
            return value.items
        if not isinstance(value, _Unknown):
            self.error(line, f"{user} needs a list, got {self.called(value)}")
        return ()

    def index(self, value: _Value, at: int, line: int) -> _Value:
        if isinstance(value, _Unknown):
            return UNKNOWN
        if isinstance(value, Ref):
            self.error(
                line,
                f"a stream cannot be indexed: {self.called(value)} is one stream",
                rule="only lists can be indexed",
            )
            return UNKNOWN
        items = self.items(value, line, "indexing")
        if isinstance(value, _Values):
            if -len(items) <= at < len(items):
                return items[at]
            self.error(line, f"index {at} is outside of a list of {len(items)}")
        return UNKNOWN

    def comprehension(
        self,
        element: s.Expression,
        loops: tuple[tuple[s.Target, s.Expression], ...],
        line: int,
    ) -> list[_Value]:
        if not loops:
            return [self.value(element)]
        (target, over), *rest = loops
        outer = dict(self.names)
        results: list[_Value] = []
        for item in self.items(self.value(over), line, "a comprehension"):
            self.count()
            self.bind(target, item)
            results += self.comprehension(element, tuple(rest), line)
        self.names = outer  # a comprehension's names end with it, as in Python
        return results

    def zip_lists(self, values: list[_Value], line: int) -> _Value:
        if any(isinstance(value, _Unknown) for value in values):
            return UNKNOWN
        lists = [self.items(value, line, "`zip`") for value in values]
        if len({len(items) for items in lists}) > 1:
            lengths = " and ".join(str(len(items)) for items in lists)
            self.error(line, f"`zip` needs lists of equal length, got {lengths}")
            return UNKNOWN
        return _Values(tuple(_Values(row) for row in zip(*lists, strict=True)))

    def operator(self, expression: s.Operator) -> _Value:
        known = self.operators.get(id(expression))
        if known is not None and known.names.isdisjoint(self.names):
            self.count(known.evaluations)
            return known.primitive
        before = self.left
        value = self.resolved(expression)
        names = _spelled_with(expression) if isinstance(value, Primitive) else None
        if isinstance(value, Primitive) and names is not None and names.isdisjoint(self.names):
            if len(self.operators) >= _MOST_OPERATORS:
                self.operators.clear()
            known = _Known(expression, value, names, before - self.left)
            self.operators[id(expression)] = known
        return value

    def resolved(self, expression: s.Operator) -> _Value:
        primitive = PRIMITIVES[expression.primitive]
        given = {name: self.value(value) for name, value in expression.arguments}
        line = expression.line
        arguments: dict[str, object] = {}
        failed = False
        for parameter in primitive.parameters:
            if parameter.name not in given:
                self.error(
                    line,
                    f"{expression.primitive} needs {parameter.name}, {parameter.kind.value}",
                    rule=f"arguments of {expression.primitive}",
                )
                failed = True
                continue
            value = given[parameter.name]
            argument = UNKNOWN if isinstance(value, _Unknown) else _argument(parameter.kind, value)
            if argument is None:
                self.wrong_argument(expression.primitive, parameter, value, line)
            if argument is None or isinstance(argument, _Unknown):
                failed = True
            arguments[parameter.name] = argument
        return UNKNOWN if failed else primitive(**arguments)

    def wrong_argument(self, name: str, parameter: Parameter, value: _Value, line: int) -> None:
        self.error(
            line,
            f"{name}({parameter.name}=...) needs {parameter.kind.value}, got {self.called(value)}",
            rule=f"arguments of {name}",
        )

    def apply(self, receiver: _Value, arguments: tuple[_Value, ...], line: int) -> _Value:
        if (
            isinstance(receiver, Ref)
            and len(arguments) == 1
            and isinstance(arguments[0], Primitive)
        ):
            receiver, arguments = arguments[0], (receiver,)
        if isinstance(receiver, _Unknown):
            return UNKNOWN
        if not isinstance(receiver, Primitive):
            self.error(
                line, f"`.apply` belongs to a primitive, here it is on {self.called(receiver)}"
            )
            return UNKNOWN
        argument = arguments[0] if len(arguments) == 1 else _Values(arguments)
        streams = self.streams(receiver, argument, line)
        count = receiver.outputs(self.sizes)
        if streams is None:
            return _Values((UNKNOWN,) * count) if count > 1 else UNKNOWN
        if count > MAX_NODES:
            raise _ProgramTooLargeError
        if receiver.inputs is Inputs.ZIPPED and len(streams) > 1:
            streams = self.node(_ZIP, streams, 1, line)
        results = self.node(receiver, streams, count, line)
        return results[0] if _single(receiver) else _Values(results)

    def node(
        self, primitive: Primitive, streams: tuple[Ref, ...], count: int, line: int
    ) -> tuple[Ref, ...]:
        self.count(count)
        at = len(self.nodes)
        if at >= MAX_NODES:
            raise _ProgramTooLargeError
        results = results_of(at, count)
        self.nodes.append(_Call(primitive, streams, results, self.first + line, self.comments))
        self.comments = ()
        return results

    def streams(self, primitive: Primitive, argument: _Value, line: int) -> tuple[Ref, ...] | None:
        """Return the streams that a primitive is applied to, or None after an error."""
        if isinstance(argument, _Unknown):
            return None
        items = argument.items if isinstance(argument, _Values) else (argument,)
        if primitive.inputs is Inputs.LIST_AND_INDEX and items and isinstance(items[0], _Values):
            if len(items) != 2:
                self.wrong_inputs(primitive, argument, line)
                return None
            items = (*items[0].items, items[1])
        refs = tuple([item for item in items if isinstance(item, Ref)])
        if len(refs) == len(items) and _fits(primitive.inputs, len(refs)):
            return refs
        if not any(isinstance(item, _Unknown) for item in items):
            self.wrong_inputs(primitive, argument, line)
        return None

    def wrong_inputs(self, primitive: Primitive, argument: _Value, line: int) -> None:
        self.error(
            line,
            f"{primitive.name} is applied to {primitive.inputs.value}, got {self.called(argument)}",
            rule=f"inputs of {primitive.name}",
        )

    def called(self, value: _Value) -> str:
        match value:
            case Ref(node=node, port=port):
                if node == INPUT:
                    return f"the stream {self.signature.inputs[port][0]}"
                return "a stream"
            case Function(name=name):
                return f"the function {name}"
            case Dim():
                return f"the size {value}"
            case Primitive():
                return f"the primitive {value} that is not applied to anything"
            case _Values(items=items):
                if items and all(isinstance(item, Ref) for item in items):
                    return f"{len(items)} stream{'s' * (len(items) > 1)}"
                return f"a list of {len(items)}"
            case _Unknown():
                return "something unknown"


@lru_cache(maxsize=1 << 15)
def _likeness(name: str, other: str) -> float:
    """Return how alike two names are, at most 1; 0 if the one is hardly meant by the other."""
    if 2 * min(len(name), len(other)) < _ALIKE * (len(name) + len(other)):
        return 0.0  # the bound by lengths, without the preparations for the others
    matcher = difflib.SequenceMatcher(a=other, b=name)
    bounds = (matcher.quick_ratio, matcher.ratio)
    return matcher.ratio() if all(bound() >= _ALIKE for bound in bounds) else 0.0


def _spelled_with(expression: s.Operator) -> frozenset[str] | None:
    """Return the names in an operator's arguments; None if they are not names and numbers only."""
    names: set[str] = set()
    waiting = [value for _, value in expression.arguments]
    while waiting:
        match waiting.pop():
            case s.Name(id=name):
                names.add(name)
            case s.Integer():
                pass
            case s.Sequence(items=items):
                waiting += items
            case _:
                return None
    return frozenset(names)


def _fits(inputs: Inputs, count: int) -> bool:
    """Whether a primitive can be applied to that many streams."""
    if inputs is Inputs.ONE:
        return count == 1
    if inputs is Inputs.ZIPPED:
        return count >= 1
    return count == 2 if inputs is Inputs.PAIR else count >= 2


def _single(primitive: Primitive) -> bool:
    return primitive.name not in ("Copy", "Partition")


def _function(value: _Value) -> Function | None:
    return value if isinstance(value, Function) else None


def _position(value: _Value) -> int | None:
    return value.literal if isinstance(value, Dim) else None


def _positions(value: _Value) -> tuple[int, ...] | None:
    items = value.items if isinstance(value, _Values) else (value,)
    positions = tuple(position for item in items if (position := _position(item)) is not None)
    return positions if len(positions) == len(items) else None


def _size(value: _Value) -> Dim | None:
    return value if isinstance(value, Dim) and value.coefficient >= 1 else None


def _argument(kind: ArgumentKind, value: _Value) -> object:
    """Return a value as an argument of this kind, or None if it is none."""
    if kind is ArgumentKind.FUNCTION:
        return _function(value)
    if kind is ArgumentKind.POSITION:
        return _position(value)
    return _positions(value) if kind is ArgumentKind.POSITIONS else _size(value)
