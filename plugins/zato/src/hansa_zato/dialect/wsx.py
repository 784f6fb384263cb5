"""`self.wsx`: the clients of channels of WebSockets, wherever in the cluster they are connected."""

from __future__ import annotations

import json

from hansa import NotFound, Server, TimedOut, Unavailable

from ..bunch import Bunch
from ..payloads import Value
from .exceptions import ConnectionException, TimeoutException

_SEND = "websocket.send"
_ASK = "websocket.ask"
_CLIENTS = "websocket.clients"
TYPE = ("channel", "websocket")


class WSXChannel:
    """The clients of one channel: `self.wsx["name"]`. What is no text is sent as JSON."""

    def __init__(self, server: Server, cid: str, name: str) -> None:
        self._server = server
        self._cid = cid
        self.name = name

    def broadcast(self, data: Value, room: str = "") -> int:
        """Send to all clients, or to those in a room; returns to how many."""
        about = {"channel": self.name, "message": _text(data), "room": room}
        sent: int = self._server.invoke(_SEND, about, cid=self._cid)["sent"]
        return sent

    def send(self, client_id: str, data: Value) -> None:
        """Send to one client; raises `ConnectionException` if it is not connected."""
        about = {"channel": self.name, "message": _text(data), "client": client_id}
        if not self._server.invoke(_SEND, about, cid=self._cid)["sent"]:
            raise ConnectionException(self._cid, f"{self.name!r} has no client {client_id}")

    def invoke(self, client_id: str, data: Value = "", timeout: float = 5.0) -> Value:
        """Send to one client, and return the next message that comes from it: what its JSON holds,
        else as it is. Raises `ConnectionException` if it is not connected, `TimeoutException`.
        """
        about = {"channel": self.name, "message": _text(data), "client": client_id}
        try:
            asked = self._server.invoke(_ASK, {**about, "timeout": timeout}, cid=self._cid)
        except TimedOut as error:
            raise TimeoutException(self._cid, error.detail) from error
        except Unavailable as error:
            raise ConnectionException(self._cid, error.detail) from error
        answer: str = asked["answer"]
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            return answer

    def clients(self) -> list[Bunch]:
        """Return who is connected, by the time at which it was."""
        found = self._server.invoke(_CLIENTS, {"channel": self.name}, cid=self._cid)
        return [
            Bunch(one, pub_client_id=one["id"], ext_client_id=one["id"]) for one in found["clients"]
        ]


class WSX:
    """`self.wsx`; `get` returns None where `[]` raises `NotFound`."""

    def __init__(self, server: Server, cid: str) -> None:
        self._server = server
        self._cid = cid

    def __getitem__(self, name: str) -> WSXChannel:
        self._server.definitions.get(*TYPE, name)
        return WSXChannel(self._server, self._cid, name)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def invoke(self, client_id: str, data: Value = "", timeout: float = 5.0) -> Value:
        """Send to one client of any channel, and return its answer, as that of a channel does."""
        for record in self._server.definitions.all(*TYPE):
            channel = WSXChannel(self._server, self._cid, record.name)
            if any(one.id == client_id for one in channel.clients()):
                return channel.invoke(client_id, data, timeout)
        raise ConnectionException(self._cid, f"no channel has a client {client_id}")

    def get(self, name: str) -> WSXChannel | None:
        """Return the clients of a channel; None if there is no such channel."""
        try:
            return self[name]
        except NotFound:
            return None


def _text(data: Value) -> str:
    """Return what is sent."""
    if isinstance(data, bytes):
        return data.decode()
    return data if isinstance(data, str) else json.dumps(data)
