"""Failures by cause: what went wrong first, and the example that came nearest."""

import re
from collections import Counter
from typing import Final

from hardwon.records import Answer, Finish, Verdict
from hardwon.report.contents import Cause, Failure

NO_PROGRAM: Final = "no program"
_PARTICULAR = re.compile(r"'[^']*'|`[^`]*`|\"[^\"]*\"|\[[^\]]*\]|\b\w*\d\w*\b")
_ENDS: Final = {
    Finish.LENGTH: "the answer was cut off at the limit of tokens",
    Finish.REFUSAL: "the model refused",
    Finish.EMPTY: "the model's answer was empty",
    Finish.FAILED: "no answer came from the model",
}
_LONGEST = 160
"""Letters of a message that tell kinds apart."""


class Failures:
    """Collects failures of one task; keeps one example of each kind, however many there are."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._nearest: dict[tuple[str, str], tuple[tuple[float, int], Failure]] = {}

    def add(
        self,
        place: tuple[int, float],
        answer: Answer,
        verdict: Verdict,
        *,
        finish: Finish | None = None,
    ) -> None:
        """Take in one judged sample; correct ones are none of its business.

        Args:
            place: iteration and temperature.
            answer: the sample.
            verdict: what the judge said of it.
            finish: how the last completion of a model ended that led to it.
        """
        if verdict.correct:
            return
        first = verdict.errors[0] if verdict.errors else None
        if answer.impl is None:
            cause = (NO_PROGRAM, _ENDS.get(finish, "") if finish else "")
        else:
            stage = first.stage if first else verdict.stage
            kind = (first.rule or _general(first.message)) if first else ""
            cause = (str(stage or "unknown"), kind)
        self._counts[cause] += 1
        difference = first.difference if first else None
        wrong = difference.differing / max(1, difference.total) if difference else 1.0
        distance = (wrong, len(answer.impl or ""))
        if cause not in self._nearest or distance < self._nearest[cause][0]:
            failure = Failure(
                iteration=place[0],
                temperature=place[1],
                index=answer.index,
                impl=answer.impl,
                line=first.line if first else None,
                message=first.message if first else "",
                note=answer.note,
            )
            self._nearest[cause] = (distance, failure)

    def causes(self) -> tuple[Cause, ...]:
        """Return what was collected, most frequent first."""
        ranked = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(
            Cause(stage=cause[0], kind=cause[1], count=count, example=self._nearest[cause][1])
            for cause, count in ranked
        )


def _general(message: str) -> str:
    """Return a message without names, numbers and shapes, so that alike ones are the same."""
    return _PARTICULAR.sub("…", message[:_LONGEST])
