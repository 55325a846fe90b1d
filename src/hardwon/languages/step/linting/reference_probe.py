"""Runs a task's references again, in another precision and on other data, and compares."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch

from hardwon.languages.inspection import Remark, Severity
from hardwon.languages.protocol import TaskError
from hardwon.languages.step.linting.bodies import Tensors
from hardwon.languages.step.linting.spaces import Results, is_multihot, reseed, same
from hardwon.languages.step.simulator.namespace import Namespace, draw_inputs, run_references
from hardwon.languages.step.synthesis.values import base
from hardwon.languages.step.types import Multihot, components
from hardwon.records import TensorSpec

Where = tuple[str | int, ...]
"""Keys into the structural IR."""

_DRAWS = 3
"""How often other data is tried before a result is said not to depend on something."""
_ROUNDING = 1e-3
"""Relative difference between float32 and float64 above which rounding decides the result."""


def probe_references(space: Namespace, results: Results) -> Iterator[Remark]:
    """Yield what is odd about the references' `results`, which they gave in float32.

    Raises:
        TaskError: if a reference fails that worked before.
    """
    reseed(1)
    first = run_references(space, torch.float32)
    reseed(2)
    second = run_references(space, torch.float32)
    try:
        exact: Results | None = run_references(space, torch.float64)
    except TaskError:
        exact = None
    for at, output in enumerate(space.task.outputs):
        where = ("outputs", output.name)
        if not (same(first[at], second[at]) and same(first[at], results[at])):
            yield Remark(
                Severity.ERROR,
                "unstable-reference",
                where,
                f"the reference of {output.name} gives different results for the same inputs",
                "take randomness, counters and time out of it",
            )
            continue
        for part, tensor in enumerate(results[at]):
            label = output.name if len(results[at]) == 1 else f"{output.name}[{part}]"
            yield from _odd_values(label, where, tensor)
            declared = components(space.signature.outputs[at].dtype)[part]
            if isinstance(base(declared), Multihot) and not is_multihot(tensor):
                yield Remark(
                    Severity.ERROR,
                    "not-multi-hot",
                    where,
                    f"the reference of {label} has other values than 0 and 1",
                    "return zeros and ones, or declare another dtype",
                )
            if exact is not None and _is_decided_by_rounding(tensor, exact[at][part]):
                yield Remark(
                    Severity.WARNING,
                    "decided-by-rounding",
                    where,
                    f"the reference of {label} differs between float32 and float64",
                    "draw other data, or write the reference without cancellation",
                )


def _odd_values(label: str, where: Where, tensor: torch.Tensor) -> Iterator[Remark]:
    if not bool(tensor.isfinite().all()):
        yield Remark(
            Severity.WARNING,
            "not-finite",
            where,
            f"the reference of {label} holds NaN or infinity",
            "draw other data, or mend the reference",
        )
    if tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all()):
        yield Remark(
            Severity.WARNING,
            "flat-output",
            where,
            f"all {tensor.numel()} values of {label} are {float(tensor.flatten()[0]):g}:"
            " any arrangement of them passes",
            "draw other data",
        )


def _is_decided_by_rounding(rough: torch.Tensor, exact: torch.Tensor) -> bool:
    finite = exact.isfinite() & rough.isfinite()
    if not bool(finite.any()):
        return False
    scale = float(exact[finite].abs().max())
    return float((rough - exact)[finite].abs().max()) > _ROUNDING * scale + 1e-6


def probe_dependence(
    space: Namespace, results: Results, seed: int, unread: Collection[str]
) -> Iterator[Remark]:
    """Redraw one input or parameter at a time and yield what no result follows.

    Args:
        space: the task's code with the data that gave `results`, which is put back.
        results: what the references returned in float32.
        seed: the seed of that data.
        unread: parameters that no function reads.
    """
    data: Mapping[str, Any] = space.globals["input_data"]
    moved: set[int] = set()
    known = True
    for kind, tensors in (("inputs", space.task.inputs), ("parameters", space.task.parameters)):
        for at, tensor in enumerate(tensors):
            changed = _changed(space, tensor.name, results, data, seed)
            if changed is None:
                known = False
                continue
            moved |= changed
            if kind == "inputs":
                if not changed:
                    yield _unused("unused-input", (kind, at), tensor)
            elif tensor.name in unread:
                yield (
                    _out_of_reach((kind, at), tensor)
                    if changed
                    else _unused("unused-parameter", (kind, at), tensor, "no function reads it")
                )
            elif not changed:
                yield Remark(
                    Severity.WARNING,
                    "unused-parameter",
                    (kind, at),
                    f"a function reads {tensor.name}, but no result depends on it",
                    "check the reference",
                )
    space.globals["input_data"] = data
    for at, output in enumerate(space.task.outputs):
        if known and at not in moved:
            yield Remark(
                Severity.ERROR,
                "constant-output",
                ("outputs", output.name),
                f"{output.name} is the same for all inputs and parameters",
                "draw other data, or check the reference",
            )


def _unused(rule: str, where: Where, tensor: TensorSpec, besides: str = "") -> Remark:
    constant = tensor.data_gen == "torch.ones"
    return Remark(
        Severity.NOTE if constant else Severity.WARNING,
        rule,
        where,
        f"no result depends on {tensor.name}"
        + (", whose data is always the same" if constant else "")
        + (f" and {besides}" if besides else ""),
        "leave it out, or check the reference",
    )


def _out_of_reach(where: Where, tensor: TensorSpec) -> Remark:
    return Remark(
        Severity.WARNING,
        "parameter-out-of-reach",
        where,
        f"the results depend on {tensor.name}, but no function reads it",
        "give a function that reads it, or make it an input",
    )


def _changed(
    space: Namespace, name: str, results: Results, data: Mapping[str, Any], seed: int
) -> set[int] | None:
    """Return the outputs that move with an input, None if the reference allows no test."""
    changed: set[int] = set()
    tried = False
    for draw in range(_DRAWS):
        fresh = draw_inputs(space, seed + 7919 * (draw + 1))[name]
        before = data[name]
        if same(_listed(fresh), _listed(before)):
            generator = torch.Generator().manual_seed(draw)
            noise = [t + torch.randn(t.shape, generator=generator) for t in _listed(before)]
            fresh = noise if isinstance(before, list) else noise[0]
        space.globals["input_data"] = {**data, name: fresh}
        try:
            found = run_references(space, torch.float32)
        except TaskError:
            continue
        tried = True
        changed |= {at for at, row in enumerate(found) if not same(row, results[at])}
    return changed if tried else None


def _listed(value: torch.Tensor | Tensors) -> Tensors:
    return value if isinstance(value, list) else [value]
