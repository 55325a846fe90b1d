"""From names, lists and loops to a dataflow graph."""

import pytest
from step_task import ROW, SIZES, TASK, analysis_of, errors_of, output, returning, tensor

from hardwon.languages.step.elaborate import (
    MAX_ERRORS,
    MAX_EVALUATIONS,
    MAX_NODES,
    Elaboration,
    elaborate,
)
from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.parser import parse
from hardwon.languages.step.signature import signature_of
from hardwon.records import Stage

Y, HOT, FLAT = Ref(INPUT, 1), Ref(INPUT, 4), Ref(INPUT, 5)


def elaborated(text: str) -> Elaboration:
    return elaborate(parse(text), signature_of(TASK), SIZES)


def graph_of(text: str) -> Graph:
    elaboration = elaborated(text)
    assert elaboration.errors == ()
    return elaboration.graph


def shown(graph: Graph) -> list[tuple[str, list[tuple[int, int]]]]:
    return [
        (str(node.primitive), [(ref.node, ref.port) for ref in node.inputs]) for node in graph.nodes
    ]


def test_every_call_is_a_node_with_its_streams() -> None:
    graph = graph_of("a, b = Copy().apply(y)\nc = Zip().apply(b, a)\nreturn Map(fn_sub).apply(c)")
    assert shown(graph) == [
        ("Copy()", [(INPUT, 1)]),
        ("Zip()", [(0, 1), (0, 0)]),
        ("Map(fn=fn_sub)", [(1, 0)]),
    ]
    assert graph.outputs == (Ref(2, 0),)


@pytest.mark.parametrize(
    "streams", ["(([flat, y, y], hot))", "([flat, y, y], hot)", "(flat, y, y, hot)"]
)
def test_merge_takes_its_list_first_and_its_index_last(streams: str) -> None:
    [node] = graph_of(f"return Merge(fn_sum).apply{streams}").nodes
    assert node.inputs == (FLAT, Y, Y, HOT)


SAME = [
    ("a = Map(fn_neg).apply(y)\nreturn a", "return Map(fn_neg).apply(y)"),
    ("b = a = y\nreturn Map(fn_neg).apply(a)", "return Map(fn_neg).apply(y)"),
    ("f = fn_neg\nreturn Map(f).apply(y)", "return Map(fn_neg).apply(y)"),
    ("m = Map(fn_neg)\nreturn m.apply(y)", "return Map(fn_neg).apply(y)"),
    ("return y.apply(Map(fn_neg))", "return Map(fn_neg).apply(y)"),
    ("return Map(fn_neg).apply([y])", "return Map(fn_neg).apply(y)"),
    ("return Map(fn_sub).apply((y, y))", "return Map(fn_sub).apply(Zip().apply(y, y))"),
    ("return Map(fn_sub).apply(y, y)", "return Map(fn_sub).apply(Zip().apply(y, y))"),
    ("a = [y, x]\nreturn Map(fn_neg).apply(a[0])", "return Map(fn_neg).apply(y)"),
    ("a = [x, y]\nreturn Map(fn_neg).apply(a[-1])", "return Map(fn_neg).apply(y)"),
    ("(a, [b]) = (x, (y,))\nreturn Map(fn_neg).apply(b)", "return Map(fn_neg).apply(y)"),
    ("y = Map(fn_neg).apply(y)\nreturn y", "return Map(fn_neg).apply(y)"),
    ("fn_abs = fn_neg\nreturn Map(fn_abs).apply(y)", "return Map(fn_neg).apply(y)"),
    ("return Repeat(n=2*K*3).apply(y)", "return Repeat(n=6*K_value).apply(y)"),
    ("s = K*2\nreturn Repeat(n=s).apply(y)", "return Repeat(n=2*K).apply(y)"),
    ("return RepeatLast(n=K).apply(y)", "return Repeat(n=K).apply(y)"),
    ("l = [1, 2]\nreturn Flatten(L=l).apply(x)", "return Flatten(L=[1, 2]).apply(x)"),
    ("return Flatten(L=1).apply(x)", "return Flatten(L=(1,)).apply(x)"),
    (
        "for f in [fn_neg, fn_abs]:\n    y = Map(f).apply(y)\nreturn y",
        "return Map(fn_abs).apply(Map(fn_neg).apply(y))",
    ),
    (
        "[a, b] = [Map(f).apply(s) for f, s in zip([fn_neg, fn_row], [y, rows])]\nreturn b",
        "a = Map(fn_neg).apply(y)\nreturn Map(fn_row).apply(rows)",
    ),
    (
        "a = [Map(f).apply(s) for s in [y, x] for f in (fn_neg, fn_abs)]\nreturn a[3]",
        "Map(fn_neg).apply(y)\nMap(fn_abs).apply(y)\nMap(fn_neg).apply(x)\n"
        "return Map(fn_abs).apply(x)",
    ),
    (
        "for a in [y, x]:\n    for f in [fn_neg]:\n        b = Map(f).apply(a)\nreturn b",
        "Map(fn_neg).apply(y)\nreturn Map(fn_neg).apply(x)",
    ),
    (
        "a = Partition(N=E_value).apply((y, hot))\nreturn a[2]",
        "a, b, c = Partition(N=3).apply(y, hot)\nreturn c",
    ),
]


@pytest.mark.parametrize(("text", "plain"), SAME)
def test_names_lists_and_loops_leave_no_trace(text: str, plain: str) -> None:
    found, expected = graph_of(text), graph_of(plain)
    assert shown(found) == [(name.replace("N=3", "N=E"), refs) for name, refs in shown(expected)]
    assert found.outputs == expected.outputs


def test_names_of_a_comprehension_end_with_it() -> None:
    assert [error.message for error in elaborated("a = [b for b in [y]]\nreturn b").errors] == [
        "'b' is not defined"
    ]
    assert graph_of("b = y\na = [b for b in [x]]\nreturn b").outputs == (Y,)


def test_names_of_a_loop_stay() -> None:
    assert graph_of("for a in [x, y]:\n    pass\nreturn a").outputs == (Y,)


def test_a_body_that_never_runs_does_nothing() -> None:
    assert graph_of("for a in []:\n    b = nothing\nreturn y").nodes == ()


def test_what_follows_the_return_is_not_read() -> None:
    assert graph_of("return y\na = Map(fn_neg).apply(y)").nodes == ()


def test_streams_keep_the_first_name_that_they_got() -> None:
    graph = graph_of(
        "a = b = Map(fn_neg).apply(y)\n_ = Partition(N=E).apply(y, hot)\nc, d = Copy().apply(y)\n"
        "l = [Copy().apply(a)]\nm = [[l]]\nreturn Map(fn_neg).apply(a)"
    )
    assert [node.names for node in graph.nodes] == [
        ("a",),
        ("__0", "__1", "__2"),
        ("c", "d"),
        ("l_0_0", "l_0_1"),
        (),
    ]


def test_comments_go_to_the_first_node_of_their_statement() -> None:
    graph = graph_of(
        "# one\na = Map(fn_neg).apply(Map(fn_abs).apply(y))\n# two\nb = a\nc = Copy().apply(b)\n"
        "# three\nreturn b"
    )
    assert [node.comments for node in graph.nodes] == [("one",), (), ("two",)]
    assert graph.comments == ("three",)


def test_nodes_know_their_lines() -> None:
    graph = graph_of("\na = Map(\n    fn_neg\n).apply(y)\nreturn a")
    assert ([node.line for node in graph.nodes], graph.line) == ([2], 5)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("q", "'q' is not defined"),
        ("fn_negg", "'fn_negg' is not defined; did you mean 'fn_neg'?"),
        ("step", "'step' is not defined"),
        ("Map(fn=fn_neg).apply(Q)", "'Q' is not defined"),
        ("W", "'W' is a parameter: function bodies see it, programs handle streams only"),
        ("a, b = y", "expected 2 values to unpack, got the stream y"),
        ("a, b = [y]", "expected 2 values to unpack, got 1"),
        ("a, b, c = Copy().apply(y)", "expected 3 values to unpack, got 2"),
        ("a, b = Partition(N=E).apply((y, hot))", "expected 2 values to unpack, got 3"),
        ("Map().apply(y)", "Map needs fn, a function of the task"),
        ("Accum(fn=fn_sum).apply(x)", "Accum needs b, an integer literal"),
        ("Map(fn=y).apply(y)", "Map(fn=...) needs a function of the task, got the stream y"),
        ("Map(fn=K).apply(y)", "Map(fn=...) needs a function of the task, got the size K"),
        ("Promote(b=N).apply(y)", "Promote(b=...) needs an integer literal, got the size N"),
        ("Promote(b=[0]).apply(y)", "Promote(b=...) needs an integer literal, got a list of 1"),
        (
            "Flatten(L=[N]).apply(y)",
            "Flatten(L=...) needs a list of integer literals, got a list of 1",
        ),
        (
            "Repeat(n=0).apply(y)",
            "Repeat(n=...) needs an integer, a symbol or a product of them, got the size 0",
        ),
        ("Repeat(n=K*y)", "expected a product of sizes, got the stream y"),
        ("Repeat(n=2147483647*2)", "expected an integer of at most 2147483647"),
        ("fn_neg.apply(y)", "`.apply` belongs to a primitive, here it is on the function fn_neg"),
        ("[y].apply(x)", "`.apply` belongs to a primitive, here it is on 1 stream"),
        ("Copy().apply(y, y)", "Copy is applied to one stream, got 2 streams"),
        ("Copy().apply(fn_neg)", "Copy is applied to one stream, got the function fn_neg"),
        (
            "Identity().apply(Copy())",
            "Identity is applied to one stream,"
            " got the primitive Copy() that is not applied to anything",
        ),
        ("Zip().apply(y)", "Zip is applied to a tuple of two or more streams, got the stream y"),
        (
            "RepeatRef().apply(y, y, y)",
            "RepeatRef is applied to a tuple of two streams, got 3 streams",
        ),
        (
            "Merge(fn_sum).apply(([], hot))",
            "Merge is applied to a list of streams and a multi-hot stream, got a list of 2",
        ),
        (
            "Map(fn_neg).apply([[y]])",
            "Map is applied to one stream, or a tuple of streams that is zipped first,"
            " got a list of 1",
        ),
        ("for a in y:\n    pass", "`for` needs a list, got the stream y"),
        ("[a for a in 3]", "a comprehension needs a list, got the size 3"),
        ("zip(y)", "`zip` needs a list, got the stream y"),
        ("zip([y], [y, x])", "`zip` needs lists of equal length, got 1 and 2"),
        ("y[0]", "a stream cannot be indexed: the stream y is one stream"),
        ("[y][1]", "index 1 is outside of a list of 1"),
        ("[y][-2]", "index -2 is outside of a list of 1"),
        ("fn_neg[0]", "indexing needs a list, got the function fn_neg"),
    ],
)
def test_values_of_the_wrong_kind_are_named(statement: str, message: str) -> None:
    [error] = elaborated(f"z = y\n{statement}\nreturn y").errors
    assert (error.stage, error.line, error.message) == (Stage.TYPES, 2, message)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("y, y", "expected `return` with 1 stream(s), the task's outputs, got 2"),
        ("[]", "expected `return` with 1 stream(s), the task's outputs, got 0"),
        ("Copy().apply(y)", "expected `return` with 1 stream(s), the task's outputs, got 2"),
        ("fn_neg", "expected `return` with streams, got the function fn_neg"),
        (
            "Map(fn_neg)",
            "expected `return` with streams,"
            " got the primitive Map(fn=fn_neg) that is not applied to anything",
        ),
        ("q", "'q' is not defined"),
        ("y, q", "'q' is not defined"),
    ],
)
def test_a_program_returns_one_stream_per_output(returned: str, message: str) -> None:
    elaboration = elaborated(f"return {returned}")
    assert [error.message for error in elaboration.errors] == [message]
    assert elaboration.graph.outputs == ()


def test_several_results_are_returned_as_a_tuple_or_a_list() -> None:
    two = returning(output("S0", "fp32", "N", "M"), output("S1", ROW, "N", "M"))
    for returned in ("y, rows", "(y, rows)", "[y, rows]"):
        assert errors_of(f"return {returned}", two) == []


def test_an_unknown_value_is_reported_once() -> None:
    text = "a = q\nb, c = a\nd = Map(fn=b).apply(c[0])\nfor e in d:\n    f = e\nreturn d"
    assert [error.line for error in elaborated(text).errors] == [1]


def test_a_loop_reports_an_error_of_its_body_once() -> None:
    text = "for f in [fn_neg, fn_abs]:\n    a = Map(f).apply(q)\nreturn y"
    assert [error.line for error in elaborated(text).errors] == [2]


def test_inputs_hide_functions_and_symbols_of_the_same_name() -> None:
    task = TASK.model_copy(update={"inputs": (*TASK.inputs, tensor("K", "fp32", "N", "M"))})
    assert errors_of("return K", task) == []


def test_unrolling_is_bounded() -> None:
    loops = "".join(f"{' ' * depth}for a{depth} in l:\n" for depth in range(8))
    endless = f"l = {[1] * 8}\n{loops}{' ' * 8}b = Identity().apply(y)\nreturn y"
    [error] = elaborated(endless).errors
    assert (error.stage, error.line) == (Stage.PARSE, None)
    assert error.message.startswith(f"expected at most {MAX_NODES} primitive calls")


def test_lists_of_lists_take_no_longer_than_their_program() -> None:
    doubling = "a = y\n" + "a = [a, a]\n" * 500 + "return y"
    deep = "a = y\n" + "a = [a]\n" * 5000 + "return y"
    wide = f"a = Partition(N={MAX_EVALUATIONS // 2}).apply(y, y)\n" * 20 + "return y"
    assert elaborated(doubling).errors == elaborated(deep).errors == ()
    assert elaborated(wide).errors != ()


def test_a_program_full_of_errors_is_given_up() -> None:
    names = "".join(f"name{at} = y\n" for at in range(1500))
    text = names + "".join(f"a = naem{at}\n" for at in range(1500)) + "return y"
    assert len(elaborated(text).errors) == MAX_ERRORS


def test_huge_products_do_not_break_messages() -> None:
    text = "x = y\n" + "x = Flatten(L=1).apply(Repeat(n=2147483647).apply(x))\n" * 600 + "return x"
    [error] = errors_of(text)
    assert "about 2^" in error.message


def test_sizes_decide_how_many_streams_a_partition_makes() -> None:
    analysis = analysis_of("a, b, c = Partition(N=E).apply(y, hot)\nreturn y")
    assert analysis.typed is not None
    assert analysis.typed.graph.nodes[0].outputs == SIZES["E"]
