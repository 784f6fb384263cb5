"""The web admin in the process of the tests, in front of one real server."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import falcon.testing
import pytest
from hansa_cli.location import Trust
from hansa_devkit.harness.api_server import RunningServer, servers
from hansa_devkit.harness.distribution import install_plugin
from hansa_web.api import ClusterApi
from hansa_web.application import build
from hansa_web.connection import Destination
from hansa_web.settings import WebSection
from playwright.sync_api import Browser as Chromium

from plugins.web.tests.real_browser import Listening, listening
from plugins.web.tests.shown import addresses
from tests.chromium import launched
from tests.parallel import Shared

CLUSTER = "tests"
TELEGRAPH = '''
    import datetime
    from typing import Annotated, Any, Literal


    class Wire(Model):
        """How messages go over the wire."""

        speed: Annotated[int, setting("Speed, in words a minute", ge=1, le=60)] = 20
        tone: Annotated[float | None, setting("Tone, in hertz")] = None


    class Operator(Model):
        """Operator. Who sits at the key."""

        name: Annotated[str, setting("Name", min_length=1)]
        shifts: Annotated[int, setting("Shifts in a week", ge=0, le=7)] = 5
        wire: Annotated[Wire, setting("The wire of the operator")] = Wire()


    class Rate(Model):
        """Rate. What a word costs."""

        price: Annotated[float, setting("Price of a word")]
        through: Annotated[str, setting("Station", refers="outgoing telegraph")] = ""


    class Station(Model):
        """Where messages are sent."""

        sign: Annotated[str, setting("Call sign", example="OXZ", min_length=1)]
        code: Annotated[Literal["morse", "baudot"], setting("Code of the letters")]
        answers: Annotated[str, setting("Service that takes answers", refers="service")] = ""
        through: Annotated[str, setting("Station that relays", refers="outgoing telegraph")] = ""
        opened: Annotated[datetime.datetime | None, setting("Time of its opening")] = None
        signs: Annotated[list[str], setting("Other call signs")] = []
        days: Annotated[list[Literal["mon", "tue"]], setting("Days of service")] = []
        prices: Annotated[dict[str, str], setting("Prices by country")] = {}
        operators: Annotated[list[Operator], setting("Operators")] = []
        rates: Annotated[dict[str, Rate], setting("Rates by country")] = {}
        codes: Annotated[dict[str, str | int | bool], setting("Codes of service")] = {}
        hours: Annotated[list[int], setting("Hours of service")] = []
        limit: Annotated[int | str | None, setting("Limit of words, or a word for it")] = 10
        extra: Annotated[Any, setting("Whatever else the station has")] = None
        class_: Annotated[
            Literal["", "day", "night", "deferred", "letter"], setting("Class of service")
        ] = "day"
        key: Annotated[Secret | None, setting("Secret of the station")] = None
        urgent: Annotated[bool, setting("Whether messages go first")] = False
        note: Annotated[str, setting("Note", multiline=True, advanced=True)] = ""
        wire: Annotated[Wire, setting("The wire")] = Wire()


    class Telegraph(Outgoing):
        """Sends telegrams.

        For subclasses: there is none.
        """

        type = "telegraph"
        Config = Station


    @hookimpl
    def hansa_transports():
        return [Telegraph]
'''
"""A plugin with a setting of each sort."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


class Browser:
    """A browser without a script: it keeps its cookie, and posts the token of the last page."""

    def __init__(self, url: str, *others: str) -> None:
        apis = [ClusterApi(Destination(name, lambda: [url], Trust)) for name in (CLUSTER, *others)]
        self.api = apis[0]
        app = build(WebSection(address="127.0.0.1:8183"), apis)
        self.client = falcon.testing.TestClient(app)
        self.cookies: dict[str, str] = {}
        self.token = ""

    def get(self, path: str, **headers: str) -> falcon.testing.Result:
        """Get a page."""
        return self._seen(
            self.client.simulate_get(path, cookies=self.cookies, headers=headers or None)
        )

    def post(
        self, path: str, fields: Mapping[str, object], *, token: str | None = None, **headers: str
    ) -> falcon.testing.Result:
        """Post a form, with the token of its session unless another one is given."""
        given = {"form_token": self.token if token is None else token, **fields}
        return self._seen(
            self.client.simulate_post(
                path,
                body=urlencode(given, doseq=True),
                cookies=self.cookies,
                headers={**FORM, **headers},
            )
        )

    def _seen(self, answer: falcon.testing.Result) -> falcon.testing.Result:
        for name, cookie in answer.cookies.items():
            self.cookies[name] = cookie.value
        found = _TOKEN.search(answer.text)
        if found is not None:
            self.token = unescape(found[1])
        return answer

    def log_in(
        self, password: str, user: str = "admin", cluster: str = CLUSTER
    ) -> falcon.testing.Result:
        """Log in."""
        fields = {"cluster": cluster, "user": user, "password": password}
        answer = self.post("/login", fields)
        if answer.status_code == 303:
            self.get(f"/{cluster}")
        return answer


@contextlib.contextmanager
def started(folder: Path) -> Iterator[RunningServer]:
    """Run a server with everything that is installed, and a plugin that nobody here knows."""
    install_plugin(folder / "plugins", "telegraph", TELEGRAPH)
    with servers(folder) as make:
        yield make(workers=1, env={"PYTHONPATH": str(folder / "plugins")})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, of_unit: Shared) -> RunningServer:
    """One server for all tests here."""
    return of_unit.get("web", lambda: started(tmp_path_factory.mktemp("web")))


@pytest.fixture
def browser(server: RunningServer) -> Browser:
    """A browser that is logged in."""
    found = Browser(server.url)
    answer = found.log_in(server.password)
    assert answer.status_code == 303, answer.text
    return found


@pytest.fixture
def stranger(server: RunningServer) -> Browser:
    """A browser that is not logged in."""
    return Browser(server.url)


@pytest.fixture(scope="module")
def web(server: RunningServer, of_unit: Shared) -> Listening:
    """The web admin where a real browser reaches it."""
    return of_unit.get("web admin", lambda: listening(server.url))


@pytest.fixture(scope="module")
def url(web: Listening) -> str:
    """The address of the web admin."""
    return web.url


@pytest.fixture(scope="module")
def shown(server: RunningServer, of_unit: Shared) -> list[str]:
    """Addresses of all pages, with something to show."""
    return of_unit.get("shown", lambda: contextlib.nullcontext(addresses(server)))


@pytest.fixture(scope="module")
def chromium(of_unit: Shared) -> Chromium:
    """One browser for all tests here."""
    return of_unit.get("chromium", launched)
