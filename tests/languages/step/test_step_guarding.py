"""The guardian `pass` on large sets of programs: it cannot corrupt, and it mends what it can."""

import asyncio
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from step_strategies import Scene, examples, scenes

from hardwon.agents import PassGuardian, Request
from hardwon.bench.catalog import Entry, catalog, load
from hardwon.bench.references import reference
from hardwon.languages import get_language
from hardwon.languages.step.affine import insert_copies
from hardwon.languages.step.decompile import decompile
from hardwon.languages.step.printer import print_program
from hardwon.languages.step.synthesis import Sampler
from hardwon.records import Answer, Stage, Task
from support import GREEDY, RESIDUAL, SyncJudge, read


def passed(task: Task, impl: str, sizes: Mapping[str, int]) -> str:
    request = Request(task, (), 1.0, (0,), seed=0, sizes={task.digest: sizes})
    program = asyncio.run(PassGuardian().guard(request, Answer(index=0, impl=impl))).impl
    assert program is not None
    return program


@examples(200)
@given(scenes())
def test_a_program_that_obeys_the_law_is_left_as_it_is(scene: Scene) -> None:
    text = print_program(decompile(insert_copies(scene.graph), scene.signature))
    odd = f"# as written\n{text}   # odd "
    assert passed(scene.task, text, scene.sizes) == text
    assert passed(scene.task, odd, scene.sizes) == odd


@examples(200)
@given(scenes())
def test_a_program_that_only_breaks_the_law_obeys_it_afterwards(scene: Scene) -> None:
    step = get_language("step")
    text = print_program(decompile(scene.graph, scene.signature))
    before = step.read(scene.task, text, scene.sizes)
    assert {error.stage for error in before.errors} <= {Stage.AFFINE}
    mended = passed(scene.task, text, scene.sizes)
    after = step.read(scene.task, mended, scene.sizes)
    assert (after.errors, after.affine) == ((), True)
    assert (mended == text) == bool(before.affine)


@pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.name)
def test_a_reference_without_copies_becomes_correct_and_then_stays(
    entry: Entry, judge: SyncJudge
) -> None:
    task, impl = load(entry.name), reference(entry.name)
    sizes = judge.sizes(task)
    mended = passed(task, impl, sizes)
    assert judge.judge(task, mended).correct
    assert passed(task, mended, sizes) == mended


@pytest.mark.parametrize("name", [entry.name for entry in catalog()][::4])
def test_drawn_programs_keep_their_verdict(name: str, judge: SyncJudge) -> None:
    """Correct or not: what obeys the law comes back byte by byte."""
    task = load(name)
    sizes = judge.sizes(task)
    sampler = Sampler.for_task(task, (), {task.digest: sizes})
    for number in range(25):
        impl, _ = sampler.draw(random.Random(f"{name} {number}"), 1.0)
        if impl is not None:
            assert passed(task, impl, sizes) == impl


def test_mending_does_not_change_results(judge: SyncJudge) -> None:
    task = read(RESIDUAL)
    before = judge.judge(task, GREEDY)
    assert (before.functional, before.affine, before.correct) == (True, False, False)
    assert judge.judge(task, passed(task, GREEDY, judge.sizes(task))).correct
