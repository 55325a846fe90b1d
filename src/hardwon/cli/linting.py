"""`hardwon lint`."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hardwon import api
from hardwon.cli.inputs import fail, read_program
from hardwon.cli.terminal import plain, terminal
from hardwon.judge import JudgeError
from hardwon.languages import Severity
from hardwon.lint import Finding, LintReport, lint_markdown

_COLORS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_QUIET = frozenset({"survivor", "data-hides-mistake"})
"""Findings that are shown with their difference instead."""


def lint(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(
            help="Built-in tasks, groups or sets of them, structural IR files or folders."
            " Without any, the whole benchmark.",
            metavar="[NAME|GROUP|SET|FILE|DIR]...",
            show_default=False,
        ),
    ] = None,
    *,
    impl: Annotated[
        str | None,
        typer.Option(
            help="A correct program of the only task, to make wrong variants of: a file, or - for"
            " standard input. Without it, the file's own impl.",
            metavar="FILE|-",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random data.")] = 0,
    workers: Annotated[
        int, typer.Option(help="Tasks at a time. 0: as many as there are processors.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a table in Markdown, with every survivor.")
    ] = False,
) -> None:
    """Find out what is wrong with tasks before paying for samples.

    Looks for trivial programs that pass, references and functions that fail, change or are out of
    reach, and wrong programs that the check does not catch. Exit code 0 without errors, 1 with
    errors, 2 if the input is unusable.
    """
    try:
        selected = api.select_documents(tasks or ())
        if impl is not None and len(selected) != 1:
            raise api.UsageError(f"--impl belongs to one task, {len(selected)} are selected")
        first = selected[0]
        program = None if impl is None else read_program(impl, first, first.test_name)
        err = terminal(stderr=True)
        with err.status("linting") if err.is_terminal else _Nothing() as status:
            done: list[str] = []

            def progress(report: LintReport) -> None:
                done.append(report.task)
                if status is not None:
                    status.update(f"{len(done)} of {len(selected)} tasks linted")

            reports = api.lint(
                selected,
                program,
                seed=seed,
                workers=workers or os.cpu_count() or 1,
                progress=progress,
            )
    except (api.UsageError, JudgeError) as error:
        fail(error)
    if as_json:
        rows = [report.model_dump(mode="json") for report in reports]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    elif as_markdown:
        sys.stdout.write(lint_markdown(reports))
    else:
        print_reports(terminal(), reports)
    raise typer.Exit(1 if any(report.count(Severity.ERROR) for report in reports) else 0)


class _Nothing:
    """Stands for the status display where there is no terminal."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None


def print_reports(console: Console, reports: Sequence[LintReport]) -> None:
    """Print a table with one row per task, and then every finding.

    Of the variants, those known to be equal in meaning are not expected to be caught.
    """
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    table.add_column("task", no_wrap=True)
    figures = ("errors", "warnings", "trivial", "variants", "equal", "caught", "missed", "s")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    for report in reports:
        errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
        mutation = report.mutation
        counts = ["-"] * 4
        if mutation is not None:
            known = (mutation.variants, mutation.equivalent, mutation.caught)
            counts = [*map(str, known), str(len(mutation.survivors))]
        table.add_row(
            plain(report.task),
            f"[bold red]{errors}[/bold red]" if errors else "0",
            f"[yellow]{warnings}[/yellow]" if warnings else "0",
            str(report.trivial_programs),
            *counts,
            f"{report.seconds:.1f}",
        )
    console.print(table)
    for report in reports:
        _print_details(console, report)
    if not any(report.findings for report in reports):
        console.print("\nNothing found.", highlight=False)


def _print_details(console: Console, report: LintReport) -> None:
    if report.findings:
        console.print(f"\n[bold]{plain(report.task)}[/bold]", highlight=False)
    for finding in report.findings:
        if finding.rule not in _QUIET:
            _print_finding(console, finding)
    for survivor in report.mutation.survivors if report.mutation else ():
        data = " (wrong on other data)" if survivor.other_data else ""
        console.print(
            f"  [yellow]warning[/yellow] survivor{data}: {plain(survivor.change)}",
            highlight=False,
            soft_wrap=True,
        )
        _print_block(console, survivor.diff)


def _print_finding(console: Console, finding: Finding) -> None:
    color = _COLORS[finding.severity]
    place = f" {'.'.join(map(str, finding.where))}" if finding.where else ""
    console.print(
        f"  [{color}]{finding.severity}[/{color}] {finding.rule}{plain(place)}:"
        f" {plain(finding.message)}",
        highlight=False,
        soft_wrap=True,
    )
    if finding.advice:
        console.print(f"      [dim]{plain(finding.advice)}[/dim]", highlight=False, soft_wrap=True)
    if finding.program is not None:
        _print_block(console, finding.program)


def _print_block(console: Console, text: str) -> None:
    for line in text.splitlines():
        console.print(f"      {plain(line)}", highlight=False, soft_wrap=True)
