"""What the tests of this plugin share: a real listener on a free port, with channels to services
written in the test.
"""

from __future__ import annotations

import socket
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from hansa import Service
from hansa.contract.service import Binding
from hansa.plugins.registry import Registry
from hansa.runtime.routes import compile_route
from hansa_http.address import HttpAddress
from hansa_http.app import create_app
from hansa_http.channel import HttpChannel, HttpSettings
from hansa_http.early import HttpSection, listen
from hansa_http.frontend import HttpFrontend, certificate_of
from hansa_http.listener import serve_by_waitress
from hansa_http.outgoing import HttpOutgoing
from hansa_http.plain_app import create_plain_app
from hansa_http.plugin import hansa_wrap
from hansa_http.serving import Site as Served
from hansa_json.format import JsonFormat

SERVERS: dict[str, Any] = {"waitress": serve_by_waitress}
if find_spec("hansa_granian"):
    SERVERS["granian"] = import_module("hansa_granian.listener").GranianListener


def pytest_collection_modifyitems(items):
    """Leave out the tests of a server's own ways for the others."""
    items[:] = [item for item in items if _is_for_its_server(item)]


def _is_for_its_server(item):
    callspec = getattr(item, "callspec", None)
    server = "" if callspec is None else callspec.params.get("http_server", "")
    return server in ("", "waitress") or item.get_closest_marker("only_waitress") is None


class Site:
    """A worker's worth of HTTP: a table, the application, a listener."""

    def __init__(self, shared=None, start=True, server="waitress", **settings):
        self.section = HttpSection(
            **{"address": "127.0.0.1:0", "threads": 4, "max_threads": 1, "grace": 0.3, **settings}
        )
        self.shared = shared or listen(self.section.address, self.section.backlog)
        self.port = self.shared.getsockname()[1]
        self.registry = Registry()
        self.registry.add_types("json", [JsonFormat])
        self.frontend = HttpFrontend(self.section)
        self.server = SimpleNamespace(
            registry=self.registry, ready=True, resource={HttpFrontend: self.frontend}.get
        )
        self.table = self.frontend.table
        self.gate = self.frontend.gate
        self.app = create_app(self.frontend.handler)
        certificate = None
        if self.section.certificate:
            certificate = certificate_of(Path(), self.section)
        served = Served(
            self.app,
            create_plain_app(self.frontend.handler),
            self.section,
            self.gate,
            self.frontend.handler.refuse,
            self.frontend.handler.proxies.trusts,
            None,
            certificate,
            set(),
            self.table.awaits,
        )
        self.listener = SERVERS[server](served, self.shared)
        if start:
            self.listener.start()

    @staticmethod
    def read_answer(stream):
        """Read one response from a socket's file: status, headers, body; None at the end of the
        stream.
        """
        line = stream.readline()
        if not line:
            return None
        headers = {}
        while (field := stream.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return int(line.split()[1]), headers, stream.read(int(headers.get("content-length", 0)))

    @property
    def url(self):
        return f"{self.section.scheme}://127.0.0.1:{self.port}"

    def add(self, service=Service, name="test", cls=HttpChannel, format="json", **settings):
        """Start a channel to a service."""
        config = HttpSettings(**{"url_path": "/test", **settings})
        config.check()
        channel = cls(name, config, self.server)
        found = JsonFormat(config, service) if format else None
        channel.dispatch = compile_route(
            Binding(name, self.server, found, name, "http", config),
            service,
            channel=channel,
            wraps=[lambda channel, service, call: hansa_wrap(channel, call)],
        )
        channel.start()
        return channel

    def connect(self):
        """A plain connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def raw(self, sent, answers=1):
        """Send bytes over a connection of their own; all answers (at most so many) that come back."""
        with self.connect() as client, client.makefile("rb") as stream:
            client.sendall(sent)
            found: list[Any] = []
            while len(found) < answers and (answer := self.read_answer(stream)) is not None:
                found.append(answer)
            return found

    def ask(self, method, path, **options):
        """Ask by an independent client."""
        with httpx2.Client(trust_env=False, timeout=15) as client:
            return client.request(method, self.url + path, **options)

    def close(self):
        self.listener.stop()
        self.shared.close()


@pytest.fixture(scope="module", params=SERVERS)
def http_server(request):
    """The server of the sites: each test has all of them in turn."""
    return request.param


def _sites(server):
    """Make sites, which are closed at the end."""
    made = []

    def make(shared=None, **settings):
        made.append(Site(shared, server=server, **settings))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def sites(http_server):
    """Make sites, which are closed at the end."""
    yield from _sites(http_server)


@pytest.fixture(scope="module")
def shared_sites(http_server):
    """Make sites that all tests of a module share."""
    yield from _sites(http_server)


@pytest.fixture
def site(sites):
    """One site with default limits."""
    return sites()


@pytest.fixture
def connections():
    """Make outgoing connections, which are stopped at the end."""
    made = []

    def make(address, name="peer", security=None, **settings):
        registry = Registry()
        registry.add_types("json", [JsonFormat])
        told = []
        objects = SimpleNamespace(
            security=lambda name: security, trouble=lambda troubled, why: told.append(why)
        )
        server = SimpleNamespace(registry=registry, objects=objects, told=told)
        config = HttpAddress(address=address, **settings)
        config.check()
        made.append(HttpOutgoing(name, config, server))
        made[-1].start()
        return made[-1]

    yield make
    for outgoing in made:
        outgoing.stop()
