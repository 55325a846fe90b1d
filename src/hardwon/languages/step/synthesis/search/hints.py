"""What a search came nearest to, in words."""

import torch

from hardwon.languages.step.synthesis.calls import Call
from hardwon.languages.step.synthesis.search.engine import Search
from hardwon.languages.step.synthesis.search.forms import Statement
from hardwon.languages.step.synthesis.search.store import NONE

_DEPTH = 6


def hint_of(search: Search) -> str:
    """Return which results were reached, what came nearest to the others, and what was unused."""
    signature = search.forms.space.signature
    reached = {search.targets.targets[number].output for number in search.targets.matched}
    parts: list[str] = []
    used: set[int] = set()
    names = [output.name for output in search.worlds[0].units.space.task.outputs]
    for output, _ in enumerate(signature.outputs):
        if output in reached:
            number = next(
                number
                for number in search.targets.matched
                if search.targets.targets[number].output == output
            )
            value = search.targets.matched[number][0]
            parts.append(f"{names[output]} is reached by {expression(search, value)}")
        else:
            nearest = _nearest(search, output)
            if nearest is None:
                parts.append(f"no value has the type of {names[output]}")
                continue
            value, distance = nearest
            parts.append(
                f"nearest to {names[output]} is {expression(search, value)},"
                f" off by {distance:.0%} of its norm"
            )
        used |= set(search.store.calls.data[value].nonzero().squeeze(1).tolist())
    unused = [fn.name for at, fn in enumerate(signature.functions) if at not in used]
    if unused:
        parts.append(f"unused there: {', '.join(unused)}")
    return "; ".join(parts)


def _nearest(search: Search, output: int) -> tuple[int, float] | None:
    """Return the value nearest to an output, inputs left out where possible, and how far it is."""
    best: tuple[int, float] | None = None
    for number, kind in enumerate(search.forms.kinds):
        if (0, number) not in search.store.data:
            continue
        for target, worlds in search.targets.expected(kind):
            if search.targets.targets[target].output != output:
                continue
            known = search.store.kind.data[: len(search.store)] == number
            values = known.nonzero().squeeze(1)
            distances = torch.zeros(len(values))
            for want, column in zip(worlds[0], search.store.data[0, number], strict=True):
                held = column.data[: column.size].reshape(column.size, -1)
                flat = want.reshape(-1).nan_to_num()
                distances += (held.nan_to_num() - flat).norm(dim=1) / (flat.norm() + 1e-12)
            at = int(distances.argmin())
            if best is None or float(distances[at]) < best[1]:
                best = int(values[at]), float(distances[at])
    return best


def expression(search: Search, value: int, depth: int = _DEPTH) -> str:
    """Return a value as nested calls."""
    form = int(search.store.form.data[value])
    if form == NONE:
        return search.forms.space.signature.inputs[value][0]
    name = _name(search.forms.forms[form].statement)
    if depth == 0:
        return f"{name}(...)"
    arguments = [a for a in search.store.arguments.data[value].tolist() if a != NONE]
    return f"{name}({', '.join(expression(search, a, depth - 1) for a in arguments)})"


def _name(statement: Statement) -> str:
    if isinstance(statement, Call):
        return statement.function.name
    names = (fn.name if fn else "as is" for fn in statement.family.branches)
    return f"{statement.family.merge.name} of routed {', '.join(dict.fromkeys(names))}"
