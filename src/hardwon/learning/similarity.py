"""How alike two tasks are, judged by their content alone.

Nothing here knows a language: types and bodies are text, compared by the words in them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from hardwon.records import Task

_TOKEN = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d*)?(?:e[+-]?\d+)?|[^\w\s]")


class _Features(NamedTuple):
    """A task as bags of words. Its names are left out: they are the author's whim."""

    streams: Counter[str]
    """Types and dimensions of inputs and outputs, each told apart."""
    functions: Counter[str]
    """What kind of function goes from which types to which."""
    bodies: Counter[str]
    """The words of the functions' bodies."""


def similarity(one: Task, other: Task) -> float:
    """Return how alike two tasks are, from 0 (nothing in common) to 1 (the same but for names).

    It is the mean, over types of inputs and outputs, signatures of functions, and words of their
    bodies, of the share of entries that both have (Ruzicka's: sum of minima over sum of maxima).
    """
    mine, others = _features(one), _features(other)
    return sum(map(_shared, mine, others)) / len(mine)


def _shared(one: Counter[str], other: Counter[str]) -> float:
    larger = (one | other).total()
    return (one & other).total() / larger if larger else 1.0


@lru_cache(maxsize=4096)
def _features(task: Task) -> _Features:
    return _Features(
        streams=Counter(_streams(task)),
        functions=Counter(
            f"{'fold' if fn.is_fold else 'plain'} {fn.input_dtype} {fn.output_dtype}"
            for fn in task.fns
        ),
        bodies=Counter(_words(fn.apply for fn in task.fns)),
    )


def _streams(task: Task) -> Iterator[str]:
    for role, items in (
        ("input", task.inputs),
        ("parameter", task.parameters),
        ("output", task.outputs),
    ):
        for item in items:
            yield from (f"{role} type {dtype}" for dtype in item.dtype)
            yield f"{role} rank {len(item.dims)}"
            yield f"{role} dims {' '.join(item.dims)}"


def _words(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from _TOKEN.findall(text)
