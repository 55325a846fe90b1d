"""Whatever a program does, there is a verdict on it, and the next one is judged as if it were the
first. The toy language runs programs as they are, so they can do anything.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardwon.judge import Judge, JudgeError, Limits, pool
from hardwon.languages.protocol import TaskError
from hardwon.records import Stage
from support import SyncJudge, processes_that_know, toy_task

TASK = toy_task()
GOOD = "return E0 + 3"
LIMITS = Limits(seconds=0.5, prepare_seconds=20.0, memory_bytes=1 << 30)

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

HOSTILE = {
    "an infinite loop": "while True:\n    pass",
    "endless sleep": "import time\ntime.sleep(1000)",
    "endless recursion": "f = lambda: f()\nreturn f()",
    "an exception": "return 1 / 0",
    "an exception that is no Exception": "raise KeyboardInterrupt",
    "exit": "raise SystemExit(0)",
    "a hard exit": "import os\nos._exit(0)",
    "a crash": "import os\nos.abort()",
    "suicide": "import os\nos.kill(os.getpid(), 9)",
    "a stopped process": "import os\nos.kill(os.getpid(), 19)",
    "a huge allocation": "return bytearray(1 << 40)",
    "an allocation that grows": "x = [0]\nwhile True:\n    x += x",
    "a fork that comes back": "import os\nos.fork()\nreturn E0",
    "many forks that stay": (
        "import os, time\n"
        "for _ in range(20):\n    if os.fork() == 0:\n        time.sleep(1000)\n"
        "return E0"
    ),
    "a daemon that leaves the group": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(1000)\nos._exit(0)"
    ),
    "noise on standard output": "import os\nprint('x' * 100_000)\nos.write(1, b'{}\\n')\nreturn E0",
    "reading the requests": "import sys\nreturn sys.stdin.read()",
    "closed files": "import os\nos.closerange(0, 100)\nreturn E0",
    "garbage in the replies": (
        "import os\n"
        "for at in range(3, 20):\n"
        "    try:\n        os.write(at, b'no reply\\n')\n    except OSError:\n        pass\n"
        "return E0"
    ),
    "a patched json": "import json\njson.dumps = lambda *_, **__: 'no reply'\nreturn E0",
    "a patched json that empties replies": (
        "import json\n"
        "real = json.dumps\n"
        "json.dumps = lambda value, **_: real({'number': value['number'], 'reply': {}})\n"
        "return E0"
    ),
    "a patched json that lies of verdicts": (
        "import json\n"
        "real = json.dumps\n"
        "json.dumps = lambda value, **_: real({**value, 'reply': {'verdict': {'correct': 7}}})\n"
        "return E0"
    ),
    "a file that grows": "with open('file', 'wb') as f:\n    f.write(bytes(1 << 24))\nreturn E0",
    "a result that cannot be compared": (
        "class Odd:\n    def __ne__(self, other):\n        raise ValueError\n"
        "    __eq__ = __ne__\n"
        "return Odd()"
    ),
}


@pytest.fixture(scope="module")
def hostile_judge(toy: None) -> Iterator[SyncJudge]:
    del toy
    with SyncJudge(limits=LIMITS) as judge:
        yield judge


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which workers get theirs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def own_judge(toy: None, homes: Path) -> Iterator[SyncJudge]:
    """A judge for one test, whose processes can be found by the folder `homes`."""
    del toy, homes
    with SyncJudge(limits=LIMITS) as judge:
        yield judge


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_program_gets_a_verdict_and_the_next_one_is_judged_correctly(
    what: str, hostile_judge: SyncJudge
) -> None:
    said = hostile_judge.judge(TASK, HOSTILE[what])
    assert not said.correct
    assert said.stage is Stage.FUNCTIONAL
    assert said.errors[0].message
    assert hostile_judge.judge(TASK, GOOD).correct
    assert not hostile_judge.judge(TASK, "return E0").correct


def test_a_judge_has_a_worker_even_if_none_is_asked_for(toy: None) -> None:
    """So that it works where the number of processors is not known."""
    del toy
    with SyncJudge(workers=0) as judge:
        assert judge.judge(TASK, GOOD).correct


def test_a_judge_whose_workers_cannot_start_says_so(
    toy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del toy
    with monkeypatch.context() as patch:
        patch.setattr(pool, "_START_SECONDS", 0.0)
        with (
            SyncJudge() as judge,
            pytest.raises(JudgeError, match="process could not start: no answer within 0 s"),
        ):
            judge.judge(TASK, GOOD)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with (
        SyncJudge() as judge,
        pytest.raises(JudgeError, match=r"process could not start: .*No such file"),
    ):
        judge.judge(TASK, GOOD)


def test_several_workers_judge_side_by_side(toy: None) -> None:
    del toy
    tasks = [toy_task(f"toy/{number}", f"E0 + {number}") for number in range(5)]

    async def use() -> list[bool]:
        async with Judge(workers=2, limits=LIMITS) as judge:
            said = await asyncio.gather(
                *(
                    judge.judge(task, f"return E0 + {number}")
                    for task in tasks
                    for number in range(5)
                )
            )
        return [verdict.correct for verdict in said]

    assert asyncio.run(use()) == [task == number for task in range(5) for number in range(5)]


def test_a_judgement_that_is_cancelled_does_not_disturb_the_next_one(toy: None) -> None:
    del toy

    async def use() -> tuple[bool, bool]:
        async with Judge(limits=LIMITS) as judge:
            await judge.sizes(TASK)
            request = asyncio.create_task(judge.judge(TASK, GOOD))
            while not judge._locks[0].locked():
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            wrong = await judge.judge(TASK, "return E0")
            right = await judge.judge(TASK, GOOD)
        return wrong.correct, right.correct

    assert asyncio.run(use()) == (False, True)


def test_a_task_is_not_blamed_for_what_another_one_did_to_the_worker(toy: None) -> None:
    """The first task lets every later `open` fail."""
    del toy
    culprit = toy_task("toy/culprit", global_code="import json\njson.loads = None")
    with SyncJudge(limits=LIMITS) as judge:
        judge.sizes(culprit)
        assert judge.judge(TASK, GOOD).correct
        assert not judge.judge(TASK, "return E0").correct


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("an infinite loop", "the program ran for more than 0.5 s"),
        ("a hard exit", "the program ended the judge's process"),
        ("a huge allocation", "MemoryError"),
    ],
)
def test_the_verdict_says_what_happened(what: str, message: str, hostile_judge: SyncJudge) -> None:
    (error,) = hostile_judge.judge(TASK, HOSTILE[what]).errors
    assert message in error.message


@pytest.mark.parametrize(
    "what",
    [
        "endless sleep",
        "exit",
        "a hard exit",
        "a huge allocation",
        "a fork that comes back",
        "many forks that stay",
        "noise on standard output",
        "closed files",
        "a patched json",
        "a patched json that empties replies",
        "a patched json that lies of verdicts",
    ],
)
def test_hostile_code_of_a_task_is_the_tasks_fault_or_does_no_harm(
    what: str, hostile_judge: SyncJudge
) -> None:
    """Such code is no program's fault; other tasks are still judged correctly."""
    body = HOSTILE[what].replace("\n", "\n    ")
    task = toy_task("toy/hostile", global_code=f"def run():\n    E0 = 0\n    {body}\nrun()")
    limits = Limits(seconds=0.5, prepare_seconds=6.0, memory_bytes=1 << 30)
    with SyncJudge(limits=limits) as judge:
        try:
            judge.judge(task, GOOD)
        except TaskError as error:
            assert str(error)
        assert judge.judge(TASK, GOOD).correct
        assert not judge.judge(TASK, "return E0").correct


def test_a_worker_that_is_killed_from_outside_costs_no_verdict(
    own_judge: SyncJudge, homes: Path
) -> None:
    assert own_judge.judge(TASK, GOOD).correct
    for process in processes_that_know(str(homes)):
        os.kill(process, signal.SIGKILL)
    assert own_judge.judge(TASK, GOOD).correct


def test_a_pack_that_fails_over_a_program_is_named_and_judges_the_next_one(
    own_judge: SyncJudge,
) -> None:
    """The toy language's parser takes this program, and then it cannot be compiled."""
    (error,) = own_judge.judge(TASK, "nonlocal x\nreturn E0 + 3").errors
    assert "the language pack failed over this program: SyntaxError: no binding" in error.message
    assert own_judge.judge(TASK, GOOD).correct


@linux
def test_a_worker_that_is_killed_in_the_midst_of_a_judgement_costs_no_verdict(
    own_judge: SyncJudge, homes: Path
) -> None:
    """The first run of this program is killed, the second one finds its mark and goes on."""
    mark = homes / "mark"
    impl = (
        "import os, pathlib\n"
        f"mark = pathlib.Path({str(mark)!r})\n"
        "if not mark.exists():\n"
        "    mark.touch()\n"
        "    os.kill(os.getpid(), 9)\n"
        "return E0 + 3"
    )
    assert own_judge.judge(TASK, impl).correct
    assert mark.exists()


def test_secrets_in_the_environment_stay_outside(
    toy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del toy
    monkeypatch.setenv("SOME_API_KEY", "secret")
    probe = toy_task(reference="__import__('os').environ.get('SOME_API_KEY', E0)")
    with SyncJudge(limits=LIMITS) as judge:
        said = judge.judge(TASK, "import os\nreturn ','.join(os.environ)")
        assert judge.judge(probe, "return E0").correct
    (error,) = said.errors
    assert "PATH,HOME" in error.message
    assert "SOME_API_KEY" not in error.message


def test_a_program_works_in_an_empty_folder_that_is_removed(
    own_judge: SyncJudge, homes: Path
) -> None:
    assert own_judge.judge(toy_task(reference="0"), "import os\nreturn len(os.listdir())").correct
    (home,) = homes.iterdir()
    where = toy_task(reference=repr(str(home)))
    assert own_judge.judge(
        where, "import os\nopen('left', 'w').close()\nreturn os.getcwd()"
    ).correct
    assert (home / "left").exists()
    own_judge.close()
    assert not list(homes.iterdir())


@linux
@pytest.mark.parametrize("what", ["many forks that stay", "an infinite loop"])
def test_no_process_is_left_when_the_judge_is_closed(
    what: str, own_judge: SyncJudge, homes: Path
) -> None:
    own_judge.judge(TASK, HOSTILE[what])
    own_judge.judge(TASK, GOOD)
    assert processes_that_know(str(homes))
    own_judge.close()
    assert not processes_that_know(str(homes))
    assert not list(homes.iterdir())
