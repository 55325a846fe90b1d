"""Filtering, sigma of Algorithm 1: one answer per newly solved task."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hardwon.learning.outcomes import Outcome
from hardwon.learning.registry import named
from hardwon.records import Experience


class Filter(Protocol):
    """Chooses the answer by which a newly solved task is remembered."""

    def __call__(self, outcome: Outcome, rng: random.Random) -> Experience:
        """Return the experience.

        Raises:
            ValueError: if no sample is correct.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A correct answer."""

    impl: str
    form: str
    lines: int


def keep_best(outcome: Outcome, rng: random.Random) -> Experience:
    """Keep a shortest answer, as the paper does.

    Correct answers are grouped by normal form. Each group is represented by a random member, so
    that comments, which can work as a chain of thought, survive by chance; among these the one
    with the fewest lines of code is kept (minimum description length), the earliest of equal ones.

    Raises:
        ValueError: if no sample is correct.
    """
    representatives = [rng.choice(members) for members in _by_form(outcome)]
    return _experience(outcome, min(representatives, key=lambda candidate: candidate.lines))


def keep_random(outcome: Outcome, rng: random.Random) -> Experience:
    """Keep any correct answer: one random member of a random group of equal normal form.

    Raises:
        ValueError: if no sample is correct.
    """
    return _experience(outcome, rng.choice(rng.choice(_by_form(outcome))))


def keep_first(outcome: Outcome, rng: random.Random) -> Experience:
    """Keep the earliest correct answer of the first temperature of the plan that has one.

    Raises:
        ValueError: if no sample is correct.
    """
    del rng
    return _experience(outcome, _candidates(outcome)[0])


FILTERS: Mapping[str, Filter] = {
    "shortest": keep_best,
    "random": keep_random,
    "first": keep_first,
}
"""Every filter by name; `shortest` is the paper's."""


def filter_named(name: str) -> Filter:
    """Return a filter.

    Raises:
        UnknownNameError: if there is none of that name; the message lists those that exist.
    """
    return named("filter", FILTERS, name)


def _candidates(outcome: Outcome) -> Sequence[_Candidate]:
    found = [
        _Candidate(sample.answer.impl, sample.verdict.normal_form, sample.verdict.code_lines)
        for sample in outcome.correct
        if sample.answer.impl is not None
        and sample.verdict.normal_form is not None
        and sample.verdict.code_lines is not None
    ]
    if not found:
        raise ValueError(f"no sample of {outcome.task.test_name} is correct")
    return found


def _by_form(outcome: Outcome) -> list[list[_Candidate]]:
    """Return the correct answers, grouped by normal form.

    Raises:
        ValueError: if there is none.
    """
    groups: dict[str, list[_Candidate]] = {}
    for candidate in _candidates(outcome):
        groups.setdefault(candidate.form, []).append(candidate)
    return list(groups.values())


def _experience(outcome: Outcome, kept: _Candidate) -> Experience:
    best = outcome.best
    return Experience(
        task=outcome.task,
        impl=kept.impl,
        normal_form=kept.form,
        code_lines=kept.lines,
        success_rate=best.success_rate,
        correct=best.correct,
        samples=len(best.samples),
        iteration=outcome.iteration,
    )
