"""The web admin in a real browser: by mouse, without a script, and what axe finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from threading import Thread
from typing import Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from hansa_cli.location import Trust
from hansa_devkit.harness.api_server import RunningServer
from hansa_web.api import ClusterApi
from hansa_web.application import build
from hansa_web.connection import Destination
from hansa_web.listener import WebServer
from hansa_web.pages import PAGES
from hansa_web.process import listen
from hansa_web.settings import WebSection
from playwright.sync_api import Browser, Page, Route, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
DETAILS = [
    "/channel/http/new",
    "/channel/http/admin.api",
    "/security/basic/new",
    "/services?builtin=yes",
    "/services/admin.service.list",
    "/services/admin.service.list/invoke",
    "/plugins/http",
    "/translations",
    "/translate",
    "/exchange",
    "/find?q=http",
]
"""Pages besides those of the navigation."""
PATHS = [page.path for page in PAGES if page.group] + DETAILS
STANDARD = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
LOOKS: tuple[tuple[int, Literal["light", "dark"], list[str]], ...] = (
    (1280, "light", STANDARD),
    (1280, "dark", ["color-contrast"]),
    (360, "dark", ["color-contrast", "target-size", "scrollable-region-focusable"]),
)
"""Widths and themes, and the rules whose outcome may be another one there."""
RUN_AXE = """
async (options) => {
  const found = await axe.run(document, options);
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html)}`);
}
"""
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: apt-get install chromium"
)


@pytest.fixture(scope="module")
def url(server: RunningServer) -> Iterator[str]:
    """Where the web admin listens, in a thread of the tests."""
    listening = listen("127.0.0.1:0")
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    section = WebSection(address=address, threads=4)
    destination = Destination("tests", lambda: [server.url], Trust)
    web = WebServer(build(section, [ClusterApi(destination)]), listening, section, None)
    Thread(target=web.run, daemon=True).start()
    yield f"http://{address}"
    web.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for all tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def log_in(page: Page, url: str, password: str) -> None:
    """Log in by the form."""
    page.goto(url)
    page.fill("#user", "admin")
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Dashboard").wait_for()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_channel_is_created_by_mouse(
    url: str, chromium: Browser, server: RunningServer, script: bool
) -> None:
    name = f"by-mouse-{script}"
    context = chromium.new_context(java_script_enabled=script)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    log_in(page, url, server.password)
    page.get_by_role("link", name="Channels", exact=True).click()
    page.get_by_text("New…").click()
    page.get_by_role("link", name="http", exact=True).click()
    page.fill("#f-name", name)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("url_path").first.wait_for()  # its faults
    faulty = errors.copy()
    page.fill("#f-url_path", f"/{name}")
    page.fill("#f-service", "admin.service.list")
    page.fill("#f-security", "admin")
    page.get_by_role("button", name="Save").click()
    page.get_by_text(f"{name} is created, revision").wait_for()
    made = server.api("admin.channel.http.get", name=name)
    assert (made["url_path"], made["service"]) == (f"/{name}", "admin.service.list")
    assert all("422" in error for error in faulty) and errors == faulty
    assert [address for address in asked if not address.startswith(url)] == []
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in").wait_for()
    context.close()


def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    url: str, chromium: Browser, server: RunningServer
) -> None:
    context = chromium.new_context(bypass_csp=True)
    page = context.new_page()
    log_in(page, url, server.password)
    found = []
    for path in PATHS:
        page.goto(f"{url}/tests{path}")
        # PERF: the script of axe takes longer to read than a page takes to be looked at
        page.evaluate(AXE_SCRIPT)
        for width, scheme, rules in LOOKS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            violations = page.evaluate(RUN_AXE, {"runOnly": rules, "resultTypes": ["violations"]})
            found += [f"{path} {width} {scheme}: {one}" for one in violations]
        for width in (1280, 360, 320):
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{path}: wider than {width}")
    context.close()
    assert found == []


def test_keys_filter_zone_and_what_follows_a_change(
    url: str, chromium: Browser, server: RunningServer
) -> None:
    context = chromium.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    log_in(page, url, server.password)
    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("g")
    page.keyboard.press("s")
    assert page.input_value("[name=q]") == "gs"
    page.locator("main").focus()
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.get_by_role("heading", name="Services").wait_for()
    assert "times are Asia/Tokyo" in page.inner_text("footer")
    page.keyboard.press("?")
    page.get_by_role("heading", name="Help").wait_for()
    page.goto(f"{url}/tests/outgoing/telegraph/new")
    page.get_by_label("show only what is set or required").check()
    assert page.locator("#f-sign").is_visible() and not page.locator("#f-answers").is_visible()
    page.get_by_label("show only what is set or required").uncheck()
    page.get_by_label("Filter by name").fill("speed")
    assert not page.locator("#f-sign").is_visible() and page.locator("#f-wire\\.speed").is_visible()
    page.get_by_label("Filter by name").fill("")
    page.fill("#f-name", "by-key")
    page.fill("#f-sign", "OXZ")
    page.get_by_label("morse").check()
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route.request.url)
            route.abort()

    page.route("**/applied/*", fail_once)
    page.locator("#f-sign").press("Enter")
    page.get_by_text("applied by 1 of 1 worker").wait_for()
    assert failed != []
    context.close()
