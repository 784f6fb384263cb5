"""Pages where the system forces its few colours upon them (`forced-colors: active`): all that is
shown can still be seen, the focus is marked, and what only colours told apart has something else.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hansa_devkit.harness.api_server import RunningServer
from playwright.sync_api import Browser, Page

from plugins.web.tests.real_browser import log_in
from plugins.web.tests.test_accessibility import send
from tests.chromium import needs_chromium

TEMPLATES = (
    "",
    "/map",
    "/failed",
    "/failed/groups/",
    "/services/shown.load/source",
    "/changes/",
    "/outgoing/telegraph/new",
    "/statistics/course",
    "/replays/",
)
"""How the addresses of the pages begin that have all sorts of things: lists, forms, faults, charts,
bars, code, differences, the map.
"""
VANISHED = """
() => {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (color) => {
    if (!known.has(color)) {
      probe.clearRect(0, 0, 1, 1);
      probe.fillStyle = color;
      probe.fillRect(0, 0, 1, 1);
      known.set(color, [...probe.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(color);
  };
  const light = (color) => {
    const [red, green, blue] = rgba(color).map((one) => one / 255)
      .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const canvas = getComputedStyle(document.body).backgroundColor;
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgba(color)[3] === 255) return color;
    }
    return canvas;
  };
  const named = (one) => one.outerHTML.slice(0, 120);
  const seen = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility()
    && !one.closest(".unseen, .skip, :disabled") && one.getClientRects().length);
  const faults = [];
  const isWritten = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim());
  for (const one of seen.filter(isWritten)) {
    const style = getComputedStyle(one);
    const ink = one.closest("svg") ? style.fill : style.color;
    if (contrast(ink, behind(one)) < 4.5) faults.push(`a text cannot be read: ${named(one)}`);
  }
  const controls = "button, .button, input:not([type=checkbox], [type=radio]), select, textarea";
  for (const one of seen.filter((each) => each.matches(controls) && !each.matches(".quiet"))) {
    const style = getComputedStyle(one);
    const isMarked = parseFloat(style.borderTopWidth) > 0
      && contrast(style.borderTopColor, behind(one.parentElement)) >= 3;
    if (!isMarked) faults.push(`no border: ${named(one)}`);
  }
  const shapes = "svg :is(rect, path, line, polyline, circle)";
  for (const one of seen.filter((each) => each.matches(shapes) && !each.closest("defs, symbol"))) {
    const style = getComputedStyle(one);
    const stroke = style.strokeWidth === "0px" ? "none" : style.stroke;
    const isSeen = [style.fill, stroke].some((ink) => ink !== "none" && rgba(ink)[3]
      && contrast(ink, behind(one)) >= 3);
    if (!isSeen) faults.push(`a shape cannot be seen: ${named(one)}`);
  }
  return faults;
}
"""
"""What cannot be seen on its ground: texts, borders of controls, shapes of pictures."""
ALIKE = """
() => {
  const faults = [];
  const kinds = new Map();
  for (const one of document.querySelectorAll(".state")) {
    if (!one.checkVisibility() || one.closest("svg")) continue;
    const said = one.textContent.trim().replace(/\\s+/g, " ");
    const kind = ["good", "warn", "bad", "info"].find((each) => one.classList.contains(each)) || "";
    if (!/\\p{L}/u.test(said)) faults.push(`a state without a word: ${one.outerHTML}`);
    if (kinds.has(said) && kinds.get(said) !== kind) faults.push(`${said} is ${kind} and ${kinds.get(said)}`);
    kinds.set(said, kind);
  }
  const ground = getComputedStyle(document.body).backgroundColor;
  const look = (one) => {
    const style = getComputedStyle(one);
    const isPlain = style.backgroundColor === ground || /^rgba.*, 0\\)$/.test(style.backgroundColor);
    return [style.borderTopWidth, style.borderTopStyle, style.borderBottomWidth, style.outlineStyle,
      style.fontWeight, style.textDecorationLine, isPlain ? "" : style.backgroundColor].join();
  };
  for (const [marked, mark] of [[".menu a[aria-current]", "aria-current"],
    [".tabs a[aria-current]", "aria-current"], ["tr[aria-selected]", "aria-selected"],
    [".notice.bad", "class"], [".field.faulty", "class"]]) {
    for (const one of [...document.querySelectorAll(marked)].slice(0, 1)) {
      const before = look(one);
      const kept = one.getAttribute(mark);
      one.toggleAttribute(mark);
      if (look(one) === before) faults.push(`${marked} looks like others`);
      if (kept === null) one.removeAttribute(mark); else one.setAttribute(mark, kept);
    }
  }
  for (const [marked, plain] of [["mark", "main pre"], [".code > :target", ".code > :not(:target)"]]) {
    const [one, other] = [marked, plain].map((each) => document.querySelector(each));
    if (one && look(one) === look(other)) faults.push(`${marked} looks like others`);
  }
  for (const one of document.querySelectorAll(".added, .removed")) {
    const before = getComputedStyle(one, "::before").content;
    const isSigned = /^[+−-]/.test(one.textContent.trim()) || /[+−-]/.test(before);
    if (!isSigned) faults.push(`no sign: ${one.outerHTML.slice(0, 120)}`);
  }
  return faults;
}
"""
"""What only its colour would tell from something else."""
FOCUS = """
() => {
  const one = document.activeElement;
  if (!one || one === document.body) return "";
  const style = getComputedStyle(one);
  const isMarked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
    && style.outlineColor !== getComputedStyle(document.body).backgroundColor;
  return isMarked ? "" : one.outerHTML.slice(0, 120);
}
"""
"""What has the focus, if that is not marked."""
STOPS = 25
"""Presses of Tab on each page: what is around the content, and its first controls."""
pytestmark = needs_chromium


@pytest.fixture(scope="module")
def page(chromium: Browser, url: str, server: RunningServer) -> Iterator[Page]:
    """A page of a browser whose system forces its colours."""
    context = chromium.new_context(bypass_csp=True, forced_colors="active")
    page = context.new_page()
    log_in(page, url, server.password)
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    yield page
    context.close()


def faults_of(page: Page) -> list[str]:
    """Return what is lost on the page that is open, in a light and in a dark palette."""
    found: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, forced_colors="active")
        found += [f"{scheme}: {one}" for one in page.evaluate(VANISHED)]
    return [*found, *page.evaluate(ALIKE)]


def test_nothing_is_lost_where_colors_are_forced(page: Page, url: str, shown: list[str]) -> None:
    found: list[str] = []
    chosen = [path for path in shown if path in TEMPLATES or path.startswith(TEMPLATES[3:])]
    assert len(chosen) >= len(TEMPLATES)
    for path in [*chosen, "/deploy?service=shown.load&path=shown.py&line=3"]:
        page.goto(f"{url}/tests{path}")
        if path.endswith("/source"):
            page.goto(f"{url}/tests{path}#L3")
            assert page.locator(".code > :target").count()
        found += [f"{path}: {one}" for one in faults_of(page)]
        assert page.locator("mark").count() or not path.startswith("/deploy")
        page.evaluate("document.querySelector('#pause:not([hidden])')?.click()")
        for _ in range(STOPS):
            page.keyboard.press("Tab")
            lost = page.evaluate(FOCUS)
            found += [f"{path}: the focus of {lost} is not marked"] if lost else []
    assert "\n".join(dict.fromkeys(found)) == ""


@pytest.mark.parametrize(
    ("path", "fields", "marked"),
    [
        ("/outgoing/telegraph/new", {}, ".field.faulty"),
        ("/deploy", {"file": "shown_faulty.py", "source": "import"}, ".notice.bad"),
    ],
)
def test_faults_of_a_form_are_seen_where_colors_are_forced(
    page: Page, url: str, path: str, fields: dict[str, str], marked: str
) -> None:
    page.goto(f"{url}/tests{path}")
    send(page, fields)
    assert page.locator(marked).count()
    assert "\n".join(faults_of(page)) == ""


@pytest.mark.parametrize(
    ("style", "fault"),
    [
        ("h1 { forced-color-adjust: none; color: Canvas }", "a text cannot be read: <h1"),
        ("main .button { border: 0 }", "no border: "),
        (".map .node rect { fill: Canvas; stroke: Canvas }", "a shape cannot be seen: <rect"),
        (".menu a { all: unset }", ".menu a[aria-current] looks like others"),
    ],
)
def test_what_is_lost_is_found(page: Page, url: str, style: str, fault: str) -> None:
    page.goto(f"{url}/tests/{'map' if 'map' in style else 'channels'}")
    page.add_style_tag(content=style.replace(";", " !important;").replace(" }", " !important }"))
    assert any(fault in one for one in faults_of(page)), faults_of(page)
