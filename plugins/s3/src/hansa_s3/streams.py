"""What objects are read from and written from, piece by piece, until the deadline of a call."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hansa import Unavailable
from hansa_connect.files import BLOCK

from .faults import late, translated
from .objects import S3Object

if TYPE_CHECKING:
    from .store import Store


class ObjectStream:
    """The content of an object being read: `read` until it gives nothing.

    `about` is the object; of a range, `size` is that of the range.
    """

    def __init__(self, store: Store, about: S3Object, body: Any, ends: float) -> None:
        self.about = about
        self._store = store
        self._body = body
        self._ends = ends

    def read(self, size: int = BLOCK, /) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end.

        Raises `Unavailable` if the connection breaks, `TimedOut` at the deadline of the call.
        """
        if time.monotonic() >= self._ends:
            raise late(self._store)
        with translated(self._store, self.about.key):
            try:
                return bytes(self._body.read(size))
            except OSError as error:
                raise Unavailable(f"the connection to {self._store.where} broke") from error

    def close(self) -> None:
        """Let the connection go; what was not read is not read any more."""
        with suppress(OSError):
            self._body.close()


class TimedSource:
    """What an upload reads from, until the deadline of the call."""

    def __init__(self, store: Store, source: Any, ends: float) -> None:
        self._store = store
        self._source = source
        self._ends = ends

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; raises `TimedOut` at the deadline."""
        if time.monotonic() >= self._ends:
            raise late(self._store)
        return bytes(self._source.read(size))
