"""The JSON of an answer, whole or in pieces.

Some servers, and proxies before them, know nothing but streams: though nobody asked for one, they
send events or lines of JSON, each with a little of the answer. Put together, those are the answer.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hardwon.models.http import Server, read_refusal
from hardwon.models.provider import TransientError
from hardwon.models.providers.common import first, table, text_of

Piece = Mapping[str, Any]

_FIELDS = frozenset({b"data", b"event", b"id", b"retry", b""})
"""Of server-sent events; without a name it is a comment."""
_DONE = b"[DONE]"
_LAST: Piece = {"done": True}


def parse(server: Server, body: bytes, whole: Callable[[Sequence[Piece]], Piece]) -> object:
    """Return the JSON of an answer.

    Args:
        server: who answered, for messages.
        body: what it sent.
        whole: puts the pieces of a stream together to what an answer in one piece would have been.

    Raises:
        TransientError: if it is none, or the end is missing.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        pieces = _pieces(body)
    if pieces:
        return whole(pieces)
    text = body[:2000].decode("utf-8", "replace")
    said = server.hide(read_refusal(text).message)
    if text.lstrip().startswith("<"):
        # No model writes web pages of its own accord: this was a proxy, or another kind of server.
        raise TransientError(
            f"a web page came in place of an answer: {said!r:.200}; check the base URL"
            f"{server.hint}, and whether a proxy asks for a login",
            reached=False,
        ) from None
    # The model has answered, so it may well have been billed.
    raise TransientError(f"unreadable answer: no JSON, but {said!r:.200}", billed=True) from None


def chat_of(pieces: Sequence[Piece]) -> Piece:
    """Put pieces of OpenAI's form, or of Ollama's own, together to one answer of OpenAI's form.

    Raises:
        TransientError: if the end is missing.
    """
    texts = {"content": "", "reasoning_content": "", "refusal": "", "arguments": ""}
    usage: Piece = {}
    model = reason = None
    ended = False
    for piece in pieces:
        choice = first(piece.get("choices"))
        if piece.get("error") or choice.get("error"):
            return piece
        delta = table(choice.get("delta") or choice.get("message") or piece.get("message"))
        function = table(first(delta.get("tool_calls")).get("function"))
        found = {
            "content": delta.get("content") or choice.get("text"),
            "reasoning_content": _thoughts(delta),
            "refusal": delta.get("refusal"),
            "arguments": function.get("arguments"),
        }
        texts = {name: text + text_of(found[name]) for name, text in texts.items()}
        reason = choice.get("finish_reason") or piece.get("done_reason") or reason
        ended = ended or bool(reason) or piece.get("done") is True
        usage = table(piece.get("usage")) or _usage_by_ollama(piece) or usage
        model = piece.get("model") or model
    if not ended:
        raise _cut_off()
    message = {**texts, "tool_calls": [{"function": {"arguments": texts.pop("arguments")}}]}
    return {
        "model": model,
        "choices": [{"message": message, "finish_reason": reason}],
        "usage": usage,
    }


def message_of(pieces: Sequence[Piece]) -> Piece:
    """Put the events of one of Anthropic's streams together to a message.

    Raises:
        TransientError: if the end is missing.
    """
    message: dict[str, Any] = {}
    blocks: dict[object, dict[str, Any]] = {}
    usage: dict[str, Any] = {}
    ended = False
    for piece in pieces:
        match piece.get("type"):
            case "error":
                return piece
            case "message_start":
                message |= table(piece.get("message"))
                usage |= table(message.get("usage"))
            case "content_block_start":
                blocks[piece.get("index")] = dict(table(piece.get("content_block")))
            case "content_block_delta":
                block = blocks.setdefault(piece.get("index"), {"type": "text"})
                delta = table(piece.get("delta"))
                for name in ("text", "thinking"):
                    block[name] = text_of(block.get(name)) + text_of(delta.get(name))
            case "message_delta":
                message |= table(piece.get("delta"))
                usage |= table(piece.get("usage"))
                ended = True
    if not ended:
        raise _cut_off()
    return {**message, "content": list(blocks.values()), "usage": usage}


def _pieces(body: bytes) -> list[Piece]:
    """Return the objects in server-sent events or in lines of JSON; none if it is neither."""
    found: list[Piece] = []
    for line in body.splitlines():
        name, colon, data = line.partition(b":")
        is_event = bool(colon) and name in _FIELDS
        if is_event and name != b"data":
            continue
        content = (data if is_event else line).strip()
        if not content:
            continue
        try:
            piece = _LAST if content == _DONE else json.loads(content)
        except (ValueError, RecursionError):
            return []
        if not isinstance(piece, dict):
            return []
        found.append(piece)
    return found


def _cut_off() -> TransientError:
    return TransientError("the stream of the answer was cut off", billed=True)


def _thoughts(delta: Piece) -> object:
    return delta.get("reasoning_content") or delta.get("reasoning") or delta.get("thinking")


def _usage_by_ollama(piece: Piece) -> Piece:
    if "eval_count" not in piece:
        return {}
    return {
        "prompt_tokens": piece.get("prompt_eval_count"),
        "completion_tokens": piece["eval_count"],
    }
