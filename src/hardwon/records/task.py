"""A task: one operator to write, as stated in structural IR (paper, section 3; see `hardwon.ir`).

Types and dimensions are kept as the text of the task's language: only its language pack can read
them. That is what lets the learning loop handle tasks of any language.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from hardwon.records.base import Record, digest_of

DEFAULT_GROUP = "tasks"


class TensorSpec(Record):
    """An input stream or a parameter (a weight, visible to bodies and references only)."""

    name: str
    dtype: tuple[str, ...]
    """One entry per tuple component; a plain type has exactly one."""
    dims: tuple[str, ...]
    """Symbols, integers or products of them, innermost first."""
    data_gen: str | None = None
    """How values are drawn; None for inputs that are drawn by `min` and `max`."""
    min: int | None = None
    """Least number of ones per multi-hot vector."""
    max: int | None = None
    """Greatest number of ones per multi-hot vector."""


class FunctionSpec(Record):
    """A specialised function of the hardware."""

    name: str
    """The unit; several functions may share it."""
    func_name: str
    """The name that programs use; unique in a task."""
    apply: str
    """Body in Python over `input` (and `state` in folds): lists, one tensor per component."""
    init: tuple[float, ...] | None = None
    """A fold's initial state, one number per output component; None for a plain function."""
    input_dtype: tuple[str, ...]
    output_dtype: tuple[str, ...]

    @property
    def is_fold(self) -> bool:
        """Whether the function carries a state, as Accum, Scan and Merge need."""
        return self.init is not None


class OutputSpec(Record):
    """One result of the operator, with its PyTorch reference."""

    name: str
    dtype: tuple[str, ...]
    dims: tuple[str, ...]
    data_transform: tuple[str, ...]
    """One block per component: statements, then one expression on the last line."""


class Task(Record):
    """One operator: what goes in, what must come out, and the functions the hardware offers."""

    test_name: str
    language: str = "step"
    """Name of the language pack that reads the types and judges the answers."""
    global_code: str = ""
    """Python that is run once per size setting, in the task's namespace."""
    inputs: tuple[TensorSpec, ...]
    parameters: tuple[TensorSpec, ...] = ()
    fns: tuple[FunctionSpec, ...]
    outputs: tuple[OutputSpec, ...]
    constraints: tuple[str, ...] = ()
    """Conditions on sizes under which the task makes sense, e.g. `D % 2 == 0`."""
    impl: str | None = None
    """The answer; None in an open task."""

    @property
    def group(self) -> str:
        """The part of the name before the slash, fit for a folder name."""
        head, slash, _ = self.test_name.partition("/")
        return _slug(head) if slash else DEFAULT_GROUP

    @property
    def short_name(self) -> str:
        """The part of the name after the slash, fit for a file name."""
        head, slash, tail = self.test_name.partition("/")
        return _slug(tail if slash else head)

    @cached_property
    def digest(self) -> str:
        """Content hash of the question: everything but the answer."""
        return digest_of(self.model_dump(mode="json", exclude={"impl"}))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """See `pydantic.BaseModel.model_copy`; the copy's digest is its own."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("digest", None)
        return copy

    @property
    def question(self) -> "Task":
        """The same task without its answer, as proposers see it."""
        return self.model_copy(update={"impl": None})


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text) or "_"
