"""The channel holds the contract of the conformance kit, behind a real listener."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx2
import pytest
from hansa import Service
from hansa_devkit import ChannelContract, LocalServer
from hansa_graphql.channel import GraphqlChannel
from hansa_http.app import create_app
from hansa_http.frontend import HttpFrontend
from hansa_http.listener import Listener

from plugins.graphql.tests.conftest import QUERIES, GetOrder, ListOrders

SERVICES: list[type[Service]] = [GetOrder, ListOrders]


@pytest.mark.proves("channel graphql", "guarantee")
@pytest.mark.proves("channel graphql", "durability", "none: a request is in memory alone")
@pytest.mark.proves("channel graphql", "loss window", "requests that were not answered")
@pytest.mark.proves("channel graphql", "duplicates", "none: it is the caller who repeats")
class TestChannel(ChannelContract):
    cls = GraphqlChannel
    good = {"url_path": "/contract", "queries": QUERIES}
    earlier = (
        {
            "url_path": "/x",
            "queries": QUERIES,
            "service": "graphql.execute",
            "url_params_pri": "path-over-qs",
        },
    )

    def make_server(self) -> LocalServer:
        return LocalServer(services={one.get_name(): one for one in SERVICES})

    @pytest.fixture(autouse=True)
    def _listening(self) -> Iterator[None]:
        frontend = self.server.resource(HttpFrontend)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/contract"
            app = create_app(frontend.handler)
            listener = Listener(app, listening, frontend.section, frontend.gate)
            listener.start()
            yield
            listener.stop()

    def send(self, raw):
        answer = httpx2.post(self.url, content=raw, trust_env=False, timeout=10)
        if answer.status_code != 200:
            raise ConnectionError(f"status {answer.status_code}")
