"""From values to the program that makes them."""

from dataclasses import replace

from hardwon.languages.step.graph import INPUT, Ref
from hardwon.languages.step.synthesis.builder import Builder, CannotAdaptError, element
from hardwon.languages.step.synthesis.calls import Arguments, Call, Route
from hardwon.languages.step.synthesis.search.engine import Search
from hardwon.languages.step.synthesis.search.forms import Statement
from hardwon.languages.step.synthesis.search.store import NONE
from hardwon.languages.step.synthesis.search.targets import Solution
from hardwon.languages.step.synthesis.tidy import written
from hardwon.languages.step.synthesis.values import Fit, Value
from hardwon.languages.step.types import components


def program_of(search: Search, solution: Solution) -> str | None:
    """Return the text of a solution; None if its shapes cannot be had after all."""
    space = search.forms.space
    builder = Builder(space.signature, space.sizes)
    built: dict[int, Ref] = {}
    wanted = [value for values in solution.outputs for value in values]
    try:
        for value in sorted(_needed(search, wanted)):
            form = int(search.store.form.data[value])
            if form == NONE:
                built[value] = Ref(INPUT, value)
                continue
            statement = search.forms.forms[form].statement
            taken = [v for v in search.store.arguments.data[value].tolist() if v != NONE]
            arguments = [Value(built[v], builder.types[built[v]], "", 0) for v in taken]
            built[value] = _rebound(statement, arguments).build(builder)
        refs = [
            _output(builder, [built[value] for value in values], at)
            for at, values in enumerate(solution.outputs)
        ]
    except CannotAdaptError:
        return None
    graph = builder.finish(tuple(refs))
    return written(graph, space.signature, space.sizes)


def _output(builder: Builder, refs: list[Ref], at: int) -> Ref:
    declared = builder.signature.outputs[at]
    wanted = components(declared.dtype)
    parts: list[Ref] = []
    slot = 0
    for ref in refs:
        width = len(components(builder.types[ref].dtype))
        parts.append(builder.adapt(ref, element(wanted[slot : slot + width]), declared.shape))
        slot += width
    result = builder.zipped(tuple(parts))
    if builder.types[result] != declared:
        raise CannotAdaptError("another type than the declared one")
    return result


def _needed(search: Search, values: list[int]) -> set[int]:
    """Return everything that values take, inputs included."""
    needed: set[int] = set()
    stack = list(values)
    while stack:
        value = stack.pop()
        if value not in needed:
            needed.add(value)
            arguments = search.store.arguments.data[value].tolist()
            stack += [argument for argument in arguments if argument != NONE]
    return needed


def _rebound(statement: Statement, arguments: list[Value]) -> Statement:
    """Return a statement that takes these streams; the index of a route comes last."""
    fits = tuple(
        Fit(value, fit.width, fit.tail, fit.spread)
        for fit, value in zip(statement.arguments.fits, arguments, strict=False)
    )
    match statement:
        case Call():
            return replace(statement, arguments=Arguments(fits))
        case Route():
            return replace(statement, arguments=Arguments(fits), index=arguments[-1])
