"""Dimensions, types, and what is wrong with a task's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from step_strategies import Scene, examples, scenes
from step_task import TASK, function, output, tensor

from hardwon.languages.step.checker import Typing, infer_types
from hardwon.languages.step.dims import (
    LARGEST,
    ONE,
    Dim,
    UnboundSymbolError,
    integer,
    parse_dim,
    product,
    symbol,
)
from hardwon.languages.step.settings import ConstraintError, holds, parse_constraint
from hardwon.languages.step.signature import check_task
from hardwon.languages.step.types import data_shape, element_dims, parse_component

SIZES = {"M": 5, "N": 7, "K": 9, "D": 16}
DIMS = st.lists(st.sampled_from(["M", "N", "K", "D", "2", "3", "6"]), min_size=1, max_size=4).map(
    lambda factors: parse_dim("*".join(factors))
)


@examples(100)
@given(DIMS, DIMS, DIMS)
def test_dimensions_multiply_like_numbers(left: Dim, right: Dim, third: Dim) -> None:
    assert left * right == right * left
    assert (left * right) * third == left * (right * third)
    assert left * ONE == left
    assert (left * right) / right == left
    assert (left / right) * right == left
    one, two = left.value(SIZES), right.value(SIZES)
    assert one is not None
    assert two is not None
    assert (left * right).value(SIZES) == one * two
    assert (left / right).value(SIZES) == (None if one % two else one // two)


@examples(50)
@given(DIMS)
def test_a_dimension_is_read_as_it_is_written(dim: Dim) -> None:
    assert parse_dim(str(dim)) == dim
    assert dim.is_product


def test_dimensions_are_equal_as_expressions_not_as_numbers() -> None:
    assert parse_dim("N*K") == parse_dim(" K * N ")
    assert parse_dim("2*N*3") == parse_dim("6*N")
    assert parse_dim("E_value") == symbol("E")
    assert parse_dim("N") != integer(SIZES["N"])


def test_a_quotient_is_no_product_until_it_is_multiplied_back() -> None:
    half = parse_dim("D") / integer(2)
    assert (str(half), half.is_product, half.literal) == ("D/2", False, None)
    assert half.value({"D": 16}) == 8
    assert half.value({"D": 15}) is None
    assert (half * integer(4)).is_product
    assert str(parse_dim("K") / parse_dim("N*M")) == "K/M/N"


def test_a_literal_has_no_symbols() -> None:
    assert parse_dim("2*3").literal == 6
    assert parse_dim("2*N").literal is None
    assert product(()).is_one


def test_a_symbol_needs_a_size() -> None:
    with pytest.raises(UnboundSymbolError, match="Q"):
        parse_dim("Q*M").value(SIZES)


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "N+1", "N*", "2N", "_N", "1.5", str(LARGEST + 1), "9" * 5000, "²"]
)
def test_what_is_no_dimension_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="dimension"):
        parse_dim(text)


@pytest.mark.parametrize(
    ("text", "printed", "dims"),
    [
        ("fp32", "fp32", ()),
        (" Multihot( fp32 ,E )", "Multihot(fp32, E)", ("E",)),
        ("Buffer(fp32,[D,2*K,])", "Buffer(fp32, [D, 2*K])", ("D", "2*K")),
        ("Buffer(Multihot(fp32, E), [N])", "Buffer(Multihot(fp32, E), [N])", ("E", "N")),
        ("Tile(fp32, [4, 8])", "Tile(fp32, [4, 8])", ("4", "8")),
    ],
)
def test_types_are_read_and_written(text: str, printed: str, dims: tuple[str, ...]) -> None:
    component = parse_component(text)
    assert str(component) == printed
    assert tuple(map(str, element_dims(component))) == dims


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a type"),
        ("fp16", "expected a type"),
        ("Buffer(fp32, [D]) x", "expected the type to end after"),
        ("Buffer(fp32, D)", r"expected '\[' but found 'D'"),
        ("Buffer(Buffer(fp32, [D]), [N])", "expected the element of a Buffer to be"),
        ("Multihot(E)", "expected fp32, got 'E'"),
        ("Buffer(fp32, [D", "expected ']' but found 'the end'"),
        ("Buffer(fp32, [0])", "a dimension is at least 1"),
        ("fp32;", "expected a type"),
        ("fp32" * 1000, "4000 characters"),
    ],
)
def test_what_is_no_type_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_component(text)


def test_data_has_the_outermost_dimension_first() -> None:
    dims = tuple(map(parse_dim, ("K", "N", "M")))
    assert data_shape(dims, SIZES) == (5, 7, 9)
    with pytest.raises(ValueError, match="D/3 is not a whole number"):
        data_shape((parse_dim("D") / integer(3),), SIZES)


def test_a_sound_task_has_no_findings() -> None:
    assert check_task(TASK) == ()


@examples(30)
@given(scenes())
def test_random_tasks_are_sound(scene: Scene) -> None:
    assert check_task(scene.task) == ()
    assert infer_types(scene.graph, scene.signature, scene.sizes) == Typing(scene.types, ())


NUMBERS = tensor("x", "fp32", "M")
VECTORS = tensor("x", "Multihot(fp32, E)", "M")
RESULT = output("S", "fp32", "M")


@pytest.mark.parametrize(
    ("field", "value", "path", "message"),
    [
        ("inputs", tensor("x", "fp64", "M"), ("dtype",), "expected a type"),
        ("inputs", tensor("x", "fp32", "M+1"), ("dims",), "expected a dimension"),
        ("parameters", tensor("x", "fp32", "0"), ("dims",), "a dimension is at least 1"),
        ("inputs", NUMBERS.model_copy(update={"data_gen": None}), (), "expected data_gen"),
        ("inputs", VECTORS.model_copy(update={"min": None}), (), "expected min and max"),
        (
            "inputs",
            VECTORS.model_copy(update={"data_gen": "torch.rand"}),
            ("data_gen",),
            "expected min and max instead of data_gen",
        ),
        ("fns", function("f", "", "Buffer", "fp32"), ("input_dtype",), "expected"),
        ("fns", function("f", "", "fp32", "Buffer"), ("output_dtype",), "expected"),
        (
            "fns",
            function("f", "", "fp32", ("fp32", "fp32"), 0.0),
            ("init",),
            "expected one entry per component of the output (2), got 1",
        ),
        ("outputs", output("S", "fp32", "N-1"), ("dims",), "expected a dimension"),
        (
            "outputs",
            RESULT.model_copy(update={"data_transform": ("1", "2")}),
            ("data_transform",),
            "expected one block per component of the output (1), got 2",
        ),
        ("constraints", "D %", (), "expected comparisons of sizes"),
        ("constraints", "D % 2 == 0 and Q > 1", (), "expected symbols that have a size (M, N, K,"),
    ],
)
def test_what_is_wrong_with_a_task_is_found_with_its_place(
    field: str, value: object, path: tuple[str, ...], message: str
) -> None:
    [finding] = check_task(TASK.model_copy(update={field: (value,)}))
    assert finding.path == (field, 0, *path)
    assert finding.message.startswith(message)


@pytest.mark.parametrize("setup", ["E_value = 3", "ctx[E] = 3", "ctx['E'] = 3"])
def test_a_constraint_may_speak_of_a_symbol_that_global_binds(setup: str) -> None:
    task = TASK.model_copy(update={"constraints": ("K % E == 0",), "global_code": ""})
    [finding] = check_task(task)
    assert finding.message.endswith("got E")
    assert check_task(task.model_copy(update={"global_code": setup})) == ()


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("D % 2 == 0", True),
        ("D % 3 == 0", False),
        ("M < N <= K", True),
        ("M < N < 7", False),
        ("M*N - 1 >= K + D // 2", True),
        ("Q > 3", True),
        ("M % 0 == 0", True),
        ("D_value == 16", True),
        ("D % 2 == 0 and D >= 20", False),
        ("D % 3 == 0 or M < N < K", True),
        ("not M < N", False),
        ("not (M > N or K == 5)", True),
        ("M > N and Q > 3", False),
        ("M < N and Q > 3", True),
    ],
)
def test_constraints_are_decided_by_sizes(constraint: str, expected: bool) -> None:
    assert holds(constraint, SIZES) == expected


@pytest.mark.parametrize(
    "constraint",
    [
        *("", "D", "D % 2", "D == 1.5", "f(D) == 1", "D ** 2 == 4", "D = 2", "D in M", "-D < 0"),
        *("__import__('os') == 1", "(D > 2) + 1 == 2", "D and M", "not D", "D > 1 and 2"),
        "True == 1",
    ],
)
def test_only_conditions_on_sizes_are_constraints(constraint: str) -> None:
    with pytest.raises(ConstraintError, match="expected"):
        parse_constraint(constraint)
