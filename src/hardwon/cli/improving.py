"""`hardwon improve`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hardwon import api
from hardwon.agents import GuardianKind, Mode, RepairerKind
from hardwon.cli.events import JsonEvents
from hardwon.cli.inputs import EXIT_INTERRUPTED, FAILURES, fail, numbers
from hardwon.cli.progress import Display, LiveProgress, PlainProgress, QuietProgress
from hardwon.cli.terminal import plain, terminal
from hardwon.cli.views import print_solved
from hardwon.learning import FILTERS, POLICIES, Unit
from hardwon.records import Task

out = terminal()
err = terminal(stderr=True)

_MODELS = "Models"
_LEARNING = "Learning"
_LIMITS = "Limits"
_RUNNING = "Running"


def improve(
    context: typer.Context,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="A built-in task, a group or set of them, a structural IR file or a folder."
            " May be given several times; without it, the whole benchmark.",
            metavar="NAME|GROUP|SET|FILE|DIR",
        ),
    ] = None,
    out_dir: Annotated[
        Path,
        typer.Option(
            "--out", help="The run directory: library, journal and summary.", metavar="DIR"
        ),
    ] = Path("hardwon-run"),
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the run in DIR, if there is one. New tasks may join it."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same library.")] = 0,
    model: Annotated[
        str,
        typer.Option(
            help="Who writes programs: [bold]offline[/bold] and [bold]search[/bold] need no model;"
            " or [bold]openai:NAME[/bold], [bold]anthropic:NAME[/bold], [bold]google:NAME[/bold],"
            " [bold]local:FILE.gguf[/bold], [bold]scripted:FILE[/bold], [bold]replay:DIR[/bold].",
            metavar="MODEL",
            rich_help_panel=_MODELS,
        ),
    ] = api.OFFLINE,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="Of an OpenAI-compatible server. Without it, what the environment says, or the"
            " provider's own.",
            metavar="URL",
            rich_help_panel=_MODELS,
        ),
    ] = None,
    mode: Annotated[
        Mode, typer.Option(help="Of the agentic system, as in the paper.", rich_help_panel=_MODELS)
    ] = Mode.AGENT,
    guardian: Annotated[
        GuardianKind,
        typer.Option(
            help="Who enforces the language's law: the language pack ([bold]pass[/bold]), the model"
            " ([bold]llm[/bold], as in the paper) or nobody.",
            rich_help_panel=_MODELS,
        ),
    ] = GuardianKind.PASS,
    repairs: Annotated[
        int,
        typer.Option(
            help="Further rounds per sample, with the judge's diagnostics.", rich_help_panel=_MODELS
        ),
    ] = 0,
    repairer: Annotated[
        RepairerKind,
        typer.Option(
            help="Who repairs: the model, or a search near the refused program.",
            rich_help_panel=_MODELS,
        ),
    ] = RepairerKind.MODEL,
    decoding: Annotated[
        api.Decoding | None,
        typer.Option(
            help="How a local model writes: freely, by the language's syntax, or by choosing among"
            " legal statements. Without it, typed for a local file and free otherwise.",
            rich_help_panel=_MODELS,
        ),
    ] = None,
    max_output_tokens: Annotated[
        int, typer.Option(help="The most of one answer, without thinking.", rich_help_panel=_MODELS)
    ] = 1024,
    context_tokens: Annotated[
        int | None,
        typer.Option(
            "--context",
            help="The most tokens of a prompt; the easiest demonstrations go first. Without it, no"
            " bound, or what fits a local model.",
            rich_help_panel=_MODELS,
        ),
    ] = None,
    policy_weight: Annotated[
        float,
        typer.Option(
            help="In typed decoding: how much the language pack's preferences count.",
            rich_help_panel=_MODELS,
        ),
    ] = 1.0,
    concurrency: Annotated[
        int, typer.Option(help="Requests in flight at once.", rich_help_panel=_MODELS)
    ] = 16,
    timeout: Annotated[
        float, typer.Option(help="Seconds for one request.", rich_help_panel=_MODELS)
    ] = 600.0,
    cache: Annotated[
        bool,
        typer.Option(
            help="Reuse what models answered to the same requests in earlier runs.",
            rich_help_panel=_MODELS,
        ),
    ] = True,
    preset: Annotated[
        str | None,
        typer.Option(
            help="[bold]paper[/bold]: the paper's settings for whatever is not given as an option."
            " Without it, the defaults below.",
            metavar="paper",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            help="Samples per task, temperature and iteration.", rich_help_panel=_LEARNING
        ),
    ] = 64,
    temperatures: Annotated[
        str,
        typer.Option(
            help="Each task is sampled at each of these.",
            metavar="T,T,...",
            rich_help_panel=_LEARNING,
        ),
    ] = "0.4,0.7,1.0",
    granularity: Annotated[
        int,
        typer.Option(
            help="m: into how many strata demonstrations are split by difficulty.",
            rich_help_panel=_LEARNING,
        ),
    ] = 3,
    policy: Annotated[
        str,
        typer.Option(
            help=f"Which demonstrations are shown, and when: {', '.join(POLICIES)}.",
            rich_help_panel=_LEARNING,
        ),
    ] = "paper",
    keep: Annotated[
        str,
        typer.Option(
            "--filter",
            help=f"Which correct answer is remembered: {', '.join(FILTERS)}.",
            rich_help_panel=_LEARNING,
        ),
    ] = "shortest",
    stop_after: Annotated[
        int | None,
        typer.Option(
            help="Sample a task no further in an iteration after so many successes. Without it, all"
            " samples are drawn.",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    efforts: Annotated[
        int | None,
        typer.Option(
            help="Levels of search after the sampling, each four times as deep as the one before."
            f" Without it, {api.EFFORTS} for offline and search, which alone can search.",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            help="Go on until so much is spent (see --budget-unit). Without it, to the end of"
            " Algorithm 1.",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    budget_unit: Annotated[
        Unit, typer.Option(help="What --budget counts.", rich_help_panel=_LEARNING)
    ] = Unit.SAMPLES,
    max_usd: Annotated[
        float | None,
        typer.Option(
            help="Stop before so many dollars are spent. Without it, no cap.",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Stop before so many, input and output together. Without it, no cap.",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(
            help="Stop after so many minutes. Without it, no cap.", rich_help_panel=_LIMITS
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            help="A price table of your own. Without it, the one that comes with Hardwon.",
            metavar="FILE",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            help="Worker processes. 0: as many as there are processors.", rich_help_panel=_RUNNING
        ),
    ] = 0,
    journal: Annotated[
        str | None,
        typer.Option(
            help="Record in this database instead of a file in DIR, e.g. postgresql://...",
            metavar="URL",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print the result only.", rich_help_panel=_RUNNING)
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print events as JSON, one per line.", rich_help_panel=_RUNNING
        ),
    ] = False,
) -> None:
    """Write a library: sample, judge, remember what was hard to win, and try again.

    Runs until every task is solved or all demonstrations together bring nothing new, and searches
    for the rest where no model is used. An interrupted run goes on with --resume; nothing finished
    is repeated, or paid again.
    """
    try:
        tasks = api.select_tasks(task or ())
        settings: dict[str, Any] = {
            "mode": mode,
            "guardian": guardian,
            "repairs": repairs,
            "repairer": repairer,
            "decoding": decoding,
            "max_output_tokens": max_output_tokens,
            "context": context_tokens,
            "policy_weight": policy_weight,
            "samples": samples,
            "temperatures": numbers(temperatures),
            "stop_after": stop_after,
            "granularity": granularity,
            "policy": policy,
            "filter": keep,
            "efforts": efforts,
            "budget": budget,
            "budget_unit": budget_unit,
        }
        configuration = api.Configuration(
            model=model, seed=seed, **{**settings, **_preset(preset, context)}
        )
        means = api.Means(
            journal=journal,
            base_url=base_url,
            concurrency=concurrency,
            timeout=timeout,
            max_usd=max_usd,
            max_tokens=max_tokens,
            max_minutes=max_minutes,
            prices=prices,
            use_cache=cache,
        )
        if not configuration.uses_no_model:
            _tell_price(tasks, configuration.validated(), means, quiet=quiet or as_json)
        display = _display(tasks, configuration, quiet=quiet, as_json=as_json)
        with display:
            result = api.improve(
                tasks,
                out_dir,
                configuration,
                workers=workers or os.cpu_count() or 1,
                resume=resume,
                progress=display,
                means=means,
            )
            display.finished(result.summary, stopped=result.stopped)
    except FAILURES as error:
        fail(error)
    except KeyboardInterrupt:
        err.print(
            "\ninterrupted. What was sampled is kept; to go on, repeat the command with --resume",
            soft_wrap=True,
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if not as_json:
        print_solved(out, result.summary, out_dir)
    if result.stopped is not None:
        err.print(
            f"[yellow]stopped:[/yellow] {plain(result.stopped)}. What was sampled is kept; to go"
            " on, repeat the command with --resume and a higher limit",
            highlight=False,
            soft_wrap=True,
        )


def _tell_price(
    tasks: Sequence[Task],
    configuration: api.Configuration,
    means: api.Means,
    *,
    quiet: bool,
) -> None:
    """Say what the first iteration may cost at most, before anything is sent."""
    most = api.estimated(tasks, configuration, means)
    if quiet:
        return
    err.print(str(most), highlight=False, soft_wrap=True)


def _display(
    tasks: Sequence[Task], configuration: api.Configuration, *, quiet: bool, as_json: bool
) -> Display:
    if as_json:
        return JsonEvents(sys.stdout, tasks, configuration.model_dump(mode="json"))
    if quiet:
        return QuietProgress()
    width = max(len(item.test_name) for item in tasks)
    drawn = configuration.samples * len(configuration.temperatures)
    return LiveProgress(err, width, drawn) if err.is_terminal else PlainProgress(err, width)


def _preset(name: str | None, context: typer.Context) -> dict[str, Any]:
    """Return the settings of a preset, but for those that were given as options."""

    def is_given(setting: str) -> bool:
        source = context.get_parameter_source("keep" if setting == "filter" else setting)
        return source is not None and source.name == "COMMANDLINE"

    return {key: value for key, value in api.preset(name).items() if not is_given(key)}
