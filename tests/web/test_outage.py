"""While pages are open servers, the load-balancer and Redis are killed: no page fails as a whole,
live parts say that they are old, and all recover without being loaded anew. Servers that are
restarted by the page, one after the other, lose no request.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until
from playwright.sync_api import Page

from tests.web.conftest import Site

pytestmark = pytest.mark.proof
REDIS = "redis"
OPEN = ("", "/servers", "/queue", "/problems")
"""Pages with live parts."""
OLD = re.compile("stale since|Not answered")
"""What a part says that is old, or could not be asked for."""
IS_NEW = """
() => [...document.querySelectorAll("[data-told]")].every(
  (one) => one.textContent.startsWith("as of"))
  && !/stale since|Not answered/.test(document.body.innerText)
"""
"""Whether all parts of a page are new, and no call of the API has failed."""
RUNS = "runs with 1 worker"
"""What a server logs when all of its workers run."""


@pytest.mark.parametrize(
    "killed", [("server1",), ("server1", "server2"), ("load-balancer",), (REDIS,)]
)
def test_pages_outlive_what_is_killed(
    site: Site, open_page: Callable[..., Page], killed: tuple[str, ...]
) -> None:
    pages = []
    for path in OPEN:
        page = open_page()
        site.log_in(page)
        page.goto(f"{site.url}{site.path}{path}")
        page.locator("[data-told]").first.wait_for()
        pages.append(page)
    try:
        for name in killed:
            end(site, name)
        if "server1" in killed and "server2" in killed:
            for page in pages:
                page.get_by_text(OLD).first.wait_for(timeout=90_000)
        for page in pages:
            assert page.locator("h1").count() == 1
            assert page.get_by_role("navigation", name="Pages").count() == 1
    finally:
        site.cluster.run("start", site.cluster.path, check=False)
        wait_until(site.is_whole, 60, "both servers are ready")
    for page in pages:
        page.wait_for_function(IS_NEW, timeout=120_000)
        assert page.locator("h1").count() == 1


def end(site: Site, name: str) -> None:
    """Kill a component, or the Redis that comes with the cluster."""
    if name != REDIS:
        os.killpg(site.cluster.pid(name), signal.SIGKILL)
        return
    found = [one for one in site.cluster.processes() if "valkey-server" in " ".join(one.cmdline())]
    assert found
    for process in found:
        process.kill()


def test_servers_restarted_by_the_page_lose_no_request(
    site: Site, open_page: Callable[..., Page]
) -> None:
    settings = {"url_path": "/under-load", "service": "orders.place", "format": "json"}
    site.api("admin.channel.http.create", name="under-load", **settings)
    page = open_page()
    site.log_in(page)
    with calling(site, "/under-load") as answers:
        for name in ("server1", "server2"):
            before = site.cluster.log(name).count(RUNS)
            press(site, page, name, "Drain")
            page.goto(f"{site.url}{site.path}/servers/{name}/restart")
            page.get_by_role("button", name=re.compile("^Restart in")).click()
            page.get_by_text(f"{name} is being restarted").wait_for()
            wait_until(partial(has_restarted, site, name, before), 60, f"{name} has restarted")
            press(site, page, name, "Ready")
            wait_until(site.is_whole, 60, "both servers are ready")
    assert set(answers) == {200}
    assert len(answers) > 50


def press(site: Site, page: Page, name: str, action: str) -> None:
    """Press a button of a server on the page of servers."""
    page.goto(f"{site.url}{site.path}/servers")
    server = page.locator("div.head", has_text=name)
    server.get_by_role("button", name=action).click()
    page.get_by_role("heading", name="Servers").wait_for()


def has_restarted(site: Site, name: str, before: int) -> bool:
    """Whether a server has started once more than so many times."""
    return site.cluster.log(name).count(RUNS) > before


@contextlib.contextmanager
def calling(site: Site, path: str) -> Iterator[list[int]]:
    """Call a channel again and again; yields the list of the statuses."""
    answers: list[int] = []
    stopped = threading.Event()

    def call() -> None:
        while not stopped.wait(0.05):
            try:
                answers.append(site.post(path, {"customer": "C-17"}).status_code)
            except requests.RequestException:
                answers.append(0)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield answers
    finally:
        stopped.set()
        thread.join()
