"""The STeP language pack, as the rest of Hardwon sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardwon.languages.inspection import Annotation, TaskLinter
from hardwon.languages.legal import Draft
from hardwon.languages.manual import Manual
from hardwon.languages.metrics import ProgramCounts
from hardwon.languages.protocol import Finding, Host, Reading, Setting, Simulator, StatementSampler
from hardwon.languages.step.annotating import annotate
from hardwon.languages.step.metrics import count
from hardwon.languages.step.reading import analyse, with_copies
from hardwon.languages.step.settings import check_settings
from hardwon.languages.step.signature import check_task
from hardwon.records import Experience, Task


@dataclass(frozen=True)
class Step:
    """STeP: streams of tensors between operators of a dataflow accelerator.

    Simulator and sampler are imported when they are used: only the judge's workers need PyTorch.
    """

    name: str = "step"
    executor: str = "hardwon.languages.step.simulator.executor"

    def check_task(self, task: Task) -> tuple[Finding, ...]:
        """See `Language.check_task`."""
        return check_task(task)

    def read(self, task: Task, impl: str, sizes: Mapping[str, int]) -> Reading:
        """See `Language.read`."""
        return analyse(task, impl, sizes).reading

    def enforce_law(self, task: Task, impl: str, sizes: Mapping[str, int]) -> str:
        """See `Language.enforce_law`."""
        return with_copies(task, impl, sizes)

    def settings(self, task: Task, seed: int) -> tuple[Setting, ...]:
        """See `Language.settings`."""
        return check_settings(task, seed)

    def simulator(self, task: Task, host: Host | None = None) -> Simulator:
        """See `Language.simulator`."""
        from hardwon.languages.step.simulator import TaskSimulator  # noqa: PLC0415

        return TaskSimulator(task, host)

    def sampler(
        self,
        task: Task,
        demonstrations: Sequence[Experience],
        sizes: Mapping[str, Mapping[str, int]],
    ) -> StatementSampler:
        """See `Language.sampler`."""
        from hardwon.languages.step.synthesis import Sampler  # noqa: PLC0415

        return Sampler.for_task(task, demonstrations, sizes)

    def draft(
        self,
        task: Task,
        demonstrations: Sequence[Experience],
        sizes: Mapping[str, Mapping[str, int]],
    ) -> Draft:
        """See `Drafts.draft`."""
        from hardwon.languages.step.legal import StepDraft  # noqa: PLC0415

        return StepDraft.empty(task, demonstrations, sizes)

    def test_file(self, task: Task, impl: str) -> str:
        """See `Language.test_file`."""
        from hardwon.languages.step.codegen import generate_test_file  # noqa: PLC0415

        return generate_test_file(task, impl)

    def linter(self, task: Task, sizes: Mapping[str, int]) -> TaskLinter:
        """See `Lints.linter`."""
        from hardwon.languages.step.linting import StepLinter  # noqa: PLC0415

        return StepLinter.of(task, sizes)

    @property
    def prober(self) -> str:
        """See `Lints.prober`."""
        return "hardwon.languages.step.linting.probing"

    @property
    def searcher(self) -> str:
        """See `Searches.searcher`."""
        return "hardwon.languages.step.synthesis.search.serving"

    def annotate(self, task: Task, impl: str, sizes: Mapping[str, int]) -> Annotation:
        """See `Annotates.annotate`."""
        return annotate(task, impl, sizes)

    def counts(self, task: Task, impl: str) -> ProgramCounts | None:
        """See `Counts.counts`."""
        return count(task, impl)

    def manual(self) -> Manual:
        """See `Explains.manual`."""
        from hardwon.languages.step.manual import load_manual  # noqa: PLC0415

        return load_manual()


language = Step()
