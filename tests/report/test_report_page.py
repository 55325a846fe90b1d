"""The page: complete, self-contained, and safe whatever it has to show."""

import base64
import hashlib
import itertools
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from hardwon.languages import Annotation
from hardwon.languages.inspection import FlowNode
from hardwon.report import RunReport, render_page
from hardwon.report.page import plain_code
from report_samples import TOKENS, learned, run, task

HOSTILE = "</script></style></title>--><img src=x onerror=alert(1)>\"'&amp;{{ 7*7 }}"
VOID = {"meta", "link", "br", "input", "img"}


class Reader(HTMLParser):
    """Collects what is on a page, and checks that it is properly nested."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> in the wrong place at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if "script" not in self.open and "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def values(self, attribute: str) -> Iterator[str]:
        """Yield every value of an attribute."""
        return (attributes[attribute] for _, attributes in self.tags if attribute in attributes)


RUNS = {
    "learned": learned(),
    "nothing sampled": run(ending=None),
    "nothing solved": run(task("a/b", solved=False), ending="nothing new"),
    "interrupted": run(task("a/b", solved=False, iteration=2), ending=None),
    "with a model": run(task("a/b", usage=TOKENS), roles=True),
    "hostile": run(task("a/b", text=HOSTILE), task("a/c", solved=False, text=HOSTILE)),
    "many": run(*(task(f"group{at % 9}/task{at}", solved=at % 3 > 0) for at in range(300))),
}


@pytest.mark.parametrize("name", RUNS)
def test_every_page_is_well_formed_and_its_names_are_unique(name: str) -> None:
    page = Reader(render_page(RUNS[name]))
    names = list(page.values("id"))
    assert len(names) == len(set(names))
    references = [*page.values("aria-labelledby"), *page.values("for")]
    assert {each for value in references for each in value.split()} <= set(names)
    local = {value.removeprefix("#") for value in page.values("href") if value.startswith("#")}
    assert local <= set(names)


@pytest.mark.parametrize("name", RUNS)
def test_no_page_needs_anything_from_outside(name: str) -> None:
    page = Reader(render_page(RUNS[name]))
    addresses = [*page.values("href"), *page.values("src"), *page.values("action")]
    assert all(address.startswith("#") or address == "data:," for address in addresses)
    assert {tag for tag, _ in page.tags}.isdisjoint({"img", "iframe", "object", "embed", "base"})
    assert not list(page.values("style"))


def test_the_policy_allows_only_the_pages_own_style_and_script() -> None:
    text = render_page(learned())
    policy = next(iter(Reader(text).values("content")))
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    harmless, hostile = Reader(render_page(run(task("a/b")))), Reader(render_page(RUNS["hostile"]))
    assert {tag for tag, _ in hostile.tags} == {tag for tag, _ in harmless.tags}
    assert not [name for _, each in hostile.tags for name in each if name.startswith("on")]
    assert hostile.text.count(HOSTILE) > 15
    assert "49" not in hostile.text.replace(HOSTILE, "")


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\ud800", "\ufeff"])
def test_signs_that_hide_or_turn_text_are_spelt_out(sign: str) -> None:
    page = render_page(run(task("a/b", text=f"x{sign}y")))
    assert sign not in page
    assert f"x⟨U+{ord(sign):04X}⟩y" in page
    page.encode("utf-8")


def test_the_headline_says_what_was_won_and_what_it_cost() -> None:
    text = Reader(render_page(learned())).text
    assert "2 of 3 tasks solved" in text
    assert "2 iterations; all demonstrations together brought nothing new." in text
    assert "Samples 80 15% correct" in text
    assert "Steps 70 of the proposer" in text
    assert "Time 1 min 40 s in complete iterations" in text


def test_a_run_with_a_model_shows_tokens_money_and_roles() -> None:
    page = Reader(render_page(RUNS["with a model"]))
    assert "Tokens 1,960 in 4 requests" in page.text
    assert "Money $0.008 by the price table" in page.text
    assert "proposer openai:x 2 900 500 80 30 $0.004 1 0" in page.text
    assert "Steps" not in page.text


def test_an_unfinished_run_is_called_that() -> None:
    text = Reader(render_page(RUNS["interrupted"])).text
    assert "Not finished: the run is going on, or was stopped in iteration 2." in text
    assert "incomplete" in text
    assert "Nothing has been sampled yet." in Reader(render_page(RUNS["nothing sampled"])).text


def test_a_task_shows_its_program_its_teachers_and_its_failures() -> None:
    page = render_page(learned())
    (body,) = re.findall(r'id="task-norm-layer">(.*?)id="task-rope-open"', page, re.DOTALL)
    assert "E1: fp32 [N]" in body
    assert 'aria-labelledby="task-norm-layer-flow-title' in body
    assert "2 demonstrations in the prompt" in body
    assert '<a href="#task-norm-rows">' in body
    assert "other/task</bdi>, imported" in body
    assert "wrong results · <bdi>every result equals the reference</bdi>" in body
    assert "no program" in body
    assert "input_data[&#39;E0&#39;]" in body


def test_a_teacher_is_told_whom_it_taught() -> None:
    page = render_page(learned())
    (body,) = re.findall(r'id="task-norm-rows">(.*?)id="task-norm-layer"', page, re.DOTALL)
    assert "Nobody: it was solved without demonstrations." in body
    assert re.search(r"in the prompt when <a href=\"#task-norm-layer\">.*</a> was solved", body)


def test_an_answer_without_types_says_why() -> None:
    found = task("a/b")
    assert found.solution is not None
    plain = found.solution.model_copy(update={"annotation": None, "unexplained": "no judge here"})
    text = Reader(render_page(run(found.model_copy(update={"solution": plain})))).text
    assert "Without types and graph: no judge here" in text
    assert "return E1" in text


def test_imported_answers_are_no_ones_success() -> None:
    found = task("a/b")
    assert found.solution is not None
    foreign = found.solution.model_copy(update={"iteration": None})
    text = Reader(render_page(run(found.model_copy(update={"solution": foreign})))).text
    assert "imported, 3 of 8" in text
    assert "The answer was imported from another run" in text


def test_huge_programs_are_cut_and_the_page_stays_small() -> None:
    found = task("a/b", text="\n" + "x" * 100_000 + "\ny" * 100_000)
    assert found.solution is not None
    plain = found.solution.model_copy(update={"annotation": None, "unexplained": "too long"})
    page = render_page(run(found.model_copy(update={"solution": plain})))
    assert len(page) < 400_000
    assert "more lines" in page
    assert "more characters)" in page


def test_a_graph_that_is_too_large_is_left_to_the_data() -> None:
    found = task("a/b")
    assert found.solution is not None
    boxes = tuple(FlowNode(f"in{at}", "input", "E") for at in range(1000))
    crowded = found.solution.model_copy(update={"annotation": Annotation((), (), boxes)})
    text = Reader(render_page(run(found.model_copy(update={"solution": crowded})))).text
    assert "The graph is too large to be drawn here" in text


def test_the_line_at_fault_is_marked() -> None:
    code = plain_code("a\nb\nc", 2)
    assert [line.faulty for line in code.lines] == [False, True, False]
    assert code.hidden == 0


def test_tables_have_captions_and_headers_with_scopes() -> None:
    page = Reader(render_page(learned()))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") > 5
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")


def test_headings_go_down_by_single_steps() -> None:
    levels = [int(tag[1]) for tag, _ in Reader(render_page(learned())).tags if tag in
              {"h1", "h2", "h3", "h4", "h5"}]  # fmt: skip
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_same_run_gives_the_same_page() -> None:
    report: RunReport = learned()
    assert render_page(report) == render_page(RunReport.model_validate(report.model_dump()))
