"""Peers for the tests: bare clients, and a bare server that may be hurt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from hansa import Request, Response, load
from hansa_devkit import LocalServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_websocket.channel import WebSocketChannel
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve


def made(cls: Any, **settings: Any) -> Any:
    """An object that is not started."""
    model = type("Definition", (cls.Config, cls.common), {"__doc__": "."})
    config: Any = load(model, settings)
    return cls("Grüße", cls.prepare(config), LocalServer())


@contextmanager
def running(thing: Any) -> Iterator[Any]:
    """A started object; `stop` may be called before the end of the block."""
    try:
        thing.start()
        yield thing
    finally:
        thing.stop()


@contextmanager
def channel(dispatch: Callable[[Request], Response], **settings: Any) -> Iterator[Any]:
    """A running channel at a free port."""
    given = {"port": free_port(), "service": "x", "timeout": 5, **settings}
    one = made(WebSocketChannel, **given)
    one.dispatch = dispatch
    with running(one):
        yield one


def client(port: int, path: str = "/", **options: Any) -> ClientConnection:
    """A bare client that is connected."""
    return connect(f"ws://127.0.0.1:{port}{path}", proxy=None, compression=None, **options)


class Peer:
    """A bare server that answers `answer(message)`, unless it is silent, and can send to all."""

    def __init__(self, **options: Any) -> None:
        self.port = free_port()
        self.options = options
        self.connections: set[ServerConnection] = set()
        self.received: list[str | bytes] = []
        self.silent = threading.Event()
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        self.silent.clear()
        self._server = serve(self._serve, "127.0.0.1", self.port, compression=None, **self.options)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End, and cut all connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None
        self.silent.clear()
        for one in list(self.connections):
            one.socket.close()

    def send(self, message: str | bytes) -> None:
        """Send to everybody who is connected; waits until somebody is."""
        wait_until(lambda: self._sent(message), 1, "nobody is connected")

    def _sent(self, message: str | bytes) -> int:
        count = 0
        for one in list(self.connections):
            try:
                one.send(message)
                count += 1
            except (ConnectionClosed, OSError):
                self.connections.discard(one)
        return count

    def _serve(self, connection: ServerConnection) -> None:
        self.connections.add(connection)
        try:
            for message in connection:
                self.received.append(message)
                if message != "subscribe" and not self.silent.is_set():
                    connection.send(message)
        except (ConnectionClosed, OSError):
            pass
        finally:
            self.connections.discard(connection)
