"""Numbers on messages of transports that lose some: the sender numbers each, the receiver counts what is missing."""

from __future__ import annotations

import os
import struct
import threading
from collections import Counter, OrderedDict

FORMAT = struct.Struct(">8sQ")
"""Eight random bytes of the sender, and the number of the message within its stream, from 1."""
REMEMBERED = 10_000


class Numbers:
    """Gives each message of a sender its number, stream by stream; from many threads."""

    def __init__(self) -> None:
        self._sender, self._last = os.urandom(8), Counter[bytes]()
        self._lock = threading.Lock()

    def next(self, stream: bytes = b"") -> bytes:
        """The number of the next message, as the bytes to send with it."""
        with self._lock:
            self._last[stream] += 1
            return FORMAT.pack(self._sender, self._last[stream])


class Gaps:
    """Counts, in `missing`, the numbers that did not come; the first of each sender and stream is where counting begins.

    The latest 10,000 senders and streams are remembered. A number that comes late is taken off again.
    """

    def __init__(self) -> None:
        self.missing = 0
        self._last: OrderedDict[tuple[bytes, bytes], int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, number: bytes, stream: bytes = b"") -> None:
        """Take the number of a message that came; raises ValueError for what is no number."""
        if len(number) != FORMAT.size:
            raise ValueError(f"a number has {FORMAT.size} bytes, not {len(number)}")
        sender, count = FORMAT.unpack(number)
        with self._lock:
            last = self._last.pop((sender, stream), count - 1)
            self.missing += count - last - 1 if count > last else -1
            self._last[sender, stream] = max(last, count)
            if len(self._last) > REMEMBERED:
                self._last.popitem(last=False)
