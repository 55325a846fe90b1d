"""What is said to OpenAI-compatible servers, and what is learnt from their answers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import stub_server as stub
from stub_server import PARAMETERS, Action, StubServer, ask, chat, error, settings_for

from hardwon.models import CapReachedError, Caps, Ledger, ResponseFile, connect
from hardwon.models.seeds import sample_seed
from hardwon.records import Completion, Finish, Message, Parameters, Prompt, Speaker, Usage

pytest.importorskip("openai")


def talk(
    actions: list[Action],
    samples: int = 1,
    parameters: Parameters = PARAMETERS,
    prompt: Prompt | None = None,
    **options: Any,
) -> tuple[list[Completion], list[dict[str, Any]]]:
    """Ask a stub for some samples, one after the other; return them with the requests' bodies."""

    async def main() -> tuple[list[Completion], list[dict[str, Any]]]:
        async with StubServer(actions).running() as server:
            model = connect("openai:stub", settings_for(server, **options))
            completions = [
                await model.complete(prompt or ask(), parameters, index=index)
                for index in range(samples)
            ]
            await model.close()
            return completions, [call.body for call in server.calls]

    return asyncio.run(main())


def test_a_request_says_what_the_parameters_say() -> None:
    messages = (
        Message(speaker=Speaker.SYSTEM, text="be brief", stable=True),
        Message(speaker=Speaker.USER, text="first"),
        Message(speaker=Speaker.ASSISTANT, text="second \ud800"),
        Message(speaker=Speaker.USER, text="third"),
    )
    _, [body] = talk([chat()], prompt=Prompt(messages=messages))
    assert body == {
        "model": "stub",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "second \ufffd"},
            {"role": "user", "content": "third"},
        ],
        "temperature": 0.7,
        "max_tokens": 50,
        "seed": sample_seed(3, 0),
    }


def test_room_for_thoughts_is_reserved_before_it_is_used() -> None:
    """All requests begin before anything is learnt; the cap holds all the same."""

    async def main() -> tuple[list[object], Ledger, list[dict[str, Any]]]:
        usage = {"prompt_tokens": 20, "completion_tokens": 5000}
        usage["completion_tokens_details"] = {"reasoning_tokens": 4990}  # type: ignore[assignment]

        async def reasoning(call: stub.Call, writer: asyncio.StreamWriter) -> None:
            if "max_tokens" in call.body:
                await REASONING[0](call, writer)
            else:
                await chat(usage=usage)(call, writer)

        async with StubServer([reasoning]).running() as server:
            ledger = Ledger(Caps(max_tokens=30_000))
            model = connect("openai:stub", settings_for(server, ledger=ledger))
            results = await asyncio.gather(
                *(model.complete(ask(), PARAMETERS, index=index) for index in range(20)),
                return_exceptions=True,
            )
            await model.close()
            return list(results), ledger, [call.body for call in server.calls]

    results, ledger, bodies = asyncio.run(main())
    arrived = [result for result in results if isinstance(result, Completion)]
    assert 20_000 < ledger.spent.tokens <= 30_000
    assert ledger.spent.tokens == 5020 * len(arrived)
    assert all(isinstance(result, Completion | CapReachedError) for result in results)
    # Nothing but the refused requests went out beside those that were answered.
    assert sum("max_tokens" not in body for body in bodies) == len(arrived)


def test_what_is_not_asked_for_is_not_sent() -> None:
    _, [body] = talk([chat()], parameters=Parameters(max_tokens=7))
    assert body.keys() == {"model", "messages", "max_tokens"}


def test_samples_of_one_prompt_get_different_seeds_that_the_run_decides() -> None:
    _, bodies = talk([chat()], samples=4)
    _, again = talk([chat()], samples=4)
    seeds = [body["seed"] for body in bodies]
    assert len(set(seeds)) == 4
    assert seeds == [body["seed"] for body in again]
    assert all(0 <= seed < 1 << 31 for seed in seeds)
    assert sample_seed(4, 0) != sample_seed(3, 0)


REASONING = [
    error(
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        param="max_tokens",
    ),
    error(
        400,
        "Unsupported value: 'temperature' does not support 0.7 with this model. "
        "Only the default (1) value is supported.",
        param="temperature",
    ),
]


def test_what_a_reasoning_model_refuses_is_learnt_once() -> None:
    usage = {**stub.USAGE, "completion_tokens_details": {"reasoning_tokens": 4}}
    completions, bodies = talk([*REASONING, chat(usage=usage)], samples=3)
    assert [completion.finish for completion in completions] == [Finish.STOP] * 3
    assert [completion.usage.thinking_tokens for completion in completions] == [4] * 3
    assert len(bodies) == 5
    for body in bodies[2:]:
        assert "temperature" not in body
        assert "max_tokens" not in body
        # Room for thoughts comes on top of the answer's own limit.
        assert body["max_completion_tokens"] > 50


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        ("Unrecognized request argument supplied: seed", "seed"),
        ("Extra inputs are not permitted: body -> seed", "seed"),
        ("`temperature` is deprecated for this model", "temperature"),
    ],
)
def test_refusals_are_understood_however_they_are_worded(message: str, gone: str) -> None:
    completions, bodies = talk([error(422, message), chat()], samples=2)
    assert all(completion.finish is Finish.STOP for completion in completions)
    assert [gone in body for body in bodies] == [True, False, False]


def test_a_refusal_in_the_form_of_fastapi_is_understood() -> None:
    detail = [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]
    completions, bodies = talk([stub.status(422, json.dumps({"detail": detail})), chat()])
    assert completions[0].finish is Finish.STOP
    assert "seed" not in bodies[1]


def test_a_limit_is_never_left_out() -> None:
    refusing = [
        error(400, "Unknown parameter: 'max_tokens'", param="max_tokens"),
        error(400, "Unknown parameter: 'max_completion_tokens'", param="max_completion_tokens"),
    ]
    completions, bodies = talk(refusing)
    assert completions[0].finish is Finish.FAILED
    assert "max_completion_tokens" in completions[0].text
    assert len(bodies) == 2


def test_a_prompt_that_names_a_parameter_is_no_refusal_of_it() -> None:
    completions, bodies = talk(
        [error(400, "This model's maximum context length is 512: lower max_tokens or seed")]
    )
    assert completions[0].finish is Finish.FAILED
    assert len(bodies) == 1


def test_a_grammar_that_is_wrong_is_not_left_out() -> None:
    parameters = Parameters(max_tokens=50, grammar="root :=")
    completions, bodies = talk([error(400, "failed to parse grammar")], parameters=parameters)
    assert completions[0].finish is Finish.FAILED
    assert [body["grammar"] for body in bodies] == ["root :="]


def test_what_is_left_out_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    talk([error(400, "Unknown parameter: 'seed'"), chat()], samples=3)
    assert [record.getMessage() for record in caplog.records] == [
        "openai:stub takes no seed; it is left out from now on"
    ]


THOUGHTS = [
    chat("the answer", reasoning_content="let me think"),
    chat("the answer", reasoning="let me think"),
    chat("<think>let me think</think>\n\nthe answer"),
    chat("<thinking>\nlet me think\n</thinking>the answer"),
    chat("let me think\n</think>\nthe answer"),
    chat("[THINK]let me think[/THINK]the answer"),
    chat("</think>the answer", reasoning_content="let me think"),
    chat("<think></think>the answer", reasoning="let me think"),
]


@pytest.mark.parametrize("answer", THOUGHTS)
def test_thoughts_are_told_from_the_answer(answer: Action) -> None:
    [completion], _ = talk([answer])
    assert completion.text == "the answer"
    assert completion.thinking == "let me think"
    assert 0 < completion.usage.thinking_tokens <= completion.usage.output_tokens


ONLY_THOUGHTS = [
    chat("<think>E1 = f(E0)"),
    chat("[think] E1 = f(E0)"),
    chat("", reasoning_content="E1 = f(E0)"),
    chat("<think>E1 = f(E0)", reasoning_content="hm"),
]


@pytest.mark.parametrize("answer", ONLY_THOUGHTS)
def test_thoughts_that_never_end_are_no_answer(answer: Action) -> None:
    [completion], _ = talk([answer])
    assert (completion.text, completion.finish) == ("", Finish.EMPTY)
    assert "E1 = f(E0)" in (completion.thinking or "")
    assert completion.usage.thinking_tokens > 0


@pytest.mark.parametrize(
    "details",
    [
        {"completion_tokens_details": {"reasoning_tokens": 4}},
        {"output_tokens_details": {"reasoning_tokens": 4}},
        {"reasoning_tokens": 4},
    ],
)
def test_thinking_is_counted_wherever_servers_say_it(details: dict[str, Any]) -> None:
    [completion], _ = talk([chat(usage={**stub.USAGE, **details})])
    assert completion.usage.thinking_tokens == 4


def test_a_model_that_is_seen_to_think_gets_room_for_it() -> None:
    _, bodies = talk([chat(None, reasoning="hm", finish="length"), chat()], samples=2)
    assert bodies[0]["max_tokens"] == 50
    assert bodies[1]["max_tokens"] > 1000
    _, bodies = talk([chat(None, reasoning="hm", finish="length"), chat()], 2, thinking_tokens=9)
    assert [body["max_tokens"] for body in bodies] == [59, 59]


def test_thoughts_that_a_server_counts_apart_are_output_too() -> None:
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "total_tokens": 125,
        "completion_tokens_details": {"reasoning_tokens": 100},
    }
    [completion], _ = talk([chat(usage=usage)])
    assert completion.usage == Usage(
        requests=1, input_tokens=20, output_tokens=105, thinking_tokens=100
    )


def test_cached_input_is_counted() -> None:
    usage = {**stub.USAGE, "prompt_tokens_details": {"cached_tokens": 16}}
    [completion], _ = talk([chat(usage=usage)])
    assert completion.usage.cached_tokens == 16
    [completion], _ = talk([chat(usage={**stub.USAGE, "prompt_cache_hit_tokens": 15})])
    assert completion.usage.cached_tokens == 15


def test_a_repeated_run_asks_nobody(tmp_path: Path) -> None:
    async def main(cache: ResponseFile) -> None:
        async with StubServer([chat("one"), chat("two"), chat("three")]).running() as server:
            ledgers = Ledger(), Ledger()
            said = []
            for ledger in ledgers:
                model = connect("openai:stub", settings_for(server, cache=cache, ledger=ledger))
                said.append([await model.complete(ask(), PARAMETERS, index=i) for i in range(2)])
                await model.close()
            assert said[0] == said[1]
            assert len(server.calls) == 2
            assert ledgers[1].spent == Usage()

    with ResponseFile(tmp_path / "responses.db") as cache:
        asyncio.run(main(cache))


def test_another_server_is_asked_although_its_model_has_the_same_name(tmp_path: Path) -> None:
    with ResponseFile(tmp_path / "responses.db") as cache:
        talk([chat("one")], cache=cache)
        (second,), bodies = talk([chat("two")], cache=cache)
    assert second.text == "two"
    assert len(bodies) == 1


def test_at_most_so_many_requests_are_under_way() -> None:
    async def main() -> int:
        active = most = 0

        async def slow(call: stub.Call, writer: asyncio.StreamWriter) -> None:
            nonlocal active, most
            active += 1
            most = max(most, active)
            await asyncio.sleep(0.02)
            active -= 1
            await chat()(call, writer)

        async with StubServer([slow]).running() as server:
            settings = settings_for(server, concurrency=3)
            # Two models at one server share its limit.
            models = [connect("openai:one", settings), connect("openai:two", settings)]
            await asyncio.gather(
                *(
                    model.complete(ask(), PARAMETERS, index=index)
                    for model in models
                    for index in range(8)
                )
            )
            for model in models:
                await model.close()
            assert len(server.calls) == 16
        return most

    assert asyncio.run(main()) == 3
