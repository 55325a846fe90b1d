"""The journal: what runs of the learning loop have done, kept through crashes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from hardwon.journal import exchanges, experiences, iterations, runs, samples, totals
from hardwon.journal.database import Database
from hardwon.journal.entries import (
    JSON,
    IterationRecord,
    RunRecord,
    RunTotals,
    SampleRecord,
    Wave,
)
from hardwon.journal.exchanges import Responses
from hardwon.journal.samples import Batch
from hardwon.journal.verify import find_faults
from hardwon.records import Exchange, Experience, Task, Verdict


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
    def open(cls, path_or_url: str | Path, *, create: bool = True, read_only: bool = False) -> Self:
        """Open a journal.

        A journal of an older version is upgraded in place; a copy of its file is kept beside it,
        named `FILE.vVERSION`. If it is opened to be read only, nothing is touched: a temporary
        copy is upgraded and read.

        Args:
            path_or_url: a file, or a URL: `sqlite:///FILE` or
                `postgresql://USER@HOST:PORT/DATABASE`.
            create: whether to create the file if it does not exist; its folder must exist. The
                database of a PostgreSQL server must exist, its tables are made in it.
            read_only: whether nothing will be recorded.

        Raises:
            JournalError: if it cannot be opened, or is not a journal that this version reads. No
                message holds the password of a URL.
        """
        return cls(Database.open(path_or_url, create=create, read_only=read_only))

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

    def resume_run(
        self,
        configuration: Mapping[str, JSON],
        tasks: Sequence[Task],
        *,
        run: int | None = None,
        grow: bool = False,
    ) -> int:
        """Return the number of a run, after checking that it is the same experiment.

        Args:
            configuration: has to be the recorded one.
            tasks: have to be the recorded ones; their order counts among those that joined
                together.
            run: which one; by default the latest. In a database that several runs share, the
                latest may be somebody else's.
            grow: whether new tasks join, as by `extend_run`, instead of being refused.

        Raises:
            NoRunError: if there is no run.
            JournalMismatchError: if the configuration or the tasks are not those recorded; it
                names every setting and every task that differs.
        """
        opened = self._database.writing if grow else self._database.reading
        with opened() as connection:
            return runs.resume(connection, configuration, tasks, number=run, grow=grow)

    def extend_run(self, run: int, tasks: Sequence[Task]) -> list[Task]:
        """Let tasks join a run as its next wave; one that has ended goes on.

        Args:
            run: the run.
            tasks: those that are among its own already are passed over.

        Returns:
            The tasks that are new.

        Raises:
            NoRunError: if there is no such run.
        """
        with self._database.writing() as connection:
            return runs.extend(connection, run, tasks)

    def waves(self, run: int) -> list[Wave]:
        """Return what a run began with (wave 0) and what joined it later, in order.

        Raises:
            NoRunError: if there is no such run.
        """
        with self._database.reading() as connection:
            runs.record(connection, run)
            return experiences.waves(connection, run)

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
        *,
        effort: int = 0,
    ) -> None:
        """Record what an iteration is about to do.

        Args:
            run: the run.
            index: counts from 0; the iteration before must be complete.
            stratum: the stratum that the selection has reached, from 0, the hardest.
            demonstrations: recorded experiences of the run, its own or imported ones, in the order
                of the prompt.
            tasks: the tasks of the run that are attempted, in any order.
            effort: how hard the proposer tries; 0 is as usual.

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
                effort=effort,
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

    def is_complete(self, run: int, iteration: int) -> bool:
        """Tell whether an iteration is complete; one that has not been begun is not."""
        with self._database.reading() as connection:
            return iterations.is_complete(connection, run, iteration)

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

    def record_imports(
        self,
        run: int | None,
        imports: Sequence[tuple[Experience, Verdict]],
        *,
        judge: str,
    ) -> list[Experience]:
        """Record experiences from elsewhere, with which a run begins or goes on.

        They become the next wave of a run that there is. Without one they wait, and the first run
        that is begun in this journal begins with them.

        Args:
            run: the run; None if the journal has none yet.
            imports: the experiences, each with the verdict that lets it in. Their `iteration` is
                of no account: recorded is -1.
            judge: digest of the configuration of the judge that gave the verdicts.

        Returns:
            Those that were not recorded yet, as they are recorded.

        Raises:
            NoRunError: if there is no such run.
            JournalMismatchError: if another experience of the same task is recorded for the run.
            JournalError: if a verdict is not `correct`, or if `run` is None and there are runs.
        """
        with self._database.writing() as connection:
            return experiences.bring_in(connection, run, imports, judge)

    def imported(self, run: int | None) -> list[Experience]:
        """Return the experiences from elsewhere, in the order in which they came.

        Args:
            run: the run; None for those that wait for the first run.
        """
        with self._database.reading() as connection:
            return experiences.imported(connection, run)

    def responses(self, run: int) -> Responses:
        """Return the store of what models have answered a run.

        Raises:
            NoRunError: if there is no such run.
        """
        with self._database.reading() as connection:
            runs.record(connection, run)
        return Responses(self._database, run)

    def exchanges(self, run: int) -> Iterator[Exchange]:
        """Yield what a run has asked models and what they answered, oldest first."""
        return exchanges.every(self._database, run)

    def totals(self, run: int) -> RunTotals:
        """Count what a run amounts to so far.

        Raises:
            NoRunError: if there is no such run.
        """
        with self._database.reading() as connection:
            return totals.totals(connection, run)

    def verify(self) -> list[str]:
        """Check the journal against itself; return a line for each fault, none if it is sound.

        Digests are derived again, counts are counted again, links are followed, and each
        experience must be borne out by a sample that was judged correct. A line names the run, the
        iteration, the task and the sample, as far as they are known, and what was expected and
        found.
        """
        faults = self._database.storage_faults()
        with self._database.reading() as connection:
            return [*faults, *find_faults(connection)]
