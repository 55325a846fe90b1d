"""What a lint says."""

from hardwon.languages.inspection import Remark, Severity
from hardwon.records import Record


class Finding(Record):
    """One thing that is wrong with a task, or worth knowing."""

    severity: Severity
    rule: str
    where: tuple[str | int, ...] = ()
    """Keys into the structural IR; empty for the task as a whole."""
    message: str
    advice: str = ""
    program: str | None = None
    """The program that shows it, if one does."""

    @classmethod
    def of(cls, remark: Remark) -> "Finding":
        """Return a language pack's remark as a finding."""
        return cls(
            severity=remark.severity,
            rule=remark.rule,
            where=remark.where,
            message=remark.message,
            advice=remark.advice,
        )


class Survivor(Record):
    """A variant of the correct program that the oracle takes for correct."""

    kind: str
    change: str
    diff: str
    """Unified diff from the correct program, both without what only the law asks for."""
    program: str
    other_data: bool = False
    """Whether data from other distributions shows that the variant is wrong."""


class MutationScore(Record):
    """How well the oracle tells a correct program from its wrong neighbours."""

    variants: int
    """Well-typed programs that differ from the correct one in a single place."""
    caught: int
    """Those that the oracle calls wrong."""
    equivalent: int
    """Those that mean the same by a law that holds on random elements."""
    survivors: tuple[Survivor, ...] = ()
    """The others: each is either wrong and missed, or equivalent for a reason not known here."""
    truncated: bool = False
    """Whether there were more variants than were judged."""

    @property
    def score(self) -> float | None:
        """The share of variants not known to be equivalent that are caught, None without any."""
        wrong = self.variants - self.equivalent
        return self.caught / wrong if wrong else None


class LintReport(Record):
    """Everything that a lint says of one task."""

    task: str
    findings: tuple[Finding, ...] = ()
    trivial_programs: int = 0
    """How many programs too small to be an answer were judged."""
    mutation: MutationScore | None = None
    """None where no correct program is known."""
    seconds: float = 0.0
    """Wall time."""

    def count(self, severity: Severity) -> int:
        """Return how many findings are of this severity."""
        return sum(finding.severity is severity for finding in self.findings)
