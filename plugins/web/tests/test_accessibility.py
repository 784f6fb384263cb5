"""What axe finds on every page, in its themes and widths and in all states; and the way by Tab: in the
order of reading, always in sight, never a trap.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from hansa_devkit.harness.api_server import RunningServer
from playwright.sync_api import Browser, Page

from plugins.web.tests.real_browser import Listening, log_in
from plugins.web.tests.shown import (
    EMPTY,
    FAULTY,
    UNANSWERED,
    WITH_REFUSED,
    Refusing,
    leave_unanswered,
)
from tests.chromium import needs_chromium

HEIGHT = 600
"""Of a screen on which the buttons below a form cover none of its fields."""
STANDARD = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
LOOKS: tuple[tuple[int, Literal["light", "dark"], list[str]], ...] = (
    (1280, "light", STANDARD),
    (1280, "dark", []),
    (360, "dark", ["target-size", "scrollable-region-focusable"]),
    (360, "light", []),
)
"""Widths and themes, and the rules besides that of contrast whose outcome may be another one there."""
RUN_AXE = """
async ([rules, isWhole]) => {
  const known = new Map();
  const below = (one) => {
    if (!one) return "";
    if (!known.has(one)) {
      const style = getComputedStyle(one);
      const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter,
        style.mixBlendMode, style.textShadow];
      const isPlain = own.join() === "rgba(0, 0, 0, 0),none,1,none,normal,none";
      const isLaid = !["static", "relative"].includes(style.position);
      const isCut = style.clipPath !== "none";
      known.set(one, (isPlain ? "" : own.join()) + (isLaid ? "laid over" : "")
        + (isCut ? "cut away" : "") + below(one.parentElement));
    }
    return known.get(one);
  };
  const looks = (one) => {
    const style = getComputedStyle(one);
    return [style.color, style.fontSize, style.fontWeight, below(one)].join(" ");
  };
  const isWritten = (one) => one.placeholder || one.matches("select")
    || one.value && one.matches("input:not([type=checkbox], [type=radio]), textarea")
    || [...one.childNodes].some((node) => node.nodeType === 3 && /[\\p{L}\\p{N}]/u.test(node.nodeValue));
  const part = isWhole ? document.body : document.querySelector("main");
  const passed = new Set(JSON.parse(sessionStorage.passed || "[]"));
  const asked = [...part.querySelectorAll(":not(option, :disabled)")].filter((one) =>
    isWritten(one) && !passed.has(looks(one)) && !below(one).includes("cut away") && one.checkVisibility());
  const options = { resultTypes: ["violations"], preload: false };
  const found = [];
  if (rules.length) {
    const others = { ...options, runOnly: rules, rules: { "color-contrast": { enabled: false } } };
    found.push(...(await axe.run(isWhole ? document : part, others)).violations);
  }
  if (asked.length) {
    const contrast = { ...options, runOnly: ["color-contrast"], elementRef: true, selectors: false,
      resultTypes: ["violations", "passes"] };
    const judged = await axe.run({ include: asked }, contrast);
    found.push(...judged.violations);
    for (const { element } of judged.passes.flatMap((one) => one.nodes)) {
      if (!below(element).includes("laid over")) passed.add(looks(element));
    }
    sessionStorage.passed = JSON.stringify([...passed]);
  }
  const faults = found.map((one) => `${one.id}: ${one.nodes.map((node) => node.html)}`);
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push("too wide");
  return faults;
}
"""
"""What some rules find, and the contrast of texts that look like none that has passed before: in
colour, in size and weight, and in every background below them. What is laid over other things is
always asked for; what is cut away is for screen readers alone.
"""
STRETCH = """
() => {
  document.documentElement.dir = "rtl";
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("pre, code, textarea, select, svg")) continue;
    node.nodeValue = node.nodeValue.replace(/[a-z]{3,}/gi, (word) => {
      const more = Math.ceil(word.length * 0.4);
      return word.replace(/[aeou]/g, (letter) => ({ a: "å", e: "é", o: "ö", u: "ü" })[letter])
        + "é".repeat(more);
    });
  }
}
"""
"""Puts texts in place that are 40 % longer, with accents, and written from right to left."""
PUT_CONTENT = """
async (path) => {
  const answer = await fetch(path);
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector("main").replaceWith(found.querySelector("main"));
}
"""
"""Puts the content of another page in the place of that of the page that is open."""
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
AT_FOCUS = """
() => {
  const one = document.activeElement;
  if (!one || one === document.body) return { name: "", at: "end" };
  (window.reached ||= new Set()).add(one);
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  const points = [[0.5, 0.5], [0.1, 0.5], [0.9, 0.5]].map(([x, y]) => document.elementFromPoint(
    box.left + box.width * x, box.top + Math.min(box.height, innerHeight / 2) * y));
  const seen = points.some((top) => top && (one.contains(top) || top.contains(one)
    || [...(one.labels || [])].some((label) => label.contains(top))));
  return {
    name: `${one.tagName.toLowerCase()} ${one.name || one.id || one.textContent.trim().slice(0, 30)}`,
    at: one.matches(".skip") ? "skip" : "",
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen,
    box: [box.left, box.top + scrollY, box.right, box.bottom + scrollY],
    index: [...document.querySelectorAll("*")].indexOf(one),
  };
}
"""
"""What has the focus: whether it is marked and in sight, where it is, and its place in the source."""
PASSED = """
() => [...document.querySelectorAll("main :is(a[href], button, input, select, textarea, summary)")]
  .filter((one) => !window.reached?.has(one) && one.tabIndex >= 0 && !one.disabled
    && one.type !== "hidden" && one.type !== "radio" && one.checkVisibility())
  .map((one) => one.outerHTML.slice(0, 100))
"""
"""What is seen of the content and can be used, but Tab has not led to; of radio buttons one is enough."""
SEND = """
(name) => {
  const field = document.querySelector(name ? `main [name=${name}]` : "main form[method=post] button");
  field.form.noValidate = true;
  const buttons = [".first", ".danger", ""].map((one) => field.form.querySelector(`button${one}`));
  buttons.find((one) => one).click();
}
"""
"""Sends the form of a field, or the first one, by its main button."""
REFUSAL = re.compile(r"admin\.\S+ failed")
"""What a panel says in the place of an answer that is refused."""
MOST_STOPS = 250
"""Presses of Tab after which a page has a trap."""
pytestmark = needs_chromium


@contextlib.contextmanager
def logged_in(chromium: Browser, url: str, server: RunningServer) -> Iterator[Page]:
    """Open a page of a browser that is logged in."""
    context = chromium.new_context(bypass_csp=True)
    # PERF: sent once; each page that opens has it
    context.add_init_script(AXE_SCRIPT)
    page = context.new_page()
    log_in(page, url, server.password)
    yield page
    context.close()


@pytest.fixture
def page(chromium: Browser, url: str, server: RunningServer) -> Iterator[Page]:
    """A page of a browser that is logged in."""
    with logged_in(chromium, url, server) as page:
        yield page


def look(page: Page, named: str, *, is_whole: bool = False) -> list[str]:
    """Return what is wrong with the content of the page that is open, in each look, or with all of it.

    PERF: the contrast of texts that look the same is computed once.
    """
    found = []
    for width, scheme, rules in LOOKS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme)
        faults = page.evaluate(RUN_AXE, [rules, is_whole])
        found += [f"{named} {width} {scheme}: {one}" for one in faults]
    page.set_viewport_size({"width": 320, "height": HEIGHT})
    if page.evaluate(WIDER):
        found.append(f"{named}: wider than 320")
    return found


def stretched(page: Page, named: str) -> list[str]:
    """Put longer texts into the page that is open, and return whether it scrolls sideways then."""
    page.evaluate(STRETCH)
    is_wide = page.evaluate(WIDER)
    return [f"{named}: wider than 320 with longer texts from right to left"] if is_wide else []


@dataclass(frozen=True)
class Found:
    """What is wrong with the pages: what axe says, and the way by Tab."""

    by_axe: list[str]
    by_tab: list[str]


@pytest.fixture(scope="module")
def found(chromium: Browser, url: str, server: RunningServer, shown: list[str]) -> Found:
    """What is wrong with any page.

    PERF: each page is opened once for both. What is around its content is the same everywhere: the
    first page is looked at as a whole, the others where they differ.
    """
    found = Found([], [])
    with logged_in(chromium, url, server) as page:
        for number, path in enumerate(shown):
            page.set_viewport_size({"width": 1280, "height": 800})
            page.goto(f"{url}/tests{path}")
            faults = faults_on_the_way(page, is_whole=number == 0)
            found.by_tab.extend(f"{path}: {fault}" for fault in faults)
            found.by_axe.extend(look(page, path, is_whole=number == 0))
            found.by_axe.extend(stretched(page, path))
    return found


def test_axe_finds_nothing_and_nothing_scrolls_sideways(found: Found) -> None:
    assert "\n".join(found.by_axe) == ""


def test_a_contrast_that_is_too_low_in_one_look_alone_is_found(page: Page, url: str) -> None:
    page.goto(f"{url}/tests/help")
    assert look(page, "help") == []
    faint = "@media (max-width: 640px) { h1 { color: light-dark(#dddddd, #ffffff); } }"
    page.add_style_tag(content=faint)
    (fault,) = look(page, "help")
    assert fault.startswith("help 360 light: color-contrast")


def test_tab_leads_through_every_page_in_the_order_of_reading(found: Found) -> None:
    assert "\n".join(found.by_tab) == ""


def test_axe_finds_nothing_where_there_is_nothing_or_something_is_wrong(
    page: Page, web: Listening, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for path, fields in FAULTY:
        page.goto(f"{web.url}/tests{path}")
        send(page, fields)
        found += look(page, f"faults in {path}")
    # PERF: from here on the content alone is fetched, into a page that has axe already
    for path in EMPTY:
        page.evaluate(PUT_CONTENT, f"/tests{path}")
        found += look(page, path)
    call: Any = web.api.call
    monkeypatch.setattr(web.api, "call", Refusing(call))
    for path in WITH_REFUSED:
        page.evaluate(PUT_CONTENT, f"/tests{path}")
        assert REFUSAL.search(page.inner_text("main")), path
        found += look(page, f"refused {path}")
    monkeypatch.setattr(web.api, "call", leave_unanswered)
    for path in UNANSWERED:
        page.evaluate(PUT_CONTENT, f"/tests{path}")
        assert "nobody listens" in page.inner_text("main"), path
        found += look(page, f"unanswered {path}")
    page.context.clear_cookies()
    page.goto(f"{web.url}/login")
    page.fill("#user", "admin")
    page.fill("#password", "any")
    page.keyboard.press("Enter")
    page.get_by_text("nobody listens").wait_for()
    found += look(page, "login", is_whole=True)
    assert "\n".join(found) == ""


def send(page: Page, fields: dict[str, str]) -> None:
    """Fill in the form that has these fields, or the first, and send it whatever it has."""
    for name, text in fields.items():
        page.fill(f"main [name={name}]", text)
    name = next(iter(fields), "")
    with page.expect_navigation():
        page.evaluate(SEND, name)
    assert page.locator(".fault, .notice.bad").count(), f"{page.url} has no fault"


def faults_on_the_way(page: Page, *, is_whole: bool) -> list[str]:
    """Return what is wrong on the way by Tab to the end of the page: from its content on, or from the
    begin.
    """
    # a live part that is replaced on the way would have elements that were not reached
    page.evaluate("document.querySelector('#pause:not([hidden])')?.click()")
    page.evaluate("(first) => document.querySelector(first).focus()", ".skip")
    if not is_whole:
        page.keyboard.press("Enter")
    found: list[str] = []
    before: dict[str, Any] | None = None
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(AT_FOCUS)
        if stop["at"]:
            return [*found, *(f"Tab does not lead to {one}" for one in page.evaluate(PASSED))]
        if not stop["outlined"]:
            found.append(f"the focus of {stop['name']} is not marked")
        if not stop["seen"]:
            found.append(f"{stop['name']} is not in sight when it has the focus")
        if before is not None and is_backwards(before, stop):
            found.append(f"{stop['name']} is read before {before['name']}")
        before = stop
    return [*found, "Tab does not lead out of the page"]


def is_backwards(before: dict[str, Any], stop: dict[str, Any]) -> bool:
    """Whether what gets the focus later is earlier in the source, or above in the same column."""
    if stop["index"] < before["index"]:
        return True
    left, top, right, _ = before["box"]
    is_in_column = stop["box"][0] < right and stop["box"][2] > left
    return is_in_column and bool(stop["box"][3] <= top)


def test_the_way_begins_with_the_content_and_menus_close_with_escape(page: Page, url: str) -> None:
    page.goto(f"{url}/tests/channels")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    menu = page.locator("details.new")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert menu.get_attribute("open") is not None
    page.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    assert page.evaluate("document.activeElement.closest('details.new') !== null")
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{url}/tests/channels")
    pages = page.locator(".menu")
    assert pages.get_attribute("open") is None
    pages.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    assert pages.get_attribute("open") is None
