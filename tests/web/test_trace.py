"""Where a message is: the page of one that went over both servers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hansa_devkit.harness.waiting import wait_until
from playwright.sync_api import Page, expect

from tests.web.conftest import Site

MOST_MESSAGES = 60
"""Messages that are sent until one goes over both servers: half of them do."""
STEPS = 2


def test_the_page_of_a_message_has_the_steps_and_lines_of_both_servers(
    site: Site, open_page: Callable[..., Page]
) -> None:
    settings = {"url_path": "/traced", "service": "orders.place", "format": "json"}
    site.api("admin.channel.http.create", name="traced", **settings)
    cid = over_both_servers(site)
    page = open_page()
    site.log_in(page)
    page.goto(f"{site.url}{site.path}/messages")
    page.get_by_label("Correlation id").fill(cid)
    page.get_by_role("button", name="Find").click()
    steps = page.get_by_role("table").first
    expect(steps).to_contain_text("server1/")
    expect(steps).to_contain_text("server2/")
    expect(steps).to_contain_text("http traced")
    expect(steps).to_contain_text("orders.pack")
    lines = page.get_by_role("table").nth(1)
    expect(lines).to_contain_text("order of C-17")
    expect(lines).to_contain_text("packed on server")


def over_both_servers(site: Site) -> str:
    """Send messages until one went over both servers; return its correlation id."""
    for _ in range(MOST_MESSAGES):
        cid = site.post("/traced", {"customer": "C-17"}).headers["X-Hansa-CID"]
        workers = wait_until(partial(workers_of, site, cid), 10, f"the steps of {cid}")
        if len({worker.partition("/")[0] for worker in workers}) == STEPS:
            return cid
    raise AssertionError("no message went over both servers")


def workers_of(site: Site, cid: str) -> list[str]:
    """Return the workers of the steps of a message once all of them are kept."""
    steps = site.api("admin.message.trace", cid=cid)["items"]
    return [str(one["worker"]) for one in steps] if len(steps) >= STEPS else []
