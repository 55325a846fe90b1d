"""A server of models on loopback that behaves, or misbehaves, as it is told."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from hardwon.models import Ledger, Settings
from hardwon.records import Message, Parameters, Prompt, Speaker


@dataclass(frozen=True)
class Call:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Action = Callable[[Call, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class StubServer:
    """Does one thing after the other, one for each request; the last one again and again."""

    actions: list[Action]
    calls: list[Call] = field(default_factory=list)
    answered: int = 0
    """Complete answers with the status of success: what a provider would bill."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["StubServer"]:
        handlers: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._serve(reader, writer))
            handlers.add(task)
            task.add_done_callback(handlers.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(handlers):
                task.cancel()
            await asyncio.gather(*handlers, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            call = Call(head[0].split()[1], headers, json.loads(body))
            action = self.actions[min(len(self.calls), len(self.actions) - 1)]
            self.calls.append(call)
            await action(call, writer)
            self.answered += getattr(action, "billed", False)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def status(code: int, body: str, /, **headers: str) -> Action:
    """Answer with a status, a body and headers; underscores in their names stand for hyphens."""

    async def act(_: Call, writer: asyncio.StreamWriter) -> None:
        content = body.encode()
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(
            f"HTTP/1.1 {code} Status\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"{extra}Content-Length: {len(content)}\r\n\r\n".encode()
            + content
        )

    act.billed = code == 200  # type: ignore[attr-defined]
    return act


def error(code: int, message: str, /, param: str | None = None, **headers: str) -> Action:
    """Answer with an error as OpenAI words it."""
    body = {"error": {"message": message, "type": "some_error", "param": param, "code": None}}
    return status(code, json.dumps(body), **headers)


USAGE: dict[str, Any] = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}


def chat(
    text: str | None = "hello",
    *,
    finish: str = "stop",
    usage: object = USAGE,
    **message: object,
) -> Action:
    """Answer as OpenAI's chat completions do."""
    body = {
        "model": "stub-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish,
            }
        ],
        "usage": usage,
    }
    return status(200, json.dumps(body))


async def silence(_: Call, __: asyncio.StreamWriter) -> None:
    """Take the request and never say anything."""
    await asyncio.Event().wait()


async def hang_up(_: Call, __: asyncio.StreamWriter) -> None:
    """Take the request and close the connection."""


async def cut(_: Call, writer: asyncio.StreamWriter) -> None:
    """Break off in the middle of an answer."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        b'{"choices": [{"message": {"content": "hel'
    )


async def cut_chunks(_: Call, writer: asyncio.StreamWriter) -> None:
    """Break off in the middle of an answer that is sent in chunks."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'20\r\n{"choices": [{"message": {"conte\r\n'
    )


async def trickle(_: Call, writer: asyncio.StreamWriter) -> None:
    """Send a little now and then, and never come to an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


@dataclass
class Waits:
    """Stands in for `asyncio.sleep`: notes how long, and does not."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def settings_for(server: StubServer, **options: Any) -> Settings:
    """Return how to reach a stub: no waiting, and a ledger of its own."""
    return Settings(
        **{
            "base_url": f"{server.url}/v1",
            "ledger": Ledger(),
            "sleep": Waits(),
            "timeout": 20.0,
            **options,
        }
    )


def ask(text: str = "say hello", system: str | None = None) -> Prompt:
    """Return a prompt of one question, after a stable message if there is one."""
    messages = [Message(speaker=Speaker.USER, text=text)]
    if system is not None:
        messages.insert(0, Message(speaker=Speaker.SYSTEM, text=system, stable=True))
    return Prompt(messages=tuple(messages))


PARAMETERS = Parameters(temperature=0.7, max_tokens=50, seed=3)
