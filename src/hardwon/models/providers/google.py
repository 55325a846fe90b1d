"""Google's Gemini models."""

import json
import re
from typing import Any

from hardwon.models.extras import require
from hardwon.models.http import Server, read_refusal
from hardwon.models.provider import Counts, Reply, TransientError
from hardwon.models.providers.common import (
    NO_KEY,
    client_options,
    connection_error,
    negotiated,
    rejection,
    sendable,
)
from hardwon.models.providers.room import Room
from hardwon.models.seeds import sample_seed
from hardwon.models.tolerance import Tolerance
from hardwon.records import Finish, Parameters, Prompt, Speaker

_OPTIONAL = ("temperature", "seed", "thinking_config")
_REFUSED = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"})
_RETRY_DELAY = re.compile(r'"retryDelay"\s*:\s*"(?P<seconds>[\d.]+)s"')
_ROLES = {Speaker.USER: "user", Speaker.ASSISTANT: "model"}


class GoogleProvider:
    """One model behind Google's interface, by the `google-genai` library.

    Google caches stable beginnings of prompts on its own; nothing has to be marked.
    """

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
            timeout: seconds until a request is given up.
            thinking_tokens: budget for thinking on top of the answer; 0 asks for none.

        Raises:
            ModelError: if the library is missing.
        """
        genai = require("google.genai", "google")
        self._types = require("google.genai.types", "google")
        self._errors = require("google.genai.errors", "google")
        self._client: Any = genai.Client(
            api_key=server.key or NO_KEY,
            vertexai=False,
            http_options=self._types.HttpOptions(
                base_url=server.url,
                timeout=int(timeout * 1000),
                retry_options=self._types.HttpRetryOptions(attempts=1),  # retries are ours
                async_client_args=client_options(here=True) if server.here else None,
            ),
        )
        self._name = name
        self._server = server
        self._model = model
        self._budget = thinking_tokens
        self._room = Room(name, thinking_tokens)
        self._tolerance = Tolerance(name, _OPTIONAL)

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
            return self._read(await self._post(prompt, options, limit))

        return await negotiated(
            self._server, self._tolerance, lambda: self._options(parameters, index), attempt
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aio.aclose()

    def _options(self, parameters: Parameters, index: int) -> dict[str, Any]:
        options: dict[str, Any] = {
            "temperature": parameters.temperature,
            "seed": sample_seed(parameters.seed, index),
        }
        if self._budget is not None:
            options["thinking_config"] = self._types.ThinkingConfig(
                thinking_budget=self._budget, include_thoughts=self._budget > 0
            )
        given = {name: value for name, value in options.items() if value is not None}
        return self._tolerance.accepted(given)

    async def _post(self, prompt: Prompt, options: dict[str, Any], limit: int) -> Any:
        system = [m.text for m in prompt.messages if m.speaker is Speaker.SYSTEM]
        contents = [
            {"role": _ROLES[m.speaker], "parts": [{"text": sendable(m.text)}]}
            for m in prompt.messages
            if m.speaker is not Speaker.SYSTEM
        ]
        try:
            return await self._client.aio.models.generate_content(
                model=self._model,
                contents=contents,
                config=self._types.GenerateContentConfig(
                    max_output_tokens=limit,
                    system_instruction=sendable("\n\n".join(system)) if system else None,
                    **options,
                ),
            )
        except self._errors.APIError as error:
            refusal = read_refusal(_body(error))
            raise rejection(self._server, error.code, refusal, _headers(error)) from None
        except ValueError as error:
            # Neither JSON nor of the interface's form: the model has answered all the same.
            raise TransientError(
                self._server.hide(f"unreadable answer: {error}"), billed=True
            ) from None
        except Exception as error:
            # The library lets the exceptions of whichever HTTP library it uses pass.
            if type(error).__module__.partition(".")[0] in {"httpx", "httpx2", "httpcore"}:
                raise connection_error(self._server, error) from None
            raise

    def _read(self, answer: Any) -> Reply:
        candidates = answer.candidates or []
        if not candidates and answer.prompt_feedback is None and answer.usage_metadata is None:
            raise TransientError("unreadable answer: no candidates", billed=True)
        parts = candidates[0].content.parts if candidates and candidates[0].content else []
        text = "".join(part.text or _called(part) for part in parts or [] if not part.thought)
        thinking = "".join(part.text or "" for part in parts or [] if part.thought)
        finish = _finish(answer, candidates)
        if not text.strip() and finish is Finish.STOP:
            finish = Finish.EMPTY
        counts = _counts(answer.usage_metadata)
        if thinking or counts.thinking:
            self._room.seen()
        return Reply(text, finish, thinking or None, answer.model_version or "", counts)


def _called(part: Any) -> str:
    """Return what a model wrote as a tool's argument or as code, though none was offered."""
    if part.function_call is not None:
        return json.dumps(part.function_call.args)
    return (part.executable_code.code or "") if part.executable_code is not None else ""


def _finish(answer: Any, candidates: Any) -> Finish:
    feedback = answer.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        return Finish.REFUSAL
    if not candidates:
        return Finish.STOP
    reason = getattr(candidates[0].finish_reason, "name", str(candidates[0].finish_reason))
    if reason == "MAX_TOKENS":
        return Finish.LENGTH
    return Finish.REFUSAL if reason in _REFUSED else Finish.STOP


def _counts(usage: Any) -> Counts:
    if usage is None:
        return Counts()
    thinking, answer = usage.thoughts_token_count, usage.candidates_token_count
    # Google counts the answer without the thinking.
    output = None if answer is None and thinking is None else (answer or 0) + (thinking or 0)
    return Counts(
        input=usage.prompt_token_count,
        cached=usage.cached_content_token_count,
        output=output,
        thinking=thinking,
    )


def _body(error: Any) -> str:
    text = getattr(error.response, "text", None)
    return text if isinstance(text, str) else str(error.message or error)


def _headers(error: Any) -> dict[str, str]:
    headers = dict(getattr(error.response, "headers", None) or {})
    if delay := _RETRY_DELAY.search(_body(error)):
        headers.setdefault("retry-after", delay["seconds"])
    return headers
