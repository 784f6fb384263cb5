"""The open connections of a worker, as the kernel knows them: granian keeps them to itself."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import struct
import termios
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from hansa_http.admission import Occupation

_DESCRIPTORS = "/dev/fd"
_SIZE = 160
"""Bytes of what the kernel says of a connection that are read, `struct tcp_info` of Linux."""
_OPEN_STATES = (1, 8)
"""TCP_ESTABLISHED, and TCP_CLOSE_WAIT, in which only the other end sends no more."""
_INTEGER = struct.Struct("=i")
_TIMES = struct.Struct("=4I")
_TIMES_AT = 44
"""Where it has the milliseconds since the last data was sent, acknowledgement sent, data received,
and acknowledgement received."""
_COUNTS_AT = 120
"""Where it has the bytes that were acknowledged, and received."""
_COUNTS = struct.Struct("=2Q")


@contextlib.contextmanager
def _opened(descriptor: int, node: int) -> Iterator[socket.socket]:
    """Yield a descriptor of one's own for a moment; raises OSError if the number has another file
    by now, which is known by its inode.
    """
    own = socket.socket(fileno=os.dup(descriptor))
    try:
        if os.fstat(own.fileno()).st_ino != node:
            raise OSError(errno.EBADF, "it was closed")
        yield own
    finally:
        own.close()


class Connection:
    """One open connection; `is_served` says whether a request of a client waits or is being
    answered.

    It is left to granian: a descriptor of one's own would keep it open.
    """

    def __init__(
        self,
        descriptor: int,
        node: int,
        peer: tuple[str, int],
        is_served: Callable[[tuple[str, str]], bool],
        ended: Callable[[Connection], None],
    ) -> None:
        self.address = peer[0]
        self.client = (peer[0], str(peer[1]))
        self.last_activity = time.time()
        self.occupation = Occupation.IDLE
        self.is_open = True
        self._file = (descriptor, node)
        self._is_served = is_served
        self._ended = ended

    def look(self) -> None:
        """Ask the kernel what happens here."""
        try:
            with _opened(*self._file) as own:
                found = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
                unsent = _INTEGER.unpack(fcntl.ioctl(own, termios.TIOCOUTQ, bytes(4)))[0]
        except OSError:
            self.is_open = False
            return
        self.is_open = found[0] in _OPEN_STATES
        sent_ago, _, received_ago, _ = _TIMES.unpack_from(found, _TIMES_AT)
        _, received = _COUNTS.unpack_from(found, _COUNTS_AT)
        self.last_activity = time.time() - min(sent_ago, received_ago) / 1000
        if self._is_served(self.client):
            self.occupation = Occupation.SERVED
        elif unsent:
            self.occupation = Occupation.UNREAD
        elif received and received_ago < sent_ago:
            self.occupation = Occupation.INCOMPLETE
        else:
            self.occupation = Occupation.IDLE

    def handle_close(self) -> None:
        """End it: nothing more is read or sent."""
        self._shut(socket.SHUT_RDWR)
        self._ended(self)

    def read_no_more(self) -> None:
        """Have it closed once what it has sent is answered."""
        self._shut(socket.SHUT_RD)

    def _shut(self, how: int) -> None:
        with contextlib.suppress(OSError), _opened(*self._file) as own:
            own.shutdown(how)


class Connections:
    """The connections that were accepted on a listening socket by this process; `ended` is told of
    each that is closed from here.
    """

    def __init__(
        self,
        listening: socket.socket,
        is_served: Callable[[tuple[str, str]], bool],
        ended: Callable[[Connection], None],
    ) -> None:
        self._family = listening.family
        self._port = listening.getsockname()[1]
        self._is_served = is_served
        self._ended = ended
        self._found: dict[int, Connection] = {}
        self._others: set[int] = set()

    def look(self) -> Change:
        """Return what is open, and what changed since the last look."""
        nodes = dict(_sockets())
        self._others &= nodes.keys()
        new = []
        for node, descriptor in nodes.items():
            if node in self._found or node in self._others:
                continue
            connection = self._connection_of(descriptor, node)
            if connection is None:
                self._others.add(node)
            else:
                self._found[node] = connection
                new.append(connection)
        gone = []
        for node, connection in list(self._found.items()):
            connection.look()
            if not connection.is_open:
                del self._found[node]
                gone.append(connection)
        return Change(list(self._found.values()), new, gone)

    def _connection_of(self, descriptor: int, node: int) -> Connection | None:
        """Return the connection of a descriptor; None for another socket."""
        try:
            with _opened(descriptor, node) as own:
                if own.family != self._family or own.getsockname()[1] != self._port:
                    return None
                peer = own.getpeername()
        except OSError:
            return None
        return Connection(descriptor, node, peer[:2], self._is_served, self._ended)


class Change(NamedTuple):
    """The open connections, and those that came and went."""

    all: list[Connection]
    new: list[Connection]
    gone: list[Connection]


def _sockets() -> Iterator[tuple[int, int]]:
    """Yield inode and descriptor of each socket of this process."""
    for name in os.listdir(_DESCRIPTORS):
        with contextlib.suppress(OSError):
            found = os.fstat(int(name))
            if stat.S_ISSOCK(found.st_mode):
                yield found.st_ino, int(name)
