"""How fast the judge is, where its time goes, how it grows, and what memory it takes.

    python benchmarks/judge.py [--rounds 10] [--stream 60] [--json FILE]

The judge's worker runs in this very process, and task code in confined processes as always. The two
take turns, and all of them are kept on one core where the system can do that, so that on an idle
machine wall time is the time of one core. The processor time of all of them is measured as well,
since it depends less on what else the machine does. All size settings and draws are on.

Cold means that nothing is shared between candidates, not even subexpressions of the same one judged
before. The stream is what a run sees: sampled programs of all tasks, a third of them damaged, with
their natural duplicates, and everything shared that a run shares.
"""

import argparse
import json
import os
import platform
import random
import resource
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch  # noqa: E402

from hardwon import bench  # noqa: E402
from hardwon.bench.references import reference  # noqa: E402
from hardwon.judge import Limits  # noqa: E402
from hardwon.judge.worker import _Worker  # noqa: E402
from hardwon.languages import Setting, get_language  # noqa: E402
from hardwon.languages.step import reading  # noqa: E402
from hardwon.languages.step.checker import TypedGraph  # noqa: E402
from hardwon.languages.step.semantics.definition import (  # noqa: E402
    Definition,
    TokenStream,
    Unit,
    at_sizes,
)
from hardwon.languages.step.settings import DEFAULT_SIZES  # noqa: E402
from hardwon.languages.step.simulator import TaskSimulator  # noqa: E402
from hardwon.languages.step.simulator.machine import StepMachine  # noqa: E402
from hardwon.languages.step.simulator.namespace import bind_body  # noqa: E402
from hardwon.records import Task  # noqa: E402

PUBLIC_SECONDS = 0.35
"""Per candidate and core at the default sizes, in the paper's public code: one shape, one seed."""


class Bench:
    """The judge's worker, with what it needs to be measured."""

    def __init__(self) -> None:
        self.worker = _Worker()
        self.worker.limits = Limits()
        self.worker.host("step")
        self.language = get_language("step")
        self.tasks = [bench.load(entry.name) for entry in bench.catalog()]

    def load_task(self, name: str) -> Task:
        """Return one of the benchmark's tasks."""
        return next(task for task in self.tasks if task.test_name == name)

    def open(self, task: Task) -> None:
        """Prepare a task."""
        if task.digest not in self.worker.ready:
            self.worker.open(task, 0)

    def simulator(self, task: Task) -> TaskSimulator:
        """Return the simulator that the worker has for a task."""
        simulator = self.worker.tasks[task.digest].simulator
        assert isinstance(simulator, TaskSimulator)
        return simulator

    def program(self, task: Task) -> str:
        """Return the reference program, with the Copies that the law asks for."""
        sizes = self.simulator(task).sizes()
        return self.language.enforce_law(task, reference(task.test_name), sizes)

    def judge(self, task: Task, impl: str) -> dict[str, Any]:
        """Judge one candidate, as the worker does for its pool."""
        self.open(task)
        reply = self.worker.judge(task.digest, impl)
        verdict: dict[str, Any] = reply["verdict"]
        return verdict


def timed(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median and the least seconds of a call."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return statistics.median(found), min(found)


class Clock:
    """The processor time of this process and of those that it has started so far (Linux)."""

    def __init__(self) -> None:
        parents: dict[int, int] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue  # gone in the meantime
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
        family = {os.getpid()}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        self._others = family - {os.getpid()}
        self._start = self._now()

    def _now(self) -> float:
        total = time.process_time()
        for pid in self._others:
            try:
                total += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
            except OSError:
                continue
        return total

    def seconds(self) -> float:
        """Return the time since the start."""
        return self._now() - self._start


def cold(bench: Bench, rounds: int) -> Iterator[dict[str, Any]]:
    """Judge every reference program again and again, with nothing shared."""
    for task in bench.tasks:
        bench.open(task)
        simulator, impl = bench.simulator(task), bench.program(task)
        opened = bench.worker.tasks[task.digest]
        assert bench.judge(task, impl)["correct"]
        totals, reads, runs = [], [], []
        for _ in range(rounds):
            simulator.forget()
            reading._latest.key = None
            start = time.perf_counter()
            analysis = reading.analyse(opened.task, impl, simulator.sizes())
            read = time.perf_counter() - start
            reading._latest.key = None
            start = time.perf_counter()
            bench.judge(task, impl)
            totals.append(time.perf_counter() - start)
            reads.append(read)
            simulator.forget()
            start = time.perf_counter()
            simulator.check(impl, opened.settings)
            runs.append(time.perf_counter() - start)
        assert analysis.typed is not None
        clock = Clock()
        for _ in range(rounds):
            simulator.forget()
            reading._latest.key = None
            bench.judge(task, impl)
        yield {
            "cpu_ms": 1e3 * clock.seconds() / rounds,
            "task": task.test_name,
            "median_ms": 1e3 * statistics.median(totals),
            "least_ms": 1e3 * min(totals),
            "read_ms": 1e3 * statistics.median(reads),
            "run_ms": 1e3 * statistics.median(runs),
            "naive_ms": 1e3 * naive(task, analysis.typed),
        }


def naive(task: Task, typed: TypedGraph, sizes: dict[str, int] | None = None) -> float:
    """Return the seconds that the naive definition takes for one draw at the default sizes."""
    machine = StepMachine.prepare(task, Setting(sizes or {}, 0))
    units = {
        fn.name: Unit(
            at_sizes(fn.input, machine.sizes),
            at_sizes(fn.output, machine.sizes),
            bind_body(spec, machine.space),
            spec.init,
        )
        for spec, fn in zip(task.fns, machine.space.signature.functions, strict=True)
    }
    definition = Definition(units, machine.sizes)
    start = time.perf_counter()
    inputs = [
        TokenStream.from_tensors(
            at_sizes(stream.dtype, machine.sizes), tuple(reversed(data.lengths)), data.tensors
        )
        for data, (_, stream) in zip(machine.inputs, machine.space.signature.inputs, strict=True)
    ]
    definition.run(typed.graph, inputs)
    return time.perf_counter() - start


def damaged(impl: str, rng: random.Random) -> str:
    """Return a program as a model gets it wrong: cut, with a line less, or with a name swapped."""
    lines = impl.splitlines()
    match rng.randrange(4):
        case 0:
            return impl[: rng.randrange(len(impl))]
        case 1:
            del lines[rng.randrange(len(lines))]
            return "\n".join(lines)
        case 2:
            return impl.replace("Map", "Mapp", 1)
        case _:
            names = [line.split("=")[0].strip() for line in lines if "=" in line]
            return impl.replace(rng.choice(names), "E0") if names else impl


def sampled(bench: Bench, count: int) -> list[tuple[Task, str]]:
    """Draw answers as a run draws them."""
    stream = []
    for task in bench.tasks:
        bench.open(task)
        sizes = {task.digest: bench.simulator(task).sizes()}
        sampler = bench.language.sampler(task, (), sizes)
        rng = random.Random(task.digest)
        for number in range(count):
            impl, _ = sampler.draw(rng, (0.4, 0.7, 1.0)[number % 3])
            if impl is not None:
                stream.append((task, damaged(impl, rng) if rng.random() < 1 / 3 else impl))
    return stream


def judged(bench: Bench, stream: list[tuple[Task, str]]) -> dict[str, Any]:
    """Judge a stream, task by task as it comes, and each text once as the agentic system does."""
    known: dict[tuple[str, str], str] = {}
    stages: dict[str, int] = {}
    seconds = 0.0
    cpu = 0.0
    for task in bench.tasks:
        bench.open(task)  # preparing a task is counted apart
        clock, start = Clock(), time.perf_counter()
        for impl in (impl for other, impl in stream if other is task):
            key = (task.digest, impl)
            if key not in known:
                verdict = bench.judge(task, impl)
                known[key] = verdict.get("stage") or "correct"
            stages[known[key]] = stages.get(known[key], 0) + 1
        seconds += time.perf_counter() - start
        cpu += clock.seconds()
    return {
        "answers": len(stream),
        "distinct": len(known),
        "stages": stages,
        "per_second": len(stream) / seconds,
        "per_cpu_second": len(stream) / cpu,
        "distinct_per_cpu_second": len(known) / cpu,
    }


def growth(bench: Bench) -> Iterator[dict[str, Any]]:
    """Run bmm/inner at multiples of the default sizes, one draw."""
    task = bench.load_task("bmm/inner")
    bench.open(task)
    typed = reading.analyse(task, bench.program(task), bench.simulator(task).sizes()).typed
    assert typed is not None
    for factor in (1, 2, 4):
        sizes = {name: factor * size for name, size in DEFAULT_SIZES.items()}
        machine = StepMachine.prepare(task, Setting(sizes, 0))
        median, least = timed(lambda: machine.run(typed), 10)  # noqa: B023
        slow = naive(task, typed, sizes) if factor <= 2 else None
        yield {
            "factor": factor,
            "fast_ms": 1e3 * median,
            "least_ms": 1e3 * least,
            "naive_ms": None if slow is None else 1e3 * slow,
        }


def fresh(bench: Bench, rounds: int) -> dict[str, float]:
    """Judge a right program of a task whose text does not prove that it leaves nothing behind.

    Such a program is run again in a process of its own; the tasks of the benchmark need none. Wall
    time, since the new processes are not among those whose processor time is known.
    """
    found: dict[str, float] = {}
    task = bench.load_task("bmm/inner")
    bodies = [fn.model_copy(update={"apply": f"print(end='')\n{fn.apply}"}) for fn in task.fns]
    for name, variant in (
        ("proven_ms", task),
        ("fresh_process_ms", task.model_copy(update={"fns": tuple(bodies)})),
    ):
        bench.open(variant)
        simulator, impl = bench.simulator(variant), bench.program(variant)

        def judge(
            simulator: TaskSimulator = simulator, variant: Task = variant, impl: str = impl
        ) -> None:
            simulator.forget()
            assert bench.judge(variant, impl)["correct"]

        found[name] = 1e3 * timed(judge, rounds)[0]
    return found


def prepared(bench: Bench) -> float:
    """Return the median seconds to prepare a task: oracle and runner, all settings."""
    found = []
    for task in bench.tasks:
        start = time.perf_counter()
        bench.open(task)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--stream", type=int, default=60, help="answers per task")
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    core = keep_to_one_core()
    start = time.perf_counter()
    bench = Bench()
    report: dict[str, Any] = {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "kept on core": core,
            "load": os.getloadavg(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "limits": asdict(Limits()),
        "warnings": bench.worker.hosts["step"].warnings,
        "start_s": time.perf_counter() - start,
        "prepare_s": prepared(bench),
    }
    print(json.dumps(report, indent=2))
    print("\ncold: ms per candidate, all settings and draws; naive: ms for one draw\n")
    print(f"{'task':24}{'cpu':>9}{'median':>9}{'least':>9}{'reading':>9}{'running':>9}{'naive':>9}")
    rows = []
    for row in cold(bench, options.rounds):
        rows.append(row)
        keys = ("cpu_ms", "median_ms", "least_ms", "read_ms", "run_ms", "naive_ms")
        print(f"{row['task']:24}" + "".join(f"{row[key]:9.2f}" for key in keys), flush=True)
    report["cold"] = rows
    print()
    for key in ("cpu_ms", "median_ms", "least_ms"):
        mean = statistics.mean(row[key] for row in rows)
        print(f"mean {key:10} {mean:6.2f}: {PUBLIC_SECONDS * 1e3 / mean:.0f} x the public code")
    report["stream"] = judged(bench, sampled(bench, options.stream))
    print("\nstream:", json.dumps(report["stream"], indent=2))
    report["growth"] = list(growth(bench))
    print("\ngrowth of bmm/inner:", json.dumps(report["growth"], indent=2))
    report["fresh"] = fresh(bench, options.rounds)
    print("\na right program, and where a fresh process has to agree:", json.dumps(report["fresh"]))
    for host in bench.worker.hosts.values():
        host.stop()
    report["memory_mib"] = {
        "judge": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "task process": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }
    print("\npeak memory, MiB:", json.dumps(report["memory_mib"]))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(report, file, indent=2)


def keep_to_one_core() -> int | None:
    """Keep this process and those that it will start on one core; return which, if it works."""
    try:
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):  # not on every system
        return None
    return core


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
