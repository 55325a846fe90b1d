"""What is said to Anthropic's and Google's servers, and how their answers are read."""

import asyncio
import json
from typing import Any

import pytest
from stub_server import PARAMETERS, Action, Call, StubServer, Waits, ask, settings_for, status

from hardwon.models import Model, ModelError, connect
from hardwon.records import Completion, Finish, Usage

pytest.importorskip("anthropic")
pytest.importorskip("google.genai")


def talk(
    spec: str, actions: list[Action], samples: int = 1, **options: Any
) -> tuple[list[Completion], list[Call]]:
    async def main() -> tuple[list[Completion], list[Call]]:
        async with StubServer(actions).running() as server:
            options.setdefault("base_url", server.url)
            model: Model = connect(spec, settings_for(server, api_key="secret-key", **options))
            completions = [
                await model.complete(ask(system="be brief"), PARAMETERS, index=index)
                for index in range(samples)
            ]
            await model.close()
            return completions, server.calls

    return asyncio.run(main())


def claude(*blocks: dict[str, Any], stop: str = "end_turn", **usage: Any) -> Action:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-stub",
        "content": list(blocks),
        "stop_reason": stop,
        "usage": {"input_tokens": 10, "output_tokens": 5, **usage},
    }
    return status(200, json.dumps(body))


HELLO = {"type": "text", "text": "hello"}


class TestAnthropic:
    def test_the_stable_beginning_is_marked_for_the_cache(self) -> None:
        _, [call] = talk("anthropic:claude-stub", [claude(HELLO)])
        assert call.path == "/v1/messages"
        # Versions of the library differ in the header.
        assert "secret-key" in call.headers.get("x-api-key", call.headers.get("authorization", ""))
        assert call.body == {
            "model": "claude-stub",
            "max_tokens": 50,
            "temperature": 0.7,
            "system": [
                {"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}
            ],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "say hello"}]}],
        }

    def test_the_three_parts_of_the_input_are_added_up(self) -> None:
        [completion], _ = talk(
            "anthropic:claude-stub",
            [claude(HELLO, cache_read_input_tokens=100, cache_creation_input_tokens=20)],
        )
        usage = completion.usage
        assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (130, 100, 5)

    def test_thinking_is_asked_for_and_told_from_the_answer(self) -> None:
        [completion], [call] = talk(
            "anthropic:claude-stub",
            [claude({"type": "thinking", "thinking": "hm"}, HELLO)],
            thinking_tokens=2000,
        )
        assert call.body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
        assert call.body["max_tokens"] == 2050
        assert "temperature" not in call.body
        assert (completion.thinking, completion.text) == ("hm", "hello")

    def test_a_refused_temperature_is_left_out_from_then_on(self) -> None:
        refusal = {"type": "invalid_request_error", "message": "`temperature` is deprecated"}
        completions, calls = talk(
            "anthropic:claude-stub",
            [status(400, json.dumps({"type": "error", "error": refusal})), claude(HELLO)],
            samples=2,
        )
        assert [completion.finish for completion in completions] == [Finish.STOP] * 2
        assert ["temperature" in call.body for call in calls] == [True, False, False]

    @pytest.mark.parametrize(
        ("answer", "finish"),
        [
            (claude(HELLO, stop="max_tokens"), Finish.LENGTH),
            (claude(stop="refusal"), Finish.REFUSAL),
            (claude(), Finish.EMPTY),
            (claude(stop="pause_turn"), Finish.EMPTY),
            (claude({"type": "redacted_thinking", "data": "x"}, HELLO), Finish.STOP),
        ],
    )
    def test_an_answer_ends_as_it_ends(self, answer: Action, finish: Finish) -> None:
        [completion], _ = talk("anthropic:claude-stub", [answer])
        assert completion.finish is finish

    @pytest.mark.parametrize("code", [529, 200])
    def test_an_overloaded_server_is_asked_again(self, code: int) -> None:
        body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        [completion], calls = talk(
            "anthropic:claude-stub", [status(code, json.dumps(body)), claude(HELLO)]
        )
        assert completion.finish is Finish.STOP
        assert len(calls) == 2

    def test_what_is_no_answer_is_asked_for_again(self) -> None:
        [completion], calls = talk("anthropic:claude-stub", [status(200, "{}"), claude(HELLO)])
        assert completion.text == "hello"
        assert len(calls) == 2

    def test_the_input_of_a_tool_is_an_answer(self) -> None:
        block = {"type": "tool_use", "id": "1", "name": "write", "input": {"impl": "return E0"}}
        [completion], _ = talk("anthropic:claude-stub", [claude(block, stop="tool_use")])
        assert json.loads(completion.text) == {"impl": "return E0"}

    @pytest.mark.parametrize("code", [401, 200])
    def test_a_wrong_key_ends_the_run(self, code: int) -> None:
        body = {"type": "error", "error": {"type": "authentication_error", "message": "bad key"}}
        with pytest.raises(ModelError, match="bad key; check the key in ANTHROPIC_API_KEY"):
            talk("anthropic:claude-stub", [status(code, json.dumps(body))])

    def test_no_credit_ends_the_run_though_the_status_is_400(self) -> None:
        said = "Your credit balance is too low to access the Anthropic API."
        body = {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
        with pytest.raises(ModelError, match="no credit left"):
            talk("anthropic:claude-stub", [status(400, json.dumps(body))])


def gemini(*parts: dict[str, Any], finish: str = "STOP", **usage: int) -> Action:
    body = {
        "candidates": [
            {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish}
        ],
        "usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 5, **usage},
        "modelVersion": "gemini-stub-001",
    }
    return status(200, json.dumps(body))


class TestGoogle:
    def test_a_request_says_what_the_parameters_say(self) -> None:
        [completion], [call] = talk("google:gemini-stub", [gemini({"text": "hello"})])
        assert call.path.endswith("models/gemini-stub:generateContent")
        assert call.headers["x-goog-api-key"] == "secret-key"
        assert call.body["contents"] == [{"role": "user", "parts": [{"text": "say hello"}]}]
        assert call.body["systemInstruction"]["parts"] == [{"text": "be brief"}]
        configuration = call.body["generationConfig"]
        assert configuration["maxOutputTokens"] == 50
        assert configuration["temperature"] == 0.7
        assert isinstance(configuration["seed"], int)
        assert completion.text == "hello"
        assert completion.usage == Usage(requests=1, input_tokens=20, output_tokens=5)

    def test_thoughts_are_counted_and_told_from_the_answer(self) -> None:
        [completion], _ = talk(
            "google:gemini-stub",
            [gemini({"text": "hm", "thought": True}, {"text": "hello"}, thoughtsTokenCount=9)],
        )
        assert (completion.thinking, completion.text) == ("hm", "hello")
        assert completion.usage.output_tokens == 14
        assert completion.usage.thinking_tokens == 9

    @pytest.mark.parametrize(
        ("answer", "finish"),
        [
            (gemini({"text": "half"}, finish="MAX_TOKENS"), Finish.LENGTH),
            (gemini(finish="SAFETY"), Finish.REFUSAL),
            (status(200, '{"promptFeedback": {"blockReason": "SAFETY"}}'), Finish.REFUSAL),
            (gemini({"text": "half"}, finish="RECITATION"), Finish.REFUSAL),
            (gemini(finish="MALFORMED_FUNCTION_CALL"), Finish.EMPTY),
            (gemini({"text": "all"}, finish="OTHER"), Finish.STOP),
            (gemini(), Finish.EMPTY),
        ],
    )
    def test_an_answer_ends_as_it_ends(self, answer: Action, finish: Finish) -> None:
        [completion], _ = talk("google:gemini-stub", [answer])
        assert completion.finish is finish

    @pytest.mark.parametrize("body", ["{}", "null", "", '{"error": {"code": 503}}', "[1]"])
    def test_what_is_no_answer_is_asked_for_again(self, body: str) -> None:
        [completion], calls = talk(
            "google:gemini-stub", [status(200, body), gemini({"text": "hello"})]
        )
        assert completion.text == "hello"
        assert len(calls) == 2

    def test_a_request_to_wait_is_found_in_the_body(self) -> None:
        delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "41.5s"}
        body = {"error": {"code": 429, "message": "quota per minute", "details": [delay]}}
        waits = Waits()
        talk(
            "google:gemini-stub",
            [status(429, json.dumps(body)), gemini({"text": "hello"})],
            sleep=waits,
        )
        assert max(waits.seconds) >= 41.4

    def test_the_argument_of_a_tool_is_an_answer(self) -> None:
        call = {"functionCall": {"name": "write", "args": {"impl": "return E0"}}}
        [completion], _ = talk("google:gemini-stub", [gemini(call)])
        assert json.loads(completion.text) == {"impl": "return E0"}

    @pytest.mark.parametrize("trouble", [status(503, "{}"), status(200, "no JSON")])
    def test_what_passes_costs_one_more_request(self, trouble: Action) -> None:
        [completion], calls = talk("google:gemini-stub", [trouble, gemini({"text": "hello"})])
        assert completion.finish is Finish.STOP
        assert len(calls) == 2

    def test_a_wrong_key_ends_the_run_though_the_status_is_400(self) -> None:
        body = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID"}}
        with pytest.raises(ModelError, match="check the key in GEMINI_API_KEY"):
            talk("google:gemini-stub", [status(400, json.dumps(body))])

    def test_a_server_that_is_not_there_ends_the_run(self) -> None:
        with pytest.raises(ModelError, match="is the server running"):
            talk("google:gemini-stub", [], base_url="http://127.0.0.1:1", attempts=2)
