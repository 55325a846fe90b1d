"""What one run has won teaches another: one that begins, and one that had come to its end."""

from pathlib import Path

from hardwon import api
from support import DOUBLE, HOPELESS, RESIDUAL, ROWS, write_tasks

CONFIGURATION = api.Configuration(samples=8, temperatures=(1.0,), granularity=1, efforts=0)


def test_experiences_of_one_run_are_demonstrations_of_another(tmp_path: Path) -> None:
    known = api.select_tasks(write_tasks(tmp_path / "known", DOUBLE, ROWS))
    other = api.select_tasks(write_tasks(tmp_path / "other", RESIDUAL, HOPELESS))
    assert api.improve(known, tmp_path / "teacher", CONFIGURATION).summary.solved == 2
    file = tmp_path / "experiences.jsonl"
    lines = [api.experience_line(item) for item in api.export_experiences(tmp_path / "teacher")]
    file.write_text("\n".join(lines) + "\n")

    ended = tmp_path / "ended"
    before = api.improve(other, ended, CONFIGURATION).summary
    assert set(api.import_experiences(file, ended).imported) == {"tiny/double", "tiny/rows"}
    after = api.improve(other, ended, CONFIGURATION, resume=True).summary
    (again,) = after.iterations[len(before.iterations) :]
    assert again.attempted == 1  # what was unsolved gets another try; nothing else is sampled
    assert {"tiny/double", "tiny/rows"} < set(again.demonstrations)
    assert after.total == 2
    assert not api.verify(ended).faults

    new = tmp_path / "new"
    new.mkdir()
    api.import_experiences(file, new)
    begun = api.improve(other, new, CONFIGURATION, resume=True).summary
    assert set(begun.iterations[0].demonstrations) == {"tiny/double", "tiny/rows"}
    assert not api.verify(new).faults
