"""The proposer with a model: one answer per index, whatever comes back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from scripted_model import USAGE, ScriptedModel, always, by_index, fenced, request_for, shown

from hardwon.agents import Composer, Mode, ModelProposer, Request, UnansweredError
from hardwon.agents.gathering import as_they_come
from hardwon.agents.prompts import manual_of
from hardwon.languages.manual import Manual
from hardwon.models.protocol import CapReachedError, ModelError
from hardwon.records import Answer, Completion, Finish, Parameters, Task, Usage, exchange_key
from support import DOUBLE, DOUBLED, ROWS, SUMMED, toy_task


def proposed(proposer: ModelProposer, request: Request) -> dict[int, Answer]:
    async def scene() -> list[Answer]:
        return [answer async for answer in proposer.propose(request)]

    answers = asyncio.run(scene())
    assert len({answer.index for answer in answers}) == len(answers)
    return {answer.index: answer for answer in answers}


def until_it_stops(proposer: ModelProposer, request: Request) -> tuple[list[int], Exception]:
    """Return the indices that came before the error that ended it, and the error."""
    seen: list[int] = []

    async def scene() -> None:
        async for answer in proposer.propose(request):
            seen.append(answer.index)

    with pytest.raises((CapReachedError, ModelError)) as caught:
        asyncio.run(scene())
    return sorted(seen), caught.value


def test_every_wanted_index_is_asked_for_once() -> None:
    model = always(fenced(DOUBLED))
    answers = proposed(ModelProposer(model), request_for(DOUBLE, (3, 5, 8)))
    assert sorted(answers) == sorted(asked.index for asked in model.asked) == [3, 5, 8]
    assert {answer.impl for answer in answers.values()} == {DOUBLED}
    assert {asked.role for asked in model.asked} == {"proposer"}


def test_an_answer_says_what_it_cost_and_which_exchange_it_was() -> None:
    model = always(fenced(DOUBLED))
    answer = proposed(ModelProposer(model), request_for(DOUBLE, (4,)))[4]
    (asked,) = model.asked
    assert answer.usage == USAGE
    assert answer.note is None
    assert answer.exchanges == (exchange_key("fake", asked.prompt, asked.parameters, 4),)


def test_all_samples_are_asked_for_at_once() -> None:
    model = always(fenced(DOUBLED))
    proposed(ModelProposer(model), request_for(DOUBLE, 20))
    assert model.together == 20


def test_samples_come_as_they_arrive() -> None:
    async def scene() -> list[int]:
        first_may_come = asyncio.Event()

        class Slow(ScriptedModel):
            async def complete(self, prompt, parameters, *, index=0, role="proposer"):  # type: ignore[no-untyped-def]
                if index == 0:
                    await first_may_come.wait()
                return Completion(text=fenced(DOUBLED), finish=Finish.STOP)

        came = []
        async for answer in ModelProposer(Slow(lambda _: "")).propose(request_for(DOUBLE, 3)):
            came.append(answer.index)
            if len(came) == 2:
                first_may_come.set()
        return came

    assert asyncio.run(scene())[-1] == 0


@pytest.mark.parametrize(
    ("completion", "impl", "note"),
    [
        (Completion(text="", finish=Finish.EMPTY), None, "the model answered without any text"),
        (Completion(text="I cannot.", finish=Finish.REFUSAL), None, "the model declined to answer"),
        (
            Completion(text=fenced(DOUBLED), finish=Finish.LENGTH),
            DOUBLED,
            "the answer was cut off at the limit of tokens",
        ),
        (
            Completion(text="```yaml\nimpl: |-\n  E1 = step.Ma", finish=Finish.LENGTH),
            "E1 = step.Ma",
            "the answer was cut off at the limit of tokens",
        ),
        (
            Completion(text="<think>So", finish=Finish.LENGTH),
            None,
            "the answer was cut off at the limit of tokens",
        ),
        (
            Completion(text="I'd need more time.", finish=Finish.STOP),
            None,
            "the answer holds no program",
        ),
        (Completion(text=fenced(DOUBLED), finish=Finish.STOP), DOUBLED, None),
    ],
)
def test_whatever_comes_back_is_an_answer(
    completion: Completion, impl: str | None, note: str | None
) -> None:
    model = by_index({0: completion, 1: fenced(DOUBLED)})
    answers = proposed(ModelProposer(model), request_for(DOUBLE, 2))
    assert (answers[0].impl, answers[0].note) == (impl, note)
    assert answers[0].usage == Usage()
    assert answers[1].impl == DOUBLED


FAILED = Completion(text="HTTP 500", finish=Finish.FAILED, usage=Usage(requests=6))


def test_a_request_without_an_answer_is_no_sample_and_ends_no_other() -> None:
    model = by_index({0: fenced(DOUBLED), 1: FAILED, 2: fenced(DOUBLED), 3: FAILED})
    came, error = until_it_stops(ModelProposer(model), request_for(DOUBLE, 4))
    assert came == [0, 2]
    assert isinstance(error, UnansweredError)
    assert str(error) == "no answer came to the proposer's request: HTTP 500"


def test_a_provider_that_raises_costs_one_sample(caplog: pytest.LogCaptureFixture) -> None:
    model = by_index({0: RuntimeError("odd reply"), 1: fenced(DOUBLED)})
    came, error = until_it_stops(ModelProposer(model), request_for(DOUBLE, 2))
    assert came == [1]
    assert isinstance(error, UnansweredError)
    assert "RuntimeError: odd reply" in str(error)
    assert "a request of the proposer failed" in caplog.text


def test_every_request_is_heard_of_when_it_is_answered() -> None:
    heard: list[Usage] = []
    model = by_index({0: fenced(DOUBLED), 1: FAILED})
    until_it_stops(ModelProposer(model), replace(request_for(DOUBLE, 2), asked=heard.append))
    assert sorted(usage.requests for usage in heard) == [USAGE.requests, 6]


@pytest.mark.parametrize("error", [CapReachedError("0.50 USD are spent"), ModelError("no key")])
def test_a_stop_comes_after_everything_that_arrived(error: Exception) -> None:
    said = dict.fromkeys(range(6), fenced(DOUBLED)) | {0: error, 4: error}
    model = by_index(said)
    assert until_it_stops(ModelProposer(model), request_for(DOUBLE, 6)) == ([1, 2, 3, 5], error)
    assert len(model.asked) == 6


def test_who_leaves_early_leaves_nothing_running() -> None:
    async def scene() -> None:
        class Stuck(ScriptedModel):
            async def complete(self, prompt, parameters, *, index=0, role="proposer"):  # type: ignore[no-untyped-def]
                if index:
                    await asyncio.Event().wait()
                return Completion(text=fenced(DOUBLED), finish=Finish.STOP)

        answers = ModelProposer(Stuck(lambda _: "")).propose(request_for(DOUBLE, 5))
        assert (await anext(answers)).index == 0
        await answers.aclose()  # type: ignore[attr-defined]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())


# How to sample


def parameters(request: Request) -> Parameters:
    model = always(fenced(DOUBLED))
    proposed(ModelProposer(model, max_tokens=77), request)
    (only,) = {asked.parameters for asked in model.asked}
    return only


def test_a_request_decides_how_to_sample() -> None:
    asked = parameters(request_for(DOUBLE, 3, temperature=0.4, seed=1))
    assert (asked.temperature, asked.max_tokens, asked.grammar) == (0.4, 77, None)
    assert asked == parameters(request_for(DOUBLE, (9,), temperature=0.4, seed=1))


def test_seed_task_and_temperature_decide_the_samples() -> None:
    requests = [
        request_for(text, temperature=temperature, seed=seed)
        for text in (DOUBLE, ROWS)
        for temperature in (0.4, 1.0)
        for seed in (1, 2)
    ]
    seeds = {parameters(request).seed for request in requests}
    assert len(seeds) == len(requests)
    assert all(seed is not None and 0 <= seed < 2**31 for seed in seeds)


def test_the_grammar_is_the_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_grammar(task: Task) -> Manual | None:
        manual = manual_of(task)
        return manual and replace(manual, grammar='root ::= "return E0"')

    monkeypatch.setattr("hardwon.agents.proposing.manual_of", with_grammar)
    model = always("return E0")
    answers = proposed(ModelProposer(model, grammar=True), request_for(DOUBLE))
    assert model.asked[0].parameters.grammar == 'root ::= "return E0"'
    assert answers[0].impl == "return E0"


@pytest.mark.usefixtures("toy")
def test_a_language_without_a_grammar_cannot_hold_a_model_to_it() -> None:
    proposer = ModelProposer(always(""), grammar=True)
    seen, error = until_it_stops(proposer, request_for(toy_task()))
    assert seen == []
    assert "the language 'toy' has no grammar" in str(error)


# Modes


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        (Mode.SINGLE_NO_IR, f"```python\ndef program(E0):\n    {DOUBLED}\n```"),
        (Mode.SINGLE, fenced(DOUBLED)),
        (Mode.AGENT, fenced(DOUBLED)),
    ],
)
def test_a_mode_shows_tasks_in_its_way(mode: Mode, answer: str) -> None:
    model = always(answer)
    demonstrations = (shown(ROWS, SUMMED),)
    request = request_for(DOUBLE, demonstrations=demonstrations)
    assert proposed(ModelProposer(model, mode=mode), request)[0].impl == DOUBLED
    prompt = model.asked[0].prompt
    is_script = mode is Mode.SINGLE_NO_IR
    assert prompt == Composer(script=is_script).proposal(request.task, demonstrations)
    assert ("def program(E0):" in prompt.messages[-1].text) == is_script
    assert ("test_name: tiny/double" in prompt.messages[-1].text) != is_script


# Gathering


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


def test_no_more_is_taken_at_once_than_may_be() -> None:
    async def scene() -> None:
        taken: list[int] = []

        async def work(number: int) -> int:
            taken.append(number)
            return number

        results = as_they_come(numbers(5), work, at_once=2)
        assert await anext(results) == 0
        await asyncio.sleep(0.01)
        assert taken == [0, 1]
        assert [number async for number in results] == [1, 2, 3, 4]

    asyncio.run(scene())


def test_other_errors_end_everything_at_once() -> None:
    async def scene() -> None:
        async def work(number: int) -> int:
            if number == 1:
                raise OSError("broken")
            await asyncio.Event().wait()
            return number

        with pytest.raises(OSError, match="broken"):
            [number async for number in as_they_come(numbers(3), work)]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())
