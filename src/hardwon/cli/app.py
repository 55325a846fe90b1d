"""The commands. Exit codes: 0 done or correct, 1 not correct, 2 unusable input, and 128
with the number of the signal that interrupted (130 for Ctrl-C).
"""

import json
import sys
from typing import Annotated

import typer

import hardwon
from hardwon import api, bench
from hardwon.cli.compare import compare_command
from hardwon.cli.experiences import experiences
from hardwon.cli.experiment import experiment_command, finetuning_command
from hardwon.cli.explaining import explain
from hardwon.cli.improving import improve
from hardwon.cli.inputs import EXIT_NOT_CORRECT, EXIT_UNUSABLE, fail, read_program
from hardwon.cli.journal import journal
from hardwon.cli.linting import lint
from hardwon.cli.report import report
from hardwon.cli.terminal import terminal, write_any_character
from hardwon.cli.views import print_task_table, print_verdict, verdict_json
from hardwon.ir import dump_task
from hardwon.judge import JudgeError

app = typer.Typer(
    name="hardwon",
    help="Writes verified ML operator libraries for new hardware languages, and learns from its own"
    " hard-won successes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Start here: [bold]hardwon improve --task rope[/bold], then look into the folder that it"
    " names.",
)
out = terminal()

_WRITE = "Write a library"
_TASKS = "Look at tasks and programs"
_STUDY = "Study how it learns"
_KEEP = "Keep what was won"


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"hardwon {hardwon.__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version


app.command(rich_help_panel=_WRITE)(improve)
app.command(rich_help_panel=_WRITE)(report)


@app.command(rich_help_panel=_TASKS)
def check(
    task: Annotated[str, typer.Argument(help="A built-in task or a structural IR file.")],
    impl: Annotated[
        str | None,
        typer.Option(
            help="The program: a file, or - for standard input. Without it, the file's own impl.",
            metavar="FILE|-",
        ),
    ] = None,
    reference: Annotated[
        bool,
        typer.Option("--reference", help="Check the benchmark's own program, made affine by Copy."),
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="With --reference: without Copy.")] = False,
    seed: Annotated[
        int | None,
        typer.Option(help="Of the random inputs. Without it, a fresh one, which is printed."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge one program: syntax, types, affine law, results.

    Exit code 0 if it is correct, 1 if not, 2 if the input is unusable.
    """
    try:
        if reference and impl is not None:
            raise api.UsageError("--impl and --reference both name a program; give one of them")
        if plain and not reference:
            raise api.UsageError("--plain is about the benchmark's own program; add --reference")
        found = api.find_task(task)
        drawn = api.fresh_seed() if seed is None else seed
        if reference:
            program, verdict = api.check_reference(found, copies=not plain, seed=drawn)
        else:
            program = read_program(impl, found, task)
            verdict = api.check(found, program, seed=drawn)
    except (api.UsageError, JudgeError) as error:
        fail(error)
    if as_json:
        sys.stdout.write(json.dumps(verdict_json(found, verdict, drawn), indent=2) + "\n")
    else:
        print_verdict(out, found, program, verdict, drawn)
    raise typer.Exit(0 if verdict.correct else EXIT_NOT_CORRECT)


@app.command(rich_help_panel=_TASKS)
def tasks(
    task_set: Annotated[
        str,
        typer.Option(
            "--set",
            help="[bold]paper[/bold]: the benchmark; [bold]extra[/bold]: further operators.",
            metavar="|".join(bench.SETS),
        ),
    ] = bench.BENCHMARK,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the built-in tasks."""
    if task_set not in bench.SETS:
        expected = " or ".join(bench.SETS)
        fail(api.UsageError(f"--set: expected {expected}, got {task_set!r}"))
    entries = bench.catalog(task_set)
    if as_json:
        rows = [
            {
                "name": entry.name,
                "group": entry.group,
                "class": "shape" if entry.shape else "arith",
                "reuse": entry.reuse,
                "functions": [fn.func_name for fn in bench.load(entry.name).fns],
            }
            for entry in entries
        ]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        print_task_table(out, entries)


@app.command(rich_help_panel=_TASKS)
def show(
    task: Annotated[str, typer.Argument(help="A built-in task or a structural IR file.")],
) -> None:
    """Show a task in structural IR."""
    try:
        text = dump_task(api.find_task(task))
    except api.UsageError as error:
        fail(error)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


app.command(rich_help_panel=_TASKS)(lint)
app.command(rich_help_panel=_TASKS)(explain)
app.command("compare", rich_help_panel=_STUDY)(compare_command)
app.command("experiment", rich_help_panel=_STUDY)(experiment_command)
app.command("finetuning", rich_help_panel=_STUDY)(finetuning_command)
app.add_typer(journal, name="journal", rich_help_panel=_KEEP)
app.add_typer(experiences, name="experiences", rich_help_panel=_KEEP)


def main() -> None:
    """Run the command line."""
    write_any_character()
    try:
        app()
    except OSError as error:  # a full disk, say, under standard output
        sys.stderr.write(f"error: {error}\n")
        sys.exit(EXIT_UNUSABLE)
