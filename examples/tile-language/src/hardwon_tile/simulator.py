"""The functional check: programs against references, at several sizes and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch

from hardwon.languages.protocol import (
    PLAIN,
    Host,
    ProcessEndedError,
    Setting,
    Support,
    TaskError,
)
from hardwon.records import Diagnostic, Difference, Stage, Task
from hardwon_tile.checking import size_of
from hardwon_tile.machine import draw, execute, extent
from hardwon_tile.syntax import parse

TOLERANCE = 1e-9
"""How far a value may be off, relative to the largest of its output; both sides are float64."""


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs at one setting, with what the references make of them."""

    setting: Setting
    inputs: Mapping[str, torch.Tensor]
    expected: Mapping[str, torch.Tensor]


class TileSimulator:
    """See `hardwon.languages.protocol.Simulator`.

    The references run in a confined process that has ended before the first program runs. Programs
    run here: they are instructions of the machine, with no code of the task in them.
    """

    def __init__(self, task: Task, sizes: Mapping[str, int], host: Host) -> None:
        self._task = task
        self._sizes = sizes
        self._host = host
        self._settings: tuple[Setting, ...] = ()
        self._cases: list[Case] = []
        self._support: list[Support] = []

    def sizes(self) -> Mapping[str, int]:
        """See `Simulator.sizes`."""
        return self._sizes

    def support(self) -> tuple[Support, ...]:
        """See `Simulator.support`."""
        return tuple(self._support)

    def close(self) -> None:
        """See `Simulator.close`; no process outlives `prepare`."""

    def prepare(self, settings: Sequence[Setting]) -> None:
        """See `Simulator.prepare`."""
        if tuple(settings) == self._settings:
            return
        inputs = [draw(self._task, item.sizes, item.seed) for item in settings]
        problems, results = self._ask(settings, inputs)
        self._cases, self._support = [], []
        for setting, drawn, problem in zip(settings, inputs, problems, strict=True):
            if problem and setting.sizes == self._sizes:
                raise TaskError(problem)
            if not problem:
                expected = {item.name: results.pop(0) for item in self._task.outputs}
                self._cases.append(Case(setting, drawn, expected))
            draws = () if problem else setting.draws
            self._support.append(
                Support(setting, setting.sizes, draws, (problem,) if problem else ())
            )
        self._settings = tuple(settings)

    def _ask(
        self, settings: Sequence[Setting], inputs: Sequence[Mapping[str, torch.Tensor]]
    ) -> tuple[list[str], list[torch.Tensor]]:
        """Have the references run; return a problem per setting, and results without one.

        Raises:
            TaskError: if they take too long, or end their process, or make no such results.
        """
        lengths = [
            [
                prod(extent(side, item.sizes) for side in size_of(output))
                for output in self._task.outputs
            ]
            for item in settings
        ]
        request = {
            "task": self._task.question,
            "settings": [(dict(s.sizes), dict(i)) for s, i in zip(settings, inputs, strict=True)],
        }
        process = self._host.spawn()
        try:
            reply, data = process.ask(
                request, seconds=self._host.prepare_seconds, most=8 * sum(map(sum, lengths))
            )
        except TimeoutError as error:
            raise TaskError("the references take too long") from error
        except ProcessEndedError as error:
            raise TaskError(f"the references ended their process: {error}") from error
        finally:
            process.stop()
        match reply.get("problems"):
            case [*problems] if len(problems) == len(settings):
                texts = [str(problem) for problem in problems]
            case _:
                raise TaskError("the references' process sent no reply")
        wanted = [n for row, text in zip(lengths, texts, strict=True) if not text for n in row]
        if [len(part) for part in data] != [8 * length for length in wanted]:
            raise TaskError("a reference's result is not as large as its output's dims say")
        return texts, [torch.frombuffer(part, dtype=torch.float64) for part in data]

    def check(self, impl: str, settings: Sequence[Setting]) -> tuple[Diagnostic, ...]:
        """See `Simulator.check`."""
        self.prepare(settings)
        for case in self._cases:
            if wrong := differences(self._task, impl, case):
                return wrong
        return ()


def differences(task: Task, impl: str, case: Case) -> tuple[Diagnostic, ...]:
    """Run a program on the inputs of a case; return one error per output that is wrong."""
    program, _ = parse(impl)
    results = execute(task, program, case.inputs, case.setting.sizes)
    found = (_difference(name, results[name], want, case) for name, want in case.expected.items())
    return tuple(error for error in found if error is not None)


def _difference(
    name: str, tile: torch.Tensor, expected: torch.Tensor, case: Case
) -> Diagnostic | None:
    got, want = tile.flatten(), expected.flatten()
    largest = want.abs().nan_to_num(0.0, 0.0, 0.0).max() if want.numel() else 0.0
    wrong = ~torch.isclose(got, want, rtol=0.0, atol=float(TOLERANCE * largest), equal_nan=True)
    if not wrong.any():
        return None
    first = int(wrong.nonzero()[0])
    place = divmod(first, tile.shape[1])
    sizes = dict(case.setting.sizes)
    difference = Difference(
        output=name,
        component=0,
        sizes=sizes,
        seed=case.setting.seed,
        values=PLAIN,
        differing=int(wrong.sum()),
        total=want.numel(),
        place=place,
        expected=f"{want[first]:.6g}",
        got=f"{got[first]:.6g}",
        largest=f"{(got - want).abs().max():.6g}",
    )
    message = (
        f"{name}: {difference.differing} of {difference.total} values differ from the reference,"
        f" first at {list(place)}: expected {difference.expected}, got {difference.got}"
        f" (sizes {', '.join(f'{key}={value}' for key, value in sizes.items())})"
    )
    return Diagnostic(
        stage=Stage.FUNCTIONAL,
        line=None,
        message=message,
        rule="every output equals its reference",
        difference=difference,
    )
