"""A task's code with data to run on, and how tensors and errors of it are compared and told."""

import random
from collections.abc import Mapping, Sequence

import torch

from hardwon.languages.protocol import Setting
from hardwon.languages.step.linting.bodies import Tensors
from hardwon.languages.step.simulator.equality import equal
from hardwon.languages.step.simulator.namespace import Namespace, build_namespace, draw_inputs
from hardwon.records import Task

Results = list[Tensors]
"""What the references return: one list per output with one tensor per component."""

_LONGEST = 200
"""Characters of an error that a remark quotes."""


def open_space(task: Task, setting: Setting) -> Namespace:
    """Return the task's namespace at a setting, with inputs drawn.

    Raises:
        TaskError: if the task's `global` fails, or the data cannot be drawn.
    """
    space = build_namespace(task, setting.sizes, setting.seed)
    draw_inputs(space, setting.seed)
    return space


def reseed(seed: int) -> None:
    """Put hidden sources of randomness into a known state, so that their use shows."""
    torch.manual_seed(seed)
    random.seed(seed)


def same(left: Sequence[torch.Tensor], right: Sequence[torch.Tensor]) -> bool:
    """Whether tensors have the same shapes and values, in order."""
    return len(left) == len(right) and all(
        a.shape == b.shape and bool(equal(a, b).all()) for a, b in zip(left, right, strict=True)
    )


def is_multihot(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds nothing but zeros and ones."""
    return bool(((tensor == 0) | (tensor == 1)).all())


def sizes_text(sizes: Mapping[str, int]) -> str:
    """Return sizes for people."""
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def short(error: Exception) -> str:
    """Return an error's text on one line, cut off where it gets long."""
    text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
