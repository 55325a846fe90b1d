"""What was answered is never asked again; what failed is."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stub_server import PARAMETERS, ask

from hardwon.models import (
    CacheError,
    CapReachedError,
    Model,
    ModelError,
    ReplayModel,
    ResponseFile,
    default_cache_path,
)
from hardwon.models.caching import Cached
from hardwon.records import (
    Completion,
    Exchange,
    Finish,
    Parameters,
    Prompt,
    Usage,
    exchange_key,
)


class Memory:
    """A store in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Exchange] = {}

    def find(self, key: str) -> Completion | None:
        exchange = self.kept.get(key)
        return None if exchange is None else exchange.completion

    def keep(self, exchange: Exchange) -> None:
        self.kept.setdefault(exchange.key, exchange)


class Fake:
    """A model that answers when the test lets it."""

    name = "fake:one"

    def __init__(self, finish: Finish = Finish.STOP, text: str = "answer") -> None:
        self.text = text
        self.asked: list[int] = []
        self.go = asyncio.Event()
        self.closed = False
        self.finish = finish

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        self.asked.append(index)
        await self.go.wait()
        return Completion(text=self.text and f"answer {len(self.asked)}", finish=self.finish)

    async def close(self) -> None:
        self.closed = True


def cached(
    model: Model, *, record: Memory | None = None, cache: Memory | ResponseFile | None = None
) -> Cached:
    return Cached(model, record=record, cache=cache, finishing=lambda: False)


def test_equal_requests_at_the_same_time_are_sent_once() -> None:
    async def main() -> None:
        model = Fake()
        outer = cached(model)
        tasks = [asyncio.create_task(outer.complete(ask(), PARAMETERS)) for _ in range(5)]
        other = asyncio.create_task(outer.complete(ask(), PARAMETERS, index=1))
        await asyncio.sleep(0.01)
        tasks[0].cancel()  # one that gives up does not take the answer away from the others
        model.go.set()
        answers = await asyncio.gather(*tasks[1:])
        assert {answer.text for answer in answers} == {"answer 2"}
        await other
        assert model.asked == [0, 1]

    asyncio.run(main())


@pytest.mark.parametrize("finish", [Finish.STOP, Finish.LENGTH, Finish.REFUSAL])
def test_what_a_model_chose_to_say_is_kept(finish: Finish) -> None:
    async def main() -> None:
        model, memory = Fake(finish), Memory()
        model.go.set()
        first = await cached(model, cache=memory).complete(ask(), PARAMETERS)
        second = await cached(model, cache=memory).complete(ask(), PARAMETERS)
        assert first == second
        assert model.asked == [0]

    asyncio.run(main())


def test_a_limit_spent_on_thoughts_alone_is_not_the_last_word() -> None:
    async def main() -> None:
        model, memory = Fake(Finish.LENGTH, text=""), Memory()
        model.go.set()
        await cached(model, cache=memory).complete(ask(), PARAMETERS)
        assert not memory.kept

    asyncio.run(main())


@pytest.mark.parametrize("finish", [Finish.FAILED, Finish.EMPTY])
def test_what_failed_is_part_of_the_record_and_not_of_the_cache(finish: Finish) -> None:
    async def main() -> None:
        model, cache, record = Fake(finish), Memory(), Memory()
        model.go.set()
        await cached(model, cache=cache, record=record).complete(ask(), PARAMETERS)
        assert not cache.kept
        assert [exchange.completion.finish for exchange in record.kept.values()] == [finish]
        await cached(model, cache=cache).complete(ask(), PARAMETERS)
        assert len(model.asked) == 2

    asyncio.run(main())


@pytest.mark.parametrize(("finish", "times"), [(Finish.FAILED, 2), (Finish.EMPTY, 1)])
def test_a_run_that_goes_on_asks_again_for_what_failed_alone(finish: Finish, times: int) -> None:
    async def main() -> None:
        model, record = Fake(finish), Memory()
        model.go.set()
        for _ in range(2):
            await cached(model, record=record).complete(ask(), PARAMETERS)
        assert len(model.asked) == times

    asyncio.run(main())


def test_what_the_cache_has_enters_the_record() -> None:
    async def main() -> None:
        model, cache, record = Fake(), Memory(), Memory()
        model.go.set()
        await cached(model, cache=cache).complete(ask(), PARAMETERS)
        await cached(model, cache=cache, record=record).complete(ask(), PARAMETERS)
        assert record.kept.keys() == cache.kept.keys()
        assert len(model.asked) == 1

    asyncio.run(main())


def test_cancelling_keeps_what_has_arrived() -> None:
    async def main() -> None:
        model, memory = Fake(), Memory()
        outer = cached(model, cache=memory)
        task = asyncio.create_task(outer.complete(ask(), PARAMETERS))
        await asyncio.sleep(0.01)
        model.go.set()  # the answer arrives in the very moment of the cancellation
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [exchange.completion.text for exchange in memory.kept.values()] == ["answer 1"]

    asyncio.run(main())


def test_cancelling_ends_the_request_if_nobody_else_waits() -> None:
    async def main() -> None:
        model, memory = Fake(), Memory()
        outer = cached(model, cache=memory)
        task = asyncio.create_task(outer.complete(ask(), PARAMETERS))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        model.go.set()
        await asyncio.sleep(0.01)
        assert not memory.kept
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_at_a_cap_requests_in_flight_end_and_are_kept() -> None:
    async def main() -> None:
        model, memory = Fake(), Memory()
        outer = Cached(model, record=memory, cache=None, finishing=lambda: True)

        async def turned_away() -> None:
            await asyncio.sleep(0.01)
            raise CapReachedError

        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(outer.complete(ask(), PARAMETERS))
                group.create_task(turned_away())
        closing = asyncio.create_task(outer.close())
        await asyncio.sleep(0.01)
        model.go.set()
        await closing
        assert len(memory.kept) == 1
        assert model.closed

    asyncio.run(main())


def exchange(text: str, index: int = 0, finish: Finish = Finish.STOP) -> Exchange:
    return Exchange(
        role="proposer",
        model="openai:one",
        prompt=ask(),
        parameters=PARAMETERS,
        index=index,
        completion=Completion(
            text=text, finish=finish, usage=Usage(requests=1, usd=0.1), thinking="hm \ud800"
        ),
    )


def test_a_file_keeps_answers_as_they_are(tmp_path: Path) -> None:
    texts = ["", "a\r\nb\x00c", "ünï €", "lone \ud83d surrogate", "x" * 100_000]
    path = tmp_path / "deep" / "responses.db"
    with ResponseFile(path) as store:
        for index, text in enumerate(texts):
            store.keep(exchange(text, index))
            store.keep(exchange("another", index))  # changes nothing
    with ResponseFile(path) as store:
        for index, text in enumerate(texts):
            assert store.find(exchange(text, index).key) == exchange(text, index).completion
        assert store.find("0" * 64) is None


def test_processes_write_to_one_file_at_the_same_time(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[2].split(chr(10))\n"
        "from pathlib import Path\n"
        "from test_models_cache import exchange\n"
        "from hardwon.models import ResponseFile\n"
        "with ResponseFile(Path(sys.argv[1])) as store:\n"
        "    for index in range(100):\n"
        "        store.keep(exchange(f'answer {index}', index))\n"
    )
    file = tmp_path / "responses.db"
    here = "\n".join([str(Path(__file__).parent), *sys.path])
    processes = [subprocess.Popen([sys.executable, "-c", code, str(file), here]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with ResponseFile(file) as store:
        for index in range(100):
            found = store.find(exchange("", index).key)
            assert found is not None
            assert found.text == f"answer {index}"


def _text(path: Path) -> None:
    path.write_text("this is no database, only a text of some length\n" * 100)


def _folder(path: Path) -> None:
    path.mkdir()


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def _cut(path: Path) -> None:
    with ResponseFile(path) as store:
        for index in range(300):
            store.keep(exchange("x" * 500, index))
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_text, "not a database"),
        (_folder, "cannot be opened"),
        (_newer, "version 99"),
        (_cut, "damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    damage: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "responses.db"
    damage(path)
    with pytest.raises(CacheError, match=said) as caught, ResponseFile(path) as store:
        for index in range(300):
            store.find(exchange("", index).key)
    assert str(path) in str(caught.value)


def test_an_answer_that_is_damaged_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "responses.db"
    with ResponseFile(path) as store:
        store.keep(exchange("fine"))
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE responses SET completion = '{\"text\": 5}'")
        connection.close()
        with pytest.raises(CacheError, match="is damaged"):
            store.find(exchange("fine").key)


def test_a_run_goes_on_without_a_cache_that_breaks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        model = Fake()
        model.go.set()
        with ResponseFile(tmp_path / "responses.db") as store:
            outer = cached(model, cache=store)
            with sqlite3.connect(store.path) as connection:
                connection.execute("DROP TABLE responses")
            connection.close()
            for index in range(3):
                answer = await outer.complete(ask(), PARAMETERS, index=index)
                assert answer.finish is Finish.STOP

    asyncio.run(main())
    assert len(caplog.records) == 1
    assert "goes on without its cache" in caplog.text


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HARDWON_CACHE", raising=False)
    assert default_cache_path() == tmp_path / ".cache" / "hardwon" / "responses.db"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_cache_path() == tmp_path / ".cache" / "hardwon" / "responses.db"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache_path() == tmp_path / "xdg" / "hardwon" / "responses.db"
    monkeypatch.setenv("HARDWON_CACHE", str(tmp_path / "own"))
    assert default_cache_path() == tmp_path / "own" / "responses.db"


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_folder_made_for_answers_is_the_users_alone(tmp_path: Path) -> None:
    with ResponseFile(tmp_path / "own" / "responses.db"):
        assert (tmp_path / "own").stat().st_mode & 0o077 == 0


def test_a_replay_says_what_was_recorded_and_names_what_was_not() -> None:
    async def main() -> None:
        memory = Memory()
        memory.keep(exchange("recorded", finish=Finish.FAILED))
        model = ReplayModel("openai:one", [Memory(), memory])
        assert model.name == "openai:one"
        assert (await model.complete(ask(), PARAMETERS)).text == "recorded"
        key = exchange_key("openai:one", ask(), PARAMETERS, 1)
        with pytest.raises(ModelError, match=rf"guardian, sample 1, exchange {key[:16]}.*say hel"):
            await model.complete(ask(), PARAMETERS, index=1, role="guardian")
        await model.close()

    asyncio.run(main())


def test_stored_answers_are_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "responses.db"
    with ResponseFile(path) as store:
        store.keep(exchange("hello"))
    connection = sqlite3.connect(path)
    (text,) = connection.execute("SELECT completion FROM responses").fetchone()
    connection.close()
    assert json.loads(text)["text"] == "hello"
