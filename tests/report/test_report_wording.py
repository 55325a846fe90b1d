"""Numbers and shares for people."""

import pytest

from hardwon.report import wording


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (0.0001, "<0.1%"),
        (0.015, "1.5%"),
        (0.05, "5%"),
        (0.5, "50%"),
        (0.999, ">99%"),
        (1.0, "100%"),
    ],
)
def test_shares_are_never_rounded_to_none_or_all(share: float, text: str) -> None:
    assert wording.percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (65, "1 min 5 s"),
        (3600, "1 h"),
        (7260, "2 h 1 min"),
    ],
)
def test_times_carry_their_units(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (950, "950"), (1500, "1.5k"), (20_000, "20k"), (3e6, "3M")]
)
def test_axes_have_short_numbers(value: float, text: str) -> None:
    assert wording.compact(value) == text


@pytest.mark.parametrize(
    ("usd", "text"), [(0, "$0.00"), (0.0042, "$0.0042"), (1234.5, "$1,234.50")]
)
def test_small_sums_keep_their_digits(usd: float, text: str) -> None:
    assert wording.money(usd) == text


def test_code_keeps_its_lines_and_tabs() -> None:
    assert wording.visible("a\n\tb") == "a\n\tb"


def test_other_alphabets_are_left_alone() -> None:
    text = "Größe, 張量, مصفوفة, 🙂"
    assert wording.visible(text) == text
