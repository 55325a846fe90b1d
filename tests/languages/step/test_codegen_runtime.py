"""The runtime of generated files: every primitive on data small enough to check by eye."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from hardwon.languages.step.codegen.runtime import (
    AffineError,
    Buffer,
    DType,
    Expected,
    Function,
    Multihot,
    Operator,
    OutputSpec,
    StepError,
    Stream,
    TensorSpec,
    Tile,
    Trial,
    Tuple,
    fp32,
    function,
    step,
    symbols,
)


def scalars(values: object) -> Stream:
    """Return a stream of numbers, given in PyTorch order."""
    data = torch.tensor(values, dtype=torch.float32)
    return Stream(fp32, tuple(reversed(data.shape)), [data])


def multihots(values: object) -> Stream:
    data = torch.tensor(values, dtype=torch.float32)
    *outer, length = data.shape
    return Stream(Multihot(fp32, length), tuple(reversed(outer)), [data])


def counting(*shape: int) -> Stream:
    """Return a stream of 0, 1, 2, ... in stream order; the shape is innermost first."""
    return scalars(torch.arange(torch.Size(shape).numel()).reshape(*reversed(shape)).tolist())


def values(stream: Stream, part: int = 0) -> Any:
    return stream.data[part].tolist()


@function(takes=fp32, gives=fp32)
def negate(x: list[Tensor]) -> list[Tensor]:
    return [-x[0]]


@function(takes=Tuple(fp32, fp32), gives=Tuple(fp32, fp32))
def swap(x: list[Tensor]) -> list[Tensor]:
    return [x[1], x[0]]


@function(takes=fp32, gives=fp32, init=[1])
def decimal(x: list[Tensor], state: list[Tensor]) -> list[Tensor]:
    """Append a digit, so that the order of a fold shows in its result."""
    return [state[0] * 10 + x[0]]


@function(takes=Tuple(fp32, fp32), gives=Tuple(fp32, Buffer(fp32, [2])), init=[float("-inf"), 0])
def spread(x: list[Tensor], state: list[Tensor]) -> list[Tensor]:
    """Keep the largest first part, and add up the second ones in both entries of a buffer."""
    return [torch.maximum(state[0], x[0]), state[1] + x[1]]


# ---- Computing ----


def test_map_applies_the_function_to_every_element() -> None:
    result = step.Map(negate).apply(scalars([[1, 2], [3, 4]]))
    assert values(result) == [[-1, -2], [-3, -4]]
    assert (result.dtype, result.shape) == (fp32, (2, 2))


def test_map_zips_several_streams() -> None:
    result = step.Map(fn=swap).apply((scalars([1, 2]), scalars([3, 4])))
    assert (values(result, 0), values(result, 1)) == ([3, 4], [1, 2])


def test_accum_folds_the_inner_dimension_from_init() -> None:
    result = step.Accum(fn=decimal, b=1).apply(scalars([[1, 2, 3], [4, 5, 6]]))
    assert values(result) == [1123, 1456]
    assert result.shape == (2,)


def test_accum_folds_the_outermost_of_b_dimensions_slowest() -> None:
    result = step.Accum(decimal, 2).apply(scalars([[[1, 2], [3, 4]]]))
    assert values(result) == [11234]


def test_a_fold_may_carry_a_tuple_of_other_types_than_its_input() -> None:
    result = step.Accum(spread, 1).apply(scalars([[1, 3, 2]]), scalars([[4, 5, 6]]))
    assert (values(result, 0), values(result, 1)) == ([3], [[15, 15]])


def test_scan_emits_the_state_after_every_element() -> None:
    result = step.Scan(fn=decimal, b=1).apply(scalars([[1, 2], [4, 5]]))
    assert values(result) == [[11, 112], [14, 145]]
    assert result.shape == (2, 2)


def test_scan_starts_afresh_for_each_outer_index_only() -> None:
    result = step.Scan(fn=decimal, b=2).apply(scalars([[[1, 2], [3, 4]]]))
    assert values(result) == [[[11, 112], [1123, 11234]]]


def test_zip_makes_flat_tuples() -> None:
    pairs = step.Zip().apply((scalars([1]), multihots([[0, 1]])))
    result = step.Zip().apply([pairs, scalars([3])])
    assert result.dtype == Tuple(fp32, Multihot(fp32, 2), fp32)
    assert [values(result, part) for part in range(3)] == [[1], [[0, 1]], [3]]


# ---- Bodies ----


def mapped(gives: DType, body: Callable[[list[Tensor]], object]) -> Stream:
    stream = Stream(Buffer(fp32, [2]), (1,), [torch.tensor([[1.0, 2.0]])])
    result = step.Map(Function("fn", body, stream.dtype, gives)).apply(stream)
    assert isinstance(result, Stream)
    return result


def test_a_result_is_expanded_to_its_declared_shape() -> None:
    result = mapped(Buffer(fp32, [2, 3]), lambda x: [x[0]])
    assert values(result) == [[[1, 2], [1, 2], [1, 2]]]


def test_a_result_of_another_type_becomes_float32() -> None:
    result = mapped(Multihot(fp32, 2), lambda x: [x[0] > 1])
    assert (values(result), result.data[0].dtype) == ([[0, 1]], torch.float32)


def test_a_single_result_needs_no_list() -> None:
    assert values(mapped(fp32, lambda x: x[0].sum())) == [3]
    assert values(mapped(fp32, lambda x: 7)) == [7]


def test_a_body_that_works_in_place_changes_nobody_elses_data() -> None:
    first, second = step.Copy().apply(scalars([1, 2]))
    doubled = step.Map(Function("fn", lambda x: x[0].mul_(2), fp32, fp32)).apply(first)
    assert (values(doubled), values(second)) == ([2, 4], [1, 2])


def test_a_state_that_is_changed_in_place_does_not_change_earlier_ones() -> None:
    add = Function("add", lambda x, state: [state[0].add_(x[0])], fp32, fp32, (0,))
    assert values(step.Scan(add, 1).apply(scalars([[1, 2, 3]]))) == [[1, 3, 6]]


# ---- Moving dimensions ----


@pytest.mark.parametrize(
    ("primitive", "shape"),
    [
        (step.Identity(), (2, 3, 4)),
        (step.Promote(b=0), (1, 2, 3, 4)),
        (step.Promote(2), (2, 3, 1, 4)),
        (step.Promote(3), (2, 3, 4, 1)),
        (step.Flatten(L=1), (6, 4)),
        (step.Flatten(L=[2]), (2, 12)),
        (step.Flatten(L=(1, 2)), (24,)),
        (step.Reshape(L=[0], S=2), (2, 1, 3, 4)),
        (step.Reshape(L=2, S=2), (2, 3, 2, 2)),
        (step.Reshape(S=2, L=(2, 0)), (2, 1, 3, 2, 2)),
    ],
)
def test_stream_order_outlasts_new_dimensions(primitive: Any, shape: tuple[int, ...]) -> None:
    result = primitive.apply(counting(2, 3, 4))
    assert result.shape == shape
    assert result.data[0].flatten().tolist() == list(range(24))


def test_bufferize_moves_inner_dimensions_into_a_buffer() -> None:
    result = step.Bufferize(a=2).apply(counting(2, 3, 4))
    assert (result.dtype, result.shape) == (Buffer(fp32, [2, 3]), (4,))
    assert result.data[0].shape == (4, 3, 2)


def test_bufferize_extends_a_buffer_at_its_outside() -> None:
    inner = step.Bufferize(1).apply(counting(2, 3, 4))
    result = step.Bufferize(1).apply(inner)
    assert (result.dtype, result.shape) == (Buffer(fp32, [2, 3]), (4,))


def test_a_buffer_of_multihots_keeps_their_length_innermost() -> None:
    result = step.Bufferize(1).apply(multihots([[[0, 1], [1, 0], [0, 0]]]))
    assert (result.dtype, result.shape) == (Buffer(Multihot(fp32, 2), [3]), (1,))
    assert values(result) == [[[0, 1], [1, 0], [0, 0]]]


def test_streamify_is_the_inverse_of_bufferize() -> None:
    result = step.Streamify().apply(step.Bufferize(1).apply(counting(2, 3)))
    assert (result.dtype, result.shape) == (fp32, (2, 3))
    assert values(result) == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("name", ["Repeat", "RepeatLast"])
def test_repeat_emits_each_element_several_times_in_a_row(name: str) -> None:
    result = getattr(step, name)(n=3).apply(scalars([1, 2]))
    assert values(result) == [[1, 1, 1], [2, 2, 2]]
    assert result.shape == (3, 2)


def test_repeat_ref_takes_the_count_from_a_reference() -> None:
    result = step.RepeatRef().apply((scalars([1, 2]), counting(3, 2)))
    assert values(result) == [[1, 1, 1], [2, 2, 2]]


# ---- Routing ----


def test_partition_sends_tokens_to_every_selected_stream() -> None:
    index = multihots([[1, 0, 0], [1, 1, 0], [0, 0, 0]])
    parts = step.Partition(N=3).apply((scalars([7, 8, 9]), index))
    assert [values(part) for part in parts] == [[7, 8], [8], []]
    assert [part.shape for part in parts] == [(2,), (1,), (0,)]


def test_partition_moves_inner_dimensions_as_one_token() -> None:
    left, right = step.Partition(2).apply(counting(2, 1, 2), multihots([[0, 1], [1, 0]]))
    assert (values(left), values(right)) == ([[[2, 3]]], [[[0, 1]]])
    assert left.shape == (2, 1, 1)


def test_partition_flattens_the_dimensions_of_the_index() -> None:
    (only,) = step.Partition(1).apply(counting(2, 2), multihots([[[1], [0]], [[1], [1]]]))
    assert (values(only), only.shape) == ([0, 2, 3], (3,))


def test_merge_folds_the_next_tokens_of_the_selected_streams_in_order() -> None:
    index = multihots([[1, 1], [0, 1], [0, 0], [1, 0]])
    result = step.Merge(fn=decimal).apply(([scalars([1, 2]), scalars([3, 4])], index))
    assert values(result) == [113, 14, 0, 12]
    assert result.shape == (4,)


def test_merge_works_elementwise_inside_of_tokens() -> None:
    sources = [scalars([[1, 2]]), scalars([[3, 4]])]
    result = step.Merge(decimal).apply(*sources, multihots([[[1, 1], [0, 0]]]))
    assert values(result) == [[[113, 124], [0, 0]]]
    assert result.shape == (2, 2, 1)


def test_merge_takes_streams_without_tokens() -> None:
    sources = [Stream(fp32, (0,), [torch.zeros(0)]), scalars([5])]
    assert values(step.Merge(decimal).apply(sources, multihots([[0, 1]]))) == [15]


# ---- The affine law ----


def test_a_stream_is_consumed_once() -> None:
    stream = scalars([1])
    step.Map(negate).apply(stream)
    with pytest.raises(
        AffineError, match=r"^Stream\(fp32, \[1\]\) is consumed by Map, then again by Copy$"
    ):
        step.Copy().apply(stream)


def test_a_stream_cannot_be_paired_with_itself() -> None:
    stream = scalars([1])
    with pytest.raises(AffineError):
        step.Zip().apply((stream, stream))


def test_every_input_of_a_primitive_is_consumed() -> None:
    index = multihots([[1]])
    step.Partition(1).apply(scalars([1]), index)
    with pytest.raises(AffineError):
        step.Identity().apply(index)


def test_copies_and_results_are_streams_of_their_own() -> None:
    for stream in step.Copy().apply(scalars([1])):
        step.Map(negate).apply(step.Identity().apply(stream))


# ---- Rules ----


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (lambda: step.Map(swap).apply(counting(2)), "Map: swap takes (fp32, fp32), the stream"),
        (lambda: step.Map(decimal).apply(counting(2)), "Map needs a function without init"),
        (lambda: step.Accum(negate, 1).apply(counting(2, 2)), "Accum needs a function with init"),
        (lambda: step.Accum(decimal, 2).apply(counting(2, 2)), "expected 1 <= b <= 1"),
        (lambda: step.Accum(decimal, 0).apply(counting(2, 2)), "expected 1 <= b <= 1"),
        (lambda: step.Scan(decimal, 1).apply(counting(2)), "expected 1 <= b <= 0"),
        (lambda: step.Zip().apply(counting(2)), "Zip is not for 1 streams"),
        (lambda: step.Zip().apply(counting(2), counting(3)), "zip needs equal shapes"),
        (lambda: step.Copy().apply(counting(2), counting(2)), "Copy is not for 2 streams"),
        (lambda: step.Copy().apply(3), "applied to streams, got 3"),
        (lambda: step.Promote(3).apply(counting(2, 2)), "expected 0 <= b <= 2"),
        (lambda: step.Flatten([]).apply(counting(2, 2)), "needs consecutive positions"),
        (lambda: step.Flatten([1, 3]).apply(counting(2, 2, 2, 2)), "got L = [1, 3]"),
        (lambda: step.Flatten([0, 1]).apply(counting(2, 2)), "expected 1 <= L[0] <= 1"),
        (lambda: step.Flatten([1, 2]).apply(counting(2, 2)), "expected 1 <= L[-1] <= 1"),
        (lambda: step.Reshape(L=[0], S=2).apply(counting(3)), "S = 2 does not divide dimension 0"),
        (lambda: step.Reshape(L=[1], S=2).apply(counting(2)), "expected 0 <= L <= 0"),
        (lambda: step.Bufferize(1).apply(counting(2)), "expected 1 <= a <= 0"),
        (
            lambda: step.Bufferize(1).apply(step.Zip().apply(counting(2, 2), counting(2, 2))),
            "Bufferize needs fp32, Multihot or Buffer elements",
        ),
        (lambda: step.Streamify().apply(counting(2)), "Streamify needs Buffer elements"),
        (
            lambda: step.Streamify().apply(Stream(Tile(fp32, [2]), (1,), [torch.zeros(1, 2)])),
            "Streamify needs Buffer elements",
        ),
        (lambda: step.Repeat(0).apply(counting(2)), "Repeat needs n >= 1"),
        (lambda: step.RepeatRef().apply(counting(2), counting(2, 3)), "of shape [n, *[2]]"),
        (
            lambda: step.Partition(2).apply(counting(2), multihots([[1], [1]])),
            "Partition needs an index stream of Multihot(fp32, 2)",
        ),
        (
            lambda: step.Partition(1).apply(counting(3, 2), multihots([[1], [1], [1]])),
            "Partition needs a stream whose shape ends in [3]",
        ),
        (
            lambda: step.Partition(1).apply(counting(2), multihots([[[1], [1]]])),
            "Partition needs a stream whose shape ends in [2, 1]",
        ),
        (
            lambda: step.Merge(decimal).apply(counting(2), counting(1), counting(2)),
            "Merge needs an index stream of Multihot(fp32, 2)",
        ),
        (
            lambda: step.Merge(decimal).apply(counting(2), counting(2, 2), multihots([[1, 1]])),
            "differ in their outermost dimension only",
        ),
        (lambda: step.Merge(negate).apply(counting(2), multihots([[1]])), "Merge needs a function"),
        (
            lambda: step.Merge(decimal).apply(counting(1), multihots([[1], [1]])),
            "Merge: input 0, Stream(fp32, [1]), ran out of tokens",
        ),
        (lambda: mapped(fp32, lambda x: [1, 2]), "fn returns fp32: expected 1 values, got 2"),
        (
            lambda: mapped(fp32, lambda x: x[0]),
            "fn returns fp32: expected data of shape (), got (2,)",
        ),
        (swap.initial_state, "swap has 0 initial values for 2 parts"),
        (
            lambda: Stream(fp32, (2,), [torch.zeros(3)]),
            "Stream(fp32, [2]): expected data of shape (2,), got (3,)",
        ),
    ],
)
def test_a_broken_rule_is_named(apply: Callable[[], object], message: str) -> None:
    with pytest.raises(StepError) as caught:
        apply()
    assert message in str(caught.value)
    assert not isinstance(caught.value, AffineError)


# ---- Sizes ----


def test_a_symbol_is_a_size_once_it_has_one() -> None:
    sizes = {"N": 2}
    n, e = symbols(sizes, "N", "E")
    sizes[e] = 3
    assert (n * e, 2 * e, e * 4, n == "N", sizes["E"]) == (6, 6, 12, True, 3)
    assert step.Repeat(n=e).apply(counting(2)).shape == (3, 2)
    assert len(step.Partition(N=n).apply(counting(1), multihots([[1, 1]]))) == 2
    assert Buffer(Multihot(fp32, e), [n, n * e]) == Buffer(Multihot(fp32, 3), [2, 6])


def test_types_are_written_as_in_tasks() -> None:
    assert str(Tuple(fp32, Buffer(Multihot(fp32, 3), [2, 6]), Tile(fp32, [4]))) == (
        "(fp32, Buffer(Multihot(fp32, 3), [2, 6]), Tile(fp32, [4]))"
    )


def test_a_tile_is_no_buffer() -> None:
    kinds: list[DType] = [Tile(fp32, [2]), Buffer(fp32, [2])]
    assert kinds[0] != kinds[1]


# ---- Trials ----


def drawn(spec: TensorSpec, seed: int = 0) -> list[Tensor]:
    return spec.draw(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("data_gen", "values"),
    [("torch.ones", {1.0}), ("binary", {0.0, 1.0})],
)
def test_some_inputs_have_few_values(data_gen: str, values: set[float]) -> None:
    (data,) = drawn(TensorSpec("E0", Buffer(fp32, [3]), [4, 5], data_gen=data_gen))
    assert data.shape == (5, 4, 3)
    assert {*data.flatten().tolist()} == values


@pytest.mark.parametrize(("data_gen", "low"), [("torch.rand", 0.0), ("torch.randn", -10.0)])
def test_random_inputs_follow_the_seed(data_gen: str, low: float) -> None:
    spec = TensorSpec("E0", fp32, [1000], data_gen=data_gen)
    (data,), (again,), (other,) = drawn(spec), drawn(spec), drawn(spec, seed=1)
    assert torch.equal(data, again)
    assert not torch.equal(data, other)
    assert low <= float(data.min()) < 0.01
    assert (float(data.min()) < 0) == (data_gen == "torch.randn")


def test_multihot_vectors_have_every_number_of_ones_in_their_range() -> None:
    (data,) = drawn(TensorSpec("E0", Multihot(fp32, 4), [50, 2], min=1, max=3))
    assert data.shape == (2, 50, 4)
    assert {*data.sum(dim=-1).flatten().tolist()} == {1, 2, 3}
    assert {*data.flatten().tolist()} == {0, 1}
    assert data.flatten(0, 1).any(dim=0).all()


def test_a_tuple_input_has_one_tensor_per_part() -> None:
    dtype = Tuple(fp32, Buffer(Multihot(fp32, 3), [2]))
    first, second = drawn(TensorSpec("E0", dtype, [4], data_gen="torch.rand", min=3, max=3))
    assert (first.shape, second.tolist()) == ((4,), [[[1] * 3] * 2] * 4)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (TensorSpec("E0", fp32, [2]), "E0: unknown data_gen None"),
        (TensorSpec("E0", Multihot(fp32, 2), [2], min=1, max=3), "E0: 1 to 3 ones do not fit"),
    ],
)
def test_data_that_cannot_be_drawn_is_named(spec: TensorSpec, message: str) -> None:
    with pytest.raises(StepError, match=message):
        drawn(spec)


def trial_of(program: Callable[..., Any], reference: Callable[[dict[str, Any]], Any]) -> Trial:
    def build(ctx: dict[str, int], input_data: dict[str, Any]) -> Operator:
        (n,) = symbols(ctx, "N")
        return Operator(
            inputs=[TensorSpec("E0", fp32, [n], data_gen="torch.rand")],
            parameters=[TensorSpec("W", fp32, [], data_gen="torch.ones")],
            outputs=[OutputSpec("S0", fp32, [n])],
            program=program,
            reference=lambda: [[reference(input_data)]],
        )

    return Trial(build, {"N": 3}, seed=0)


def test_a_trial_runs_program_and_reference_on_the_same_data() -> None:
    trial = trial_of(lambda stream: step.Map(negate).apply(stream), lambda data: -data["E0"])
    ((result,), ((expected,),)) = trial.results(), trial.expected()
    expected.compare("S0", result.data[0])
    assert expected.value.dtype == torch.float64
    assert expected.error < 1e-6


def test_a_trial_can_be_run_again() -> None:
    trial = trial_of(
        lambda stream: step.Map(Function("fn", lambda x: x[0].add_(1), fp32, fp32)).apply(stream),
        lambda data: data["E0"].add_(data["W"]),
    )
    for _ in range(2):
        ((result,), ((expected,),)) = trial.results(), trial.expected()
        expected.compare("S0", result.data[0])


def test_a_reference_that_is_tied_to_float32_is_its_own_oracle() -> None:
    trial = trial_of(lambda stream: stream, lambda data: torch.ones(3, 3).float() @ data["E0"])
    ((expected,),) = trial.expected()
    assert expected.error == 0


def test_a_program_returns_as_many_streams_as_are_declared() -> None:
    trial = trial_of(lambda stream: step.Copy().apply(stream), lambda data: data["E0"])
    with pytest.raises(StepError, match="returns 2 streams, the task declares 1"):
        trial.results()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1.01, 0.99])
def test_a_result_that_is_off_is_told_apart(wrong: float) -> None:
    expected = Expected(torch.ones(2, dtype=torch.float64), error=0)
    expected.compare("S0", torch.tensor([1.0, 1.00001]))
    with pytest.raises(AssertionError, match=r"^S0: "):
        expected.compare("S0", torch.tensor([1.0, wrong]))


def test_infinity_and_nan_equal_themselves() -> None:
    odd = torch.tensor([float("inf"), float("-inf"), float("nan")])
    Expected(odd.double(), error=0).compare("S0", odd)


def test_small_values_may_be_off_by_the_scale_of_the_large_ones() -> None:
    expected = Expected(torch.tensor([1000.0, 0.0], dtype=torch.float64), error=0)
    expected.compare("S0", torch.tensor([1000.0, 0.01]))
    with pytest.raises(AssertionError):
        expected.compare("S0", torch.tensor([1000.0, 0.1]))
