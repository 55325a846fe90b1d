"""What is read as a program, and what is answered with an error that names the line."""

import pytest

from hardwon.languages.step import syntax as s
from hardwon.languages.step.parser import MAX_CHARACTERS, MAX_DEPTH, ParseError, parse
from hardwon.languages.step.printer import print_program
from hardwon.records import Stage

PLAIN = """\
E1 = step.Map(fn=fn_a).apply(E0)
E2 = step.Accum(fn=fn_b, b=1).apply(E1)
return E2"""


def errors_of(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert all(diagnostic.stage is Stage.PARSE for diagnostic in caught.value.diagnostics)
    return [(diagnostic.line, diagnostic.message) for diagnostic in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Map(fn=f).apply(a)", "step.Map(fn=f).apply(a)"),
        ("step.Map(f).apply(a)", "step.Map(fn=f).apply(a)"),
        ("step.Accum(b=1, fn=f).apply(a)", "step.Accum(fn=f, b=1).apply(a)"),
        ("step.Accum(f, b=1).apply(a)", "step.Accum(fn=f, b=1).apply(a)"),
        ("step.Flatten(L=(2,)).apply(a)", "step.Flatten(L=[2]).apply(a)"),
        ("step.Flatten(L=[1, 2,]).apply(a)", "step.Flatten(L=[1, 2]).apply(a)"),
        ("step.Flatten(L=2).apply(a)", "step.Flatten(L=2).apply(a)"),
        ("step.Zip().apply([a, b])", "step.Zip().apply((a, b))"),
        ("step.Merge(fn=f).apply(((a, b), c))", "step.Merge(fn=f).apply(([a, b], c))"),
        ("step.Repeat(n=(N*K)).apply(a)", "step.Repeat(n=N * K).apply(a)"),
        ("step . Copy ( ) . apply ( a )", "step.Copy().apply(a)"),
        ("step.Map(fn=f).apply(\n    a\n)", "step.Map(fn=f).apply(a)"),
        (
            "list(f(a) for a in b)".replace("f(a)", "Copy().apply(a)"),
            "[step.Copy().apply(a) for a in b]",
        ),
        ("tuple(zip(a, b))", "zip(a, b)"),
        ("(a)", "a"),
        ("(a, b)", "[a, b]"),
        ("a[-1]", "a[-1]"),
        ("a[0x1]", "a[1]"),
    ],
)
def test_spellings_with_one_meaning_are_read_alike(written: str, plain: str) -> None:
    assert parse(f"x = {written}\nreturn x") == parse(f"x = {plain}\nreturn x")


@pytest.mark.parametrize(
    "text",
    [
        f"\n\n{PLAIN}\n\n",
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("\n", ";"),
        PLAIN.replace("\n", "\n    "),
        "    " + PLAIN.replace("\n", "\n    "),
        "\t" + PLAIN.replace("\n", "\n\t"),
        f'"""The program."""\n{PLAIN}',
        f"pass\n{PLAIN}",
        f"{PLAIN};",
    ],
    ids=repr,
)
def test_layout_does_not_matter(text: str) -> None:
    assert parse(text) == parse(PLAIN)


def test_an_annotation_says_nothing() -> None:
    assert parse("a: Stream[fp32] = E0\nreturn a") == parse("a = E0\nreturn a")


def test_a_comment_on_an_unindented_first_line_is_no_block() -> None:
    text = "# Steps:\n" + PLAIN.replace("E1 =", "    E1 =", 1).replace("\n", "\n    ")
    assert print_program(parse(text)) == f"# Steps:\n{PLAIN}"


def test_lines_are_counted_from_the_first_even_if_it_is_blank() -> None:
    assert [line for line, _ in errors_of("\n  \n    a = E0\n    import os\n    return a")] == [4]


def test_comments_belong_to_the_statement_below_or_beside_them() -> None:
    program = parse("# one\n#\n# two\na = E0  # three\nreturn a\n# the end")
    first, last = program.statements
    assert first.comments == ("one", "two", "three")
    assert last.comments == ()
    assert program.closing_comments == ("the end",)


def test_a_hash_in_a_string_is_no_comment() -> None:
    assert parse("'# no'\nreturn a").statements == (s.Return(s.Name("a")),)


def test_values_compare_without_lines() -> None:
    assert parse("\n\nreturn a") == parse("return a")
    assert parse("\n\nreturn a").statements[0].line == 3


NO_STATEMENT = (
    " is not part of the language: expected an assignment, a `for` over lists, or `return`"
)
TARGETS = "expected a name or a tuple of names to assign to, got "


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("import os", "an import" + NO_STATEMENT),
        ("from os import path", "an import" + NO_STATEMENT),
        ("while a: pass", "a while loop" + NO_STATEMENT),
        ("if a: b = a", "an if statement" + NO_STATEMENT),
        ("with a: b = a", "a with statement" + NO_STATEMENT),
        ("def f(): pass", "a function definition" + NO_STATEMENT),
        ("class A: pass", "a class definition" + NO_STATEMENT),
        ("a += b", "an augmented assignment" + NO_STATEMENT),
        ("a: b", "an annotated assignment" + NO_STATEMENT),
        ("del a", "`del`" + NO_STATEMENT),
        ("a = b.shape", "attribute access (`.shape`) is not part of the language"),
        ("a = lambda x: x", "a lambda is not part of the language"),
        ("(a := b)", "an assignment expression is not part of the language"),
        ("a = b if c else d", "a conditional expression is not part of the language"),
        ("a = b + c", "arithmetic other than a product of sizes is not part of the language"),
        ("a = *b, c", "a starred expression is not part of the language"),
        ("a = {1: 2}", "a dictionary is not part of the language"),
        ("a = {1}", "a set is not part of the language"),
        ("a = 'b'", "a string is not part of the language"),
        ("a = 1.5", "the constant 1.5 is not part of the language"),
        ("a = True", "the constant True is not part of the language"),
        ("a = __builtins__", "'__builtins__' is not part of the language"),
        ("__a = b", "'__a' cannot be assigned to"),
        ("step = b", "'step' cannot be assigned to"),
        (
            "a.b = c",
            TARGETS + "attribute access (`.b`)",
        ),
        ("a[0] = c", TARGETS + "an indexed expression"),
        ("a = b[0:1]", "expected an integer as an index, got a slice"),
        ("a = b[True]", "expected an integer as an index, got the constant True"),
        ("a = b[-True]", "expected an integer as an index, got the constant True"),
        ("a = b[c]", "expected an integer as an index, got `Name`"),
        ("a = [b for b in c if b]", "a condition in a comprehension is not part of the language"),
        (
            "a.append(b)",
            "`.append(...)` is not part of the language: streams have no methods;"
            " build lists with a comprehension",
        ),
        ("a = b.sum()", "`.sum(...)` is not part of the language: streams have no methods"),
        ("a = (lambda: b)()", "calling a lambda is not part of the language"),
        ("a = 5(b)", "calling an integer is not part of the language"),
        ("a = step.Map", "expected arguments: `step.Map(...).apply(...)`"),
        ("a = step.Map(f=g).apply(b)", "Map takes fn, got f"),
        ("a = step.Map(**g).apply(b)", "Map takes fn, got **"),
        ("a = step.Map(g, g).apply(b)", "Map takes fn, got 2 positional arguments"),
        ("a = step.Map(g, fn=g).apply(b)", "Map takes fn, got fn twice"),
        ("a = step.Copy(b)", "Copy takes no arguments, got 1 positional arguments"),
        ("a = step.Copy().apply()", "`.apply` needs at least one stream"),
        ("a = step.Copy().apply(x=b)", "`.apply` takes streams only, no keywords"),
        ("a = zip(b, strict=True)", "`zip` takes lists only, no keywords"),
        ("a = step.Repeat(n=2147483648)", "expected an integer of at most 2147483647"),
        ("a = b[2147483648]", "expected an integer of at most 2147483647"),
        (f"a = b[-0x{'f' * 5000}]", "expected an integer of at most 2147483647"),
        (f"a = 0x{'f' * 5000}(b)", "calling an integer is not part of the language"),
        (
            "for a in b:\n    c = a\nelse:\n    d = a",
            "a `for` with `else`" + NO_STATEMENT,
        ),
        ("for a in b:\n    return a", "expected `return` at the end of the program, not in a loop"),
        (
            "try:\n    a = b\nfinally:\n    pass",
            "a try statement" + NO_STATEMENT,
        ),
        (
            f"a = [b {'for b in c ' * (MAX_DEPTH + 1)}]",
            f"expected at most {MAX_DEPTH} loops in a comprehension",
        ),
        (
            f"a = b{'[0]' * 2 * MAX_DEPTH}",
            "expected an expression that is less deeply nested",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_not_the_language_is_named(statement: str, message: str) -> None:
    assert errors_of(f"E1 = E0\n{statement}\nreturn E1") == [(2, message)]


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("print(a)", ""),
        ("step.map(fn=f)", " (did you mean Map?)"),
        ("step.RepeatRefs()", " (did you mean RepeatRef?)"),
        ("open('/etc/passwd')", ""),
        ("list(a, b)", ""),
    ],
)
def test_only_primitives_can_be_called(call: str, hint: str) -> None:
    name = call.removeprefix("step.").split("(")[0]
    [(line, message)] = errors_of(f"x = {call}\nreturn x")
    assert line == 1
    assert message.startswith(f"'{name}' is not a primitive{hint}; the primitives are Map, Accum")


def test_a_name_that_the_program_binds_is_no_longer_zip() -> None:
    [(line, message)] = errors_of("zip = E0\nx = zip(a)\nreturn x")
    assert line == 2
    assert message == "'zip' is assigned to in this program: it cannot be called"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "expected a program, got an empty answer"),
        (" \n\t\n", None, "expected a program, got an empty answer"),
        ("# nothing", None, "expected a program, got nothing but comments or blank lines"),
        ("a = b\nc = d", 2, "expected `return` with the result streams at the end of the program"),
        ("a = b\nreturn", 2, "expected `return` with the result streams, got nothing"),
        ("return " + "[" * 61 + "]" * 61, None, "expected at most 60 nested brackets, got 61"),
        (
            "#" * (MAX_CHARACTERS + 1),
            None,
            "expected at most 65536 characters, got 65537: not a program",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_texts_without_a_program_are_answered_with_what_is_missing(
    text: str, line: int | None, message: str
) -> None:
    assert errors_of(text) == [(line, message)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = b\nSure! Here is the program:\nreturn a", 2),
        ("a = b\n```\nreturn a", 2),
        ("a = (b\nreturn a", 1),
        ("a = b\n  c = d\nreturn a", 2),
        ("return a\0", None),
        ("return '\ud800'", None),
        ("return " + "-" * 5000 + "a", None),
        ("return " + "*".join("K" * 20000), None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_text_that_is_no_python_is_refused_with_its_line(text: str, line: int | None) -> None:
    found, message = errors_of(text)[0]
    assert message.startswith("expected a")
    if line is not None:
        assert found == line


def test_all_errors_of_a_program_come_at_once_and_in_order() -> None:
    text = "import os\na = E0.T\nfor x in a:\n    b = x + x\nc = print(b)\nreturn c[d]"
    assert [line for line, _ in errors_of(text)] == [1, 2, 4, 5, 6]


def test_a_statement_with_an_error_hides_no_other_statement() -> None:
    found = errors_of("for x in E0.T:\n    y = 'a'\nreturn 'b'")
    assert [line for line, _ in found] == [1, 2, 3]


def test_the_message_of_the_exception_has_every_error() -> None:
    with pytest.raises(ParseError, match=r"line 1: a string.*\nline 2: a string"):
        parse("a = 'x'\nreturn 'y'")
