"""What statements cost: plain preferences, and what demonstrations take off.

Costs are whole numbers, in quarters of an unremarkable statement, so that a program's cost is an
exact sum and statements can be put on shelves by it.
"""

import random
from dataclasses import dataclass

from hardwon.languages.step.dims import Dim
from hardwon.languages.step.synthesis.search.lessons import Evidence, Maker, Pair

STATEMENT = 4
"""An unremarkable statement."""


@dataclass(frozen=True)
class Costs:
    """Costs of the parts of statements, in quarters."""

    evidence: Evidence
    kept: frozenset[Dim]
    """The dimensions of the results."""
    start: frozenset[Pair] = frozenset()
    """Those of the program that a repair starts from."""
    seed: int = 0
    """Varies the order among similar costs; 0 leaves it alone."""

    spread: int = 4
    """Per argument whose elements are repeated to fill a buffer."""
    broadcast: int = 2
    """Where no argument has all stream dimensions of the statement."""
    same_again: int = 8
    """Per pair of arguments that are the same value."""
    repeated: int = 5
    """Per function that the arguments have been through already."""
    repeated_pair: int = 2
    """The same where a demonstration shows the consumer fed by this producer: what recurs from one
    program to the next may recur within one."""
    repeated_fragment: int = 0
    """The same where it shows the producer fed in the same way besides."""
    unrelated: int = 2
    """Where several arguments were computed and none has the others among its ancestors."""
    branch_alone: int = 6
    """Mapping a function that looks like one of several alternatives; see `Space.branches`."""
    idle_branch: int = 2
    """Per branch that passes its tokens on as they are."""
    odd_branches: int = 4
    """Branches in another order than their functions are declared in, or some of them alike."""
    scan: int = 2
    """Keeping every state of a fold instead of the last."""
    deeper: int = 2
    """Folding more than one dimension."""
    size: int = 1
    """Per dimension of the result but the first: work on fewer elements comes first."""
    lost: int = 1
    """Per dimension of the results that is folded away."""
    complete: int = 6
    """Taken off the place in the queue, where all functions are used."""
    started: int = 2
    """Taken off where the program to start from does the same."""
    learned: float = 1.2
    """Quarters taken off per point of the evidence."""

    def mode(self, key: str, primitive: str, b: int, dims: tuple[Dim, ...]) -> int:
        """Return what a way of folding adds."""
        cost = (self.scan if primitive == "Scan" else 0) + (self.deeper if b > 1 else 0)
        if primitive == "Accum":
            cost += self.lost * sum(dim in self.kept for dim in dims[:b])
        score = self.evidence.modes.get((key, f"{primitive} {b}"), 0.0)
        return cost - min(cost, round(self.learned * score))

    def pair(self, producer: str, consumer: str, slot: int, width: int, total: int) -> int:
        """Return what a stream of this producer adds as an argument; never more than nothing."""
        pairs = self.evidence.pairs
        score = sum(pairs.get((producer, consumer, slot + at), 0.0) for at in range(width)) / total
        begun = any((producer, consumer, slot + at) in self.start for at in range(width))
        return -round(self.learned * score) - self.started * begun

    def again(self, maker: Maker, consumer: str, slot: int, width: int) -> int:
        """Return what each repeated function costs with a stream of this maker as an argument."""
        places = range(slot, slot + width)
        if any((maker, consumer, place) in self.evidence.fragments for place in places):
            return self.repeated_fragment
        if any((maker[0], consumer, place) in self.evidence.pairs for place in places):
            return self.repeated_pair
        return self.repeated

    def jitter(self, what: str) -> int:
        """Return a small number that depends on the seed."""
        return random.Random(f"{self.seed} {what}").randint(0, 2) if self.seed else 0
