"""Tells a model's reasoning from its answer, where a server sends both as one text."""

import re

_TAGS = "think|thinking|thoughts?|reasoning|reflection"
_CLOSED = re.compile(rf"\s*[<\[]({_TAGS})[>\]](.*?)[<\[]/\1[>\]]", re.DOTALL | re.IGNORECASE)
_OPEN = re.compile(rf"\s*[<\[]({_TAGS})[>\]](.*)", re.DOTALL | re.IGNORECASE)
_ONLY_THE_END = re.compile(rf"(.*?)[<\[]/({_TAGS})[>\]]", re.DOTALL | re.IGNORECASE)


def split_thinking(text: str) -> tuple[str | None, str]:
    """Return the reasoning at the beginning of a text, and the rest.

    A block that is never closed is reasoning to the end. Templates of some models open the block in
    the prompt, so that only its end is in the text.
    """
    if match := _CLOSED.match(text):
        more, rest = split_thinking(text[match.end() :])
        thought = match[2].strip()
        return (f"{thought}\n{more}" if more else thought) or None, rest.lstrip()
    if match := _OPEN.match(text):
        return match[2].strip() or None, ""
    match = _ONLY_THE_END.match(text)
    if match and not re.search(rf"[<\[]{match[2]}[>\]]", match[1], re.IGNORECASE):
        return match[1].strip() or None, text[match.end() :].lstrip()
    return None, text
