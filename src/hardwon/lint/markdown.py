"""Lint results as Markdown, for the documentation."""

from collections.abc import Sequence

from hardwon.lint.records import LintReport


def lint_markdown(reports: Sequence[LintReport]) -> str:
    """Return a table with one row per task, and then every survivor and finding."""
    rows = [
        "| task | trivial programs | variants | equivalent | caught | survivors | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *map(_row, reports),
        _totals(reports),
    ]
    return "\n".join([*rows, "", *_survivors(reports), *_findings(reports)]).rstrip() + "\n"


def _row(report: LintReport) -> str:
    mutation = report.mutation
    cells = [report.task, str(report.trivial_programs)]
    if mutation is None:
        cells += ["-"] * 4
    else:
        more = " or more" if mutation.truncated else ""
        cells += [
            f"{mutation.variants}{more}",
            str(mutation.equivalent),
            str(mutation.caught),
            str(len(mutation.survivors)),
        ]
    return f"| {' | '.join([*cells, f'{report.seconds:.1f}'])} |"


def _totals(reports: Sequence[LintReport]) -> str:
    known = [report.mutation for report in reports if report.mutation is not None]
    cells = [
        f"{len(reports)} tasks",
        sum(report.trivial_programs for report in reports),
        sum(mutation.variants for mutation in known),
        sum(mutation.equivalent for mutation in known),
        sum(mutation.caught for mutation in known),
        sum(len(mutation.survivors) for mutation in known),
        f"{sum(report.seconds for report in reports):.1f}",
    ]
    return f"| {' | '.join(f'**{cell}**' for cell in cells)} |"


def _survivors(reports: Sequence[LintReport]) -> list[str]:
    lines: list[str] = []
    for report in reports:
        for survivor in report.mutation.survivors if report.mutation else ():
            lines += [
                f"#### {report.task}: {survivor.change}",
                "",
                "```diff",
                survivor.diff,
                "```",
                "",
            ]
    return ["### Survivors", "", *(lines or ["None.", ""])]


def _findings(reports: Sequence[LintReport]) -> list[str]:
    lines = [
        f"- {report.task}: {finding.severity} `{finding.rule}`: {finding.message}"
        for report in reports
        for finding in report.findings
        if finding.rule != "survivor"
    ]
    return ["### Other findings", "", *(lines or ["None."])]
