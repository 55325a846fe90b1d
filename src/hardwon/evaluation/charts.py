"""Small SVG charts: bars, lines and grids. Self-contained, for light and dark backgrounds.

Series differ by colour and by dash or hatch, so that no chart relies on colour alone, and every
chart says in words what it shows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, log10
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 760.0, 420.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 66.0, 20.0, 44.0, 56.0
_LETTER = 7.2
"""Width of a letter of a label, rounded up."""
_SERIES = 8
"""Styles that differ; more series repeat them."""

_STYLE = """
text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #424a53 }
.back { fill: #ffffff } .head { font-size: 15px; font-weight: 600; fill: #1f2328 }
.axis { stroke: #818b98 } .grid { stroke: #d1d9e0 } .line { fill: none; stroke-width: 2 }
.small { font-size: 11px } .ring { fill: none; stroke: #1f2328; stroke-width: 1.5 }
.cell { stroke: #d1d9e0; stroke-width: 0.5 } .full { fill: #0969da } .none { fill: #f6f8fa }
.c0 { --c: #0969da } .c1 { --c: #bc4c00 } .c2 { --c: #1a7f37 } .c3 { --c: #8250df }
.c4 { --c: #bf3989 } .c5 { --c: #59636e } .c6 { --c: #9a6700 } .c7 { --c: #1b7c83 }
.stroke { stroke: var(--c) } .fill { fill: var(--c) }
.d1, .d5 { stroke-dasharray: 7 4 } .d2, .d6 { stroke-dasharray: 2 3 }
.d3, .d7 { stroke-dasharray: 9 3 2 3 } .d4 { stroke-dasharray: 12 3 }
.of-paper { fill-opacity: 0.25; stroke: var(--c); stroke-width: 1.5; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #c9d1d9 } .back { fill: #0d1117 } .head { fill: #f0f6fc }
  .axis { stroke: #6e7681 } .grid, .cell { stroke: #30363d } .ring { stroke: #f0f6fc }
  .full { fill: #4493f8 } .none { fill: #161b22 }
  .c0 { --c: #4493f8 } .c1 { --c: #f0883e } .c2 { --c: #3fb950 } .c3 { --c: #ab7df8 }
  .c4 { --c: #db61a2 } .c5 { --c: #9198a1 } .c6 { --c: #d29922 } .c7 { --c: #39c5cf }
}
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of a line."""

    x: float
    y: float
    label: str = ""
    ringed: bool = False
    """Whether it is made to stand out."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together."""

    name: str
    marks: tuple[Mark, ...]
    stepped: bool = False
    """Whether the value stays until the next point, instead of a straight way to it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A group's bar of one series."""

    value: float | None
    paper: bool = False
    """Whether the value is the paper's: drawn pale with a dashed border."""


def lines(title: str, across: str, up: str, series: Sequence[Series], *, top: float = 1.0) -> str:
    """Return a line chart; `top` is the upper end of the vertical axis, which begins at 0."""
    most = max((mark.x for one in series for mark in one.marks), default=0.0) or 1.0
    plot = _Plot(title, across, up, most=most, top=top, names=[one.name for one in series])
    body = [*plot.frame(), *plot.ticks_across(), *plot.legend()]
    for at, one in enumerate(series):
        style = at % _SERIES
        points: list[str] = []
        height: float | None = None
        for mark in one.marks:
            if one.stepped and height is not None:
                points.append(f"{plot.x(mark.x):.1f},{height:.1f}")
            height = plot.y(mark.y)
            points.append(f"{plot.x(mark.x):.1f},{height:.1f}")
        body.append(
            f'<g class="c{style}"><polyline class="line stroke d{style}"'
            f' points="{" ".join(points)}"/>'
        )
        for mark in one.marks:
            x, y = plot.x(mark.x), plot.y(mark.y)
            if mark.ringed:
                body.append(f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="6"/>')
            if mark.label or mark.ringed or len(one.marks) <= 40:
                body.append(f'<circle class="fill" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
            if mark.label:
                body.append(
                    f'<text class="small" x="{x:.1f}" y="{y - 9:.1f}"'
                    f' text-anchor="middle">{escape(mark.label)}</text>'
                )
        body.append("</g>")
    spoken = "; ".join(
        f"{one.name} ends at {one.marks[-1].y:.3g}" if one.marks else f"{one.name} is empty"
        for one in series
    )
    return plot.document(body, f"{up} by {across}: {spoken}")


def bars(
    title: str,
    up: str,
    groups: Sequence[str],
    series: Sequence[tuple[str, Sequence[Bar]]],
    *,
    top: float = 1.0,
) -> str:
    """Return a bar chart with one bar per series in each group."""
    most = max(len(groups), 1)
    longest = max((len(group) for group in groups), default=0) * _LETTER
    slanted = longest > (_WIDTH - _LEFT - _RIGHT) / most
    deeper = max(0.0, longest * 0.5 - 20) if slanted else 0.0
    plot = _Plot(
        title, "", up, most=most, top=top, names=[name for name, _ in series], deeper=deeper
    )
    body = [*plot.frame(), *plot.legend()]
    wide = (plot.x(1) - plot.x(0)) * 0.8 / max(len(series), 1)
    for number, group in enumerate(groups):
        middle = plot.x(number + 0.5)
        turn = f' transform="rotate(-35 {middle:.1f} {plot.bottom + 16:.1f})"' if slanted else ""
        anchor = "end" if slanted else "middle"
        body.append(
            f'<text class="small" x="{middle:.1f}" y="{plot.bottom + 16:.1f}"{turn}'
            f' text-anchor="{anchor}">{escape(group)}</text>'
        )
        for at, (_, values) in enumerate(series):
            bar = values[number]
            if bar.value is None:
                continue
            left = middle + (at - len(series) / 2) * wide
            high = plot.y(bar.value)
            body.append(
                f'<g class="c{at % _SERIES}"><rect class="fill{" of-paper" * bar.paper}"'
                f' x="{left:.1f}" y="{high:.1f}" width="{wide * 0.92:.1f}"'
                f' height="{plot.bottom - high:.1f}"/>'
                f'<text class="small" x="{left + wide * 0.46:.1f}" y="{high - 3:.1f}"'
                f' text-anchor="middle">{bar.value:.2g}</text></g>'
            )
    spoken = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{group} {bar.value:.3g}"
            for group, bar in zip(groups, values, strict=True)
            if bar.value is not None
        )
        for name, values in series
    )
    return plot.document(body, f"{up}. {spoken}")


def grid(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
) -> str:
    """Return a grid of shares: the fuller a cell, the darker; the share stands in it as well."""
    side = max((len(row) for row in rows), default=0) * _LETTER + 24
    wide = max(46.0, *(len(column) * _LETTER + 10 for column in columns), 46.0)
    high = 20.0
    width = max(side + wide * len(columns) + 20, len(title) * 9 + 40)
    height = 80 + high * len(rows) + 16
    body: list[str] = []
    for at, column in enumerate(columns):
        body.append(
            f'<text class="small" x="{side + wide * (at + 0.5):.1f}" y="70"'
            f' text-anchor="middle">{escape(column)}</text>'
        )
    for down, row in enumerate(rows):
        y = 78 + high * down
        body.append(f'<text class="small" x="16" y="{y + 14:.1f}">{escape(row)}</text>')
        for at, value in enumerate(values[down]):
            x = side + wide * at
            box = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'
            body.append(f'<rect class="cell none" {box}/>')
            if value is None:
                continue
            body.append(f'<rect class="full" fill-opacity="{0.65 * value:.2f}" {box}/>')
            body.append(
                f'<text class="small" x="{x + wide / 2:.1f}" y="{y + 14:.1f}"'
                f' text-anchor="middle">{value:.2f}</text>'
            )
    spoken = "; ".join(
        f"{row}: "
        + ", ".join(
            f"{column} {value:.2f}"
            for column, value in zip(columns, line, strict=True)
            if value is not None
        )
        for row, line in zip(rows, values, strict=True)
    )
    return _document(title, width, height, body, spoken)


class _Plot:
    """The frame of a chart with two axes."""

    def __init__(
        self,
        title: str,
        across: str,
        up: str,
        *,
        most: float,
        top: float,
        names: Sequence[str],
        deeper: float = 0.0,
    ) -> None:
        self.title, self.across, self.up = title, across, up
        self.most, self.top = most, top or 1.0
        self.bottom = _HEIGHT - _BOTTOM - deeper
        self.names = names
        self.places = _places(names)
        self.ceiling = max((y for _, y in self.places), default=_TOP) + 18

    def x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / self.most

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.ceiling) * value / self.top

    def frame(self) -> Iterable[str]:
        for tick in _ticks(self.top):
            y = self.y(tick)
            yield (
                f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}"'
                f' y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            yield (
                f'<text class="small" x="{_LEFT - 8}" y="{y + 4:.1f}"'
                f' text-anchor="end">{_number(tick)}</text>'
            )
        yield (
            f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{self.bottom}"'
            f' y2="{self.bottom}"/>'
        )
        middle = (self.bottom + self.ceiling) / 2
        yield (
            f'<text x="18" y="{middle:.1f}" transform="rotate(-90 18 {middle:.1f})"'
            f' text-anchor="middle">{escape(self.up)}</text>'
        )
        if self.across:
            yield (
                f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.1f}" y="{_HEIGHT - 14}"'
                f' text-anchor="middle">{escape(self.across)}</text>'
            )

    def ticks_across(self) -> Iterable[str]:
        for tick in _ticks(self.most):
            yield (
                f'<text class="small" x="{self.x(tick):.1f}" y="{self.bottom + 18}"'
                f' text-anchor="middle">{_number(tick)}</text>'
            )

    def legend(self) -> Iterable[str]:
        for at, (name, (x, y)) in enumerate(zip(self.names, self.places, strict=True)):
            style = at % _SERIES
            yield (
                f'<g class="c{style}"><line class="line stroke d{style}" x1="{x:.1f}"'
                f' x2="{x + 24:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<rect class="fill" x="{x + 8:.1f}" y="{y - 4:.1f}" width="8" height="8"/></g>'
                f'<text class="small" x="{x + 30:.1f}" y="{y + 4:.1f}">{escape(name)}</text>'
            )

    def document(self, body: Sequence[str], spoken: str) -> str:
        return _document(self.title, _WIDTH, _HEIGHT, body, spoken)


def _places(names: Sequence[str]) -> list[tuple[float, float]]:
    """Return where the entries of a legend begin, in as many lines as they need."""
    places: list[tuple[float, float]] = []
    x, y = _LEFT, _TOP + 4
    for name in names:
        width = 30 + len(name) * _LETTER + 14
        if x > _LEFT and x + width > _WIDTH - _RIGHT:
            x, y = _LEFT, y + 17
        places.append((x, y))
        x += width
    return places


def _document(title: str, width: float, height: float, body: Sequence[str], spoken: str) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
            f' width="{width:.0f}" height="{height:.0f}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(spoken)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="back" width="{width:.0f}" height="{height:.0f}"/>',
            f'<text class="head" x="16" y="26">{escape(title)}</text>',
            *body,
            "</svg>",
            "",
        ]
    )


def _ticks(most: float) -> list[float]:
    """Return four to ten round numbers from 0 to at most `most`."""
    step = 10.0 ** floor(log10(most))
    for divisor in (1, 2, 5, 10):
        if most / (step / divisor) >= 4:
            step /= divisor
            break
    return [step * at for at in range(int(most / step + 1e-9) + 1)]


def _number(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
