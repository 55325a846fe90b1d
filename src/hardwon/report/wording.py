"""Numbers and hostile text in a form that people can read."""

import re

_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control characters, those that change the direction of text, and halves of surrogate pairs."""


def visible(text: str) -> str:
    """Return text in which nothing hides: what cannot be seen or reorders text is spelt out.

    Programs and notes come from models; a character that turns the direction of writing could make
    a program look like another one.
    """
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def clipped(text: str, most: int) -> str:
    """Return the beginning of a text that is too long to be shown, and how much is missing."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({number(len(text) - most)} more characters)"


def number(value: float) -> str:
    """Return a count with separators."""
    return f"{value:,.0f}"


def compact(value: float) -> str:
    """Return a number for an axis: 950, 1.5k, 20k, 3M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share in per cent, with a decimal where it is small; never 0% for some."""
    if 0 < share < 0.001:
        return "<0.1%"
    shown = f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
    if shown == "100%" and share < 1:
        return ">99%"
    return shown.replace(".0%", "%")


def money(usd: float) -> str:
    """Return dollars, with cents as far as they matter."""
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.2g}"


def duration(seconds: float) -> str:
    """Return a time span: 40 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{number(count)} {noun}{'s' * (count != 1)}"
