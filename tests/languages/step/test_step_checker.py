"""Every type rule of every primitive: what it gives, and what it says when it is broken."""

import pytest
from step_task import ROW, analysis_of, errors_of, output, returning

from hardwon.records import Diagnostic, Stage


def type_of(expression: str) -> str:
    """Return the type of the last stream that an expression makes."""
    typed = analysis_of(f"z = {expression}\nreturn y").typed
    assert typed is not None
    return str(list(typed.types.values())[-1])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Map(fn=fn_neg).apply(x)", "Stream(fp32, [K, N, M])"),
        ("Map(fn=fn_split).apply(y)", "Stream([fp32, fp32], [N, M])"),
        ("Map(fn=fn_sub).apply((y, y))", "Stream(fp32, [N, M])"),
        ("Accum(fn=fn_sum, b=1).apply(x)", "Stream(fp32, [N, M])"),
        ("Accum(fn=fn_sum, b=2).apply(x)", "Stream(fp32, [M])"),
        ("Accum(fn=fn_dot, b=1).apply((x, x))", "Stream(fp32, [N, M])"),
        ("Scan(fn=fn_sum, b=2).apply(x)", "Stream(fp32, [K, N, M])"),
        ("Zip().apply((y, pairs))", "Stream([fp32, fp32, fp32], [N, M])"),
        ("Copy().apply(x)", "Stream(fp32, [K, N, M])"),
        ("Identity().apply(rows)", f"Stream({ROW}, [N, M])"),
        ("Promote(b=0).apply(y)", "Stream(fp32, [1, N, M])"),
        ("Promote(b=2).apply(y)", "Stream(fp32, [N, M, 1])"),
        ("Flatten(L=[1]).apply(x)", "Stream(fp32, [K*N, M])"),
        ("Flatten(L=[2]).apply(x)", "Stream(fp32, [K, M*N])"),
        ("Flatten(L=[1, 2]).apply(x)", "Stream(fp32, [K*M*N])"),
        ("Flatten(L=[1]).apply(Repeat(n=2*K).apply(y))", "Stream(fp32, [2*K*N, M])"),
        ("Reshape(L=[0], S=N).apply(flat)", "Stream(fp32, [N, M])"),
        ("Reshape(L=[0], S=3).apply(x)", "Stream(fp32, [3, K/3, N, M])"),
        ("Reshape(L=[1, 0], S=1).apply(y)", "Stream(fp32, [1, N, 1, M])"),
        ("Flatten(L=[1]).apply(Reshape(L=[0], S=3).apply(x))", "Stream(fp32, [K, N, M])"),
        ("Bufferize(a=2).apply(x)", "Stream(Buffer(fp32, [K, N]), [M])"),
        ("Bufferize(a=1).apply(rows)", "Stream(Buffer(fp32, [D, N]), [M])"),
        ("Bufferize(a=1).apply(hot)", "Stream(Buffer(Multihot(fp32, E), [N]), [M])"),
        ("Streamify().apply(rows)", "Stream(fp32, [D, N, M])"),
        ("Streamify().apply(Bufferize(a=1).apply(hot))", "Stream(Multihot(fp32, E), [N, M])"),
        ("Repeat(n=K).apply(y)", "Stream(fp32, [K, N, M])"),
        ("RepeatLast(n=2*K_value).apply(y)", "Stream(fp32, [2*K, N, M])"),
        ("RepeatRef().apply((rows, Repeat(n=4).apply(y)))", f"Stream({ROW}, [4, N, M])"),
        ("Partition(N=E).apply((y, hot))", "Stream(fp32, [?2@0])"),
        ("Partition(N=3).apply((x, hot))", "Stream(fp32, [K, ?2@0])"),
        ("Merge(fn=fn_sum).apply(([flat, flat, flat], hot))", "Stream(fp32, [N, M])"),
        ("Merge(fn=fn_sum).apply(Partition(N=E).apply((x, hot)), hot)", "Stream(fp32, [K, N, M])"),
    ],
)
def test_the_type_of_a_result_follows_from_its_inputs(expression: str, expected: str) -> None:
    assert type_of(expression) == expected


SAME_DTYPE = "the function's input type equals the stream's dtype"
WITHIN = "positions lie within the stream's dimensions"
INNER = f"{WITHIN}; the outermost dimension stays"
X = "Stream(fp32, [K, N, M])"
Y = "Stream(fp32, [N, M])"
HOT = "Stream(Multihot(fp32, E), [N, M])"


@pytest.mark.parametrize(
    ("expression", "message", "rule"),
    [
        (
            "Map(fn=fn_sum).apply(y)",
            "Map needs a function without a state, but fn_sum is a fold (it has init)",
            "Map(fn): fn is not a fold",
        ),
        (
            "Map(fn=fn_sub).apply(y)",
            "fn_sub takes [fp32, fp32], but the stream carries fp32",
            SAME_DTYPE,
        ),
        (
            "Map(fn=fn_sub).apply((y, x))",
            f"streams that are zipped need equal shapes, got {Y} and {X}",
            "Zip: equal shapes",
        ),
        (
            "Accum(fn=fn_neg, b=1).apply(x)",
            "Accum needs a function with an initial state, but fn_neg has no init",
            "Accum(fn): fn is a fold",
        ),
        (
            "Accum(fn=fn_rows, b=1).apply(x)",
            f"fn_rows takes {ROW}, but the stream carries fp32",
            SAME_DTYPE,
        ),
        (
            "Accum(fn=fn_sum, b=0).apply(x)",
            f"Accum(b=0) on {X} of rank 2: expected 1 <= b <= 2",
            INNER,
        ),
        (
            "Accum(fn=fn_sum, b=3).apply(x)",
            f"Accum(b=3) on {X} of rank 2: expected 1 <= b <= 2",
            INNER,
        ),
        (
            "Accum(fn=fn_sum, b=1).apply(flat)",
            "Accum(b=1) on Stream(fp32, [M*N]) of rank 0: expected a stream of higher rank",
            INNER,
        ),
        (
            "Scan(fn=fn_neg, b=1).apply(x)",
            "Scan needs a function with an initial state, but fn_neg has no init",
            "Scan(fn): fn is a fold",
        ),
        (
            "Scan(fn=fn_rows, b=1).apply(x)",
            f"fn_rows takes {ROW}, but the stream carries fp32",
            SAME_DTYPE,
        ),
        (
            "Scan(fn=fn_sum, b=3).apply(x)",
            f"Scan(b=3) on {X} of rank 2: expected 1 <= b <= 2",
            INNER,
        ),
        (
            "Zip().apply((x, y))",
            f"streams that are zipped need equal shapes, got {X} and {Y}",
            "Zip: equal shapes",
        ),
        (
            "Promote(b=3).apply(y)",
            f"Promote(b=3) on {Y} of rank 1: expected 0 <= b <= 2",
            WITHIN,
        ),
        (
            "Flatten(L=[]).apply(x)",
            "Flatten needs consecutive positive integers, got L=[]",
            "Flatten: L is consecutive and positive",
        ),
        (
            "Flatten(L=[0]).apply(x)",
            "Flatten needs consecutive positive integers, got L=[0]",
            "Flatten: L is consecutive and positive",
        ),
        (
            "Flatten(L=[2, 1]).apply(x)",
            "Flatten needs consecutive positive integers, got L=[2, 1]",
            "Flatten: L is consecutive and positive",
        ),
        (
            "Flatten(L=[2, 3]).apply(x)",
            f"Flatten(L[-1]=3) on {X} of rank 2: expected 1 <= L[-1] <= 2",
            WITHIN,
        ),
        (
            "Reshape(L=[], S=2).apply(x)",
            "Reshape needs distinct positions, got L=[]",
            "Reshape: L holds distinct positions",
        ),
        (
            "Reshape(L=[0, 0], S=3).apply(x)",
            "Reshape needs distinct positions, got L=[0, 0]",
            "Reshape: L holds distinct positions",
        ),
        (
            "Reshape(L=[3], S=2).apply(x)",
            f"Reshape(L=3) on {X} of rank 2: expected 0 <= L <= 2",
            WITHIN,
        ),
        (
            "Reshape(L=[0], S=2).apply(x)",
            "Reshape(S=2) needs a dimension that 2 divides, got K (9 by 2)",
            "Reshape: S divides every dimension in L",
        ),
        (
            "Reshape(L=[0], S=2).apply(Partition(N=E).apply((y, hot))[1])",
            "Reshape(S=2) needs a dimension that 2 divides, got ?1@0",
            "Reshape: S divides every dimension in L",
        ),
        (
            "Bufferize(a=0).apply(x)",
            f"Bufferize(a=0) on {X} of rank 2: expected 1 <= a <= 2",
            INNER,
        ),
        (
            "Bufferize(a=3).apply(x)",
            f"Bufferize(a=3) on {X} of rank 2: expected 1 <= a <= 2",
            INNER,
        ),
        (
            "Bufferize(a=1).apply(pairs)",
            "Bufferize needs a stream of fp32, Multihot or Buffer,"
            " got Stream([fp32, fp32], [N, M])",
            "Bufferize: the element of a Buffer is fp32 or Multihot",
        ),
        (
            "Streamify().apply(x)",
            f"Streamify needs a stream of Buffer, got {X}",
            "Streamify: the dtype is a Buffer",
        ),
        (
            "RepeatRef().apply((x, y))",
            "RepeatRef needs a reference with one more inner dimension than [K, N, M], got [N, M]",
            "RepeatRef: ref.shape[1:] = shape",
        ),
        (
            "RepeatRef().apply((flat, x))",
            "RepeatRef needs a reference with one more inner dimension than [M*N], got [K, N, M]",
            "RepeatRef: ref.shape[1:] = shape",
        ),
        (
            "Partition(N=E).apply((y, y))",
            f"Partition(N=E) needs a stream of Multihot as its index, got {Y}",
            "Partition(N=E): the index is multi-hot",
        ),
        (
            "Partition(N=2).apply((y, hot))",
            f"Partition(N=2) has 2 streams, but its index {HOT} has vectors of length E",
            "Partition(N=2): one stream per entry of the index vector",
        ),
        (
            "Partition(N=E).apply((Promote(b=2).apply(y), hot))",
            "Partition needs a stream whose shape ends in the index's, [N, M], got [N, M, 1]",
            "Partition: x.shape ends in idx.shape",
        ),
        (
            "Merge(fn=fn_sum).apply(([y, y, y], y))",
            f"Merge needs a stream of Multihot as its index, got {Y}",
            "Merge: the index is multi-hot",
        ),
        (
            "Merge(fn=fn_sum).apply(([y, y], hot))",
            f"Merge has 2 streams, but its index {HOT} has vectors of length E",
            "Merge: one stream per entry of the index vector",
        ),
        (
            "Merge(fn=fn_neg).apply(([y, y, y], hot))",
            "Merge needs a function with an initial state, but fn_neg has no init",
            "Merge(fn): fn is a fold",
        ),
        (
            "Merge(fn=fn_sum).apply(([y, y, x], hot))",
            f"Merge needs streams alike but for their outermost dimension, got {Y} and {X}",
            "Merge: common shape and dtype",
        ),
        (
            "Merge(fn=fn_sum).apply(([x, x, Repeat(n=N).apply(y)], hot))",
            "Merge needs streams alike but for their outermost dimension,"
            f" got {X} and Stream(fp32, [N, N, M])",
            "Merge: common shape and dtype",
        ),
        (
            "Merge(fn=fn_sum).apply(([y, y, rows], hot))",
            f"fn_sum takes fp32, but the stream carries {ROW}",
            SAME_DTYPE,
        ),
    ],
)
def test_a_broken_rule_is_named_with_what_was_expected_and_what_came(
    expression: str, message: str, rule: str
) -> None:
    types = [e for e in errors_of(f"a = y\nz = {expression}\nreturn a") if e.stage is Stage.TYPES]
    assert types == [Diagnostic(stage=Stage.TYPES, line=2, message=message, rule=rule)]


def test_products_are_equal_in_any_order() -> None:
    assert type_of("Zip().apply(flat, Flatten(L=1).apply(y))") == "Stream([fp32, fp32], [M*N])"


def test_lengths_that_only_the_data_decides_are_equal_only_to_themselves() -> None:
    parts = "a, b, c = Partition(N=E).apply((y, hot))"
    same = f"{parts}\nd, e = Copy().apply(a)\nf = Zip().apply(d, e)\nreturn y"
    other = f"{parts}\nf = Zip().apply(a, b)\nreturn y"
    assert errors_of(same) == []
    assert [error.message for error in errors_of(other)] == [
        "streams that are zipped need equal shapes,"
        " got Stream(fp32, [?0@0]) and Stream(fp32, [?1@0])"
    ]


def test_an_error_does_not_cause_others() -> None:
    text = "a = Accum(fn=fn_sum, b=5).apply(x)\nb = Accum(fn=fn_sum, b=6).apply(a)\nreturn b"
    assert [error.line for error in errors_of(text)] == [1]


def test_independent_errors_come_together_in_order_of_lines() -> None:
    text = "a = Map(fn=fn_sum).apply(y)\nb = Map(fn=fn_row).apply(x)\nc = q\nreturn flat"
    assert [error.line for error in errors_of(text)] == [1, 2, 3, 4]


def test_results_are_compared_with_what_the_task_declares() -> None:
    [shape] = errors_of("return x")
    assert shape.message == f"result 0 (x): expected {Y}, got {X}"
    assert shape.rule == "the results have the declared dtypes and dims"
    two = returning(output("S0", "fp32", "N", "M"), output("S1", ROW, "N", "M"))
    [dtype] = errors_of("a = Map(fn=fn_neg).apply(y)\nreturn y, a", two)
    assert dtype.message == f"result 1 (a): expected Stream({ROW}, [N, M]), got {Y}"
    assert errors_of("return y, rows", two) == []


def test_a_program_with_type_errors_is_not_runnable() -> None:
    analysis = analysis_of("return x")
    assert not analysis.reading.runnable
    assert analysis.typed is None


def test_declared_products_are_those_of_the_program() -> None:
    task = returning(output("S0", "fp32", "M*N"))
    assert errors_of("return flat", task) == []
    assert errors_of("return Flatten(L=[1]).apply(y)", task) == []
