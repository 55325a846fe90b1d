"""Symbolic dimensions: products of symbols and integers, equal when equal as expressions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_VALUE_SUFFIX = "_value"
LARGEST = 2**31 - 1
"""Largest literal size; anything above cannot be a dimension of a tensor that fits in memory."""
MOST_FACTORS = 64
"""Most symbols in a product that a program writes; `n = n * n` doubles them line by line."""


class UnboundSymbolError(LookupError):
    """A symbol has no size."""


@dataclass(frozen=True, slots=True)
class Dim:
    """A monomial `coefficient / divisor * symbol**power * ...` in lowest terms.

    The divisor and negative powers only arise from Reshape, whose quotients need not be expressible
    as a product; multiplying them back restores the original dimension exactly.
    """

    coefficient: int = 1
    divisor: int = 1
    powers: tuple[tuple[str, int], ...] = ()

    def __mul__(self, other: "Dim") -> "Dim":
        return _multiply(self, other, 1)

    def __truediv__(self, other: "Dim") -> "Dim":
        """Exact quotient; check `is_product` before using it as a dimension in its own right."""
        return _multiply(self, other, -1)

    @property
    def is_one(self) -> bool:
        """Whether the dimension is the literal 1."""
        return self == ONE

    @property
    def is_product(self) -> bool:
        """Whether it is a plain product, so that it is a positive integer at all sizes."""
        return self.divisor == 1 and all(power > 0 for _, power in self.powers)

    @property
    def literal(self) -> int | None:
        """The value if no symbol occurs in it, else None."""
        return self.coefficient if not self.powers and self.divisor == 1 else None

    @property
    def factors(self) -> int:
        """How many symbols are written when it is written out."""
        return sum(abs(power) for _, power in self.powers)

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols that occur in it."""
        return frozenset(symbol for symbol, _ in self.powers)

    def value(self, sizes: Mapping[str, int]) -> int | None:
        """Return the size, or None where a quotient does not come out even.

        Raises:
            UnboundSymbolError: if a symbol is missing from `sizes`.
        """
        numerator, denominator = self.coefficient, self.divisor
        for symbol, power in self.powers:
            if symbol not in sizes:
                raise UnboundSymbolError(symbol)
            if power > 0:
                numerator *= sizes[symbol] ** power
            else:
                denominator *= sizes[symbol] ** -power
        quotient, remainder = divmod(numerator, denominator)
        return None if remainder else quotient

    def __str__(self) -> str:
        over = [symbol for symbol, power in self.powers for _ in range(power)]
        under = [symbol for symbol, power in self.powers for _ in range(-power)]
        if self.coefficient != 1 or not over:
            over.insert(0, integer_text(self.coefficient))
        if self.divisor != 1:
            under.insert(0, integer_text(self.divisor))
        return "*".join(over) + "".join(f"/{factor}" for factor in under)


ONE = Dim()


@lru_cache(maxsize=65536)
def _multiply(left: Dim, right: Dim, sign: int) -> Dim:
    powers = dict(left.powers)
    for symbol, power in right.powers:
        powers[symbol] = powers.get(symbol, 0) + sign * power
    over, under = (
        (right.coefficient, right.divisor) if sign > 0 else (right.divisor, right.coefficient)
    )
    coefficient, divisor = left.coefficient * over, left.divisor * under
    common = gcd(coefficient, divisor) or 1
    return Dim(
        coefficient // common,
        divisor // common,
        tuple(sorted((symbol, power) for symbol, power in powers.items() if power)),
    )


def integer_text(value: int) -> str:
    """Return an integer in digits, or its magnitude if Python might refuse to write it out."""
    return str(value) if value.bit_length() <= 128 else f"about 2^{value.bit_length() - 1}"


def integer(value: int) -> Dim:
    """Return a literal dimension."""
    return Dim(coefficient=value)


def symbol(name: str) -> Dim:
    """Return a dimension that is one symbol. `E_value` names the same size as `E`."""
    return Dim(powers=((name.removesuffix(_VALUE_SUFFIX), 1),))


def product(dims: tuple[Dim, ...]) -> Dim:
    """Return the product of dimensions; 1 if there are none."""
    result = ONE
    for dim in dims:
        result = result * dim
    return result


@lru_cache(maxsize=4096)
def parse_dim(text: str) -> Dim:
    """Read `M`, `1`, `N*K` or `2*N`.

    Raises:
        ValueError: with a message that says what was expected.
    """
    factors: list[Dim] = []
    for part in text.split("*"):
        word = part.strip()
        if word.isascii() and word.isdigit() and len(word) <= len(str(LARGEST)):
            value = int(word)
            if not 1 <= value <= LARGEST:
                raise ValueError(f"a dimension is at least 1 and at most {LARGEST}, got {word}")
            factors.append(integer(value))
        elif _SYMBOL.match(word):
            factors.append(symbol(word))
        else:
            raise ValueError(
                f"expected a dimension (a symbol, an integer or a product of them), got {text!r}"
            )
    return product(tuple(factors))
