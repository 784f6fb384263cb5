"""The second half of the tutorial in a browser: log in, find a service, create a channel for it by
its form, call it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.web.conftest import Site

ORDER = {"customer": "C-17"}
MOST_STEPS = 150
"""Times that Tab is pressed until something has the focus."""
FOCUSED = """
() => {
  const one = document.activeElement;
  const label = one.labels && one.labels.length ? one.labels[0].innerText : "";
  return [one.id, label.trim(), (one.innerText || "").trim(), one.tagName];
}
"""


@pytest.mark.parametrize(
    ("way", "width", "script"),
    [("mouse", 1280, True), ("phone", 360, True), ("no-script", 1280, False)],
)
def test_by_mouse(
    site: Site, open_page: Callable[..., Page], way: str, width: int, script: bool
) -> None:
    page = open_page(width, script=script)
    site.log_in(page)
    follow(page, width, "Services")
    page.get_by_label("Name contains").fill("orders.pl")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="orders.place").click()
    page.get_by_role("heading", name="orders.place").wait_for()
    follow(page, width, "Channels")
    page.get_by_text("New…").click()
    page.get_by_role("link", name="http", exact=True).click()
    page.fill("#f-name", f"orders-{way}")
    page.fill("#f-url_path", f"/orders/{way}")
    page.fill("#f-service", "orders.place")
    page.fill("#f-format", "json")
    page.get_by_role("button", name="Save").click()
    page.get_by_text(f"orders-{way} is created, revision").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert site.post(f"/orders/{way}", ORDER).json()["accepted"] is True


def follow(page: Page, width: int, name: str) -> None:
    """Follow a link of the navigation, which is folded on a phone."""
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True)
    if width < 900 and not link.is_visible():
        page.get_by_text("Menu", exact=True).click()
    link.click()
    page.get_by_role("heading", level=1, name=name).wait_for()


def test_by_the_keyboard_alone(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(site.url)
    keys = page.keyboard
    page.locator("input:focus").wait_for()  # the field of the user
    keys.type("admin")
    keys.press("Tab")
    keys.type(site.cluster.password)
    keys.press("Enter")
    page.get_by_role("heading", name="Dashboard").wait_for()
    go_to(page, "Services")
    page.get_by_role("heading", level=1, name="Services").wait_for()
    tab_to(page, "Name contains")
    keys.type("orders.pl")
    keys.press("Enter")
    page.get_by_role("link", name="orders.place").wait_for()
    go_to(page, "orders.place")
    page.get_by_role("heading", name="orders.place").wait_for()
    go_to(page, "Channels")
    page.get_by_role("heading", level=1, name="Channels").wait_for()
    go_to(page, "New…")
    go_to(page, "http")
    page.locator("#f-url_path").wait_for()
    settings = {"name": "orders-keys", "url_path": "/orders/keys", "service": "orders.place"}
    for setting, value in {**settings, "format": "json"}.items():
        tab_to(page, f"f-{setting}")
        keys.type(value)
    go_to(page, "Save")
    page.get_by_text("orders-keys is created, revision").wait_for()
    assert site.post("/orders/keys", ORDER).json()["accepted"] is True


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this id, label or text has the focus."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if name in page.evaluate(FOCUSED):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def go_to(page: Page, name: str) -> None:
    """Press Tab until a link or button has the focus, and press Enter."""
    tab_to(page, name)
    page.keyboard.press("Enter")
