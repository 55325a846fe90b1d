"""The options of `hardwon improve`, which the commands about several runs share."""

from pathlib import Path
from typing import Annotated

import typer

from hardwon import api
from hardwon.agents import GuardianKind, Mode, RepairerKind
from hardwon.learning import FILTERS, POLICIES, Unit

_MODELS = "Models"
_LEARNING = "Learning"
_LIMITS = "Limits"
_RUNNING = "Running"


def _from_zero_on(value: float | None) -> float | None:
    if value is not None and not value >= 0:  # also what is no number
        raise typer.BadParameter(f"expected a number from 0 on, got {value:g}")
    return value


def _above_zero(value: float) -> float:
    if not value > 0:
        raise typer.BadParameter(f"expected a number above 0, got {value:g}")
    return value


def _at_least_1(value: int) -> int:
    if value < 1:
        raise typer.BadParameter(f"expected at least 1, got {value}")
    return value


Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        "--tasks",
        help="A built-in task, a group or set of them, a structural IR file or a folder."
        " May be given several times; without it, the whole benchmark.",
        metavar="NAME|GROUP|SET|FILE|DIR",
    ),
]
OutDir = Annotated[
    Path,
    typer.Option("--out", help="The run directory: library, journal and summary.", metavar="DIR"),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the run in DIR, if there is one. New tasks may join it."
    ),
]
FirstSeed = Annotated[int, typer.Option(help="The seed of the first run.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same library.")]
ModelName = Annotated[
    str,
    typer.Option(
        help="Who writes programs: [bold]offline[/bold] and [bold]search[/bold] need no model;"
        " or [bold]openai:NAME[/bold], [bold]anthropic:NAME[/bold], [bold]google:NAME[/bold],"
        " [bold]local:FILE.gguf[/bold], [bold]scripted:FILE[/bold], [bold]replay:DIR[/bold].",
        metavar="MODEL",
        rich_help_panel=_MODELS,
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        help="Of an OpenAI-compatible server. Without it, what the environment says, or the"
        " provider's own.",
        metavar="URL",
        rich_help_panel=_MODELS,
    ),
]
ModeName = Annotated[
    Mode, typer.Option(help="Of the agentic system, as in the paper.", rich_help_panel=_MODELS)
]
Guardian = Annotated[
    GuardianKind,
    typer.Option(
        help="Who enforces the language's law: the language pack ([bold]pass[/bold]), the model"
        " ([bold]llm[/bold], as in the paper) or nobody.",
        rich_help_panel=_MODELS,
    ),
]
Repairs = Annotated[
    int,
    typer.Option(
        help="Further rounds per sample, with the judge's diagnostics.", rich_help_panel=_MODELS
    ),
]
Repairer = Annotated[
    RepairerKind,
    typer.Option(
        help="Who repairs: the model, or a search near the refused program.",
        rich_help_panel=_MODELS,
    ),
]
Decoding = Annotated[
    api.Decoding | None,
    typer.Option(
        help="How a local model writes: freely, by the language's syntax, or by choosing among"
        " legal statements. Without it, typed for a local file and free otherwise.",
        rich_help_panel=_MODELS,
    ),
]
MaxOutputTokens = Annotated[
    int, typer.Option(help="The most of one answer, without thinking.", rich_help_panel=_MODELS)
]
Context = Annotated[
    int | None,
    typer.Option(
        "--context",
        help="The most tokens of a prompt; the easiest demonstrations go first. Without it, no"
        " bound, or what fits a local model.",
        rich_help_panel=_MODELS,
    ),
]
PolicyWeight = Annotated[
    float,
    typer.Option(
        help="In typed decoding: how much the language pack's preferences count.",
        rich_help_panel=_MODELS,
    ),
]
Concurrency = Annotated[
    int,
    typer.Option(help="Requests in flight at once.", callback=_at_least_1, rich_help_panel=_MODELS),
]
Timeout = Annotated[
    float,
    typer.Option(help="Seconds for one request.", callback=_above_zero, rich_help_panel=_MODELS),
]
UseCache = Annotated[
    bool,
    typer.Option(
        help="Reuse what models answered to the same requests in earlier runs.",
        rich_help_panel=_MODELS,
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        help="[bold]paper[/bold]: the paper's settings for whatever is not given as an option."
        " Without it, the defaults below.",
        metavar="paper",
        rich_help_panel=_LEARNING,
    ),
]
Samples = Annotated[
    int,
    typer.Option(help="Samples per task, temperature and iteration.", rich_help_panel=_LEARNING),
]
Temperatures = Annotated[
    str,
    typer.Option(
        help="Each task is sampled at each of these.",
        metavar="T,T,...",
        rich_help_panel=_LEARNING,
    ),
]
Granularity = Annotated[
    int,
    typer.Option(
        help="m: into how many strata demonstrations are split by difficulty.",
        rich_help_panel=_LEARNING,
    ),
]
Policy = Annotated[
    str,
    typer.Option(
        help=f"Which demonstrations are shown, and when: {', '.join(POLICIES)}.",
        rich_help_panel=_LEARNING,
    ),
]
Filter = Annotated[
    str,
    typer.Option(
        "--filter",
        help=f"Which correct answer is remembered: {', '.join(FILTERS)}.",
        rich_help_panel=_LEARNING,
    ),
]
StopAfter = Annotated[
    int | None,
    typer.Option(
        help="Sample a task no further in an iteration after so many successes. Without it, all"
        " samples are drawn.",
        rich_help_panel=_LEARNING,
    ),
]
Efforts = Annotated[
    int | None,
    typer.Option(
        help="Levels of search after the sampling, each four times as deep as the one before."
        f" Without it, {api.EFFORTS} for offline and search, which alone can search.",
        rich_help_panel=_LEARNING,
    ),
]
Budget = Annotated[
    int | None,
    typer.Option(
        help="Go on until so much is spent (see --budget-unit). Without it, to the end of"
        " Algorithm 1.",
        rich_help_panel=_LEARNING,
    ),
]
BudgetUnit = Annotated[Unit, typer.Option(help="What --budget counts.", rich_help_panel=_LEARNING)]
MaxUsd = Annotated[
    float | None,
    typer.Option(
        help="Stop a run before so many dollars are spent. Without it, no cap.",
        rich_help_panel=_LIMITS,
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        help="Stop a run before so many tokens, input and output together. Without it, no cap.",
        rich_help_panel=_LIMITS,
    ),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(
        help="Stop after so many minutes. Without it, no cap.",
        callback=_from_zero_on,
        rich_help_panel=_LIMITS,
    ),
]
Prices = Annotated[
    Path | None,
    typer.Option(
        help="A price table of your own. Without it, the one that comes with Hardwon.",
        metavar="FILE",
        rich_help_panel=_LIMITS,
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        help="Worker processes. 0: as many as there are processors.", rich_help_panel=_RUNNING
    ),
]
JournalUrl = Annotated[
    str | None,
    typer.Option(
        help="Record in this database instead of a file in DIR, e.g. postgresql://...",
        metavar="URL",
        rich_help_panel=_RUNNING,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="Print the result only.", rich_help_panel=_RUNNING)
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print events as JSON, one per line.", rich_help_panel=_RUNNING),
]
