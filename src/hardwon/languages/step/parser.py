"""Reads the text of a program. Python's own parser does the lexing; nothing is ever executed.

Whatever has one meaning is read (see `syntax` for the grammar); everything else is an error with
its line. All errors of a program are reported at once.
"""

import ast
import difflib
import io
import re
import textwrap
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from hardwon.languages.step import syntax as s
from hardwon.languages.step.dims import LARGEST
from hardwon.languages.step.lines import MODULE, RESERVED, is_plain, read_common, read_lines
from hardwon.languages.step.primitives import PRIMITIVES
from hardwon.records import Diagnostic, Stage

MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 60
_MOST_ALONE = 50
"""How many errors are looked for line by line, before the rest is read as a whole."""
_BRACKETS = re.compile(r"[()\[\]{}]")


class ParseError(Exception):
    """The text is not a program. `diagnostics` holds every error."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n".join(f"line {d.line}: {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics


def parse(text: str) -> s.Program:
    """Read a program.

    Raises:
        ParseError: with all errors of the text.
    """
    lines = _normalise(text).split("\n")
    reader = _Reader()
    statements: list[s.Statement] = []
    body: list[ast.stmt] = []
    done = 0
    while True:
        found, done = read_lines(lines, done, _line)
        statements += found
        if done < len(lines):
            reader.shadowed.update(_bound(found))
        wrong = _wrong_line(lines, done)
        if wrong is None or len(reader.errors) >= _MOST_ALONE:
            break
        reader.comments = _comments("\n".join(lines[done : wrong.lineno]), done)
        statements += reader.block([wrong])
        body.append(wrong)
        done = wrong.lineno
        if not reader.shadowed.isdisjoint(RESERVED):
            break  # from here on, a line does not mean what it means elsewhere
    return _rest(reader, statements, body, "\n" * done + "\n".join(lines[done:]))


@lru_cache(maxsize=1 << 15)
def _line(code: str) -> s.Statement | None:
    """Read a line as line 0, if it is plain (see `lines`) and has no error."""
    if not is_plain(code):
        return None
    common = read_common(code, _line)
    if common is not None:
        return common
    try:
        body = _python_tree(code).body
    except ParseError:
        return None
    reader = _Reader()
    statements = reader.block(body)
    if len(body) != 1 or len(statements) != 1 or reader.errors:
        return None
    return None if reader.shadowed & RESERVED else statements[0]


def _wrong_line(lines: Sequence[str], done: int) -> ast.stmt | None:
    """Return the next line that holds code, if it is plain and has errors of its own only.

    So the lines below it need not be read as a whole.
    """
    for number, line in enumerate(lines[done:], start=done):
        code = line.partition("#")[0].rstrip(" ")
        if not code:
            continue
        if not is_plain(code):
            return None
        try:
            tree = ast.increment_lineno(_python_tree(code), number)
        except ParseError:
            return None
        (node,) = tree.body if len(tree.body) == 1 else (None,)
        return None if isinstance(node, ast.Pass) else node  # whose comments are for the next one
    return None


def _bound(statements: Iterable[s.Statement]) -> Iterator[str]:
    """Yield the names that plain lines bind."""
    waiting = [
        target
        for statement in statements
        if isinstance(statement, s.Assign)
        for target in statement.targets
    ]
    while waiting:
        match waiting.pop():
            case s.Name(id=name):
                yield name
            case s.Targets(items=items):
                waiting += items


def _rest(
    reader: "_Reader", statements: list[s.Statement], body: list[ast.stmt], text: str
) -> s.Program:
    """Read what comes after some statements that are read already, `body` among them."""
    after = _python_tree(text).body if text.strip() else []
    reader.comments = _comments(text)
    statements += reader.block(after)
    body += after
    returns = any(isinstance(item, s.Return) for item in statements) or any(
        isinstance(item, ast.Return) for item in body
    )
    if not statements and not reader.errors:
        reader.error(None, "expected a program, got nothing but comments or blank lines")
    elif statements and not returns:
        last = max([0, *(item.end_lineno or 0 for item in body), statements[-1].line])
        reader.error(last, "expected `return` with the result streams at the end of the program")
    if reader.errors:
        raise ParseError(tuple(reader.errors))
    return s.Program(tuple(statements), reader.take_comments(None))


def _fail(line: int | None, message: str) -> ParseError:
    return ParseError((Diagnostic(stage=Stage.PARSE, line=line, message=message),))


def _normalise(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise _fail(
            None, f"expected at most {MAX_CHARACTERS} characters, got {len(text)}: not a program"
        )
    if not text.strip():
        raise _fail(None, "expected a program, got an empty answer")
    text = text.removeprefix("\ufeff")  # a byte order mark says nothing of the program
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")
    text = text.expandtabs(4)
    if not text.startswith(" ") and "\n " not in text:
        return text.rstrip("\n")  # nothing is indented
    text = textwrap.dedent(text).rstrip("\n")
    blank = len(text) - len(text.lstrip("\n"))  # kept, so that lines keep their numbers
    first, newline, rest = text[blank:].partition("\n")
    # Models often indent everything but the first line, which sat beside the key `impl:`.
    if not first.startswith(" ") and not _goes_on(first):
        rest = textwrap.dedent(rest)
    return "\n" * blank + first + newline + rest


def _goes_on(line: str) -> bool:
    """Whether the next line may be indented."""
    code = line.split("#", 1)[0].rstrip()
    return sum(map(code.count, "([{")) > sum(map(code.count, ")]}")) or code.endswith((":", "\\"))


def _python_tree(text: str) -> ast.Module:
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise _fail(None, f"expected at most {MAX_DEPTH} nested brackets, got {deepest}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a model's odd escape sequence is not our warning
            return ast.parse(text)
    except SyntaxError as error:
        line = error.lineno or None
        shown = ""
        if line is not None and line <= text.count("\n") + 1:
            shown = f": {text.split(chr(10))[line - 1].strip()[:80]!r}"
        raise _fail(
            line,
            f"expected a statement such as `E2 = step.Map(fn=fn_x).apply(E1)`,"
            f" got text that is no program ({error.msg}){shown}",
        ) from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise _fail(None, f"expected a program, got text that cannot be read ({error})") from None


def _comments(text: str, before: int = 0) -> dict[int, str]:
    """Return each line's comment, without the `#`; `before` is how many lines stand above."""
    found: dict[int, str] = {}
    if "'" not in text and '"' not in text:  # then every # starts a comment
        for number, line in enumerate(text.split("\n"), start=before + 1):
            _, mark, comment = line.partition("#")
            if mark:
                found[number] = comment.lstrip("#").strip()
        return found
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[before + token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass  # the text parses, so only comments in odd places are lost
    return found


class _Reader:
    """Turns Python's syntax tree into ours, collecting errors."""

    def __init__(self) -> None:
        self.comments: dict[int, str] = {}
        """By line; those of statements that have been read are gone."""
        self.errors: list[Diagnostic] = []
        self.shadowed: set[str] = set()
        self.depth = 0
        self.first = 0
        """Where the current statement starts."""

    def within(self, node: ast.expr) -> int:
        """Return a line as the parts of a statement count them."""
        return node.lineno - self.first

    def error(self, line: int | None, message: str, rule: str | None = None) -> None:
        self.errors.append(Diagnostic(stage=Stage.PARSE, line=line, message=message, rule=rule))

    def take_comments(self, until: int | None) -> tuple[str, ...]:
        lines = sorted(line for line in self.comments if until is None or line <= until)
        return tuple(comment for line in lines if (comment := self.comments.pop(line)))

    def block(self, body: list[ast.stmt]) -> tuple[s.Statement, ...]:
        statements: list[s.Statement] = []
        for node in body:
            head_end = node.iter.end_lineno if isinstance(node, ast.For) else node.end_lineno
            comments = self.take_comments(head_end)
            statement = self.statement(node, comments)
            if statement is not None:
                statements.append(statement)
        return tuple(statements)

    def statement(self, node: ast.stmt, comments: tuple[str, ...]) -> s.Statement | None:
        line = self.first = node.lineno
        match node:
            case ast.Assign(targets=targets, value=value):
                expression = self.expression(value)
                read = tuple(t for t in map(self.target, targets) if t is not None)
                if expression is None or len(read) != len(targets):
                    return None
                return s.Assign(read, expression, comments, line)
            case ast.AnnAssign(target=ast.Name() as annotated, value=value) if value is not None:
                # Models like to say what a stream is; the checker finds that out for itself.
                expression, only = self.expression(value), self.target(annotated)
                return (
                    s.Assign((only,), expression, comments, line) if expression and only else None
                )
            case ast.Return(value=None):
                self.error(line, "expected `return` with the result streams, got nothing")
            case ast.Return(value=value) if value is not None:
                expression = self.expression(value)
                return s.Return(expression, comments, line) if expression else None
            case ast.For(target=target, iter=iterable, body=body, orelse=[]):
                if _contains_return(body):
                    self.error(line, "expected `return` at the end of the program, not in a loop")
                    return None
                over = self.expression(iterable)
                name = self.target(target)
                statements = self.block(body)
                if over is None or name is None:
                    return None
                return s.For(name, over, statements, comments, line)
            case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
                if comments:  # keep them for the next statement
                    self.comments.update({line: " ".join(comments)})
            case ast.Expr(value=value):
                expression = self.expression(value)
                return s.Evaluate(expression, comments, line) if expression else None
            case _:
                self.error(
                    line,
                    f"{_called(node)} is not part of the language: expected an assignment,"
                    " a `for` over lists, or `return`",
                    rule="grammar of programs",
                )
        return None

    def target(self, node: ast.expr) -> s.Target | None:
        match node:
            case ast.Name(id=name):
                if name.startswith("__") or name == MODULE:
                    self.error(node.lineno, f"{name!r} cannot be assigned to")
                    return None
                self.shadowed.add(name)
                return s.Name(name, self.within(node))
            case ast.Tuple(elts=items) | ast.List(elts=items) if items:
                read = tuple(t for t in map(self.target, items) if t is not None)
                return s.Targets(read, self.within(node)) if len(read) == len(items) else None
        self.error(
            node.lineno,
            f"expected a name or a tuple of names to assign to, got {_called(node)}",
            rule="grammar of programs",
        )
        return None

    def expression(self, node: ast.expr) -> s.Expression | None:
        self.depth += 1
        try:
            if self.depth > 2 * MAX_DEPTH:  # calls in a chain nest without brackets
                self.error(node.lineno, "expected an expression that is less deeply nested")
                return None
            return self._expression(node)
        finally:
            self.depth -= 1

    def _expression(self, node: ast.expr) -> s.Expression | None:
        line, within = node.lineno, self.within(node)
        match node:
            case ast.Call():
                return self.call(node)
            case ast.Name(id=name):
                if name.startswith("__"):
                    self.error(line, f"{name!r} is not part of the language")
                    return None
                return s.Name(name, within)
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                return self.integer(value, node)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                sides = self.expressions([left, right])
                return s.Product(sides[0], sides[1], within) if sides else None
            case ast.List(elts=items) | ast.Tuple(elts=items):
                read = self.expressions(items)
                return None if read is None else s.Sequence(read, within)
            case ast.Subscript(value=value, slice=at):
                sequence = self.expression(value)
                index = self.literal_index(at)
                if sequence is None or index is None:
                    return None
                return s.Index(sequence, index, within)
            case (
                ast.ListComp(elt=element, generators=generators)
                | ast.GeneratorExp(elt=element, generators=generators)
            ):
                return self.comprehension(element, generators, node)
            case ast.Attribute(value=ast.Name(id=module), attr=attr) if module == MODULE:
                if attr in PRIMITIVES:
                    self.error(line, f"expected arguments: `step.{attr}(...).apply(...)`")
                else:
                    self.unknown_primitive(line, attr)
                return None
        self.error(
            line,
            f"{_called(node)} is not part of the language",
            rule="grammar of programs",
        )
        return None

    def integer(self, value: int, node: ast.expr) -> s.Integer | None:
        if value > LARGEST:
            self.error(node.lineno, f"expected an integer of at most {LARGEST}")
            return None
        return s.Integer(value, self.within(node))

    def expressions(self, nodes: list[ast.expr]) -> tuple[s.Expression, ...] | None:
        read = [self.expression(node) for node in nodes]
        complete = tuple(item for item in read if item is not None)
        return complete if len(complete) == len(read) else None

    def literal_index(self, node: ast.expr) -> int | None:
        sign = 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            sign, node = -1, node.operand
        if not isinstance(node, ast.Constant) or type(node.value) is not int:
            self.error(node.lineno, f"expected an integer as an index, got {_called(node)}")
            return None
        read = self.integer(node.value, node)
        return None if read is None else sign * read.value

    def comprehension(
        self, element: ast.expr, generators: list[ast.comprehension], node: ast.expr
    ) -> s.Comprehension | None:
        line = node.lineno
        if len(generators) > MAX_DEPTH:
            self.error(line, f"expected at most {MAX_DEPTH} loops in a comprehension")
            return None
        loops: list[tuple[s.Target, s.Expression]] = []
        for generator in generators:
            if generator.ifs or generator.is_async:
                what = "a condition" if generator.ifs else "`async`"
                self.error(line, f"{what} in a comprehension is not part of the language")
                return None
            over, target = self.expression(generator.iter), self.target(generator.target)
            if over is None or target is None:
                return None
            loops.append((target, over))
        read = self.expression(element)
        if read is None:
            return None
        return s.Comprehension(read, tuple(loops), self.within(node))

    def call(self, node: ast.Call) -> s.Expression | None:
        line = node.lineno
        match node.func:
            case ast.Attribute(value=ast.Name(id=module), attr=attr) if (
                module == MODULE and module not in self.shadowed
            ):
                return self.operator(node, attr)
            case ast.Attribute(value=receiver, attr="apply"):
                if node.keywords:
                    self.error(line, "`.apply` takes streams only, no keywords")
                    return None
                operator = self.expression(receiver)
                arguments = self.expressions(node.args)
                if operator is None or arguments is None:
                    return None
                if not arguments:
                    self.error(line, "`.apply` needs at least one stream")
                    return None
                return s.Apply(operator, arguments, self.within(node))
            case ast.Attribute(attr=attr):
                self.error(
                    line,
                    f"`.{attr}(...)` is not part of the language: streams have no methods"
                    + ("; build lists with a comprehension" if attr == "append" else ""),
                    rule="grammar of programs",
                )
                return None
            case ast.Name(id="zip") if "zip" not in self.shadowed:
                lists = self.expressions(node.args)
                if node.keywords:
                    self.error(line, "`zip` takes lists only, no keywords")
                    return None
                return None if lists is None else s.ZipLists(lists, self.within(node))
            case ast.Name(id=("list" | "tuple") as kind) if (
                kind not in self.shadowed and len(node.args) == 1 and not node.keywords
            ):
                return self.expression(node.args[0])
            case ast.Name(id=name) if name in PRIMITIVES and name not in self.shadowed:
                return self.operator(node, name)
            case ast.Name(id=name):
                self.unknown_primitive(line, name)
                return None
        self.error(line, f"calling {_called(node.func)} is not part of the language")
        return None

    def operator(self, node: ast.Call, name: str) -> s.Operator | None:
        primitive = PRIMITIVES.get(name)
        if primitive is None:
            self.unknown_primitive(node.lineno, name)
            return None
        known = [parameter.name for parameter in primitive.parameters]
        given = [keyword.arg for keyword in node.keywords]
        takes = f"{name} takes {', '.join(known) or 'no arguments'}"
        for keyword in given:
            if keyword not in known:
                self.error(node.lineno, f"{takes}, got {keyword or '**'!s}", rule=_rule(name))
                return None
        doubled = [k for at, k in enumerate(known) if given.count(k) + (at < len(node.args)) > 1]
        if doubled or len(node.args) > len(known):
            what = f"{doubled[0]} twice" if doubled else f"{len(node.args)} positional arguments"
            self.error(node.lineno, f"{takes}, got {what}", rule=_rule(name))
            return None
        positional = self.expressions(node.args)
        values = self.expressions([keyword.value for keyword in node.keywords])
        if positional is None or values is None:
            return None
        by_name = dict(zip(given, values, strict=True))
        # Positional arguments are spelled out, so that equal programs print alike.
        by_name.update(zip(known, positional, strict=False))
        arguments = tuple((key, by_name[key]) for key in known if key in by_name)
        return s.Operator(name, arguments, self.within(node))

    def unknown_primitive(self, line: int, name: str) -> None:
        if name in self.shadowed:
            message = f"{name!r} is assigned to in this program: it cannot be called"
        else:
            primitives = ", ".join(PRIMITIVES)
            message = f"{name!r} is not a primitive{_hint(name)}; the primitives are {primitives}"
        self.error(line, message, rule="only primitives can be called")


@lru_cache(maxsize=1024)
def _hint(name: str) -> str:
    near = difflib.get_close_matches(name, PRIMITIVES, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _rule(name: str) -> str:
    return f"arguments of {name}"


def _contains_return(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Return) for node in _walk(body))


def _walk(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        yield from ast.walk(statement)


_CALLED: dict[type[ast.AST], str] = {
    ast.Import: "an import",
    ast.ImportFrom: "an import",
    ast.FunctionDef: "a function definition",
    ast.AsyncFunctionDef: "a function definition",
    ast.ClassDef: "a class definition",
    ast.Lambda: "a lambda",
    ast.While: "a while loop",
    ast.For: "a `for` with `else`",
    ast.If: "an if statement",
    ast.IfExp: "a conditional expression",
    ast.Try: "a try statement",
    ast.With: "a with statement",
    ast.Attribute: "attribute access",
    ast.AugAssign: "an augmented assignment",
    ast.AnnAssign: "an annotated assignment",
    ast.NamedExpr: "an assignment expression",
    ast.BinOp: "arithmetic other than a product of sizes",
    ast.Slice: "a slice",
    ast.Starred: "a starred expression",
    ast.Dict: "a dictionary",
    ast.Set: "a set",
    ast.Constant: "this constant",
    ast.JoinedStr: "a string",
    ast.UnaryOp: "a sign, or another operator before a value,",
    ast.Compare: "a comparison",
    ast.BoolOp: "`and` or `or`",
    ast.DictComp: "a dictionary",
    ast.SetComp: "a set",
    ast.Match: "a match statement",
    ast.Delete: "`del`",
    ast.Global: "`global`",
    ast.Nonlocal: "`nonlocal`",
    ast.Raise: "`raise`",
    ast.Assert: "`assert`",
    ast.Yield: "`yield`",
    ast.YieldFrom: "`yield`",
    ast.Await: "`await`",
    ast.AsyncFor: "`async`",
    ast.AsyncWith: "`async`",
    ast.Call: "a call",
    ast.Subscript: "an indexed expression",
}


def _called(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"attribute access (`.{node.attr}`)"
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return "a string"
        # An integer can be too long for Python to write it in digits.
        return "an integer" if type(node.value) is int else f"the constant {node.value!r:.40}"
    return _CALLED.get(type(node), f"`{type(node).__name__}`")
