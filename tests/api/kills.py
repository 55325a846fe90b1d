"""Runs that are killed (SIGKILL) at random moments, and gone on with: for tests and benchmarks.

A run takes place in a process of its own, which is forked from a server that has loaded everything
once, so that killing hundreds of them takes minutes.
"""

import multiprocessing
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from hardwon.agents import GuardianKind
from hardwon.api import Configuration, improve
from hardwon.api.configuration import Means
from hardwon.journal import Journal, JournalError
from hardwon.records import Task
from support import contents, toy_task

MOST = 4
"""Kills of one run before it may come to its end: a run that is nearly done tells little."""

SLOW = """\
delay: 0.05
rules:
  - {task: toy/plus, answers: ["return E0 + 1", "return E0 + 2", "return E0 + 3"]}
  - {task: toy/minus, prompt: "E0 \\\\+ 3", answers: ["return E0 - 5", "return E0"]}
answers: ["I have no idea."]
"""
"""A model that takes its time, and solves its second task only when it is shown the first."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["hardwon.api", "support"])


@dataclass(frozen=True)
class Scene:
    """What is run."""

    tasks: tuple[Task, ...]
    configuration: Configuration
    means: Means = field(default_factory=Means)
    paths: tuple[str, ...] = ()
    """What has to be on the module path to find the language packs."""


@dataclass
class Tally:
    """What came of it."""

    kills: int = 0
    rounds: int = 0
    at: list[int] = field(default_factory=list)
    """How many samples and answers of models were recorded at each kill."""
    differences: list[str] = field(default_factory=list)


def toy_packs(folder: Path) -> tuple[str, ...]:
    """Return what has to be on the module path to have the toy language."""
    info = folder / "toylang-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toylang\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[hardwon.languages]\ntoy = toylang:language\n")
    return str(folder), str(Path(__file__).parent.parent)


def offline_scene(folder: Path) -> Scene:
    """Return a small run of the offline proposer: three tasks, several iterations."""
    tasks = (
        toy_task("toy/plus", "E0 + 3"),
        toy_task("toy/minus", "E0 - 5"),
        toy_task("toy/hard", "E0 - 8 if N else 0", global_code="N = 1"),
    )
    configuration = Configuration(
        samples=20, temperatures=(0.5, 1.0), granularity=2, seed=0, efforts=0
    )
    return Scene(tasks, configuration, paths=toy_packs(folder / "packs"))


def scripted_scene(folder: Path) -> Scene:
    """Return a small run of a slow model, which pays for every request."""
    script = folder / "script.yaml"
    script.write_text(SLOW, encoding="utf-8")
    tasks = (toy_task("toy/plus", "E0 + 3"), toy_task("toy/minus", "E0 - 5"))
    configuration = Configuration(
        model=f"scripted:{script}",
        guardian=GuardianKind.NONE,
        samples=6,
        temperatures=(0.5, 1.0),
        granularity=2,
    )
    return Scene(tasks, configuration, paths=toy_packs(folder / "packs"))


def play(scene: Scene, out: Path) -> None:
    """Go on with a run, or begin it, and come to its end."""
    import sys

    sys.path += [path for path in scene.paths if path not in sys.path]
    improve(scene.tasks, out, scene.configuration, resume=True, means=scene.means)


def begin(scene: Scene, out: Path) -> ForkServerProcess:
    """Begin to play in another process."""
    process = _CONTEXT.Process(target=play, args=(scene, out))
    process.start()
    return process


def whole(scene: Scene, out: Path) -> float:
    """Run without interruption; return how many seconds that took."""
    start = time.monotonic()
    process = begin(scene, out)
    process.join()
    assert process.exitcode == 0, "the run does not even end when nobody kills it"
    return time.monotonic() - start


def results(out: Path) -> dict[str, bytes]:
    """Return what a run has come to: all but the journal, in which times differ."""
    return {name: data for name, data in contents(out).items() if not name.startswith("journal.db")}


def seals(out: Path) -> list[str | None]:
    """Return the digests of a run's iterations, which cover every sample and its cost."""
    with Journal.open(out / "journal.db", read_only=True) as journal:
        return [step.digest for step in journal.iterations(1)]


def kill_round(
    scene: Scene, out: Path, expected: Path, *, seconds: float, rng: random.Random, tally: Tally
) -> float:
    """Kill a run again and again until it comes to its end first, and compare that.

    Returns:
        How many seconds the process took that came to the end: a machine has faster and slower
        times, and kills that come too late or too early tell little.

    Args:
        scene: what is run.
        out: its run directory, which does not exist yet.
        expected: the directory of an uninterrupted run.
        seconds: how long a run takes: every moment of it can be the last.
        rng: decides when.
        tally: is added to.
    """
    most = tally.kills + MOST
    while True:
        start = time.monotonic()
        process = begin(scene, out)
        process.join(rng.uniform(0, seconds) if tally.kills < most else None)
        process.kill()
        process.join()
        taken = time.monotonic() - start
        if process.exitcode == 0:
            break
        if process.exitcode != -signal.SIGKILL:
            tally.differences.append(f"{out.name}: a resumed run ended with {process.exitcode}")
            break
        tally.kills += 1
        tally.at.append(_recorded(out, tally))
    tally.rounds += 1
    if results(out) != results(expected):
        tally.differences.append(f"{out.name}: another summary or library")
    elif seals(out) != seals(expected):
        tally.differences.append(f"{out.name}: other samples, or another cost")
    return taken


def _recorded(out: Path, tally: Tally) -> int:
    """Return how much a killed run has left, after checking that all of it is sound."""
    if not (out / "journal.db").is_file() or not (out / "journal.db").stat().st_size:
        return 0
    try:
        with Journal.open(out / "journal.db") as journal:
            tally.differences += [f"{out.name}: {fault}" for fault in journal.verify()]
            return sum(
                journal.totals(run.id).samples + sum(1 for _ in journal.exchanges(run.id))
                for run in journal.runs()
            )
    except JournalError as error:
        tally.differences.append(str(error))
        return 0


def spread(at: Sequence[int]) -> str:
    """Say how the kills lie among the samples."""
    ordered = sorted(at)
    return f"{ordered[0]} to {ordered[-1]}, median {ordered[len(ordered) // 2]}" if at else "none"
