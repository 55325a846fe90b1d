"""How likely each choice is: plain preferences, and what was learned beyond them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hardwon.languages.step.synthesis.linear import Feature


@dataclass(frozen=True)
class Policy:
    """Scores of choices, in units of log-odds; higher is likelier."""

    weights: Mapping[Feature, float] = field(default_factory=dict)
    """What was learned of the features of choices; see `features`."""

    unused_function: float = 2.0
    repeated_function: float = -1.2
    """Per call that the function already has."""
    branch_alone: float = -3.0
    """Mapping a function that looks like one of several branches over a whole stream."""
    idle_branch: float = 0.0
    """A branch that passes its tokens on."""
    unused_value: float = 1.5
    newest_value: float = 1.0
    """The stream that the statement before made."""
    used_value: float = -0.7
    input_beside: float = 1.5
    """An input as one of several arguments: what was computed often meets what it came from."""
    same_value_again: float = -3.0
    elders_first: float = 0.8
    """A probability: the older of two interchangeable arguments comes first."""
    spread_value: float = -2.0
    """A stream whose elements have to be repeated to fill a buffer."""
    wide_fit: float = 1.0
    """A tuple, per component beyond the first that it provides."""
    scan: float = -1.2
    deeper_fold: float = -1.5
    """Folding more than one dimension."""
    lost_dim: float = -0.7
    """Folding away a dimension of the results."""
    spent_dim: float = 0.5
    """Folding away a dimension that the results do not have."""
    input_as_result: float = -4.0
    function_in_result: float = 2.0
    """Per function that it took to make a result."""
    complete: float = 7.0
    """Ending with results that took all functions."""
    function_left_out: float = -2.0
    """Ending without a function, each."""

    def total(self, features: Iterable[Feature]) -> float:
        """Return the sum of what was learned of these features."""
        if not self.weights:
            return 0.0
        return sum(self.weights.get(feature, 0.0) for feature in features)
