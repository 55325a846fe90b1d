"""Takes the text of a model's answer apart: thoughts, decoration, fences, prose."""

import html
import itertools
import re
from dataclasses import dataclass

_THINK_TAG = re.compile(
    r"[<\[](/?)(?:think|thinking|thoughts?|reasoning|reflection)[>\]]", re.IGNORECASE
)
_THINK_CHANNEL = re.compile(r"<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>|\Z)", re.DOTALL)
_TOKEN = re.compile(
    r"<[|\uff5c][\w\u2581]{1,40}[|\uff5c]>|</?s>|<eos>|<(?:start|end)_of_turn>|<br ?/?>\n?"
)
"""Special tokens that a server let through, and line breaks of HTML."""
_TERMINAL = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
"""Colours and movements of a terminal."""
_FENCE = re.compile(r"\s*(?P<marks>`{3,}|~{3,})(?P<info>[^`~]*)$")
_CODE_IN_INFO = re.compile(
    r"\bimpl\s*:.*|(?<!\S)[A-Za-z_]\w*(?: *, *\w+)* = \S.*|(?<!\S)return .*", re.IGNORECASE
)
_QUOTE_MARK = re.compile(r"(?: *>)+ ?")
_SHELL_MARK = re.compile(r" *(?:>>>|In ?\[\d*\]:) ")
_GOES_ON_MARK = re.compile(r" *\.\.\.:?(?: |$)")
_LINE_NUMBER = re.compile(
    r" *(?:(?:L|line|step) *)?\(?(?P<number>\d{1,4})(?: *[|:\u2192] ?|[.)] |  +)", re.IGNORECASE
)
_CODE_IN_LINE = re.compile(r"(?: *(?:[-*+\u2022]|\d+[.)]) +)?`(?P<code>[^`]+)`$")
_BOLD_CODE = re.compile(r" *\*\*(?P<code>(?:[A-Za-z_]\w*(?: *, *\w+)* *=(?!=)|return\b).*)\*\*$")
_BULLET = re.compile(r" *[-*\u2022] +(?=[A-Za-z_]\w*(?: *, *\w+)* *=(?!=)|return\b)")
_LABEL = re.compile(
    r" *(?:the )?(?:final |correct(?:ed)? )?(?:answer|program|code|solution)(?: is)?: +"
    r"(?=\w+(?: *, *\w+)* *=(?!=))",
    re.IGNORECASE,
)
_GIT_HEADER = re.compile(r"diff --git |index [0-9a-f]+\.\.|(?:new|deleted) file mode ")
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,5}|#x[0-9a-fA-F]{1,4});")
_TAG = re.compile(r"</?[A-Za-z][\w-]*(?: [^<>]*)?>|<!\[CDATA\[|\]\]>")
_ESCAPE = re.compile(r"\\(?=[_*\[\]()])")
_WIDE = str.maketrans("\uff08\uff09\uff0c\uff1a\uff1d\uff3b\uff3d\uff0e", "(),:=[].")
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\xad"),
        **dict.fromkeys(chr(code) for code in range(0x20) if chr(code) not in "\t\n\r\x0b\x0c"),
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
    """Return an answer's lines without thoughts and without what is put around lines of code.

    That is: quote marks, prompts of Python's shell, line numbers, backticks around a whole line,
    tags and escapes of HTML and Markdown, tabs, invisible and full-width characters.
    """
    text = without_thoughts(_THINK_CHANNEL.sub("\n", _TERMINAL.sub("", answer)))
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = _TOKEN.sub("\n", text.replace("\r\n", "\n")).translate(_CHARACTERS)
    lines = [line.expandtabs(4).rstrip() for line in text.split("\n")]
    lines = list(map(_plain_code, _without_numbers(_without_marks(lines))))
    return list(map(_without_backticks, lines))


def _without_marks(lines: list[str]) -> list[str]:
    """Return lines without quote marks; no statement begins with one."""
    is_shell = any(map(_SHELL_MARK.match, lines))
    cleaned = []
    for line in lines:
        mark = (is_shell and (_SHELL_MARK.match(line) or _GOES_ON_MARK.match(line))) or (
            _QUOTE_MARK.match(line)
        )
        cleaned.append(line[mark.end() :] if mark else line)
    return cleaned


def _without_numbers(lines: list[str]) -> list[str]:
    """Return lines without their numbers, where at least two in a row are numbered."""
    numbers = {at: number for at, line in enumerate(lines) if (number := _LINE_NUMBER.match(line))}
    texts = [at for at, line in enumerate(lines) if line]
    cleaned = list(lines)
    for before, after in itertools.pairwise(texts):
        if before in numbers and after in numbers:
            first, second = numbers[before], numbers[after]
            if int(first["number"]) + 1 == int(second["number"]):
                cleaned[before] = lines[before][first.end() :]
                cleaned[after] = lines[after][second.end() :]
    return cleaned


def _without_backticks(line: str) -> str:
    """Return a line without the backticks around it, or the one that starts or ends code.

    Or without the asterisks around it, where somebody made code bold.
    """
    if code := _CODE_IN_LINE.match(line) or _BOLD_CODE.match(line):
        return code["code"]
    if line.count("`") == 1 and (line.startswith("`") or line.endswith("`")):
        return line.strip("`")
    return line


def _plain_code(line: str) -> str:
    """Return a line with the code in it, not its comment, in plain characters."""
    code, mark, comment = line.partition("#")
    return _TAG.sub("", _ESCAPE.sub("", code)).translate(_WIDE) + mark + comment


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
            # Some put the key, or the first statement, on the line of the fence.
            code = _CODE_IN_INFO.search(info)
            current = [code[0]] if code else []
        elif opening and line.endswith(opening):
            segments.append(Segment((*current, line.rstrip(opening[0]).rstrip()), True))
            opening = ""
            current = []
        else:
            current.append(line)
    segments.append(Segment(tuple(current), bool(opening)))
    return [inner for segment in segments for inner in _opened(segment)]


def _opened(segment: Segment) -> list[Segment]:
    """Return what a segment holds: other fences, where a longer one stands around them."""
    if segment.fenced and any(map(_FENCE.match, segment.lines)):
        return split_fences(list(segment.lines))
    return [_undecorated(segment)]


def _undecorated(segment: Segment) -> Segment:
    """Return what a diff leaves behind; of other segments, the statements without bullets."""
    lines = [line for line in segment.lines if line and not _GIT_HEADER.match(line)]
    is_diff = all(line[0] in "+- @\\" for line in lines) and any(line[0] == "+" for line in lines)
    if segment.fenced and is_diff:
        kept = [line for line in lines if line[0] in "+ " and not line.startswith("+++")]
        return Segment(tuple(line[1:] for line in kept), fenced=True)
    plain = (_LABEL.sub("", _BULLET.sub("", line)) for line in segment.lines)
    return Segment(tuple(plain), segment.fenced)


def without_thoughts(answer: str) -> str:
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
