"""Servers with OpenAI's interface for chats: OpenAI, vLLM, SGLang, Ollama, llama.cpp and others."""

import json
from collections.abc import Mapping
from typing import Any

from hardwon.models.extras import require
from hardwon.models.http import Refusal, Server, error_within, read_refusal
from hardwon.models.provider import Counts, LimitGrownError, Reply, TransientError
from hardwon.models.providers.answers import chat_of, parse
from hardwon.models.providers.common import (
    NO_KEY,
    client_options,
    connection_error,
    first,
    negotiated,
    rejection,
    sendable,
    table,
    text_of,
    thoughts_of,
)
from hardwon.models.providers.room import Room
from hardwon.models.seeds import sample_seed
from hardwon.models.thinking import split_thinking
from hardwon.models.tolerance import Tolerance
from hardwon.records import Finish, Parameters, Prompt

_LIMIT = "max_tokens"
_LIMIT_OF_REASONING = "max_completion_tokens"
_OPTIONAL = ("temperature", "seed", "grammar", "stream_options", _LIMIT)
_FINISHES = {
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "max_output_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "content_filter": Finish.REFUSAL,
    "refusal": Finish.REFUSAL,
    "safety": Finish.REFUSAL,
    "sensitive": Finish.REFUSAL,
}
_BROKEN_OFF = ("error", "insufficient_system_resource", "network_error")
"""How servers name what is no end of an answer: another try may bring one."""


class OpenAIProvider:
    """One model behind OpenAI's chat completions, by the `openai` library."""

    def __init__(
        self,
        name: str,
        server: Server,
        model: str,
        *,
        timeout: float,
        thinking_tokens: int | None = None,
        extra: str = "openai",
    ) -> None:
        """Prepare the connection; nothing is sent yet.

        Args:
            name: what the model is called in a run.
            server: where it is, with the key.
            model: what the server calls it.
            timeout: seconds without a sign of life until a request is given up.
            thinking_tokens: room for thinking; see `Room`.
            extra: the part of Hardwon that brings the library, for messages.

        Raises:
            ModelError: if the library is missing.
        """
        self._openai = require("openai", extra)
        openai = self._openai
        self._client: Any = openai.AsyncOpenAI(
            base_url=server.base,
            default_query=server.query,
            api_key=server.key or NO_KEY,
            max_retries=0,  # retries are ours: the library's would not be counted
            timeout=timeout,
            http_client=openai.DefaultAsyncHttpxClient(**client_options(here=server.here)),
        )
        self._name = name
        self._server = server
        self._model = model
        self._tolerance = Tolerance(name, _OPTIONAL)
        self._room = Room(name, thinking_tokens)

    @property
    def name(self) -> str:
        """What the model is called in a run."""
        return self._name

    def output_limit(self, parameters: Parameters) -> int:
        """Return the limit that is sent, thinking included."""
        return self._room.limit(parameters)

    async def send(self, prompt: Prompt, parameters: Parameters, index: int, limit: int) -> Reply:
        """Send one request; see `Provider.send`."""

        async def attempt(options: dict[str, Any]) -> Reply:
            return self._read(await self._post(prompt, options))

        def learned() -> None:
            if _LIMIT in self._tolerance.refused:
                self._room.seen()  # only models that think have another name for the limit
                if self._room.limit(parameters) > limit:
                    raise LimitGrownError

        return await negotiated(
            self._server,
            self._tolerance,
            lambda: self._options(parameters, index, limit),
            attempt,
            learned,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _options(self, parameters: Parameters, index: int, limit: int) -> dict[str, Any]:
        name = _LIMIT_OF_REASONING if _LIMIT in self._tolerance.refused else _LIMIT
        options: dict[str, Any] = {
            "temperature": parameters.temperature,
            "seed": sample_seed(parameters.seed, index),
            "grammar": parameters.grammar,
            name: limit,
        }
        if self._tolerance.streams:
            options |= {"stream": True, "stream_options": {"include_usage": True}}
        given = {name: value for name, value in options.items() if value is not None}
        return self._tolerance.accepted(given)

    async def _post(self, prompt: Prompt, options: Mapping[str, Any]) -> object:
        """Return the JSON of the answer, whatever it is."""
        openai = self._openai
        try:
            # Not by the library's own method for chats: it knows only some servers' parameters, and
            # its checks of the messages take longer than everything else of a request.
            body = await self._client.post(
                "/chat/completions",
                cast_to=bytes,
                body={"model": self._model, "messages": _messages(prompt), **options},
            )
        except openai.APIStatusError as error:
            refusal = read_refusal(error.response.text)
            if _filtered(refusal):
                return _refused(self._server.hide(refusal.message))
            raise rejection(
                self._server, error.status_code, refusal, error.response.headers
            ) from None
        except openai.APIConnectionError as error:
            raise connection_error(self._server, error) from None
        except (openai.OpenAIError, ValueError) as error:
            raise TransientError(
                self._server.hide(f"unreadable answer: {error}"), billed=True
            ) from None
        return parse(self._server, body, chat_of)

    def _read(self, answer: object) -> Reply:
        if not isinstance(answer, dict):
            raise TransientError("unreadable answer: not a JSON object", billed=True)
        choices = answer.get("choices")
        choice = first(choices)
        failure = choice if choice.get("error") else answer
        if failure.get("error") and not text_of(table(choice.get("message")).get("content")):
            # Some servers send errors with the status of success.
            raise error_within(self._server, read_refusal(json.dumps(failure)))
        if not isinstance(choices, list):
            said = self._server.hide(json.dumps(answer))
            raise TransientError(f"unreadable answer: no choices, but {said:.200}", billed=True)
        if choice.get("finish_reason") in _BROKEN_OFF:
            raise TransientError(f"broken off: {choice['finish_reason']}", billed=True)
        message = table(choice.get("message") or choice.get("delta"))
        content = message.get("content") or choice.get("text")
        text = text_of(content) or _called(message)
        thoughts = message.get("reasoning_content") or message.get("reasoning")
        # Some servers tell them apart, and leave some of them in the answer all the same.
        inside, text = split_thinking(text)
        apart = text_of(thoughts) or thoughts_of(content)
        thinking = "\n".join(filter(None, (apart, inside))) or None
        finish = _FINISHES.get(str(choice.get("finish_reason")), Finish.STOP)
        refusal_text = text_of(message.get("refusal"))
        if refusal_text:
            text, finish = text or refusal_text, Finish.REFUSAL
        if not text.strip() and finish is Finish.STOP:
            finish = Finish.EMPTY
        counts = _counts(table(answer.get("usage")))
        if thinking or counts.thinking:
            self._room.seen()
        model = answer.get("model")
        return Reply(text, finish, thinking, model if isinstance(model, str) else "", counts)


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    return [
        {"role": message.speaker.value, "content": sendable(message.text)}
        for message in prompt.messages
    ]


def _called(message: Mapping[str, Any]) -> str:
    """Return what a model wrote as the arguments of a tool, though none was offered."""
    calls = message.get("tool_calls")
    function = table(first(calls).get("function") or message.get("function_call"))
    return text_of(function.get("arguments"))


def _counts(usage: Mapping[str, Any]) -> Counts:
    cached = table(usage.get("prompt_tokens_details")).get("cached_tokens")
    if cached is None:
        cached = usage.get("prompt_cache_hit_tokens")  # DeepSeek's name
    details = table(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    thinking = details.get("reasoning_tokens", usage.get("reasoning_tokens"))
    output = usage.get("completion_tokens")
    total = usage.get("total_tokens")
    read = usage.get("prompt_tokens")
    match (read, output, thinking, total):
        case (int(), int(), int(), int()) if thinking and total == read + output + thinking:
            output += thinking  # some servers count the answer alone
    return Counts(input=read, cached=cached, output=output, thinking=thinking)


def _filtered(refusal: Refusal) -> bool:
    """Whether a provider's filter, not the request's form, is why there is no answer."""
    return refusal.code in {"content_filter", "content_policy_violation"}


def _refused(message: str) -> dict[str, Any]:
    """Return the answer that says the same as a filter's error."""
    return {"choices": [{"message": {"refusal": message}, "finish_reason": "content_filter"}]}
