"""What running a task's own code reveals, each shown by a small broken task."""

from collections.abc import Iterator

import pytest
import torch

from hardwon.languages.inspection import Remark, Severity
from hardwon.languages.protocol import Setting
from hardwon.languages.step.linting.probing import probe
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

DEFAULT = (Setting({}, 0),)


@pytest.fixture(autouse=True)
def _untouched_generator() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


def function(name: str, body: str, *, inputs: int = 1, dtype: str = "fp32") -> FunctionSpec:
    return FunctionSpec(
        name=name,
        func_name=f"fn_{name}",
        apply=body,
        input_dtype=(dtype,) * inputs,
        output_dtype=(dtype,),
    )


GOOD = Task(
    test_name="tiny/scaled",
    inputs=(TensorSpec(name="E0", dtype=("fp32",), dims=("N", "M"), data_gen="torch.randn"),),
    parameters=(TensorSpec(name="W", dtype=("fp32",), dims=("1",), data_gen="torch.randn"),),
    fns=(function("scale", "return [input[0] * input_data['W'][0]]"),),
    outputs=(
        OutputSpec(
            name="S0",
            dtype=("fp32",),
            dims=("N", "M"),
            data_transform=("input_data['E0'] * input_data['W']",),
        ),
    ),
)


def with_reference(code: str, task: Task = GOOD) -> Task:
    output = task.outputs[0].model_copy(update={"data_transform": (code,)})
    return task.model_copy(update={"outputs": (output,)})


def with_body(body: str) -> Task:
    return GOOD.model_copy(update={"fns": (function("scale", body),)})


def remarks(task: Task, settings: tuple[Setting, ...] = DEFAULT) -> dict[str, Remark]:
    return {remark.rule: remark for remark in probe(task, settings)}


def test_a_sound_task_draws_no_remark() -> None:
    assert remarks(GOOD) == {}


def test_a_reference_that_fails_is_the_only_error() -> None:
    found = remarks(with_reference("input_data['E0'] @ 'x'"))
    assert list(found) == ["task-fails"]
    assert found["task-fails"].severity is Severity.ERROR


def test_a_reference_that_draws_random_numbers_is_unstable() -> None:
    code = "input_data['E0'] * input_data['W'] + torch.rand(1)"
    assert remarks(with_reference(code))["unstable-reference"].severity is Severity.ERROR


def test_a_reference_that_keeps_state_is_unstable() -> None:
    task = with_reference("calls.append(1)\ninput_data['E0'] * len(calls) * input_data['W']")
    assert "unstable-reference" in remarks(task.model_copy(update={"global_code": "calls = []"}))


def test_a_function_that_fails_is_named() -> None:
    found = remarks(with_body("return [input[0] @ input[0]]"))["function-fails"]
    assert found.where == ("fns", "fn_scale")
    assert found.severity is Severity.ERROR


def test_a_function_that_always_fails_is_not_blamed_on_sizes() -> None:
    assert list(remarks(with_body("return [input[0] @ input_data['W']]"))) == ["function-fails"]


def test_a_function_that_returns_another_shape_fails() -> None:
    found = remarks(with_body("return [torch.ones(3) * input_data['W']]"))["function-fails"]
    assert "expected a tensor of shape ()" in found.message


def test_a_function_that_draws_random_numbers_is_unstable() -> None:
    found = remarks(with_body("return [input[0] * torch.rand(()) * input_data['W'][0]]"))
    assert found["unstable-function"].severity is Severity.ERROR


def test_a_function_that_changes_its_input_is_told() -> None:
    found = remarks(with_body("return [input[0].mul_(input_data['W'][0])]"))
    assert found["mutates-input"].where == ("fns", "fn_scale")


def test_a_function_that_reads_an_input_stream_is_told() -> None:
    found = remarks(with_body("return [input_data['E0'].sum() * input_data['W'][0]]"))
    assert "E0" in found["reads-input-stream"].message


def test_a_function_that_reads_all_of_input_data_is_told() -> None:
    found = remarks(with_body("return [sum(v.sum() for v in input_data.values())]"))
    assert "reads-input-stream" in found


def test_values_that_are_no_multi_hot_are_told() -> None:
    spec = function("pick", "return [torch.full((E_value,), 0.5)]").model_copy(
        update={"output_dtype": ("Multihot(fp32, E)",)}
    )
    task = GOOD.model_copy(update={"fns": (*GOOD.fns, spec), "global_code": "ctx[E] = 2"})
    assert remarks(task)["not-multi-hot"].where == ("fns", "fn_pick")


def test_an_input_that_no_result_depends_on_is_unused() -> None:
    extra = TensorSpec(name="E1", dtype=("fp32",), dims=("M",), data_gen="torch.randn")
    found = remarks(GOOD.model_copy(update={"inputs": (*GOOD.inputs, extra)}))
    assert list(found) == ["unused-input"]
    assert found["unused-input"].where == ("inputs", 1)
    assert found["unused-input"].severity is Severity.WARNING


def test_an_unused_input_of_constant_data_is_only_noted() -> None:
    extra = TensorSpec(name="E1", dtype=("fp32",), dims=("M",), data_gen="torch.ones")
    found = remarks(GOOD.model_copy(update={"inputs": (*GOOD.inputs, extra)}))
    assert found["unused-input"].severity is Severity.NOTE


def test_a_parameter_that_nothing_reads_is_unused() -> None:
    extra = TensorSpec(name="V", dtype=("fp32",), dims=("K",), data_gen="torch.randn")
    found = remarks(GOOD.model_copy(update={"parameters": (*GOOD.parameters, extra)}))
    assert "no function reads it" in found["unused-parameter"].message


def test_a_parameter_that_only_the_reference_reads_is_out_of_reach() -> None:
    found = remarks(with_body("return [input[0] * 2]"))
    assert found["parameter-out-of-reach"].where == ("parameters", 0)


def test_a_reference_that_ignores_everything_is_a_constant() -> None:
    found = remarks(with_reference("torch.arange(35.0).reshape(5, 7)"))
    assert found["constant-output"].severity is Severity.ERROR


def test_an_output_whose_values_are_all_the_same_is_flat() -> None:
    found = remarks(with_reference("(input_data['E0'] * input_data['W']) * 0"))
    assert "all 35 values of S0 are" in found["flat-output"].message


def test_a_reference_that_divides_by_zero_is_not_finite() -> None:
    assert "not-finite" in remarks(with_reference("input_data['E0'] * input_data['W'] / 0"))


def test_a_reference_that_rounding_decides_is_told() -> None:
    code = "x = input_data['E0'] * input_data['W']\n(x + 1e8) - 1e8"
    assert "decided-by-rounding" in remarks(with_reference(code))


def test_sizes_that_break_a_reference_are_found_without_being_asked_for() -> None:
    code = "(input_data['E0'] * input_data['W']).reshape(5, -1).reshape(M_value, N_value)"
    found = remarks(with_reference(code))["sizes-break-task"]
    assert found.severity is Severity.WARNING
    assert "M = 1" in found.message


def test_declared_constraints_excuse_the_sizes_that_they_exclude() -> None:
    spec = function("best", "return [input[0].topk(3).values[:1]]", dtype="Buffer(fp32, [K])")
    code = "input_data['E0'] * input_data['W']"
    task = with_reference(code).model_copy(update={"fns": (*GOOD.fns, spec)})
    assert "fn_best" in remarks(task)["sizes-break-task"].message
    fixed = task.model_copy(update={"constraints": ("K >= 3",)})
    assert "sizes-break-task" not in remarks(fixed)


def test_a_constraint_that_the_default_sizes_break_is_an_error() -> None:
    found = remarks(GOOD.model_copy(update={"constraints": ("M > 9",)}))
    assert found["constraint-broken"].severity is Severity.ERROR
