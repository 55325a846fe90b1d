"""Whatever a server does, no sample is lost, none is paid twice, and the message is clear."""

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import stub_server as stub
from stub_server import (
    PARAMETERS,
    Action,
    StubServer,
    Waits,
    ask,
    chat,
    error,
    settings_for,
    status,
)

from hardwon.models import (
    CapReachedError,
    Caps,
    Ledger,
    Model,
    ModelError,
    Settings,
    connect,
)
from hardwon.records import Completion, Finish, Usage

pytest.importorskip("openai")


def run(
    actions: list[Action],
    talk: Callable[[Model], Awaitable[object]] | None = None,
    **options: object,
) -> tuple[Completion, StubServer, Settings]:
    """Talk to a stub, by default with a single request."""

    async def main() -> tuple[Completion, StubServer, Settings]:
        async with StubServer(actions).running() as server:
            settings = settings_for(server, **options)
            model = connect("openai:stub", settings)
            try:
                if talk is not None:
                    await talk(model)
                completion = await model.complete(ask(), PARAMETERS)
            finally:
                await model.close()
            return completion, server, settings

    return asyncio.run(main())


def waits(settings: Settings) -> list[float]:
    assert isinstance(settings.sleep, Waits)
    return settings.sleep.seconds


PASSING: dict[str, Action] = {
    "too many requests": error(429, "slow down"),
    "internal error": error(500, "oops"),
    "bad gateway, in HTML": status(502, "<html>bad gateway</html>"),
    "overloaded": error(503, "overloaded"),
    "gateway timeout": error(504, "too slow"),
    "hang up": stub.hang_up,
    "cut in the middle": stub.cut,
    "cut between chunks": stub.cut_chunks,
    "no JSON": status(200, "{'choices': hello"),
    "nothing at all": status(200, ""),
    "JSON of another form": status(200, "[1, 2]"),
    "an error as a success": status(200, '{"error": {"message": "overloaded", "code": 502}}'),
}


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
def test_what_passes_costs_one_more_request_and_no_sample(trouble: Action) -> None:
    completion, server, settings = run([trouble, chat("hello")])
    assert (completion.text, completion.finish) == ("hello", Finish.STOP)
    assert completion.usage.requests == len(server.calls) == 2
    assert len(waits(settings)) >= 1


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_is_a_sample_that_failed_and_says_why(trouble: Action) -> None:
    completion, server, _ = run([chat(), trouble], _once, attempts=3)
    assert completion.finish is Finish.FAILED
    assert "no answer after 3 attempts" in completion.text
    assert len(server.calls) == 4


async def _once(model: Model) -> None:
    assert (await model.complete(ask(), PARAMETERS, index=1)).finish is Finish.STOP


@pytest.mark.parametrize("trouble", [stub.silence, stub.trickle])
def test_a_server_that_never_ends_an_answer_is_given_up(trouble: Action) -> None:
    completion, server, settings = run([trouble, chat()], timeout=0.3)
    assert completion.finish is Finish.STOP
    assert len(server.calls) == 2
    # Nobody knows what the first request has cost: the ledger assumes the worst.
    assert settings.ledger.estimated == 1
    assert settings.ledger.spent.requests == 2


def test_a_silent_server_fails_the_sample_after_all_attempts() -> None:
    completion, server, _ = run([stub.silence], timeout=0.1, attempts=2)
    assert completion.finish is Finish.FAILED
    assert "no complete answer within 0.1 s" in completion.text
    assert len(server.calls) == 2


@pytest.mark.parametrize(
    "asked",
    ["7", "7.0", format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)],
    ids=["seconds", "a fraction", "a date"],
)
def test_a_server_that_asks_to_wait_is_left_alone_so_long(asked: str) -> None:
    _, _, settings = run([error(429, "slow down", Retry_After=asked), chat()])
    longest = max(waits(settings))
    assert longest >= (7 if asked.startswith("7") else 300)
    assert longest <= 300 * 1.2


def test_the_others_wait_as_well_when_a_server_asks_one_to_wait() -> None:
    async def two(model: Model) -> None:
        await model.complete(ask("first"), PARAMETERS)
        await model.complete(ask("second"), PARAMETERS)

    _, server, settings = run([error(429, "slow", Retry_After="50"), chat()], two)
    assert len(server.calls) == 4
    # Besides the pause of the first request itself: nobody passes before the 50 seconds are over.
    assert len([seconds for seconds in waits(settings) if seconds > 45]) == 4


@pytest.mark.parametrize("asked", ["-3", "nan", "inf", "soon", ""])
def test_a_wait_that_makes_no_sense_is_not_waited_for(asked: str) -> None:
    _, _, settings = run([error(503, "busy", Retry_After=asked), chat()])
    assert all(0 <= seconds <= 60 for seconds in waits(settings))


HOPELESS: dict[str, tuple[Action, str]] = {
    "wrong key": (error(401, "Incorrect API key"), "check the key in OPENAI_API_KEY"),
    "no rights": (error(403, "not for you"), "may not use this model"),
    "no such model": (error(404, "no model 'stub'"), "check the model's name"),
    "no such model, as 400": (error(400, "Model does not exist"), "check the model's name"),
    "no money": (error(402, "Insufficient Balance"), "no credit"),
    "no quota": (
        status(429, '{"error": {"message": "quota", "code": "insufficient_quota"}}'),
        "no credit",
    ),
}


@pytest.mark.parametrize(("trouble", "advice"), HOPELESS.values(), ids=HOPELESS)
def test_what_cannot_be_mended_ends_the_run_at_once(trouble: Action, advice: str) -> None:
    calls: list[StubServer] = []

    async def main() -> None:
        async with StubServer([trouble]).running() as server:
            calls.append(server)
            model = connect("openai:stub", settings_for(server))
            with pytest.raises(ModelError, match=advice):
                await model.complete(ask(), PARAMETERS)
            await model.close()

    asyncio.run(main())
    assert len(calls[0].calls) == 1


def test_a_server_that_is_not_there_ends_the_run() -> None:
    async def main() -> Settings:
        async with StubServer([chat()]).running() as server:
            settings = settings_for(server, attempts=3)
        model = connect("openai:stub", settings)
        with pytest.raises(ModelError, match=r"no connection to http://127.*is the server running"):
            await model.complete(ask(), PARAMETERS)
        await model.close()
        return settings

    settings = asyncio.run(main())
    assert len(waits(settings)) == 2
    assert settings.ledger.spent == Usage()


def test_a_server_that_goes_away_costs_samples_and_not_the_run() -> None:
    async def main() -> Completion:
        async with StubServer([chat()]).running() as server:
            model = connect("openai:stub", settings_for(server, attempts=2))
            await model.complete(ask(), PARAMETERS)
        completion = await model.complete(ask(), PARAMETERS, index=1)
        await model.close()
        return completion

    completion = asyncio.run(main())
    assert completion.finish is Finish.FAILED
    assert "no connection" in completion.text


def test_a_server_that_stays_away_ends_the_run_before_every_request_is_tried_in_vain() -> None:
    async def main() -> list[Completion]:
        found = []
        async with StubServer(
            [error(500, "oops")] * 4 + [chat(), error(500, "oops")]
        ).running() as s:
            model = connect("openai:stub", settings_for(s, attempts=2))
            with pytest.raises(
                ModelError, match=r"does not answer any more: 3 requests in a row .* HTTP 500: oops"
            ):
                for index in range(9):
                    found.append(await model.complete(ask(), PARAMETERS, index=index))
            await model.close()
            assert len(s.calls) == 4 + 1 + 3 * 2
        return found

    failed, answered = Finish.FAILED, Finish.STOP
    finishes = [completion.finish for completion in asyncio.run(main())]
    assert finishes == [failed, failed, answered, failed, failed]


def test_a_server_that_refuses_prompts_is_there() -> None:
    async def main() -> None:
        async with StubServer([error(400, "too long")]).running() as server:
            model = connect("openai:stub", settings_for(server, attempts=2))
            for index in range(9):
                completion = await model.complete(ask(), PARAMETERS, index=index)
                assert completion.finish is Finish.FAILED
            await model.close()

    asyncio.run(main())


def test_a_prompt_that_is_refused_fails_alone() -> None:
    async def main() -> tuple[Completion, Completion]:
        long = error(400, "maximum context length is 8192 tokens; reduce max_tokens")
        async with StubServer([long, chat()]).running() as server:
            model = connect("openai:stub", settings_for(server))
            refused = await model.complete(ask(), PARAMETERS)
            fine = await model.complete(ask("something short"), PARAMETERS)
            await model.close()
            assert len(server.calls) == 2
            return refused, fine

    refused, fine = asyncio.run(main())
    assert refused.finish is Finish.FAILED
    assert "maximum context length" in refused.text
    assert fine.finish is Finish.STOP


ENDINGS: dict[str, tuple[Action, Finish, str]] = {
    "empty": (chat(""), Finish.EMPTY, ""),
    "white": (chat(" \n"), Finish.EMPTY, " \n"),
    "null": (chat(None), Finish.EMPTY, ""),
    "no choices": (status(200, '{"choices": []}'), Finish.EMPTY, ""),
    "no message": (status(200, '{"choices": [{}]}'), Finish.EMPTY, ""),
    "truncated": (chat("half of", finish="length"), Finish.LENGTH, "half of"),
    "only thoughts": (chat("<think>hm", finish="length"), Finish.LENGTH, ""),
    "refusal": (chat(None, refusal="I cannot"), Finish.REFUSAL, "I cannot"),
    "filtered": (chat("", finish="content_filter"), Finish.REFUSAL, ""),
    "filtered, as 400": (
        status(400, '{"error": {"message": "filtered", "code": "content_filter"}}'),
        Finish.REFUSAL,
        "filtered",
    ),
    "parts": (
        status(200, '{"choices": [{"message": {"content": [{"text": "a"}, {"text": "b"}]}}]}'),
        Finish.STOP,
        "ab",
    ),
}


@pytest.mark.parametrize(("answer", "finish", "text"), ENDINGS.values(), ids=ENDINGS)
def test_an_answer_ends_as_it_ends_and_is_not_asked_for_again(
    answer: Action, finish: Finish, text: str
) -> None:
    completion, server, _ = run([answer])
    assert (completion.finish, completion.text) == (finish, text)
    assert len(server.calls) == 1


def test_nobody_waits_for_a_server_beyond_the_end_of_the_run() -> None:
    now = 0.0

    async def main() -> Waits:
        waits = Waits()

        async def sleep(seconds: float) -> None:
            nonlocal now
            now += seconds
            await waits(seconds)

        ledger = Ledger(Caps(max_minutes=0.5), clock=lambda: now)
        async with StubServer([error(503, "busy", Retry_After="200")]).running() as server:
            model = connect("openai:stub", settings_for(server, ledger=ledger, sleep=sleep))
            with pytest.raises(CapReachedError, match=r"0\.5 minutes"):
                await model.complete(ask(), PARAMETERS)
            await model.close()
            assert len(server.calls) == 1
        return waits

    assert sum(asyncio.run(main()).seconds) == 30


WRONG_USAGE: list[object] = [
    None,
    "many",
    [],
    {},
    {"prompt_tokens": -5, "completion_tokens": -1},
    {"prompt_tokens": "20", "completion_tokens": "5"},
    {"prompt_tokens": 10**12, "completion_tokens": 10**12},
    {"prompt_tokens": 20, "completion_tokens": 51 + 1},
    {"prompt_tokens": 1.5, "completion_tokens": True},
    {"prompt_tokens": 0, "completion_tokens": 0},
    {"prompt_tokens": None, "completion_tokens": None, "prompt_tokens_details": "x"},
]


@pytest.mark.parametrize("usage", WRONG_USAGE, ids=json.dumps)
def test_counts_that_cannot_be_are_replaced_by_estimates(usage: object) -> None:
    completion, _, settings = run([chat("hello there, how are you?", usage=usage)])
    assert 1 <= completion.usage.input_tokens <= 20
    assert 1 <= completion.usage.output_tokens <= 20
    assert settings.ledger.estimated == 1
    assert settings.ledger.spent.tokens == completion.usage.tokens


def test_parts_of_a_count_are_never_more_than_the_whole() -> None:
    usage = {
        **stub.USAGE,
        "prompt_tokens_details": {"cached_tokens": 21},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    completion, _, _ = run([chat(usage=usage)])
    assert completion.usage.cached_tokens == 0
    assert completion.usage.thinking_tokens == completion.usage.output_tokens == 5


@pytest.mark.parametrize("wrong", [False, True])
def test_a_cap_in_tokens_holds_however_many_ask_at_the_same_time(wrong: bool) -> None:
    usage: object = {"prompt_tokens": -7} if wrong else {**stub.USAGE, "completion_tokens": 50}

    async def main() -> tuple[list[object], StubServer, Settings]:
        async with StubServer([chat("x" * 90, usage=usage)]).running() as server:
            ledger = Ledger(Caps(max_tokens=1000))
            settings = settings_for(server, ledger=ledger)
            model = connect("openai:stub", settings)
            results = await asyncio.gather(
                *(model.complete(ask(), PARAMETERS, index=index) for index in range(40)),
                return_exceptions=True,
            )
            await model.close()
            return list(results), server, settings

    results, server, settings = asyncio.run(main())
    arrived = [result for result in results if isinstance(result, Completion)]
    stopped = [result for result in results if isinstance(result, CapReachedError)]
    assert len(arrived) + len(stopped) == 40
    assert all(completion.finish is Finish.STOP for completion in arrived)
    # Each request that was sent was answered, and nothing was sent that might not fit.
    assert len(server.calls) == server.answered == len(arrived) == settings.ledger.spent.requests
    assert 700 < settings.ledger.spent.tokens <= 1000
    assert "the cap of 1000 tokens is reached" in str(stopped[0])
    assert "remain" in str(stopped[0])


def test_under_all_kinds_of_trouble_no_sample_is_lost_and_none_is_paid_twice() -> None:
    troubles = [*PASSING.values(), stub.silence]

    async def main() -> tuple[list[Completion], StubServer]:
        actions: list[Action] = []
        for number in range(40):
            actions += [troubles[number % len(troubles)], chat(f"answer {number}")]
        async with StubServer(actions).running() as server:
            model = connect("openai:stub", settings_for(server, timeout=1.0, attempts=12))
            completions = await asyncio.gather(
                *(model.complete(ask(), PARAMETERS, index=index) for index in range(30))
            )
            await model.close()
            return completions, server

    completions, server = asyncio.run(main())
    assert all(completion.finish is Finish.STOP for completion in completions)
    good = [call for call in completions if call.text.startswith("answer")]
    assert len(good) == len({completion.text for completion in good}) == 30
    # Every second action is a good answer: as many were given as there are samples.
    assert len(server.calls) // 2 == 30


INTERRUPTED = """
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs inherit to ignore it
sys.path[:0] = sys.argv[2].splitlines()
from pathlib import Path
from hardwon.models import ResponseFile, connect
from stub_server import PARAMETERS, StubServer, ask, chat, settings_for, silence

async def main():
    async with StubServer([chat("one"), chat("two"), chat("three"), silence]).running() as server:
        with ResponseFile(Path(sys.argv[1])) as cache:
            model = connect("openai:stub", settings_for(server, cache=cache))
            requests = [model.complete(ask(), PARAMETERS, index=index) for index in range(10)]
            arrived = 0
            try:
                for next_one in asyncio.as_completed(requests):
                    await next_one
                    arrived += 1
                    if arrived == 3:
                        print("three are here", flush=True)
            finally:
                await model.close()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_an_interrupted_run_keeps_what_has_arrived(tmp_path: Path) -> None:
    here = "\n".join([str(Path(__file__).parent), *sys.path])
    file = tmp_path / "responses.db"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(file), here], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "three are here\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out == "interrupted\n"
    with contextlib.closing(sqlite3.connect(file)) as cache:
        rows = cache.execute("SELECT completion FROM responses").fetchall()
    assert sorted(json.loads(text)["text"] for (text,) in rows) == ["one", "three", "two"]
