"""Confined processes: what they cannot do, and that they end with all that they started."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hardwon.workers import Confined, ConfinedEndedError, Nursery

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the protections are Linux's")

BOUNDS = {"AS": 1 << 30, "FSIZE": 1 << 20, "NOFILE": 64, "NPROC": 0, "CORE": 0}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])
        patch.setenv("SOME_API_KEY", "secret")
        nursery = Nursery("confined_module")
        nursery.start()
    yield nursery
    nursery.stop()


@pytest.fixture
def confined(nursery: Nursery) -> Iterator[Confined]:
    process = nursery.spawn(BOUNDS)
    yield process
    process.stop()


def evaluate(process: Confined, code: str, value: str = "None", seconds: float = 5.0) -> Any:
    reply, _ = process.ask({"code": code, "value": value}, seconds=seconds, most=1 << 16)
    return reply.get("error", reply.get("value"))


FORBIDDEN = {
    "a new process": "import os; os.fork()",
    "a new program": "import os; os.execv('/bin/true', ['true'])",
    "a subprocess": "import subprocess; subprocess.run(['true'])",
    "a socket": "import socket; socket.socket()",
    "a pair of sockets": "import socket; socket.socketpair()",
    "a signal": "import os; os.kill(os.getppid() or 1, 0)",
    "a session": "import os; os.setsid()",
    "a higher limit": "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (999, 999))",
    "a file to write": "open('file', 'w')",
    "a file elsewhere": "open('/tmp/hardwon-test', 'w')",
    "the password file": "open('/etc/passwd')",
    "other processes": "import os; os.listdir('/proc')",
    "its own memory": "open('/proc/self/mem', 'rb')",
    "the environment of init": "open('/proc/1/environ', 'rb')",
    "shared memory": "open('/dev/shm/x', 'w')",
    "the home folder": "import os; os.listdir('/root')",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_confined_process_is_refused(what: str, confined: Confined, nursery: Nursery) -> None:
    if nursery.warnings:
        pytest.skip(f"this system lacks protections: {nursery.warnings}")
    assert evaluate(confined, FORBIDDEN[what]) in {"PermissionError", "ValueError", "OSError"}


def test_a_confined_process_can_compute_and_use_threads(confined: Confined) -> None:
    code = "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()"
    assert evaluate(confined, code, "sum(range(10))") == "45"


def test_data_goes_both_ways(confined: Confined) -> None:
    request = {"code": "parts = [bytes(data[0]) * 2, b'']", "value": "len(data)"}
    reply, parts = confined.ask(request, [b"abc"], seconds=5, most=100)
    assert (reply["value"], [bytes(part) for part in parts]) == ("1", [b"abcabc", b""])


def test_keys_stay_outside_and_the_folder_is_empty(confined: Confined) -> None:
    assert "SECRET" not in evaluate(confined, "import os", "dict(os.environ)").upper()
    assert evaluate(confined, "", "os.listdir()") == "[]"


def test_each_process_starts_afresh(nursery: Nursery) -> None:
    for _ in range(2):
        process = nursery.spawn(BOUNDS)
        known = "'patched' in globals() or hasattr(__builtins__, 'patched')"
        assert evaluate(process, "", known) == "False"
        evaluate(process, "import builtins; builtins.patched = patched = 1")
        process.stop()


ENDS = {
    "an exit": "import os; os._exit(0)",
    "a crash": "import ctypes; ctypes.string_at(0)",
    "an abort": "import os; os.abort()",
    "a system exit": "raise SystemExit",
    "a base exception": "raise KeyboardInterrupt",
    "closed files": "import os; os.closerange(0, 64)",
    "a forged reply": (
        "import os\nfor at in range(3, 64):\n try: os.write(at, b'x' * 64)\n except OSError: pass"
    ),
    "a forged message": (
        "import os, struct\n"
        'text = b\'{"value": "forged"}\'\n'
        "text = struct.pack('<QIQ', 8 + len(text), 1, len(text)) + text\n"
        "for at in range(3, 64):\n try: os.write(at, text)\n except OSError: pass"
    ),
    "too much data": "parts = [bytes(1 << 22)]",
    "a reply of too many parts": "parts = [b''] * 100_000",
}


@pytest.mark.parametrize("what", ENDS)
def test_a_process_that_misbehaves_is_ended(what: str, nursery: Nursery) -> None:
    process = nursery.spawn(BOUNDS)
    with pytest.raises((ConfinedEndedError, TimeoutError)):
        evaluate(process, ENDS[what], seconds=2.0)
    assert not process.running
    with pytest.raises(ConfinedEndedError):
        evaluate(process, "")


def test_a_process_that_takes_too_long_is_ended(nursery: Nursery) -> None:
    process = nursery.spawn(BOUNDS)
    with pytest.raises(TimeoutError):
        evaluate(process, "while True: pass", seconds=0.3)
    assert not process.running


def test_memory_is_limited(confined: Confined) -> None:
    reply, _ = confined.ask({"code": "bytearray(1 << 31)", "value": "0"}, seconds=5, most=100)
    assert reply["memory_error"] is True


def test_nothing_is_left_of_a_nursery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])
    before = len(list(Path("/proc/self/fd").iterdir()))
    nursery = Nursery("confined_module")
    processes = [nursery.spawn(BOUNDS) for _ in range(3)]
    assert len(list(tmp_path.iterdir())) == 1
    processes[0].stop()
    nursery.stop()
    for process in processes:
        process.stop()
    assert not list(tmp_path.iterdir())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


REFUSALS = {
    "no zygote comes up": "raise SystemExit(1) #",
    "it cannot fork": (
        "import os, sys; sys.path[:] = {path!r}\n"
        "def fork(): raise PermissionError\nos.fork = fork\n"
        "from hardwon.workers.zygote import main; main({descriptor}, {module!r})"
    ),
    "its children cannot": (
        "import os, sys; sys.path[:] = {path!r}\nfork, zygote = os.fork, os.getpid()\n"
        "def once():\n"
        "    if os.getpid() != zygote: raise PermissionError\n"
        "    return fork()\n"
        "os.fork = once\n"
        "from hardwon.workers.zygote import main; main({descriptor}, {module!r})"
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_where_forking_is_refused_processes_start_by_themselves(
    what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])
    monkeypatch.setattr("hardwon.workers.confined._START", REFUSALS[what])
    nursery = Nursery("confined_module")
    processes = [nursery.spawn(BOUNDS) for _ in range(2)]
    assert any("no processes forked from a clean one" in text for text in nursery.warnings)
    assert [evaluate(process, "", "6 * 7") for process in processes] == ["42", "42"]
    assert evaluate(processes[0], FORBIDDEN["a new process"]) in {"PermissionError", "OSError"}
    assert evaluate(processes[0], "import os; x = os.listdir()", "x") == "[]"
    with pytest.raises(TimeoutError):
        evaluate(processes[0], "while True: pass", seconds=0.3)
    assert not processes[0].running
    assert evaluate(processes[1], "", "1") == "1"
    nursery.stop()
    processes[1].stop()
    assert not list(tmp_path.iterdir())


def test_a_module_that_cannot_be_imported_is_reported() -> None:
    nursery = Nursery("no_such_module")
    with pytest.raises(ConfinedEndedError, match="does not answer"):
        nursery.spawn(BOUNDS)
