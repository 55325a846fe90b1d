"""What HTTP servers of models say when they fail, in words and as the right exception."""

import ipaddress
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from hardwon.models.protocol import ModelError
from hardwon.models.provider import PromptRefusedError, PromptTooLongError, TransientError

_LONGEST_MESSAGE = 500
_ONCE_MORE = frozenset({408, 409, 425, 429})
_ELSEWHERE = frozenset({404, 405, 407, 410, 421, 426, 501, 505})
"""What no request to the same address will change."""
_STATUS_OF = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "rate_limit_error": 429,
}
"""What servers call errors that they send without a status; whatever else may pass."""
_UNPAID = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|credit balance|balance is (too low|insufficient)"
    r"|(billing[_ ]hard|spending)[_ ]limit|out of credits",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model_not_found|model[^.]{0,80}?(does ?n[o']t exist|not exist|not found)"
    r"|(unknown|invalid) model\b",
    re.IGNORECASE,
)
_NO_KEY = re.compile(r"(invalid|incorrect|no) api[ _-]?key|api[ _-]?key not valid", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum context|too many (input )?tokens|\btoo (long|large)\b"
    r"|exceed(s|ed)? (the )?(maximum|max|available|limit)\b[^.]{0,40}\b(tokens|context|length)"
    r"|tokens\b[^.]{0,60}must be (<|less|at most|smaller)",
    re.IGNORECASE,
)
_TOO_LONG_FOR_GOOD = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|prompt is too long",
    re.IGNORECASE,
)
"""What is no passing failure, although the status says so."""
_HTML = re.compile(r"(?is)<(script|style)\b.*?</\1>|<[!/a-z][^>]*>")


@dataclass(frozen=True, slots=True)
class Server:
    """Who is asked, for messages; and the key that no message may show."""

    model: str
    url: str
    key: str | None = field(repr=False)
    key_variable: str
    usual_path: str = ""
    """How the base URL of such a server ends."""

    def hide(self, text: str) -> str:
        """Return a text on one line, not too long and without the key."""
        if self.key:
            text = text.replace(self.key, "***")
        text = " ".join(text.split())
        return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 3] + "..."

    @property
    def place(self) -> str:
        """Where it is, without user names and queries that may be secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    @property
    def base(self) -> str:
        """The address to which paths are added."""
        return urlunsplit(urlsplit(self.url)._replace(query="", fragment=""))

    @property
    def query(self) -> dict[str, str]:
        """What goes along with every request, as some gateways want it."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def hint(self) -> str:
        """What is unusual about the base URL, for messages; often nothing."""
        if self.usual_path and not urlsplit(self.url).path.rstrip("/").endswith(self.usual_path):
            return f" (most end in {self.usual_path})"
        return ""

    @property
    def here(self) -> bool:
        """Whether it is on this machine; proxies of the environment are not for it then."""
        return is_loopback(urlsplit(self.url).hostname or "")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The body of an answer that reports an error."""

    message: str
    code: str = ""
    parameter: str | None = None
    """The part of the request that is to blame, where the server names it."""


def read_refusal(body: str) -> Refusal:
    """Find the message in an error's body; servers agree on no single form."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return Refusal(_HTML.sub(" ", body) if body.lstrip().startswith("<") else body)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return Refusal(body)
    inner = value.get("error", value)
    if not isinstance(inner, dict):
        return Refusal(str(inner))
    message = inner.get("message", inner.get("detail", body))
    code = inner.get("code") or inner.get("type") or inner.get("status") or ""
    parameter = inner.get("param")
    return Refusal(
        message if isinstance(message, str) else json.dumps(message),
        str(code),
        parameter if isinstance(parameter, str) else None,
    )


def error_of(
    server: Server, status: int, refusal: Refusal, headers: Mapping[str, str]
) -> Exception:
    """Return the exception that a status stands for.

    Args:
        server: who answered.
        status: the HTTP status, 300 or above.
        refusal: what the body says.
        headers: of the answer; Retry-After counts, in seconds or as a date.
    """
    said = f"HTTP {status}: {server.hide(refusal.message) or 'no reason given'}"
    text = f"{refusal.code} {refusal.message}"
    advice = _advice(server, status, text)
    if advice is not None:
        return ModelError(f"{server.model} at {server.place}: {said}; {advice}")
    too_long = _TOO_LONG_FOR_GOOD if status == 500 else _TOO_LONG
    is_length = status == 413 or (status in {400, 422, 500} and too_long.search(text))
    if is_length:
        return PromptTooLongError(
            f"{said}; --context makes prompts shorter, --max-output-tokens the room for answers"
        )
    if status in _ONCE_MORE or status >= 500:
        return TransientError(said, retry_after=retry_after(headers))
    return PromptRefusedError(said)


def error_within(server: Server, refusal: Refusal) -> Exception:
    """Return the exception of an error that came with the status of success."""
    is_number = re.fullmatch(r"[3-5]\d\d", refusal.code)
    status = int(refusal.code) if is_number else _STATUS_OF.get(refusal.code, 500)
    text = f"{refusal.code} {refusal.message}"
    if status == 500 and (_advice(server, 400, text) or _TOO_LONG.search(text)):
        status = 400
    return error_of(server, status, refusal, {})


def unreachable(server: Server, reason: str) -> TransientError:
    """Return the exception of a connection that could not even be made."""
    return TransientError(
        f"no connection to {server.place} ({server.hide(reason)}); is the server running?",
        reached=False,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds a server asks to wait, if it does."""
    value = next((v for name, v in headers.items() if name.lower() == "retry-after"), None)
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    # Also false for a number that is none.
    return seconds if 0 <= seconds < float("inf") else None


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, where nobody asks for keys or money."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    # A server that listens everywhere says so by an address without a host: 0.0.0.0, or ::.
    return address.is_loopback or address.is_unspecified


def _advice(server: Server, status: int, text: str) -> str | None:
    """Say what helps where no request can succeed; None where others may."""
    if status == 402 or (status in {400, 403, 429} and _UNPAID.search(text)):
        return "the account has no credit left"
    if status == 401 or (status in {400, 403} and _NO_KEY.search(text)):
        return f"check the key in {server.key_variable}"
    if status == 403:
        return f"the key in {server.key_variable} may not use this model"
    if status in {400, 404, 422} and _NO_MODEL.search(text):
        return "check the model's name"
    if status < 400 or status in _ELSEWHERE:
        return f"check the model's name and the base URL{server.hint}"
    return None
