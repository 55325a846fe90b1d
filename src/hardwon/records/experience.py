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
    """Share of correct samples, 0 < rate <= 1, at the best temperature of the iteration that solved
    the task. What was searched for is rated by all samples of the task before it as well."""
    correct: int
    """Numerator of the success rate."""
    samples: int
    """Denominator of the success rate."""
    iteration: int
    """The iteration that solved it, from 0; -1 if it came from elsewhere."""
