"""`hardwon improve`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from hardwon import api
from hardwon.agents import GuardianKind, Mode, RepairerKind
from hardwon.cli import options
from hardwon.cli.ending import explained
from hardwon.cli.events import JsonEvents
from hardwon.cli.inputs import numbers
from hardwon.cli.progress import Display, LiveProgress, PlainProgress, QuietProgress
from hardwon.cli.terminal import plain, terminal
from hardwon.cli.views import print_solved
from hardwon.learning import Unit
from hardwon.records import Task

out = terminal()
err = terminal(stderr=True)


def improve(
    context: typer.Context,
    task: options.Tasks = None,
    out_dir: options.OutDir = Path("hardwon-run"),
    resume: options.Resume = False,
    seed: options.Seed = 0,
    model: options.ModelName = api.OFFLINE,
    base_url: options.BaseUrl = None,
    mode: options.ModeName = Mode.AGENT,
    guardian: options.Guardian = GuardianKind.PASS,
    repairs: options.Repairs = 0,
    repairer: options.Repairer = RepairerKind.MODEL,
    decoding: options.Decoding = None,
    max_output_tokens: options.MaxOutputTokens = 1024,
    context_tokens: options.Context = None,
    policy_weight: options.PolicyWeight = 1.0,
    concurrency: options.Concurrency = 16,
    timeout: options.Timeout = 600.0,
    cache: options.UseCache = True,
    preset: options.Preset = None,
    samples: options.Samples = 64,
    temperatures: options.Temperatures = "0.4,0.7,1.0",
    granularity: options.Granularity = 3,
    policy: options.Policy = "paper",
    keep: options.Filter = "shortest",
    stop_after: options.StopAfter = None,
    efforts: options.Efforts = None,
    budget: options.Budget = None,
    budget_unit: options.BudgetUnit = Unit.SAMPLES,
    max_usd: options.MaxUsd = None,
    max_tokens: options.MaxTokens = None,
    max_minutes: options.MaxMinutes = None,
    prices: options.Prices = None,
    workers: options.Workers = 0,
    journal: options.JournalUrl = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write a library: sample, judge, remember what was hard to win, and try again.

    Runs until every task is solved or all demonstrations together bring nothing new, and searches
    for the rest where no model is used. An interrupted run goes on with --resume; nothing finished
    is repeated, or paid again.
    """
    with explained(err, "repeat the command with --resume"):
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
