"""Runs a task's own code and watches it: functions on random elements, references on other data.

Only for worker processes. What is said here holds for the data that was tried.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from hardwon.languages.inspection import Law, Remark, Severity
from hardwon.languages.protocol import Setting, TaskError
from hardwon.languages.step.linting.bodies import call_once, random_element, units_of
from hardwon.languages.step.linting.laws import laws_hold
from hardwon.languages.step.semantics.base import RunError
from hardwon.languages.step.settings import DEFAULT_SIZES, all_hold, holds
from hardwon.languages.step.signature import signature_of
from hardwon.languages.step.simulator.equality import equal
from hardwon.languages.step.simulator.evaluators import Unit
from hardwon.languages.step.simulator.namespace import (
    Namespace,
    build_namespace,
    draw_inputs,
    run_references,
)
from hardwon.languages.step.synthesis.values import base
from hardwon.languages.step.types import Multihot, components
from hardwon.records import Task

Tensors = list[torch.Tensor]
Results = list[list[torch.Tensor]]
Values = dict[str, Any]
"""What task code knows as `input_data`."""

_DRAWS = 3
"""How often other data is tried before a result is said not to depend on something."""
_ROUNDING = 1e-3
"""Relative difference between float32 and float64 above which rounding decides the result."""
_TEXT = 200


class _Watched(dict[str, Any]):
    """`input_data` that remembers what is read."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def values(self) -> Any:
        self.read.update(self)
        return super().values()

    def items(self) -> Any:
        self.read.update(self)
        return super().items()


def serve_task() -> Callable[[dict[str, Any], list[bytearray]], tuple[dict[str, Any], tuple[()]]]:
    """Return what answers in a confined process; see `hardwon.languages.inspection.Lints`."""
    return _answer


def _answer(request: dict[str, Any], data: list[bytearray]) -> tuple[dict[str, Any], tuple[()]]:
    probe = StepProbe(request["task"])
    remarks = [asdict(remark) for remark in probe.remarks(request["settings"])]
    laws: Sequence[Law] = request["laws"]
    try:
        holds = laws_hold(request["task"], laws)
    except TaskError:
        holds = (False,) * len(laws)  # the remarks say why
    return {"remarks": remarks, "holds": holds}, ()


@dataclass
class StepProbe:
    """Watches the code of one task."""

    task: Task
    _found: list[Remark] = field(default_factory=list)
    _broken: set[str] = field(default_factory=set)
    """Functions that fail at the default sizes."""
    _unread: set[str] = field(default_factory=set)
    """Parameters that no function reads."""

    def remarks(self, settings: Sequence[Setting]) -> tuple[Remark, ...]:
        """Return what the task's code reveals at these settings, the default one first."""
        self._found, self._broken, self._unread = [], set(), set()
        default = settings[0]
        try:
            space = self._space(default)
            results = run_references(space, torch.float32)
        except TaskError as error:
            self._say(
                Severity.ERROR, "task-fails", (), _short(error), "mend the task; nothing else works"
            )
            return tuple(self._found)
        self._constraints(space)
        self._functions(space)
        self._references(space, results)
        self._dependence(space, results, default.seed)
        self._sizes(space, settings[1:])
        return tuple(self._found)

    def _say(
        self,
        severity: Severity,
        rule: str,
        where: tuple[str | int, ...],
        message: str,
        advice: str,
    ) -> None:
        remark = Remark(severity, rule, where, message, advice)
        if remark not in self._found:
            self._found.append(remark)

    def _space(self, setting: Setting) -> Namespace:
        space = build_namespace(self.task, setting.sizes, setting.seed)
        draw_inputs(space, setting.seed)
        return space

    def _constraints(self, space: Namespace) -> None:
        for at, constraint in enumerate(self.task.constraints):
            if not holds(constraint, space.sizes):
                self._say(
                    Severity.ERROR,
                    "constraint-broken",
                    ("constraints", at),
                    f"{constraint} does not hold at the default sizes, {_sizes(space.sizes)}",
                    "relax the constraint, or bind other sizes in `global`",
                )

    # Functions

    def _functions(self, space: Namespace) -> None:
        parameters = {parameter.name for parameter in self.task.parameters}
        read_by_any: set[str] = set()
        data: Values = space.globals["input_data"]
        for unit in units_of(space):
            watched = _Watched(data)
            space.globals["input_data"] = watched
            self._function(unit)
            read_by_any |= watched.read
            streams = sorted(watched.read - parameters)
            if streams:
                self._say(
                    Severity.WARNING,
                    "reads-input-stream",
                    ("fns", unit.function.name),
                    f"{unit.function.name} reads {', '.join(streams)} from input_data: it sees the"
                    " whole stream, whatever the program gives it",
                    "give it the stream's elements as input, or make the data a parameter",
                )
        space.globals["input_data"] = data
        self._unread = parameters - read_by_any

    def _function(self, unit: Unit) -> None:
        name = unit.function.name
        where = ("fns", name)
        state, inputs = random_element(unit, torch.Generator().manual_seed(0))
        given = [*(state or ()), *inputs]
        kept = _clones(given)
        try:
            _reseed(1)
            first = call_once(unit, state, inputs)
            if not _same(given, kept):
                self._say(
                    Severity.WARNING,
                    "mutates-input",
                    where,
                    f"{name} changes its input in place",
                    "work on a copy; other streams may share the data",
                )
            for tensor, before in zip(given, kept, strict=True):
                tensor.copy_(before)
            _reseed(2)
            again = call_once(unit, state, inputs)
        except (RunError, RuntimeError) as error:
            self._broken.add(name)
            self._say(
                Severity.ERROR,
                "function-fails",
                where,
                f"on a random element of its type, {_short(error)}",
                "mend the body, or correct its types",
            )
            return
        if not _same(first, again):
            self._say(
                Severity.ERROR,
                "unstable-function",
                where,
                f"{name} gives different results for the same input",
                "take randomness, counters and time out of the body",
            )
        for component, tensor in zip(components(unit.function.output), first, strict=True):
            if isinstance(base(component), Multihot) and not _is_multihot(tensor):
                self._say(
                    Severity.ERROR,
                    "not-multi-hot",
                    where,
                    f"{name} returned other values than 0 and 1 as {component}",
                    "return zeros and ones, or declare another output_dtype",
                )

    # References

    def _references(self, space: Namespace, results: Results) -> None:
        _reseed(1)
        first = run_references(space, torch.float32)
        _reseed(2)
        second = run_references(space, torch.float32)
        try:
            exact: Results | None = run_references(space, torch.float64)
        except TaskError:
            exact = None
        for at, output in enumerate(self.task.outputs):
            where = ("outputs", output.name)
            if not (_same(first[at], second[at]) and _same(first[at], results[at])):
                self._say(
                    Severity.ERROR,
                    "unstable-reference",
                    where,
                    f"the reference of {output.name} gives different results for the same inputs",
                    "take randomness, counters and time out of it",
                )
                continue
            for component, tensor in enumerate(results[at]):
                label = output.name if len(results[at]) == 1 else f"{output.name}[{component}]"
                self._values(label, where, tensor)
                multihot = components(space.signature.outputs[at].dtype)[component]
                if isinstance(base(multihot), Multihot) and not _is_multihot(tensor):
                    self._say(
                        Severity.ERROR,
                        "not-multi-hot",
                        where,
                        f"the reference of {label} has other values than 0 and 1",
                        "return zeros and ones, or declare another dtype",
                    )
                if exact is not None and _rounded(tensor, exact[at][component]):
                    self._say(
                        Severity.WARNING,
                        "decided-by-rounding",
                        where,
                        f"the reference of {label} differs between float32 and float64",
                        "draw other data, or write the reference without cancellation",
                    )

    def _values(self, label: str, where: tuple[str | int, ...], tensor: torch.Tensor) -> None:
        if not bool(tensor.isfinite().all()):
            self._say(
                Severity.WARNING,
                "not-finite",
                where,
                f"the reference of {label} holds NaN or infinity",
                "draw other data, or mend the reference",
            )
        if tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all()):
            self._say(
                Severity.WARNING,
                "flat-output",
                where,
                f"all {tensor.numel()} values of {label} are {float(tensor.flatten()[0]):g}:"
                " any arrangement of them passes",
                "draw other data",
            )

    def _dependence(self, space: Namespace, results: Results, seed: int) -> None:
        """Redraw one input at a time and see which results change."""
        data: Values = space.globals["input_data"]
        moved: set[int] = set()
        known = True
        for kind, tensors in (("inputs", self.task.inputs), ("parameters", self.task.parameters)):
            for at, tensor in enumerate(tensors):
                changed = self._changed(space, tensor.name, results, data, seed)
                known = known and changed is not None
                moved |= changed or set()
                if changed is None:
                    continue
                constant = tensor.data_gen == "torch.ones"
                unread = kind == "parameters" and tensor.name in self._unread
                if not changed and (kind == "inputs" or unread):
                    self._say(
                        Severity.NOTE if constant else Severity.WARNING,
                        "unused-input" if kind == "inputs" else "unused-parameter",
                        (kind, at),
                        f"no result depends on {tensor.name}"
                        + (", whose data is always the same" if constant else "")
                        + (" and no function reads it" if unread else ""),
                        "leave it out, or check the reference",
                    )
                elif changed and unread:
                    self._say(
                        Severity.WARNING,
                        "parameter-out-of-reach",
                        (kind, at),
                        f"the results depend on {tensor.name}, but no function reads it",
                        "give a function that reads it, or make it an input",
                    )
                elif not changed:
                    self._say(
                        Severity.WARNING,
                        "unused-parameter",
                        (kind, at),
                        f"a function reads {tensor.name}, but no result depends on it",
                        "check the reference",
                    )
        space.globals["input_data"] = data
        for at, output in enumerate(self.task.outputs):
            if known and at not in moved:
                self._say(
                    Severity.ERROR,
                    "constant-output",
                    ("outputs", output.name),
                    f"{output.name} is the same for all inputs and parameters",
                    "draw other data, or check the reference",
                )

    def _changed(
        self, space: Namespace, name: str, results: Results, data: Values, seed: int
    ) -> set[int] | None:
        """Return the outputs that move with an input, None if the reference allows no test."""
        changed: set[int] = set()
        tried = False
        for draw in range(_DRAWS):
            fresh = draw_inputs(space, seed + 7919 * (draw + 1))[name]
            before = data[name]
            if _same(_listed(fresh), _listed(before)):
                generator = torch.Generator().manual_seed(draw)
                noise = [t + torch.randn(t.shape, generator=generator) for t in _listed(before)]
                fresh = noise if isinstance(before, list) else noise[0]
            space.globals["input_data"] = {**data, name: fresh}
            try:
                found = run_references(space, torch.float32)
            except TaskError:
                continue
            tried = True
            changed |= {at for at, row in enumerate(found) if not _same(row, results[at])}
        return changed if tried else None

    # Sizes

    def _sizes(self, space: Namespace, settings: Sequence[Setting]) -> None:
        """Try the task's code at other sizes, one symbol changed at a time."""
        bound = [s for s in DEFAULT_SIZES if s in space.sizes and s in self._symbols()]
        alone = [
            Setting({symbol: size}, 0)
            for symbol in bound
            for size in (1, 2, 2 * space.sizes[symbol])
        ]
        blamed: set[str] = set()
        for setting in (*alone, *settings):
            sizes = {**DEFAULT_SIZES, **setting.sizes}
            if not all_hold(self.task.constraints, sizes):
                continue
            for culprit, error in self._failures(setting):
                if culprit not in blamed:
                    blamed.add(culprit)
                    changed = _sizes({s: n for s, n in setting.sizes.items() if s in bound})
                    self._say(
                        Severity.WARNING,
                        "sizes-break-task",
                        ("fns", culprit) if culprit else (),
                        f"at {changed}: {error}",
                        "mend it, or declare in `constraints` at which sizes the task makes sense",
                    )

    def _symbols(self) -> frozenset[str]:
        """Return the symbols that occur in the task's types, the standard ones only if used."""
        signature = signature_of(self.task)
        texts = [
            *(str(stream) for _, stream in signature.inputs),
            *map(str, signature.outputs),
            *(f"{fn.input} {fn.output}" for fn in signature.functions),
            *(f"{p.dtype} {p.dims}" for p in self.task.parameters),
        ]
        words = " ".join("".join(c if c.isalnum() or c == "_" else " " for c in t) for t in texts)
        return signature.symbols & set(words.split())

    def _failures(self, setting: Setting) -> Iterator[tuple[str, str]]:
        """Yield what fails at a setting: a function's name, or nothing, and the message."""
        try:
            space = self._space(setting)
            if not all_hold(self.task.constraints, space.sizes):
                return  # by what `global` binds at these sizes: the task says that it is not meant
            run_references(space, torch.float32)
        except TaskError as error:
            yield "", _short(error)
            return
        for unit in units_of(space):
            if unit.function.name in self._broken:
                continue
            try:
                call_once(unit, *random_element(unit, torch.Generator().manual_seed(0)))
            except RunError as error:
                yield unit.function.name, _short(error)


def _reseed(seed: int) -> None:
    """Put hidden sources of randomness into a known state, so that their use shows."""
    torch.manual_seed(seed)
    random.seed(seed)


def _clones(tensors: Sequence[torch.Tensor]) -> Tensors:
    return [tensor.clone() for tensor in tensors]


def _same(left: Sequence[torch.Tensor], right: Sequence[torch.Tensor]) -> bool:
    return len(left) == len(right) and all(
        a.shape == b.shape and bool(equal(a, b).all()) for a, b in zip(left, right, strict=True)
    )


def _listed(value: torch.Tensor | Tensors) -> Tensors:
    return value if isinstance(value, list) else [value]


def _is_multihot(tensor: torch.Tensor) -> bool:
    return bool(((tensor == 0) | (tensor == 1)).all())


def _rounded(rough: torch.Tensor, exact: torch.Tensor) -> bool:
    finite = exact.isfinite() & rough.isfinite()
    if not bool(finite.any()):
        return False
    scale = float(exact[finite].abs().max())
    return float((rough - exact)[finite].abs().max()) > _ROUNDING * scale + 1e-6


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
