"""Numbers that know which weights they are made of.

Scores are sums of weights. Computed with these numbers in place of plain ones, the same code yields
a score and what each weight contributes to it: all that fitting the weights needs.
"""

from collections.abc import Iterable, Mapping

Feature = tuple[str, ...]
"""What a weight is for: a kind, and what it depends on."""


class Linear(float):
    """A sum of weights times constants. Only the operations that scores need keep track."""

    __slots__ = ("parts",)
    parts: Mapping[Feature, float]
    """What each weight is multiplied by."""

    def __new__(cls, value: float, parts: Mapping[Feature, float]) -> "Linear":
        """Return a number of this value."""
        number = super().__new__(cls, value)
        number.parts = parts
        return number

    @classmethod
    def total(cls, features: Iterable[Feature]) -> "Linear":
        """Return the sum of the weights of these features, all of which are 0."""
        return cls(0.0, dict.fromkeys(features, 1.0))

    def __add__(self, other: float) -> "Linear":
        """Add a number, tracked or not."""
        return Linear(float(self) + float(other), _added(self.parts, parts_of(other)))

    __radd__ = __add__

    def __mul__(self, factor: float) -> "Linear":
        """Multiply by a constant."""
        parts = {feature: count * factor for feature, count in self.parts.items()}
        return Linear(float(self) * factor, parts)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Linear":
        """Divide by a constant."""
        return self * (1 / divisor)


def parts_of(score: float) -> Mapping[Feature, float]:
    """Return what a score is made of; nothing, for a plain number."""
    return score.parts if isinstance(score, Linear) else {}


def _added(
    left: Mapping[Feature, float], right: Mapping[Feature, float]
) -> Mapping[Feature, float]:
    if not right:
        return left
    parts = dict(left)
    for feature, count in right.items():
        parts[feature] = parts.get(feature, 0.0) + count
    return parts
