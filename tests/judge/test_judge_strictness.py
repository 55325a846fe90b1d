"""What the judge checks: sizes, values, tolerances, and what it says of a wrong result."""

import math
import re

import pytest
import torch

from hardwon.bench import load
from hardwon.bench.references import reference
from hardwon.languages.protocol import Setting, TaskError
from hardwon.languages.step.language import language
from hardwon.languages.step.reading import analyse
from hardwon.languages.step.settings import DEFAULT_SIZES, check_settings, holds
from hardwon.languages.step.simulator import TaskSimulator
from hardwon.languages.step.simulator.budget import TooLargeError, require_room
from hardwon.languages.step.simulator.draws import draw
from hardwon.languages.step.simulator.oracle import Expected, differences, expect
from hardwon.languages.step.simulator.together import reads_input_streams, stay_apart
from hardwon.records import Diagnostic, Task, TensorSpec
from support import DOUBLE, DOUBLED, ROWS, SUMMED, SyncJudge, edited, read


def check(task: Task, impl: str, seed: int = 0) -> tuple[Diagnostic, ...]:
    return TaskSimulator(task).check(impl, check_settings(task, seed))


def test_settings_hold_the_default_sizes_ones_equal_odd_and_larger_ones() -> None:
    first, *others = check_settings(read(DOUBLE), 7)
    assert first.sizes == {}
    assert len(first.draws) >= 5
    sizes = [dict(setting.sizes) for setting in others]
    assert dict.fromkeys("MNKD", 1) in sizes
    assert any(len(set(item.values())) == 1 and item["M"] > 1 for item in sizes)
    assert any(
        len(set(item.values())) == 4 and all(size % 2 for size in item.values()) for item in sizes
    )
    assert any(all(item[name] > DEFAULT_SIZES[name] for name in item) for item in sizes)
    assert len({setting.seed for setting in (first, *others)}) == 1 + len(others)


def test_sizes_are_raised_until_a_tasks_constraints_hold() -> None:
    constraints = ("D % 2 == 0", "M >= 3")
    task = read(DOUBLE).model_copy(update={"constraints": constraints})
    settings = check_settings(task, 0)
    assert len(settings) == len(check_settings(read(DOUBLE), 0))
    for setting in settings[1:]:
        assert all(holds(constraint, setting.sizes) for constraint in constraints)
    impossible = task.model_copy(update={"constraints": ("M == 5", "N == 7", "K == 9", "D == 16")})
    assert len(check_settings(impossible, 0)) < len(settings)


def test_a_constraint_on_what_global_binds_leaves_sizes_out() -> None:
    code = "ctx[E] = E_value = 4"
    task = read(DOUBLE).model_copy(update={"global_code": code, "constraints": ("M >= E",)})
    simulator = TaskSimulator(task)
    assert simulator.check(DOUBLED, check_settings(task, 0)) == ()
    left_out = [item for item in simulator.support() if not item.draws]
    assert [item.setting.sizes["M"] for item in left_out] == [1]
    assert "constraints: 'M >= E' does not hold at E=4, M=1" in left_out[0].problems[0]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("size = 'E'", "'M >= E' is about E, which has no size; bind E_value in `global`"),
        ("E_value = 6", "'M >= E' does not hold at E=6, M=5"),
    ],
)
def test_a_constraint_that_cannot_hold_is_an_error_of_the_task(code: str, message: str) -> None:
    task = read(DOUBLE).model_copy(update={"global_code": code, "constraints": ("M >= E",)})
    with pytest.raises(TaskError, match=re.escape(message)):
        check(task, DOUBLED)


@pytest.mark.parametrize("kind", ["plain", "ties", "large", "small", "negative"])
def test_values_stay_within_what_a_task_asks_for(kind: str) -> None:
    def one(data_gen: str | None, **more: int) -> torch.Tensor:
        dtype = "fp32" if data_gen else "Multihot(fp32, E)"
        spec = TensorSpec(name="x", dtype=(dtype,), dims=("N", "M"), data_gen=data_gen, **more)
        found = draw([spec], {"M": 20, "N": 30, "E": 5}, 3, kind)["x"]
        assert isinstance(found, torch.Tensor)
        return found

    uniform, normal = one("torch.rand"), one("torch.randn")
    assert bool((uniform >= 0).all() & (uniform <= 1).all())
    assert set(one("binary").flatten().tolist()) == {0.0, 1.0}
    assert set(one("torch.ones").flatten().tolist()) == {1.0}
    counts = one(None, min=1, max=3).sum(dim=-1)
    assert bool((counts >= 1).all() & (counts <= 3).all())
    match kind:
        case "ties":
            assert len(set(normal.flatten().tolist())) < 20
            assert bool((normal == 0).any())
        case "large":
            assert float(normal.abs().max()) > 30
        case "small":
            assert float(normal.abs().max()) < 0.01
        case "negative":
            assert bool((normal <= 0).all())


def test_equal_sizes_do_not_make_different_symbols_the_same() -> None:
    """At M = N = 4 a transposed result has the right shape; elsewhere it has not."""
    task = read(edited(DOUBLE, ("['E0'] * 2", "['E0'].T.reshape(M_value, N_value) * 2")))
    assert check(task, DOUBLED)


CONSTANT = edited(
    DOUBLE,
    ("input[0] * 2]", "input[0] * 2 + (input[0] == 0) * 1.0]"),
)


def test_a_function_that_is_wrong_for_zero_only_is_found_by_ties() -> None:
    (error,) = check(read(CONSTANT), DOUBLED)
    assert error.difference is not None
    assert error.difference.values == "ties"
    assert "with ties values" in error.message


def test_a_function_that_is_wrong_for_small_values_only_is_found() -> None:
    task = read(edited(DOUBLE, ("input[0] * 2]", "input[0] * 2 + 1e-5]")))
    (error,) = check(task, DOUBLED)
    assert error.difference is not None
    assert error.difference.values == "small"


def test_a_function_that_is_wrong_at_other_sizes_only_is_found() -> None:
    task = read(edited(DOUBLE, ("input[0] * 2]", "input[0] * (2 if N_value == 7 else 3)]")))
    (error,) = check(task, DOUBLED)
    assert error.difference is not None
    assert error.difference.sizes["N"] != 7
    assert "at sizes" in error.message


def test_a_wrong_result_is_described() -> None:
    task = read(ROWS)
    (error,) = check(task, "return step.Accum(fn=fn_sum, b=1).apply(E0)")
    found = error.difference
    assert found is not None
    assert (found.output, found.component, found.total) == ("S0", 0, 5)
    assert 1 <= found.differing <= 5
    assert found.sizes == {"D": 16, "K": 9, "M": 5, "N": 7}
    assert math.isclose(
        max(abs(float(found.expected) - float(found.got)), float(found.largest)),
        float(found.largest),
        rel_tol=1e-3,
    )


def test_a_verdict_lists_the_types_of_all_streams_of_a_wrong_program(judge: SyncJudge) -> None:
    said = judge.judge(read(ROWS), "E1 = step.Accum(fn=fn_sum, b=1).apply(E0)\nreturn E1")
    rows = [(item.name, item.line, item.dtype, item.shape) for item in said.streams]
    assert rows == [("E0", None, "fp32", "[N, M]"), ("E1", 1, "fp32", "[M]")]
    assert judge.judge(read(ROWS), SUMMED).streams == ()


def test_equal_seeds_give_equal_verdicts_and_other_seeds_other_data() -> None:
    wrong = "return step.Accum(fn=fn_sum, b=1).apply(E0)"
    assert check(read(ROWS), wrong, 1) == check(read(ROWS), wrong, 1)
    assert check(read(ROWS), wrong, 1) != check(read(ROWS), wrong, 2)


def test_another_spelling_has_the_same_verdict_with_its_own_lines() -> None:
    simulator, settings = TaskSimulator(read(ROWS)), check_settings(read(ROWS), 0)
    (first,) = simulator.check("return step.Accum(fn=fn_sum, b=1).apply(E0)", settings)
    (second,) = simulator.check(
        "# sum\n\nx = step.Accum(b=1, fn=fn_sum).apply(E0)\n\nreturn x", settings
    )
    assert (first.line, second.line) == (1, 5)
    assert first.difference == second.difference


# Tolerance


def test_an_equal_formula_passes_and_a_locally_wrong_value_fails() -> None:
    x = torch.randn(64, 32)
    exact = x.double()

    def variance(y: torch.Tensor) -> torch.Tensor:
        return ((y - y.mean(-1, keepdim=True)) ** 2).mean(-1)

    double, single = variance(exact), variance(x).double()
    moved = variance(exact * (1 + 1e-6 * torch.rand(64, 32, dtype=torch.float64)))
    tolerance, fair = expect(single, double, moved)
    assert fair
    want = Expected.of(double, tolerance)
    other = (x * x).mean(-1) - x.mean(-1) ** 2
    assert differences(other, want) is None
    other[13] *= 1.001
    wrong = differences(other, want)
    assert wrong is not None
    assert wrong.nonzero().tolist() == [[13]]


def test_data_on_a_decision_is_no_fair_test() -> None:
    low = torch.tensor([1.0, 0.0], dtype=torch.float64)
    assert expect(low, low, low)[1]
    assert not expect(low, low, low.flip(0))[1]
    assert not expect(low.flip(0), low, low)[1]


def test_nan_and_infinity_have_to_be_in_their_places() -> None:
    odd = torch.tensor([1.0, math.nan, math.inf, -math.inf], dtype=torch.float64)
    tolerance, fair = expect(odd, odd, odd)
    assert fair
    want = Expected.of(odd, tolerance)
    assert differences(odd.float(), want) is None
    for at, value in ((0, math.nan), (1, 1.0), (2, -math.inf), (3, 0.0), (0, math.inf)):
        found = odd.float().clone()
        found[at] = value
        wrong = differences(found, want)
        assert wrong is not None
        assert wrong.nonzero().tolist() == [[at]]


def test_a_kind_of_values_that_makes_no_fair_test_is_left_out_and_listed() -> None:
    """Whether zero is positive is for rounding to decide."""
    task = read(
        edited(
            DOUBLE,
            ("input[0] * 2]", "(input[0] > 0).float()]"),
            ("input_data['E0'] * 2", "(input_data['E0'] > 0).float()"),
        )
    )
    simulator, settings = TaskSimulator(task), check_settings(task, 0)
    assert simulator.check(DOUBLED, settings) == ()
    first = simulator.support()[0]
    assert "ties" not in first.draws
    assert "large" in first.draws
    assert [text for text in first.problems if text.startswith("ties values: rounding decides")]


def test_sizes_at_which_a_task_does_not_work_are_left_out_and_listed() -> None:
    code = "global: |\n  assert N_value > 1\ninputs:\n"
    task = read(edited(DOUBLE, ("inputs:\n", code)))
    simulator, settings = TaskSimulator(task), check_settings(task, 0)
    assert simulator.check(DOUBLED, settings) == ()
    (broken,) = [item for item in simulator.support() if item.problems]
    assert broken.setting.sizes["N"] == 1
    assert "AssertionError" in broken.problems[0]
    assert broken.draws == ()


def test_a_task_that_does_not_work_at_the_default_sizes_is_broken() -> None:
    task = read(edited(DOUBLE, ("inputs:\n", "global: |\n  assert N_value == 1\ninputs:\n")))
    with pytest.raises(TaskError, match="AssertionError"):
        TaskSimulator(task).sizes()


# Memory


@pytest.mark.parametrize("times", [2**26, 2**31 - 1])
def test_a_stream_that_is_too_large_is_refused_before_it_exists(times: int) -> None:
    impl = f"E1 = step.Repeat(n={times}).apply(E0)\nreturn E0"
    (error,) = check(read(DOUBLE), impl)
    assert "entries, expected at most 67,108,864" in error.message
    assert error.line == 1


def test_a_program_of_absurd_size_never_reaches_the_process_that_would_run_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = read(DOUBLE)
    simulator, settings = TaskSimulator(task), check_settings(task, 0)
    simulator.prepare(settings)
    monkeypatch.setattr(simulator, "_runner", None)
    lines = [f"E{n + 1} = step.Repeat(n=2147483647).apply(E{n})" for n in range(30)]
    (error,) = simulator.check("\n".join([*lines, "return E0"]), settings)
    assert "entries, expected at most 67,108,864" in error.message


def test_many_streams_that_are_too_large_together_are_refused() -> None:
    lines = [f"E{n} = step.Repeat(n=1000000).apply(E0)" for n in range(1, 9)]
    typed = analyse(read(DOUBLE), "\n".join([*lines, "return E0"]), DEFAULT_SIZES).typed
    assert typed is not None
    with pytest.raises(TooLargeError, match="in all") as caught:
        require_room(typed, DEFAULT_SIZES)
    assert caught.value.node.line == 4
    require_room(typed, {**DEFAULT_SIZES, "N": 1, "M": 1})


# Draws that run as one

ROUTED = ["expert/affinity", "expert/weighted", "expert/binary", "etoe/top2", "attn/deferred"]


@pytest.mark.parametrize("name", ROUTED)
def test_draws_that_run_as_one_give_what_each_gives_alone(name: str) -> None:
    task = load(name)
    simulator = TaskSimulator(task)
    settings = check_settings(task, 0)
    simulator.prepare(settings)
    impl = language.enforce_law(task, reference(name), simulator.sizes())
    typed = analyse(task, impl, simulator.sizes()).typed
    assert typed is not None
    assert stay_apart(typed)
    assert simulator.check(impl, settings) == ()
    alone = TaskSimulator(task)
    alone._apart = True
    assert alone.check(impl, settings) == ()


ROUTING = """\
test_name: tiny/routing
global: ctx[E] = 2
inputs:
  - {name: E0, dtype: fp32, dims: [N, M], data_gen: torch.randn}
  - {name: E1, dtype: "Multihot(fp32, E)", dims: [N, M], min: 0, max: 2}
fns:
  - name: Sum
    apply: |
      return [state[0] + input[0]]
    init: [0]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_sum
outputs:
  - name: S0
    dtype: fp32
    dims: [N, M]
    data_transform:
      - |
        input_data['E0'] * input_data['E1'].sum(dim=-1)
"""
SENT = "a, b = step.Copy().apply(E1)\nx = step.Partition(N=2).apply((E0, a))\n"


@pytest.mark.parametrize(
    ("rest", "apart", "right"),
    [
        ("return step.Merge(fn=fn_sum).apply(([x[0], x[1]], b))", True, True),
        ("return step.Merge(fn=fn_sum).apply(([x[1], x[0]], b))", False, False),
        (
            "y = step.Promote(b=1).apply(x[0])\nz = step.Accum(fn=fn_sum, b=1).apply(y)\n"
            "return step.Merge(fn=fn_sum).apply(([x[0], x[1]], b))",
            False,
            True,
        ),
    ],
)
def test_draws_run_as_one_only_where_their_tokens_stay_apart(
    rest: str, apart: bool, right: bool
) -> None:
    task = read(ROUTING)
    simulator, settings = TaskSimulator(task), check_settings(task, 0)
    typed = analyse(task, SENT + rest, simulator.sizes()).typed
    assert typed is not None
    assert stay_apart(typed) == apart
    assert (simulator.check(SENT + rest, settings) == ()) == right


@pytest.mark.parametrize(
    ("code", "reads"),
    [
        ("return [input[0] @ input_data['W']]", False),
        ("return [input[0] + input_data['E0'][0]]", True),
        ("d = input_data\nreturn [d['W']]", True),
        ("return [globals()['x']]", True),
        ("return [input[0]]", False),
    ],
)
def test_bodies_that_look_at_input_streams_are_found(code: str, reads: bool) -> None:
    task = read(DOUBLE)
    weight = TensorSpec(name="W", dtype=("fp32",), dims=("N",), data_gen="torch.randn")
    body = task.fns[0].model_copy(update={"apply": code})
    changed = task.model_copy(update={"parameters": (weight,), "fns": (body,)})
    assert reads_input_streams(changed) == reads


def test_a_body_that_looks_at_an_input_stream_sees_the_draw_at_hand() -> None:
    task = read(edited(DOUBLE, ("input[0] * 2]", "input[0] * 2 + input_data['E0'].sum() * 0]")))
    simulator, settings = TaskSimulator(task), check_settings(task, 0)
    assert simulator.check(DOUBLED, settings) == ()
    assert simulator._apart


HALVED = edited(
    DOUBLE,
    ("input[0] * 2]", "input[0] * (2 if N_value > 1 else 1)]"),
    ("outputs:", """\
  - name: Broken
    apply: |
      return [[None, 2][N_value > 1] * input[0]]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_broken
outputs:"""),
)  # fmt: skip


@pytest.mark.parametrize(
    ("impl", "wrong"),
    [
        (DOUBLED, True),
        ("return E0", True),
        ("return step.Map(fn=fn_broken).apply(E0)", False),
    ],
)
def test_asking_at_all_sizes_at_once_gives_the_same_verdict(impl: str, wrong: bool) -> None:
    """The body is wrong at one size only; the other one fails there, which says nothing."""
    task = read(HALVED)
    found = []
    for fortune in (0.0, 1.0):
        simulator, settings = TaskSimulator(task), check_settings(task, 0)
        simulator._fortune = fortune
        found.append(simulator.check(impl, settings))
    assert found[0] == found[1]
    assert bool(found[0]) == wrong


def test_settings_can_be_given_by_hand() -> None:
    task = read(DOUBLE)
    assert TaskSimulator(task).check(DOUBLED, [Setting({"N": 3}, 5)]) == ()
    assert TaskSimulator(task).check("return E0", [Setting({"N": 3}, 5)]) != ()
