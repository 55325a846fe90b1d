"""Folders of processes that were killed are removed by the next one that needs a folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from hardwon.workers.folders import WorkFolder, remove_stale

OWNER = """\
import sys, tempfile, time
tempfile.tempdir = {place!r}
from hardwon.workers.folders import WorkFolder
print(WorkFolder.create().path, flush=True)
time.sleep(600)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_goes_when_its_owner_has_been_killed_and_not_before(place: Path) -> None:
    code = OWNER.format(place=str(place))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        left = Path(owner.stdout.readline().decode().strip())
        (left / "file").touch()
        remove_stale()
        assert (left / "file").exists()
        owner.kill()
        owner.wait()
    assert left.exists()
    mine = WorkFolder.create()
    assert list(place.iterdir()) == [mine.path]
    mine.remove()
    assert not list(place.iterdir())


def test_nothing_else_is_touched(place: Path) -> None:
    for name in ("hardwon-run", "hardwon-verify-x", "other"):
        (place / name).mkdir()
    (place / "hardwon-work-file").touch()
    (place / "hardwon-work-link").symlink_to(place / "other")
    remove_stale()
    assert len(list(place.iterdir())) == 5
