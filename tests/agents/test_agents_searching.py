"""The searching proposer and repairer: confined, deterministic, and never without an answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hardwon.agents.deepening import DeepeningProposer
from hardwon.agents.offline import OfflineProposer
from hardwon.agents.protocols import Change, Request
from hardwon.agents.searching import SearchPool, SearchProposer, SearchRepairer, search_limits
from hardwon.judge import Limits
from hardwon.records import Answer, Task
from support import HOPELESS, RESIDUAL, ROWS, SUBTRACTED, SUMMED, edited, read, toy_task, verdict

SIZES = {"M": 5, "N": 7, "K": 9, "D": 16}
DIES = edited(ROWS, ("return [input[0] * input[0]]", "import os; os._exit(0); return input"))
HANGS = edited(ROWS, ("return [input[0] * input[0]]", "while True: pass\n      return input"))
QUICK = Limits(seconds=3.0, memory_bytes=search_limits().memory_bytes)


def request(text: str, indices: Sequence[int] = (0,), effort: int = 0, seed: int = 0) -> Request:
    task = read(text)
    return Request(task, (), 1.0, tuple(indices), seed, {task.digest: SIZES}, effort)


def propose(*requests: Request, workers: int = 1, evaluations: int = 500) -> list[list[Answer]]:
    """Return the answers to requests that are made one after the other, by index."""

    async def run() -> list[list[Answer]]:
        proposer = SearchProposer(workers, evaluations=evaluations)
        try:
            return [
                sorted(
                    [answer async for answer in proposer.propose(asked)],
                    key=lambda answer: answer.index,
                )
                for asked in requests
            ]
        finally:
            await proposer.close()

    return asyncio.run(run())


def test_there_is_one_answer_for_every_index() -> None:
    (answers,) = propose(request(ROWS, (0, 3, 1)))
    assert [answer.index for answer in answers] == [0, 1, 3]
    assert all(answer.impl and answer.usage.steps > 0 for answer in answers)


def test_answers_depend_on_neither_history_nor_seed_nor_workers() -> None:
    """An interrupted run asks for what is missing, and must get what it would have got."""
    (alone,) = propose(request(RESIDUAL, (1,), effort=1, seed=5), workers=2)
    _, _, after = propose(
        request(ROWS), request(RESIDUAL, (1,)), request(RESIDUAL, (0, 1), effort=1)
    )
    assert alone == after[1:]


def test_a_search_that_had_to_make_room_starts_over_to_the_same_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = (request(HOPELESS), request(RESIDUAL), request(HOPELESS, effort=1))
    kept = propose(*asked)
    monkeypatch.setattr("hardwon.agents.searching._IDLE_BYTES", 0)
    assert propose(*asked) == kept


def test_a_harder_try_offers_another_program() -> None:
    first, second = propose(request(RESIDUAL), request(RESIDUAL, effort=1))
    assert first[0].impl
    assert second[0].impl != first[0].impl


def test_what_nobody_asked_for_at_lower_efforts_is_offered() -> None:
    """Where sampling comes first, the first search is a harder try already."""

    async def run() -> list[Answer]:
        proposer = DeepeningProposer(OfflineProposer(1), SearchProposer(1, evaluations=500))
        try:
            return [answer async for answer in proposer.propose(request(RESIDUAL, effort=1))]
        finally:
            await proposer.close()

    (alone,) = propose(request(RESIDUAL))
    (answer,) = asyncio.run(run())
    assert answer.impl == alone[0].impl


def test_a_task_without_a_search_takes_the_search_from_no_other(toy: None) -> None:
    del toy
    other = replace(request(RESIDUAL, effort=1), task=toy_task())

    async def run() -> list[Answer]:
        proposer = DeepeningProposer(OfflineProposer(1), SearchProposer(1, evaluations=500))
        try:
            both = (other, request(RESIDUAL, effort=1))
            return [answer for asked in both async for answer in proposer.propose(asked)]
        finally:
            await proposer.close()

    without, found = asyncio.run(run())
    assert without.impl is None
    assert without.note == "no search is known for the language toy"
    assert found.impl


def test_an_answer_without_a_program_says_why() -> None:
    ((answer,),) = propose(request(HOPELESS))
    assert answer.impl is None
    assert answer.note is not None
    assert "no further program" in answer.note
    assert "nearest to S0" in answer.note
    assert answer.usage.steps > 0


def test_a_search_whose_process_dies_is_an_answer_and_others_go_on() -> None:
    dead, alive = propose(request(DIES), request(ROWS))
    assert dead[0].impl is None
    assert dead[0].note
    assert alive[0].impl


def test_a_search_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardwon.agents.searching._GRACE_SECONDS", 0.0)

    async def run() -> str:
        pool = SearchPool(1, QUICK)
        try:
            return (await pool.search(request(HANGS), 0, (100,))).stopped
        finally:
            await pool.close()

    assert asyncio.run(run()) == "time"


def repaired(text: str, impl: str | None) -> Change | None:
    async def run() -> Change | None:
        repairer = SearchRepairer(evaluations=500)
        try:
            answer = Answer(index=0, impl=impl)
            return await repairer.repair(request(text), answer, verdict(correct=False))
        finally:
            await repairer.close()

    return asyncio.run(run())


def test_a_refused_program_is_repaired() -> None:
    wrong = edited(SUBTRACTED, ("(left, squares)", "(squares, left)"))
    change = repaired(RESIDUAL, wrong)
    assert change is not None
    assert change.impl not in {None, wrong}
    assert change.usage.steps > 0


def test_what_cannot_be_repaired_is_given_up() -> None:
    assert repaired(HOPELESS, SUMMED) is None
    assert repaired(ROWS, None) is None


def test_a_task_of_another_language_is_refused_clearly() -> None:
    task = Task.model_validate({**read(ROWS).model_dump(), "language": "nothing"})
    asked = Request(task, (), 1.0, (0,), 0, {task.digest: SIZES})

    async def run() -> None:
        pool = SearchPool()
        try:
            await pool.search(asked, 0, (1,))
        finally:
            await pool.close()

    with pytest.raises(Exception, match="nothing"):
        asyncio.run(run())
