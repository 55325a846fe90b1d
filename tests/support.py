"""Small tasks and stand-ins that tests of several rooms share."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from hardwon.ir import parse_task
from hardwon.journal import SampleRecord
from hardwon.judge import Judge, Limits
from hardwon.learning import Batch, Outcome
from hardwon.records import Answer, Experience, FunctionSpec, OutputSpec, Task, TensorSpec, Verdict

DOUBLE = """\
test_name: tiny/double
inputs:
  - {name: E0, dtype: fp32, dims: [N, M], data_gen: torch.randn}
fns:
  - name: Double
    apply: |
      return [input[0] * 2]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_double
outputs:
  - name: S0
    dtype: fp32
    dims: [N, M]
    data_transform:
      - |
        input_data['E0'] * 2
"""
ROWS = """\
test_name: tiny/rows
inputs:
  - {name: E0, dtype: fp32, dims: [N, M], data_gen: torch.randn}
fns:
  - name: Square
    apply: |
      return [input[0] * input[0]]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_square
  - name: Sum
    apply: |
      return [state[0] + input[0]]
    init: [0]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_sum
outputs:
  - name: S0
    dtype: fp32
    dims: [M]
    data_transform:
      - |
        (input_data['E0'] ** 2).sum(dim=-1)
"""
RESIDUAL = """\
test_name: tiny/residual
inputs:
  - {name: E0, dtype: fp32, dims: [N, M], data_gen: torch.randn}
fns:
  - name: Square
    apply: |
      return [input[0] * input[0]]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_square
  - name: Minus
    apply: |
      return [input[0] - input[1]]
    input_dtype: [fp32, fp32]
    output_dtype: fp32
    func_name: fn_minus
outputs:
  - name: S0
    dtype: fp32
    dims: [N, M]
    data_transform:
      - |
        input_data['E0'] - input_data['E0'] ** 2
"""
"""Its input is needed twice."""
HOPELESS = DOUBLE.replace("tiny/double", "tiny/hopeless").replace("['E0'] * 2", "['E0'] + 1")
"""No program over its function computes its reference."""

DOUBLED = "return step.Map(fn=fn_double).apply(E0)"
SUMMED = "E1 = step.Map(fn=fn_square).apply(E0)\nreturn step.Accum(fn=fn_sum, b=1).apply(E1)"
SUBTRACTED = """\
left, right = step.Copy().apply(E0)
squares = step.Map(fn=fn_square).apply(right)
return step.Map(fn=fn_minus).apply((left, squares))"""
GREEDY = """\
squares = step.Map(fn=fn_square).apply(E0)
return step.Map(fn=fn_minus).apply((E0, squares))"""
"""As SUBTRACTED, but it consumes its input twice."""


def read(text: str) -> Task:
    """Return the task that structural IR states."""
    return parse_task(text)


def edited(text: str, *edits: tuple[str, str]) -> str:
    """Return a text after replacements, each of which must find its place."""
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text


def toy_task(
    name: str = "toy/three", reference: str = "E0 + 3", global_code: str = "", inputs: str = "E0"
) -> Task:
    """Return a task of the language in `toylang.py`."""
    return Task(
        test_name=name,
        language="toy",
        global_code=global_code,
        inputs=tuple(
            TensorSpec(name=item, dtype=("number",), dims=("N",), data_gen="torch.rand")
            for item in inputs.split()
        ),
        fns=(
            FunctionSpec(
                name="None",
                func_name="fn_none",
                apply="return input",
                input_dtype=("number",),
                output_dtype=("number",),
            ),
        ),
        outputs=(
            OutputSpec(name="S0", dtype=("number",), dims=("N",), data_transform=(reference,)),
        ),
    )


class SyncJudge:
    """A judge for tests that are not asynchronous: one event loop, and its workers kept."""

    def __init__(self, *, workers: int = 1, seed: int = 0, limits: Limits | None = None) -> None:
        self._runner = asyncio.Runner()
        self._judge = Judge(workers=workers, seed=seed, limits=limits)

    def judge(self, task: Task, impl: str | None) -> Verdict:
        """See `Judge.judge`."""
        return self._runner.run(self._judge.judge(task, impl))

    def sizes(self, task: Task) -> Mapping[str, int]:
        """See `Judge.sizes`."""
        return self._runner.run(self._judge.sizes(task))

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `Judge.warnings`."""
        return self._judge.warnings

    def close(self) -> None:
        """Stop the workers; the judge can be used again."""
        self._runner.run(self._judge.__aexit__(None, None, None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._runner.close()


def verdict(*, correct: bool, form: str = "form", lines: int = 1) -> Verdict:
    """Return a verdict as a judge would give it."""
    return Verdict(
        correct=correct, stage=None, affine=True, functional=correct, normal_form=form,
        code_lines=lines,
    )  # fmt: skip


def outcome(
    task: Task,
    iteration: int,
    counts: Mapping[float, tuple[int, int]],
    answers: Sequence[tuple[str, str, int]] = (("return E0", "form", 1),),
) -> Outcome:
    """Return an outcome with (correct, samples) per temperature.

    The correct samples give `answers`, as (program, normal form, lines of code), in turn.
    """
    batches = []
    for temperature, (correct, samples) in counts.items():
        rows = []
        for index in range(samples):
            impl, form, lines = answers[index % len(answers)]
            said = verdict(correct=index < correct, form=form, lines=lines)
            rows.append(SampleRecord(answer=Answer(index=index, impl=impl), verdict=said))
        batches.append(Batch(temperature, tuple(rows)))
    return Outcome(task, iteration, tuple(batches))


def experience(
    task: Task | str, rate: float = 0.5, *, impl: str = "return E0", iteration: int = 0
) -> Experience:
    """Return an experience with a task, or a toy task of this name; rates have four decimals."""
    return Experience(
        task=toy_task(task) if isinstance(task, str) else task,
        impl=impl,
        normal_form="form",
        code_lines=1,
        success_rate=rate,
        correct=round(rate * 10_000),
        samples=10_000,
        iteration=iteration,
    )


def memory(rates: Sequence[float]) -> list[Experience]:
    """Return experiences with toy tasks, numbered, by their success rates."""
    return [experience(f"toy/{number}", rate) for number, rate in enumerate(rates)]


def write_tasks(folder: Path, *texts: str) -> list[str]:
    """Write task files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for text in texts:
        name = read(text).short_name
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        paths.append(str(path))
    return paths


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files in and below a folder, by their path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def summary_of(run: Path) -> dict[str, Any]:
    """Return what a run directory says of its run."""
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    return summary


def processes_that_know(text: str) -> list[int]:
    """Return the processes in whose environment a text occurs (Linux only)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            known = (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue  # gone in the meantime, or of somebody else
        if text.encode() in known and state != "Z":
            found.append(int(folder.name))
    return found


def are_gone(text: str) -> bool:
    """Whether no process knows a text, once the kernel has had a moment to end those that do."""
    for _ in range(1000):
        if not processes_that_know(text):
            return True
        time.sleep(0.01)
    return False
