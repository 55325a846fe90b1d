"""The SVG: well-formed, complete, readable."""

import re
from xml.etree import ElementTree

import pytest

from hardwon import bench
from hardwon.bench.references import reference
from hardwon.languages import Annotates, Annotation, get_language
from hardwon.languages.inspection import FlowEdge, FlowNode
from hardwon.report import dataflow_figure, dataflow_svg

SVG = "{http://www.w3.org/2000/svg}"
SIZES = {"M": 5, "N": 7, "K": 9, "D": 16, "E": 3}


def annotation_of(name: str) -> Annotation:
    language = get_language("step")
    assert isinstance(language, Annotates)
    task = bench.load(name)
    sizes = {**SIZES, "E": 2} if "E_value = 2" in task.global_code else SIZES
    return language.annotate(task, reference(name), sizes)


def texts(element: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in element.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", [entry.name for entry in bench.catalog()])
def test_every_box_and_label_is_drawn(name: str) -> None:
    annotation = annotation_of(name)
    assert not [error for error in annotation.errors if error.stage != "affine"]
    root = ElementTree.fromstring(dataflow_svg(annotation, name))
    groups = {group.get("id"): group for group in root.iter(f"{SVG}g") if group.get("id")}
    assert set(groups) == {node.key for node in annotation.nodes}
    for node in annotation.nodes:
        assert node.title in texts(groups[node.key])
    drawn = texts(root)
    for edge in annotation.edges:
        assert all(line in drawn for line in edge.label.split("\n"))


@pytest.mark.parametrize("name", ["gemm/buffer", "norm/layer_scalar", "etoe/top1"])
def test_no_text_is_wider_than_its_box(name: str) -> None:
    root = ElementTree.fromstring(dataflow_svg(annotation_of(name), name))
    for group in root.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        if rect is None:
            continue
        for text in group.findall(f"{SVG}text"):
            size = 13 if "title" in (text.get("class") or "") else 12
            assert len(text.text or "") * size * 0.602 <= float(rect.get("width", "0"))


def test_the_drawing_names_itself_for_those_who_cannot_see_it() -> None:
    root = ElementTree.fromstring(dataflow_svg(annotation_of("gemm/buffer"), "gemm/buffer"))
    assert root.get("role") == "img"
    identified = {element.get("id"): element.text or "" for element in root.iter()}
    for label in (root.get("aria-labelledby") or "").split():
        assert identified[label]
    assert "Accum fn_add, b=1 (line 4)" in identified["description"]


def test_the_drawing_has_colours_for_dark_backgrounds() -> None:
    svg = dataflow_svg(annotation_of("gemm/buffer"), "gemm/buffer")
    light, dark = svg.split("@media (prefers-color-scheme: dark)")
    colours = re.compile(r"\.back \{ fill: (#\w+)")
    assert colours.findall(light) != colours.findall(dark)


def test_the_drawing_refers_to_nothing_outside_itself() -> None:
    svg = dataflow_svg(annotation_of("etoe/top1"), "etoe/top1")
    assert re.findall(r"https?://[^\"' ]+", svg) == ["http://www.w3.org/2000/svg"]


def test_markup_and_control_characters_in_names_do_no_harm() -> None:
    nodes = (
        FlowNode("a", "input", "<E0>&\x00"),
        FlowNode("b", "step", 'x"y', "fn<1>", faulty=True),
    )
    edges = (FlowEdge("a", "b", "fp32 <&\x1b"),)
    svg = dataflow_svg(Annotation((), (), nodes, edges), "]]><script>\x07")
    root = ElementTree.fromstring(svg)
    assert "<E0>&\N{REPLACEMENT CHARACTER}" in texts(root)
    assert not list(root.iter(f"{SVG}script"))


def test_a_program_that_could_not_be_read_gives_a_drawing_that_says_so() -> None:
    root = ElementTree.fromstring(dataflow_svg(Annotation((), ()), "broken"))
    assert texts(root) == ["broken: no graph, it could not be read"]


def test_a_drawing_in_a_page_brings_no_style_and_names_of_its_own() -> None:
    figures = [
        ElementTree.fromstring(dataflow_figure(annotation_of("etoe/top1"), "etoe/top1", key))
        for key in ("one", "two")
    ]
    names = [{element.get("id") for element in figure.iter()} - {None} for figure in figures]
    assert names[0].isdisjoint(names[1])
    for figure, own in zip(figures, names, strict=True):
        assert not list(figure.iter(f"{SVG}style"))
        used = [element.get("marker-end", "url(#)")[5:-1] for element in figure.iter()]
        used += (figure.get("aria-labelledby") or "").split()
        assert {name for name in used if name} <= own
