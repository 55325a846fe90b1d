"""What a task asks for, as a report shows it."""

from collections.abc import Sequence

from hardwon.records import FunctionSpec, Task, TensorSpec
from hardwon.report import Port, Question, Reference, Unit


def question_of(task: Task) -> Question:
    """Return what a task asks for, in the words of its file."""
    return Question(
        inputs=(
            *(_port(tensor, parameter=False) for tensor in task.inputs),
            *(_port(tensor, parameter=True) for tensor in task.parameters),
        ),
        units=tuple(map(_unit, task.fns)),
        references=tuple(
            Reference(
                name=output.name,
                type=_type(output.dtype, output.dims),
                code=tuple(block.strip("\n") for block in output.data_transform),
            )
            for output in task.outputs
        ),
        constraints=task.constraints,
        global_code=task.global_code.strip("\n"),
    )


def _port(tensor: TensorSpec, *, parameter: bool) -> Port:
    return Port(name=tensor.name, type=_type(tensor.dtype, tensor.dims), parameter=parameter)


def _unit(function: FunctionSpec) -> Unit:
    return Unit(
        name=function.func_name,
        type=f"{_tuple(function.input_dtype)} → {_tuple(function.output_dtype)}",
        code=function.apply.strip("\n"),
        init=function.init,
    )


def _tuple(dtype: Sequence[str]) -> str:
    return dtype[0] if len(dtype) == 1 else f"({', '.join(dtype)})"


def _type(dtype: Sequence[str], dims: Sequence[str]) -> str:
    return f"{_tuple(dtype)} [{', '.join(dims)}]"
