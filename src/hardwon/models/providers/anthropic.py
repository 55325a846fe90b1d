"""Anthropic's models, with their prompt cache."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hardwon.models.extras import require
from hardwon.models.http import Server, error_within, read_refusal
from hardwon.models.provider import Counts, Reply, TransientError
from hardwon.models.providers.answers import message_of, parse
from hardwon.models.providers.common import (
    NO_KEY,
    client_options,
    connection_error,
    negotiated,
    rejection,
    sendable,
    table,
    text_of,
)
from hardwon.models.providers.room import Room
from hardwon.models.tolerance import Tolerance
from hardwon.records import Finish, Parameters, Prompt, Speaker

_OPTIONAL = ("temperature", "thinking")
_FINISHES = {
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.REFUSAL,
}
_LEAST_BUDGET = 1024
"""Of thinking, by Anthropic's interface."""


class AnthropicProvider:
    """One model behind Anthropic's messages, by the `anthropic` library."""

    def __init__(
        self,
        name: str,
        server: Server,
        model: str,
        *,
        timeout: float,
        thinking_tokens: int | None = None,
    ) -> None:
        """Prepare the connection; nothing is sent yet.

        Args:
            name: what the model is called in a run.
            server: where it is, with the key.
            model: what the server calls it.
            timeout: seconds without a sign of life until a request is given up.
            thinking_tokens: asks the model to think, with this budget on top of its answer.

        Raises:
            ModelError: if the library is missing.
        """
        self._anthropic = require("anthropic", "anthropic")
        anthropic = self._anthropic
        self._client: Any = anthropic.AsyncAnthropic(
            base_url=server.base,
            default_query=server.query,
            api_key=server.key or NO_KEY,
            max_retries=0,  # retries are ours: the library's would not be counted
            timeout=timeout,
            http_client=anthropic.DefaultAsyncHttpxClient(**client_options(here=server.here)),
        )
        self._name = name
        self._server = server
        self._model = model
        self._budget = max(thinking_tokens, _LEAST_BUDGET) if thinking_tokens else None
        self._room = Room(name, self._budget)
        self._tolerance = Tolerance(name, _OPTIONAL)

    @property
    def name(self) -> str:
        """What the model is called in a run."""
        return self._name

    def output_limit(self, parameters: Parameters) -> int:
        """Return the limit that is sent, thinking included."""
        return self._room.limit(parameters)

    async def send(self, prompt: Prompt, parameters: Parameters, index: int, limit: int) -> Reply:
        """Send one request; see `Provider.send`. There is no seed: all samples are drawn anew."""

        async def attempt(options: dict[str, Any]) -> Reply:
            return self._read(await self._post(prompt, options, limit))

        return await negotiated(
            self._server, self._tolerance, lambda: self._options(parameters), attempt
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _options(self, parameters: Parameters) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self._budget:
            # A model that thinks samples at its own temperature.
            options["thinking"] = {"type": "enabled", "budget_tokens": self._budget}
        elif parameters.temperature is not None:
            options["temperature"] = min(parameters.temperature, 1.0)
        if self._tolerance.streams:
            options["stream"] = True
        return self._tolerance.accepted(options)

    async def _post(self, prompt: Prompt, options: Mapping[str, Any], limit: int) -> object:
        anthropic = self._anthropic
        system, messages = conversation(prompt)
        try:
            # Not by the library's own method for messages: it knows only some models' parameters.
            body = await self._client.post(
                "/v1/messages",
                cast_to=bytes,
                body={
                    "model": self._model,
                    "max_tokens": limit,
                    "messages": messages,
                    **({"system": system} if system else {}),
                    **options,
                },
            )
        except anthropic.APIStatusError as error:
            refusal = read_refusal(error.response.text)
            raise rejection(
                self._server, error.status_code, refusal, error.response.headers
            ) from None
        except anthropic.APIConnectionError as error:
            raise connection_error(self._server, error) from None
        except (anthropic.AnthropicError, ValueError) as error:
            raise TransientError(
                self._server.hide(f"unreadable answer: {error}"), billed=True
            ) from None
        return parse(self._server, body, message_of)

    def _read(self, answer: object) -> Reply:
        if not isinstance(answer, dict):
            raise TransientError("unreadable answer: not a JSON object", billed=True)
        if answer.get("type") == "error":
            raise error_within(self._server, read_refusal(json.dumps(answer)))
        if "content" not in answer:
            raise TransientError("unreadable answer: no content", billed=True)
        blocks = answer["content"]
        parts = [table(block) for block in blocks] if isinstance(blocks, list) else []
        text = text_of(blocks) or _called(parts)
        thinking = "\n".join(
            text_of(part.get("thinking")) for part in parts if part.get("type") == "thinking"
        )
        finish = _FINISHES.get(str(answer.get("stop_reason")), Finish.STOP)
        if not text.strip() and finish is Finish.STOP:
            finish = Finish.EMPTY
        counts = _counts(table(answer.get("usage")))
        hidden = any(part.get("type") == "redacted_thinking" for part in parts)
        if thinking or hidden or counts.thinking:
            self._room.seen()
        model = answer.get("model")
        return Reply(
            text, finish, thinking or None, model if isinstance(model, str) else "", counts
        )


def conversation(prompt: Prompt) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the system's blocks and the messages; the last stable one ends the cached prefix."""
    stable = [number for number, message in enumerate(prompt.messages) if message.stable]
    system: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = []
    for number, message in enumerate(prompt.messages):
        block: dict[str, Any] = {"type": "text", "text": sendable(message.text)}
        if stable and number == stable[-1]:
            block["cache_control"] = {"type": "ephemeral"}
        if message.speaker is Speaker.SYSTEM:
            system.append(block)
        else:
            messages.append({"role": message.speaker.value, "content": [block]})
    return system, messages


def _called(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return what a model wrote as the input of a tool, though none was offered."""
    inputs = [part.get("input") for part in parts if part.get("type") == "tool_use"]
    return json.dumps(inputs[0]) if inputs else ""


def _counts(usage: Mapping[str, Any]) -> Counts:
    fresh, cached, written = (
        usage.get("input_tokens"),
        usage.get("cache_read_input_tokens") or 0,
        usage.get("cache_creation_input_tokens") or 0,
    )
    # Anthropic counts the three apart; all together are the prompt.
    match (fresh, cached, written):
        case (int(), int(), int()):
            total: object = fresh + cached + written
        case _:
            total = fresh
    details = table(usage.get("output_tokens_details"))
    return Counts(
        input=total,
        cached=cached,
        written=written,
        output=usage.get("output_tokens"),
        thinking=details.get("thinking_tokens"),
    )
