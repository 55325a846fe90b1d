"""Takes the text of a model's answer apart: thoughts, fences, prose."""

import re
from dataclasses import dataclass

_THINK_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_FENCE = re.compile(r"\s*(?P<marks>`{3,}|~{3,})(?P<info>[^`~]*)$")
_KEY_IN_INFO = re.compile(r"\bimpl\s*:.*", re.IGNORECASE)
_QUOTE_MARK = re.compile(r"(?: *>)+ ?")
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\xad"),
        **dict.fromkeys("\xa0\u1680\u202f\u205f\u3000\x0b\x0c", " "),
        **{chr(code): " " for code in range(0x2000, 0x200B)},
        **dict.fromkeys("\r\x85\u2028\u2029", "\n"),
    }
)


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive lines of an answer, all inside one fence or all outside of fences."""

    lines: tuple[str, ...]
    fenced: bool


def clean_lines(answer: str) -> list[str]:
    """Return an answer's lines without thoughts, quote marks, tabs and invisible characters."""
    text = _without_thoughts(answer).replace("\r\n", "\n").translate(_CHARACTERS)
    lines = [line.expandtabs(4).rstrip() for line in text.split("\n")]
    # No statement begins with the mark, which also is the prompt of Python's shell.
    return [line[mark.end() :] if (mark := _QUOTE_MARK.match(line)) else line for line in lines]


def split_fences(lines: list[str]) -> list[Segment]:
    """Split an answer at its code fences, generously.

    The last fence may be left open, a fence may open where the one before was not closed, and a
    closing one may follow the last line of code on the same line.
    """
    segments: list[Segment] = []
    current: list[str] = []
    opening = ""
    for line in lines:
        fence = _FENCE.match(line)
        if fence and fence["marks"].startswith(opening):
            segments.append(Segment(tuple(current), bool(opening)))
            info = fence["info"].strip()
            opening = fence["marks"] if info or not opening else ""
            # Some put the key on the line of the fence.
            key = _KEY_IN_INFO.search(info)
            current = [key[0]] if key else []
        elif opening and line.endswith(opening):
            code = line.rstrip(opening[0]).rstrip()
            segments.append(Segment((*current, code), True))
            opening = ""
            current = []
        else:
            current.append(line)
    segments.append(Segment(tuple(current), bool(opening)))
    return segments


def _without_thoughts(answer: str) -> str:
    """Remove what stands in `<think>`; either tag may be missing at the respective end."""
    kept: list[str] = []
    start = 0
    is_thought = False
    for tag in _THINK_TAG.finditer(answer):
        if tag[1]:
            if not is_thought:
                kept.clear()
            start = tag.end()
        elif not is_thought:
            kept.append(answer[start : tag.start()])
        is_thought = not tag[1]
    if not is_thought:
        kept.append(answer[start:])
    return "\n".join(kept)
