"""The program as written: the grammar of `impl` on one page.

    program    = statement*                          (comments belong to the statement below them)
    statement  = target ("=" target)* "=" expression
               | NAME ":" annotation "=" expression      (the annotation means nothing)
               | "for" target "in" expression ":" statement+
               | "return" expression
               | expression
    target     = NAME | "(" target ("," target)* ")"
    expression = NAME | INTEGER | expression "*" expression
               | "[" expression, ... "]" | "(" expression, ... ")"
               | expression "[" INTEGER "]"
               | "[" expression ("for" target "in" expression)+ "]"
               | "zip" "(" expression, ... ")"
               | ["step" "."] PRIMITIVE "(" [argument, ...] ")"
               | expression "." "apply" "(" expression, ... ")"
    argument   = [NAME "="] expression

Values are immutable and compare by meaning: lines are not part of their identity. A statement knows
its line in the text; what is in it counts from there, so that it is the same wherever it stands.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, function, symbol or input stream."""

    id: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer literal."""

    value: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Product:
    """A product of sizes."""

    left: "Expression"
    right: "Expression"
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list or a tuple; the language makes no difference between them."""

    items: tuple["Expression", ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Index:
    """One element of a sequence."""

    sequence: "Expression"
    at: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Comprehension:
    """A list comprehension; loops nest from left to right."""

    element: "Expression"
    loops: tuple[tuple["Target", "Expression"], ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ZipLists:
    """Python's `zip` over lists, not the primitive."""

    lists: tuple["Expression", ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Operator:
    """A primitive with its arguments, not yet applied."""

    primitive: str
    arguments: tuple[tuple[str, "Expression"], ...]
    """By name, in the order of the primitive's declaration."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator applied to streams (`a.apply(b)`)."""

    receiver: "Expression"
    arguments: tuple["Expression", ...]
    line: int = field(default=0, compare=False)


Expression = (
    Name | Integer | Product | Sequence | Index | Comprehension | ZipLists | Operator | Apply
)


@dataclass(frozen=True, slots=True)
class Targets:
    """Names that a sequence is unpacked into."""

    items: tuple["Target", ...]
    line: int = field(default=0, compare=False)


Target = Name | Targets


@dataclass(frozen=True, slots=True)
class Assign:
    """Bind a value to one or more targets."""

    targets: tuple[Target, ...]
    value: Expression
    comments: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class For:
    """Run the body once per element."""

    target: Target
    iterable: Expression
    body: tuple["Statement", ...]
    comments: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Return:
    """The program's results."""

    value: Expression
    comments: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Evaluate:
    """An expression whose value is not kept."""

    value: Expression
    comments: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)


Statement = Assign | For | Return | Evaluate


@dataclass(frozen=True, slots=True)
class Program:
    """The body of a function of the task's input streams."""

    statements: tuple[Statement, ...]
    closing_comments: tuple[str, ...] = ()
