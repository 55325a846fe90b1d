"""Differential fuzz: random programs, by the naive definition and by the fast simulator.

    python benchmarks/fuzz.py --programs 100000 --workers 2 --seed 0

Tasks, functions and programs come from the strategies of the tests, so it has to run from a source
checkout. Every chunk of programs has its own seed, which a failure names:

    python benchmarks/fuzz.py --chunk SEED
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "languages" / "step"))

import hypothesis
import torch
from hypothesis import HealthCheck, Phase, given, settings
from step_running import definition_of, machine_of, run_fast
from step_strategies import Scene, scenes

from hardwon.languages.step.semantics.definition import DataError
from hardwon.languages.step.simulator.machine import StepFailedError

CHUNK = 1000
"""Programs per seed; small enough to see progress and to find a failure again."""


def run_chunk(seed: int, programs: int) -> None:
    """Compare this many random programs."""
    torch.set_num_threads(1)

    @hypothesis.seed(seed)
    @settings(
        max_examples=programs,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(scenes(), hypothesis.strategies.integers(0, 1000))
    def compare(scene: Scene, data: int) -> None:
        machine = machine_of(scene.task, data)
        definition, inputs = definition_of(machine)
        try:
            wanted = definition.run(scene.graph, inputs)
        except DataError:
            try:
                run_fast(machine, scene.graph, scene.types)
            except StepFailedError:
                return
            raise AssertionError("the fast simulator goes on where tokens run out") from None
        found = run_fast(machine, scene.graph, scene.types)
        for ref, stream in wanted.items():
            for fast, defined in zip(found[ref], stream.to_tensors(), strict=True):
                torch.testing.assert_close(fast, defined, rtol=1e-4, atol=1e-4, equal_nan=True)

    compare()


def main() -> None:
    """Run chunks in parallel until the programs are used up or two simulators disagree."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--programs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the first chunk")
    parser.add_argument("--chunk", type=int, help="run the chunk with this seed only")
    options = parser.parse_args()
    if options.chunk is not None:
        run_chunk(options.chunk, min(CHUNK, options.programs))
        return
    start, done = time.monotonic(), 0
    waiting = [options.seed + at for at in range(-(-options.programs // CHUNK))]
    running: dict[int, subprocess.Popen[bytes]] = {}
    while waiting or running:
        while waiting and len(running) < options.workers:
            seed = waiting.pop(0)
            command = [sys.executable, __file__, "--chunk", str(seed)]
            running[seed] = subprocess.Popen([*command, "--programs", str(options.programs)])
        time.sleep(0.2)
        for seed, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[seed]
            if process.returncode != 0:
                for other in running.values():
                    other.kill()
                sys.exit(f"chunk {seed} disagrees; see it by --chunk {seed}")
            done += min(CHUNK, options.programs)
            seconds = time.monotonic() - start
            print(f"{done:>7} programs agree, {done / seconds:.0f} per second", flush=True)
    print(f"{done} random programs agree (seeds {options.seed} and up)")


if __name__ == "__main__":
    main()
