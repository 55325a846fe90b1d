"""Line charts as geometry: where lines, ticks and labels go. The template draws them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hardwon.report.wording import compact, percent

WIDTH, HEIGHT = 400.0, 250.0
"""Small enough to be legible at its own size on a phone."""
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 14.0, 44.0


@dataclass(frozen=True, slots=True)
class Point:
    """A value with its name for people."""

    x: float
    y: float
    label: str = ""
    """Written beside it where there is room."""
    title: str = ""
    """Shown when it is pointed at."""
    low: float | None = None
    high: float | None = None
    """The ends of a confidence interval."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together, from left to right."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid, in pixels."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A series in pixels."""

    name: str
    path: str
    band: str
    """Outline of the confidence band; empty without one."""
    marks: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Caption:
    """What a chart says in words; its title names what goes upwards."""

    key: str
    """Fit for an `id`, unique in the page."""
    title: str
    description: str
    x_label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A line chart in pixels."""

    caption: Caption
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    """The one that matters most comes last."""
    limit: Tick | None = None
    """A value that cannot be exceeded."""
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def steps_chart(caption: Caption, series: Series, most: int) -> Chart:
    """Return a chart of a count that grows in steps, up to `most`."""
    farthest = max(point.x for point in series.points) or 1.0
    x = _scale(0.0, farthest, LEFT, WIDTH - RIGHT)
    y = _scale(0.0, max(1, most), HEIGHT - BOTTOM, TOP)
    return Chart(
        caption=caption,
        x_ticks=tuple(Tick(x(value), compact(value)) for value in _round_values(farthest, 5)),
        y_ticks=tuple(
            Tick(y(value), compact(value)) for value in _round_values(max(1, most), 5, whole=True)
        ),
        lines=(_line(series, x, y, stepped=True),),
        limit=Tick(y(most), f"all {most}"),
    )


def shares_chart(caption: Caption, series: Sequence[Series]) -> Chart:
    """Return a chart of shares over powers of two."""
    ends = [math.log2(point.x) for each in series for point in each.points]
    far = max(1.0, *ends)
    scale = _scale(0.0, far, LEFT + 6, WIDTH - RIGHT - 6)
    y = _scale(0.0, 1.0, HEIGHT - BOTTOM, TOP)
    every = max(1, math.ceil(far / 8))
    return Chart(
        caption=caption,
        x_ticks=tuple(
            Tick(scale(power), compact(2**power)) for power in range(0, int(far) + 1, every)
        ),
        y_ticks=tuple(Tick(y(share), percent(share)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        lines=tuple(
            _line(each, lambda value: scale(math.log2(value)), y, stepped=False) for each in series
        ),
    )


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _round_values(highest: float, about: int, *, whole: bool = False) -> list[float]:
    """Return round numbers from 0 to at most `highest`, about so many."""
    rough = highest / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
    if whole:
        step = max(1.0, step)
    return [index * step for index in range(int(highest / step + 1e-9) + 1)]


def _line(
    series: Series, x: Callable[[float], float], y: Callable[[float], float], *, stepped: bool
) -> Line:
    marks = [Point(x(point.x), y(point.y), point.label, point.title) for point in series.points]
    path: list[str] = []
    for mark in marks:
        if path and stepped:
            path.append(f"H{mark.x:.1f}V{mark.y:.1f}")
        else:
            path.append(f"{'L' if path else 'M'}{mark.x:.1f} {mark.y:.1f}")
    highs = [f"{x(p.x):.1f} {y(p.high):.1f}" for p in series.points if p.high is not None]
    lows = [f"{x(p.x):.1f} {y(p.low):.1f}" for p in series.points if p.low is not None]
    band = f"M{'L'.join(highs + lows[::-1])}Z" if len(highs) > 1 else ""
    return Line(series.name, "".join(path), band, tuple(_uncrowded(marks)))


def _uncrowded(marks: Sequence[Point]) -> list[Point]:
    """Return the marks with only those labels that have room."""
    kept: list[Point] = []
    free_from = -math.inf
    for mark in marks:
        has_room = bool(mark.label) and mark.x >= free_from
        if has_room:
            free_from = mark.x + 8 + 7 * len(mark.label)
        kept.append(mark if has_room else Point(mark.x, mark.y, "", mark.title))
    return kept
