"""Twelve pages look as in the pictures that are kept, which the documentation shows.

`HANSA_PICTURES=write make test ARGS=tests/web/test_pictures.py` writes them anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hansa_devkit.harness.waiting import wait_until
from playwright.sync_api import Page

from tests.web.conftest import Site
from tests.web.pictures import FOLDER, MOST_BYTES, TOLERANCE, difference, kept, picture

PICTURES = {
    "dashboard": "",
    "services": "/services?filter=orders",
    "service": "/services/orders.place",
    "source": "/services/orders.place/source",
    "invoke": "/services/orders.place/invoke",
    "channels": "/channels",
    "new-channel": "/channel/http/new",
    "channel": "/channel/http/pictured",
    "deploy": "/deploy",
    "failed": "/failed",
    "message": "/messages?cid=",
    "servers": "/servers",
}
"""The pages, by the names of their pictures."""
WRITE = os.environ.get("HANSA_PICTURES") == "write"
WIDTH = 1000
HEIGHT = 620


@pytest.fixture(scope="module")
def cid(site: Site) -> str:
    """The id of a message that went through a channel and the queue."""
    settings = {"url_path": "/pictured", "service": "orders.place", "format": "json"}
    site.api("admin.channel.http.create", name="pictured", **settings)
    answer = site.post("/pictured", {"customer": "C-17"})
    cid: str = answer.headers["X-Hansa-CID"]

    def has_steps() -> bool:
        found = site.api("admin.message.trace", cid=cid)
        return len(found["items"]) >= 2

    def has_failed() -> bool:
        return bool(site.api("admin.failed.groups")["items"])

    wait_until(has_steps, 10, "the steps of the message are kept")
    site.api("admin.service.invoke", name="orders.ship")
    wait_until(has_failed, 20, "a message has failed")
    return cid


def test_pages_look_as_they_did(site: Site, cid: str, open_page: Callable[..., Page]) -> None:
    page = open_page(WIDTH)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    blank = open_page()
    site.log_in(page)
    FOLDER.mkdir(exist_ok=True)
    found = []
    for name, path in PICTURES.items():
        page.goto(f"{site.url}{site.path}{path}{cid if path.endswith('=') else ''}")
        content = picture(page)
        if WRITE:
            kept(name).write_bytes(content)
        if len(content) > MOST_BYTES:
            found.append(f"{name}: {len(content)} bytes")
        share = difference(blank, content, kept(name).read_bytes())
        if share > TOLERANCE:
            found.append(f"{name}: {share:.1%} of the pixels differ")
            (site.cluster.folder / f"{name}.png").write_bytes(content)
    assert found == [], f"see {site.cluster.folder}; on purpose: HANSA_PICTURES=write"
