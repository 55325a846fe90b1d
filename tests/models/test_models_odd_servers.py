"""Servers that err in ways of their own: in the end an answer, or one clear line that ends it."""

import asyncio
import gzip
import json
import shutil
import ssl
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
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
    status,
)

from hardwon.models import ModelError, connect
from hardwon.records import Completion, Finish

pytest.importorskip("openai")


def answers(
    actions: Sequence[Action], samples: int = 1, **options: Any
) -> tuple[list[Completion], StubServer]:
    async def main() -> tuple[list[Completion], StubServer]:
        async with StubServer(list(actions)).running() as server:
            model = connect("openai:stub", settings_for(server, **options))
            try:
                found = [
                    await model.complete(ask(), PARAMETERS, index=index) for index in range(samples)
                ]
            finally:
                await model.close()
            return found, server

    return asyncio.run(main())


def raw(content: bytes) -> Action:
    """Send bytes as they are, and hang up."""

    async def act(_: Call, writer: asyncio.StreamWriter) -> None:
        writer.write(content)

    return act


def choice(**fields: object) -> Action:
    """Answer with one choice of these fields."""
    return status(200, json.dumps({"choices": [fields], "usage": USAGE}))


def unless(refused: Callable[[dict[str, Any]], Action | None]) -> Action:
    """Refuse requests of some forms, and answer the others."""

    async def act(call: Call, writer: asyncio.StreamWriter) -> None:
        await (refused(call.body) or chat())(call, writer)

    return act


GOOD = json.dumps({"choices": [{"message": {"content": "hello"}}]}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def flood(_: Call, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
        await writer.drain()


def bomb() -> bytes:
    content = gzip.compress(b" " * (100 << 20))
    return (
        HEAD + f"Content-Encoding: gzip\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    ) + content


ONCE: dict[str, Action] = {
    "an answer without end": flood,
    "an answer without end, packed": raw(bomb()),
    "packed, and cut": raw(
        HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(GOOD)[:40]
    ),
    "two lengths": raw(HEAD + b"Content-Length: 5\r\nContent-Length: 9\r\n\r\n" + GOOD),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "no content": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a page": status(200, "<!doctype html><title>Sign in</title>"),
    "no choices": status(200, '{"detail": "still loading"}'),
    "choices of another form": status(200, '{"choices": {"0": 1}}'),
    "an error without a code": status(200, '{"error": "upstream is gone"}'),
    "an error in a choice": choice(
        error={"message": "upstream", "code": 502}, message={"content": ""}
    ),
    "an end that is none": choice(message={"content": "E1 ="}, finish_reason="error"),
    "out of resources": choice(message={}, finish_reason="insufficient_system_resource"),
    "nested too deep": status(200, "[" * 100_000),
}


@pytest.mark.parametrize("trouble", ONCE.values(), ids=ONCE)
def test_what_is_no_answer_is_asked_for_again(trouble: Action) -> None:
    [completion], server = answers([trouble, chat("hello")])
    assert (completion.text, completion.finish) == ("hello", Finish.STOP)
    assert len(server.calls) == 2


ENDS: dict[str, tuple[Action, str]] = {
    "redirected in a circle": (
        status(307, "", Location="/v1/chat/completions"),
        "redirects. Check the base URL",
    ),
    "redirected nowhere": (status(302, ""), "HTTP 302.*base URL"),
    "another method": (status(405, '{"detail": "Method Not Allowed"}'), "HTTP 405.*base URL"),
    "not implemented": (status(501, "Unsupported method"), "HTTP 501.*base URL"),
    "a page for 403": (
        status(403, "<html><title>403 Forbidden</title><hr>nginx</html>"),
        "HTTP 403: 403 Forbidden nginx; the key",
    ),
    "no credit, as 400": (error(400, "Your credit balance is too low"), "no credit left"),
    "no credit, as 429": (error(429, "monthly spending limit reached"), "no credit left"),
    "no such model, as a success": (
        status(200, '{"error": {"message": "no", "code": "model_not_found"}}'),
        "check the model's name",
    ),
    "a wrong key, as a success": (
        status(200, '{"error": {"message": "bad key", "code": 401}}'),
        "check the key",
    ),
}


@pytest.mark.parametrize(("trouble", "said"), ENDS.values(), ids=ENDS)
def test_what_no_request_can_change_ends_the_run_and_is_not_billed(
    trouble: Action, said: str
) -> None:
    server = StubServer([trouble])

    async def main() -> int:
        async with server.running():
            settings = settings_for(server)
            model = connect("openai:stub", settings)
            with pytest.raises(ModelError, match=said) as caught:
                await model.complete(ask(), PARAMETERS)
            await model.close()
            assert "\n" not in str(caught.value)
            return settings.ledger.spent.requests

    assert asyncio.run(main()) == 0
    assert len(server.calls) <= 6  # redirects are followed a little way


SAID: dict[str, tuple[Action, Finish, str, str | None]] = {
    "parts of text": (
        choice(message={"content": ["a", {"text": "b"}]}),
        Finish.STOP,
        "ab",
        None,
    ),
    "parts, some of them thoughts": (
        choice(
            message={
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "reasoning", "text": "so"},
                    {"type": "text", "text": "a"},
                ]
            }
        ),
        Finish.STOP,
        "a",
        "hmso",
    ),
    "the argument of a tool": (
        choice(
            message={"content": None, "tool_calls": [{"function": {"arguments": '{"impl": "x"}'}}]}
        ),
        Finish.STOP,
        '{"impl": "x"}',
        None,
    ),
    "in the old form": (choice(text="a"), Finish.STOP, "a", None),
    "an unknown end": (
        choice(message={"content": "a"}, finish_reason="eos"),
        Finish.STOP,
        "a",
        None,
    ),
    "an end that is a list": (
        choice(message={"content": "a"}, finish_reason=["length"]),
        Finish.STOP,
        "a",
        None,
    ),
    "filtered": (choice(message={"content": ""}, finish_reason="safety"), Finish.REFUSAL, "", None),
    "a number": (choice(message={"content": 42}), Finish.EMPTY, "", None),
}


@pytest.mark.parametrize(("answer", "finish", "text", "thinking"), SAID.values(), ids=SAID)
def test_answers_are_found_wherever_servers_put_them(
    answer: Action, finish: Finish, text: str, thinking: str | None
) -> None:
    [completion], server = answers([answer])
    assert (completion.finish, completion.text, completion.thinking) == (finish, text, thinking)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("seed", "seed must be between 0 and 65535"),
        ("temperature", "temperature: expected a value of at most 0.5"),
        ("temperature", "Invalid value for 'temperature'"),
    ],
)
def test_an_option_is_left_out_rather_than_every_sample_lost(name: str, message: str) -> None:
    refusal = unless(lambda body: error(400, message) if name in body else None)
    completions, server = answers([refusal], samples=2)
    assert [completion.finish for completion in completions] == [Finish.STOP] * 2
    assert len(server.calls) == 3
    assert name not in server.calls[-1].body


def test_a_prompt_that_is_too_long_is_refused_with_what_makes_it_shorter() -> None:
    said = "request (10171 tokens) exceeds the available context size (8192 tokens)"
    [completion], server = answers([error(400, said)])
    assert completion.finish is Finish.FAILED
    assert "--context makes prompts shorter" in completion.text
    assert len(server.calls) == 1


def test_a_server_that_is_slow_but_alive_is_waited_for() -> None:
    async def slowly(_: Call, writer: asyncio.StreamWriter) -> None:
        for byte in HEAD + f"Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    [completion], server = answers([slowly])
    assert completion.text == "hello"
    assert len(server.calls) == 1


def test_a_connection_that_the_server_closed_meanwhile_is_no_failure() -> None:
    """Answers say that the connection stays open, and it does not."""
    body = HEAD + f"Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD
    completions, server = answers([raw(body)], samples=4)
    assert [completion.text for completion in completions] == ["hello"] * 4
    assert len({completion.usage.requests for completion in completions}) == 1
    assert len(server.calls) == 4


def test_a_certificate_that_nobody_trusts_is_named(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, capture_output=True, check=True)

    async def main() -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        stub = StubServer([chat()])
        settings = settings_for(stub, base_url=f"https://127.0.0.1:{port}/v1", attempts=2)
        model = connect("openai:stub", settings)
        with pytest.raises(ModelError) as caught:
            await model.complete(ask(), PARAMETERS)
        await model.close()
        server.close()
        return str(caught.value)

    assert "certificate verify failed" in asyncio.run(main()).lower()
