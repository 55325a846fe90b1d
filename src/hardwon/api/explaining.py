"""Explains a program: the type of every stream, and the dataflow graph."""

import asyncio
from collections.abc import Mapping

from hardwon.api.errors import UsageError
from hardwon.judge import Judge
from hardwon.languages import Annotates, Annotation, get_language
from hardwon.languages.protocol import TaskError
from hardwon.records import Task


def explain(task: Task, impl: str) -> Annotation:
    """Return a program with what is known of its streams; errors are part of the explanation.

    Only the task's `global` code is run, to learn the sizes that it binds.

    Raises:
        UsageError: if the task is broken or its language pack cannot explain programs.
        JudgeError: if the judge cannot work here.
    """
    language = get_language(task.language)
    if not isinstance(language, Annotates):
        raise UsageError(f"the language pack {task.language} cannot explain programs")

    async def sizes() -> Mapping[str, int]:
        async with Judge() as judge:
            return await judge.sizes(task)

    try:
        return language.annotate(task, impl, asyncio.run(sizes()))
    except TaskError as error:
        raise UsageError(f"{task.test_name}: {error}") from error
