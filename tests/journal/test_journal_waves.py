"""Tasks and experiences join a run; what was there before stays as it was."""

import pytest
from journal_values import CORRECT, JUDGE, WRONG, make_experience, make_sample, make_task

from hardwon.journal import (
    JSON,
    Journal,
    JournalError,
    JournalMismatchError,
    NoRunError,
    RunState,
    experience_digest,
)
from hardwon.records import Experience, Task, Usage

pytest_plugins = ["journal_databases"]

TASK, OTHER, LATE = make_task("first"), make_task("other"), make_task("late")
SETTINGS: dict[str, JSON] = {"seed": 1}


@pytest.fixture
def run(journal: Journal) -> int:
    """A run that has ended."""
    run = journal.begin_run(SETTINGS, [TASK, OTHER])
    solve(journal, run, 0, [TASK, OTHER], [])
    journal.finish_run(run, "all tasks are solved")
    return run


def solve(
    journal: Journal, run: int, index: int, tasks: list[Task], shown: list[Experience]
) -> None:
    journal.begin_iteration(run, index, 0, shown, tasks)
    for task in tasks:
        journal.record_samples(run, index, task.digest, 0.7, [make_sample()], judge=JUDGE)
        journal.record_experience(run, make_experience(task, iteration=index, counts=(1, 1)))
    journal.finish_iteration(run, index)


def foreign(task: Task, impl: str = "return E0") -> Experience:
    """Return an experience as it is recorded when it comes from elsewhere."""
    return make_experience(task, impl, iteration=-1)


def test_a_task_joins_a_run_that_has_ended(journal: Journal, run: int) -> None:
    seal = journal.iterations(run)[0].digest
    assert journal.extend_run(run, [OTHER, LATE, TASK]) == [LATE]
    record = journal.run_record(run)
    assert (record.state, record.ending) == (RunState.RUNNING, None)
    assert journal.tasks(run) == [TASK, OTHER, LATE]
    solve(journal, run, 1, [LATE], journal.experiences(run))
    journal.finish_run(run, "all tasks are solved")
    assert journal.iterations(run)[0].digest == seal
    assert journal.verify() == []


def test_tasks_that_are_there_do_not_join_again(journal: Journal, run: int) -> None:
    assert journal.extend_run(run, [OTHER]) == []
    assert journal.run_record(run).state is RunState.FINISHED
    with pytest.raises(JournalError, match="late"):
        journal.extend_run(run, [LATE, LATE])
    with pytest.raises(NoRunError, match="no run 7"):
        journal.extend_run(7, [LATE])


def test_waves_tell_what_joined_when(journal: Journal, run: int) -> None:
    journal.extend_run(run, [LATE])
    journal.record_imports(run, [(foreign(make_task("elsewhere")), CORRECT)], judge=JUDGE)
    found = [(wave.index, wave.tasks, wave.imported) for wave in journal.waves(run)]
    assert found == [
        (0, (TASK, OTHER), ()),
        (1, (LATE,), ()),
        (2, (), (foreign(make_task("elsewhere")),)),
    ]


def test_a_run_that_grows_is_resumed_with_all_of_its_tasks(journal: Journal, run: int) -> None:
    for tasks in ([LATE, TASK, OTHER], [TASK, LATE, OTHER], [TASK, OTHER, LATE]):
        assert journal.resume_run(SETTINGS, tasks, grow=True) == run
        assert journal.resume_run(SETTINGS, tasks) == run
    assert [task.test_name for task in journal.tasks(run)] == ["first", "other", "late"]
    with pytest.raises(JournalMismatchError, match="another order"):
        journal.resume_run(SETTINGS, [OTHER, TASK, LATE])


@pytest.mark.parametrize(
    ("settings", "tasks", "difference"),
    [
        ({"seed": 2}, [TASK, OTHER, LATE], "setting seed: recorded 1, now 2"),
        (SETTINGS, [TASK, LATE], "task other: now missing"),
        (
            SETTINGS,
            [TASK, make_task("other", dims=("M", "N")), LATE],
            "task other: its content has changed",
        ),
        (SETTINGS, [OTHER, TASK, LATE], "the tasks come in another order"),
    ],
)
def test_a_run_does_not_grow_if_it_is_another_experiment(
    journal: Journal, run: int, settings: dict[str, JSON], tasks: list[Task], difference: str
) -> None:
    with pytest.raises(JournalMismatchError) as caught:
        journal.resume_run(settings, tasks, grow=True)
    assert caught.value.differences == (difference,)
    assert journal.tasks(run) == [TASK, OTHER]
    assert journal.run_record(run).state is RunState.FINISHED


def test_new_tasks_are_refused_unless_the_run_may_grow(journal: Journal, run: int) -> None:
    with pytest.raises(JournalMismatchError, match="task late: not recorded, now given"):
        journal.resume_run(SETTINGS, [TASK, OTHER, LATE])


def test_a_run_is_found_by_its_number_where_others_share_the_journal(
    journal: Journal, run: int
) -> None:
    latest = journal.begin_run(SETTINGS, [LATE])
    assert journal.resume_run(SETTINGS, [LATE]) == latest
    assert journal.resume_run(SETTINGS, [TASK, OTHER], run=run) == run
    with pytest.raises(NoRunError, match="no run 7"):
        journal.resume_run(SETTINGS, [LATE], run=7)


def test_an_imported_experience_is_shown_like_any_other(journal: Journal, run: int) -> None:
    elsewhere = make_task("elsewhere")
    (kept,) = journal.record_imports(run, [(make_experience(elsewhere), CORRECT)], judge=JUDGE)
    assert kept == foreign(elsewhere)
    assert journal.imported(run) == [kept]
    assert journal.experiences(run) == [
        make_experience(task, counts=(1, 1)) for task in (TASK, OTHER)
    ]
    journal.extend_run(run, [LATE])
    own, _ = journal.experiences(run)
    for shown in ([own, kept], [own, kept]):  # begun, and begun again
        journal.begin_iteration(run, 1, 0, shown, [LATE])
    assert journal.iterations(run)[1].demonstrations == tuple(map(experience_digest, [own, kept]))
    with pytest.raises(JournalMismatchError, match="demonstrations"):
        journal.begin_iteration(run, 1, 0, [kept, own], [LATE])
    assert journal.verdict(elsewhere.digest, kept.impl, JUDGE) == CORRECT
    assert journal.verify() == []


def test_what_is_imported_again_changes_nothing(journal: Journal, run: int) -> None:
    imports = [(foreign(LATE), CORRECT)]
    assert journal.record_imports(run, imports, judge=JUDGE) == [foreign(LATE)]
    journal.finish_run(run, "all tasks are solved")
    assert journal.record_imports(run, imports, judge=JUDGE) == []
    assert journal.run_record(run).state is RunState.FINISHED


def test_only_correct_answers_to_unsolved_tasks_are_let_in(journal: Journal, run: int) -> None:
    with pytest.raises(JournalError, match="the answer to late is not correct"):
        journal.record_imports(run, [(foreign(LATE), WRONG)], judge=JUDGE)
    with pytest.raises(JournalMismatchError, match="another experience of the task first"):
        journal.record_imports(run, [(foreign(TASK, "return E0 # so"), CORRECT)], judge=JUDGE)
    both = [(foreign(LATE), CORRECT), (foreign(LATE, "return E0 # so"), CORRECT)]
    with pytest.raises(JournalMismatchError, match="another experience of the task late"):
        journal.record_imports(run, both, judge=JUDGE)
    with pytest.raises(NoRunError, match="no run 7"):
        journal.record_imports(7, [(foreign(LATE), CORRECT)], judge=JUDGE)
    with pytest.raises(JournalError, match="holds runs already; say which one"):
        journal.record_imports(None, [(foreign(LATE), CORRECT)], judge=JUDGE)
    assert journal.imported(run) == []


def test_the_first_run_of_a_journal_begins_with_what_waits_for_it(journal: Journal) -> None:
    journal.record_imports(None, [(foreign(LATE), CORRECT)], judge=JUDGE)
    assert journal.imported(None) == [foreign(LATE)]
    assert journal.verify() == []
    first = journal.begin_run(SETTINGS, [TASK])
    second = journal.begin_run(SETTINGS, [TASK])
    assert journal.imported(None) == []
    (wave,) = journal.waves(first)
    assert (wave.tasks, wave.imported) == ((TASK,), (foreign(LATE),))
    assert journal.imported(second) == []
    assert journal.verify() == []


def test_totals_count_samples_and_cost(journal: Journal, run: int) -> None:
    journal.extend_run(run, [LATE])
    journal.begin_iteration(run, 1, 0, [], [LATE])
    rows = [make_sample(index, "return E9", WRONG, tokens=5) for index in range(3)]
    journal.record_samples(run, 1, LATE.digest, 0.7, rows, judge=JUDGE)
    totals = journal.totals(run)
    assert (totals.tasks, totals.solved, totals.imported, totals.iterations) == (3, 2, 0, 2)
    assert (totals.samples, totals.correct) == (5, 2)
    assert totals.usage == Usage(input_tokens=29, output_tokens=58, steps=5)
    with pytest.raises(NoRunError, match="no run 7"):
        journal.totals(7)
