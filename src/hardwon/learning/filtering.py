"""Filtering, sigma of Algorithm 1: one answer per newly solved task."""

import random

from hardwon.learning.outcomes import Outcome
from hardwon.records import Experience


def keep_best(outcome: Outcome, rng: random.Random) -> Experience:
    """Return the answer by which a solved task is remembered.

    Correct answers are grouped by normal form. Each group is represented by a random member, so
    that comments, which can work as a chain of thought, survive by chance; among these the one
    with the fewest lines of code is kept (minimum description length), the earliest of equal ones.

    Raises:
        ValueError: if no sample is correct.
    """
    groups: dict[str, list[tuple[str, int]]] = {}
    for sample in outcome.correct:
        impl, form, lines = (
            sample.answer.impl,
            sample.verdict.normal_form,
            sample.verdict.code_lines,
        )
        if impl is not None and form is not None and lines is not None:
            groups.setdefault(form, []).append((impl, lines))
    if not groups:
        raise ValueError(f"no sample of {outcome.task.test_name} is correct")
    representatives = [(form, *rng.choice(members)) for form, members in groups.items()]
    form, impl, lines = min(representatives, key=lambda entry: entry[2])
    best = outcome.best
    return Experience(
        task=outcome.task,
        impl=impl,
        normal_form=form,
        code_lines=lines,
        success_rate=best.success_rate,
        correct=best.correct,
        samples=len(best.samples),
        iteration=outcome.iteration,
    )
