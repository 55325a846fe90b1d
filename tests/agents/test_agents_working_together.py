"""Proposer, guardian, judge and repairer together: samples are independent, and all is counted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from scripted_model import USAGE, Asked, Said, ScriptedModel, always, by_index, fenced, request_for

from hardwon.agents import (
    AgenticSystem,
    Change,
    Guardian,
    ModelGuardian,
    ModelProposer,
    ModelRepairer,
    PassGuardian,
    Repairer,
    Request,
    UnansweredError,
)
from hardwon.judge import Judge
from hardwon.languages.protocol import TaskError
from hardwon.models.protocol import CapReachedError, ModelError
from hardwon.records import Answer, Completion, Finish, Task, Usage, Verdict
from support import GREEDY, RESIDUAL, SUBTRACTED, verdict

WRONG = "return E0"
RIGHT = SUBTRACTED


class Says:
    """A judge that finds RIGHT correct and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    async def judge(self, task: Task, impl: str | None) -> Verdict:
        del task
        self.asked.append(impl)
        await asyncio.sleep(0)
        return verdict(correct=impl == RIGHT)


class Sampled:
    """What a system made of a request."""

    def __init__(
        self,
        model: ScriptedModel,
        guardian: Guardian | None = None,
        repairer: Repairer | None = None,
        *,
        samples: int = 1,
        judge: Any = None,
    ) -> None:
        self.judge = judge or Says()
        self.error: Exception | None = None
        self.pairs: dict[int, tuple[Answer, Verdict]] = {}
        self.order: list[int] = []
        asyncio.run(self._run(model, guardian, repairer, request_for(RESIDUAL, samples)))

    async def _run(
        self,
        model: ScriptedModel,
        guardian: Guardian | None,
        repairer: Repairer | None,
        request: Request,
    ) -> None:
        system = AgenticSystem(ModelProposer(model), cast("Judge", self.judge), guardian, repairer)
        try:
            async for answer, said in system.sample(request):
                assert answer.index not in self.pairs
                self.pairs[answer.index] = answer, said
                self.order.append(answer.index)
        except (CapReachedError, ModelError) as error:
            self.error = error
        await system.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    @property
    def answer(self) -> Answer:
        ((answer, _),) = self.pairs.values()
        return answer

    @property
    def correct(self) -> dict[int, bool]:
        return {index: said.correct for index, (_, said) in sorted(self.pairs.items())}


def in_roles(**said: Callable[[Asked], Said] | Said) -> ScriptedModel:
    """Return a model that answers each role in its own way."""

    def script(asked: Asked) -> Said:
        here = said[asked.role]
        return here(asked) if callable(here) else here

    return ScriptedModel(script)


# Proposer


def test_without_other_agents_answers_are_asked_for_one_by_one() -> None:
    """What was asked for and not judged is lost in an interruption."""
    asked: list[int] = []

    class Counting:
        name = "counting"

        async def propose(self, request: Request) -> AsyncIterator[Answer]:
            for index in request.indices:
                asked.append(index)
                yield Answer(index=index, impl=RIGHT)

        async def close(self) -> None:
            pass

    async def scene() -> None:
        system = AgenticSystem(Counting(), cast("Judge", Says()))
        samples = system.sample(request_for(RESIDUAL, 5))
        assert (await anext(samples))[0].index == 0
        await asyncio.sleep(0.01)
        assert asked == [0]
        assert [answer.index async for answer, _ in samples] == [1, 2, 3, 4]
        await system.close()

    asyncio.run(scene())


# Guardian


def test_programs_are_guarded_before_they_are_judged() -> None:
    done = Sampled(always(fenced(GREEDY)), PassGuardian())
    assert done.answer.impl not in (None, GREEDY)
    assert "step.Copy()" in str(done.answer.impl)
    assert done.judge.asked == [done.answer.impl]
    assert done.answer.usage == USAGE


def test_the_guardians_cost_and_exchange_are_the_samples() -> None:
    model = in_roles(proposer=fenced(GREEDY), guardian=fenced(RIGHT))
    done = Sampled(model, ModelGuardian(model))
    assert done.correct == {0: True}
    assert done.answer.usage == USAGE + USAGE
    assert len(set(done.answer.exchanges)) == 2


def test_the_guardian_of_one_sample_does_not_wait_for_another() -> None:
    class Slow:
        def __init__(self) -> None:
            self.others = asyncio.Event()
            self.seen = 0

        async def guard(self, request: Request, answer: Answer) -> Change:
            del request
            if answer.index == 0:
                await self.others.wait()
            self.seen += 1
            if self.seen == 4:
                self.others.set()
            return Change(answer.impl)

        async def close(self) -> None:
            pass

    done = Sampled(always(fenced(RIGHT)), Slow(), samples=5)
    assert sorted(done.order) == [0, 1, 2, 3, 4]
    assert done.order[-1] == 0


def test_equal_programs_are_judged_once_however_they_came_about() -> None:
    model = in_roles(proposer=fenced(GREEDY), guardian=fenced(RIGHT))
    done = Sampled(model, ModelGuardian(model), samples=6)
    assert list(done.correct.values()) == [True] * 6
    assert done.judge.asked == [RIGHT]


def test_a_guardian_that_fails_costs_the_sample_nothing_but_a_note(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        async def guard(self, request: Request, answer: Answer) -> Change:
            del request
            if answer.index == 1:
                raise ZeroDivisionError("oh")
            return Change(answer.impl)

        async def close(self) -> None:
            pass

    done = Sampled(always(fenced(RIGHT)), Broken(), samples=3)
    assert done.correct == {0: True, 1: True, 2: True}
    assert [done.pairs[index][0].note for index in range(3)] == [
        None,
        "the guardian failed: oh",
        None,
    ]
    assert "ZeroDivisionError" in caplog.text


# Repairer


def test_a_refused_program_is_repaired_until_it_is_correct() -> None:
    replies = iter([fenced(WRONG), fenced(RIGHT), fenced(WRONG)])
    model = in_roles(proposer=fenced(GREEDY), repairer=lambda _: next(replies))
    done = Sampled(model, None, ModelRepairer(model, 3))
    assert done.correct == {0: True}
    assert done.judge.asked == [GREEDY, WRONG, RIGHT]
    assert done.answer.usage == USAGE + USAGE + USAGE
    assert len(set(done.answer.exchanges)) == 3


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_a_repairer_gives_up_after_its_rounds(rounds: int) -> None:
    model = always(fenced(WRONG))
    done = Sampled(model, None, ModelRepairer(model, rounds))
    assert done.correct == {0: False}
    assert [asked.role for asked in model.asked] == ["proposer"] + ["repairer"] * rounds
    assert done.answer.usage.requests == 1 + rounds
    assert done.judge.asked == [WRONG]


def test_rounds_with_the_same_prompt_are_different_requests() -> None:
    model = always(fenced(WRONG))
    done = Sampled(model, None, ModelRepairer(model, 3))
    prompts = {asked.prompt.digest for asked in model.asked if asked.role == "repairer"}
    assert len(prompts) == 1
    assert len(set(done.answer.exchanges)) == 4


def test_rounds_are_counted_per_sample() -> None:
    model = always(fenced(WRONG))
    done = Sampled(model, PassGuardian(), ModelRepairer(model, 2), samples=4)
    assert [answer.usage.requests for answer, _ in done.pairs.values()] == [3] * 4


def test_a_correct_program_is_not_repaired() -> None:
    model = always(fenced(RIGHT))
    Sampled(model, None, ModelRepairer(model, 3))
    assert [asked.role for asked in model.asked] == ["proposer"]


def test_a_repaired_program_is_guarded_as_well() -> None:
    model = in_roles(proposer=fenced(WRONG), repairer=fenced(GREEDY))
    done = Sampled(model, PassGuardian(), ModelRepairer(model, 1))
    assert "step.Copy()" in str(done.answer.impl)


def test_a_repair_without_a_program_leaves_the_one_before() -> None:
    model = in_roles(proposer=fenced(WRONG), repairer="I give up.")
    done = Sampled(model, None, ModelRepairer(model, 2))
    assert done.answer.impl == WRONG
    assert done.answer.usage.requests == 3


def test_an_answer_without_a_program_can_be_repaired() -> None:
    model = in_roles(proposer="First, I would copy E0.", repairer=fenced(RIGHT))
    done = Sampled(model, None, ModelRepairer(model, 1))
    assert done.correct == {0: True}
    assert done.answer.note is None


def test_where_nothing_was_written_there_is_nothing_to_repair() -> None:
    empty = Completion(text="", finish=Finish.EMPTY, usage=Usage(requests=1))
    model = in_roles(proposer=empty, repairer=fenced(RIGHT))
    done = Sampled(model, None, ModelRepairer(model, 3))
    assert done.correct == {0: False}
    assert [asked.role for asked in model.asked] == ["proposer"]


def test_a_repairer_that_fails_leaves_the_judged_program() -> None:
    class Broken:
        async def repair(self, request: Request, answer: Answer, verdict: Verdict) -> Change | None:
            del request, answer, verdict
            raise ZeroDivisionError("oh")

        async def close(self) -> None:
            pass

    done = Sampled(always(fenced(WRONG)), None, Broken(), samples=2)
    assert done.correct == {0: False, 1: False}
    assert done.pairs[0][0].note == "the repairer failed: oh"


# Stops


def test_a_cap_at_the_proposer_comes_after_what_arrived() -> None:
    error = CapReachedError("spent")
    model = by_index({0: fenced(RIGHT), 1: error, 2: fenced(WRONG)})
    done = Sampled(model, PassGuardian(), samples=3)
    assert done.correct == {0: True, 2: False}
    assert done.error is error


@pytest.mark.parametrize("error", [CapReachedError("spent"), ModelError("gone")])
def test_a_cap_at_the_guardian_loses_no_correct_answer(error: Exception) -> None:
    def guard(asked: Asked) -> Said:
        return error if asked.index == 1 else "unchanged"

    model = in_roles(proposer=fenced(RIGHT), guardian=guard)
    done = Sampled(model, ModelGuardian(model), samples=4)
    assert done.correct == dict.fromkeys(range(4), True)
    assert done.error is error
    assert done.pairs[1][0].note == f"the guardian failed: {error}"
    assert done.pairs[1][0].usage == USAGE


def test_what_a_cap_kept_from_its_guardian_is_no_failure() -> None:
    """It is left out, so that a run that goes on takes it up again."""
    error = CapReachedError("spent")

    def guard(asked: Asked) -> Said:
        return error if asked.index == 1 else "unchanged"

    model = in_roles(proposer=fenced(WRONG), guardian=guard)
    done = Sampled(model, ModelGuardian(model), samples=3)
    assert done.correct == {0: False, 2: False}
    assert done.error is error


@pytest.mark.parametrize("error", [CapReachedError("spent"), ModelError("gone")])
def test_what_a_cap_kept_from_its_repairer_is_no_failure(error: Exception) -> None:
    def propose(asked: Asked) -> Said:
        return fenced(RIGHT if asked.index == 1 else WRONG)

    model = in_roles(proposer=propose, repairer=error)
    done = Sampled(model, None, ModelRepairer(model, 2), samples=3)
    assert done.correct == {1: True}
    assert done.error is error


def test_a_broken_task_ends_its_samples_at_once() -> None:
    class Broken:
        async def judge(self, task: Task, impl: str | None) -> Verdict:
            del task, impl
            raise TaskError("its code failed")

    with pytest.raises(TaskError, match="tiny/residual: its code failed"):
        Sampled(always(fenced(RIGHT)), PassGuardian(), samples=3, judge=Broken())


@pytest.mark.parametrize("role", ["proposer", "guardian", "repairer"])
def test_a_sample_that_an_agent_got_no_answer_for_is_left_out(role: str) -> None:
    failed = Completion(text="HTTP 500", finish=Finish.FAILED)

    def says(text: str, own: str) -> Callable[[Asked], Said]:
        return lambda asked: failed if own == role and asked.index == 1 else text

    model = in_roles(
        proposer=says(fenced(WRONG), "proposer"),
        guardian=says("unchanged", "guardian"),
        repairer=says(fenced(RIGHT), "repairer"),
    )
    done = Sampled(model, ModelGuardian(model), ModelRepairer(model, 1), samples=3)
    assert done.correct == {0: True, 2: True}
    assert isinstance(done.error, UnansweredError)
    assert f"no answer came to the {role}'s request" in str(done.error)


# With the real judge


def test_agents_solve_a_task_together() -> None:
    """The proposer errs in its types, the repairer breaks the law, and the guardian mends it."""
    ill_typed = "return step.Map(fn=fn_minus).apply(E0)"
    model = in_roles(proposer=fenced(ill_typed), repairer=fenced(GREEDY))

    async def scene() -> list[tuple[Answer, Verdict]]:
        async with Judge(workers=1) as judge:
            system = AgenticSystem(
                ModelProposer(model), judge, PassGuardian(), ModelRepairer(model, 1)
            )
            pairs = [pair async for pair in system.sample(request_for(RESIDUAL, 2))]
            await system.close()
            return pairs

    pairs = asyncio.run(scene())
    assert [said.correct for _, said in pairs] == [True, True]
    repair = next(asked for asked in model.asked if asked.role == "repairer")
    assert "fn_minus takes" in repair.prompt.messages[-1].text
