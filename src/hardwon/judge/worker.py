"""The process that judges: it reads, checks and compares, and executes no task code itself."""

import gc
import importlib
import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

from hardwon.judge.hosting import ConfinedHost
from hardwon.judge.limits import Limits, apply_limits
from hardwon.judge.verdicts import failed, judge_program
from hardwon.languages import Language, Setting, Simulator, get_language
from hardwon.languages.protocol import ProcessEndedError, Support, TaskError
from hardwon.records import Stage, Task
from hardwon.workers import serve
from hardwon.workers.protection import hide_memory

_MOST_READY = 12
"""How many tasks keep their processes; the one that has rested longest gives its own up first."""


@dataclass(frozen=True, slots=True)
class _Open:
    task: Task
    language: Language
    simulator: Simulator
    settings: tuple[Setting, ...]


class _Worker:
    def __init__(self) -> None:
        self.limits = Limits()
        self.hosts: dict[str, ConfinedHost] = {}
        self.tasks: dict[str, _Open] = {}
        self.ready: dict[str, None] = {}
        """The tasks whose processes run, the longest at rest first."""

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            match request["op"]:
                case "start":
                    self.limits = Limits(**request["limits"])
                    apply_limits(self.limits.memory_bytes, self.limits.file_bytes)
                    hide_memory()
                    return {}
                case "host":
                    host = self.host(request["language"])
                    return {"warnings": host.warnings, "confined": bool(host.executor)}
                case "open":
                    return self.open(Task.model_validate(request["task"]), request["seed"])
                case "judge":
                    return self.judge(request["key"], request["impl"])
                case "support":
                    simulator = self.tasks[request["key"]].simulator
                    return {"support": [_support_json(item) for item in simulator.support()]}
            return {"error": f"unknown request {request['op']!r}"}
        except TaskError as error:
            return {"task_error": str(error)}
        except ProcessEndedError as error:
            return {"host_error": str(error)}
        except Exception as error:  # without this, nobody would hear of a fault of a pack
            return {"host_error": f"the language pack failed: {_said(error)}"}

    def host(self, name: str) -> ConfinedHost:
        """Return the host of a language's task code, started and tried."""
        if name not in self.hosts:
            executor = get_language(name).executor
            host = ConfinedHost(executor, self.limits)
            if executor:
                # PyTorch takes its time, which is no task's.
                if not hasattr(importlib.import_module(executor), "serve_task"):
                    raise ProcessEndedError(f"{executor} has no serve_task")
                host.start()
                gc.collect()
                gc.freeze()  # what is here now stays
                gc.set_threshold(20_000, 20, 100)  # programs leave little behind
            self.hosts[name] = host
        return self.hosts[name]

    def open(self, task: Task, seed: int) -> dict[str, Any]:
        """Prepare a task, or make it ready again."""
        opened = self.tasks.get(task.digest)
        if opened is None:
            language = get_language(task.language)
            simulator = language.simulator(task, self.host(task.language))
            opened = _Open(task, language, simulator, language.settings(task, seed))
        self._make_room(task.digest)
        try:
            opened.simulator.prepare(opened.settings)
        except TaskError as error:
            if not isinstance(error.__cause__, ProcessEndedError):
                raise
            opened.simulator.prepare(opened.settings)  # it may have been killed from outside
        self.tasks[task.digest] = opened
        self.ready[task.digest] = None
        return {"sizes": dict(opened.simulator.sizes())}

    def _make_room(self, key: str) -> None:
        self.ready.pop(key, None)
        while len(self.ready) >= _MOST_READY:
            oldest = next(iter(self.ready))
            del self.ready[oldest]
            self.tasks[oldest].simulator.close()

    def judge(self, key: str, impl: str) -> dict[str, Any]:
        if key not in self.ready:
            return {"closed": True}
        self.ready[key] = self.ready.pop(key)
        opened = self.tasks[key]
        start = time.monotonic()
        try:
            verdict = judge_program(
                opened.language, opened.simulator, opened.task, impl, opened.settings
            )
        except RecursionError:
            verdict = failed(Stage.PARSE, "the program is nested too deeply to be read")
        except MemoryError:
            self._give_up(key)
            verdict = failed(Stage.FUNCTIONAL, "the program needs more memory than it may use")
        except TimeoutError:
            self._give_up(key)
            verdict = failed(
                Stage.FUNCTIONAL, f"the program ran for more than {self.limits.seconds:g} s"
            )
        except ProcessEndedError:
            self._give_up(key)
            return {"ended": True}
        except TaskError:
            self._give_up(key)
            raise
        except Exception as error:  # costs this program its verdict, and no other one
            self._give_up(key)
            message = f"the language pack failed over this program: {_said(error)}"
            verdict = failed(Stage.FUNCTIONAL, message)
        verdict = verdict.model_copy(update={"seconds": time.monotonic() - start})
        return {"verdict": verdict.model_dump(mode="json", exclude_defaults=True)}

    def _give_up(self, key: str) -> None:
        """End a task's processes: nobody knows what state they are in."""
        del self.ready[key]
        self.tasks[key].simulator.close()


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]


def _support_json(support: Support) -> dict[str, Any]:
    return {
        "seed": support.setting.seed,
        "sizes": dict(support.sizes or support.setting.sizes),
        "draws": support.draws,
        "problems": support.problems,
    }


def main() -> None:
    """Serve until the requests end."""
    sys.setrecursionlimit(3000)
    warnings.simplefilter("ignore")
    serve(_Worker().answer)
