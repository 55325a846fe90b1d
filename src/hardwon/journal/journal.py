"""The journal: what runs of the learning loop have done, kept through crashes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from hardwon.journal import experiences, iterations, runs, samples
from hardwon.journal.database import Database
from hardwon.journal.entries import JSON, IterationRecord, RunRecord, SampleRecord
from hardwon.journal.samples import Batch
from hardwon.journal.verify import find_faults
from hardwon.records import Experience, Task, Verdict


class Journal:
    """The durable record of runs, in a database.

    Each method is one transaction: it happens as a whole, or not at all. To record again what is
    recorded changes nothing, so that a loop which was interrupted can be played again from its
    start; to record something else in its place is an error. Any method raises `JournalError` if
    the database fails.

        with Journal.open("runs.db") as journal:
            run = journal.begin_run(configuration, tasks)
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path_or_url: str | Path, *, create: bool = True) -> Self:
        """Open a journal.

        Args:
            path_or_url: a file, or a URL as SQLAlchemy reads it.
            create: whether to create the file if it does not exist; its folder must exist.

        Raises:
            JournalError: if it cannot be opened, or is not a journal that this version reads.
        """
        return cls(Database.open(path_or_url, create=create))

    def close(self) -> None:
        """Close the journal. All that was recorded is safe already."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def begin_run(self, configuration: Mapping[str, JSON], tasks: Sequence[Task]) -> int:
        """Begin a new run and return its number.

        Args:
            configuration: all settings that decide what the run does.
            tasks: the tasks to solve, in order; answers in them are left out.

        Raises:
            JournalError: if a task is given twice.
        """
        with self._database.writing() as connection:
            return runs.begin(connection, configuration, tasks)

    def resume_run(self, configuration: Mapping[str, JSON], tasks: Sequence[Task]) -> int:
        """Return the number of the latest run, after checking that it is the same experiment.

        Raises:
            NoRunError: if there is no run.
            JournalMismatchError: if the configuration or the tasks are not those recorded; it
                names every setting and every task that differs.
        """
        with self._database.reading() as connection:
            return runs.resume(connection, configuration, tasks)

    def finish_run(self, run: int, ending: str) -> None:
        """Record that a run has ended, and why.

        Raises:
            NoRunError: if there is no such run.
            JournalMismatchError: if it has ended before, for another reason.
        """
        with self._database.writing() as connection:
            runs.finish(connection, run, ending)

    def runs(self) -> list[RunRecord]:
        """Return all runs, oldest first."""
        with self._database.reading() as connection:
            return runs.records(connection)

    def run_record(self, run: int) -> RunRecord:
        """Return what is known of one run: its configuration, its state and its ending.

        Raises:
            NoRunError: if there is no such run.
        """
        with self._database.reading() as connection:
            return runs.record(connection, run)

    def tasks(self, run: int) -> list[Task]:
        """Return the tasks of a run, in order."""
        with self._database.reading() as connection:
            return runs.tasks(connection, run)

    def begin_iteration(
        self,
        run: int,
        index: int,
        stratum: int,
        demonstrations: Sequence[Experience],
        tasks: Sequence[Task],
    ) -> None:
        """Record what an iteration is about to do.

        Args:
            run: the run.
            index: counts from 0; the iteration before must be complete.
            stratum: the stratum that the selection has reached, from 0, the hardest.
            demonstrations: recorded experiences of the run, in the order of the prompt.
            tasks: the tasks of the run that are attempted, in any order.

        Raises:
            JournalMismatchError: if the iteration was begun otherwise: the loop that is played
                again has gone another way.
            JournalError: if the iteration comes out of turn, or if a demonstration or a task is
                not one of the run.
        """
        with self._database.writing() as connection:
            iterations.begin(
                connection,
                run,
                index,
                stratum=stratum,
                demonstrations=demonstrations,
                tasks=tasks,
            )

    def finish_iteration(self, run: int, index: int) -> None:
        """Record that an iteration is complete, and seal it with a digest of all that is in it.

        Raises:
            JournalError: if it has not been begun.
        """
        with self._database.writing() as connection:
            iterations.finish(connection, run, index)

    def iterations(self, run: int) -> list[IterationRecord]:
        """Return the iterations of a run, in order; only the last can be incomplete."""
        with self._database.reading() as connection:
            return iterations.records(connection, run)

    def record_samples(
        self,
        run: int,
        iteration: int,
        task_digest: str,
        temperature: float,
        rows: Sequence[SampleRecord],
        *,
        judge: str,
    ) -> None:
        """Record judged samples of one task at one temperature.

        Args:
            run: the run.
            iteration: one that attempts the task.
            task_digest: the task.
            temperature: the temperature of the samples.
            rows: the samples, told apart by the index of their answers.
            judge: digest of the judge's configuration. A judge says the same of a program
                whenever it is asked, so each verdict is kept once, with the time of the first.

        Raises:
            JournalMismatchError: if a sample, or a verdict on its program, is recorded otherwise,
                or if a sample is new and the iteration complete.
            JournalError: if the iteration does not attempt the task.
        """
        with self._database.writing() as connection:
            samples.add(
                connection,
                Batch(run, iteration, task_digest, temperature),
                rows,
                judge,
            )

    def samples(
        self, run: int, iteration: int, task_digest: str, temperature: float
    ) -> dict[int, SampleRecord]:
        """Return the samples of one task at one temperature, by index, ascending."""
        with self._database.reading() as connection:
            return samples.find(connection, Batch(run, iteration, task_digest, temperature))

    def verdict(self, task_digest: str, impl: str | None, judge: str) -> Verdict | None:
        """Return what a judge said of a program in any run; None if it has not been asked."""
        with self._database.reading() as connection:
            return samples.verdict(connection, task_digest, impl, judge)

    def verdicts(self, task_digest: str, judge: str) -> dict[str, Verdict]:
        """Return what a judge said of answers to a task in any run, by `program_digest`."""
        with self._database.reading() as connection:
            return samples.verdicts(connection, task_digest, judge)

    def record_experience(self, run: int, experience: Experience) -> None:
        """Record the answer by which a run remembers a task.

        Raises:
            JournalMismatchError: if the run has another experience of the task.
            JournalError: if the experience's iteration does not attempt the task.
        """
        with self._database.writing() as connection:
            experiences.add(connection, run, experience)

    def experiences(self, run: int) -> list[Experience]:
        """Return the experiences of a run: by iteration, then in the order of the run's tasks."""
        with self._database.reading() as connection:
            return experiences.find(connection, run)

    def verify(self) -> list[str]:
        """Check the journal against itself; return a line for each fault, none if it is sound.

        Digests are derived again, links are followed, and each experience must be borne out by a
        sample that was judged correct.
        """
        with self._database.reading() as connection:
            return list(find_faults(connection))
