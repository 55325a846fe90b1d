"""Sampling: every wanted sample is asked for once in the life of a run, and recorded."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hardwon.agents import Request, UnansweredError
from hardwon.journal import (
    Journal,
    JournalMismatchError,
    NoRunError,
    SampleRecord,
    experience_digest,
)
from hardwon.learning import Outcome, RunJournal, Sampling, SamplingPlan
from hardwon.records import Answer, Experience, Task, Usage, Verdict, program_digest
from support import experience, toy_task, verdict

A, B = toy_task("toy/a"), toy_task("toy/b")
SIZES = {task.digest: {"N": 1} for task in (A, B)}
PLAN = SamplingPlan(samples=20, temperatures=(0.5, 1.0), seed=3)
WHOLE = tuple(range(20))


class Stopped(Exception):  # noqa: N818
    """A run that breaks off."""


def program(request: Request, index: int) -> str:
    """Return the sample that a request and an index stand for."""
    return f"return {request.task.short_name} {request.seed} {request.temperature} {index % 7}"


@dataclass
class Recorded:
    """A system that tells what it was asked, and breaks off after a number of samples."""

    stop_after: int = 10_000
    requests: list[Request] = field(default_factory=list)
    known: list[tuple[str, str]] = field(default_factory=list)
    sampled: int = 0
    silent: Callable[[Request, int], bool] = lambda request, index: False
    """For which samples no answer comes."""

    async def sample(self, request: Request) -> AsyncIterator[tuple[Answer, Verdict]]:
        self.requests.append(request)
        unanswered = [index for index in request.indices if self.silent(request, index)]
        for index in reversed(request.indices):  # any order will do
            await asyncio.sleep(0)
            request.asked(Usage(requests=1))
            if index in unanswered:
                continue
            if self.sampled == self.stop_after:
                raise Stopped
            self.sampled += 1
            impl = program(request, index)
            yield Answer(index=index, impl=impl), verdict(correct=index % 7 == 0)
        if unanswered:
            raise UnansweredError("HTTP 500")

    def remember(self, task: Task, program: str, verdict: Verdict) -> None:
        del verdict
        self.known.append((task.short_name, program))

    def asked(self) -> dict[tuple[str, float], tuple[int, ...]]:
        return {(r.task.short_name, r.temperature): r.indices for r in self.requests}


@dataclass
class Heard:
    """A progress that notes the events."""

    events: list[tuple[object, ...]] = field(default_factory=list)

    def iteration_began(
        self,
        index: int,
        tasks: Sequence[Task],
        demonstrations: Sequence[Experience],
        *,
        effort: int,
    ) -> None:
        assert effort == 0
        self.events.append(("iteration", index, len(tasks), len(demonstrations)))

    def asked(self, task: Task, usage: Usage) -> None:
        self.events.append(("asked", task.short_name, usage.requests))

    def sampled(self, task: Task, record: SampleRecord, *, replayed: bool) -> None:
        del record
        self.events.append(("replayed" if replayed else "sampled", task.short_name))

    def solved(self, experience: Experience) -> None:
        self.events.append(("solved", experience.task.short_name))

    def count(self, *event: object) -> int:
        return self.events.count(event)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def play(
    file: Path,
    system: Recorded,
    heard: Heard | None = None,
    use: Callable[[Sampling], object] | None = None,
    *,
    iterations: int = 1,
    plan: SamplingPlan = PLAN,
) -> list[list[Outcome]]:
    """Begin or resume a run, and return the outcomes of its iterations."""

    async def run() -> list[list[Outcome]]:
        with Journal.open(file) as journal:
            try:
                number = journal.resume_run({}, [A, B])
            except NoRunError:
                number = journal.begin_run({}, [A, B])
            record = RunJournal(journal, number, "judge")
            sampling = Sampling(system, record, plan, SIZES, heard or Heard())
            found = [await sampling.sample(index, 0, [A, B], ()) for index in range(iterations)]
            if use:
                use(sampling)
            return found

    return asyncio.run(run())


def test_every_task_is_sampled_at_every_temperature(journal: Path) -> None:
    system = Recorded()
    (outcomes,) = play(journal, system)
    assert system.asked() == {
        (name, temperature): WHOLE for name in "ab" for temperature in PLAN.temperatures
    }
    assert [outcome.task for outcome in outcomes] == [A, B]
    for outcome in outcomes:
        assert [batch.temperature for batch in outcome.batches] == [0.5, 1.0]
        for batch in outcome.batches:
            assert [sample.answer.index for sample in batch.samples] == [*WHOLE]
            assert batch.correct == 3


def test_a_request_says_what_a_proposer_needs_and_no_more(journal: Path) -> None:
    system = Recorded()
    play(journal, system, iterations=2)
    assert {request.seed for request in system.requests} == {3_000_009, 3_000_010}
    for request in system.requests:
        assert request.demonstrations == ()
        assert request.sizes == {request.task.digest: {"N": 1}}


def test_all_samples_are_in_the_journal(journal: Path) -> None:
    ((first, second),) = play(journal, Recorded())
    with Journal.open(journal) as opened:
        assert opened.verify() == []
        for outcome in (first, second):
            for batch in outcome.batches:
                found = opened.samples(1, 0, outcome.task.digest, batch.temperature)
                assert tuple(found.values()) == batch.samples
        assert [iteration.finished_at is not None for iteration in opened.iterations(1)] == [True]


@pytest.mark.parametrize("stop_after", [0, 1, 15, 16, 17, 33, 79])
def test_a_run_that_broke_off_asks_for_what_is_missing_only(
    journal: Path, tmp_path: Path, stop_after: int
) -> None:
    whole = play(tmp_path / "whole.db", Recorded())
    with pytest.raises(Stopped):
        play(journal, Recorded(stop_after))
    system, heard = Recorded(), Heard()
    assert play(journal, system, heard) == whole
    assert system.sampled == 80 - stop_after
    assert heard.count("replayed", "a") + heard.count("replayed", "b") == stop_after
    assert heard.count("sampled", "a") + heard.count("sampled", "b") == 80 - stop_after


def test_a_finished_iteration_is_played_again_without_a_sample(journal: Path) -> None:
    whole = play(journal, Recorded(), iterations=2)
    system = Recorded(stop_after=0)
    assert play(journal, system, iterations=2) == whole
    assert system.requests == []


def test_a_cancelled_run_keeps_what_it_has_sampled(journal: Path) -> None:
    class Cancels(Recorded):
        async def sample(self, request: Request) -> AsyncIterator[tuple[Answer, Verdict]]:
            async for pair in super().sample(request):
                if self.sampled == 30:
                    run.cancel()
                    await asyncio.sleep(0)
                yield pair

    run: asyncio.Task[object]

    async def scene() -> None:
        nonlocal run
        with Journal.open(journal) as opened:
            number = opened.begin_run({}, [A, B])
            record = RunJournal(opened, number, "judge")
            sampling = Sampling(Cancels(), record, PLAN, SIZES, Heard())
            run = asyncio.ensure_future(sampling.sample(0, 0, [A, B], ()))
            with pytest.raises(asyncio.CancelledError):
                await run

    asyncio.run(scene())
    with Journal.open(journal) as opened:
        kept = sum(
            len(opened.samples(1, 0, task.digest, temperature))
            for task in (A, B)
            for temperature in PLAN.temperatures
        )
    assert kept >= 30 - 4  # each of the four batches may lose the sample in flight
    system = Recorded()
    play(journal, system)
    assert system.sampled == 80 - kept


def test_known_verdicts_are_handed_over_once_per_task(journal: Path) -> None:
    with pytest.raises(Stopped):
        play(journal, Recorded(stop_after=7))
    with Journal.open(journal) as opened:
        known = {
            (task.short_name, digest)
            for task in (A, B)
            for digest in opened.verdicts(task.digest, "judge")
        }
        assert opened.verdicts(A.digest, "another judge") == {}
    system = Recorded()
    play(journal, system)
    assert len(known) > 1
    assert sorted(system.known) == sorted(known)


def test_what_is_remembered_is_recorded_and_told(journal: Path) -> None:
    solved = experience("toy/a", 3 / 20).model_copy(
        update={"task": A, "impl": "return a 3000009 0.5 0", "correct": 3, "samples": 20}
    )
    heard = Heard()
    play(journal, Recorded(), heard, lambda sampling: sampling.remember(solved))
    assert heard.events[0] == ("iteration", 0, 2, 0)
    assert heard.events[-1] == ("solved", "a")
    with Journal.open(journal) as opened:
        assert opened.experiences(1) == [solved]
        assert opened.verify() == []


def test_a_loop_that_goes_another_way_is_noticed(journal: Path) -> None:
    """The journal holds what was sampled under other circumstances: it must not be used."""

    def turn(sampling: Sampling) -> None:
        sampling._journal.begin_iteration(1, 0, 1, [], [A, B])

    with pytest.raises(JournalMismatchError, match="stratum"):
        play(journal, Recorded(), use=turn)


def test_equal_programs_share_a_row_in_the_journal(journal: Path) -> None:
    play(journal, Recorded())
    with Journal.open(journal) as opened:
        digests = opened.verdicts(A.digest, "judge")
    assert len(digests) == 14
    assert program_digest("return a 3000009 0.5 0") in digests


# Stopping early.


def test_a_batch_stops_after_the_wave_that_brings_enough(journal: Path) -> None:
    """Indices 0 and 7 are correct, so two successes need one wave of eight, three need two."""
    for wanted, drawn in ((1, 8), (2, 8), (3, 16), (4, 20), (9, 20)):
        file = journal.with_name(f"{wanted}.db")
        plan = replace(PLAN, stop_after=wanted)
        ((first, _),) = play(file, Recorded(), plan=plan)
        for batch in first.batches:
            assert [sample.answer.index for sample in batch.samples] == [*range(drawn)]
            assert batch.correct == -(-drawn // 7)


def test_no_sample_is_asked_for_before_the_wave_ahead_is_known(journal: Path) -> None:
    system = Recorded()
    play(journal, system, plan=replace(PLAN, stop_after=9))
    asked = [r.indices for r in system.requests if (r.task, r.temperature) == (A, 0.5)]
    assert asked == [tuple(range(8)), tuple(range(8, 16)), tuple(range(16, 20))]


@pytest.mark.parametrize("stop_after", [0, 1, 9, 30, 50])
def test_a_run_that_stops_early_and_broke_off_ends_as_if_it_had_not(
    journal: Path, tmp_path: Path, stop_after: int
) -> None:
    plan = replace(PLAN, stop_after=3)
    whole = play(tmp_path / "whole.db", Recorded(), plan=plan)
    with pytest.raises(Stopped):
        play(journal, Recorded(stop_after), plan=plan)
    system = Recorded()
    assert play(journal, system, plan=plan) == whole
    assert system.sampled == 4 * 16 - stop_after


def test_a_view_decides_what_a_task_is_shown(journal: Path) -> None:
    def view(
        task: Task, demonstrations: tuple[Experience, ...], step: int
    ) -> tuple[Experience, ...]:
        assert step == 0
        return demonstrations if task.digest == A.digest else ()

    solved = experience("toy/a", 3 / 20).model_copy(
        update={"task": A, "impl": "return a 3000009 0.5 0", "correct": 3, "samples": 20}
    )
    system = Recorded()

    async def run() -> None:
        with Journal.open(journal) as opened:
            number = opened.begin_run({}, [A, B])
            record = RunJournal(opened, number, "judge")
            sampling = Sampling(system, record, replace(PLAN, view=view), SIZES, Heard())
            await sampling.sample(0, 0, [A, B], ())
            sampling.remember(solved)
            await sampling.sample(1, 0, [A, B], (solved,))
            (_, second) = opened.iterations(number)
            assert second.demonstrations == (experience_digest(solved),)

    asyncio.run(run())
    shown = {
        request.task.short_name: request.demonstrations
        for request in system.requests
        if request.seed == 3_000_010
    }
    assert shown == {"a": (solved,), "b": ()}


# Samples without an answer


def odd(request: Request, index: int) -> bool:
    del request
    return index % 2 == 1


def test_what_was_never_answered_is_no_sample(
    journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ((first, second),) = play(journal, Recorded(silent=odd))
    for outcome in (first, second):
        assert [[s.answer.index for s in batch.samples] for batch in outcome.batches] == [
            [*range(0, 20, 2)]
        ] * 2
        assert outcome.samples == 20
    assert "toy/a at temperature 0.5: not all samples came" in caplog.text
    assert "HTTP 500" in caplog.text


def test_an_iteration_that_is_over_stays_as_it_is(journal: Path) -> None:
    before = play(journal, Recorded(silent=odd))
    again = Recorded()
    assert play(journal, again) == before
    assert again.requests == []


def test_what_was_never_answered_is_asked_for_again(journal: Path) -> None:
    with pytest.raises(Stopped):
        play(journal, Recorded(stop_after=35, silent=odd))
    again = Recorded()
    ((first, second),) = play(journal, again)
    assert first.samples == second.samples == 40
    assert all(request.indices for request in again.requests)
    assert again.sampled == 80 - 35


def test_an_iteration_without_any_answer_is_not_over(journal: Path) -> None:
    with pytest.raises(UnansweredError, match="HTTP 500"):
        play(journal, Recorded(silent=lambda request, index: True))
    with Journal.open(journal) as opened:
        assert opened.iterations(1)[0].finished_at is None
    assert len(play(journal, Recorded())[0]) == 2


def test_a_task_without_any_answer_has_no_rate(journal: Path) -> None:
    ((first, second),) = play(
        journal, Recorded(silent=lambda request, index: request.task.short_name == "a")
    )
    assert (first.samples, first.solved) == (0, False)
    assert second.samples == 40


def test_every_request_to_a_model_is_heard_with_its_task(journal: Path) -> None:
    heard = Heard()
    play(journal, Recorded(), heard)
    assert heard.count("asked", "a", 1) == heard.count("asked", "b", 1) == 40
