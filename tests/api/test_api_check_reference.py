"""The benchmark's own programs, checked by one judge, and on data that nobody could foresee."""

import pytest

from hardwon import bench
from hardwon.api.checking import check_reference
from hardwon.api.errors import UsageError
from hardwon.judge import Judge, pool
from hardwon.workers import Child
from support import DOUBLE, read


def test_one_judge_makes_the_program_affine_and_checks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    class Counted(Child):
        async def start(self) -> None:
            started.append("worker")
            await super().start()

    monkeypatch.setattr(pool, "Child", Counted)
    impl, verdict = check_reference(bench.load("norm/rms_scalar"), seed=3)
    assert verdict.correct
    assert "Copy" in impl
    assert started == ["worker"]


def test_only_tasks_of_the_benchmark_have_one() -> None:
    with pytest.raises(UsageError, match="only tasks of the benchmark"):
        check_reference(read(DOUBLE))


def test_a_judge_draws_a_seed_of_its_own_unless_it_is_given_one() -> None:
    assert Judge(seed=5).seed == 5
    assert Judge(seed=0).seed == 0
    assert len({Judge().seed for _ in range(8)}) == 8
