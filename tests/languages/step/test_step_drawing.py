"""What the sampler prefers where a task has several results."""

import random

from step_task import SIZES

from hardwon.languages.step.synthesis import Sampler
from hardwon.languages.step.synthesis.calls import Arguments, Call, choices
from hardwon.languages.step.synthesis.options import Options
from hardwon.languages.step.synthesis.policy import Policy
from hardwon.languages.step.synthesis.space import Space
from hardwon.languages.step.synthesis.state import State
from hardwon.languages.step.types import components
from support import ROWS, edited, read

LARGEST = """\
  - name: Max
    apply: |
      return [torch.maximum(state[0], input[0])]
    init: [-inf]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_max
outputs:
  - name: S1
    dtype: fp32
    dims: [M]
    data_transform:
      - |
        input_data['E0'].amax(dim=-1)
"""
BOTH = read(edited(ROWS, ("outputs:\n", LARGEST)))
"""Of every row the largest number, and the sum of the squares."""


def fold(state: State, name: str, value: int) -> None:
    """Fold a stream over its innermost dimension."""
    function = state.space.signature.function(name)
    assert function is not None
    (fit,) = choices((state.values[value],), components(function.input))
    state.call(Call(function, Arguments((fit,)), fit.tail, "Accum", 1))


def square(state: State) -> None:
    """Square the input."""
    function = state.space.signature.function("fn_square")
    assert function is not None
    (fit,) = choices((state.values[0],), components(function.input))
    state.call(Call(function, Arguments((fit,)), fit.tail))


def test_results_that_took_all_functions_together_leave_none_out() -> None:
    state = State(Space.of(BOTH, SIZES))
    options = Options(state, Policy())
    square(state)
    fold(state, "fn_sum", 1)
    rows = options.outputs()
    assert rows is not None
    assert options.finish_score(rows) == Policy().function_left_out
    fold(state, "fn_max", 0)
    rows = options.outputs()
    assert rows is not None
    assert options.finish_score(rows) == Policy().complete


def test_each_result_counts_for_what_the_others_do_not_need() -> None:
    state = State(Space.of(BOTH, SIZES))
    options = Options(state, Policy(newest_value=0.0))
    square(state)
    fold(state, "fn_sum", 1)
    fold(state, "fn_max", 0)
    rows = options.outputs()
    assert rows is not None
    squares, largest = options.results(rows, ())
    assert squares[1] == largest[1]  # either may be the first, as the other one can be the second
    again, other = options.results(rows, (squares[0],))
    assert other[0].value == largest[0].value
    assert other[1] > again[1]


def test_a_second_result_may_start_from_what_was_used() -> None:
    state = State(Space.of(BOTH, SIZES))
    options = Options(state, Policy(newest_value=0.0))
    square(state)
    [given, squares] = state.values
    assert options.value_score(given) == options.value_score(squares)
    fold(state, "fn_max", 0)
    assert options.value_score(given) < options.value_score(squares)


def test_both_results_are_drawn_now_and_then() -> None:
    sampler = Sampler.for_task(BOTH, (), {BOTH.digest: SIZES})
    drawn = [sampler.draw(random.Random(f"both {n}"), 1.0)[0] or "" for n in range(150)]
    wanted = ("Accum(fn=fn_max, b=1).apply(E0_", "Map(fn=fn_square).apply(E0_")
    assert any(
        all(part in impl for part in wanted)
        and "Accum(fn=fn_sum, b=1).apply(square)" in impl
        and impl.endswith("return max, sum")
        for impl in drawn
    )
