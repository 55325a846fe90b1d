"""The offline proposer: what it draws is decided by the request, and demonstrations steer it."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hardwon.agents import OfflineProposer, ProposerError, Request
from hardwon.records import Answer, Experience, Stage, Task
from support import (
    DOUBLE,
    RESIDUAL,
    ROWS,
    SUBTRACTED,
    SUMMED,
    SyncJudge,
    edited,
    processes_that_know,
    read,
)

SIZES = {"M": 5, "N": 7, "K": 9, "D": 16}
ROWS_TASK, RESIDUAL_TASK = read(ROWS), read(RESIDUAL)


def request(
    task: Task = ROWS_TASK,
    indices: Sequence[int] = range(16),
    demonstrations: Sequence[Experience] = (),
    seed: int = 0,
    temperature: float = 1.0,
) -> Request:
    known = [task, *(shown.task for shown in demonstrations)]
    return Request(
        task=task,
        demonstrations=tuple(demonstrations),
        temperature=temperature,
        indices=tuple(indices),
        seed=seed,
        sizes={item.digest: SIZES for item in known},
    )


def propose(*requests: Request, workers: int = 1) -> list[dict[int, Answer]]:
    """Return the answers to requests that are made at the same time, by index."""

    async def run() -> list[dict[int, Answer]]:
        proposer = OfflineProposer(workers)

        async def one(asked: Request) -> dict[int, Answer]:
            answers = [answer async for answer in proposer.propose(asked)]
            assert len(answers) == len(asked.indices)
            return {answer.index: answer for answer in answers}

        try:
            return list(await asyncio.gather(*map(one, requests)))
        finally:
            await proposer.close()

    return asyncio.run(run())


def programs(*requests: Request) -> list[list[str | None]]:
    return [[answer.impl for answer in answers.values()] for answers in propose(*requests)]


def test_there_is_one_answer_for_every_index() -> None:
    indices = (3, 7, 100, 0, *range(200, 240))
    (answers,) = propose(request(indices=indices))
    assert sorted(answers) == sorted(indices)


def test_equal_requests_have_equal_answers() -> None:
    assert propose(request(), request()) == propose(request(), request())


def test_the_number_of_workers_changes_no_answer() -> None:
    requests = [
        request(task, range(20), temperature=temperature)
        for task in (ROWS_TASK, RESIDUAL_TASK)
        for temperature in (0.4, 1.0)
    ]
    assert propose(*requests, workers=1) == propose(*requests, workers=3)


def test_an_answer_does_not_depend_on_the_other_indices() -> None:
    """An interrupted run asks for what is missing, and must get what it would have got."""
    whole, some, others = propose(
        request(indices=range(40)), request(indices=(3, 7)), request(indices=(39, 7, 21))
    )
    assert some == {index: whole[index] for index in (3, 7)}
    assert others == {index: whole[index] for index in (39, 7, 21)}


def test_seed_and_temperature_and_task_change_the_answers() -> None:
    drawn = programs(
        request(),
        request(seed=1),
        request(temperature=0.4),
        request(task=RESIDUAL_TASK),
        request(task=ROWS_TASK.model_copy(update={"test_name": "tiny/other"})),
    )
    assert len({tuple(sample) for sample in drawn}) == len(drawn)


def test_samples_of_one_request_differ() -> None:
    (drawn,) = programs(request(RESIDUAL_TASK, range(64)))
    assert len(set(drawn)) > 4


def test_the_answer_in_a_task_is_not_seen() -> None:
    solved = ROWS_TASK.model_copy(update={"impl": SUMMED})
    assert propose(request(solved)) == propose(request(ROWS_TASK))


@pytest.mark.parametrize("text", [DOUBLE, ROWS, RESIDUAL])
def test_every_program_is_well_typed_and_affine(text: str, judge: SyncJudge) -> None:
    task = read(text)
    (drawn,) = programs(request(task, range(64)))
    verdicts = [judge.judge(task, impl) for impl in set(drawn) if impl is not None]
    assert {verdict.stage for verdict in verdicts} <= {None, Stage.FUNCTIONAL}
    assert all(verdict.affine for verdict in verdicts)
    assert any(verdict.correct for verdict in verdicts)


def test_a_sample_that_leads_nowhere_is_an_answer_without_a_program() -> None:
    """Nothing here makes a result of the declared type."""
    task = read(
        edited(
            DOUBLE,
            ("outputs:\n  - name: S0\n    dtype: fp32", "outputs:\n  - name: S0\n    dtype: T"),
            ("dtype: T", "dtype: Multihot(fp32, K)"),
        )
    )
    (answers,) = propose(request(task, range(5)))
    for index, answer in answers.items():
        assert (answer.index, answer.impl) == (index, None)
        assert answer.usage.steps > 0
        assert answer.usage.input_tokens == answer.usage.output_tokens == 0


MINUS_FIRST = """\
left, right = step.Copy().apply(E0)
difference = step.Map(fn=fn_minus).apply((left, right))
return step.Map(fn=fn_square).apply(difference)"""


def shown(impl: str, rate: float = 0.01) -> Experience:
    """Return a demonstration of an operator that shares only its functions with the task."""
    text = edited(RESIDUAL, ("tiny/residual", "other/name"), ("fn_", "unit_"))
    return Experience(
        task=read(text),
        impl=impl.replace("fn_", "unit_"),
        normal_form="form",
        code_lines=3,
        success_rate=rate,
        correct=1,
        samples=100,
        iteration=0,
    )


def minus_takes_squares(impl: str | None) -> bool:
    """Whether a program subtracts after it has squared."""
    return impl is not None and impl.rfind("fn_minus") > impl.find("fn_square") > -1


def squares_last(impl: str | None) -> bool:
    """Whether the last function that a program calls is the square."""
    return impl is not None and impl.rfind("fn_square") > impl.rfind("fn_minus") > -1


def test_what_a_demonstration_shows_becomes_more_frequent() -> None:
    plain, after_square, after_minus = programs(
        request(RESIDUAL_TASK, range(300)),
        request(RESIDUAL_TASK, range(300), [shown(SUBTRACTED)]),
        request(RESIDUAL_TASK, range(300), [shown(MINUS_FIRST)]),
    )
    counts = [sum(map(minus_takes_squares, drawn)) for drawn in (after_minus, plain, after_square)]
    assert counts == sorted(counts)
    assert counts[0] < counts[2]
    assert sum(map(squares_last, after_minus)) > sum(map(squares_last, plain))


def test_a_demonstration_that_cannot_be_read_does_no_harm() -> None:
    assert propose(request(demonstrations=[shown("no program")])) == propose(request())


def test_demonstrations_of_other_units_change_nothing_that_matters() -> None:
    (drawn,) = programs(request(read(DOUBLE), range(16), [shown(SUBTRACTED)]))
    assert any(impl is not None and "fn_double" in impl for impl in drawn)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
def test_a_sampling_process_that_is_killed_is_an_error_and_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def run() -> list[Answer]:
        proposer = OfflineProposer()

        async def ask() -> list[Answer]:
            return [answer async for answer in proposer.propose(request())]

        before = await ask()
        for process in processes_that_know(str(tmp_path)):
            os.kill(process, signal.SIGKILL)
        with pytest.raises(ProposerError, match="a sampling process ended unexpectedly"):
            await ask()
        assert await ask() == before
        await proposer.close()
        return before

    assert len(asyncio.run(run())) == 16
    assert not processes_that_know(str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_samples_after_a_cancelled_request_are_its_own() -> None:
    """The reply to the cancelled request must not be taken for that to the next one."""

    async def run() -> list[Answer]:
        proposer = OfflineProposer()

        async def ask(asked: Request) -> list[Answer]:
            return [answer async for answer in proposer.propose(asked)]

        await ask(request(indices=[0]))
        cancelled = asyncio.create_task(ask(request(indices=range(5, 10))))
        for _ in range(3):
            await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        try:
            return await ask(request(indices=[1, 2]))
        finally:
            await proposer.close()

    (expected,) = propose(request(indices=[1, 2]))
    assert asyncio.run(run()) == list(expected.values())


def test_requests_are_plain_values() -> None:
    asked = request()
    assert replace(asked, seed=1) != asked == request()
