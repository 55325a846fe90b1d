"""The checks of one task, in order: types, own code, trivial answers, wrong variants."""

import asyncio
import difflib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from hardwon.judge import Judge
from hardwon.languages import Language, get_language
from hardwon.languages.inspection import Law, Lints, Severity, TaskLinter, Variant
from hardwon.languages.protocol import TaskError
from hardwon.lint.probe import Prober
from hardwon.lint.records import Finding, LintReport, MutationScore, Survivor
from hardwon.records import Task, Verdict

MAX_VARIANTS = 400
"""How many variants of a program are judged."""
MAX_TRIVIAL = 400
"""How many trivial programs are judged."""
_SHOWN = 3
"""How many trivial solutions are reported before the search for more ends."""


async def lint_task(
    task: Task,
    impl: str | None,
    judge: Judge,
    prober: Prober,
    *,
    seed: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> LintReport:
    """Lint a task; `impl` is a correct program, if one is known. Task faults become findings.

    Raises:
        JudgeError: if the judge itself does not work.
    """
    start = clock()
    lint = _Lint(task.question, judge, prober, get_language(task.language), seed)
    try:
        await lint.run(impl)
    except TaskError as error:
        lint.say(Severity.ERROR, "task-fails", str(error), "mend the task; nothing else works")
    return LintReport(
        task=task.test_name,
        findings=tuple(sorted(lint.findings, key=_rank)),
        trivial_programs=lint.trivial_programs,
        mutation=lint.mutation,
        seconds=round(clock() - start, 3),
    )


def _rank(finding: Finding) -> int:
    return list(Severity).index(finding.severity)


@dataclass
class _Lint:
    """The checks of one task, and what they have found so far."""

    task: Task
    judge: Judge
    prober: Prober
    language: Language
    seed: int
    findings: list[Finding] = field(default_factory=list)
    trivial_programs: int = 0
    mutation: MutationScore | None = None

    def say(
        self,
        severity: Severity,
        rule: str,
        message: str,
        advice: str,
        *,
        where: tuple[str | int, ...] = (),
        program: str | None = None,
    ) -> None:
        """Add a finding; `where` as in `Remark`."""
        self.findings.append(
            Finding(
                severity=severity,
                rule=rule,
                where=where,
                message=message,
                advice=advice,
                program=program,
            )
        )

    async def run(self, impl: str | None) -> None:
        """Make all checks.

        Raises:
            TaskError: if the task's own code fails; what was found before stays.
        """
        wrong = self.language.check_task(self.task)
        for fault in wrong:
            self.say(
                Severity.ERROR, "types", fault.message, "correct the task file", where=fault.path
            )
        if wrong:
            return
        sizes = await self.judge.sizes(self.task)
        if not isinstance(self.language, Lints):
            self.say(
                Severity.NOTE,
                "no-linter",
                f"the language pack {self.language.name} offers no linter of its own",
                "only the given program was checked",
            )
            await self.judged(impl, sizes)
            return
        linter = self.language.linter(self.task, sizes)
        self.findings += map(Finding.of, linter.remarks())
        program, verdict = await self.judged(impl, sizes)
        # In a thread, so that judgements of other tasks do not time out meanwhile.
        variants = await asyncio.to_thread(_some_variants, linter, program) if program else []
        laws = tuple(dict.fromkeys(law for variant in variants for law in variant.laws))
        settings = self.language.settings(self.task, self.seed)
        probing = await self.prober.probe(self.language, self.task, settings, laws)
        self.findings += map(Finding.of, probing.remarks)
        await self.trivial(linter, verdict)
        if program is not None:
            await self.mutate(linter, program, variants, probing.lawful)

    async def judged(
        self, impl: str | None, sizes: Mapping[str, int]
    ) -> tuple[str | None, Verdict | None]:
        """Judge the program that is said to be correct; return it, if it is, and its verdict.

        One that only breaks the language's law is rewritten to obey it.
        """
        if impl is None:
            self.say(
                Severity.NOTE,
                "no-program",
                "no correct program is known, so no wrong variants could be made",
                "give one by --impl FILE, or as the file's impl",
            )
            return None, None
        verdict = await self.judge.judge(self.task, impl)
        if verdict.functional and not verdict.correct:
            impl = self.language.enforce_law(self.task, impl, sizes)
            verdict = await self.judge.judge(self.task, impl)
        if verdict.correct:
            return impl, verdict
        first = verdict.errors[0]
        place = f"line {first.line}: " if first.line else ""
        self.say(
            Severity.ERROR,
            "program-fails",
            f"the program that is said to be correct fails at stage {verdict.stage}:"
            f" {place}{first.message}",
            "mend the program, or the reference that it is checked against",
            program=impl,
        )
        return None, verdict

    async def trivial(self, linter: TaskLinter, solution: Verdict | None) -> None:
        """Judge programs that are too small to be an answer."""
        shown = 0
        for variant in islice(linter.trivial_programs(), MAX_TRIVIAL):
            verdict = await self.judge.judge(self.task, variant.program)
            self.trivial_programs += 1
            if not verdict.correct:
                continue
            own = solution is not None and solution.normal_form == verdict.normal_form
            if variant.legitimate or own:
                self.say(
                    Severity.NOTE,
                    "small-solution",
                    f"a very small program solves the task: {variant.change}",
                    "nothing, if the task is meant to be that small",
                    program=variant.program,
                )
                continue
            severity = Severity.WARNING if variant.kind == "single call" else Severity.ERROR
            self.say(
                severity,
                "trivial-solution",
                f"a trivial program passes ({variant.kind}): {variant.change}",
                "draw data on which it fails, or check the reference",
                program=variant.program,
            )
            shown += 1
            if shown == _SHOWN:
                return

    async def mutate(
        self,
        linter: TaskLinter,
        program: str,
        variants: list[Variant],
        lawful: frozenset[Law],
    ) -> None:
        """Judge wrong variants of a correct program, and those that some law makes right."""
        tried = variants[:MAX_VARIANTS]
        survivors: list[Survivor] = []
        equivalent = 0
        for variant in tried:
            verdict = await self.judge.judge(self.task, variant.program)
            law = next((law for law in variant.laws if law in lawful), None)
            if law is not None:
                equivalent += 1
                if not verdict.correct:
                    self._rejected(variant, law, verdict)
            elif verdict.correct:
                survivors.append(await self._survivor(linter, program, variant))
        if not tried:
            self.say(
                Severity.NOTE,
                "no-variants",
                "no single edit of the program type-checks: the types alone pin it down",
                "",
            )
        self.mutation = MutationScore(
            variants=len(tried),
            caught=len(tried) - equivalent - len(survivors),
            equivalent=equivalent,
            survivors=tuple(survivors),
            truncated=len(variants) > len(tried),
        )
        for survivor in survivors:
            self._survived(survivor)

    async def _survivor(self, linter: TaskLinter, program: str, variant: Variant) -> Survivor:
        return Survivor(
            kind=variant.kind,
            change=variant.change,
            diff=_diff(linter.plain(program), variant.plain),
            program=variant.program,
            other_data=await self._told_apart(linter, program, variant),
        )

    async def _told_apart(self, linter: TaskLinter, program: str, variant: Variant) -> bool:
        """Whether other data, on which the correct program passes, shows the variant wrong."""
        for other in linter.data_variants():
            try:
                if (await self.judge.judge(other, program)).correct:
                    verdict = await self.judge.judge(other, variant.program)
                    if not verdict.correct:
                        return True
            except TaskError:
                continue  # the task does not work with that data: no evidence
        return False

    def _rejected(self, variant: Variant, law: Law, verdict: Verdict) -> None:
        self.say(
            Severity.WARNING,
            "equivalent-rejected",
            f"{law.text}, yet this variant is called wrong: {variant.change}"
            f" ({verdict.errors[0].message})",
            "the check may be stricter than rounding allows; check the functions and the data",
            program=variant.program,
        )

    def _survived(self, survivor: Survivor) -> None:
        if survivor.other_data:
            self.say(
                Severity.WARNING,
                "data-hides-mistake",
                f"a wrong program passes on the task's data, not on other data: {survivor.change}",
                "draw data that tells it from a correct one",
                program=survivor.program,
            )
        else:
            self.say(
                Severity.WARNING,
                "survivor",
                f"a variant passes: {survivor.change}",
                "see whether it is equivalent; if not, draw data that shows the difference",
                program=survivor.program,
            )


def _some_variants(linter: TaskLinter, program: str) -> list[Variant]:
    """Return one variant more than are judged, if there are as many."""
    return list(islice(linter.variants(program), MAX_VARIANTS + 1))


def _diff(before: str, after: str) -> str:
    return "\n".join(_changed_lines(before.splitlines(), after.splitlines()))


def _changed_lines(before: list[str], after: list[str]) -> Iterator[str]:
    lines = difflib.unified_diff(before, after, "correct", "variant", lineterm="", n=0)
    return (line for line in islice(lines, 2, None) if not line.startswith("@@"))
