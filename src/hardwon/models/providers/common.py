"""What the providers share: reading answers of which nothing can be taken for granted."""

import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

from hardwon.models.http import Refusal, Server, error_of, unreachable
from hardwon.models.provider import Reply, TransientError
from hardwon.models.tolerance import Tolerance

NO_KEY = "none"
"""Sent to servers on this machine, which ask for no key, since the libraries want one."""


@cache
def client_options() -> dict[str, Any]:
    """Return how an HTTP client reaches servers on this machine.

    Not by the proxies of the environment, which know nothing of this machine. Certificates are read
    once, since that takes longer than many a request.
    """
    return {"trust_env": False, "verify": ssl.create_default_context()}


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


def connection_error(server: Server, error: BaseException) -> TransientError:
    """Return what a failed connection of an HTTP library amounts to.

    The library's own exception is the cause of the SDK's; whether the request had been sent is told
    by its name, since several libraries share the names.
    """
    cause = error.__cause__ or error
    kind = type(cause).__name__
    reason = str(cause) or kind
    if kind in {"ConnectError", "ConnectTimeout", "UnsupportedProtocol", "InvalidURL"}:
        return unreachable(server, reason)
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
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(text_of(table(part).get("text")) for part in content)
    return ""


def parse(server: Server, body: bytes) -> object:
    """Return the JSON of an answer.

    Raises:
        TransientError: if it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        beginning = server.hide(body[:200].decode("utf-8", "replace"))
        # The model has answered, so it may well have been billed.
        raise TransientError(
            f"unreadable answer: no JSON, but {beginning!r}", billed=True
        ) from None


def sendable(text: str) -> str:
    """Return a text that UTF-8 can carry: lone surrogates become replacement characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def first(value: object) -> Mapping[str, Any]:
    """Return the first object of a list; an empty one if there is none."""
    return table(value[0]) if isinstance(value, list) and value else {}


def table(value: object) -> Mapping[str, Any]:
    """Return an object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}
