"""Reads YAML text into a small tree that knows its lines, within bounds that no input can break.

The tree is built from the parser's events rather than by `yaml.compose`: that recurses on nesting
before anyone can measure it. Scalars stay text, so that a symbol named `no` is not a boolean and
`5` in a list of dimensions is not a float; the reader of each field gives them their meaning.
"""

import re
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

import yaml

from hardwon.ir.problems import KeyPath, Problem, shown

MAX_BYTES = 1 << 20
"""A task file of the benchmark has about 2 KiB."""
MAX_DEPTH = 32
"""The format nests 4 deep, plus what lists of types hold."""
MAX_COST = 1 << 16
"""Nodes of a tree with its aliases written out; a node costs more, the longer its text."""

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = ("", "~", "null", "Null", "NULL")
_STANDARD_TAG = re.compile(r"!|tag:yaml\.org,2002:(str|int|float|null|seq|map)")
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
_FORBIDDEN = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# PyYAML's own parser, unlike libyaml, lets escapes such as "\ud800" pass.
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class TextNode:
    """A scalar."""

    line: int
    text: str
    plain: bool
    """Whether it was written without quotes, so that it may also mean a number or nothing."""
    literal: bool
    """Whether its lines are the file's lines from `line + 1` on (a `|` block)."""

    @property
    def is_null(self) -> bool:
        """Whether the value was left out or is an explicit null."""
        return self.plain and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence."""

    line: int
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of a mapping, with the line of its key."""

    line: int
    value: "Node"


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping with text keys."""

    line: int
    entries: dict[str, Entry]


Node: TypeAlias = TextNode | ListNode | MapNode


def read_tree(text: str, source: str) -> tuple[MapNode | None, list[Problem]]:
    """Read the one mapping that a text holds.

    Returns the mapping, or None if there is none to be had, and the problems met on the way.
    """
    text = text.removeprefix("\ufeff")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return None, [Problem(source, None, (), f"expected at most {MAX_BYTES} bytes, got more")]
    if forbidden := _FORBIDDEN.search(text):
        line = text.count("\n", 0, forbidden.start()) + 1
        message = f"character U+{ord(forbidden[0]):04X} cannot stand in YAML"
        return None, [Problem(source, line, (), message)]
    builder = _Builder(source)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except _StopError:
        return None, builder.problems
    except yaml.YAMLError as error:
        return None, [*builder.problems, _syntax_problem(error, text, source)]
    if isinstance(builder.root, MapNode):
        return builder.root, builder.problems
    if builder.root is None or (isinstance(builder.root, TextNode) and builder.root.is_null):
        problem = Problem(source, None, (), "expected a task, got an empty file")
    else:
        message = f"expected a mapping with keys such as `inputs`, got {described(builder.root)}"
        problem = Problem(source, builder.root.line, (), message)
    return None, [*builder.problems, problem]


def line_of(root: MapNode, path: KeyPath) -> int:
    """Return the line of the value at a key path, or of its nearest ancestor in the file."""
    line = root.line
    place: Node = root
    for key in path:
        if isinstance(place, MapNode) and isinstance(key, str) and key in place.entries:
            entry = place.entries[key]
            line, place = entry.line, entry.value
        elif isinstance(place, ListNode) and isinstance(key, int) and 0 <= key < len(place.items):
            place = place.items[key]
            line = place.line
        else:
            break
    return line


def described(node: Node) -> str:
    """Return what a node is, as the end of "expected ..., got"."""
    match node:
        case TextNode():
            return "nothing" if node.is_null else shown(node.text)
        case ListNode():
            return "a list" if node.items else "an empty list"
        case MapNode():
            return "a mapping"


class _StopError(Exception):
    """The text cannot be read on; the reason is among the problems."""


class _Frame:
    """A collection that is still open."""

    def __init__(self, line: int, anchor: str | None, spent: int, is_map: bool) -> None:
        self.line = line
        self.anchor = anchor
        self.spent = spent
        self.is_map = is_map
        self.items: list[Node] = []
        self.entries: dict[str, Entry] = {}
        self.key: TextNode | None = None
        self.repeated = False


class _Builder:
    """Builds the tree from events, on a stack of its own instead of Python's."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.documents = 0
        self.frames: list[_Frame] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.spent = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self.stop(line, "expected one YAML document, got a second one here")
            case yaml.ScalarEvent():
                self.check_tag(event.tag, line)
                if _SURROGATE.search(event.value):
                    self.stop(line, "a lone surrogate is no character")
                plain = not event.style and event.tag not in _TEXT_TAGS
                cost = 1 + len(event.value) // 64
                self.spend(cost, line)
                node = TextNode(line, event.value, plain, event.style == "|")
                self.place(node, event.anchor, cost)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self.check_tag(event.tag, line)
                if len(self.frames) == MAX_DEPTH:
                    self.stop(line, f"expected at most {MAX_DEPTH} levels of nesting, got more")
                is_map = isinstance(event, yaml.MappingStartEvent)
                self.frames.append(_Frame(line, event.anchor, self.spent, is_map))
                self.spend(1, line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                frame = self.frames.pop()
                closed: Node = (
                    MapNode(frame.line, self.merged(frame))
                    if frame.is_map
                    else ListNode(frame.line, tuple(frame.items))
                )
                self.place(closed, frame.anchor, self.spent - frame.spent)
            case yaml.AliasEvent():
                if event.anchor is None or event.anchor not in self.anchors:
                    self.stop(line, f"alias *{event.anchor} has no finished anchor before it")
                target, cost = self.anchors[event.anchor]
                self.spend(cost, line)
                self.place(target, None, cost)

    def place(self, node: Node, anchor: str | None, cost: int) -> None:
        """Put a finished node where it belongs: as root, item, key or value."""
        if anchor is not None:
            self.anchors[anchor] = node, cost
        if not self.frames:
            self.root = node
            return
        frame = self.frames[-1]
        if not frame.is_map:
            frame.items.append(node)
        elif frame.key is None:
            if not isinstance(node, TextNode):
                self.stop(node.line, f"expected text as a key, got {described(node)}")
            frame.key = node
            frame.repeated = node.text in frame.entries
            if frame.repeated:
                first = frame.entries[node.text].line
                self.report(node.line, f"duplicate key, first given on line {first}")
        else:
            if not frame.repeated:
                frame.entries[frame.key.text] = Entry(frame.key.line, node)
            frame.key = None

    def merged(self, frame: _Frame) -> dict[str, Entry]:
        """Return a mapping's entries with those that `<<` brings in; its own go first."""
        merge = frame.entries.pop("<<", None)
        if merge is None:
            return frame.entries
        sources = merge.value.items if isinstance(merge.value, ListNode) else (merge.value,)
        for node in sources:
            if isinstance(node, MapNode):
                for key, entry in node.entries.items():
                    frame.entries.setdefault(key, entry)
            else:
                self.report(merge.line, f"expected mappings to merge, got {described(node)}")
        return frame.entries

    def check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None and not _STANDARD_TAG.fullmatch(tag):
            self.report(line, f"tag {shown(tag)} is not allowed")

    def spend(self, cost: int, line: int) -> None:
        self.spent += cost
        if self.spent > MAX_COST:
            self.stop(line, f"expected at most {MAX_COST} values (aliases written out), got more")

    def report(self, line: int, message: str) -> None:
        path: list[str | int] = []
        for frame in self.frames:
            if not frame.is_map:
                path.append(len(frame.items))
            elif frame.key is not None:
                path.append(frame.key.text)
        self.problems.append(Problem(self.source, line, tuple(path), message))

    def stop(self, line: int, message: str) -> NoReturn:
        self.report(line, message)
        raise _StopError


def _syntax_problem(error: yaml.YAMLError, text: str, source: str) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Problem(source, None, (), f"not valid YAML: {shown(str(error), 200)}")
    lines = text.split("\n")
    number = min(error.problem_mark.line, len(lines) - 1)
    margin = re.match(r"\s*", lines[number])
    if margin is not None and "\t" in margin[0]:
        message = "not valid YAML: a tab cannot indent it; use spaces"
    else:
        message = f"not valid YAML: {error.problem}"
        if error.context:
            message += f" {error.context}"
        if "flow sequence" in (error.context or "") and "(" in lines[number]:
            message += '; quote types in a bracketed list: [fp32, "Buffer(fp32, [D])"]'
    return Problem(source, number + 1, (), message)
