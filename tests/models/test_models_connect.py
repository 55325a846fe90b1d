"""A name says which model is meant; what is missing is said before anything is sent."""

import asyncio
import importlib.util
import json
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from stub_server import PARAMETERS, StubServer, Waits, ask, chat, error, settings_for

from hardwon.models import (
    Caps,
    Estimate,
    Ledger,
    ModelError,
    PriceTable,
    ResponseFile,
    Settings,
    connect,
    estimate,
    price_of,
)
from hardwon.records import Completion, Finish, Parameters

pytest.importorskip("openai")

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEYS, "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("spec", ["", "gpt-4o", "openai", "openai:", "cohere:x", "local:", ":x"])
def test_a_name_of_no_form_is_answered_with_the_forms(spec: str) -> None:
    with pytest.raises(ModelError, match=r"expected openai:NAME.*anthropic.*local:FILE.*replay"):
        connect(spec)


@pytest.mark.parametrize("spec", ["openai:x", "anthropic:x", "google:x"])
def test_a_missing_key_is_named(spec: str) -> None:
    with pytest.raises(ModelError, match=rf"{spec} needs a key: set (OPENAI|ANTHROPIC|GEMINI)_API"):
        connect(spec)


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "http://"])
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ModelError, match="is no base URL"):
        connect("openai:x", Settings(base_url=url))


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("gpt-4o", "openai:gpt-4o"),
        ("claude-sonnet-4-5", "anthropic:claude-sonnet-4-5"),
        ("Gemini-2.5-pro", "google:Gemini-2.5-pro"),
        ("models/tiny.GGUF", "local:models/tiny.GGUF"),
        ("answers.yaml", "scripted:answers.yaml"),
        ("OpenAI: gpt-4o", "openai:gpt-4o"),
        ("ollama:qwen3:8b", "openai:qwen3:8b, with the server's --base-url"),
    ],
)
def test_a_name_of_no_form_is_answered_with_what_was_probably_meant(spec: str, meant: str) -> None:
    with pytest.raises(ModelError) as caught:
        connect(spec)
    assert str(caught.value).endswith(f"; did you mean {meant}?")


def test_space_around_a_key_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with StubServer([chat()]).running() as server:
            monkeypatch.setenv("OPENAI_API_KEY", " sk-1234\r\n")
            model = connect("openai:stub", settings_for(server))
            await model.complete(ask(), PARAMETERS)
            await model.close()
            assert server.calls[0].headers["authorization"] == "Bearer sk-1234"

    asyncio.run(main())


@pytest.mark.parametrize("key", ["", " ", "\n"])
def test_a_blank_key_is_a_missing_one(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ModelError, match="needs a key"):
        connect("openai:x")


@pytest.mark.parametrize("key", ["sk-se\ncret", "sk-se cret", "sk-secretё"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ModelError, match="the key for openai:x is none") as caught:
        connect("openai:x", Settings(api_key=key))
    assert "cret" not in "".join(traceback.format_exception(caught.value))


def test_the_address_of_a_service_is_no_base_url() -> None:
    settings = Settings(base_url="http://localhost:1/v1/chat/completions")
    with pytest.raises(ModelError, match="give it without /chat/completions"):
        connect("openai:x", settings)


@pytest.mark.parametrize(("path", "hint"), [("", r" \(most end in /v1\)"), ("/v1", "")])
def test_a_wrong_path_says_how_base_urls_end(path: str, hint: str) -> None:
    async def main() -> None:
        async with StubServer([error(404, "Not Found")]).running() as server:
            model = connect("openai:x", settings_for(server, base_url=f"{server.url}{path}/"))
            with pytest.raises(ModelError, match=rf"the base URL{hint}$"):
                await model.complete(ask(), PARAMETERS)
            await model.close()

    asyncio.run(main())


def test_a_library_that_refuses_its_environment_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://:bad")
    with pytest.raises(ModelError, match=r"openai:x cannot be used: .*port"):
        connect("openai:x", Settings(api_key="k"))


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for library in ("openai", "anthropic", "google.genai", "xllamacpp"):
        monkeypatch.setitem(sys.modules, library, None)
    settings = Settings(base_url="http://localhost:1")
    for kind in ("openai", "anthropic", "google"):
        with pytest.raises(ModelError, match=rf"pip install 'hardwon\[{kind}\]'"):
            connect(f"{kind}:x", settings)
    with pytest.raises(ModelError, match=r"pip install 'hardwon\[local\]'"):
        connect("local:x.gguf")


def test_the_environment_says_where_the_server_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with StubServer([chat()]).running() as server:
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/deep/v1/")
            monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
            model = connect("openai:stub")
            await model.complete(ask(), PARAMETERS)
            await model.close()
            [call] = server.calls
            assert call.path == "/deep/v1/chat/completions"
            assert call.headers["authorization"] == "Bearer from-environment"

    asyncio.run(main())


KEY = "sk-verysecret-0123456789"


def test_a_key_is_nowhere_to_be_seen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not in messages, tracebacks, logs, caches or representations, even if a server echoes it."""
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def main() -> None:
        actions = [
            error(500, f"key {KEY} is overloaded"),
            chat(),
            error(400, f"bad request by {KEY}"),
            error(401, f"wrong key {KEY}"),
        ]
        async with StubServer(actions).running() as server:
            with ResponseFile(tmp_path / "responses.db") as cache:
                settings = settings_for(server, api_key=KEY, cache=cache)
                model = connect("openai:stub", settings)
                seen.append(repr(settings) + repr(model) + repr(vars(model)))
                for index in range(2):
                    completion = await model.complete(ask(), PARAMETERS, index=index)
                    seen.append(completion.text)
                with pytest.raises(ModelError, match=r"wrong key \*\*\*") as caught:
                    await model.complete(ask(), PARAMETERS, index=2)
                seen.append("".join(traceback.format_exception(caught.value)))
                await model.close()
            assert all(KEY in call.headers["authorization"] for call in server.calls)

    asyncio.run(main())
    seen += [record.getMessage() for record in caplog.records]
    assert "bad request by ***" in seen[2]
    assert not [text for text in seen if KEY in text]
    for file in tmp_path.iterdir():
        assert KEY.encode() not in file.read_bytes()


def test_a_cap_in_dollars_needs_a_price() -> None:
    settings = Settings(
        base_url="https://models.example.org/v1", api_key="k", ledger=Ledger(Caps(max_usd=1))
    )
    with pytest.raises(ModelError, match=r"price of openai:own-model .* price table"):
        connect("openai:own-model", settings)


def test_users_can_add_prices(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(
        "providers:\n"
        "  mine: {hosts: [models.example.org], models: [{model: 'own-*', input: 1, output: 2}]}\n"
        "  openai: {hosts: [api.openai.com], models: [{model: gpt-4o, input: 7, output: 8}]}\n"
    )
    settings = Settings(prices=file)
    own = price_of("openai:own-1", Settings(prices=file, base_url="https://models.example.org/v1"))
    assert own is not None
    assert own.usd(fresh=1_000_000, cached=500_000, written=0, output=1_000_000) == 3.5
    changed = price_of("openai:gpt-4o", settings)
    assert changed is not None
    assert changed.input == 7
    untouched = price_of("anthropic:claude-3-haiku-20240307", settings)
    assert untouched is not None
    assert price_of("openai:own-1", Settings(base_url="https://other.example.org")) is None
    file.write_text("providers: {mine: {models: [{model: x, input: -1, output: 0}]}}")
    with pytest.raises(ModelError, match=r"prices.yaml.*greater than or equal to 0"):
        price_of("openai:x", settings)


def test_the_price_table_is_sound() -> None:
    [table] = PriceTable.load().files
    for entry in table.providers.values():
        assert entry.hosts
        assert "20" in entry.source, "says when it was read"
        for price in entry.models:
            assert (price.cached or 0) <= price.input <= price.output
            # No earlier pattern takes what a later one is for.
            plain = price.model.replace("*", "").replace("[567]", "5").replace("[57]", "5")
            assert PriceTable.load().find("", entry.hosts[0], plain) == price


def test_models_on_this_machine_are_free() -> None:
    for url in ("http://localhost:8000/v1", "http://127.0.0.1:1/v1", "http://[::1]:1/v1"):
        price = price_of("openai:anything", Settings(base_url=url))
        assert price is not None
        assert price.usd(fresh=10**6, cached=10**6, written=10**6, output=10**6) == 0


def test_a_cap_in_dollars_holds_with_cached_and_thinking_tokens(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        "providers: {stub: {hosts: [127.0.0.1], models: "
        "[{model: stub, input: 1000, cached: 100, output: 4000}]}}"
    )
    usage = {
        "prompt_tokens": 40,
        "completion_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 10},
    }

    async def main() -> tuple[list[object], Ledger]:
        async with StubServer([chat("x", usage=usage)]).running() as server:
            ledger = Ledger(Caps(max_usd=2.0))
            settings = settings_for(server, prices=prices, ledger=ledger, thinking_tokens=0)
            model = connect("openai:stub", settings)
            results = await asyncio.gather(
                *(model.complete(ask("x" * 90), PARAMETERS, index=i) for i in range(30)),
                return_exceptions=True,
            )
            await model.close()
            return list(results), ledger

    results, ledger = asyncio.run(main())
    arrived = [result for result in results if isinstance(result, Completion)]
    each = (20 * 1000 + 20 * 100 + 30 * 4000) / 10**6
    assert arrived[0].usage.usd == pytest.approx(each)
    assert ledger.spent.usd == pytest.approx(each * len(arrived))
    assert 1.5 < ledger.spent.usd <= 2.0


def test_an_estimate_is_never_below_what_is_spent() -> None:
    text = "def f(x):\n    return [[0.125, 17], {'a': x}]\n" * 20
    prompts = [ask(text), ask("short")]
    bound = estimate(
        "openai:gpt-4o", prompts, Parameters(max_tokens=100), samples=3, settings=Settings()
    )
    assert bound.requests == 6
    assert bound.output_tokens == 600
    assert bound.input_tokens > 3 * len(text) / 3
    assert bound.usd == pytest.approx((bound.input_tokens * 2.5 + 600 * 10) / 10**6)
    unknown = Settings(base_url="https://models.example.org")
    other = estimate("openai:x", prompts, Parameters(), samples=1, settings=unknown)
    assert other.usd is None
    assert other.tokens == other.input_tokens + other.output_tokens


# Scripts


def scripted(path: Path, content: object, **options: Any) -> Any:
    path.write_text(json.dumps(content))
    return connect(f"scripted:{path}", Settings(**options))


def say(model: Any, text: str, index: int = 0) -> Completion:
    result: Completion = asyncio.run(model.complete(ask(text), PARAMETERS, index=index))
    return result


def test_a_script_answers_round_and_round(tmp_path: Path) -> None:
    model = scripted(tmp_path / "script.json", ["one", "two", {"text": "", "finish": "stop"}])
    answers = [say(model, "anything", index) for index in range(5)]
    assert [answer.text for answer in answers] == ["one", "two", "", "one", "two"]
    assert answers[2].finish is Finish.EMPTY


def test_a_scripts_rules_look_at_the_task_and_the_prompt(tmp_path: Path) -> None:
    model = scripted(
        tmp_path / "script.yaml",
        {
            "rules": [
                {"task": "a/one", "prompt": "(?i)REPAIR", "answers": ["repaired"]},
                {"task": "a/one", "answers": ["first"]},
                {"task": "a/one-and-half", "answers": ["more"]},
                {"prompt": "b+c", "answers": ["expression"]},
            ],
            "answers": ["else"],
        },
    )
    assert say(model, "example a/one-and-half, now do a/one").text == "first"
    assert say(model, "example a/one, now do a/one-and-half").text == "more"
    assert say(model, "please repair a/one").text == "repaired"
    assert say(model, "abbbc").text == "expression"
    assert say(model, "b/a/one").text == "else"


def test_a_script_can_be_slow(tmp_path: Path) -> None:
    waits = Waits()
    content: dict[str, Any] = {
        "delay": 0.5,
        "rules": [{"prompt": "x", "answers": ["a"], "delay": 2}],
    }
    content["answers"] = ["b"]
    model = scripted(tmp_path / "script.json", content, sleep=waits)
    say(model, "x")
    say(model, "y")
    assert waits.seconds == [2, 0.5]


def test_a_script_that_has_changed_is_another_model(tmp_path: Path) -> None:
    first = scripted(tmp_path / "script.json", ["one"])
    second = scripted(tmp_path / "script.json", ["two"])
    assert first.name != second.name
    (tmp_path / "elsewhere").mkdir()
    assert scripted(tmp_path / "elsewhere/script.json", ["one"]).name == first.name


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "the file: neither answers nor rules"),
        ({}, "the file: neither answers nor rules"),
        ({"answers": 3}, "answers: expected a list"),
        ({"answers": [3]}, "answers.0: expected keys with values"),
        ({"answers": [{"txt": "x"}]}, "answers.0.text: is missing; answers.0.txt: there is no"),
        ({"answers": [{"text": 3}]}, "answers.0.text: expected text"),
        ({"rules": [{"answers": []}]}, "rules.0.answers: expected at least one"),
        ({"answers": ["x"], "typo": 1}, "typo: there is no such key"),
        ({"rules": [{"prompt": "(", "answers": ["x"]}]}, "rules.0.prompt: no regular expression"),
        ({"answers": ["x"], "delay": -1}, "delay: Input should be greater than or equal to 0"),
        ({"answers": ["x"], "delay": "soon"}, "delay: expected a number"),
        ("text", "expected a list of answers, or the keys `rules` and `answers`"),
        (None, "expected a list of answers, or the keys `rules` and `answers`"),
    ],
    ids=repr,
)
def test_a_script_of_no_form_is_refused(content: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        scripted(tmp_path / "script.json", content)
    assert f"script.json cannot be read: {problem}" in str(caught.value)


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing.yaml cannot be read: No such file"):
        connect(f"scripted:{tmp_path}/nothing.yaml")


# Replays


def test_a_replay_needs_no_network_and_no_script(tmp_path: Path) -> None:
    with ResponseFile(tmp_path / "responses.db") as store:
        model = scripted(tmp_path / "script.json", ["one", "two"], cache=store)
        recorded = [say(model, "x", index) for index in range(2)]
        (tmp_path / "script.json").unlink()
        replay = connect("replay", Settings(cache=store, recorded=model.name))
        assert [say(replay, "x", index) for index in range(2)] == recorded
        with pytest.raises(ModelError, match="has no answer for proposer, sample 2"):
            say(replay, "x", 2)


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (None, "at no price that is known"),
        (0.0, "$0.00"),
        (0.0004, "less than $0.01"),
        (0.01, "$0.01"),
        (1234.5, "$1,234.50"),
    ],
)
def test_an_estimate_names_the_currency(usd: float | None, said: str) -> None:
    assert f"tokens, {said};" in str(Estimate(1, 10, 20, usd))


@pytest.mark.parametrize(
    "wrong",
    [{"concurrency": 0}, {"concurrency": -1}, {"timeout": 0.0}, {"timeout": float("nan")}],
)
def test_settings_under_which_nothing_could_be_answered_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        Settings(**wrong)


def test_a_replay_of_nothing_is_refused() -> None:
    with pytest.raises(ModelError, match="needs a recorded run"):
        connect("replay")


# Local models


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs xllamacpp")
class TestLocal:
    def test_a_file_that_is_no_model_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"nothing.gguf cannot be read: No such file"):
            connect(f"local:{tmp_path}/nothing.gguf")
        with pytest.raises(ModelError, match="cannot be read"):
            connect(f"local:{tmp_path}")
        os.mkfifo(tmp_path / "pipe.gguf")  # which nobody writes into: opening it takes for ever
        with pytest.raises(ModelError, match="cannot be read: it is a folder or a device"):
            connect(f"local:{tmp_path}/pipe.gguf")
        (tmp_path / "text.gguf").write_text("hello")
        with pytest.raises(ModelError, match="is no GGUF file"):
            connect(f"local:{tmp_path}/text.gguf")

    def test_a_file_that_cannot_be_loaded_ends_the_run_with_a_reason(self, tmp_path: Path) -> None:
        (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(1000))
        model = connect(f"local:{tmp_path}/bad.gguf")

        async def main() -> None:
            try:
                with pytest.raises(ModelError, match=r"bad.gguf cannot be loaded"):
                    await model.complete(ask(), PARAMETERS)
            finally:
                await model.close()

        asyncio.run(main())
