"""A corpus of hostile and broken answers: each gets its verdict, and none of them has an effect."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_answers import ANSWERS

from hardwon.judge import Limits
from support import ROWS, SUMMED, SyncJudge, read

TASK = read(ROWS)


@pytest.fixture(scope="module")
def shared() -> Iterator[SyncJudge]:
    with SyncJudge(limits=Limits(seconds=5.0)) as judge:
        judge.sizes(TASK)
        yield judge


def variant(number: int) -> str:
    """Return a right answer that no judge has seen yet."""
    detour = "".join(f"E0 = step.Identity().apply(E0)  # {n}\n" for n in range(number % 50))
    return f"{detour}{SUMMED}"


def open_files() -> int:
    """Return how many files this process has open, as far as the system says."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(set(ANSWERS)) == len(ANSWERS) >= 270


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_an_answer_that_is_no_solution_is_never_correct(number: int, shared: SyncJudge) -> None:
    said = shared.judge(TASK, ANSWERS[number])
    assert not said.correct
    assert said.stage is not None
    assert said.errors[0].message
    assert len(said.errors) <= 50
    assert all(len(error.message) < 1500 for error in said.errors)
    assert not said.errors[0].message.startswith(("the program ran", "the program ended"))
    assert shared.judge(TASK, variant(number)).correct


def test_judging_hostile_answers_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = open_files()
    with SyncJudge() as judge:
        for answer in ANSWERS[::12]:
            assert not judge.judge(TASK, answer).correct
        assert judge.judge(TASK, SUMMED).correct
    assert not list(tmp_path.iterdir())
    assert open_files() == before
