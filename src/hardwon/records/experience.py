"""A solved task, remembered: the unit of demonstration (paper, Algorithm 1: an element of D)."""

from hardwon.records.base import Record
from hardwon.records.task import Task


class Experience(Record):
    """One verified answer of one task, with how hard it was to get."""

    task: Task
    """The question; its `impl` is always None."""
    impl: str
    normal_form: str
    code_lines: int
    success_rate: float
    """Share of correct samples, 0 < rate <= 1, when the task was first solved."""
    correct: int
    """Numerator of the success rate."""
    samples: int
    """Denominator of the success rate."""
    iteration: int
    """The iteration that solved it, from 0."""
