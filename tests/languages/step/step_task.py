"""One small task for programs that are written out in tests."""

from hardwon.languages.step.reading import Analysis, analyse
from hardwon.records import Diagnostic, FunctionSpec, OutputSpec, Task, TensorSpec

SIZES = {"M": 5, "N": 7, "K": 9, "D": 16, "E": 3}


def tensor(name: str, dtype: str | tuple[str, ...], *dims: str) -> TensorSpec:
    items = (dtype,) if isinstance(dtype, str) else dtype
    if "Multihot" in items[0]:
        return TensorSpec(name=name, dtype=items, dims=dims, min=0, max=2)
    return TensorSpec(name=name, dtype=items, dims=dims, data_gen="torch.randn")


def function(
    name: str,
    body: str,
    takes: str | tuple[str, ...],
    gives: str | tuple[str, ...],
    *init: float,
) -> FunctionSpec:
    return FunctionSpec(
        name=name.removeprefix("fn_").title(),
        func_name=name,
        apply=body,
        init=init or None,
        input_dtype=(takes,) if isinstance(takes, str) else takes,
        output_dtype=(gives,) if isinstance(gives, str) else gives,
    )


def output(name: str, dtype: str, *dims: str) -> OutputSpec:
    return OutputSpec(name=name, dtype=(dtype,), dims=dims, data_transform=("torch.zeros(1)",))


ROW = "Buffer(fp32, [D])"

TASK = Task(
    test_name="unit/task",
    global_code="ctx[E] = 3",
    inputs=(
        tensor("x", "fp32", "K", "N", "M"),
        tensor("y", "fp32", "N", "M"),
        tensor("rows", ROW, "N", "M"),
        tensor("pairs", ("fp32", "fp32"), "N", "M"),
        tensor("hot", "Multihot(fp32, E)", "N", "M"),
        tensor("flat", "fp32", "N*M"),
    ),
    parameters=(tensor("W", "fp32", "K"),),
    fns=(
        function("fn_neg", "return [-input[0]]", "fp32", "fp32"),
        function("fn_abs", "return [input[0].abs()]", "fp32", "fp32"),
        function("fn_sub", "return [input[0] - input[1]]", ("fp32", "fp32"), "fp32"),
        function("fn_split", "return [input[0], -input[0]]", "fp32", ("fp32", "fp32")),
        function("fn_row", "return [input[0] * 2]", ROW, ROW),
        function("fn_sum", "return [state[0] + input[0]]", "fp32", "fp32", 0.0),
        function("fn_dot", "return [state[0] + input[0] * input[1]]", ("fp32", "fp32"), "fp32", 0),
        function("fn_rows", "return [state[0] + input[0]]", ROW, ROW, 0.0),
    ),
    outputs=(output("S0", "fp32", "N", "M"),),
)
"""Inputs of every kind, functions of most; its one result is a stream like y."""


def analysis_of(text: str, task: Task = TASK) -> Analysis:
    return analyse(task, text, SIZES)


def errors_of(text: str, task: Task = TASK) -> list[Diagnostic]:
    return list(analysis_of(text, task).reading.errors)


def returning(*outputs: OutputSpec) -> Task:
    """Return the task with other outputs."""
    return TASK.model_copy(update={"outputs": outputs})
