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
from hardwon.models.http import is_loopback
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


TOO_LONG: dict[str, Action] = {
    "OpenAI": status(
        400,
        '{"error": {"message": "Please reduce the length of the messages.",'
        ' "type": "invalid_request_error", "code": "context_length_exceeded"}}',
    ),
    "llama.cpp": status(
        400,
        '{"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 512, "message":'
        ' "the request exceeds the available context size, try increasing it"}}',
    ),
    "vLLM": error(400, "This model's maximum context length is 512 tokens. You requested 700."),
    "TGI": error(422, "`inputs` tokens + `max_new_tokens` must be <= 512. Given: 650 and 50"),
    "Bedrock": error(400, "Input is too long for requested model."),
    "Google": error(400, "The input token count (700) exceeds the maximum number of tokens"),
    "a proxy": status(413, "<html>413 Request Entity Too Large</html>"),
    "an engine behind a proxy": error(500, "upstream: context_length_exceeded"),
    "as a success": status(200, '{"error": {"message": "prompt is too long: 700 tokens > 512"}}'),
}


@pytest.mark.parametrize("refusal", TOO_LONG.values(), ids=TOO_LONG)
def test_what_is_too_long_is_asked_once(refusal: Action) -> None:
    completions, server = answers([refusal, chat()], samples=5)
    assert all(completion.finish is Finish.FAILED for completion in completions)
    assert all("--context makes prompts shorter" in found.text for found in completions)
    assert len(server.calls) == 1
    assert [completion.usage.requests for completion in completions] == [1, 0, 0, 0, 0]


def test_who_waits_for_a_prompt_that_proves_too_long_does_not_send_it() -> None:
    """All ask at once, and more than are let through at a time."""

    async def main() -> tuple[list[Completion], int]:
        async with StubServer([TOO_LONG["OpenAI"]]).running() as server:
            model = connect("openai:stub", settings_for(server, concurrency=4))
            found = await asyncio.gather(
                *(model.complete(ask(), PARAMETERS, index=index) for index in range(64))
            )
            await model.close()
            return found, len(server.calls)

    completions, calls = asyncio.run(main())
    assert all(completion.finish is Finish.FAILED for completion in completions)
    assert sum(completion.usage.requests for completion in completions) == calls == 1


def test_nobody_waits_for_the_first_answer() -> None:
    """Only a refusal comes so fast: here nothing is answered before all have asked."""

    async def main() -> int:
        asked = asyncio.Semaphore(0)
        everybody = asyncio.Event()

        async def answer(call: Call, writer: asyncio.StreamWriter) -> None:
            asked.release()
            await everybody.wait()
            await chat()(call, writer)

        async with StubServer([answer]).running() as server:
            model = connect("openai:stub", settings_for(server))
            samples = [
                asyncio.create_task(model.complete(ask(), PARAMETERS, index=index))
                for index in range(8)
            ]
            for _ in samples:
                await asked.acquire()
            everybody.set()
            found = await asyncio.gather(*samples)
            await model.close()
            return sum(completion.finish is Finish.STOP for completion in found)

    assert asyncio.run(main()) == 8


def test_other_prompts_and_shorter_answers_are_sent_all_the_same() -> None:
    async def main() -> list[Finish]:
        async with StubServer([TOO_LONG["vLLM"], chat()]).running() as server:
            model = connect("openai:stub", settings_for(server))
            shorter = PARAMETERS.model_copy(update={"max_tokens": 9})
            warmer = PARAMETERS.model_copy(update={"temperature": 1.0, "seed": 4})
            found = [
                await model.complete(ask("a long question"), PARAMETERS),
                await model.complete(ask("a long question"), warmer),
                await model.complete(ask("a long question"), shorter),
                await model.complete(ask(), PARAMETERS),
            ]
            await model.close()
            assert len(server.calls) == 3
            return [completion.finish for completion in found]

    assert asyncio.run(main()) == [Finish.FAILED, Finish.FAILED, Finish.STOP, Finish.STOP]


@pytest.mark.parametrize(
    "trouble",
    [
        error(500, "Context size has been exceeded."),  # by all conversations together
        error(429, "Request too large: limit 9, requested 12 tokens"),
    ],
)
def test_what_may_fit_next_time_is_asked_again(trouble: Action) -> None:
    [completion], server = answers([trouble, chat()])
    assert completion.finish is Finish.STOP
    assert len(server.calls) == 2


def test_a_refusal_for_another_reason_says_nothing_of_the_next_sample() -> None:
    completions, server = answers([error(400, "failed to generate a tool call"), chat()], samples=2)
    assert [completion.finish for completion in completions] == [Finish.FAILED, Finish.STOP]
    assert len(server.calls) == 2


def test_a_web_page_is_no_work_of_a_model_and_names_the_proxy() -> None:
    """A proxy that wants a login lets nobody through, and bills nobody."""
    page = status(200, "<!DOCTYPE html><title>Sign in</title><p>to the guest network")

    async def main() -> int:
        async with StubServer([page]).running() as server:
            settings = settings_for(server, attempts=3)
            model = connect("openai:stub", settings)
            with pytest.raises(ModelError, match=r"web page .*Sign in to the guest .* proxy"):
                await model.complete(ask(), PARAMETERS)
            await model.close()
            assert len(server.calls) == 3
            return settings.ledger.spent.requests

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize(
    "end",
    ["/v1", "/v1/", "/v1#part", "/v1?version=2&key=a%26b", "/v1/?version=2&key=a%26b"],
)
def test_a_base_url_may_end_in_a_slash_or_a_query(end: str) -> None:
    async def main() -> list[str]:
        async with StubServer([chat()]).running() as server:
            settings = settings_for(server, base_url=f"{server.url}{end}")
            model = connect("openai:stub", settings)
            assert (await model.complete(ask(), PARAMETERS)).finish is Finish.STOP
            await model.close()
            return [call.path for call in server.calls]

    query = "?version=2&key=a%26b" if "?" in end else ""
    assert asyncio.run(main()) == [f"/v1/chat/completions{query}"]


def test_a_query_stays_secret() -> None:
    async def main() -> str:
        async with StubServer([error(404, "no such page")]).running() as server:
            settings = settings_for(server, base_url=f"{server.url}/v1?key=hush")
            model = connect("openai:stub", settings)
            with pytest.raises(ModelError) as caught:
                await model.complete(ask(), PARAMETERS)
            await model.close()
            return str(caught.value)

    assert "hush" not in asyncio.run(main())


def test_a_server_of_ipv6_on_this_machine_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    async def main() -> Completion:
        stub = StubServer([chat("hello")])
        try:
            server = await asyncio.start_server(stub._serve, "::1", 0)
        except OSError:
            pytest.skip("no IPv6 here")
        port = server.sockets[0].getsockname()[1]
        model = connect("openai:stub", settings_for(stub, base_url=f"http://[::1]:{port}/v1"))
        completion = await model.complete(ask(), PARAMETERS)
        await model.close()
        server.close()
        return completion

    assert asyncio.run(main()).text == "hello"


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_it_is_known_which_hosts_are_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


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
