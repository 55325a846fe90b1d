"""Every reference program is correct once it is affine; without Copy it can break the law only."""

import pytest

from hardwon import bench
from hardwon.api import reference_program
from hardwon.bench.references import reference
from hardwon.languages import get_language
from hardwon.records import Stage
from support import SyncJudge

ENTRIES = [entry for task_set in bench.SETS for entry in bench.catalog(task_set)]
every_task = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


@every_task
def test_a_reference_made_affine_is_correct(entry: bench.Entry, judge: SyncJudge) -> None:
    task = bench.load(entry.name)
    language = get_language(task.language)
    program = language.enforce_law(task, reference(entry.name), judge.sizes(task))
    said = judge.judge(task, program)
    assert said.errors == ()
    assert (said.correct, said.stage, said.affine, said.functional) == (True, None, True, True)
    assert program.count("step.Copy(") == entry.reuse


@every_task
def test_a_reference_without_copies_breaks_the_law_exactly_if_it_reuses_a_stream(
    entry: bench.Entry, judge: SyncJudge
) -> None:
    said = judge.judge(bench.load(entry.name), reference(entry.name))
    if entry.reuse:
        assert (said.correct, said.stage) == (False, Stage.AFFINE)
        assert (said.affine, said.functional) == (False, True)
        assert {error.stage for error in said.errors} == {Stage.AFFINE}
    else:
        assert said.correct


def test_the_api_gives_the_same_programs(judge: SyncJudge) -> None:
    name = "norm/rms_scalar"
    task = bench.load(name)
    affine = get_language("step").enforce_law(task, reference(name), judge.sizes(task))
    assert reference_program(name) == affine
    assert reference_program(name, copies=False) == reference(name) != affine
