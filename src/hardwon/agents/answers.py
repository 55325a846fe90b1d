"""Finds the program in a model's answer, by what its language pack knows of programs."""

import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence

from hardwon.ir import MAX_ANSWER_BYTES, extract_impl, without_thoughts
from hardwon.languages import get_language
from hardwon.languages.manual import Recognises

_FENCE = re.compile(r"\s*(?P<marks>`{3,}|~{3,})[^`~]*")
_KEY = re.compile(r"(?P<indent>[ \t]*)(?:- )?[\"']?impl[\"']?[ \t]*:[ \t]*(?:[|>][-+\d]*)?[ \t]*")


def program_in(answer: str, language: str) -> str | None:
    """Return the program in an answer; None if it holds none. Nothing of it is executed.

    Languages whose packs recognise their programs may have any syntax. The last piece of an answer
    that is a whole program counts: what is fenced, what stands under an `impl` key, or the answer
    as it is. If there are such pieces but none is a program, the last one comes back, for the
    checker to say what is wrong with it.

    Raises:
        UnknownLanguageError: if no pack has the language's name.
    """
    pack = get_language(language)
    if not isinstance(pack, Recognises):
        return extract_impl(answer)
    if len(answer.encode("utf-8", "surrogatepass")) > MAX_ANSWER_BYTES:
        return None
    lines = without_thoughts(answer).expandtabs(4).splitlines()
    pieces = [piece for piece in map(_dedented, _pieces(lines)) if piece]
    whole = _dedented(lines)
    for piece in (*reversed(pieces), whole):
        if pack.is_program(piece):
            return piece
    return pieces[-1] if pieces else None


def _pieces(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield what stands in fences, the last of which may be open, or under a bare key."""
    start, marks = 0, ""
    for number, line in enumerate(lines):
        fence = _FENCE.fullmatch(line)
        if fence and fence["marks"].startswith(marks):
            yield from _programs(lines[start:number], is_fenced=bool(marks))
            start, marks = number + 1, "" if marks else fence["marks"]
    yield from _programs(lines[start:], is_fenced=bool(marks))


def _programs(lines: Sequence[str], *, is_fenced: bool) -> Iterator[Sequence[str]]:
    """Yield what is under the `impl` keys of a piece of an answer; without any, a fence's lines."""
    keys = [(at, key) for at, line in enumerate(lines) if (key := _KEY.fullmatch(line))]
    if is_fenced and not keys:
        yield lines
    ends = [*(at for at, _ in keys[1:]), len(lines)]
    for (at, key), end in zip(keys, ends, strict=False):
        body = list(itertools.dropwhile(lambda line: not line.strip(), lines[at + 1 : end]))
        is_indented = [not line.strip() or _indent(line) > len(key["indent"]) for line in body]
        # A block of YAML ends where its indentation does. If none was made, all the rest counts.
        yield list(itertools.compress(body, itertools.accumulate(is_indented, min))) or body


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _dedented(lines: Sequence[str]) -> str:
    return textwrap.dedent("\n".join(line.rstrip() for line in lines)).strip("\n")
