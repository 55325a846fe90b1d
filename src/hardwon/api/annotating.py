"""Programs with the types of their streams, or the reasons why there are none."""

import asyncio
from collections.abc import Mapping, Sequence

from hardwon.judge import Judge, JudgeError
from hardwon.languages import Annotates, Annotation, UnknownLanguageError, get_language
from hardwon.languages.protocol import TaskError
from hardwon.records import Task

Explanation = Annotation | str
"""A program with its types, or the reason why there are none."""


def explained(programs: Sequence[tuple[Task, str]]) -> dict[str, Explanation]:
    """Return the explanation of each task's program, by the task's digest.

    Tasks' own `global` code is run for that, confined as the judge does it, since types need sizes.
    """
    if not programs:
        return {}
    return asyncio.run(_explained(programs))


async def _explained(programs: Sequence[tuple[Task, str]]) -> dict[str, Explanation]:
    try:
        async with Judge() as judge:
            sizes = await asyncio.gather(
                *(judge.sizes(task) for task, _ in programs), return_exceptions=True
            )
    except JudgeError as error:
        return {task.digest: f"the judge cannot work here: {error}" for task, _ in programs}
    return {
        task.digest: _explanation(task, impl, found)
        for (task, impl), found in zip(programs, sizes, strict=True)
    }


def _explanation(task: Task, impl: str, sizes: Mapping[str, int] | BaseException) -> Explanation:
    if isinstance(sizes, JudgeError | TaskError | UnknownLanguageError):
        return f"the sizes of the task are not known: {sizes}"
    if isinstance(sizes, BaseException):
        raise sizes
    language = get_language(task.language)
    if not isinstance(language, Annotates):
        return f"the language pack {task.language} cannot explain programs"
    return language.annotate(task, impl, sizes)
