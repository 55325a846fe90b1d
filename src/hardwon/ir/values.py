"""Reads the small notations inside scalars: lists of types or dimensions, numbers, names."""

import keyword
import math
import re
import unicodedata
from collections.abc import Iterator

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"[-+]?(0|[1-9]\d{0,17})", re.ASCII)
_INFINITY = re.compile(
    r"""([-+]?)\s*(?:\.?inf|infinity|(?:torch|math|np|numpy)\.inf
        |float\(\s*(["'])([-+]?)inf(?:inity)?\2\s*\))""",
    re.IGNORECASE | re.VERBOSE,
)


def split_list(text: str) -> tuple[str, ...]:
    """Split a list in brackets at its commas; nested lists flatten, a lone item is a list of one.

    Commas and brackets inside parentheses belong to their item: `[fp32, Buffer(fp32, [D])]` has
    two items. A comma may trail. White space inside an item shrinks to single spaces.

    Raises:
        ValueError: if brackets do not match, or a comma or an item is missing.
    """
    items: list[str] = []
    depth = 0
    previous = ""
    for token in _list_tokens(text):
        follows_item = previous not in ("", "[", ",")
        if token == ",":
            if not follows_item:
                raise ValueError("an item is missing before a comma")
        elif token == "]":
            depth -= 1
            if depth < 0:
                raise ValueError("a ']' has no '['")
        elif follows_item:
            raise ValueError(f"a comma is missing before {token!r}")
        elif token == "[":
            depth += 1
        else:
            items.append(token)
        previous = token
    if depth:
        raise ValueError("a '[' has no ']'")
    return tuple(items)


def _list_tokens(text: str) -> Iterator[str]:
    """Yield the brackets, commas and items of a list."""
    item = ""
    depth = 0
    for char in text:
        if depth == 0 and char in ",[]":
            if item.strip():
                yield " ".join(item.split())
            yield char
            item = ""
            continue
        item += char
        depth += (char == "(") - (char == ")")
        if depth < 0:
            raise ValueError("a ')' has no '('")
    if depth:
        raise ValueError("a '(' has no ')'")
    if item.strip():
        yield " ".join(item.split())


def to_number(text: str) -> float | None:
    """Read a number or a signed infinity in YAML's, Python's or PyTorch's spelling."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else None
    if match := _INFINITY.fullmatch(text):
        negative = (match[1] == "-") != (match[3] == "-")
        return -math.inf if negative else math.inf
    return None


def to_integer(text: str) -> int | None:
    """Read a decimal integer of at most 18 digits."""
    return int(text) if _INTEGER.fullmatch(text) else None


def is_name(text: str) -> bool:
    """Whether a text can name a variable, spelled as Python itself would spell it."""
    return (
        text.isidentifier()
        and not keyword.iskeyword(text)
        and unicodedata.normalize("NFKC", text) == text
    )


LONGEST_TITLE = 200
"""Characters of a name on one line; a file that is named after it must be possible."""


def is_title(text: str) -> bool:
    """Whether a text is a name on one line, without control characters: terminals obey those."""
    return (
        bool(text.strip())
        and len(text) <= LONGEST_TITLE
        and len(text.splitlines()) == 1
        and not any(unicodedata.category(char) == "Cc" for char in text.replace("\t", ""))
    )
