"""What the providers share: reading answers of which nothing can be taken for granted."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import cache
from typing import Any

from hardwon.models.http import Refusal, Server, error_of, unreachable
from hardwon.models.protocol import ModelError
from hardwon.models.provider import Reply, TransientError
from hardwon.models.tolerance import Tolerance

NO_KEY = "none"
"""Sent to servers on this machine, which ask for no key, since the libraries want one."""


MOST_BYTES = 16 << 20
"""Of one answer; what goes on beyond that goes on for ever."""
_REDIRECTS = 5


class AnswerTooLongError(ValueError):
    """An answer has passed `MOST_BYTES`. The libraries let it pass like other unreadable ones."""


def client_options(*, here: bool) -> dict[str, Any]:
    """Return how an HTTP client reaches servers.

    Args:
        here: whether on this machine. Then not by the proxies of the environment, which know
            nothing of it; and certificates are read once, since that takes longer than many a
            request.
    """
    options = {"event_hooks": {"response": [_bounded]}, "max_redirects": _REDIRECTS}
    return options | ({"trust_env": False, "verify": _certificates()} if here else {})


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()


async def _bounded(response: Any) -> None:
    """Make an HTTP library's response raise an error in place of an answer without end."""
    pieces = response.aiter_bytes

    async def bounded(*arguments: Any) -> AsyncIterator[bytes]:
        size = 0
        async for piece in pieces(*arguments):
            size += len(piece)
            if size > MOST_BYTES:
                raise AnswerTooLongError(f"it is longer than {MOST_BYTES >> 20} MiB")
            yield piece

    # Counted as unpacked, which a compressed answer is only here.
    response.aiter_bytes = bounded


class BadRequestError(Exception):
    """The server says that a request is wrong: HTTP 400 or 422."""

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.status = status
        self.refusal = refusal


def rejection(
    server: Server, status: int, refusal: Refusal, headers: Mapping[str, str]
) -> Exception:
    """Return what a status that is none of success amounts to."""
    if status in {400, 422}:
        return BadRequestError(status, refusal)
    return error_of(server, status, refusal, headers)


async def negotiated(
    server: Server,
    tolerance: Tolerance,
    options: Callable[[], dict[str, Any]],
    attempt: Callable[[dict[str, Any]], Awaitable[Reply]],
    learned: Callable[[], None] = lambda: None,
) -> Reply:
    """Send a request without the options that the server refuses.

    What it refuses is left out from now on. Nothing was billed, and each round leaves out one thing
    more, so this ends.

    Args:
        server: where the request goes.
        tolerance: knows what has been refused so far.
        options: returns those to send, as tolerance accepts them.
        attempt: sends them.
        learned: called after each refusal from which something was learned.
    """
    while True:
        given = options()
        try:
            return await attempt(given)
        except BadRequestError as error:
            if not tolerance.learn(given, error.refusal):
                raise error_of(server, error.status, error.refusal, {}) from None
            learned()


def connection_error(server: Server, error: BaseException) -> Exception:
    """Return what a failed connection of an HTTP library amounts to.

    The library's own exception is the cause of the SDK's; whether the request had been sent is told
    by its name, since several libraries share the names.
    """
    cause = error.__cause__ or error
    kind = type(cause).__name__
    reason = str(cause) or kind
    if kind in {"ConnectError", "ConnectTimeout", "UnsupportedProtocol", "InvalidURL"}:
        return unreachable(server, reason)
    if kind == "TooManyRedirects":
        return ModelError(f"{server.model} at {server.place}: {reason} Check the base URL")
    if kind == "PoolTimeout":
        return TransientError("no free connection")
    said = "took too long to answer" if "Timeout" in kind else "broke the connection"
    return TransientError(
        f"{server.place} {said} ({server.hide(reason)})",
        reached="Write" not in kind,
        billed=True,
    )


def text_of(content: object) -> str:
    """Return the text of a message's content: a text, parts with texts, or nothing."""
    return "".join(text for text, is_thought in _parts(content) if not is_thought)


def thoughts_of(content: object) -> str:
    """Return what parts of a message's content are the model's thoughts."""
    return "".join(text for text, is_thought in _parts(content) if is_thought)


def _parts(content: object) -> Iterator[tuple[str, bool]]:
    """Yield the texts in a content, and whether they are thoughts."""
    if isinstance(content, str):
        yield content, False
    elif isinstance(content, list):
        for part in content:
            yield from _parts(part)
    elif isinstance(content, dict):
        kind = content.get("type")
        if kind in {"thinking", "reasoning"}:
            yield text_of(content.get(kind) or content.get("text")), True
        else:
            yield from _parts(content.get("text"))


def sendable(text: str) -> str:
    """Return a text that UTF-8 can carry: lone surrogates become replacement characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def first(value: object) -> Mapping[str, Any]:
    """Return the first object of a list; an empty one if there is none."""
    return table(value[0]) if isinstance(value, list) and value else {}


def table(value: object) -> Mapping[str, Any]:
    """Return an object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}
