"""Both parts of the tutorial in examples/tutorial: its commands as pasted, in a shell, and what is done
in the web admin by a browser.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from hansa_devkit.harness.api_server import all_but
from hansa_devkit.harness.server import BIN
from hansa_devkit.servers_redis import Valkey
from playwright.sync_api import Browser, Error, Page

from plugins.quickstart.tests.conftest import Cluster
from tests.chromium import CHROMIUM, launched

BLOCK = re.compile(r"<!-- browser: ([^\n]*) -->|<!-- run(?:: ([^\n]*))? -->\n```sh\n(.*?)```", re.S)
PLUGINS = ("loadbalancer", "pickup", "quickstart", "redis", "roles", "web", "xml", "zato", "zeromq")
UPLOADED = "payload_name:[my_service.py]"
PASSWORD = re.compile(r"Web admin user:\[admin\], password:\[(.*)\]")
SERVICE = "my-service.get-client-details"


@pytest.fixture
def cluster(tmp_path, examples):
    """The cluster of the tutorial, not created yet, with the files of the examples in its folder."""
    for name in ("tutorial", "customers"):
        shutil.copytree(examples / name, tmp_path / name)
    made = Cluster(tmp_path, "zato")
    yield made
    made.kill()


@pytest.fixture
def fraud_detection():
    """Where the fraud detection pulls its messages, and its port."""
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        yield socket, socket.bind_to_random_port("tcp://127.0.0.1")


@pytest.fixture
def chromium():
    """A browser."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium-headless-shell")
    with launched() as browser:
        yield browser


class Reader:
    """Whoever follows the tutorial: a shell, and a browser at the web admin."""

    def __init__(self, cluster: Cluster, browser: Browser, places: dict[str, str]) -> None:
        self.cluster, self.places, self.password = cluster, places, ""
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(60_000)
        self.page: Page = context.new_page()

    def here(self, text: str) -> str:
        """Return a text with the ports and folders of this test."""
        for usual, place in self.places.items():
            text = text.replace(usual, place)
        return text

    def run(self, commands: str) -> str:
        """Paste commands into a shell in the folder of the tutorial; returns what they print."""
        environment = {**self.cluster.env, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-ec", self.here(commands)],
            cwd=self.cluster.folder / "tutorial",
            env=environment,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=200,
            check=False,
        )
        if told := PASSWORD.search(done.stdout):
            self.password = told[1]
        assert done.returncode == 0, f"{commands}{done.stdout}{done.stderr}{self.cluster.logs()}"
        return done.stdout

    def do(self, step: str) -> None:
        """Carry out a step in the web admin; one that fails shows its page."""
        try:
            getattr(self, step.replace(" ", "_"))()
        except Error as error:
            raise AssertionError(f"{step}: {self.page.inner_text('body')}") from error

    # -- in the web admin --------------------------------------------------------------------------

    def log_in(self) -> None:
        self.page.goto(self.cluster.admin)
        self.page.fill("#user", "admin")
        self.page.fill("#password", self.password)
        self.page.keyboard.press("Enter")
        self.page.get_by_role("heading", name="Dashboard").wait_for()

    def find_the_service(self) -> None:
        self.follow("Services")
        self.page.get_by_label("Name contains").fill("get-client")
        self.page.get_by_role("button", name="Filter").click()
        self.page.get_by_role("link", name=SERVICE).click()
        self.page.get_by_role("heading", name=SERVICE).wait_for()

    def create_the_first_channel(self) -> None:
        self.create_channel("Get Client Details", "/tutorial/first-service", "json")

    def create_the_outgoing_connections(self) -> None:
        systems = self.here("http://localhost:8600")
        self.create(
            "Outgoing connections", "http", name="CRM", address=systems, url_path="/crm/{cust_id}"
        )
        self.create(
            "Outgoing connections",
            "http",
            name="Payments",
            address=systems,
            url_path="/payments/last",
        )
        fraud = self.here("tcp://localhost:8601")
        self.create("Outgoing connections", "zeromq", name="Fraud detection", address=fraud)

    def write_the_rules(self) -> None:
        self.follow("Redis")
        self.page.fill("#write-command", "SADD rules:fraud:customer-types POLITICAL")
        self.page.locator("button[value=write]").click()
        self.page.get_by_role("status").filter(has_text="answered after").wait_for()

    def create_the_channels_of_the_bank(self) -> None:
        for format in ("json", "xml"):
            self.create_channel(f"Details {format.upper()}", f"/tutorial/details.{format}", format)

    def create_channel(self, name: str, url_path: str, format: str) -> None:
        self.create(
            "Channels", "http", name=name, url_path=url_path, service=SERVICE, format=format
        )

    def create(self, page: str, type: str, **settings: str) -> None:
        """Create a definition by the form of its type."""
        self.follow(page)
        self.page.get_by_text("New…").click()
        self.page.get_by_role("link", name=type, exact=True).click()
        for setting, value in settings.items():
            self.page.fill(f"#f-{setting}", value)
        self.page.get_by_role("button", name="Save").click()
        self.page.get_by_text(f"{settings['name']} is created, revision").wait_for()

    def follow(self, name: str) -> None:
        """Follow a link of the navigation."""
        links = self.page.get_by_role("navigation", name="Pages")
        links.get_by_role("link", name=name, exact=True).click()
        self.page.get_by_role("heading", level=1, name=name).wait_for()


@pytest.mark.timeout(400)
def test_both_parts(
    cluster: Cluster,
    chromium: Browser,
    fraud_detection: tuple[Any, int],
    real_server: Callable[..., Any],
    start_program: Callable[..., str],
    examples: Any,
    wait: Callable[..., Any],
) -> None:
    valkey = real_server(Valkey)
    heard, port = fraud_detection
    reader = Reader(
        cluster,
        chromium,
        {
            "~/env/qs-1": str(cluster.path),
            "localhost 6379 --kvdb_password ''": f"localhost {valkey.port}"
            f" --kvdb_password '{valkey.password}' --base_port {cluster.base}",
            "localhost:11223": f"127.0.0.1:{cluster.base}",
            "http://localhost:8600": start_program(examples / "customers/systems.py"),
            "localhost:8601": f"127.0.0.1:{port}",
        },
    )

    copied: list[str] = []

    def deployed() -> bool:
        logs = [cluster.log(name) for name in ("server1", "server2")]
        return all(log.count(UPLOADED) == len(copied) for log in logs)

    for step, wanted, commands in BLOCK.findall((examples / "tutorial/README.md").read_text()):
        if step:
            reader.do(step)
            continue
        for line in commands.splitlines():
            shown = reader.run(line)
            if "quickstart create" in line:
                lighten(cluster)
            if line.startswith("cp "):
                copied.append(line)
                wait(deployed, 30, cluster.logs)
        assert not wanted or wanted in shown, shown
    assert heard.poll(10_000) and heard.recv().decode().startswith("READ 176 K")
    assert not heard.poll(300)
    assert not cluster.processes()


def lighten(cluster: Cluster) -> None:
    """Have each server run one worker with what the tutorial needs."""
    for config in cluster.path.glob("server*/config.toml"):
        text = config.read_text().replace("workers = 2", "workers = 1")
        config.write_text(f"{text}\n[plugins]\nblocked = {all_but(PLUGINS)!r}\n")
