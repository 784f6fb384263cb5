"""The channel and the outgoing connection http keep the contracts of their kinds, on real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from hansa import Request, Response
from hansa_devkit.channel_contract import ChannelContract
from hansa_devkit.outgoing_contract import OutgoingContract
from hansa_http.app import create_app
from hansa_http.channel import HttpChannel, HttpSettings
from hansa_http.early import HttpSection
from hansa_http.frontend import HttpFrontend
from hansa_http.listener import Listener
from hansa_http.outgoing import HttpOutgoing


@pytest.mark.proves("channel http", "guarantee")
class TestChannel(ChannelContract):
    """The channel, behind a real listener."""

    cls = HttpChannel
    good = {"url_path": "/contract/{name}", "method": "POST"}
    earlier = ({"url_path": "/x", "service": "echo", "url_params_pri": "path-over-qs"},)

    @pytest.fixture(autouse=True)
    def _listening(self) -> Iterator[None]:
        frontend = self.server.resource(HttpFrontend)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/contract/x"
            app = create_app(frontend.handler)
            listener = Listener(app, listening, frontend.section, frontend.gate)
            listener.start()
            yield
            listener.stop()

    def send(self, raw: bytes) -> None:
        """An answer that is no success means that the message was not taken."""
        answer = httpx2.post(self.url, content=raw, trust_env=False, timeout=10)
        if answer.status_code != 200:
            raise ConnectionError(f"status {answer.status_code}")


class Peer:
    """An HTTP server that can go away, come back at the same port, and hang."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        with socket.create_server(("127.0.0.1", 0)) as first:
            self.port = first.getsockname()[1]
        self.up()

    def up(self) -> None:
        frontend = HttpFrontend(HttpSection(threads=16))
        server = SimpleNamespace(resource={HttpFrontend: frontend}.get)
        channel = HttpChannel("peer", HttpSettings(url_path="/"), server)
        channel.dispatch = self.answer
        channel.start()
        self.socket = socket.create_server(("127.0.0.1", self.port))
        app = create_app(frontend.handler)
        self.listener = Listener(app, self.socket, frontend.section, frontend.gate)
        self.listener.start()

    def down(self) -> None:
        self.socket.close()
        self.listener.stop()

    def answer(self, request: Request) -> Response:
        self.go_on.wait(10)
        return Response(cid=request.cid)


class TestOutgoing(OutgoingContract):
    """The outgoing connection, against a real server."""

    cls = HttpOutgoing
    timeout_setting = "deadline"
    earlier = ({"address": "https://example.com", "verify": "/etc/ssl/ca.pem"},)

    @pytest.fixture(autouse=True)
    def _peer(self) -> Iterator[None]:
        self.peer = Peer()
        self.good = {"address": f"http://127.0.0.1:{self.peer.port}/", "retry_delay": 0.05}
        yield
        self.peer.go_on.set()
        self.peer.down()

    good: Any = {"address": "http://127.0.0.1:1"}

    def use(self, outgoing: Any) -> None:
        """A POST is never repeated, so none may get lost."""
        outgoing.post(b"x").raise_for_status()

    def peer_down(self) -> None:
        """Close the server and all its connections."""
        self.peer.down()

    def peer_up(self) -> None:
        """A new one at the same port."""
        self.peer.up()

    @contextmanager
    def peer_hangs(self) -> Iterator[None]:
        """Requests are taken and not answered."""
        self.peer.go_on.clear()
        yield
        self.peer.go_on.set()
