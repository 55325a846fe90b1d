"""The definition itself, primitive by primitive, on streams small enough to work out by hand."""

from collections.abc import Sequence
from math import inf
from typing import Any

import pytest
import torch

from hardwon.languages.step.dims import Dim, integer, parse_dim
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import (
    Accum,
    Bufferize,
    Copy,
    Flatten,
    Identity,
    Map,
    Merge,
    Partition,
    Primitive,
    Promote,
    Repeat,
    RepeatRef,
    Reshape,
    Scan,
    Streamify,
    Zip,
)
from hardwon.languages.step.semantics.definition import (
    DataError,
    Definition,
    DefinitionError,
    TokenStream,
    Unit,
    at_sizes,
)
from hardwon.languages.step.signature import Function
from hardwon.languages.step.types import Buffer, Dtype, Multihot, Scalar, Stream, Tuple

FP32 = Scalar()
PAIR = Tuple((FP32, FP32))
TWO = Multihot(integer(2))
ROW3 = Buffer(FP32, (integer(3),))


def fn(name: str) -> Function:
    """Return a handle of a unit; the definition takes everything but the name from the unit."""
    return Function(name, FP32, FP32, is_fold=False)


UNITS = {
    "double": Unit(FP32, FP32, lambda x: [x[0] * 2]),
    "subtract": Unit(PAIR, FP32, lambda x: [x[0] - x[1]]),
    "split": Unit(FP32, PAIR, lambda x: [x[0], x[0] + 0.5]),
    "zero": Unit(FP32, ROW3, lambda x: [0]),
    "too_many": Unit(FP32, FP32, lambda x: [x[0], x[0]]),
    "spoil": Unit(FP32, FP32, lambda x: [x[0].mul_(0)]),
    # Reads its tokens as decimal digits, so that their order shows.
    "digits": Unit(FP32, FP32, lambda x, state: [state[0] * 10 + x[0]], init=(0.0,)),
    "largest": Unit(FP32, FP32, lambda x, state: [torch.maximum(x[0], state[0])], init=(-inf,)),
}
SIZES = {"N": 2, "K": 3, "D": 5}


def stream(shape: Sequence[int], *values: float) -> TokenStream:
    """Return a stream of numbers, given in stream order."""
    return TokenStream(FP32, tuple(shape), tuple((torch.tensor(value),) for value in values))


def vectors(shape: Sequence[int], *values: list[int]) -> TokenStream:
    tokens = tuple((torch.tensor(value, dtype=torch.float32),) for value in values)
    return TokenStream(Multihot(integer(len(values[0]))), tuple(shape), tokens)


def values(found: TokenStream) -> list[Any]:
    """Return the tokens as numbers (or lists of them), one item per component."""
    rows = [[part.tolist() for part in token] for token in found.tokens]
    return [row[0] if len(row) == 1 else tuple(row) for row in rows]


def apply(primitive: Primitive, *streams: TokenStream) -> list[TokenStream]:
    return Definition(UNITS, SIZES).apply(primitive, streams)


def only(primitive: Primitive, *streams: TokenStream) -> TokenStream:
    (found,) = apply(primitive, *streams)
    return found


def test_map_applies_a_function_to_every_token() -> None:
    found = only(Map(fn("double")), stream([3], 1, 2, 3))
    assert (found.dtype, found.shape, values(found)) == (FP32, (3,), [2, 4, 6])


def test_map_takes_and_returns_components() -> None:
    pairs = only(Map(fn("split")), stream([2], 1, 2))
    assert (pairs.dtype, values(pairs)) == (PAIR, [(1, 1.5), (2, 2.5)])
    assert values(only(Map(fn("subtract")), pairs)) == [-0.5, -0.5]


def test_a_result_is_broadcast_to_its_declared_shape() -> None:
    found = only(Map(fn("zero")), stream([2], 1, 2))
    assert (found.dtype, values(found)) == (ROW3, [[0, 0, 0], [0, 0, 0]])


def test_a_body_cannot_change_the_stream_that_it_reads() -> None:
    x = stream([2], 1, 2)
    assert values(only(Map(fn("spoil")), x)) == [0, 0]
    assert values(x) == [1, 2]


def test_accum_folds_the_inner_dimensions_in_stream_order() -> None:
    x = stream([2, 3], 1, 2, 3, 4, 5, 6)
    found = only(Accum(fn("digits"), b=1), x)
    assert (found.shape, values(found)) == ((3,), [12, 34, 56])


def test_accum_over_two_dimensions_runs_through_the_outer_one_slowest() -> None:
    x = stream([2, 2, 2], 1, 2, 3, 4, 5, 6, 7, 8)
    found = only(Accum(fn("digits"), b=2), x)
    assert (found.shape, values(found)) == ((2,), [1234, 5678])


def test_accum_over_nothing_gives_the_initial_state() -> None:
    found = only(Accum(fn("largest"), b=1), stream([0, 2]))
    assert (found.shape, values(found)) == ((2,), [-inf, -inf])


def test_scan_keeps_every_state() -> None:
    found = only(Scan(fn("digits"), b=1), stream([3, 2], 1, 2, 3, 4, 5, 6))
    assert (found.shape, values(found)) == ((3, 2), [1, 12, 123, 4, 45, 456])


def test_zip_puts_components_side_by_side_and_never_nests() -> None:
    pairs = only(Zip(), stream([2], 1, 2), stream([2], 3, 4))
    triples = only(Zip(), pairs, stream([2], 5, 6))
    assert triples.dtype == Tuple((FP32, FP32, FP32))
    assert values(triples) == [(1, 3, 5), (2, 4, 6)]


def test_copy_makes_two_and_identity_one() -> None:
    x = stream([2], 1, 2)
    assert [values(found) for found in apply(Copy(), x)] == [[1, 2], [1, 2]]
    assert [values(found) for found in apply(Identity(), x)] == [[1, 2]]


@pytest.mark.parametrize(
    ("primitive", "shape", "expected"),
    [
        (Promote(b=0), (2, 3), (1, 2, 3)),
        (Promote(b=2), (2, 3), (2, 3, 1)),
        (Flatten(L=(1,)), (2, 3, 5), (6, 5)),
        (Flatten(L=(2,)), (2, 3, 5), (2, 15)),
        (Flatten(L=(1, 2)), (2, 3, 5), (30,)),
        (Reshape(L=(0,), S=integer(2)), (4, 3), (2, 2, 3)),
        (Reshape(L=(1,), S=parse_dim("K")), (4, 3), (4, 3, 1)),
        (Reshape(L=(1, 0), S=parse_dim("N")), (4, 6), (2, 2, 2, 3)),
    ],
)
def test_shape_primitives_recount_the_same_tokens(
    primitive: Primitive, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    numbers = range(torch.Size(shape).numel())
    found = only(primitive, stream(shape, *numbers))
    assert (found.shape, values(found)) == (expected, list(numbers))


def test_bufferize_lays_tokens_out_like_pytorch() -> None:
    found = only(Bufferize(a=2), stream([3, 2, 1], 1, 2, 3, 4, 5, 6))
    assert found.dtype == Buffer(FP32, (integer(3), integer(2)))
    assert (found.shape, values(found)) == ((1,), [[[1, 2, 3], [4, 5, 6]]])


def test_bufferize_extends_a_buffer_at_its_outside() -> None:
    rows = only(Bufferize(a=1), stream([3, 2, 1], 1, 2, 3, 4, 5, 6))
    both = only(Bufferize(a=1), rows)
    assert both.dtype == Buffer(FP32, (integer(3), integer(2)))
    assert values(both) == [[[1, 2, 3], [4, 5, 6]]]


def test_a_buffer_of_multihots_keeps_their_axis_innermost() -> None:
    found = only(Bufferize(a=1), vectors([3, 1], [1, 0], [0, 1], [1, 1]))
    assert found.dtype == Buffer(TWO, (integer(3),))
    assert values(found) == [[[1, 0], [0, 1], [1, 1]]]


def test_streamify_undoes_bufferize() -> None:
    x = stream([3, 2, 2], *range(12))
    back = only(Streamify(), only(Bufferize(a=2), x))
    assert (back.dtype, back.shape, values(back)) == (FP32, x.shape, values(x))


def test_repeat_emits_each_token_in_a_row() -> None:
    found = only(Repeat(n=parse_dim("K")), stream([2], 1, 2))
    assert (found.shape, values(found)) == ((3, 2), [1, 1, 1, 2, 2, 2])


def test_repeat_ref_takes_the_shape_of_the_reference() -> None:
    found = only(RepeatRef(), stream([2], 1, 2), stream([3, 2], *range(6)))
    assert (found.shape, values(found)) == ((3, 2), [1, 1, 1, 2, 2, 2])


def test_partition_sends_tokens_to_every_stream_that_is_chosen() -> None:
    index = vectors([4], [1, 0], [0, 1], [1, 1], [0, 0])
    first, second = apply(Partition(N=integer(2)), stream([4], 1, 2, 3, 4), index)
    assert (first.shape, values(first)) == ((2,), [1, 3])
    assert (second.shape, values(second)) == ((2,), [2, 3])


def test_partition_moves_whole_runs_and_may_leave_a_stream_empty() -> None:
    index = vectors([2], [0, 1], [0, 1])
    first, second = apply(Partition(N=integer(2)), stream([2, 2], 1, 2, 3, 4), index)
    assert (first.shape, values(first)) == ((2, 0), [])
    assert (second.shape, values(second)) == ((2, 2), [1, 2, 3, 4])


def test_partition_counts_all_dimensions_of_its_index() -> None:
    index = vectors([2, 2], [1, 0], [0, 1], [1, 0], [1, 0])
    first, second = apply(Partition(N=integer(2)), stream([2, 2], 1, 2, 3, 4), index)
    assert (first.shape, values(first)) == ((3,), [1, 3, 4])
    assert (second.shape, values(second)) == ((1,), [2])


def test_merge_takes_tokens_in_order_and_folds_in_order_of_streams() -> None:
    index = vectors([4], [1, 1], [0, 1], [0, 0], [1, 0])
    parts = (stream([2], 1, 2), stream([2], 7, 8))
    found = only(Merge(fn("digits")), *parts, index)
    assert (found.shape, values(found)) == ((4,), [17, 8, 0, 2])


def test_merge_gives_zeros_where_nothing_is_chosen_whatever_the_initial_state() -> None:
    index = vectors([2], [0, 0], [1, 0])
    found = only(Merge(fn("largest")), stream([1], -5), stream([0]), index)
    assert values(found) == [0, -5]


def test_merge_puts_the_shape_of_the_index_around_the_common_one() -> None:
    index = vectors([2, 1], [1, 0], [1, 1])
    parts = (stream([2, 2], 1, 2, 3, 4), stream([2, 1], 5, 6))
    found = only(Merge(fn("digits")), *parts, index)
    assert (found.shape, values(found)) == ((2, 2, 1), [1, 2, 35, 46])


def test_merge_may_leave_tokens_behind_but_not_run_out_of_them() -> None:
    index = vectors([2], [1, 0], [1, 0])
    assert values(only(Merge(fn("digits")), stream([3], 1, 2, 3), stream([1], 4), index)) == [1, 2]
    with pytest.raises(DataError, match="stream 0 has no token left"):
        only(Merge(fn("digits")), stream([1], 1), stream([1], 4), index)


def test_routing_needs_zeros_and_ones() -> None:
    index = TokenStream(TWO, (1,), ((torch.tensor([0.0, 2.0]),),))
    with pytest.raises(DataError, match="zeros and ones"):
        apply(Partition(N=integer(2)), stream([1], 1), index)


X23 = stream([2, 3], *range(6))


@pytest.mark.parametrize(
    ("primitive", "streams"),
    [
        (Map(fn("digits")), [X23]),
        (Map(fn("subtract")), [X23]),
        (Map(fn("too_many")), [X23]),
        (Accum(fn("double"), b=1), [X23]),
        (Accum(fn("double"), b=1), [stream([1, 0])]),
        (Accum(fn("digits"), b=0), [X23]),
        (Accum(fn("digits"), b=2), [X23]),
        (Scan(fn("digits"), b=2), [X23]),
        (Scan(fn("double"), b=1), [X23]),
        (Zip(), [X23]),
        (Zip(), [X23, stream([3, 2], *range(6))]),
        (Copy(), [X23, X23]),
        (Promote(b=-1), [X23]),
        (Promote(b=3), [X23]),
        (Flatten(L=()), [X23]),
        (Flatten(L=(0,)), [X23]),
        (Flatten(L=(2,)), [X23]),
        (Flatten(L=(2, 1)), [stream([2, 3, 1], *range(6))]),
        (Flatten(L=(1, 3)), [stream([2, 3, 1, 1], *range(6))]),
        (Reshape(L=(0,), S=integer(4)), [X23]),
        (Reshape(L=(), S=integer(1)), [X23]),
        (Reshape(L=(0, 0), S=integer(1)), [X23]),
        (Reshape(L=(2,), S=integer(1)), [X23]),
        (Reshape(L=(0,), S=parse_dim("D") / parse_dim("N")), [X23]),
        (Bufferize(a=0), [X23]),
        (Bufferize(a=2), [X23]),
        (Bufferize(a=1), [TokenStream(PAIR, (1, 0), ())]),
        (Streamify(), [X23]),
        (Repeat(n=Dim(coefficient=0)), [X23]),
        (RepeatRef(), [X23, X23]),
        (RepeatRef(), [stream([2], 1, 2), X23]),
        (Partition(N=integer(3)), [stream([1], 1), vectors([1], [1, 0])]),
        (Partition(N=integer(2)), [stream([1], 1), stream([1], 1)]),
        (Partition(N=integer(2)), [stream([1], 1), vectors([1, 1], [1, 0])]),
        (Partition(N=integer(2)), [X23, vectors([2], [1, 0], [1, 0])]),
        (Merge(fn("digits")), [X23, X23, X23]),
        (Merge(fn("digits")), [X23, vectors([1], [1, 0])]),
        (Merge(fn("double")), [stream([0]), stream([0]), vectors([1], [0, 0])]),
        (Merge(fn("digits")), [X23, stream([3, 1], *range(3)), vectors([1], [0, 0])]),
        (Merge(fn("digits")), [X23, TokenStream(PAIR, (2, 0), ()), vectors([1], [0, 0])]),
    ],
    ids=lambda value: str(value) if isinstance(value, Primitive) else "",
)
def test_steps_without_a_meaning_are_refused(
    primitive: Primitive, streams: list[TokenStream]
) -> None:
    with pytest.raises(DefinitionError) as caught:
        apply(primitive, *streams)
    assert not isinstance(caught.value, DataError)


def test_a_graph_runs_node_by_node() -> None:
    x = Ref(INPUT, 0)
    nodes = (
        Node(Copy(), (x,), 2),
        Node(Map(fn("double")), (Ref(0, 0),), 1),
        Node(Zip(), (Ref(1, 0), Ref(0, 1)), 1),
    )
    graph = Graph(("E0",), nodes, (Ref(2, 0),))
    streams = Definition(UNITS, SIZES).run(graph, [stream([2], 1, 2)])
    assert streams.keys() == set(graph.refs())
    assert values(streams[Ref(2, 0)]) == [(2, 1), (4, 2)]


def test_tensors_have_the_outermost_axis_first() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    found = TokenStream.from_tensors(FP32, (3, 2), [tensor])
    assert values(found) == [0, 1, 2, 3, 4, 5]
    assert torch.equal(found.to_tensors()[0], tensor)


def test_the_axes_of_an_element_come_last() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    found = TokenStream.from_tensors(ROW3, (2,), [tensor])
    assert values(found) == [[0, 1, 2], [3, 4, 5]]
    assert torch.equal(found.to_tensors()[0], tensor)


def test_sizes_replace_every_symbol_of_a_dtype() -> None:
    dtype: Dtype = Tuple((Multihot(parse_dim("N")), Buffer(TWO, (parse_dim("2*K"),))))
    assert str(at_sizes(dtype, SIZES)) == "[Multihot(fp32, 2), Buffer(Multihot(fp32, 2), [6])]"
    assert at_sizes(FP32, SIZES) == FP32
    with pytest.raises(DefinitionError, match="D/2"):
        at_sizes(Buffer(FP32, (parse_dim("D") / integer(2),)), SIZES)


def test_streams_know_their_rank() -> None:
    assert X23.rank == Stream(FP32, (integer(2), integer(3))).rank == 1
