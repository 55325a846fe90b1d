"""Puts the language pack's findings together into one verdict."""

from collections.abc import Sequence

from hardwon.languages import Language, Setting, Simulator
from hardwon.records import Diagnostic, Stage, StreamType, Task, Verdict, digest_of

_ORDER = list(Stage)


def judge_program(
    language: Language, simulator: Simulator, task: Task, impl: str, settings: Sequence[Setting]
) -> Verdict:
    """Run all checks, in order; a program that only breaks the law is still run.

    Raises:
        TaskError: if the task's own code is at fault.
    """
    reading = language.read(task, impl, simulator.sizes())
    functional: bool | None = None
    errors = reading.errors
    if reading.runnable:
        wrong = simulator.check(impl, settings)
        functional = not wrong
        errors = (*errors, *wrong)
    return _verdict(
        errors,
        affine=reading.affine,
        functional=functional,
        normal_form=None if reading.normal_form is None else digest_of(reading.normal_form),
        code_lines=reading.code_lines,
        streams=reading.streams() if errors else (),
    )


def _verdict(
    errors: tuple[Diagnostic, ...],
    *,
    affine: bool | None = None,
    functional: bool | None = None,
    normal_form: str | None = None,
    code_lines: int | None = None,
    streams: tuple[StreamType, ...] = (),
) -> Verdict:
    stage = min((error.stage for error in errors), key=_ORDER.index, default=None)
    return Verdict(
        correct=stage is None and functional is True,
        stage=stage,
        affine=affine,
        functional=functional,
        errors=errors,
        normal_form=normal_form,
        code_lines=code_lines,
        streams=streams,
    )


def no_program() -> Verdict:
    """Return the verdict on a sample in which no program was found."""
    return failed(Stage.PARSE, "expected a program, the sample holds none")


def failed(stage: Stage, message: str) -> Verdict:
    """Return the verdict on a program that could not be judged to the end."""
    diagnostic = Diagnostic(stage=stage, line=None, message=message)
    return _verdict((diagnostic,), functional=False if stage is Stage.FUNCTIONAL else None)
