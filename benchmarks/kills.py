"""Kills runs at random moments, goes on with them, and compares what they come to.

    nice python benchmarks/kills.py --offline 200 --scripted 50 --seed 0

Each run is small, takes seconds, and is killed (SIGKILL) up to four times at moments drawn from the
whole length of an uninterrupted run; after each kill its journal is verified. In the end its
summary and its library have to be the same bytes as those of a run that nobody has killed, and its
journal has to have the same digests, which cover every sample and its cost. Needs a source
checkout.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "api")]

import kills  # noqa: E402


def series(name: str, scene: kills.Scene, wanted: int, seed: int, folder: Path) -> bool:
    """Kill until it is enough; return whether all runs came to the same end."""
    sys.path += [path for path in scene.paths if path not in sys.path]
    expected = folder / "whole"
    kills.whole(scene, expected)  # the first one also warms up
    shutil.rmtree(expected)
    seconds = kills.whole(scene, expected)
    tally, start = kills.Tally(), time.monotonic()
    rng = random.Random(f"{name} {seed}")
    while tally.kills < wanted:
        out = folder / f"run-{tally.rounds}"
        seconds = kills.kill_round(scene, out, expected, seconds=seconds, rng=rng, tally=tally)
        shutil.rmtree(out)
        print(
            f"{name}: {tally.kills} kills in {tally.rounds} runs, "
            f"{len(tally.differences)} differences, {time.monotonic() - start:.0f} s",
            flush=True,
        )
    print(f"{name}: samples and answers recorded when killed: {kills.spread(tally.at)}")
    for line in tally.differences:
        print(f"{name}: {line}")
    return not tally.differences


def main() -> None:
    """Run both series."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--offline", type=int, default=200, help="kills of the offline proposer")
    parser.add_argument("--scripted", type=int, default=50, help="kills of a slow scripted model")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hardwon-kills-") as name:
        folder = Path(name)
        same = [
            series(kind, scene(folder), wanted, options.seed, _new(folder / kind))
            for kind, scene, wanted in (
                ("offline", kills.offline_scene, options.offline),
                ("scripted", kills.scripted_scene, options.scripted),
            )
            if wanted
        ]
    sys.exit(0 if all(same) else 1)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
