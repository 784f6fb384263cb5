"""The web admin in a real browser: by mouse, without a script, and by keys."""

from __future__ import annotations

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until
from playwright.sync_api import Browser, Route

from plugins.web.tests.real_browser import log_in
from tests.chromium import needs_chromium

KEYED = """
from hansa import Service


class Fail(Service):
    def handle(self):
        raise RuntimeError("it fails")


class Load(Service):
    def handle(self):
        for number in range(3):
            self.server.invoke_async("keyed.fail", {"n": number}, max_attempts=1)
"""
pytestmark = needs_chromium


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


def test_keys_go_through_rows_and_select_them(
    url: str, chromium: Browser, server: RunningServer
) -> None:
    if server.api("admin.server.status")["async"] is None:
        pytest.skip("no queue is installed")
    server.deploy("keyed.py", KEYED)
    server.api("admin.service.invoke", name="keyed.load")
    wait_until(
        lambda: server.api("admin.failed.groups", service="keyed.fail")["messages"] == 3,
        30,
        "three messages fail",
    )
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, url, server.password)
    (group,) = server.api("admin.failed.groups", service="keyed.fail")["items"]
    page.goto(f"{url}/tests/failed/groups/{group['group']}")
    focused = "document.activeElement.closest('tr')?.rowIndex"
    assert page.locator("tr[aria-selected]").count() == 1
    for key, row in (("j", 2), ("j", 3), ("j", 3), ("k", 2)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == row, key
    page.keyboard.press("x")
    page.get_by_text("1 selected").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**id=*")
    assert page.evaluate("document.querySelector('tr[aria-selected]').rowIndex") == 2
    page.keyboard.press("k")
    assert page.evaluate(focused) == 1
    page.goto(f"{url}/tests/failed?service=keyed.fail")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_role("button", name="Delete the selected…").click()
    page.get_by_role("heading", name="Delete 3 failed messages").wait_for()
    context.close()
    server.api("admin.failed.delete", service="keyed.fail")


def test_each_live_part_is_put_in_place_as_often_as_it_says(
    url: str, chromium: Browser, server: RunningServer
) -> None:
    settings = {"url_path": "/live-parts", "service": "admin.service.list", "security": "admin"}
    server.api("admin.channel.http.create", name="live-parts", **settings)
    context = chromium.new_context()
    page = context.new_page()
    page.clock.install()
    log_in(page, url, server.password)
    page.evaluate(
        "for (const every of [3, 15])"
        " document.querySelector(`section[data-live='${every}']`).textContent = `old of ${every} s`"
    )
    often = page.get_by_text("old of 3 s")
    seldom = page.get_by_text("old of 15 s")
    page.clock.run_for(4000)
    often.wait_for(state="detached")
    assert seldom.count() == 1
    for _ in range(5):
        page.clock.run_for(3000)
    seldom.wait_for(state="detached")
    context.close()
