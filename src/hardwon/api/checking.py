"""Checks one answer to one task."""

import asyncio

import hardwon
from hardwon.api.errors import UsageError
from hardwon.bench import load
from hardwon.bench.references import reference
from hardwon.judge import Judge, Limits
from hardwon.languages import get_language
from hardwon.languages.protocol import TaskError
from hardwon.records import Task, Verdict, digest_of


def judge_digest(seed: int) -> str:
    """Name a judge by what decides its verdicts; under one name they can be shared."""
    return digest_of({"hardwon": hardwon.__version__, "seed": seed})


def reference_program(name: str, *, copies: bool = True) -> str:
    """Return the benchmark's own program for a task, made affine by Copies if wanted.

    Raises:
        UsageError: if the benchmark has no task of that name.
    """
    program = _reference(name)
    if not copies:
        return program
    task = load(name)

    async def affine() -> str:
        async with Judge() as judge:
            return await _with_copies(judge, task, program)

    return asyncio.run(affine())


def _reference(name: str) -> str:
    try:
        return reference(name)
    except KeyError:
        raise UsageError(f"{name}: only tasks of the benchmark have a reference program") from None


async def _with_copies(judge: Judge, task: Task, program: str) -> str:
    return get_language(task.language).enforce_law(task, program, await judge.sizes(task))


async def check_async(
    task: Task, impl: str, *, seed: int | None = None, limits: Limits | None = None
) -> Verdict:
    """Return the judge's verdict on one program; see `check`."""
    async with Judge(workers=1, seed=seed, limits=limits) as judge:
        try:
            return await judge.judge(task, impl)
        except TaskError as error:
            raise UsageError(f"{task.test_name}: {error}") from error


def check(
    task: Task, impl: str, *, seed: int | None = None, limits: Limits | None = None
) -> Verdict:
    """Return the judge's verdict on one program.

    Args:
        task: what the program is to solve.
        impl: the program.
        seed: what the data follows from; one that nobody can foresee if None. A caller that wants
            to say which it was draws it by `fresh_seed`.
        limits: bounds on time and memory.

    Raises:
        UsageError: if the task itself is broken; whatever the program does is a verdict.
        JudgeError: if the judge cannot work here.
    """
    return asyncio.run(check_async(task, impl, seed=seed, limits=limits))


def check_reference(
    task: Task, *, copies: bool = True, seed: int | None = None, limits: Limits | None = None
) -> tuple[str, Verdict]:
    """Return the benchmark's own program for a task and the verdict on it, by one judge.

    Raises:
        UsageError: if the benchmark has no program for a task of that name.
        JudgeError: if the judge cannot work here.
    """
    program = _reference(task.test_name)

    async def checked() -> tuple[str, Verdict]:
        async with Judge(workers=1, seed=seed, limits=limits) as judge:
            try:
                impl = await _with_copies(judge, task, program) if copies else program
                return impl, await judge.judge(task, impl)
            except TaskError as error:
                raise UsageError(f"{task.test_name}: {error}") from error

    return asyncio.run(checked())
