"""Turns tasks, programs and templates into text."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from hardwon.agents import scripts
from hardwon.ir import dump_task
from hardwon.records import Task


@cache
def _templates() -> SandboxedEnvironment:
    """Return the templates: a name that nobody gave is an error, and nothing is escaped."""
    environment = SandboxedEnvironment(
        loader=PackageLoader("hardwon.agents"),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        dtype=scripts.dtype_text,
        dims=scripts.dims_text,
        number=scripts.number_text,
        drawn=scripts.drawn_text,
        reference=scripts.reference_text,
        sizes=_sizes_text,
    )
    return environment


def render(template: str, **values: Any) -> str:
    """Return a template's text with these values in it.

    Raises:
        jinja2.UndefinedError: if the template wants a value that is not there.
    """
    return _templates().get_template(f"{template}.j2").render(values).strip("\n")


def question_text(task: Task, *, script: bool) -> str:
    """Return a task without its answer, as a Python script or as structural IR, fenced."""
    if script:
        return render("question_script", task=task, arguments=_arguments(task))
    return render("question_ir", ir=dump_task(task.question).strip("\n"))


def answer_text(task: Task, impl: str, *, script: bool, fence: str | None) -> str:
    """Return a program of a task in the form that is asked of models; bare without a fence."""
    return _program_text(impl.strip("\n"), _arguments(task), script=script, fence=fence)


def form_text(form: str, *, script: bool, fence: str | None) -> str:
    """Return the form in which programs are asked for, given as a program with dots in it."""
    return _program_text(form.strip("\n"), "E0, ...", script=script, fence=fence)


def _program_text(impl: str, arguments: str, *, script: bool, fence: str | None) -> str:
    if fence is None:
        return impl
    if script:
        return render("answer_script", arguments=arguments, impl=impl)
    return render("answer_ir", fence=fence, impl=impl)


def _arguments(task: Task) -> str:
    return ", ".join(item.name for item in task.inputs)


def _sizes_text(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{symbol} = {size}" for symbol, size in sizes.items())
