"""An event loop of its own for each cluster, over libev.

The driver's connections share one loop in a process, whose thread outlives what started it. With one
for each object, what runs in it belongs to one definition, and is gone when that is stopped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any, ClassVar

from cassandra.connection import Connection, ConnectionShutdown, Timer
from cassandra.io import libevwrapper as libev
from cassandra.io.libevreactor import LibevConnection, LibevLoop


class EventLoop(LibevLoop):  # type: ignore[misc] # the driver has no types
    """The thread that reads and writes for the connections of one cluster.

    `refusals` has what last kept it from connecting, by the address of the node; `on_closed` is
    called for each connection that ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.closing = False
        self.refusals: dict[str, OSError] = {}
        self.on_closed: Callable[[Connection], None] | None = None

    def abort(self) -> None:
        """Close all connections, and let no other be opened; who waits for one is told."""
        self.closing = True
        for connection in list(self._live_conns):
            connection.close()

    def close(self) -> None:
        """End the thread."""
        self.abort()
        self._cleanup()


class NodeConnection(LibevConnection):  # type: ignore[misc] # the driver has no types
    """A connection to a node, in the loop of its cluster: see `connection_class`."""

    loop: ClassVar[EventLoop]
    is_closed: bool

    @classmethod
    def initialize_reactor(cls) -> None:
        """Do nothing: there is a loop already."""

    @classmethod
    def handle_fork(cls) -> None:
        """Do nothing: calls from another process are refused."""

    @classmethod
    def create_timer(cls, timeout: float, callback: Callable[[], object]) -> Timer:
        """Have something called in so many seconds."""
        timer = Timer(timeout, callback)
        cls.loop.add_timer(timer)
        return timer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Connection.__init__(self, *args, **kwargs)
        loop = self.loop
        if loop.closing:
            raise ConnectionShutdown("the connection is being stopped")
        self.deque: deque[bytes] = deque()
        self._deque_lock = Lock()
        self._connect_socket()
        self._socket.setblocking(False)
        number = self._socket.fileno()
        with loop._lock:
            self._read_watcher = libev.IO(number, libev.EV_READ, loop._loop, self.handle_read)
            self._write_watcher = libev.IO(number, libev.EV_WRITE, loop._loop, self.handle_write)
        self._send_options_message()
        loop.connection_created(self)
        if loop.closing:
            self.close()
        loop.maybe_start()

    def _initiate_connection(self, sockaddr: tuple[Any, ...]) -> None:
        """Connect, and keep what goes wrong, since the driver makes another error of it."""
        try:
            super()._initiate_connection(sockaddr)
        except OSError as error:
            self.loop.refusals[self.endpoint.address] = error
            raise

    def close(self) -> None:
        """Close the socket; whoever waits for an answer, or for the connection, is told."""
        with self.lock:
            if self.is_closed:
                return
            self.is_closed = True
        self.loop.connection_destroyed(self)
        self._socket.close()
        if not self.is_defunct:
            ended = ConnectionShutdown(f"the connection to {self.endpoint} was closed")
            self.error_all_requests(ended)
            if not self.connected_event.is_set():
                self.last_error = ended
                self.connected_event.set()
        if self.loop.on_closed is not None and not self.loop.closing:
            self.loop.on_closed(self)

    def push(self, data: bytes) -> None:
        """Have bytes sent, in pieces, so that none holds up the loop."""
        size = self.out_buffer_size
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        with self._deque_lock:
            self.deque.extend(pieces)
        self.loop.notify()


def connection_class(own: EventLoop) -> type[NodeConnection]:
    """Return the class of the connections in a loop; the driver makes them itself."""

    class OwnConnection(NodeConnection):
        loop = own

    return OwnConnection
