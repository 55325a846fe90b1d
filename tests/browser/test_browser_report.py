"""The report in a real browser: offline, by keyboard, on a phone, in the dark."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Page, find_chromium

from hardwon.report import RunReport, render_page
from report_samples import TOKENS, learned, run, task

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, found none on the path")
HOSTILE = (
    "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
)
DESK, PHONE = (1200, 900), (360, 740)
RUNS: dict[str, RunReport] = {
    "learned": learned(),
    "nothing sampled": run(ending=None),
    "with a model": run(task("a/b", usage=TOKENS), roles=True),
    "hostile": run(task("a/b", text=HOSTILE), task("a/c", solved=False, text="x" * 300)),
    "many": run(
        *(task(f"group{at % 9}/task{at}", solved=at % 3 > 0, iteration=at % 8) for at in range(120))
    ),
}
CONTRAST = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return Array.from(canvas.getImageData(0, 0, 1, 1).data);
  };
  const light = ([r, g, b]) => [r, g, b]
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = Array.from(element.childNodes).some((n) => n.nodeType === 3 && n.data.trim());
    if (!text || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const drawn = element instanceof SVGElement;
    const [a, b] = [light(rgb(drawn ? style.fill : style.color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${element.tagName} ${element.textContent.trim()}: ${ratio}`);
  }
  return poor;
})()
"""


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where each run's page lies."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, report in RUNS.items():
        file = folder / f"{name.replace(' ', '-')}.html"
        file.write_text(render_page(report), encoding="utf-8")
        found[name] = file.as_uri()
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert CHROMIUM is not None
    with Page(CHROMIUM, tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    """The browser as a user finds it, who wants no movement."""
    browser.resize(*DESK)
    prefer(browser, "light")
    return browser


def prefer(page: Page, scheme: str) -> None:
    page.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def focused(page: Page) -> str:
    """Return the text of what has the focus."""
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def settle(page: Page) -> None:
    """Wait until the page has drawn itself twice: what was to happen by then has happened."""
    page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        ".then(() => null)"
    )


def is_open(page: Page, anchor: str) -> bool:
    found = page.evaluate(f"document.getElementById({json.dumps(anchor)}).closest('details').open")
    assert isinstance(found, bool)
    return found


@pytest.mark.parametrize("name", RUNS)
def test_a_page_opens_from_a_file_without_complaints_or_requests(
    page: Page, addresses: dict[str, str], name: str
) -> None:
    page.open(addresses[name])
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert page.evaluate("document.querySelector('h1').textContent")
    assert page.complaints() == []
    assert page.requests() == [addresses[name]]


def test_what_others_wrote_does_not_run(page: Page, addresses: dict[str, str]) -> None:
    page.open(addresses["hostile"])
    assert page.evaluate("document.title") == "1 of 2 tasks solved: made-up"
    assert HOSTILE in str(page.evaluate("document.getElementById('task-a-b').textContent"))


def test_the_policy_stops_scripts_and_requests_that_are_not_the_pages_own(
    page: Page, addresses: dict[str, str]
) -> None:
    page.open(addresses["learned"])
    page.evaluate(
        """(() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'taken'";
          const image = document.createElement("img");
          image.src = "http://127.0.0.1:9/x.png";
          document.body.append(script, image);
        })()"""
    )
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'stopped')") == (
        "stopped"
    )
    assert page.evaluate("document.title") != "taken"
    stopped = [text for text in page.complaints() if "Content Security Policy" in text]
    assert len(stopped) >= 3


def test_a_task_opens_and_closes_by_keyboard(page: Page, addresses: dict[str, str]) -> None:
    page.open(addresses["learned"])
    page.evaluate("document.getElementById('fold').focus()")
    page.press("Tab")
    assert focused(page).startswith("norm/rows")
    assert not is_open(page, "task-norm-rows")
    page.press("Enter")
    assert is_open(page, "task-norm-rows")
    page.press(" ")
    assert not is_open(page, "task-norm-rows")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_the_first_stop_of_the_keyboard_leads_past_the_head(
    page: Page, addresses: dict[str, str]
) -> None:
    page.open(addresses["learned"])
    page.press("Tab")
    assert focused(page) == "Skip to the results"
    page.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_an_address_opens_its_task(page: Page, addresses: dict[str, str]) -> None:
    page.open("about:blank")
    page.open(f"{addresses['learned']}#task-norm-layer")
    assert is_open(page, "task-norm-layer")
    assert not is_open(page, "task-norm-rows")
    settle(page)
    assert focused(page).startswith("norm/layer")
    top = page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert 0 <= top < DESK[1] / 2
    page.evaluate("document.querySelector('#task-norm-layer .teachers a').click()")
    settle(page)
    assert is_open(page, "task-norm-rows")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(
    page: Page, addresses: dict[str, str], name: str, scheme: str
) -> None:
    prefer(page, scheme)
    page.open(addresses[name])
    page.evaluate(
        "Array.from(document.querySelectorAll('details')).slice(0, 20)"
        ".forEach((each) => { each.open = true })"
    )
    assert page.evaluate(CONTRAST) == []


def test_colours_follow_the_system_and_the_choice(page: Page, addresses: dict[str, str]) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        prefer(page, scheme)
        page.open(addresses["learned"])
        page.evaluate("document.getElementById('scheme-auto').click()")
        seen[scheme] = background(page)
    assert seen["light"] != seen["dark"]
    page.evaluate("document.getElementById('scheme-light').click()")
    assert background(page) == seen["light"]
    page.open(addresses["learned"])
    assert background(page) == seen["light"], "the choice was not kept"
    page.evaluate("document.getElementById('scheme-auto').click()")
    assert background(page) == seen["dark"]


def test_a_page_without_storage_works(page: Page, addresses: dict[str, str]) -> None:
    broken = page.send(
        "Page.addScriptToEvaluateOnNewDocument",
        source="Object.defineProperty(window, 'localStorage',"
        " { get() { throw new Error('forbidden') } })",
    )
    try:
        page.open(addresses["learned"])
        before = background(page)
        page.evaluate("document.getElementById('scheme-dark').click()")
        assert background(page) != before
        assert page.complaints() == []
        assert page.evaluate("document.querySelector('form.sieve').hidden") is False
    finally:
        page.send("Page.removeScriptToEvaluateOnNewDocument", **broken)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("width", [320, PHONE[0], 768])
def test_no_window_is_too_narrow(
    page: Page, addresses: dict[str, str], name: str, width: int
) -> None:
    page.resize(width, PHONE[1], mobile=True)
    page.open(addresses[name])
    page.evaluate(
        "Array.from(document.querySelectorAll('details')).slice(0, 20)"
        ".forEach((each) => { each.open = true })"
    )
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_scrolls_can_be_scrolled_by_keyboard_and_says_what_it_is(
    page: Page, addresses: dict[str, str]
) -> None:
    page.resize(*PHONE, mobile=True)
    page.open(addresses["learned"])
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    mute = page.evaluate(
        """Array.from(document.querySelectorAll("body *"))
          .filter((each) => ["auto", "scroll"].includes(getComputedStyle(each).overflowX))
          .filter((each) => each.tabIndex !== 0 || !each.ariaLabel || each.role !== "region")
          .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert mute == []


def test_a_screen_reader_finds_landmarks_headings_and_named_pictures(
    page: Page, addresses: dict[str, str]
) -> None:
    page.open(addresses["learned"])
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")

    def value(node: Any, field: str) -> str:
        return str(node.get(field, {}).get("value", ""))

    nodes = page.accessibility()
    roles = [value(node, "role") for node in nodes]
    assert {"banner", "navigation", "main", "contentinfo"} <= set(roles)
    named = {"image", "link", "button", "radio", "combobox", "searchbox", "region", "table"}
    for node, role in zip(nodes, roles, strict=True):
        if role in named:
            assert value(node, "name"), f"a {role} without a name"
    pictures = [value(n, "name") for n, role in zip(nodes, roles, strict=True) if role == "image"]
    assert any("Dataflow graph of norm/rows" in name for name in pictures)
    assert any(name.startswith("Tasks solved by samples") for name in pictures)


def test_a_long_list_can_be_sieved(page: Page, addresses: dict[str, str]) -> None:
    page.open(addresses["many"])
    page.evaluate(
        """(() => {
          const state = document.getElementById("sieve-state");
          state.value = "open";
          state.dispatchEvent(new Event("change"));
          const text = document.getElementById("sieve-text");
          text.value = "TASK9";
          text.dispatchEvent(new Event("input"));
        })()"""
    )
    left = page.evaluate(
        "Array.from(document.querySelectorAll('details.task'))"
        ".filter((each) => each.checkVisibility()).map((each) => each.dataset.name)"
    )
    assert sorted(re.sub(r".*/", "", name) for name in left) == [
        "task9",
        "task90",
        "task93",
        "task96",
        "task99",
    ]
    assert page.evaluate("document.getElementById('sieve-count').textContent") == ("5 of 120 tasks")
    page.evaluate("location.hash = '#task-group0-task0'")
    settle(page)
    assert is_open(page, "task-group0-task0")


def test_without_scripts_the_page_still_shows_everything(
    page: Page, addresses: dict[str, str]
) -> None:
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open("about:blank")
        page.open(f"{addresses['learned']}#task-norm-layer")
        assert is_open(page, "task-norm-layer")
        assert page.evaluate("document.querySelector('form.sieve').checkVisibility()") is False
    finally:
        page.send("Emulation.setScriptExecutionDisabled", value=False)


def test_a_screenshot_can_be_taken_for_somebody_to_look_at(
    page: Page, addresses: dict[str, str], tmp_path: Path
) -> None:
    page.open(addresses["learned"])
    picture = tmp_path / "report.png"
    picture.write_bytes(page.screenshot(whole=True))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
