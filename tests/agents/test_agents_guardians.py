"""Guardians: the pass cannot corrupt, and a model's word counts only if it can be read."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_model import USAGE, always, fenced, request_for

from hardwon.agents import (
    Change,
    Guardian,
    ModelGuardian,
    NoGuardian,
    PassGuardian,
    Request,
    UnansweredError,
)
from hardwon.models.protocol import CapReachedError
from hardwon.records import Answer, Completion, Finish, Usage
from support import DOUBLE, DOUBLED, GREEDY, RESIDUAL, SUBTRACTED, read, toy_task


def guarded(guardian: Guardian, request: Request, impl: str | None) -> Change:
    return asyncio.run(guardian.guard(request, Answer(index=3, impl=impl)))


# The pass


HOSTILE = [
    "",
    "\0",
    "return E0\ud800",
    "return " + "(" * 5000,
    "return " + "-" * 50_000 + "E0",
    "return E0" + ".a" * 20_000,
    "x = [[[" * 3000,
    "import os\nos.system('true')",
    "l = [E0, E0]\n" + "l = [l, l]\n" * 60 + "return l",
    "E1 = step.Repeat(n=99999999999999999999).apply(E0)\nreturn step.Zip().apply((E1, E1))",
    "return step.Map(fn=fn_double).apply(E0, E0)",
    "def program(E0):\n    return program(E0)",
    "lambda: (yield)",
    "\\",
    "# only a comment",
    "E0 = E0\n" * 2000 + "return E0",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_passes_as_it_is(text: str) -> None:
    assert guarded(PassGuardian(), request_for(DOUBLE), text) == Change(text)


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text("E01=().,[]\n stepMapapplyfnreturn", max_size=200))
def test_no_text_breaks_the_pass(text: str) -> None:
    assert guarded(PassGuardian(), request_for(DOUBLE), text).impl == text


def test_the_pass_needs_no_sizes() -> None:
    request = Request(read(RESIDUAL), (), 1.0, (0,), 0, {})
    assert guarded(PassGuardian(), request, SUBTRACTED).impl == SUBTRACTED


@pytest.mark.usefixtures("toy")
def test_a_pack_that_raises_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert guarded(PassGuardian(), request_for(toy_task()), "return E0") == Change("return E0")
    assert "could not be guarded" in caplog.text


@pytest.mark.parametrize("guardian", [PassGuardian(), NoGuardian(), ModelGuardian(always("x"))])
def test_no_program_stays_no_program(guardian: Guardian) -> None:
    assert guarded(guardian, request_for(DOUBLE), None) == Change(None)


def test_no_guardian_lets_everything_through() -> None:
    assert guarded(NoGuardian(), request_for(RESIDUAL), GREEDY) == Change(GREEDY)


# The model


def test_a_model_may_rewrite_a_program() -> None:
    model = always(f"E0 is consumed twice.\n\n{fenced(SUBTRACTED)}")
    change = guarded(ModelGuardian(model), request_for(RESIDUAL), GREEDY)
    assert (change.impl, change.usage, len(change.exchanges)) == (SUBTRACTED, USAGE, 1)
    (asked,) = model.asked
    assert (asked.role, asked.index, asked.parameters.temperature) == ("guardian", 3, 0.7)
    assert GREEDY.split("\n")[0] in asked.prompt.messages[-1].text


@pytest.mark.parametrize(
    "said",
    [
        "unchanged",
        "Unchanged.",
        "**unchanged**",
        f"unchanged: the law holds.\n\n{fenced(DOUBLED)}",
        "The law holds; nothing to do.",
        "```yaml\nimpl: |-\n  E1 = step.Ma",
        fenced("E1 = step.Nothing().apply(E0)\nreturn E1"),
        fenced("return unknown"),
        "",
        Completion(text=fenced(SUBTRACTED), finish=Finish.LENGTH),
        Completion(text="", finish=Finish.EMPTY),
        Completion(text="No.", finish=Finish.REFUSAL),
    ],
    ids=str,
)
def test_a_program_stays_unless_another_one_can_be_read(said: str | Completion) -> None:
    change = guarded(ModelGuardian(always(said)), request_for(RESIDUAL), GREEDY)
    assert change.impl == GREEDY
    assert len(change.exchanges) == 1


@pytest.mark.parametrize(
    "said", [Completion(text="HTTP 500", finish=Finish.FAILED), RuntimeError("HTTP 500")], ids=str
)
def test_a_guardian_that_cannot_be_asked_says_so(said: Completion | Exception) -> None:
    with pytest.raises(UnansweredError, match=r"the guardian's request: .*HTTP 500"):
        guarded(ModelGuardian(always(said)), request_for(RESIDUAL), GREEDY)


def test_what_was_said_in_vain_is_paid_for() -> None:
    said = Completion(text="hm", finish=Finish.LENGTH, usage=Usage(requests=1, output_tokens=9))
    change = guarded(ModelGuardian(always(said)), request_for(RESIDUAL), GREEDY)
    assert change.usage == said.usage


@pytest.mark.usefixtures("toy")
def test_a_language_without_a_law_needs_no_guardian() -> None:
    model = always("unchanged")
    assert guarded(ModelGuardian(model), request_for(toy_task()), "return E0") == Change(
        "return E0"
    )
    assert not model.asked


def test_a_cap_reaches_the_caller() -> None:
    guardian = ModelGuardian(always(CapReachedError("spent")))
    with pytest.raises(CapReachedError):
        guarded(guardian, request_for(RESIDUAL), GREEDY)
