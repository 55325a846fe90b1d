"""From a journal to a report: of finished, unfinished and empty runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hardwon.api import reporting
from hardwon.api.annotating import explained
from hardwon.api.errors import UsageError
from hardwon.api.reporting import estimate_pass_at_k, read_run, write_report
from hardwon.api.summary import library_of, summarise
from hardwon.journal import JSON, Journal, SampleRecord
from hardwon.languages import Annotation
from hardwon.learning import UNTEMPERED
from hardwon.records import (
    Answer,
    Completion,
    Diagnostic,
    Exchange,
    Experience,
    Finish,
    Message,
    Parameters,
    Prompt,
    Speaker,
    Stage,
    Task,
    Usage,
    Verdict,
)
from support import DOUBLE, DOUBLED, ROWS, SUMMED, edited, experience, read

JUDGE = "judge"
CONFIGURATION: dict[str, JSON] = {
    "model": "offline",
    "samples": 4,
    "temperatures": [0.4, 1.0],
    "granularity": 2,
}
RIGHT = Verdict(
    correct=True, stage=None, affine=True, functional=True, normal_form="form", code_lines=1
)
WRONG = Verdict(
    correct=False,
    stage=Stage.TYPES,
    affine=None,
    functional=None,
    errors=(Diagnostic(stage=Stage.TYPES, line=1, message="expected [N], got [M]", rule="shapes"),),
)
EASY, HARD = read(DOUBLE), read(ROWS)
HOPELESS = read(edited(DOUBLE, ("tiny/double", "other/hopeless")))


def sample(index: int, *, right: bool, impl: str | None = DOUBLED, key: str = "") -> SampleRecord:
    answer = Answer(index=index, impl=impl, usage=Usage(steps=5), exchanges=(key,) if key else ())
    return SampleRecord(answer=answer, verdict=RIGHT if right else WRONG)


class Book:
    """Writes a run into a journal, iteration by iteration."""

    def __init__(self, folder: Path, tasks: Sequence[Task] = (EASY, HARD, HOPELESS)) -> None:
        self.folder = folder
        self.journal = Journal.open(folder / "journal.db")
        self.run = self.journal.begin_run(CONFIGURATION, tasks)
        self.memory: list[Experience] = []
        self.iteration = 0

    def play(self, tasks: Sequence[Task], wins: dict[Task, tuple[str, int]] | None = None,
             *, complete: bool = True, effort: int = 0) -> None:  # fmt: skip
        """Sample some tasks; `wins` says by which program, and by how many of four samples."""
        won = {task.digest: found for task, found in (wins or {}).items()}
        at = self.iteration
        self.journal.begin_iteration(self.run, at, 0, self.memory, tasks, effort=effort)
        for task in tasks:
            impl, correct = won.get(task.digest, (DOUBLED, 0))
            for temperature in (0.4, 1.0) if effort == 0 else (UNTEMPERED,):
                right = correct if temperature != 1.0 else 0
                rows = [
                    sample(index, right=index < right, impl=impl if index < right else "return E0")
                    for index in range(4 if effort == 0 else 1)
                ]
                self.journal.record_samples(
                    self.run, at, task.digest, temperature, rows, judge=JUDGE
                )
        if complete:
            self.journal.finish_iteration(self.run, at)
        for task in tasks:
            if complete and task.digest in won:
                impl, correct = won[task.digest]
                self.memory.append(experience(task, correct / 4, impl=impl, iteration=at))
                self.journal.record_experience(self.run, self.memory[-1])
        self.iteration += 1


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    found = Book(tmp_path)
    yield found
    found.journal.close()


@pytest.fixture(autouse=True)
def unexplained(monkeypatch: pytest.MonkeyPatch) -> None:
    """No judge is started to explain programs."""
    monkeypatch.setattr(
        reporting, "explained", lambda programs: {task.digest: "not asked" for task, _ in programs}
    )


def test_a_finished_run_is_read_as_it_was_recorded(book: Book) -> None:
    book.play([EASY, HARD, HOPELESS], {EASY: (DOUBLED, 3)})
    book.play([HARD, HOPELESS], {HARD: (SUMMED, 1)})
    book.play([HOPELESS])
    book.journal.finish_run(book.run, "nothing new")
    report = read_run(book.folder)
    assert (report.title, report.ending) == (book.folder.name, "nothing new")
    assert (report.solved, len(report.tasks), report.cost.samples) == (2, 3, 48)
    assert (report.cost.correct, report.cost.usage.steps) == (4, 240)
    assert [each.solved for each in report.iterations] == [("tiny/double",), ("tiny/rows",), ()]
    assert [each.demonstrations for each in report.iterations] == [0, 1, 2]
    assert {name: len(tasks) for name, tasks in report.groups.items()} == {"tiny": 2, "other": 1}
    assert report.configuration["temperatures"] == "0.4, 1.0"
    easy, hard, hopeless = report.tasks
    assert easy.solution is not None
    assert easy.solution.teachers == ()
    assert hard.solution is not None
    assert [(t.task, t.anchor) for t in hard.solution.teachers] == [
        ("tiny/double", "task-tiny-double")
    ]
    assert hopeless.solution is None
    assert hopeless.tried == (0, 1, 2)
    assert [(c.stage, c.kind, c.count) for c in hopeless.causes] == [("types", "shapes", 24)]


def test_pass_at_k_is_of_the_first_and_of_the_last_iteration_of_each_task(book: Book) -> None:
    book.play([EASY, HARD, HOPELESS], {EASY: (DOUBLED, 2)})
    book.play([HARD, HOPELESS], {HARD: (SUMMED, 4)})
    estimates = {(each.sampling, each.k): each for each in read_run(book.folder).pass_at_k}
    assert sorted({k for _, k in estimates}) == [1, 2, 4]
    assert estimates["without demonstrations", 1].value == pytest.approx((2 / 4) / 3)
    assert estimates["last iteration of each task", 1].value == pytest.approx((2 / 4 + 1) / 3)
    assert estimates["last iteration of each task", 4].value == pytest.approx(2 / 3)
    assert {(each.n, each.tasks) for each in estimates.values()} == {(4, 3)}


def test_an_interrupted_run_is_read_as_far_as_it_came(book: Book) -> None:
    book.play([EASY, HARD, HOPELESS], {EASY: (DOUBLED, 3)})
    book.play([HARD], complete=False)
    report = read_run(book.folder)
    assert report.ending is None
    assert report.iterations[-1].finished_at is None
    assert report.iterations[-1].seconds is None
    assert report.iterations[-1].cost.samples == 8


def test_what_an_iteration_that_was_cut_short_has_solved_counts_everywhere(book: Book) -> None:
    book.play([EASY, HARD, HOPELESS], {EASY: (DOUBLED, 3)})
    book.play([HARD, HOPELESS], {HARD: (SUMMED, 1)}, complete=False)
    report = read_run(book.folder)
    _, hard, _ = report.tasks
    assert hard.solution is not None
    assert hard.solution.impl == SUMMED
    assert report.iterations[-1].solved == ("tiny/rows",)
    summary = summarise(book.journal, book.run)
    assert (report.solved, summary.solved) == (2, 2)
    assert summary.iterations[-1].solved == report.iterations[-1].solved
    assert {item.task.test_name for item in library_of(book.journal, book.run)} == {
        name for name, task in summary.tasks.items() if task.solved
    }


def test_a_run_that_has_not_sampled_yet_is_a_run(book: Book) -> None:
    report = read_run(book.folder)
    assert (report.solved, report.iterations, report.pass_at_k) == (0, (), ())
    files = write_report(book.folder)
    assert "Nothing has been sampled yet" in files.page.read_text(encoding="utf-8")


def test_search_iterations_have_one_sample_per_task_and_no_part_in_pass_at_k(book: Book) -> None:
    book.play([EASY, HARD, HOPELESS])
    book.play([EASY, HARD, HOPELESS], {HARD: (SUMMED, 1)}, effort=1)
    report = read_run(book.folder)
    assert report.iterations[1].effort == 1
    assert report.iterations[1].cost.samples == 3
    assert {each.n for each in report.pass_at_k} == {4}
    assert report.tasks[1].batches[-1].temperature == UNTEMPERED


def test_imported_answers_are_nobodys_iteration(book: Book) -> None:
    foreign = read(edited(DOUBLE, ("tiny/double", "far/away")))
    imports = [
        (experience(foreign, 1.0, impl=DOUBLED, iteration=-1), RIGHT),
        (experience(EASY, 1.0, impl=DOUBLED, iteration=-1), RIGHT),
    ]
    book.memory += book.journal.record_imports(book.run, imports, judge=JUDGE)
    book.play([HARD, HOPELESS], {HARD: (SUMMED, 1)})
    easy, hard, _ = read_run(book.folder).tasks
    assert easy.solution is not None
    assert easy.solution.iteration is None
    assert hard.solution is not None
    assert [(t.task, t.anchor) for t in hard.solution.teachers] == [
        ("far/away", None),
        ("tiny/double", "task-tiny-double"),
    ]


def test_exchanges_with_models_are_added_up_by_role(book: Book) -> None:
    prompt = Prompt(messages=(Message(speaker=Speaker.USER, text="write"),))
    store = book.journal.responses(book.run)
    exchanges = [
        Exchange(
            role=role,
            model="openai:x",
            prompt=prompt,
            parameters=Parameters(),
            index=index,
            completion=Completion(text="", finish=finish, usage=Usage(requests=1, input_tokens=9)),
        )
        for index, (role, finish) in enumerate(
            [("proposer", Finish.STOP), ("proposer", Finish.REFUSAL), ("guardian", Finish.STOP)]
        )
    ]
    for exchange in exchanges:
        store.keep(exchange)
    book.journal.begin_iteration(book.run, 0, 0, [], [EASY])
    refused = sample(0, right=False, impl=None, key=exchanges[1].key)
    book.journal.record_samples(book.run, 0, EASY.digest, 0.4, [refused], judge=JUDGE)
    report = read_run(book.folder)
    roles = {each.role: each for each in report.roles}
    assert roles["proposer"].usage == Usage(requests=2, input_tokens=18)
    assert roles["proposer"].finishes == {"stop": 1, "refusal": 1}
    assert roles["guardian"].usage.requests == 1
    assert report.tasks[0].causes[0].kind == "the model refused"


def test_names_that_look_alike_get_anchors_of_their_own(tmp_path: Path) -> None:
    names = ["a/b", "a-b", "a b", "<>"]
    tasks = [read(edited(DOUBLE, ("tiny/double", f'"{name}"'))) for name in names]
    Book(tmp_path, tasks).journal.close()
    anchors = [task.anchor for task in read_run(tmp_path).tasks]
    assert anchors == ["task-a-b", "task-a-b-2", "task-a-b-3", "task-unnamed"]


def test_any_run_of_a_journal_can_be_reported(book: Book) -> None:
    book.play([EASY], {EASY: (DOUBLED, 4)})
    book.journal.finish_run(book.run, "done")
    book.journal.begin_run(CONFIGURATION, [HARD])
    file = book.folder / "journal.db"
    assert read_run(file).run == 2
    assert read_run(file, run=1).ending == "done"
    with pytest.raises(UsageError, match="expected one of the runs 1, 2, got 7"):
        read_run(file, run=7)


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected a run directory with a journal\.db"):
        read_run(tmp_path)
    Journal.open(tmp_path / "journal.db").close()
    with pytest.raises(UsageError, match="no run yet"):
        read_run(tmp_path)


def test_the_page_lies_in_the_run_directory_and_its_data_beside_it(book: Book) -> None:
    book.play([EASY], {EASY: (DOUBLED, 4)})
    files = write_report(book.folder)
    assert files.page == book.folder / "report.html"
    assert files.data == book.folder / "report"
    names = {path.stem for path in files.data.iterdir()}
    assert {path.name for path in files.data.iterdir()} == {
        f"{name}.{suffix}" for name in names for suffix in ("csv", "json")
    }
    assert {"headline", "grid", "learning_curve", "pass_at_k", "failures"} <= names
    before = {path: path.read_bytes() for path in files.data.iterdir()}
    assert write_report(book.folder) == files
    assert {path: path.read_bytes() for path in files.data.iterdir()} == before


def test_page_and_data_go_where_they_are_wanted(book: Book, tmp_path: Path) -> None:
    files = write_report(book.folder, out=tmp_path / "x" / "page.html", data=tmp_path / "y")
    assert files.page.is_file()
    assert (tmp_path / "y" / "tasks.csv").is_file()
    with pytest.raises(UsageError, match="ends in"):
        write_report(book.folder, out=tmp_path / "page")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(book.folder, out=tmp_path / "page.html", data=tmp_path / "file" / "y")


def test_reading_a_run_changes_nothing(book: Book) -> None:
    book.play([EASY], {EASY: (DOUBLED, 4)})
    book.journal.close()
    before = (book.folder / "journal.db").read_bytes()
    read_run(book.folder)
    assert (book.folder / "journal.db").read_bytes() == before


def test_certain_and_hopeless_tasks_leave_no_doubt_about_pass_at_k() -> None:
    (only,) = {(e.value, e.low, e.high) for e in estimate_pass_at_k("x", [(8, 8)] * 5)}
    assert only == pytest.approx((1, 1, 1))
    assert [each.k for each in estimate_pass_at_k("x", [(6, 0)])] == [1, 2, 4, 6]
    assert estimate_pass_at_k("x", []) == ()


def test_intervals_hold_the_estimate_and_the_same_counts_give_the_same_ones() -> None:
    counts = [(8, correct) for correct in (0, 0, 1, 2, 8)]
    estimates = estimate_pass_at_k("x", counts)
    assert estimates == estimate_pass_at_k("x", counts)
    assert all(0 <= e.low < e.value < e.high <= 1 for e in estimates)


def test_programs_are_explained_by_their_language_pack() -> None:
    broken = read(
        edited(DOUBLE, ("tiny/double", "tiny/broken"), ("inputs:", "global: 1 / 0\ninputs:"))
    )
    found = explained([(EASY, DOUBLED), (broken, DOUBLED)])
    annotation = found[EASY.digest]
    assert isinstance(annotation, Annotation)
    assert [node.kind for node in annotation.nodes] == ["input", "step", "output"]
    assert [kind for _, kind in annotation.lines[0].streams] == ["fp32 [N, M]"]
    reason = found[broken.digest]
    assert isinstance(reason, str)
    assert "ZeroDivisionError" in reason
