"""Asks a task's own code what is to be expected of programs, before any program runs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from hardwon.languages.protocol import (
    PLAIN,
    ProcessEndedError,
    Setting,
    TaskError,
    TaskProcess,
)
from hardwon.languages.step.dims import UnboundSymbolError, parse_dim
from hardwon.languages.step.signature import signature_of
from hardwon.languages.step.simulator.draws import Values, draw
from hardwon.languages.step.simulator.oracle import Expected, expect
from hardwon.languages.step.simulator.wire import (
    Shape,
    WireError,
    all_from_bytes,
    all_to_bytes,
)
from hardwon.languages.step.types import components, data_shape, element_dims, parse_component
from hardwon.records import Task

MAX_INPUT_ENTRIES = 1 << 24
"""Most entries of one input, parameter or result (64 MiB in fp32)."""
_ATTEMPTS = 8
"""How often data is drawn again when it is no fair test."""
_REDRAWN = 1_000_003
FORGED = "the task's own code has forged a reply"


@dataclass(frozen=True)
class Prepared:
    """One usable setting: what the runner gets, and what it has to come to."""

    setting: Setting
    sizes: Mapping[str, int]
    draws: tuple[tuple[str, int], ...]
    """Kind and seed of every draw at which programs are checked."""
    request: dict[str, Any]
    data: list[bytes]
    shapes: tuple[Shape, ...]
    """Of all components of all results, the draws first."""
    expected: tuple[Expected, ...]
    """One per component of all results."""
    entries: int
    """How many numbers all results have together."""


@dataclass(frozen=True)
class Patience:
    """How long a task's own code may take, all in all."""

    seconds: float
    deadline: float

    @classmethod
    def of(cls, seconds: float) -> "Patience":
        """Begin to wait."""
        return cls(seconds, time.monotonic() + seconds)

    def ask(
        self,
        process: TaskProcess,
        request: Mapping[str, Any],
        data: Sequence[bytes],
        most: int,
    ) -> tuple[dict[str, Any], list[bytearray]]:
        """Ask something that only the task's own code is responsible for.

        Raises:
            TaskError: if it fails, hangs or ends the process.
        """
        left = max(0.01, self.deadline - time.monotonic())
        try:
            reply, parts = process.ask(request, data, seconds=left, most=most)
        except TimeoutError as error:
            raise TaskError(f"the task's own code ran for more than {self.seconds:g} s") from error
        except ProcessEndedError as error:
            raise TaskError("the task's own code ended the worker process") from error
        if reply.get("memory_error"):
            raise TaskError("the task's own code needs more memory than it may use")
        if "task_error" in reply:
            raise TaskError(str(reply["task_error"])[:2000])
        return reply, parts


@dataclass(frozen=True)
class Consultation:
    """A conversation with the process that runs a task's `global` and references."""

    task: Task
    oracle: TaskProcess
    patience: Patience

    def sizes(self, settings: Sequence[Setting]) -> list[Mapping[str, int] | TaskError]:
        """Return the sizes of all symbols at every setting, or why they cannot be had.

        Raises:
            TaskError: if the process fails as a whole.
        """
        request = {
            "op": "globals",
            "task": self.task,
            "settings": [(dict(setting.sizes), setting.seed) for setting in settings],
        }
        reply, _ = self.patience.ask(self.oracle, request, (), 0)
        reports = reply.get("settings")
        if not isinstance(reports, list) or len(reports) != len(settings):
            raise TaskError(FORGED)
        return [_read_sizes(report) for report in reports]

    def prepare(
        self, index: int, setting: Setting, sizes: Mapping[str, int]
    ) -> tuple[Prepared, list[str]]:
        """Draw data for a setting and have the references run on it.

        Returns the setting, without the kinds of values that make no fair test, and why they do
        not.

        Raises:
            TaskError: if the references fail, or the data would be too large.
        """
        return _Preparation(self, index, setting, sizes).run()


class _Preparation:
    """One setting in the making."""

    def __init__(
        self,
        consultation: Consultation,
        index: int,
        setting: Setting,
        sizes: Mapping[str, int],
    ) -> None:
        self._task = consultation.task
        self._signature = signature_of(consultation.task)
        self._consultation = consultation
        self._index = index
        self._setting = setting
        self._sizes = sizes
        self._shapes = tuple(self._result_shapes())
        self._require_room()
        self._parameters = draw(self._task.parameters, sizes, setting.seed)

    def run(self) -> tuple[Prepared, list[str]]:
        """See `Consultation.prepare`."""
        drawn: list[tuple[str, int, Values]] = []
        rows: list[tuple[list[torch.Tensor], list[torch.Tensor]]] = []
        problems: list[str] = []
        for number, kind in enumerate(self._setting.draws):
            try:
                seed, values, exact, tolerances, fair = self._fair_draw(
                    kind, self._setting.seed + 1 + number
                )
            except TaskError as error:
                if kind == PLAIN or not self._consultation.oracle.running:
                    raise
                problems.append(f"{kind} values: {error}")
                continue
            if not fair:
                problems.append(
                    f"{kind} values: rounding decides the results of the reference"
                    f" ({_ATTEMPTS} draws)"
                )
                if kind != PLAIN:
                    continue
            drawn.append((kind, seed, values))
            rows.append((exact, tolerances))
        return self._prepared(drawn, rows), problems

    def _prepared(
        self,
        drawn: Sequence[tuple[str, int, Values]],
        rows: Sequence[tuple[list[torch.Tensor], list[torch.Tensor]]],
    ) -> Prepared:
        stacked = [
            torch.stack(column)
            for column in zip(*(_flat(values) for _, _, values in drawn), strict=True)
        ]
        tensors = [*_flat(self._parameters), *stacked]
        request = {
            "sizes": dict(self._setting.sizes),
            "bound": dict(self._sizes),
            "seed": self._setting.seed,
            "parameters": _names(self._parameters),
            "shapes": [tuple(tensor.shape) for tensor in tensors],
            "draws": len(drawn),
        }
        shapes = tuple((len(drawn), *shape) for shape in self._shapes)
        expected = tuple(
            Expected.of(
                torch.stack([exact[at] for exact, _ in rows]),
                torch.stack([tolerances[at] for _, tolerances in rows]),
            )
            for at in range(len(self._shapes) if rows else 0)
        )
        return Prepared(
            setting=self._setting,
            sizes=self._sizes,
            draws=tuple((kind, seed) for kind, seed, _ in drawn),
            request=request,
            data=all_to_bytes(tensors),
            shapes=shapes,
            expected=expected,
            entries=sum(map(prod, shapes)),
        )

    def _fair_draw(
        self, kind: str, first: int
    ) -> tuple[int, Values, list[torch.Tensor], list[torch.Tensor], bool]:
        """Draw inputs until rounding does not decide what the reference makes of them."""
        for attempt in range(_ATTEMPTS):
            seed = first + attempt * _REDRAWN
            values = draw(self._task.inputs, self._sizes, seed, kind)
            single, double, moved = self._references({**values, **self._parameters}, seed)
            judged = [expect(*item) for item in zip(single, double, moved, strict=True)]
            fair = all(stable for _, stable in judged)
            if fair:
                break
        return seed, values, double, [tolerance for tolerance, _ in judged], fair

    def _references(
        self, values: Values, seed: int
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
        tensors = _flat(values)
        request = {
            "op": "references",
            "setting": self._index,
            "names": _names(values),
            "shapes": [tuple(tensor.shape) for tensor in tensors],
            "fixed": [
                tensor.name
                for tensor in (*self._task.inputs, *self._task.parameters)
                if tensor.data_gen not in {"torch.rand", "torch.randn"}
            ],
            "seed": seed,
        }
        most = 3 * 8 * sum(prod(shape) for shape in self._shapes)
        _, parts = self._consultation.patience.ask(
            self._consultation.oracle, request, all_to_bytes(tensors), most
        )
        try:
            found = all_from_bytes(parts, self._shapes * 3, torch.float64)
        except WireError as error:
            raise TaskError(FORGED) from error
        count = len(self._shapes)
        return found[:count], found[count : 2 * count], found[2 * count :]

    def _result_shapes(self) -> list[Shape]:
        try:
            return [
                data_shape(element_dims(component) + stream.shape, self._sizes)
                for stream in self._signature.outputs
                for component in components(stream.dtype)
            ]
        except UnboundSymbolError as error:
            raise TaskError(f"the symbol {error} has no size; bind it in `global`") from error

    def _require_room(self) -> None:
        """Refuse data that is too large before any of it is drawn."""
        entries = [
            (output.name, prod(shape))
            for output, shape in zip(
                (output for output in self._task.outputs for _ in output.dtype),
                self._shapes,
                strict=True,
            )
        ]
        for tensor in (*self._task.inputs, *self._task.parameters):
            for text in tensor.dtype:
                dims = element_dims(parse_component(text)) + tuple(map(parse_dim, tensor.dims))
                try:
                    entries.append((tensor.name, prod(data_shape(dims, self._sizes))))
                except UnboundSymbolError:
                    continue  # drawing says so
        for name, count in entries:
            if count > MAX_INPUT_ENTRIES:
                raise TaskError(
                    f"{name} has {count:,} entries, expected at most {MAX_INPUT_ENTRIES:,}"
                )


def _read_sizes(report: object) -> Mapping[str, int] | TaskError:
    match report:
        case {"sizes": dict(sizes)} if all(
            isinstance(name, str) and type(size) is int and size >= 1
            for name, size in sizes.items()
        ):
            return sizes
        case {"error": str(message)}:
            return TaskError(message[:2000])
    return TaskError(FORGED)


def _flat(values: Values) -> list[torch.Tensor]:
    return [
        tensor
        for value in values.values()
        for tensor in (value if isinstance(value, list) else [value])
    ]


def _names(values: Values) -> list[str]:
    return [
        name
        for name, value in values.items()
        for _ in (value if isinstance(value, list) else [value])
    ]
