"""A connection over TLS, as waitress uses a socket: it never blocks, and what is encrypted
meanwhile is kept.

The I/O thread reads and worker threads write, which OpenSSL does not allow at once: a lock is held
for as long as it computes, never while anything is waited for.
"""

from __future__ import annotations

import _ssl
import contextlib
import errno
import socket
import ssl
import sys
import threading
from functools import cached_property

RECEIVED = 2**16
"""Bytes that are read from the network at once."""
RECORD = 2**14
"""Bytes of plain text in a record of TLS."""


class TlsSocket:
    """The TLS connection of a client that was accepted."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._lock = threading.Lock()
        self._is_ready = False
        self._received: list[bytes] = []
        self._error: OSError | None = None
        self._has_ended = False
        self._unsent = b""
        self._owed = 0

    # -- reading -----------------------------------------------------------------------------------

    def fill(self) -> bool:
        """Take in what the network has; returns whether `recv` has anything to return or raise."""
        try:
            data = self._socket.recv(RECEIVED)
        except BlockingIOError:
            return False
        except OSError as error:
            self._error = error
            return True
        with self._lock:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()
            self._decrypt()
        return bool(self._received or self._error or self._has_ended)

    def _decrypt(self) -> None:
        try:
            if not self._is_ready:
                self._tls.do_handshake()
                self._is_ready = True
            while plain := self._tls.read(RECEIVED):
                self._received.append(plain)
            self._has_ended = True
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._has_ended = True
        except OSError as error:
            self._error = error
        with contextlib.suppress(OSError):  # who is gone shows when it is read from
            self._flush()

    def recv(self, size: int) -> bytes:
        """Return everything that was decrypted, whatever its size; nothing at the end.

        Raises OSError, also for a handshake that failed.
        """
        with self._lock:
            if self._received:
                data = b"".join(self._received)
                self._received.clear()
                return data
            if self._error is not None:
                raise self._error
        if self._has_ended:
            return b""
        raise BlockingIOError(errno.EWOULDBLOCK, "nothing was received")

    # -- writing -----------------------------------------------------------------------------------

    def send(self, data: bytes) -> int:
        """Send the beginning of some data, of which the caller sends the rest again; returns how
        many bytes of it went out.

        What was encrypted and could not go out at once counts as sent only when it has. Raises
        OSError, `BlockingIOError` if nothing can be sent now.
        """
        with self._lock:
            if not self._owed:
                part = data[:RECORD]
                self._tls.write(part)
                self._owed = len(part)
            if not self._flush():
                raise BlockingIOError(errno.EWOULDBLOCK, "the network takes nothing now")
            sent = self._owed
            self._owed = 0
            return sent

    def _flush(self) -> bool:
        """Send what is encrypted; returns whether all of it went out."""
        self._unsent += self._outgoing.read()
        while self._unsent:
            try:
                count = self._socket.send(self._unsent)
            except BlockingIOError:
                return False
            self._unsent = self._unsent[count:]
        return True

    # -- the end -----------------------------------------------------------------------------------

    def shutdown(self, how: int) -> None:
        """Say that nothing more will be sent, and close that half; raises OSError."""
        self._say_goodbye()
        self._socket.shutdown(how)

    def close(self) -> None:
        """Close the connection, having said so."""
        self._say_goodbye()
        self._socket.close()

    def _say_goodbye(self) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._is_ready and self._error is None:
                with contextlib.suppress(ssl.SSLError):
                    self._tls.unwrap()
            self._flush()

    # -- what else waitress asks of a socket -------------------------------------------------------

    @cached_property
    def client_certificates(self) -> tuple[bytes, ...]:
        """The certificate of the client and the intermediate ones that came with it, in DER; none
        if it presented none.
        """
        own = self._tls.getpeercert(binary_form=True)
        if not own:
            return ()
        if sys.version_info >= (3, 13):
            return tuple(self._tls.get_unverified_chain())
        # before Python 3.13 it is there by another name
        chain = self._tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # not public
        return tuple(one.public_bytes(_ssl.ENCODING_DER) for one in chain)

    def fileno(self) -> int:
        """Return the descriptor, to be polled."""
        return self._socket.fileno()

    def setblocking(self, flag: bool) -> None:
        """Stay as it is: it never blocks."""

    def getsockopt(self, level: int, option: int) -> int:
        """Return an option of the socket."""
        return self._socket.getsockopt(level, option)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set an option of the socket; raises OSError."""
        self._socket.setsockopt(level, option, value)

    def getpeername(self) -> object:
        """Return the address of the client; raises OSError."""
        return self._socket.getpeername()
