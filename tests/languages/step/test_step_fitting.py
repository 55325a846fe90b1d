"""Fitting a log-linear policy to choices."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardwon.languages.step.synthesis.fitting import Choice, fit, log_likelihood
from hardwon.languages.step.synthesis.linear import Feature, Linear, parts_of

WEIGHTS: dict[Feature, float] = {("a",): 0.5, ("b",): -1.25, ("c",): 2.0}
FEATURES = st.sampled_from(sorted(WEIGHTS))


def always(width: float) -> Callable[[Feature], float]:
    return lambda feature: width


wide = always(1.0)


def between(*options: dict[str, float], chosen: int = 0) -> Choice:
    rows: list[tuple[float, dict[Feature, float]]] = [
        (0.0, {(name,): n for name, n in option.items()}) for option in options
    ]
    return Choice(tuple(rows), chosen)


@given(st.lists(st.tuples(FEATURES, st.integers(-3, 3), st.booleans()), min_size=1))
def test_a_score_is_the_sum_of_its_parts(terms: list[tuple[Feature, int, bool]]) -> None:
    def score(tracked: bool) -> float:
        total = 0.0
        for feature, factor, halved in terms:
            plain = WEIGHTS[feature]
            term = (Linear(plain, {feature: 1.0}) if tracked else plain) * factor + 1
            total += term / 2 if halved else term
        return total

    tracked = score(True)
    constant = sum(0.5 if halved else 1.0 for *_, halved in terms)
    parts = sum(WEIGHTS[feature] * count for feature, count in parts_of(tracked).items())
    assert float(tracked) == pytest.approx(score(False))
    assert parts + constant == pytest.approx(float(tracked))


def test_numbers_without_weights_have_no_parts() -> None:
    assert parts_of(1.5) == {}


def test_a_weight_moves_until_its_prior_holds_it() -> None:
    width = 0.7
    moves = fit([(between({"a": 1.0}, {}), 3.0)], always(width))
    move = moves["a",]
    pull = 3.0 / (1 + math.exp(move))  # of three choices, what is left of their surprise
    assert move / width**2 == pytest.approx(pull, rel=1e-2)


def test_the_wider_the_prior_the_further_a_weight_moves() -> None:
    choices = [(between({"a": 1.0}, {}), 1.0)]
    moves = [fit(choices, always(width))["a",] for width in (0.1, 0.5, 2.0)]
    assert 0 < moves[0] < moves[1] < moves[2]


def test_a_width_of_0_keeps_a_weight_where_it_is() -> None:
    choice = between({"a": 1.0, "b": 1.0}, {})
    assert set(fit([(choice, 1.0)], lambda f: float(f == ("b",)))) == {("b",)}


def test_what_all_options_have_in_common_teaches_nothing() -> None:
    assert fit([(between({"a": 1.0}, {"a": 1.0}), 1.0)], wide) == {}


def test_opposite_choices_cancel_and_the_heavier_one_wins() -> None:
    options: tuple[dict[str, float], ...] = ({"a": 1.0}, {"b": 1.0})
    this, that = between(*options), between(*options, chosen=1)
    assert fit([(this, 1.0), (that, 1.0)], wide)["a",] == pytest.approx(0.0, abs=1e-6)
    assert fit([(this, 1.0), (that, 2.0)], wide)["a",] < -0.1


@given(
    st.lists(
        st.tuples(
            st.lists(st.dictionaries(st.sampled_from("abcd"), st.floats(-2, 2)), min_size=2),
            st.floats(0.1, 3),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_was_fitted_makes_the_choices_likelier(
    drawn: list[tuple[list[dict[str, float]], float]],
) -> None:
    choices = [(between(*options), weight) for options, weight in drawn]
    moves = fit(choices, wide)
    moved = [
        (
            Choice(
                tuple(
                    (start + sum(moves.get(f, 0.0) * n for f, n in parts.items()), parts)
                    for start, parts in choice.options
                ),
                choice.chosen,
            ),
            weight,
        )
        for choice, weight in choices
    ]

    def posterior(rows: list[tuple[Choice, float]]) -> float:
        return sum(weight * log_likelihood([choice]) for choice, weight in rows)

    penalty = 0.5 * sum(move**2 for move in moves.values())
    assert posterior(moved) - penalty >= posterior(choices) - 1e-9
