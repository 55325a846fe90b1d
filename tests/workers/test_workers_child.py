"""A child answers, or ends; it knows little, and it leaves nothing behind."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from hardwon.workers import Child, ChildEndedError
from support import are_gone, processes_that_know

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

Reply = dict[str, Any]


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which children get theirs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextlib.asynccontextmanager
async def started() -> AsyncIterator[Child]:
    child = Child("misbehaving")
    await child.start()
    try:
        yield child
    finally:
        await child.stop()


def with_child(use: Callable[[Child], Coroutine[Any, Any, Any]]) -> Any:
    """Return what a function does with a child that is stopped afterwards."""

    async def run() -> Any:
        async with started() as child:
            return await use(child)

    return asyncio.run(run())


async def echo(child: Child, text: str) -> Any:
    return (await child.ask({"do": "echo", "say": text}, 60))["said"]


@pytest.mark.parametrize("text", ["", "line\nline", "é\u2028\0", "\ud800", '"}\n{'])
def test_any_text_goes_there_and_back(text: str) -> None:
    assert with_child(lambda child: echo(child, text)) == text


def test_a_child_answers_many_requests_in_order() -> None:
    async def use(child: Child) -> list[str]:
        return [await echo(child, str(number)) for number in range(50)]

    assert with_child(use) == [str(number) for number in range(50)]


def test_what_a_child_prints_is_no_reply() -> None:
    async def use(child: Child) -> tuple[Reply, str]:
        return await child.ask({"do": "print"}, 60), await echo(child, "heard")

    assert with_child(use) == ({}, "heard")


def test_a_child_cannot_read_the_requests() -> None:
    async def use(child: Child) -> Reply:
        return await child.ask({"do": "read standard input"}, 60)

    assert with_child(use) == {"said": ""}


def test_a_child_that_takes_too_long_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        with_child(lambda child: child.ask({"do": "sleep"}, 0.1))


def test_a_request_that_a_busy_child_does_not_read_is_a_timeout() -> None:
    async def use(child: Child) -> None:
        for request in ({"do": "sleep"}, {"do": "echo", "say": "more than a pipe holds" * 100_000}):
            with pytest.raises(TimeoutError):
                await child.ask(request, 0.1)

    with_child(use)


@pytest.mark.parametrize("what", ["exit", "raise"])
def test_a_child_that_dies_over_a_request_has_ended(what: str) -> None:
    with pytest.raises(ChildEndedError):
        with_child(lambda child: child.ask({"do": what}, 60))


def test_a_child_that_was_killed_has_ended() -> None:
    async def use(child: Child) -> None:
        there = await child.ask({"do": "look around"}, 60)
        os.kill(there["pid"], signal.SIGKILL)
        await child.ask({"do": "echo", "say": "still there?"}, 60)

    with pytest.raises(ChildEndedError):
        with_child(use)


def test_a_child_that_is_not_running_has_ended() -> None:
    with pytest.raises(ChildEndedError, match="not running"):
        asyncio.run(Child("misbehaving").ask({"do": "echo", "say": ""}))


def test_a_module_that_does_not_exist_is_a_child_that_has_ended() -> None:
    async def use() -> None:
        child = Child("no_such_module")
        await child.start()
        try:
            await child.ask({})
        finally:
            await child.stop()

    with pytest.raises(ChildEndedError):
        asyncio.run(use())


def test_a_child_finds_modules_where_its_parent_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Relative to the parent's folder, too, though the child works in another one."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "found_there.py").write_text("from misbehaving import main as main\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["code", *sys.path])

    async def use() -> object:
        child = Child("found_there")
        await child.start()
        try:
            return await echo(child, "here")
        finally:
            await child.stop()

    assert asyncio.run(use()) == "here"


def test_a_stopped_child_can_be_started_again() -> None:
    async def use(child: Child) -> tuple[bool, bool, str]:
        await child.stop()
        running = child.running
        await child.start()
        return running, child.running, await echo(child, "again")

    assert with_child(use) == (False, True, "again")


def test_a_process_that_was_forked_off_does_not_reply() -> None:
    """Its reply would be taken for that to the next request."""

    async def use(child: Child) -> list[str]:
        heard: list[str] = []
        for number in range(5):
            await child.ask({"do": "fork"}, 60)
            heard.append(await echo(child, str(number)))
        return heard

    assert with_child(use) == ["0", "1", "2", "3", "4"]


def test_the_reply_to_a_cancelled_request_is_not_taken_for_that_to_the_next() -> None:
    async def use(child: Child) -> object:
        request = asyncio.create_task(child.ask({"do": "echo", "say": "first"}))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        return await echo(child, "second")

    assert with_child(use) == "second"


@pytest.mark.parametrize("reply", ["", "[]", "{}", "null", "[" * 100_000, '{"number": 2}', "\xff"])
def test_what_is_no_reply_is_a_child_that_has_ended(reply: str) -> None:
    with pytest.raises(ChildEndedError):
        with_child(lambda child: child.ask({"do": "babble", "say": reply}, 60))


def test_a_child_knows_nothing_of_its_parents_environment(
    monkeypatch: pytest.MonkeyPatch, homes: Path
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/secret")
    there = with_child(lambda child: child.ask({"do": "look around"}, 60))
    assert set(there["environment"]) <= {
        *("PATH", "HOME", "TMPDIR", "LANG", "TZ", "SYSTEMROOT", "LC_CTYPE"),
        *("OMP_NUM_THREADS", "MKL_NUM_THREADS"),
    }
    assert "secret" not in str(there["environment"])
    assert there["environment"]["HOME"] == there["environment"]["TMPDIR"] == there["folder"]
    assert Path(there["folder"]).parent == homes


def test_a_childs_folder_is_empty_and_is_removed_with_what_it_leaves(homes: Path) -> None:
    async def use(child: Child) -> Reply:
        there = await child.ask({"do": "look around"}, 60)
        await child.ask({"do": "leave files"}, 60)
        assert list(homes.rglob("left"))
        return there

    there = with_child(use)
    assert there["files"] == []
    assert not list(homes.iterdir())


def test_a_child_leads_a_process_group_of_its_own() -> None:
    there = with_child(lambda child: child.ask({"do": "look around"}, 60))
    assert there["group"] == there["pid"] != os.getpgid(0)


@linux
@pytest.mark.parametrize("what", ["echo", "fork", "leave a child behind", "sleep"])
def test_stopping_a_child_leaves_no_process_behind(what: str, homes: Path) -> None:
    async def use(child: Child) -> None:
        with contextlib.suppress(TimeoutError):
            seconds = 0.2 if what == "sleep" else 60
            await child.ask({"do": what, "say": ""}, seconds)
        assert processes_that_know(str(homes))

    with_child(use)
    assert are_gone(str(homes))


@linux
def test_a_child_ends_when_its_requests_end(homes: Path) -> None:
    async def use(child: Child) -> None:
        await echo(child, "")
        process = child._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        assert process.returncode == 0

    with_child(use)


def test_awaiting_is_all_that_a_child_needs() -> None:
    """Several children work side by side in one loop."""

    async def use() -> list[str]:
        async def one(number: int) -> str:
            async with started() as child:
                return str(await echo(child, str(number)))

        tasks: list[Awaitable[str]] = [one(number) for number in range(3)]
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(use()) == ["0", "1", "2"]
