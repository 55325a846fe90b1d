"""Derived programs come out short, named and commented, and mean what they meant."""

import pytest
from search_tasks import CENTRE, CENTRED, SIZES

from hardwon.languages.step.elaborate import elaborate
from hardwon.languages.step.parser import parse
from hardwon.languages.step.reading import analyse
from hardwon.languages.step.signature import signature_of
from hardwon.languages.step.synthesis.tidy import written
from support import edited, read

TASK = read(CENTRED)
PLAIN = """\
E0_0, E0_1 = step.Copy().apply(E0)
sum = step.Accum(fn=fn_sum, b=1).apply(E0_0)
share = step.Map(fn=fn_share).apply(sum)
# Repeat share along N.
share_repeated = step.Repeat(n=N).apply(share)
minus = step.Map(fn=fn_minus).apply((E0_1, share_repeated))
square = step.Map(fn=fn_square).apply(minus)
return square"""


def tidied(impl: str) -> str:
    """Return a program, tidied; Copies are left to the tidying."""
    lines = impl.replace("E0_0", "E0").replace("E0_1", "E0").splitlines()
    text = "\n".join(line for line in lines if "Copy" not in line)
    elaboration = elaborate(parse(text), signature_of(TASK), SIZES)
    assert not elaboration.errors
    return written(elaboration.graph, signature_of(TASK), SIZES)


def test_streams_are_named_after_functions_and_repetitions_explained() -> None:
    assert tidied(CENTRE) == PLAIN


@pytest.mark.parametrize(
    "superfluous",
    [
        "mean = step.Identity().apply(mean)\n",
        "b = step.Promote(b=1).apply(mean)\nmean = step.Flatten(L=[1]).apply(b)\n",
        "b = step.Promote(b=0).apply(mean)\nc = step.Bufferize(a=1).apply(b)\n"
        "d = step.Streamify().apply(c)\nmean = step.Flatten(L=[1]).apply(d)\n",
        "other = step.Map(fn=fn_share).apply(total)\nmean = step.Identity().apply(other)\n",
    ],
)
def test_what_changes_nothing_is_left_out(superfluous: str) -> None:
    at = "spread = step.Repeat"
    assert tidied(edited(CENTRE, (at, superfluous + at))) == PLAIN


def test_equal_streams_are_made_once() -> None:
    twice = edited(
        CENTRE,
        ("spread =", "again = step.Accum(fn=fn_sum, b=1).apply(E0)\nspread ="),
        ("apply((E0_1, spread))", "apply((spread, other))"),
        ("centred =", "shared = step.Map(fn=fn_share).apply(again)\n"
         "other = step.Repeat(n=N).apply(shared)\ncentred ="),
    )  # fmt: skip
    text = tidied(twice)
    assert text.count("fn_sum") == text.count("Repeat(") == 1


def test_what_is_tidied_stays_tidied() -> None:
    assert tidied(PLAIN) == PLAIN


def test_tidied_programs_are_well_typed_and_obey_the_law() -> None:
    reading = analyse(TASK, tidied(CENTRE), SIZES).reading
    assert reading.errors == ()
    assert reading.affine
