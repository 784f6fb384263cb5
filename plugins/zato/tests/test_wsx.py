"""`self.outgoing.wsx` as services of the Zato dialect use it, over hansa-websocket: a bare server."""

from __future__ import annotations

from typing import Any

import pytest
from hansa_websocket.outgoing import WebSocketOutgoing
from hansa_zato.outgoing import Outgoing
from zato.common import ConnectionException, Inactive, TimeoutException

from plugins.websocket.tests.support import Peer, made, running
from plugins.zato.tests.facade import Facade


@pytest.fixture
def peer() -> Any:
    with Peer() as server:
        yield server


@pytest.fixture
def out(server: Facade, peer: Peer) -> Any:
    live = made(WebSocketOutgoing, url=f"ws://127.0.0.1:{peer.port}/", timeout=5)
    with running(live):
        server.objects["outgoing", "websocket", "Desk"] = live
        server.objects["outgoing", "websocket", "Off"] = None
        yield Outgoing(server.as_server)


def test_messages_are_sent_and_answered(out: Any, peer: Peer) -> None:
    conn = out.wsx["Desk"].conn
    assert conn.invoke({"text": "Grüße"}) == {"text": "Grüße"}
    assert conn.invoke("no JSON") == "no JSON"
    with conn.client() as client:
        assert client.invoke([1]) == [1]
        client.send("alone")
    assert out.wsx.get("Desk").conn.ask("last") in ("alone", "last")


def test_what_is_not_there(out: Any, peer: Peer) -> None:
    with pytest.raises(Inactive):
        out.wsx["Off"].conn.send("x")
    peer.silent.set()
    with pytest.raises(TimeoutException):
        out.wsx["Desk"].conn.invoke("x", timeout=0.2)
    peer.stop()
    with pytest.raises(ConnectionException):
        _ask_until_lost(out)


def _ask_until_lost(out: Any) -> None:
    """Ask until the connection is seen to be lost."""
    for _ in range(100):
        out.wsx["Desk"].conn.invoke("x", timeout=5)
