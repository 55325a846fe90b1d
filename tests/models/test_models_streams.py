"""Servers that know nothing but streams: their pieces are put together to the same answer."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from stub_server import (
    PARAMETERS,
    USAGE,
    Action,
    Call,
    StubServer,
    ask,
    chat,
    error,
    settings_for,
)

from hardwon.models import Settings, connect
from hardwon.records import Completion, Finish, Usage

pytest.importorskip("openai")


def said(
    actions: list[Action], samples: int = 1, kind: str = "openai", **options: Any
) -> tuple[list[Completion], list[dict[str, Any]], Settings]:
    """Ask a stub for samples; return them, the requests' bodies, and the settings."""

    async def main() -> tuple[list[Completion], list[dict[str, Any]], Settings]:
        async with StubServer(actions).running() as server:
            settings = settings_for(server, **options)
            model = connect(f"{kind}:stub", settings)
            try:
                found = [
                    await model.complete(ask(), PARAMETERS, index=index) for index in range(samples)
                ]
            finally:
                await model.close()
            return found, [call.body for call in server.calls], settings

    return asyncio.run(main())


def chunked(body: str, kind: str) -> Action:
    """Send a body in chunks of a few bytes, which end anywhere."""

    async def act(_: Call, writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        content = body.encode()
        for start in range(0, len(content), 50):
            piece = content[start : start + 50]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        writer.write(b"0\r\n\r\n")

    return act


def events(pieces: Iterable[object], end: str = "data: [DONE]\n\n") -> Action:
    """Send server-sent events, with all that may stand around them."""
    body = ": still at work\n\n" + "".join(
        f"event: message\r\nid: 7\r\ndata: {json.dumps(piece)}\r\n\r\n" for piece in pieces
    )
    return chunked(body + end, "text/event-stream")


def lines(pieces: Iterable[object]) -> Action:
    """Send a JSON object a line, characters as they are."""
    body = "".join(f"{json.dumps(piece, ensure_ascii=False)}\n" for piece in pieces)
    return chunked(body, "application/x-ndjson")


def delta(reason: str | None = None, **fields: object) -> dict[str, Any]:
    choice = {"index": 0, "delta": fields, "finish_reason": reason}
    return {"object": "chat.completion.chunk", "model": "stub-1", "choices": [choice]}


TEXT = "E1 = f(E0)\u2028 # größe\x1c"
PIECES = [
    delta(role="assistant", content=""),
    *(delta(content=letter) for letter in TEXT),
    delta("stop"),
    {"choices": [], "usage": USAGE},
]
OLLAMA = [
    *({"model": "stub-1", "message": {"content": letter}, "done": False} for letter in TEXT),
    {"done": True, "done_reason": "stop", "prompt_eval_count": 20, "eval_count": 5},
]
FORMS: dict[str, Action] = {
    "events": events(PIECES),
    "events without a mark of the end": events(PIECES, end=""),
    "lines": lines(PIECES),
    "lines of Ollama's own": lines(OLLAMA),
    "one event with all of it": events(
        [{"model": "stub-1", "choices": [{"message": {"content": TEXT}}], "usage": USAGE}]
    ),
}


@pytest.mark.parametrize("answer", FORMS.values(), ids=FORMS)
def test_pieces_are_one_answer(answer: Action) -> None:
    [completion], bodies, settings = said([answer])
    assert completion == Completion(
        text=TEXT,
        finish=Finish.STOP,
        usage=Usage(requests=1, input_tokens=20, output_tokens=5),
        model="stub-1",
    )
    assert len(bodies) == settings.ledger.spent.requests == 1
    assert settings.ledger.estimated == 0


def test_thoughts_in_pieces_are_no_part_of_the_answer() -> None:
    pieces = [
        delta(reasoning_content="let "),
        delta(reasoning_content="me think"),
        delta(content="E1"),
        delta("length"),
    ]
    [completion], _, _ = said([events(pieces)])
    assert (completion.text, completion.finish) == ("E1", Finish.LENGTH)
    assert completion.thinking == "let me think"
    assert completion.usage.thinking_tokens > 0


def test_an_only_chunk_without_anything_around_it_is_an_answer() -> None:
    [completion], _, _ = said([lines([delta("stop", content="E1")])])
    assert completion.text == "E1"


@pytest.mark.parametrize("send", [lines, events])
def test_a_stream_that_is_cut_off_is_asked_for_again(send: Any) -> None:
    cut = send(PIECES[:4]) if send is lines else events(PIECES[:4], end="")
    [completion], bodies, settings = said([cut, chat("hello")])
    assert completion.text == "hello"
    assert len(bodies) == 2
    # It may have been billed; nobody knows how much.
    assert settings.ledger.estimated == 1


def test_an_error_in_the_midst_of_a_stream_is_one() -> None:
    trouble = events([*PIECES[:3], {"error": {"message": "overloaded", "code": 503}}])
    [completion], bodies, _ = said([trouble, chat("hello")])
    assert (completion.text, len(bodies)) == ("hello", 2)


@pytest.mark.parametrize(
    "body", ["data: E1 = f(E0)\n\n", "data: [1]\n\n", ": wait\n\n", '{"a": 1}\n2']
)
def test_lines_that_are_no_stream_of_an_answer_are_none(body: str) -> None:
    [completion], bodies, _ = said([chunked(body, "text/event-stream"), chat("hello")])
    assert (completion.text, len(bodies)) == ("hello", 2)


@pytest.mark.parametrize(
    "message",
    [
        "This model only support stream mode, please enable the stream parameter.",
        "Stream must be set to true",
        "parameter.enable_thinking must be set to false for non-streaming calls",
        "'stream': true is required for this model",
    ],
)
def test_a_server_that_wants_to_be_asked_for_a_stream_is_asked_for_one(message: str) -> None:
    completions, bodies, _ = said([error(400, message), events(PIECES)], samples=3)
    assert [completion.text for completion in completions] == [TEXT] * 3
    assert [body.get("stream") for body in bodies] == [None, True, True, True]
    assert bodies[1]["stream_options"] == {"include_usage": True}


def test_what_such_a_server_does_not_know_is_left_out() -> None:
    refusals = [
        error(400, "non-streaming requests are not supported"),
        error(400, "Unknown parameter: 'stream_options'"),
    ]
    [completion], bodies, settings = said([*refusals, events(PIECES[:-1])])
    assert completion.text == TEXT
    assert len(bodies) == 3
    assert settings.ledger.estimated == 1  # nobody counts the tokens then


def test_a_server_that_never_gets_its_stream_is_not_asked_for_ever() -> None:
    [completion], bodies, _ = said([error(400, "Stream must be set to true")])
    assert completion.finish is Finish.FAILED
    assert len(bodies) == 2


ANTHROPIC = [
    {
        "type": "message_start",
        "message": {"model": "stub-1", "content": [], "usage": {"input_tokens": 20}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking", "thinking": "hm"}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "E1 "}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "= 2"}},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "max_tokens"},
        "usage": {"output_tokens": 9},
    },
    {"type": "message_stop"},
]


def test_events_in_anthropics_form_are_one_message() -> None:
    pytest.importorskip("anthropic")
    [completion], bodies, settings = said([events(ANTHROPIC, end="")], kind="anthropic")
    assert (completion.text, completion.thinking) == ("E1 = 2", "hm")
    assert (completion.finish, completion.model) == (Finish.LENGTH, "stub-1")
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (20, 9)
    assert len(bodies) == 1
    assert settings.ledger.estimated == 0


@pytest.mark.parametrize(
    "trouble",
    [ANTHROPIC[:5], [*ANTHROPIC[:5], {"type": "error", "error": {"type": "overloaded_error"}}]],
    ids=["cut off", "an error"],
)
def test_events_in_anthropics_form_may_break_off(trouble: list[dict[str, Any]]) -> None:
    pytest.importorskip("anthropic")
    [completion], bodies, _ = said(
        [events(trouble, end=""), events(ANTHROPIC, end="")], kind="anthropic"
    )
    assert (completion.text, len(bodies)) == ("E1 = 2", 2)
