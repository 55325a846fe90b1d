"""What is recorded comes back, once, and cannot be replaced."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_places import NewPlace
from journal_values import (
    CORRECT,
    GAVE_UP,
    JUDGE,
    WRONG,
    any_text,
    make_experience,
    make_sample,
    make_task,
    usages,
    verdicts,
)

from hardwon.journal import (
    JSON,
    Journal,
    JournalError,
    JournalMismatchError,
    NoRunError,
    RunState,
    SampleRecord,
    experience_digest,
)
from hardwon.records import NO_PROGRAM, Answer, Usage, Verdict, program_digest

pytest_plugins = ["journal_databases"]

TASKS = [make_task("scan/maximum"), make_task("scan/other", dims=("K",)), make_task("plain")]
FIRST, SECOND, THIRD = TASKS
SETTINGS: dict[str, JSON] = {"model": {"name": "m", "temperatures": [0.4, 0.7]}, "seed": 1}


@pytest.fixture
def run(journal: Journal) -> int:
    """A run whose first iteration attempts all tasks."""
    run = journal.begin_run(SETTINGS, TASKS)
    journal.begin_iteration(run, 0, 0, [], TASKS)
    return run


def test_a_run_comes_back_as_it_was_begun(journal: Journal) -> None:
    before = datetime.now(UTC)
    solved = FIRST.model_copy(update={"impl": "return E0"})
    run = journal.begin_run(SETTINGS, [solved, THIRD])
    record = journal.run_record(run)
    assert record.configuration == SETTINGS
    assert before <= record.created_at <= datetime.now(UTC)
    assert record.hardwon_version == version("hardwon")
    assert (record.state, record.ending) == (RunState.RUNNING, None)
    assert journal.tasks(run) == [FIRST, THIRD]


def test_an_ending_is_kept_and_cannot_be_replaced(journal: Journal, run: int) -> None:
    journal.finish_run(run, "all tasks are solved")
    journal.finish_run(run, "all tasks are solved")
    record = journal.run_record(run)
    assert (record.state, record.ending) == (RunState.FINISHED, "all tasks are solved")
    with pytest.raises(JournalMismatchError, match="out of budget"):
        journal.finish_run(run, "out of budget")


def test_an_unknown_run_is_an_error(journal: Journal) -> None:
    with pytest.raises(NoRunError, match="no run 7"):
        journal.run_record(7)
    with pytest.raises(NoRunError, match="begin one"):
        journal.resume_run(SETTINGS, TASKS)


def test_runs_share_a_journal(journal: Journal) -> None:
    runs = [journal.begin_run({"seed": seed}, TASKS) for seed in range(3)]
    assert [record.id for record in journal.runs()] == runs
    assert journal.resume_run({"seed": 2}, TASKS) == runs[-1]


def test_a_task_is_listed_once(journal: Journal) -> None:
    with pytest.raises(JournalError, match="scan/maximum"):
        journal.begin_run(SETTINGS, [FIRST, SECOND, FIRST])
    assert journal.runs() == []


def test_the_order_of_settings_does_not_matter(journal: Journal, run: int) -> None:
    reordered: dict[str, JSON] = {"seed": 1, "model": {"temperatures": (0.4, 0.7), "name": "m"}}
    assert journal.resume_run(reordered, TASKS) == run


def test_every_setting_that_differs_is_named(journal: Journal, run: int) -> None:
    changed: dict[str, JSON] = {"model": {"name": "x", "temperatures": [0.4, 0.7]}, "strata": 3}
    with pytest.raises(JournalMismatchError) as caught:
        journal.resume_run(changed, TASKS)
    assert caught.value.differences == (
        'setting model.name: recorded "m", now "x"',
        "setting seed: recorded 1, now missing",
        "setting strata: not recorded, now 3",
    )
    assert all(line in str(caught.value) for line in caught.value.differences)


def test_every_task_that_differs_is_named(journal: Journal, run: int) -> None:
    tasks = [make_task("scan/maximum", dims=("M", "N")), THIRD, make_task("new")]
    with pytest.raises(JournalMismatchError) as caught:
        journal.resume_run(SETTINGS, tasks)
    assert caught.value.differences == (
        "task scan/maximum: its content has changed",
        "task scan/other: now missing",
        "task new: not recorded, now given",
    )


def test_tasks_in_another_order_are_another_experiment(journal: Journal, run: int) -> None:
    with pytest.raises(JournalMismatchError, match="another order"):
        journal.resume_run(SETTINGS, TASKS[::-1])


def test_samples_come_back_by_index(journal: Journal, run: int) -> None:
    rows = [make_sample(5, impl="a"), make_sample(2, None, GAVE_UP), make_sample(3, "b", WRONG)]
    journal.record_samples(run, 0, FIRST.digest, 0.7, rows, judge=JUDGE)
    recorded = journal.samples(run, 0, FIRST.digest, 0.7)
    assert list(recorded.items()) == [
        (row.answer.index, row) for row in (rows[1], rows[2], rows[0])
    ]
    assert journal.samples(run, 0, FIRST.digest, 0.4) == {}
    assert journal.samples(run, 0, SECOND.digest, 0.7) == {}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.none() | any_text, usages, verdicts), max_size=4))
def test_samples_survive_storage(contents: list[tuple[str | None, Usage, Verdict]]) -> None:
    judged: dict[str | None, Verdict] = {}
    rows = [
        SampleRecord(
            answer=Answer(index=index, impl=impl, usage=usage),
            verdict=judged.setdefault(impl, verdict),
        )
        for index, (impl, usage, verdict) in enumerate(contents)
    ]
    with Journal.open("sqlite://") as journal:
        run = journal.begin_run({}, TASKS)
        journal.begin_iteration(run, 0, 0, [], TASKS)
        for _ in range(2):
            journal.record_samples(run, 0, FIRST.digest, 1.0, rows, judge=JUDGE)
        assert journal.samples(run, 0, FIRST.digest, 1.0) == dict(enumerate(rows))
        assert journal.verdicts(FIRST.digest, JUDGE) == {
            program_digest(impl): verdict for impl, verdict in judged.items()
        }
        assert journal.verify() == []


def test_new_samples_join_those_recorded(journal: Journal, run: int) -> None:
    rows = [make_sample(index, f"p{index}") for index in range(4)]
    journal.record_samples(run, 0, FIRST.digest, 0.7, rows[:3], judge=JUDGE)
    journal.record_samples(run, 0, FIRST.digest, 0.7, rows[1:], judge=JUDGE)
    assert journal.samples(run, 0, FIRST.digest, 0.7) == dict(enumerate(rows))


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (make_sample(1, "p", tokens=8), "sample 1, input_tokens: recorded 7, now 8"),
        (make_sample(1, "q"), f"now '{program_digest('q')}'"),
        (make_sample(1, None, GAVE_UP), f"now '{NO_PROGRAM}'"),
        (make_sample(1, "p", WRONG), "sample 1, verdict.correct: recorded True, now False"),
    ],
)
def test_a_sample_cannot_be_replaced(
    journal: Journal, run: int, other: SampleRecord, difference: str
) -> None:
    journal.record_samples(run, 0, FIRST.digest, 0.7, [make_sample(1, "p")], judge=JUDGE)
    rows = [make_sample(0, "new"), other]
    with pytest.raises(JournalMismatchError) as caught:
        journal.record_samples(run, 0, FIRST.digest, 0.7, rows, judge=JUDGE)
    assert "other samples of the task scan/maximum at temperature 0.7" in str(caught.value)
    assert difference in str(caught.value)
    # Not even the first row of the batch is there: it is recorded as a whole, or not at all.
    assert journal.samples(run, 0, FIRST.digest, 0.7) == {1: make_sample(1, "p")}
    assert journal.verdict(FIRST.digest, "new", JUDGE) is None


def test_a_sample_cannot_be_judged_by_another_judge(journal: Journal, run: int) -> None:
    journal.record_samples(run, 0, FIRST.digest, 0.7, [make_sample()], judge=JUDGE)
    with pytest.raises(JournalMismatchError, match="sample 0, judge"):
        journal.record_samples(run, 0, FIRST.digest, 0.7, [make_sample()], judge="stricter")


def test_one_index_names_one_sample(journal: Journal, run: int) -> None:
    rows = [make_sample(0, "p"), make_sample(0, "q")]
    with pytest.raises(JournalMismatchError, match="sample 0, program"):
        journal.record_samples(run, 0, FIRST.digest, 0.7, rows, judge=JUDGE)


def test_a_program_is_judged_once_per_task_and_judge(journal: Journal, run: int) -> None:
    journal.record_samples(run, 0, FIRST.digest, 0.7, [make_sample(impl="p")], judge=JUDGE)
    slower = CORRECT.model_copy(update={"seconds": 99.0})
    rows = [make_sample(1, "p", slower)]
    journal.record_samples(run, 0, FIRST.digest, 0.7, rows, judge=JUDGE)
    assert journal.verdict(FIRST.digest, "p", JUDGE) == CORRECT
    assert journal.verdict(FIRST.digest, "p", "stricter") is None
    assert journal.verdict(SECOND.digest, "p", JUDGE) is None
    with pytest.raises(JournalMismatchError, match=r"verdict\.correct"):
        journal.record_samples(run, 0, FIRST.digest, 0.7, [make_sample(2, "p", WRONG)], judge=JUDGE)


def test_an_iteration_comes_back_with_its_selection_in_order(journal: Journal, run: int) -> None:
    experiences = [make_experience(task) for task in (FIRST, SECOND)]
    for experience in experiences:
        journal.record_experience(run, experience)
    journal.finish_iteration(run, 0)
    journal.begin_iteration(run, 1, 2, experiences[::-1], [THIRD])
    first, second = journal.iterations(run)
    assert (first.index, first.stratum, first.demonstrations) == (0, 0, ())
    assert first.tasks == tuple(task.digest for task in TASKS)
    assert first.finished_at is not None
    assert first.started_at <= first.finished_at
    assert (second.index, second.stratum, second.tasks) == (1, 2, (THIRD.digest,))
    assert second.demonstrations == tuple(map(experience_digest, experiences[::-1]))
    assert (second.finished_at, second.digest) == (None, None)
    assert [journal.is_complete(run, index) for index in range(3)] == [True, False, False]


def test_an_iteration_that_is_begun_or_finished_again_is_unchanged(
    journal: Journal, run: int
) -> None:
    journal.finish_iteration(run, 0)
    once = journal.iterations(run)
    journal.begin_iteration(run, 0, 0, [], TASKS[::-1])
    journal.finish_iteration(run, 0)
    assert journal.iterations(run) == once


@pytest.mark.parametrize(
    ("begin", "difference"),
    [
        (lambda journal, run: journal.begin_iteration(run, 0, 1, [], TASKS), "stratum"),
        (lambda journal, run: journal.begin_iteration(run, 0, 0, [], TASKS[1:]), "tasks"),
        (
            lambda journal, run: journal.begin_iteration(
                run, 0, 0, [make_experience(FIRST)], TASKS
            ),
            "demonstrations",
        ),
    ],
)
def test_an_iteration_cannot_be_begun_otherwise(
    journal: Journal, run: int, begin: Callable[[Journal, int], None], difference: str
) -> None:
    with pytest.raises(JournalMismatchError) as caught:
        begin(journal, run)
    (line,) = caught.value.differences
    assert line.startswith(f"{difference}: recorded ")


def test_iterations_come_in_turn(journal: Journal, run: int) -> None:
    for index in (1, 2, -1):
        with pytest.raises(JournalError, match=f"iteration {index} .* before"):
            journal.begin_iteration(run, index, 0, [], TASKS)
    with pytest.raises(JournalError, match="has not been begun"):
        journal.finish_iteration(run, 1)


def test_a_finished_run_takes_no_iteration(journal: Journal, run: int) -> None:
    journal.finish_iteration(run, 0)
    journal.finish_run(run, "out of budget")
    with pytest.raises(JournalError, match="out of budget"):
        journal.begin_iteration(run, 1, 0, [], TASKS)


def test_a_complete_iteration_takes_no_new_sample(journal: Journal, run: int) -> None:
    journal.record_samples(run, 0, FIRST.digest, 0.7, [make_sample(0)], judge=JUDGE)
    journal.finish_iteration(run, 0)
    journal.record_samples(run, 0, FIRST.digest, 0.7, [make_sample(0)], judge=JUDGE)
    with pytest.raises(JournalMismatchError, match=r"sample 1: .* complete"):
        journal.record_samples(run, 0, FIRST.digest, 0.7, [make_sample(1)], judge=JUDGE)


def test_only_what_is_recorded_can_be_referred_to(journal: Journal, run: int) -> None:
    journal.finish_iteration(run, 0)
    stranger = make_task("stranger")
    with pytest.raises(JournalError, match="stranger is not among the tasks"):
        journal.begin_iteration(run, 1, 0, [], [stranger])
    with pytest.raises(JournalError, match="demonstration of plain is no recorded experience"):
        journal.begin_iteration(run, 1, 0, [make_experience(THIRD)], TASKS)
    for iteration, task in ((0, stranger), (1, FIRST)):
        with pytest.raises(JournalError, match="does not attempt"):
            journal.record_samples(run, iteration, task.digest, 0.7, [make_sample()], judge=JUDGE)
        with pytest.raises(JournalError, match="does not attempt"):
            journal.record_experience(run, make_experience(task, iteration=iteration))
    assert len(journal.iterations(run)) == 1


def test_experiences_come_in_the_order_of_the_tasks(journal: Journal, run: int) -> None:
    experiences = [make_experience(task) for task in TASKS]
    for experience in experiences[::-1] * 2:
        journal.record_experience(run, experience)
    assert journal.experiences(run) == experiences


def test_a_run_remembers_one_answer_per_task(journal: Journal, run: int) -> None:
    journal.record_experience(run, make_experience(FIRST))
    with pytest.raises(JournalMismatchError) as caught:
        journal.record_experience(run, make_experience(FIRST, "return E0 # so"))
    (line,) = caught.value.differences
    assert line.startswith("program: recorded ")
    other = journal.begin_run({}, TASKS)
    journal.begin_iteration(other, 0, 0, [], TASKS)
    journal.record_experience(other, make_experience(FIRST, "return E0 # so"))
    assert len(journal.experiences(run)) == len(journal.experiences(other)) == 1


def test_equal_runs_have_equal_digests(new_place: NewPlace) -> None:
    def digests(tokens: int) -> list[str | None]:
        with Journal.open(new_place()) as journal:
            run = journal.begin_run(SETTINGS, TASKS)
            for index in range(2):
                journal.begin_iteration(run, index, 0, [], TASKS)
                rows = [make_sample(tokens=tokens if index == 0 else 7)]
                journal.record_samples(run, index, FIRST.digest, 0.7, rows, judge=JUDGE)
                journal.finish_iteration(run, index)
            return [iteration.digest for iteration in journal.iterations(run)]

    one, same, other = digests(1), digests(1), digests(2)
    assert one == same
    assert not set(one) & set(other), "the second iteration builds on the first"


def test_several_writers_share_a_journal_from_its_creation_on(place: str) -> None:
    together = threading.Barrier(4)
    failures: list[BaseException] = []

    def write(seed: int) -> None:
        try:
            together.wait()
            with Journal.open(place) as journal:
                run = journal.begin_run({"seed": seed}, TASKS)
                journal.begin_iteration(run, 0, 0, [], TASKS)
                for task in TASKS:
                    rows = [make_sample(index, f"p{index}") for index in range(20)]
                    journal.record_samples(run, 0, task.digest, 0.7, rows, judge=JUDGE)
                journal.finish_iteration(run, 0)
        except BaseException as error:  # Shown by the test, not lost with the thread.
            failures.append(error)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Journal.open(place, create=False) as journal:
        assert len(journal.runs()) == 4
        assert all(
            len(journal.samples(run.id, 0, FIRST.digest, 0.7)) == 20 for run in journal.runs()
        )
        assert journal.verify() == []
