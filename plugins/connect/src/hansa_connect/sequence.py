"""Numbers on messages of transports that may lose some, so that the receiver knows how many."""

from __future__ import annotations

import os
import struct
import threading
from collections import Counter, OrderedDict

FORMAT = struct.Struct(">8sQ")
"""Eight random bytes of the sender, and the number of the message within its stream, from 1."""
REMEMBERED = 10_000
"""Senders and streams that are remembered, at most."""


class Numbers:
    """Gives each message of a sender its number, stream by stream; safe in many threads."""

    def __init__(self) -> None:
        self._sender = os.urandom(8)
        self._last = Counter[bytes]()
        self._lock = threading.Lock()

    def next(self, stream: bytes = b"") -> bytes:
        """Return the number of the next message, as the bytes to send with it."""
        with self._lock:
            self._last[stream] += 1
            return FORMAT.pack(self._sender, self._last[stream])

    def withdraw(self, stream: bytes = b"") -> None:
        """Take back the latest number of a stream, whose message was not sent."""
        with self._lock:
            self._last[stream] -= 1


class Gaps:
    """Counts, in `missing`, the numbers that did not come.

    Counting begins with the first of each sender and stream. The latest 10,000 senders and streams
    are remembered. A number that comes late is subtracted again.
    """

    def __init__(self) -> None:
        self.missing = 0
        self._last: OrderedDict[tuple[bytes, bytes], int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, number: bytes, stream: bytes = b"") -> None:
        """Note the number of a message that came; raises ValueError for bytes of another length."""
        if len(number) != FORMAT.size:
            raise ValueError(f"a number has {FORMAT.size} bytes, not {len(number)}")
        sender, count = FORMAT.unpack(number)
        with self._lock:
            last = self._last.pop((sender, stream), count - 1)
            if count > last:
                self.missing += count - last - 1
            else:
                self.missing -= 1
            self._last[sender, stream] = max(last, count)
            if len(self._last) > REMEMBERED:
                self._last.popitem(last=False)
