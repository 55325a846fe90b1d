"""Runs for tests of the evaluation, written as strings."""

from collections.abc import Mapping, Sequence

from hardwon.evaluation import Run
from hardwon.evaluation.runs import Iteration, Sampled
from hardwon.records import Experience, Usage
from support import toy_task

STEPS = 10
"""What a sample costs."""


def make_run(
    *iterations: Mapping[str, str],
    name: str = "run",
    tokens: int = 0,
    strata: Sequence[int] = (),
    demonstrations: Sequence[int] = (),
    temperature: float = 1.0,
    **settings: object,
) -> Run:
    """Return a run over tasks with one-letter names.

    Each iteration maps a task to its samples. A capital letter is a correct sample, a small one a
    wrong sample; equal letters of one case have one normal form. A question mark is a program that
    could not be read, and a dash a sample without a program.
    """
    tasks = {
        letter: toy_task(f"toy/{letter}", reference=f"E0 + {ord(letter)}")
        for letter in iterations[0]
    }
    solved: dict[str, Experience] = {}
    rows = []
    for index, attempted in enumerate(iterations):
        samples = [
            Sampled(
                task=tasks[task].digest,
                iteration=index,
                temperature=temperature,
                index=at,
                impl=None if mark == "-" else f"return E0  # {mark} {at}",
                correct=mark.isupper(),
                form=mark if mark.isalpha() else None,
                usage=Usage(steps=STEPS, input_tokens=tokens),
            )
            for task, marks in attempted.items()
            for at, mark in enumerate(marks)
        ]
        for task, marks in attempted.items():
            right = [mark for mark in marks if mark.isupper()]
            if right:
                solved[task] = Experience(
                    task=tasks[task],
                    impl=f"return E0  # {right[0]}",
                    normal_form=right[0],
                    code_lines=1,
                    success_rate=len(right) / len(marks),
                    correct=len(right),
                    samples=len(marks),
                    iteration=index,
                )
        rows.append(
            Iteration(
                index=index,
                stratum=strata[index] if strata else 0,
                demonstrations=demonstrations[index] if demonstrations else 0,
                tasks=tuple(tasks[task].digest for task in attempted),
                samples=tuple(samples),
            )
        )
    return Run(
        name=name,
        configuration={"model": "offline", "granularity": 3, **settings},
        tasks=tuple(tasks.values()),
        iterations=tuple(rows),
        experiences=tuple(solved.values()),
        ending="done",
    )
