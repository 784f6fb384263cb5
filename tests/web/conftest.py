"""A cluster of two servers with everything that is installed, and browsers at its web admin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until
from hansa_web.api import JsonObject
from playwright.sync_api import Browser, Page

from plugins.quickstart.tests.conftest import Cluster
from tests.chromium import CHROMIUM, launched
from tests.parallel import Shared

SAME_EVERYWHERE = ("--font-render-hinting=none", "--disable-lcd-text")
"""Options that have texts drawn the same way on every machine."""
SECTIONS = """
[cluster]
label = "Warehouse"
colour = "teal"

[queue]
first_delay = 0.05
last_delay = 0.1
"""
"""What the configuration of each server has besides."""
SERVICES = '''
from typing import Annotated

from hansa import Model, Service, setting


class Order(Model):
    """An order."""

    customer: Annotated[str, setting("Number of the customer", example="C-17")]
    amount: Annotated[int, setting("Number of boxes", ge=1)] = 1


class Place(Service):
    """Accepts an order, and has it packed."""

    Input = Order

    def handle(self):
        self.log.info("order of %s", self.request.input.customer)
        self.invoke_async("orders.pack", {"customer": self.request.input.customer})
        return {"accepted": True, "server": self.server.name}


class Pack(Service):
    """Packs an order."""

    def handle(self):
        self.log.info("packed on %s", self.server.name)
        return {"server": self.server.name}


class Refuse(Service):
    """Refuses each order that is queued for it."""

    def handle(self):
        raise ValueError("no lorry is free")


class Ship(Service):
    """Queues an order that will be refused."""

    def handle(self):
        self.invoke_async("orders.refuse", {"note": "a payload that viewers may not see"})
'''


@dataclass(frozen=True)
class Site:
    """A cluster and its web admin. `url` is where browsers reach the web admin, `path` where its
    pages are there.
    """

    cluster: Cluster

    @property
    def url(self) -> str:
        """The address of the web admin."""
        return self.cluster.admin

    @property
    def path(self) -> str:
        """The first part of the paths of its pages."""
        name: str = self.api("admin.cluster.status")["cluster"]
        return f"/{name}"

    def api(self, service: str, /, **settings: object) -> JsonObject:
        """Call an admin service; fails where it does."""
        answer = self.cluster.api(service, **settings)
        assert answer.ok, answer.text
        found: JsonObject = answer.json()
        return found

    def post(self, path: str, data: JsonObject) -> requests.Response:
        """Call a channel through the load-balancer."""
        return requests.post(f"{self.cluster.front}{path}", json=data, timeout=30)

    def is_whole(self) -> bool:
        """Whether both servers run, by what each reports and by what the load-balancer sees."""
        with contextlib.suppress(requests.RequestException):
            status = self.cluster.api("admin.cluster.status")
            balanced = self.cluster.api("admin.loadbalancer.servers")
            if status.ok and balanced.ok:
                states = {one["name"]: one["state"] for one in status.json()["servers"]}
                seen = [str(one["status"]) for one in balanced.json()["items"]]
                ready = [states.get(name) == "ready" for name in ("server1", "server2")]
                return all(ready) and all(one.startswith("UP") for one in seen)
        return False

    def log_in(self, page: Page, user: str = "admin", password: str = "") -> None:
        """Log in by the form."""
        page.goto(self.url)
        page.fill("#user", user)
        page.fill("#password", password or self.cluster.password)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Dashboard").wait_for()


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Site]:
    """Run a cluster with one worker in each of two servers; it is stopped at the end."""
    cluster = Cluster(folder)
    site = Site(cluster)
    try:
        cluster.create()
        for config in cluster.path.glob("server*/config.toml"):
            text = config.read_text().replace("workers = 2", "workers = 1")
            assert "[queue]" not in text
            assert "[cluster]" not in text
            config.write_text(text + SECTIONS)
        cluster.run("start", cluster.path)
        wait_until(site.is_whole, 30, "both servers are ready")
        site.api("admin.service.deploy", file="orders.py", source=SERVICES)
        yield site
        cluster.run("stop", cluster.path)
        assert not cluster.processes()
    finally:
        cluster.kill()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, of_unit: Shared) -> Site:
    """One cluster for all tests here."""
    return of_unit.get("web cluster", lambda: started(tmp_path_factory.mktemp("site")))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for all tests of a module."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium-headless-shell")
    with launched(*SAME_EVERYWHERE) as browser:
        yield browser


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages, each in a browser of its own; they are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(width: int = 1280, *, script: bool = True, dark: bool = False) -> Page:
            context = chromium.new_context(
                viewport={"width": width, "height": 900},
                java_script_enabled=script,
                color_scheme="dark" if dark else "light",
                reduced_motion="reduce",
                locale="en-GB",
                timezone_id="UTC",
                bypass_csp=True,
            )
            stack.callback(context.close)
            context.set_default_timeout(60_000)
            return context.new_page()

        yield make
