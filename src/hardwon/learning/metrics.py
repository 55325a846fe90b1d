"""pass@k and its ingredients (paper, section 4.1)."""

from collections.abc import Sequence
from math import comb


def pass_at_k(counts: Sequence[tuple[int, int]], k: int) -> float:
    """Return pass@k: the mean over tasks of 1 - C(n - c, k) / C(n, k).

    Args:
        counts: (n, c) per task: samples and correct ones among them.
        k: how many samples one may try, at most the smallest n.

    Raises:
        ValueError: if there are no tasks, or fewer samples than k of one of them.
    """
    if not counts:
        raise ValueError("pass@k needs at least one task")
    if k < 1 or any(n < k for n, _ in counts):
        raise ValueError(f"pass@{k} needs at least {k} samples of every task")
    return sum(1 - comb(n - c, k) / comb(n, k) for n, c in counts) / len(counts)
