"""Layered layout of a directed acyclic graph (after Sugiyama, Tagawa and Toda, 1981).

Edges run downwards. An edge that passes a layer reserves room in it, so edges never cross boxes.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_ORDER_SWEEPS = 12
_PLACE_SWEEPS = 15
"""An odd number, so that the last sweep puts every box below what it reads."""
_PASSING_WIDTH = 10.0
_STRAIGHTNESS = 8.0
"""How much more a passing edge insists on its place than a box does."""


@dataclass(frozen=True, slots=True)
class Box:
    """Something with a size, in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box is: its centre and its upper edge."""

    x: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing, with its upper left corner at 0, 0."""

    places: tuple[Place, ...]
    """By box."""
    routes: tuple[tuple[Place, ...], ...]
    """By edge: the passages through the layers between source and target."""
    width: float
    height: float


def arrange(
    boxes: Sequence[Box],
    edges: Sequence[tuple[int, int]],
    *,
    bottom: frozenset[int] = frozenset(),
    gap: float = 18.0,
    layer_gap: float = 26.0,
) -> Layout:
    """Place boxes; an edge leads from the first to the second of a pair. `bottom` ones come last.

    Raises:
        ValueError: if the edges form a cycle.
    """
    if not boxes:
        return Layout((), (), 0.0, 0.0)
    depth = _depths(len(boxes), edges)
    last = max(depth)
    for index in bottom:
        depth[index] = last
    widths = [box.width for box in boxes]
    heights = [box.height for box in boxes]
    layer_of = list(depth)
    below: defaultdict[int, list[int]] = defaultdict(list)
    above: defaultdict[int, list[int]] = defaultdict(list)
    passages: list[list[int]] = []
    for source, target in edges:
        previous, chain = source, []
        for layer in range(depth[source] + 1, depth[target]):
            widths.append(_PASSING_WIDTH)
            heights.append(0.0)
            layer_of.append(layer)
            chain.append(len(widths) - 1)
        for index in (*chain, target):
            below[previous].append(index)
            above[index].append(previous)
            previous = index
        passages.append(chain)
    layers: list[list[int]] = [[] for _ in range(last + 1)]
    for index, layer in enumerate(layer_of):
        layers[layer].append(index)
    layers = _ordered(layers, above, below)
    xs = _placed(layers, widths, above, below, boxes=len(boxes), gap=gap)
    tops, bottoms = _rows(layers, heights, layer_gap)
    places: list[Place] = []
    for index, height in enumerate(heights):
        layer = layer_of[index]
        if index >= len(boxes):
            places.append(Place(xs[index], tops[layer], bottoms[layer]))
        else:
            middle = (tops[layer] + bottoms[layer]) / 2
            places.append(Place(xs[index], middle - height / 2, middle + height / 2))
    left = min(place.x - width / 2 for place, width in zip(places, widths, strict=True))
    places = [Place(place.x - left, place.top, place.bottom) for place in places]
    return Layout(
        tuple(places[: len(boxes)]),
        tuple(tuple(places[index] for index in chain) for chain in passages),
        max(place.x + width / 2 for place, width in zip(places, widths, strict=True)),
        bottoms[-1],
    )


def _depths(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return the length of the longest path to every box."""
    targets: defaultdict[int, list[int]] = defaultdict(list)
    waiting = [0] * count
    for source, target in edges:
        targets[source].append(target)
        waiting[target] += 1
    depth = [0] * count
    ready = [index for index in range(count) if not waiting[index]]
    done = 0
    while ready:
        index = ready.pop()
        done += 1
        for target in targets[index]:
            depth[target] = max(depth[target], depth[index] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    if done < count:
        raise ValueError("expected a graph without cycles")
    return depth


Neighbours = Mapping[int, list[int]]


def _ordered(layers: list[list[int]], above: Neighbours, below: Neighbours) -> list[list[int]]:
    """Order every layer by the mean position of its neighbours; keep the best of some sweeps."""
    best, fewest = layers, _crossings(layers, below)
    current = [list(layer) for layer in layers]
    for sweep in range(_ORDER_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        span = range(1, len(current)) if down else range(len(current) - 2, -1, -1)
        for at in span:
            fixed = current[at - 1] if down else current[at + 1]
            position = {index: place for place, index in enumerate(fixed)}
            own = {index: place for place, index in enumerate(current[at])}
            current[at].sort(key=_mean_of(neighbours, position, own))
        crossings = _crossings(current, below)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in current], crossings
    return best


def _mean_of(
    neighbours: Neighbours, position: Mapping[int, int], own: Mapping[int, int]
) -> Callable[[int], float]:
    def mean(index: int) -> float:
        places = [position[other] for other in neighbours.get(index, ())]
        return sum(places) / len(places) if places else float(own[index])

    return mean


def _crossings(layers: list[list[int]], below: Neighbours) -> int:
    total = 0
    for upper, lower in pairwise(layers):
        position = {index: place for place, index in enumerate(lower)}
        ends = [
            end
            for index in upper
            for end in sorted(position[other] for other in below.get(index, ()))
        ]
        total += sum(a > b for at, a in enumerate(ends) for b in ends[at + 1 :])
    return total


def _placed(
    layers: list[list[int]],
    widths: list[float],
    above: Neighbours,
    below: Neighbours,
    *,
    boxes: int,
    gap: float,
) -> list[float]:
    """Return the centres: every box as near to its neighbours' mean as its layer allows."""
    xs = [0.0] * len(widths)
    for layer in layers:
        edge = 0.0
        for index in layer:
            xs[index] = edge + widths[index] / 2
            edge += widths[index] + gap
        shift = (edge - gap) / 2
        for index in layer:
            xs[index] -= shift
    for sweep in range(_PLACE_SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            wanted: list[float] = []
            for index in layer:
                first, second = (above, below) if down else (below, above)
                near = first.get(index) or second.get(index) or [index]
                wanted.append(sum(xs[other] for other in near) / len(near))
            weights = [1.0 if index < boxes else _STRAIGHTNESS for index in layer]
            spans = [widths[index] for index in layer]
            for index, x in zip(layer, _separated(wanted, weights, spans, gap), strict=True):
                xs[index] = x
    return xs


def _separated(
    wanted: list[float], weights: list[float], widths: list[float], gap: float
) -> list[float]:
    """Return the positions nearest to the wanted ones (least squares) that keep their distance.

    Without the distances, positions only have to be in order; that is isotonic regression, solved
    by pooling neighbours that are out of order.
    """
    offsets = [0.0]
    for left, right in pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, members
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, total, count = want - offset, weight, 1
        while pools and pools[-1][0] > mean:
            before, mass, members = pools.pop()
            mean = (mean * total + before * mass) / (total + mass)
            total, count = total + mass, count + members
        pools.append((mean, total, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _rows(
    layers: list[list[int]], heights: list[float], gap: float
) -> tuple[list[float], list[float]]:
    tops: list[float] = []
    bottoms: list[float] = []
    edge = 0.0
    for layer in layers:
        tops.append(edge)
        bottoms.append(edge + max(heights[index] for index in layer))
        edge = bottoms[-1] + gap
    return tops, bottoms
