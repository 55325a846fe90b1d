"""A clean process that has imported what task code needs, and forks one child per task.

It runs no task code itself. A child confines itself before it hears of its task, so that nothing
it does reaches another task.
"""

import contextlib
import gc
import importlib
import json
import os
import pickle
import signal
import socket
import sys
import sysconfig
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hardwon.workers import frames
from hardwon.workers.protection import (
    die_with_parent,
    forbid_new_privileges,
    fork_into_own_processes,
    hide_memory,
    leave_network,
    limit_resources,
    restrict_files,
    restrict_system_calls,
)

Answer = Callable[[dict[str, Any], list[bytearray]], tuple[dict[str, Any], Sequence[frames.Buffer]]]
"""Takes a request and its data, returns a JSON-able reply and its data."""

_SYSTEM_PATHS = ("/usr/lib", "/lib", "/lib64", "/usr/lib64", "/etc/ld.so.cache")
_MAXIMUM_MESSAGE = 65536
_RARELY = (20_000, 20, 100)
"""When Python looks for cyclic garbage; by default it does so several times per program."""


def main(descriptor: int, module: str) -> None:
    """Serve spawn and kill requests on a socket until it closes.

    Args:
        descriptor: of a sequenced-packet socket.
        module: what to import; its `serve_task()` returns the `Answer` of a child.
    """
    die_with_parent()
    hide_memory()
    stated = leave_network()
    serve_task = _imported(module)
    control = socket.socket(fileno=descriptor)
    control.send(json.dumps({"warnings": stated}).encode())
    while True:
        message, files, _, _ = socket.recv_fds(control, _MAXIMUM_MESSAGE, 1)
        if not message:
            return
        request = json.loads(message)
        if request["op"] == "spawn":
            pid = os.fork()
            if pid == 0:
                control.close()
                _run_child(files[0], request["bounds"], serve_task)
            os.close(files[0])
            control.send(json.dumps({"pid": pid}).encode())
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(request["pid"], signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(request["pid"], 0)
            control.send(b"{}")


def serve_alone(descriptor: int, module: str, bounds: dict[str, int]) -> None:
    """Be a confined process that was not forked; for systems on which forking does not work.

    Args:
        descriptor: of a stream socket to the one that asks.
        module: what to import; its `serve_task()` returns the `Answer`.
        bounds: the resource limits.
    """
    die_with_parent()
    stated = leave_network()
    serve_task = _imported(module)
    with contextlib.suppress(frames.FrameError):  # the other end has gone
        _confine_and_serve(socket.socket(fileno=descriptor), bounds, serve_task, stated)


def _imported(module: str) -> Callable[[], Answer]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        serve_task: Callable[[], Answer] = importlib.import_module(module).serve_task
        serve_task()  # whatever is imported late is imported now
    warnings.simplefilter("ignore")
    gc.collect()
    gc.freeze()  # children share these pages as long as nobody touches them
    gc.set_threshold(*_RARELY)
    return serve_task


def _run_child(descriptor: int, bounds: dict[str, int], serve_task: Callable[[], Answer]) -> None:
    """Be a child; never returns."""
    status = 1
    try:
        die_with_parent()
        pid, stated = fork_into_own_processes()
        if pid != 0:  # stay until the namespace's first process has ended
            os.close(descriptor)
            os.waitpid(pid, 0)
            status = 0
            return
        connection = socket.socket(fileno=descriptor)
        _confine_and_serve(connection, bounds, serve_task, stated)
        status = 0
    except BaseException:
        pass  # the other end sees the connection end; there is nobody else to tell
    finally:
        os._exit(status)


def _confine_and_serve(
    connection: socket.socket,
    bounds: dict[str, int],
    serve_task: Callable[[], Answer],
    stated: tuple[str, ...],
) -> None:
    die_with_parent()
    hide_memory()
    stated += limit_resources(bounds)
    stated += forbid_new_privileges()
    stated += restrict_files(_readable())
    stated += restrict_system_calls()
    answer, to_json = serve_task(), json.dumps  # before task code has its hands on anything
    frames.send(connection, [json.dumps({"warnings": stated}).encode()])
    while True:
        head, *data = frames.receive(connection)
        request = pickle.loads(head)
        try:
            reply, parts = answer(request, data)
        except MemoryError:
            reply, parts = {"memory_error": True}, ()
        reply["ticket"] = request["ticket"]
        frames.send(connection, [to_json(reply).encode(), *parts])


def _readable() -> list[str]:
    """Return where Python and its libraries lie, for imports that happen late, and the empty folder
    in which the process works.
    """
    paths = sysconfig.get_paths()
    return [
        sys.prefix,
        sys.base_prefix,
        *(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *_SYSTEM_PATHS,
        str(Path.cwd()),
    ]
