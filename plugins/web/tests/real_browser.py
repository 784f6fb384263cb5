"""A real browser, and the web admin where it can reach it: a socket, in a thread of the tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread

from hansa_cli.location import Trust
from hansa_web.api import ClusterApi
from hansa_web.application import build
from hansa_web.connection import Destination
from hansa_web.listener import WebServer
from hansa_web.process import listen
from hansa_web.settings import WebSection
from playwright.sync_api import Page


@dataclass(frozen=True)
class Listening:
    """Where the web admin listens, and its client of the API."""

    url: str
    api: ClusterApi


@contextlib.contextmanager
def listening(server_url: str) -> Iterator[Listening]:
    """Serve the web admin of a server."""
    bound = listen("127.0.0.1:0")
    address = f"127.0.0.1:{bound.getsockname()[1]}"
    section = WebSection(address=address, threads=4)
    api = ClusterApi(Destination("tests", lambda: [server_url], Trust))
    web = WebServer(build(section, [api]), bound, section, None)
    Thread(target=web.run, daemon=True).start()
    try:
        yield Listening(f"http://{address}", api)
    finally:
        web.close()


def log_in(page: Page, url: str, password: str) -> None:
    """Log in by the form."""
    page.goto(url)
    page.fill("#user", "admin")
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Dashboard").wait_for()
