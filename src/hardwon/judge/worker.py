"""The process that judges, and that runs task code for it."""

import sys
import time
import warnings
from typing import Any

from hardwon.judge.limits import apply_limits
from hardwon.judge.verdicts import failed, judge_program
from hardwon.languages import Setting, Simulator, get_language
from hardwon.languages.protocol import TaskError
from hardwon.records import Stage, Task
from hardwon.workers import serve


class _Worker:
    def __init__(self) -> None:
        self.tasks: dict[str, tuple[Task, Simulator, tuple[Setting, ...]]] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            match request["op"]:
                case "start":
                    apply_limits(request["memory_bytes"], request["file_bytes"])
                    return {}
                case "open":
                    return self.open(Task.model_validate(request["task"]), request["seed"])
                case "judge":
                    return self.judge(request["key"], request["impl"])
            return {"error": f"unknown request {request['op']!r}"}
        except TaskError as error:
            return {"task_error": str(error)}

    def open(self, task: Task, seed: int) -> dict[str, Any]:
        language = get_language(task.language)
        simulator = language.simulator(task)
        settings = language.settings(task, seed)
        simulator.prepare(settings)
        self.tasks[task.digest] = (task, simulator, settings)
        return {"sizes": dict(simulator.sizes())}

    def judge(self, key: str, impl: str) -> dict[str, Any]:
        task, simulator, settings = self.tasks[key]
        start = time.monotonic()
        try:
            verdict = judge_program(get_language(task.language), simulator, task, impl, settings)
        except RecursionError:
            verdict = failed(Stage.PARSE, "the program is nested too deeply to be read")
        except MemoryError:
            verdict = failed(Stage.FUNCTIONAL, "the program needs more memory than it may use")
        verdict = verdict.model_copy(update={"seconds": time.monotonic() - start})
        return {"verdict": verdict.model_dump(mode="json")}


def main() -> None:
    """Serve until the requests end."""
    sys.setrecursionlimit(3000)
    warnings.simplefilter("ignore")
    serve(_Worker().answer)
