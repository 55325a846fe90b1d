"""Which laws hold of small functions, so that variants of a program are excused by them or not."""

import pytest

from hardwon.languages.inspection import Law
from hardwon.languages.step.linting.laws import laws_hold
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec


def function(name: str, body: str, *, inputs: int = 1, buffer: bool = False) -> FunctionSpec:
    return FunctionSpec(
        name=name,
        func_name=f"fn_{name}",
        apply=body,
        input_dtype=("Buffer(fp32, [K])" if buffer else "fp32",) * inputs,
        output_dtype=("fp32",),
    )


def fold(name: str, body: str, init: float) -> FunctionSpec:
    return function(name, body).model_copy(update={"init": (init,)})


LAWFUL = Task(
    test_name="tiny/lawful",
    inputs=(TensorSpec(name="E0", dtype=("fp32",), dims=("N", "M"), data_gen="torch.randn"),),
    fns=(
        function("mul", "return [input[0] * input[1]]", inputs=2),
        function("minus", "return [input[0] - input[1]]", inputs=2),
        function("first", "return [input[0]]", inputs=2),
        function("abs", "return [input[0].abs()]"),
        function("magnitude", "return [(input[0] * input[0]).sqrt()]"),
        function("square", "return [input[0] * input[0]]"),
        function("nudge", "return [input[0] + 1e-7]"),
        function("nothing", "return [input[0] / 0 * 0]"),
        function("relu", "return [input[0].clamp(min=0)]"),
        function("cap", "return [input[0].clamp(max=25)]"),
        function("first_best", "return [input[0].argmax()]", buffer=True),
        function("last_best", "return [8 - input[0].flip(0).argmax()]", buffer=True),
        function("least", "return [input[0].argmin()]", buffer=True),
        function("mean", "return [input[0].mean()]", buffer=True),
        function("head", "return [input[0][0]]", buffer=True),
        fold("sum", "return [state[0] + input[0]]", 0),
        fold("total", "return [input[0] + state[0]]", 0),
        fold("sum_from_one", "return [state[0] + input[0]]", 1),
        fold("most", "return [torch.maximum(state[0], input[0])]", -1e30),
        fold("most_or_zero", "return [torch.maximum(state[0], input[0])]", 0),
        fold("length", "return [(state[0] ** 2 + input[0] ** 2).sqrt()]", 0),
        fold("norm", "return [(state[0].abs() ** 2 + input[0] ** 2).sqrt()]", 0),
        fold("latest", "return [input[0]]", 0),
        fold("spoils", "return [state[0] + input[0].mul_(2) / 2]", 0),
    ),
    outputs=(
        OutputSpec(
            name="S0", dtype=("fp32",), dims=("N", "M"), data_transform=("input_data['E0']",)
        ),
    ),
)


@pytest.mark.parametrize(
    ("law", "holds"),
    [
        (Law("commutes", ("fn_mul",), (0, 1)), True),
        (Law("refolds", ("fn_most",)), True),
        (Law("refolds", ("fn_most_or_zero",)), True),
        (Law("refolds", ("fn_latest",)), True),
        (Law("refolds", ("fn_sum",)), False),
        (Law("refolds", ("fn_length",)), False),
        (Law("commutes", ("fn_minus",), (0, 1)), False),
        (Law("equal", ("fn_abs", "fn_magnitude")), True),
        (Law("equal", ("fn_abs", "fn_square")), False),
        (Law("returns", ("fn_first",), (0,)), True),
        (Law("returns", ("fn_first",), (1,)), False),
        (Law("keeps", ("fn_first",)), True),
        (Law("keeps", ("fn_nudge",)), False),
        (Law("fixed", ("fn_abs", "fn_square")), True),
        (Law("fixed", ("fn_square", "fn_abs")), False),
        (Law("absorbed", ("fn_abs", "fn_square")), True),
        (Law("absorbed", ("fn_square", "fn_abs")), False),
        (Law("keeps", ("fn_abs",)), False),
        (Law("returns", ("fn_abs",), (0,)), False),
        (Law("keeps", ("fn_relu",)), False),
        (Law("keeps", ("fn_cap",)), False),
        (Law("equal", ("fn_relu", "fn_abs")), False),
        (Law("fixed", ("fn_abs", "fn_minus")), False),
        (Law("fixed", ("fn_relu", "fn_relu")), True),
        (Law("equal", ("fn_first_best", "fn_last_best")), False),
        (Law("equal", ("fn_first_best", "fn_least")), False),
        (Law("equal", ("fn_mean", "fn_head")), False),
        (Law("equal", ("fn_sum", "fn_total")), True),
        (Law("equal", ("fn_sum", "fn_sum_from_one")), False),
        (Law("equal", ("fn_most", "fn_most_or_zero")), False),
        (Law("equal", ("fn_length", "fn_norm")), True),
        (Law("equal", ("fn_sum", "fn_latest")), False),
        (Law("equal", ("fn_sum", "fn_spoils")), True),
        (Law("equal", ("fn_sum", "fn_abs")), False),
    ],
)
def test_laws_are_decided_on_random_elements(law: Law, holds: bool) -> None:
    assert laws_hold(LAWFUL, [law]) == (holds,)


def test_a_law_about_nothing_but_nan_does_not_hold() -> None:
    assert laws_hold(LAWFUL, [Law("fixed", ("fn_nothing", "fn_nothing"))]) == (False,)
