"""The channel and the outgoing connection http keep the contracts of their kinds, on real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from hansa import Request, Response
from hansa_devkit.channel_contract import ChannelContract
from hansa_devkit.outgoing_contract import OutgoingContract
from hansa_http.app import Gate, create_app
from hansa_http.channel import HttpChannel
from hansa_http.early import HttpSection
from hansa_http.listener import Listener
from hansa_http.outgoing import HttpOutgoing
from hansa_http.table import Table, forget_table, table_of


@pytest.mark.proves("channel http", "guarantee")
class TestChannel(ChannelContract):
    """The channel, behind a real listener."""

    cls = HttpChannel
    good = {"url_path": "/contract/{name}", "method": "POST"}

    @pytest.fixture(autouse=True)
    def _listening(self) -> Iterator[None]:
        self.server = self.make().server
        gate = Gate()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/contract/x"
            listener = Listener(
                create_app(table_of(self.server), gate), listening, HttpSection(), gate
            )
            listener.start()
            yield
            listener.stop()
        forget_table(self.server)

    def make_server(self) -> Any:
        """The same for every object of a test: they share its table."""
        return self.__dict__.get("server") or super().make_server()

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
        gate, table = Gate(), Table()
        channel = HttpChannel("peer", HttpChannel.Config(url_path="/"))
        channel.dispatch = self.answer
        table.add(channel)
        self.socket = socket.create_server(("127.0.0.1", self.port))
        self.listener = Listener(
            create_app(table, gate), self.socket, HttpSection(threads=16), gate
        )
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
