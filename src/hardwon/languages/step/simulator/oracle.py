"""What results are expected, and how far a correct program may be off."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from hardwon.languages.step.simulator.equality import equal
from hardwon.records import Difference

_ROUNDING = 2e-5
"""Allowed error relative to the largest value: float32 has 6e-8 per operation."""
_RELATIVE = 2e-5
"""Allowed error relative to the value itself."""
_FACTOR = 16.0
"""How many times the error of the reference in float32 a program may make."""
_UNSTABLE = 1e-3
"""Error relative to the largest value from which on rounding, and not the program, decides."""
_LEAST = 1e-7


@dataclass(frozen=True, slots=True)
class Expected:
    """One component of a result: its value in float64, and how far a float32 program may be off.

    Both have the draws as their first axis.
    """

    value: torch.Tensor
    tolerance: torch.Tensor
    is_finite: bool
    """Whether all values are."""

    @classmethod
    def of(cls, value: torch.Tensor, tolerance: torch.Tensor) -> "Expected":
        """Complete it."""
        return cls(value, tolerance, bool(value.isfinite().all()))

    @classmethod
    def joined(cls, parts: Sequence["Expected"]) -> "Expected":
        """Put several components one after the other, as vectors."""
        return cls.of(
            torch.cat([part.value.flatten() for part in parts]),
            torch.cat([part.tolerance.flatten() for part in parts]),
        )


def expect(
    single: torch.Tensor, double: torch.Tensor, moved: torch.Tensor
) -> tuple[torch.Tensor, bool]:
    """Return the tolerance of one component at one draw, and whether the data is a fair test.

    Args:
        single: the reference's value in float32.
        double: in float64.
        moved: in float64, on data that is off by a few roundings.

    It is no fair test if rounding moves the result by more than a trifle: then data sits on a
    decision, or cancels. The tolerance follows from how far rounding moves the result.
    """
    finite = double.isfinite()
    if not bool((single.isfinite() == finite).all() & (moved.isfinite() == finite).all()):
        return torch.zeros_like(double), False
    sizes = double.abs()[finite]
    scale = float(sizes.max()) if sizes.numel() else 0.0
    off = torch.maximum((single - double).abs(), (moved - double).abs())[finite]
    error = float(off.max()) if off.numel() else 0.0
    limit = _UNSTABLE * scale + _LEAST
    allowed = _ROUNDING * scale + min(_FACTOR * error, limit) + _LEAST * min(1.0, scale)
    return allowed + _RELATIVE * double.abs(), error <= limit


def differences(found: torch.Tensor, want: Expected) -> torch.Tensor | None:
    """Return a mask of the wrong values, or None if there are none."""
    close = (found - want.value).abs_() <= want.tolerance
    if bool(close.all()):  # NaN and infinity are never close
        return None
    if want.is_finite:
        return ~close
    same = equal(found, want.value)
    wrong = ~(same | (close & want.value.isfinite()))
    return wrong if bool(wrong.any()) else None


def describe(
    found: torch.Tensor, want: torch.Tensor, wrong: torch.Tensor, first: int, place: "Place"
) -> Difference:
    """Return where and by how much a result at one draw differs; the tensors are flat.

    Args:
        found: the result.
        want: what it should be.
        wrong: where the one is not the other.
        first: the first such entry.
        place: which result it is.
    """
    error = (found - want).abs_()[wrong]
    return Difference(
        output=place.output,
        component=place.component,
        sizes=place.sizes,
        seed=place.seed,
        values=place.values,
        differing=error.numel(),
        total=wrong.numel(),
        place=_unravelled(first, place.shape),
        expected=f"{float(want[first]):.6g}",
        got=f"{float(found[first]):.6g}",
        largest=f"{float(error.max()):.6g}",
    )


def first_of(mask: torch.Tensor) -> int:
    """Return where a flat mask is set first."""
    return int(mask.byte().argmax())


def _unravelled(at: int, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the indices, outermost first, of an entry of a dense tensor."""
    place: list[int] = []
    for size in reversed(shape):
        at, index = divmod(at, size)
        place.insert(0, index)
    return tuple(place)


@dataclass(frozen=True, slots=True)
class Place:
    """Which result it is, and on which data."""

    output: str
    component: int
    shape: tuple[int, ...]
    """Of the component at one draw."""
    sizes: dict[str, int]
    seed: int
    values: str
