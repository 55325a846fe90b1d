"""Structural IR: task files in, task files out, and programs read out of models' answers."""

from hardwon.ir.answer_text import without_thoughts
from hardwon.ir.impl_reader import MAX_ANSWER_BYTES, extract_impl
from hardwon.ir.problems import Problem, TaskFileError
from hardwon.ir.task_reader import load_task, parse_task
from hardwon.ir.task_writer import dump_task

__all__ = [
    "MAX_ANSWER_BYTES",
    "Problem",
    "TaskFileError",
    "dump_task",
    "extract_impl",
    "load_task",
    "parse_task",
    "without_thoughts",
]
