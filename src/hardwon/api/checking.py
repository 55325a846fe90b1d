"""Checks one answer to one task."""

import asyncio
from collections.abc import Mapping

from hardwon.api.errors import UsageError
from hardwon.bench import load
from hardwon.bench.references import reference
from hardwon.judge import Judge, Limits
from hardwon.languages import get_language
from hardwon.languages.protocol import TaskError
from hardwon.records import Task, Verdict


def reference_program(name: str, *, copies: bool = True) -> str:
    """Return the benchmark's own program for a task, made affine by Copies if wanted.

    Raises:
        UsageError: if the benchmark has no task of that name.
    """
    try:
        program = reference(name)
    except KeyError:
        raise UsageError(f"{name}: only tasks of the benchmark have a reference program") from None
    if not copies:
        return program
    task = load(name)

    async def sizes() -> Mapping[str, int]:
        async with Judge() as judge:
            return await judge.sizes(task)

    return get_language(task.language).enforce_law(task, program, asyncio.run(sizes()))


async def check_async(
    task: Task, impl: str, *, seed: int = 0, limits: Limits | None = None
) -> Verdict:
    """Return the judge's verdict on one program; see `check`."""
    async with Judge(workers=1, seed=seed, limits=limits) as judge:
        try:
            return await judge.judge(task, impl)
        except TaskError as error:
            raise UsageError(f"{task.test_name}: {error}") from error


def check(task: Task, impl: str, *, seed: int = 0, limits: Limits | None = None) -> Verdict:
    """Return the judge's verdict on one program.

    Raises:
        UsageError: if the task itself is broken; whatever the program does is a verdict.
        JudgeError: if the judge cannot work here.
    """
    return asyncio.run(check_async(task, impl, seed=seed, limits=limits))
