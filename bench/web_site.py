"""A server with its web admin, empty or full, and a browser without a script that is logged in."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import falcon.testing
import httpx2
import psutil
import requests
from hansa_cli.location import Trust
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_web.api import ClusterApi
from hansa_web.application import build
from hansa_web.connection import THIS_SERVER, Destination
from hansa_web.settings import WebSection

from . import measure
from .definitions import apply, channels

DEFINITIONS = 10_000
LONG = 560
"""Services in one source of 2,800 lines; the page shows longer ones without colours."""
FILES = 72
IN_A_FILE = 20
"""With those of the long source, 2,000 services."""
FAILED = 100_000
PART = 10_000
"""Failed messages that one call queues."""
CONFIG = """
[services]
files = {files}
[web]
address = "{address}"
[queue]
first_delay = 0.01
[channel.http.fill]
url_path = "/fill"
service = "failing.fill"
format = "json"
"""
ONE_OF_MANY = '''
class Service{number}(Service):
    """Answers as service {number}."""

    def handle(self):
        return {number}
'''
FAILING = '''
from hansa import Invalid, Service


class Fail(Service):
    """Refuses what it gets."""

    def handle(self):
        raise Invalid(f"the order {self.request.input['number']} has no country")


class Fill(Service):
    """Queues calls that fail."""

    def handle(self):
        for number in range(self.request.input["calls"]):
            self.server.invoke_async("failing.fail", {"number": number}, max_attempts=1)
'''
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def milliseconds(do: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


def percentile(values: list[float], percent: float = 95) -> float:
    """Return the duration that this share of all does not exceed."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


class Site:
    """A server, its web admin, and a browser."""

    service = "long.service1"
    """A service in a long source."""

    def __init__(self, server: RunningServer, address: str) -> None:
        self.server = server
        self.address = address
        self.browser = requests.Session()

    def log_in(self) -> None:
        """Log in anew."""
        self.browser = requests.Session()
        form = {"cluster": THIS_SERVER, "user": "admin", "password": self.server.password}
        url = f"http://{self.address}/login"
        answer = self.browser.post(url, form, allow_redirects=False, timeout=60)
        assert answer.status_code == 303, answer.text

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Get a page of the cluster."""
        url = f"http://{self.address}/{THIS_SERVER}{path}"
        return self.browser.get(url, headers=headers, allow_redirects=False, timeout=60)

    def calls(self, path: str) -> int:
        """Return how many admin calls a page makes; 0 for one that this server does not have."""
        return int(self.get(path).headers.get("X-Admin-Calls", 0))

    def process(self) -> psutil.Process:
        """Return the process of the web admin."""
        (found,) = [one for one in self.server.processes() if "web run" in " ".join(one.cmdline())]
        return found

    def servers(self) -> list[psutil.Process]:
        """Return the other processes of the server."""
        return [one for one in self.server.processes() if one.pid != self.process().pid]

    def wait_for(self, url: str) -> None:
        """Wait until an address answers."""

        def answers() -> bool:
            with contextlib.suppress(requests.RequestException):
                return requests.get(url, timeout=1).ok
            return False

        wait_until(answers, 20, f"{url} answers")


class RecordedAnswers(httpx2.BaseTransport):
    """A transport that asks a cluster for each answer once."""

    def __init__(self) -> None:
        self._real = httpx2.HTTPTransport()
        self._answers: dict[tuple[str, bytes], tuple[int, httpx2.Headers, bytes]] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer that the request had the first time."""
        key = (str(request.url), request.read())
        if key not in self._answers:
            answer = self._real.handle_request(request)
            self._answers[key] = (answer.status_code, answer.headers, answer.read())
        status, headers, content = self._answers[key]
        return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(content))


class OwnTimes:
    """The pages of a site in this process, without the time of the API."""

    def __init__(self, site: Site) -> None:
        destination = Destination(THIS_SERVER, lambda: [site.server.url], Trust)
        api = ClusterApi(destination, RecordedAnswers())
        section = WebSection(address=site.address)
        self._client = falcon.testing.TestClient(build(section, [api]))
        form = f"cluster={THIS_SERVER}&user=admin&password={site.server.password}"
        answer = self._client.simulate_post("/login", body=form, headers=FORM)
        assert answer.status_code == 303, answer.text
        self._cookies = {name: one.value for name, one in answer.cookies.items()}
        self._source = f"/services/{site.service}/source"
        self._client.simulate_get(f"/{THIS_SERVER}/services/{site.service}", cookies=self._cookies)

    def get(self, path: str) -> falcon.testing.Result:
        """Get a page."""
        return self._client.simulate_get(f"/{THIS_SERVER}{path}", cookies=self._cookies)

    @cached_property
    def first_source(self) -> float:
        """Milliseconds of the first view of a long source, with the API."""
        return milliseconds(lambda: self.get(self._source))

    def percentile(self, path: str, views: int) -> float:
        """Return the milliseconds that 95 % of the views of a page do not exceed."""
        self.get(path)
        return percentile([milliseconds(lambda: self.get(path)) for _ in range(views)])


@contextlib.contextmanager
def site(folder: Path, *, full: bool) -> Iterator[Site]:
    """A server with one worker and its web admin; full: with many of everything."""
    address = f"127.0.0.1:{free_port()}"
    folder.mkdir(parents=True)
    (folder / "orders.py").write_text((Path(__file__).parent / "orders.py").read_text())
    (folder / "failing.py").write_text(FAILING)
    sources = {"long.py": LONG}
    if full:
        sources |= {f"many{number}.py": IN_A_FILE for number in range(FILES)}
    for name, services in sources.items():
        classes = "".join(ONE_OF_MANY.format(number=number) for number in range(services))
        (folder / name).write_text(f"from hansa import Service\n{classes}")
    files = json.dumps(["orders.py", "failing.py", *sources])
    server = RunningServer(folder, CONFIG.format(address=address, files=files), workers=1)
    server.start()
    try:
        found = Site(server, address)
        found.wait_for(f"http://{address}/login")
        if full:
            fill(server)
        found.log_in()
        yield found
        server.stop()
    finally:
        server.kill()


def fill(server: RunningServer) -> None:
    """Make many definitions and failed messages; a tenth for a trial."""
    parts = 1 if measure.AT_MOST < PART else 10
    config = channels(DEFINITIONS * parts // 10)
    fill = {"url_path": "/fill", "service": "failing.fill", "format": "json"}
    config["channel"]["http"]["fill"] = fill
    apply(server, config)
    for number in range(parts):
        server.post("/fill", {"calls": FAILED // 10}).raise_for_status()
        wanted = FAILED // 10 * (number + 1)

        def are_failed(wanted: int = wanted) -> bool:
            return int(server.api("admin.queue.status")["failed"]) >= wanted

        wait_until(are_failed, 300, f"{wanted} messages have failed")
