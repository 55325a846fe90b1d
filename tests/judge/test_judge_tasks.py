"""A corpus of hostile and broken tasks: none of them hangs, and none reaches another task."""

import sys
import textwrap
from collections.abc import Iterator

import pytest
from hostile_tasks import BROKEN, FAILING, HARMLESS

from hardwon.judge import Limits
from hardwon.languages.protocol import TaskError
from hardwon.records import Stage, Task
from support import DOUBLE, DOUBLED, ROWS, SUMMED, SyncJudge, read

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the protections are Linux's")

LIMITS = Limits(seconds=2.0, prepare_seconds=3.0, memory_bytes=3 << 30)
OTHER, RIGHT, WRONG = read(ROWS), SUMMED, "return step.Accum(fn=fn_sum, b=1).apply(E0)"


@pytest.fixture(scope="module")
def shared() -> Iterator[SyncJudge]:
    with SyncJudge(limits=LIMITS) as judge:
        judge.sizes(OTHER)
        yield judge


def hostile(place: str, code: str) -> Task:
    """Return the task DOUBLE with more code at some place."""
    task = read(DOUBLE)
    (double,), (output,) = task.fns, task.outputs
    if place == "global":
        return task.model_copy(update={"global_code": code})
    if place == "reference":
        blocks = (f"{code}\n{textwrap.dedent(output.data_transform[0])}",)
        changed = output.model_copy(update={"data_transform": blocks})
        return task.model_copy(update={"outputs": (changed,)})
    body = double.model_copy(update={"apply": f"{code}\n{textwrap.dedent(double.apply)}"})
    return task.model_copy(update={"fns": (body,)})


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(BROKEN) + len(FAILING) + len(HARMLESS) >= 110


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_task_is_named_and_disturbs_no_other(what: str, shared: SyncJudge) -> None:
    task = hostile(*BROKEN[what])
    with pytest.raises(TaskError) as caught:
        shared.judge(task, DOUBLED)
    assert str(caught.value)
    assert shared.judge(OTHER, RIGHT).correct
    assert not shared.judge(OTHER, WRONG).correct


@pytest.mark.parametrize("what", FAILING)
def test_a_function_that_does_not_work_makes_its_programs_wrong(
    what: str, shared: SyncJudge
) -> None:
    task = hostile(*FAILING[what])
    for program in (DOUBLED, "return E0"):
        said = shared.judge(task, program)
        assert (said.correct, said.stage, said.functional) == (False, Stage.FUNCTIONAL, False)
        assert said.errors[0].message
    assert shared.judge(OTHER, RIGHT).correct
    assert not shared.judge(OTHER, WRONG).correct


@pytest.mark.parametrize("what", HARMLESS)
def test_odd_code_turns_no_wrong_program_into_a_right_one(what: str, shared: SyncJudge) -> None:
    task = hostile(*HARMLESS[what])
    assert not shared.judge(task, "return E0").correct
    assert shared.judge(task, DOUBLED).correct
    twice = f"E1 = step.Map(fn=fn_double).apply(E0)\n{DOUBLED.replace('E0', 'E1')}"
    assert not shared.judge(task, twice).correct
    assert shared.judge(task, f"E0 = step.Identity().apply(E0)\n{DOUBLED}").correct
    assert shared.judge(OTHER, RIGHT).correct
    assert not shared.judge(OTHER, WRONG).correct
