"""Lints tasks before anyone pays for samples."""

import asyncio
from collections.abc import Callable, Sequence

from hardwon import bench
from hardwon.api.checking import reference_program
from hardwon.judge import Judge, Limits
from hardwon.lint import LintReport, Prober, lint_task
from hardwon.records import Task


async def lint_async(
    tasks: Sequence[Task],
    impl: str | None = None,
    *,
    workers: int = 1,
    seed: int = 0,
    limits: Limits | None = None,
    progress: Callable[[LintReport], None] | None = None,
) -> tuple[LintReport, ...]:
    """Return one report per task; see `lint`."""
    slots = asyncio.Semaphore(max(1, workers))

    async def one(task: Task, judge: Judge, prober: Prober) -> LintReport:
        async with slots:
            program = impl or _known_program(task)
            report = await lint_task(task, program, judge, prober, seed=seed)
        if progress is not None:
            progress(report)
        return report

    async with (
        Judge(workers=max(1, workers), seed=seed, limits=limits) as judge,
        Prober(limits) as prober,
    ):
        return tuple(await asyncio.gather(*(one(task, judge, prober) for task in tasks)))


def lint(
    tasks: Sequence[Task],
    impl: str | None = None,
    *,
    workers: int = 1,
    seed: int = 0,
    limits: Limits | None = None,
    progress: Callable[[LintReport], None] | None = None,
) -> tuple[LintReport, ...]:
    """Return one report per task, in order.

    The wrong variants are made of `impl`, or of the task's own answer, or, for tasks of the
    benchmark, of the reference program. `progress` is called as each task is done.

    Raises:
        JudgeError: if the judge cannot work here. Whatever is wrong with a task is a finding.
    """
    return asyncio.run(
        lint_async(tasks, impl, workers=workers, seed=seed, limits=limits, progress=progress)
    )


def _known_program(task: Task) -> str | None:
    if task.impl is not None:
        return task.impl
    in_benchmark = bench.set_of(task.test_name) is not None
    if in_benchmark and bench.load(task.test_name).digest == task.digest:
        return reference_program(task.test_name, copies=False)
    return None
