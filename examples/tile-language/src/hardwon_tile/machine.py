"""What instructions compute, in float64. Programs are data here: nothing of a task is executed."""

from collections.abc import Callable, Mapping, Sequence

import torch

from hardwon.records import Task, TensorSpec
from hardwon_tile.checking import size_of
from hardwon_tile.syntax import Instruction, Size

Values = Mapping[str, torch.Tensor]

_COMPUTES: dict[str, Callable[..., torch.Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "max": torch.maximum,
    "neg": torch.neg,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "flip": torch.t,
    "dot": torch.matmul,
}


def extent(side: str, sizes: Mapping[str, int]) -> int:
    """Return how long a side is."""
    return int(side) if side.isdecimal() else sizes[side]


def draw(task: Task, sizes: Mapping[str, int], seed: int) -> dict[str, torch.Tensor]:
    """Return the inputs of a task, in the shapes that its references expect."""
    generator = torch.Generator().manual_seed(seed)
    return {item.name: _drawn(item, sizes, generator) for item in task.inputs}


def execute(
    task: Task, program: Sequence[Instruction], inputs: Values, sizes: Mapping[str, int]
) -> dict[str, torch.Tensor]:
    """Return the outputs of a program that type-checks, as tiles."""
    specs = {item.name: item for item in task.inputs}
    tiles: dict[str, torch.Tensor] = {}
    made: dict[str, Size] = {}
    outputs: dict[str, torch.Tensor] = {}
    for item in program:
        taken = [tiles[name] for name in item.reads]
        match item.op:
            case "free":
                continue
            case "store":
                outputs[item.first] = taken[0]
                continue
            case "load":
                rows, columns = (extent(side, sizes) for side in size_of(specs[item.operands[0]]))
                result = inputs[item.operands[0]].double().reshape(rows, columns)
            case "fill":
                rows, columns = (extent(side, sizes) for side in item.size)
                result = torch.full((rows, columns), float(item.operands[0]), dtype=torch.float64)
            case "sum" | "top":
                source = made[item.reads[0]]
                axes = [axis for axis in (0, 1) if item.size[axis] != source[axis]]
                reduce = torch.sum if item.op == "sum" else torch.amax
                result = reduce(taken[0], dim=axes, keepdim=True)
            case _:
                result = _COMPUTES[item.op](*taken)
        tiles[item.first], made[item.first] = result, item.size
    return outputs


def _drawn(spec: TensorSpec, sizes: Mapping[str, int], generator: torch.Generator) -> torch.Tensor:
    shape = [extent(dim, sizes) for dim in reversed(spec.dims)]
    match spec.data_gen:
        case "torch.ones":
            return torch.ones(shape)
        case "binary":
            return torch.randint(0, 2, shape, generator=generator).float()
        case "torch.rand":
            return torch.rand(shape, generator=generator)
    return torch.randn(shape, generator=generator)
