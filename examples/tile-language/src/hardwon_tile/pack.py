"""The tile language, as Hardwon sees it."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hardwon.languages.inspection import Annotation
from hardwon.languages.manual import Manual
from hardwon.languages.metrics import ProgramCounts
from hardwon.languages.protocol import (
    Finding,
    Host,
    Reading,
    Setting,
    Simulator,
    StatementSampler,
)
from hardwon.records import (
    Diagnostic,
    Experience,
    OutputSpec,
    Stage,
    StreamType,
    Task,
    TensorSpec,
)
from hardwon_tile import checking, syntax
from hardwon_tile.explaining import annotation
from hardwon_tile.manual import manual

_SIZES = ((5, 7, 3, 6), (1, 1, 1, 1), (8, 4, 9, 2))
"""At which sizes programs are checked, the default row first; symbols take them in turn."""


@dataclass(frozen=True)
class Tile:
    """See `hardwon.languages.protocol.Language`.

    PyTorch is imported only where programs run.
    """

    name: str = "tile"
    executor: str = "hardwon_tile.references"

    def check_task(self, task: Task) -> tuple[Finding, ...]:
        """See `Language.check_task`."""
        found: list[Finding] = []
        for key, at, item in _specs(task):
            if item.dtype != ("fp32",):
                text = f"expected fp32, got {', '.join(item.dtype)}"
                found.append(Finding((key, at, "dtype"), text))
            if not 1 <= len(item.dims) <= 2 or not all(map(_is_side, item.dims)):
                text = f"expected one or two symbols or integers, got {', '.join(item.dims)}"
                found.append(Finding((key, at, "dims"), text))
        for key, names in (
            ("parameters", [item.name for item in task.parameters]),
            ("fns", [item.func_name for item in task.fns]),
        ):
            text = "expected none, as the machine has its own operations"
            found += [Finding((key, at), f"{text}; got {name}") for at, name in enumerate(names)]
        return tuple(found)

    def read(self, task: Task, impl: str, sizes: Mapping[str, int]) -> Reading:
        """See `Language.read`."""
        del sizes  # sizes are symbols here
        program, faults = syntax.parse(impl)
        lines = checking.count_lines(impl)
        if faults or not program:
            errors = [_parse_error(fault.line, fault.message) for fault in faults]
            empty = _parse_error(None, "expected instructions, got none")
            return Reading(tuple(errors or [empty]), False, None, None, lines)
        types = tuple(
            StreamType(
                name=item.first, line=item.line, dtype="fp32", shape=checking.size_text(item.size)
            )
            for item in program
            if item.makes
        )
        if wrong := tuple(checking.size_errors(task, program)):
            return Reading(wrong, False, None, None, lines, lambda: types)
        unlawful = tuple(checking.law_errors(program))
        form = checking.normal_form(program)
        return Reading(unlawful, True, not unlawful, form, lines, lambda: types)

    def enforce_law(self, task: Task, impl: str, sizes: Mapping[str, int]) -> str:
        """See `Language.enforce_law`; too many tiles at a time stay too many."""
        reading = self.read(task, impl, sizes)
        return checking.with_frees(impl, syntax.parse(impl)[0]) if reading.affine is False else impl

    def settings(self, task: Task, seed: int) -> tuple[Setting, ...]:
        """See `Language.settings`; the default sizes come twice, as inputs may hide a mistake."""
        rows = [dict(zip(_symbols(task), itertools.cycle(row), strict=False)) for row in _SIZES]
        return tuple(Setting(row, seed + at) for at, row in enumerate((rows[0], *rows)))

    def simulator(self, task: Task, host: Host) -> Simulator:
        """See `Language.simulator`."""
        from hardwon_tile.simulator import TileSimulator  # noqa: PLC0415

        return TileSimulator(task, self.settings(task, 0)[0].sizes, host)

    def sampler(
        self,
        task: Task,
        demonstrations: Sequence[Experience],
        sizes: Mapping[str, Mapping[str, int]],
    ) -> StatementSampler:
        """See `Samples.sampler`."""
        from hardwon_tile.sampler import Sampler  # noqa: PLC0415

        del sizes
        return Sampler.taught(task, demonstrations)

    def test_file(self, task: Task, impl: str) -> str:
        """See `Language.test_file`."""
        solved = task.model_copy(update={"impl": impl}).model_dump_json(indent=1)
        return _TEST.format(
            name=task.test_name, function=task.short_name.replace("-", "_"), solved=repr(solved)
        )

    def manual(self) -> Manual:
        """See `Explains.manual`."""
        return manual()

    def is_program(self, text: str) -> bool:
        """See `Recognises.is_program`."""
        program, faults = syntax.parse(text)
        return any(item.op == "store" for item in program) and not faults

    def annotate(self, task: Task, impl: str, sizes: Mapping[str, int]) -> Annotation:
        """See `Annotates.annotate`."""
        return annotation(impl, syntax.parse(impl)[0], self.read(task, impl, sizes).errors)

    def counts(self, task: Task, impl: str) -> ProgramCounts | None:
        """See `Counts.counts`."""
        del task
        program, faults = syntax.parse(impl)
        ops = Counter(item.op for item in program)
        return None if faults else ProgramCounts(ops, ops["flip"], ())


_TEST = '''\
"""Verifies {name}, a program for the tile machine."""

import pytest

from hardwon_tile.verifying import verify

SOLVED = {solved}


@pytest.mark.parametrize("seed", range(3))
def test_{function}(seed):
    assert verify(SOLVED, seed) == []
'''


def _specs(task: Task) -> Iterator[tuple[str, int, TensorSpec | OutputSpec]]:
    """Yield all inputs and outputs, and where the task states them."""
    yield from (("inputs", at, item) for at, item in enumerate(task.inputs))
    yield from (("outputs", at, item) for at, item in enumerate(task.outputs))


def _is_side(dim: str) -> bool:
    return dim.isidentifier() or (dim.isdecimal() and int(dim) > 0)


def _symbols(task: Task) -> list[str]:
    """Return the symbols of a task in the order in which it mentions them."""
    dims = (dim for _, _, item in _specs(task) for dim in item.dims)
    return list(dict.fromkeys(dim for dim in dims if dim.isidentifier()))


def _parse_error(line: int | None, message: str) -> Diagnostic:
    return Diagnostic(stage=Stage.PARSE, line=line, message=message)


language = Tile()
