"""A program's dataflow graph as a self-contained SVG, for light and dark backgrounds."""

import re
from collections import defaultdict
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from hardwon.languages.inspection import Annotation, FlowEdge, FlowNode
from hardwon.report.layout import Box, Layout, Place, arrange

_MARGIN = 20.0
_HEADER = 34.0
_LETTER = 0.62
"""Width of a monospace letter in ems, rounded up: common fonts have 0.6 to 0.602."""
_TITLE, _DETAIL, _LABEL = 13.0, 12.0, 11.0
_PADDING = 12.0
_LEADING = 1.35
_PORT = 26.0
"""Greatest distance between two edges where they meet a box."""

_STYLE = """
.back { fill: #ffffff }
.head { font: 600 15px ui-sans-serif, system-ui, sans-serif; fill: #1f2328 }
.mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace }
.box { fill: #f6f8fa; stroke: #59636e; stroke-width: 1.25 }
.step .title { font-weight: 600 }
.moves .box { fill: #ffffff; stroke: #b1bac4; stroke-dasharray: 4 3 }
.input .box { fill: #ddf4ff; stroke: #0969da }
.output .box { fill: #dafbe1; stroke: #1a7f37 }
.faulty .box { fill: #ffebe9; stroke: #cf222e; stroke-width: 2; stroke-dasharray: none }
.title { font-size: 13px; fill: #1f2328 }
.detail { font-size: 12px; fill: #424a53 }
.label { font-size: 11px; fill: #59636e }
.edge { fill: none; stroke: #818b98; stroke-width: 1.25 }
.tip { fill: #818b98 }
@media (prefers-color-scheme: dark) {
  .back { fill: #0d1117 }
  .head, .title { fill: #f0f6fc }
  .box { fill: #21262d; stroke: #9198a1 }
  .moves .box { fill: #0d1117; stroke: #59636e }
  .input .box { fill: #0c2d4d; stroke: #4493f8 }
  .output .box { fill: #0f341d; stroke: #3fb950 }
  .faulty .box { fill: #4c1417; stroke: #f85149 }
  .detail { fill: #c9d1d9 }
  .label { fill: #9198a1 }
  .edge { stroke: #6e7681 }
  .tip { fill: #6e7681 }
}
"""

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def dataflow_svg(annotation: Annotation, title: str) -> str:
    """Return the drawing as a file; one without boxes says that there is nothing to draw."""
    return _Drawing(annotation, title, "").document()


def dataflow_figure(annotation: Annotation, title: str, key: str) -> str:
    """Return the drawing as a part of a page, which has to give it colours (see `report.css`).

    Args:
        annotation: what to draw; it has boxes.
        title: the program's name.
        key: a name fit for an `id`, unique in the page: an inline SVG shares the page's names.
    """
    return _Drawing(annotation, title, f"{key}-").figure()


class _Drawing:
    def __init__(self, annotation: Annotation, title: str, prefix: str) -> None:
        self.nodes = annotation.nodes
        self.title = _legal(title)
        self.prefix = prefix
        """Of every `id`."""
        self.labels = _shared_labels(annotation.edges)
        self.position = {node.key: at for at, node in enumerate(self.nodes)}
        first_label = len(self.nodes)
        boxes = [_node_box(node) for node in self.nodes]
        boxes += [_label_box(label) for _, label in self.labels]
        self.wires: list[tuple[int, int]] = []
        for number, ((source, _), targets) in enumerate(self.labels.items()):
            self.wires.append((self.position[source], first_label + number))
            self.wires += [(first_label + number, self.position[key]) for key in targets]
        outputs = [at for at, node in enumerate(self.nodes) if node.kind == "output"]
        self.boxes = boxes
        self.layout: Layout = arrange(boxes, self.wires, bottom=frozenset(outputs))

    def document(self) -> str:
        """Return a file with its own colours, background and heading."""
        heading = self.title if self.nodes else f"{self.title}: no graph, it could not be read"
        width = max(self.layout.width, len(self.title) * 9.0) + 2 * _MARGIN
        height = self.layout.height + 2 * _MARGIN + _HEADER
        return "\n".join(
            [
                self._opening(width, height),
                f"<style>{_STYLE}</style>",
                f'<rect class="back" width="{width:.0f}" height="{height:.0f}"/>',
                f'<text class="head" x="{_MARGIN:g}" y="{_MARGIN + 12:g}">{escape(heading)}</text>',
                *self._graph(_MARGIN, _MARGIN + _HEADER),
                "</svg>",
                "",
            ]
        )

    def figure(self) -> str:
        """Return the graph alone."""
        width, height = self.layout.width + 4, self.layout.height + 4
        return "\n".join([self._opening(width, height), *self._graph(2, 2), "</svg>"])

    def _opening(self, width: float, height: float) -> str:
        described = (
            f"{len(self.nodes)} boxes from inputs at the top to results at the bottom: "
            + ", ".join(_spoken(node) for node in self.nodes)
        )
        title, description = f"{self.prefix}title", f"{self.prefix}description"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="0 0 {width:.0f} {height:.0f}" role="img"'
            f" aria-labelledby={quoteattr(f'{title} {description}')}>"
            f"<title id={quoteattr(title)}>Dataflow graph of {escape(self.title)}</title>"
            f"<desc id={quoteattr(description)}>{escape(described)}</desc>"
        )

    def _graph(self, x: float, y: float) -> list[str]:
        return [
            f'<defs><marker id={quoteattr(f"{self.prefix}tip")} viewBox="0 0 8 8" refX="7" refY="4"'
            ' markerWidth="8" markerHeight="8" orient="auto">'
            '<path class="tip" d="M0 0.5 8 4 0 7.5z"/></marker></defs>',
            f'<g transform="translate({x:g} {y:g})">',
            *self._edges(),
            *self._labels(),
            *(self._node(at, node) for at, node in enumerate(self.nodes)),
            "</g>",
        ]

    def _node(self, at: int, node: FlowNode) -> str:
        place, box = self.layout.places[at], self.boxes[at]
        classes = " ".join(
            [node.kind, *(["moves"] if node.moves else []), *(["faulty"] if node.faulty else [])]
        )
        radius = box.height / 2 if node.kind != "step" else 5
        lines = [("title", node.title, _TITLE)]
        if _second_line(node):
            lines.append(("detail", node.detail, _DETAIL))
        return "".join(
            [
                f"<g class={quoteattr(classes)} id={quoteattr(_legal(self.prefix + node.key))}>",
                f"<title>{escape(_spoken(node))}</title>",
                f'<rect class="box" x="{place.x - box.width / 2:.1f}" y="{place.top:.1f}"'
                f' width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius:g}"/>',
                _text(place, lines),
                "</g>",
            ]
        )

    def _labels(self) -> list[str]:
        first = len(self.nodes)
        return [
            _text(self.layout.places[first + at], [("label", t, _LABEL) for t in label.split("\n")])
            for at, (_, label) in enumerate(self.labels)
        ]

    def _edges(self) -> list[str]:
        """Draw every piece of wire; those that end at a box get an arrowhead."""
        starts, ends = self._ports()
        drawn: list[str] = []
        for number, ((source, target), route) in enumerate(
            zip(self.wires, self.layout.routes, strict=True)
        ):
            x, y = starts[number], self.layout.places[source].bottom
            path = [f"M{x:.1f} {y:.1f}"]
            for passage in route:
                path.append(_curve(x, y, passage.x, passage.top))
                x, y = passage.x, passage.bottom
                path.append(f"L{x:.1f} {y:.1f}")
            path.append(_curve(x, y, ends[number], self.layout.places[target].top))
            reaches_box = target < len(self.nodes)
            tip = f" marker-end={quoteattr(f'url(#{self.prefix}tip)')}" if reaches_box else ""
            drawn.append(f'<path class="edge" d="{" ".join(path)}"{tip}/>')
        return drawn

    def _ports(self) -> tuple[list[float], list[float]]:
        """Return where wires leave and reach boxes, side by side in the order of their courses."""
        routes = list(zip(self.wires, self.layout.routes, strict=True))
        leaving: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
        reaching: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
        for number, ((source, target), route) in enumerate(routes):
            after = route[0] if route else self.layout.places[target]
            before = route[-1] if route else self.layout.places[source]
            leaving[source].append((after.x, number))
            reaching[target].append((before.x, number))
        return self._spread(leaving, len(routes)), self._spread(reaching, len(routes))

    def _spread(self, sides: dict[int, list[tuple[float, int]]], count: int) -> list[float]:
        xs = [0.0] * count
        for at, wires in sides.items():
            is_label = at >= len(self.nodes)
            room = 0.0 if is_label else self.boxes[at].width - 2 * _PADDING
            step = min(_PORT, room / max(1, len(wires) - 1))
            for place, (_, number) in enumerate(sorted(wires)):
                xs[number] = self.layout.places[at].x + (place - (len(wires) - 1) / 2) * step
        return xs


def _shared_labels(edges: Sequence[FlowEdge]) -> dict[tuple[str, str], list[str]]:
    """Return the targets of every stream: a stream with several readers has one label."""
    labels: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        labels.setdefault((edge.source, _legal(edge.label)), []).append(edge.target)
    return labels


def _second_line(node: FlowNode) -> bool:
    return bool(node.detail) and node.kind == "step"


def _node_box(node: FlowNode) -> Box:
    width = len(node.title) * _TITLE * _LETTER
    height = _TITLE * _LEADING
    if _second_line(node):
        width = max(width, len(node.detail) * _DETAIL * _LETTER)
        height += _DETAIL * _LEADING
    return Box(max(width + 2 * _PADDING, 56.0), height + _PADDING)


def _label_box(label: str) -> Box:
    lines = label.split("\n")
    width = max(map(len, lines)) * _LABEL * _LETTER
    return Box(width + 6, len(lines) * _LABEL * _LEADING + 4)


def _text(place: Place, lines: Sequence[tuple[str, str, float]]) -> str:
    """Return centred lines of text of the given classes and sizes."""
    total = sum(size * _LEADING for _, _, size in lines)
    y = (place.top + place.bottom - total) / 2
    drawn: list[str] = []
    for kind, text, size in lines:
        baseline = y + size * 1.02
        y += size * _LEADING
        drawn.append(
            f'<text class="mono {kind}" x="{place.x:.1f}" y="{baseline:.1f}"'
            f' text-anchor="middle">{escape(_legal(text))}</text>'
        )
    return "".join(drawn)


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    if abs(x - to_x) < 0.5:
        return f"L{to_x:.1f} {to_y:.1f}"
    middle = (y + to_y) / 2
    return f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"


def _spoken(node: FlowNode) -> str:
    """Return a box in words."""
    parts = [node.detail, node.title] if node.kind != "step" else [node.title, node.detail]
    text = " ".join(part for part in parts if part)
    place = f" (line {node.line})" if node.line else ""
    return _legal(f"{text}{place}{', has an error' if node.faulty else ''}")


def _legal(text: str) -> str:
    """Return text without characters that XML cannot hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
