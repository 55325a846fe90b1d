"""Reads the mappings of a task file key by key, and collects what is wrong with them.

A field that cannot be read is replaced by an empty value, so that the rest of the file is still
checked: the author sees all problems at once.
"""

import difflib
from collections.abc import Callable

from hardwon.ir import values
from hardwon.ir.problems import KeyPath, Problem, shown
from hardwon.ir.python_code import CodeError
from hardwon.ir.yaml_tree import ListNode, MapNode, Node, TextNode, described, line_of

DATA_GENS = ("torch.rand", "torch.randn", "torch.ones", "binary")
"""How the values of an input or a parameter may be drawn."""

_EXPECTED = {
    "test_name": "a name on one line",
    "language": "the name of a language pack",
    "global": "Python code",
    "inputs": "a list of inputs",
    "parameters": "a list of parameters",
    "fns": "a list of functions",
    "outputs": "a list of outputs",
    "constraints": "a list of conditions such as D % 2 == 0",
    "impl": "the text of a program",
    "name": "a name on one line",
    "func_name": "a name",
    "dtype": "a type or a list of types",
    "input_dtype": "a type or a list of types",
    "output_dtype": "a type or a list of types",
    "dims": "a list of dimensions such as [N, M]",
    "data_gen": f"one of {', '.join(DATA_GENS)}",
    "min": "an integer, at least 0",
    "max": "an integer, at least 0",
    "apply": "the body of a Python function",
    "init": "a number or a list of numbers",
    "data_transform": "a list of Python blocks, one per component",
}
_MOST_HINTS = 100
"""Problems after which keys are no longer compared for hints, which is slow."""
_Check = Callable[[str], CodeError | None]


class Report:
    """The problems of one file, found so far."""

    def __init__(self, source: str, root: MapNode, problems: list[Problem]) -> None:
        self.source = source
        self.root = root
        self.problems = problems
        self.types_are_read = True
        """Whether all types and dimensions of the file could be read."""

    def add(self, path: KeyPath, message: str, line: int | None = None) -> None:
        """Add a problem; without a line, at the nearest one to its path."""
        line = line_of(self.root, path) if line is None else line
        self.problems.append(Problem(self.source, line, path, message))

    def blamed(self) -> frozenset[KeyPath]:
        """Return the paths that have a problem."""
        return frozenset(problem.path for problem in self.problems)


class Section:
    """One mapping of the file, its keys already checked."""

    def __init__(
        self,
        report: Report,
        node: MapNode,
        path: KeyPath,
        *,
        required: tuple[str, ...],
        optional: tuple[str, ...] = (),
    ) -> None:
        self._report = report
        self.node = node
        self.path = path
        known = (*required, *optional)
        for key, entry in node.entries.items():
            if key not in known:
                is_rare = len(report.problems) < _MOST_HINTS
                close = difflib.get_close_matches(key[:60], known, 1) if is_rare else []
                hint = f", did you mean {close[0]!r}?" if close else ";"
                message = f"unknown key{hint} known keys: {', '.join(known)}"
                self.report(key, message, entry.line)
        for key in required:
            self.require(key)

    def get(self, key: str) -> Node | None:
        """Return the value of a key, None if it is absent or null."""
        entry = self.node.entries.get(key)
        if entry is None or (isinstance(entry.value, TextNode) and entry.value.is_null):
            return None
        return entry.value

    def require(self, key: str) -> None:
        """Report a key that is absent or null."""
        if key not in self.node.entries:
            self.report(key, f"missing; expected {_EXPECTED[key]}")
        elif self.get(key) is None:
            self.report_value(key, "nothing")

    def report(self, key: str, message: str, line: int | None = None) -> None:
        """Report a problem of one key, at the key unless a line is given."""
        self._report.add((*self.path, key), message, line)

    def report_value(self, key: str, got: str, line: int | None = None) -> None:
        """Report a value that is not what its key holds."""
        self.report(key, f"expected {_EXPECTED[key]}, got {got}", line)

    def text(self, key: str) -> TextNode | None:
        """Return a scalar; None if there is none."""
        node = self.get(key)
        if node is None or isinstance(node, TextNode):
            return node
        self.report_value(key, described(node))
        return None

    def title(self, key: str) -> str:
        """Return one line of free text."""
        node = self.text(key)
        if node is None:
            return ""
        if not values.is_title(node.text):
            longest = f", at most {values.LONGEST_TITLE} characters"
            is_long = len(node.text) > values.LONGEST_TITLE
            self.report(key, f"expected {_EXPECTED[key]}{longest * is_long}, got {described(node)}")
        return node.text

    def name(self, key: str) -> str:
        """Return a Python identifier."""
        node = self.text(key)
        if node is None:
            return ""
        if not values.is_name(node.text):
            self.report(key, f"expected a name (a Python identifier), got {described(node)}")
        return node.text

    def words(self, key: str) -> tuple[str, ...] | None:
        """Return the items of a list, however it is written down; None if it is not readable."""
        node = self.get(key)
        if node is None:
            return None
        leaves: list[str] = []
        waiting = [node]
        while waiting:
            match waiting.pop():
                case ListNode() as inner:
                    waiting.extend(reversed(inner.items))
                case TextNode() as leaf if leaf.text.strip() and not leaf.is_null:
                    leaves.append(leaf.text)
                case other:
                    self.report_value(key, described(other), other.line)
                    return None
        try:
            # YAML cuts an unquoted `[Multihot(fp32, E)]` at the comma: join, then cut again.
            return values.split_list(", ".join(leaves))
        except ValueError as error:
            self.report_value(key, f"{shown(', '.join(leaves))}: {error}")
            return None

    def types(self, key: str) -> tuple[str, ...]:
        """Return the components of a type; empty if it is not readable."""
        words = self.words(key)
        if words == ():
            self.report_value(key, "an empty list")
        if not words:
            self._report.types_are_read = False
        return words or ()

    def dims(self, key: str, at_least: int) -> tuple[str, ...]:
        """Return dimensions; empty if they are not readable."""
        words = self.words(key)
        if words is None:
            self._report.types_are_read = False
        elif len(words) < at_least:
            self.report(key, "expected at least one dimension, got none")
        return words or ()

    def numbers(self, key: str) -> tuple[float, ...] | None:
        """Return a list of numbers; None if there is none."""
        words = self.words(key)
        if words is None:
            return None
        numbers = []
        for word in words:
            number = values.to_number(word)
            if number is None:
                self.report(key, f"expected a number or -inf, got {shown(word)}")
                number = 0.0
            numbers.append(number)
        return tuple(numbers)

    def count(self, key: str) -> int | None:
        """Return an integer that is not negative; None if there is none."""
        node = self.text(key)
        if node is None:
            return None
        number = values.to_integer(node.text) if node.plain else None
        if number is None or number < 0:
            self.report_value(key, described(node))
            return None
        return number

    def code(self, key: str, check: _Check) -> str:
        """Return a block of Python that passes a check; empty if there is none."""
        node = self.text(key)
        return "" if node is None else self._checked((*self.path, key), node, check)

    def blocks(self, key: str, check: _Check) -> tuple[str, ...] | None:
        """Return a list of Python blocks, where a lone block is a list of one.

        None if there is none, or it is not a list.
        """
        node = self.get(key)
        if isinstance(node, MapNode):
            self.report_value(key, described(node))
        if node is None or isinstance(node, MapNode):
            return None
        if isinstance(node, TextNode):
            return (self._checked((*self.path, key), node, check),)
        blocks = []
        for index, item in enumerate(node.items):
            path = (*self.path, key, index)
            if isinstance(item, TextNode) and not item.is_null:
                blocks.append(self._checked(path, item, check))
            else:
                self._report.add(path, f"expected Python code, got {described(item)}", item.line)
                blocks.append("")
        return tuple(blocks)

    def _checked(self, path: KeyPath, node: TextNode, check: _Check) -> str:
        """Return a block's text, and report what is wrong with it at its line in the file."""
        error = check(node.text)
        if error is not None:
            line, message = node.line, error.message
            if error.line is not None and node.literal:
                # Where something is missing, the parser may point past the end.
                line += min(max(error.line, 1), len(node.text.splitlines()))
            elif error.line is not None and "\n" in node.text:
                message += f" (line {error.line} of the block)"
            self._report.add(path, message, line)
        return node.text

    def sections(
        self,
        key: str,
        *,
        required: tuple[str, ...],
        optional: tuple[str, ...] = (),
        at_least: int = 0,
    ) -> list["Section"]:
        """Return the mappings that a list holds."""
        node = self.get(key)
        if not isinstance(node, ListNode):
            if node is not None:
                self.report_value(key, described(node))
            if node is not None or at_least:
                self._report.types_are_read = False
            return []
        if len(node.items) < at_least:
            self.report_value(key, "an empty list")
            self._report.types_are_read = False
        found = []
        for index, item in enumerate(node.items):
            path = (*self.path, key, index)
            if isinstance(item, MapNode):
                found.append(
                    Section(self._report, item, path, required=required, optional=optional)
                )
            else:
                message = f"expected a mapping with {', '.join(required)}, got {described(item)}"
                self._report.add(path, message, item.line)
                self._report.types_are_read = False
        return found
