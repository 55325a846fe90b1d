"""How many evaluations the systematic search takes, how fast it is, and what memory it needs.

    python benchmarks/search.py [--budget 700000] [--set extra] [--tasks norm attn/deferred]
                                [--warm] [--json FILE] [--known FILE]

Each task is searched in this very process, on one core, from nothing or, with --warm, with the
programs that were found for all other tasks before it in the table as demonstrations (those that
took more than a thousand evaluations count as hard-won). --known adds those that an earlier call
found for any other task and wrote with --json. Every program is then judged as in a run.
Evaluations do not depend on the machine; processor seconds do.
"""

import argparse
import asyncio
import json
import resource
import time
import warnings
from typing import Any

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch  # noqa: E402

from hardwon import bench  # noqa: E402
from hardwon.judge import Judge  # noqa: E402
from hardwon.languages.step.synthesis.search.serving import Session  # noqa: E402
from hardwon.records import Experience, Task  # noqa: E402

_HARD = 1_000


async def main() -> None:
    """Search task after task and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=int, default=700_000)
    parser.add_argument("--set", choices=bench.SETS, default=bench.SETS[0])
    parser.add_argument("--tasks", nargs="*", default=[])
    parser.add_argument("--warm", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--known")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = [entry.name for entry in bench.catalog(options.set)]
    chosen = [n for n in names if not options.tasks or {n, n.split("/")[0]} & {*options.tasks}]
    rows: list[dict[str, Any]] = []
    memory = _known(options.known) if options.known else {}
    async with Judge(workers=1) as judge:
        sizes = {e.task.digest: dict(await judge.sizes(e.task)) for e in memory.values()}
        print(
            f"{'task':22}{'evaluations':>12}{'values':>9}{'cpu s':>8}{'per s':>9}{'MB':>7}  ended"
        )
        for name in chosen:
            task = bench.load(name).question
            sizes[task.digest] = dict(await judge.sizes(task))
            shown = options.warm or options.known
            demonstrations = [e for n, e in memory.items() if n != name] if shown else []
            row = await _row(task, demonstrations, sizes, options.budget, judge)
            rows.append(row)
            if options.warm and row["ended"] == "correct":
                memory[name] = _experience(task, row)
            print(
                f"{name:22}{row['evaluations']:12,}{row['values']:9,}{row['cpu_s']:8.2f}"
                f"{row['per_s']:9,.0f}{row['mb']:7.0f}  {row['ended']}",
                flush=True,
            )
    solved = sum(row["ended"] == "correct" for row in rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{solved} of {len(rows)} solved; peak resident memory of this process {peak:,.0f} MiB")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(rows, file, indent=2)


async def _row(
    task: Task,
    demonstrations: list[Experience],
    sizes: dict[str, dict[str, int]],
    budget: int,
    judge: Judge,
) -> dict[str, Any]:
    torch.set_default_dtype(torch.float64)
    start = time.process_time()
    ended, program = "", None
    with torch.no_grad():
        session = Session.open(task, demonstrations, sizes)
        while ended not in {"correct", "budget", "exhausted", "memory"}:
            report = session.run(budget)
            ended = report.stopped
            for program in report.programs:
                verdict = await judge.judge(task, program)
                if verdict.correct:
                    ended = "correct"
                    break
    seconds = time.process_time() - start
    return {
        "task": task.test_name,
        "evaluations": report.steps,
        "values": len(session.search.store),
        "cpu_s": seconds,
        "per_s": report.steps / seconds,
        "mb": session.search.bytes / 1e6,
        "ended": ended,
        "program": program,
        "hint": report.hint,
    }


def _known(path: str) -> dict[str, Experience]:
    """Return the solved tasks of an earlier call."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        rows = json.load(file)
    return {
        row["task"]: _experience(bench.load(row["task"]).question, row)
        for row in rows
        if row["ended"] == "correct"
    }


def _experience(task: Task, row: dict[str, Any]) -> Experience:
    """Return a solved task; what took long is as rare as one success in 64 samples."""
    samples = 64 if row["evaluations"] > _HARD else 2
    return Experience(
        task=task,
        impl=row["program"],
        normal_form="",
        code_lines=len(row["program"].splitlines()),
        success_rate=1 / samples,
        correct=1,
        samples=samples,
        iteration=0,
    )


if __name__ == "__main__":
    asyncio.run(main())
