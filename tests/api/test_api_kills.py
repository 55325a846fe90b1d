"""Runs that are killed at random moments end like one that nobody kills.

A few kills; `benchmarks/kills.py` does the same some hundred times.
"""

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import kills
import pytest

from hardwon.api import improve
from hardwon.api.journals import verify
from hardwon.journal import JournalError

KILLS = 3


@pytest.mark.parametrize("make", [kills.offline_scene, kills.scripted_scene])
def test_a_run_that_is_killed_at_any_moment_ends_like_one_that_is_not(
    toy: None, make: Callable[[Path], kills.Scene], tmp_path: Path
) -> None:
    del toy
    scene, expected = make(tmp_path), tmp_path / "whole"
    kills.whole(scene, tmp_path / "warm")
    seconds = kills.whole(scene, expected)
    summary = json.loads((expected / "summary.json").read_text())
    assert summary["solved"] == len(scene.tasks), "the run is not worth an interruption"
    assert len(summary["iterations"]) > 1
    tally, rng = kills.Tally(), random.Random(0)
    while tally.kills < KILLS:
        out = tmp_path / f"run-{tally.rounds}"
        kills.kill_round(scene, out, expected, seconds=seconds, rng=rng, tally=tally)
        assert verify(out).faults == ()
    assert tally.differences == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"cannot mount a disk: {error}")
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a disk: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.name != "posix", reason="mounts a disk")
def test_a_run_on_a_full_disk_goes_on_when_there_is_space(
    toy: None, tiny_disk: Path, tmp_path: Path
) -> None:
    """Nothing that was recorded is lost, and the end is that of a run with space from the start."""
    del toy
    scene = kills.offline_scene(tmp_path)
    out = tiny_disk / "run"
    with pytest.raises(JournalError, match="disk"):
        improve(scene.tasks, out, scene.configuration)
    assert verify(out / "journal.db").faults == ()
    subprocess.run(["mount", "-o", "remount,size=16m", str(tiny_disk)], check=True)
    improve(scene.tasks, out, scene.configuration, resume=True)
    improve(scene.tasks, tmp_path / "whole", scene.configuration)
    assert kills.results(out) == kills.results(tmp_path / "whole")
    assert kills.seals(out) == kills.seals(tmp_path / "whole")
