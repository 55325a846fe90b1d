"""What is remembered by identity is what the function says, whatever objects come and go."""

import pytest

from hardwon.languages.step import memo
from hardwon.languages.step.checker import infer_types
from hardwon.languages.step.dims import symbol
from hardwon.languages.step.elaborate import elaborate
from hardwon.languages.step.memo import IdentityMemo
from hardwon.languages.step.parser import parse
from hardwon.languages.step.signature import Signature
from hardwon.languages.step.types import Multihot, Scalar, Stream


def test_equal_arguments_that_are_other_objects_are_asked_about_anew() -> None:
    asked: list[tuple[int, ...]] = []

    @IdentityMemo
    def total(numbers: tuple[int, ...]) -> int:
        asked.append(numbers)
        return sum(numbers)

    first = tuple(range(1, 3))
    assert [total(first), total(first), total(tuple(range(1, 3)))] == [3, 3, 3]
    assert len(asked) == 2


def test_an_argument_cannot_be_taken_for_one_that_is_gone() -> None:
    length = IdentityMemo(len)
    assert [length([0] * size) for size in range(200)] == list(range(200))


def test_what_raises_is_not_remembered() -> None:
    share = IdentityMemo(lambda numbers: 1 / numbers[0])
    numbers = [0]
    with pytest.raises(ZeroDivisionError):
        share(numbers)
    numbers[0] = 2
    assert share(numbers) == 0.5


def test_it_forgets_before_it_grows_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "_MOST", 3)
    double = IdentityMemo(lambda text: text + text)
    texts = [f"text {number}" for number in range(10)]
    for _ in range(2):
        assert [double(text) for text in texts] == [text + text for text in texts]
        assert len(double._known) <= 3


def test_two_partitions_of_the_same_streams_have_dimensions_of_their_own() -> None:
    index = Stream(Multihot(symbol("E")), (symbol("M"),))
    inputs = (("x", Stream(Scalar(), (symbol("M"),))), ("i", index))
    signature = Signature(inputs, (), (), frozenset(), frozenset({"E", "M"}))
    text = """\
a, b = step.Partition(N=E).apply((x, i))
c, d = step.Partition(N=E).apply((x, i))
return a"""
    for _ in range(2):
        graph = elaborate(parse(text), signature, {"E": 2}).graph
        types = infer_types(graph, signature, {"E": 2}).types
        shapes = [str(types[ref].shape[0]) for ref in graph.refs() if ref.node >= 0]
        assert shapes == ["?0@0", "?1@0", "?0@1", "?1@1"]
