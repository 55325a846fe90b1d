"""The agentic system: every answer with its verdict, and no program judged twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, cast

import pytest

from hardwon.agents import AgenticSystem, Request
from hardwon.judge import Judge
from hardwon.languages.protocol import TaskError
from hardwon.records import NO_PROGRAM, Answer, Task, Verdict, program_digest
from support import toy_task, verdict

FIRST, SECOND = toy_task("toy/first"), toy_task("toy/second")


class Script:
    """A proposer that gives the same programs to every task."""

    name = "script"

    def __init__(self, *impls: str | None) -> None:
        self.impls = impls
        self.closed = False

    async def propose(self, request: Request) -> AsyncIterator[Answer]:
        for index in request.indices:
            yield Answer(index=index, impl=self.impls[index % len(self.impls)])

    async def close(self) -> None:
        self.closed = True


class Says:
    """A judge that counts what it is asked, and finds `good` correct."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.waits = asyncio.Event()
        self.waits.set()

    async def judge(self, task: Task, impl: str | None) -> Verdict:
        self.asked.append((task.test_name, impl))
        await self.waits.wait()
        if impl == "broken":
            raise TaskError("its code failed")
        return verdict(correct=impl == "good")


def request(task: Task = FIRST, samples: int = 4) -> Request:
    indices = tuple(range(samples))
    return Request(task, (), temperature=1.0, indices=indices, seed=0, sizes={})


async def sampled(system: AgenticSystem, asked: Request) -> list[tuple[int, str | None, bool]]:
    return [
        (answer.index, answer.impl, said.correct) async for answer, said in system.sample(asked)
    ]


def run(
    use: Callable[[AgenticSystem, Says], Coroutine[Any, Any, None]], *impls: str | None
) -> None:
    async def scene() -> None:
        judge, proposer = Says(), Script(*impls)
        system = AgenticSystem(proposer, cast("Judge", judge))
        await use(system, judge)
        await system.close()
        assert proposer.closed

    asyncio.run(scene())


def test_every_answer_comes_with_its_verdict() -> None:
    async def use(system: AgenticSystem, _: Says) -> None:
        assert await sampled(system, request(samples=3)) == [
            (0, "good", True),
            (1, "bad", False),
            (2, None, False),
        ]

    run(use, "good", "bad", None)


def test_equal_answers_to_one_task_are_judged_once() -> None:
    async def use(system: AgenticSystem, judge: Says) -> None:
        await asyncio.gather(*(sampled(system, request(samples=9)) for _ in range(3)))
        await sampled(system, request(SECOND, samples=2))
        assert sorted(judge.asked) == [
            ("toy/first", "bad"),
            ("toy/first", "good"),
            ("toy/second", "bad"),
            ("toy/second", "good"),
        ]

    run(use, "good", "bad")


def test_what_is_remembered_is_not_judged_again() -> None:
    async def use(system: AgenticSystem, judge: Says) -> None:
        system.remember(FIRST, program_digest("bad"), verdict(correct=True))
        system.remember(FIRST, NO_PROGRAM, verdict(correct=False))
        assert await sampled(system, request(samples=3)) == [
            (0, "good", True),
            (1, "bad", True),
            (2, None, False),
        ]
        assert judge.asked == [("toy/first", "good")]
        await sampled(system, request(SECOND, samples=2))
        assert ("toy/second", "bad") in judge.asked

    run(use, "good", "bad", None)


def test_a_sample_that_is_cancelled_takes_no_verdict_from_the_others() -> None:
    async def use(system: AgenticSystem, judge: Says) -> None:
        judge.waits.clear()
        first = asyncio.create_task(sampled(system, request(samples=1)))
        second = asyncio.create_task(sampled(system, request(samples=1)))
        while not judge.asked:
            await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        judge.waits.set()
        assert await second == [(0, "good", True)]
        assert len(judge.asked) == 1

    run(use, "good")


def test_an_error_of_a_task_names_the_task() -> None:
    async def use(system: AgenticSystem, _: Says) -> None:
        with pytest.raises(TaskError, match="toy/first: its code failed"):
            await sampled(system, request(samples=1))

    run(use, "broken")


def test_a_closed_system_leaves_nothing_running() -> None:
    async def use(system: AgenticSystem, judge: Says) -> None:
        judge.waits.clear()
        waiting = asyncio.create_task(sampled(system, request(samples=1)))
        while not judge.asked:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await system.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(use, "good")
