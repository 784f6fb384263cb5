"""Free ports of 127.0.0.1, each returned once, also when several processes of pytest-xdist ask at
the same time.
"""

from __future__ import annotations

import os
import random
import socket
import threading

FIRST = 20_000
LAST = 32_000
"""Ports are taken from below those that the system gives to clients, so that they are still free
after an outage.
"""


class _Range:
    """The ports of one process, in order from a random start."""

    def __init__(self) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
        number = int(worker.removeprefix("gw"))
        count = max(number + 1, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
        self.size = (LAST - FIRST) // count
        self.first = FIRST + number * self.size
        self.offset = random.SystemRandom().randrange(self.size)
        self.lock = threading.Lock()

    def take(self, count: int) -> int:
        """Reserve some consecutive ports and return the first."""
        with self.lock:
            if self.offset + count > self.size:
                self.offset = 0
            port = self.first + self.offset
            self.offset += count
            return port


_range = _Range()


def is_free(port: int) -> bool:
    """Whether nothing listens at a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> int:
    """Return the first of some consecutive free ports."""
    for _ in range(LAST - FIRST):
        first = _range.take(count)
        if all(is_free(port) for port in range(first, first + count)):
            return first
    raise AssertionError(f"there are no {count} consecutive free ports from {FIRST} to {LAST}")


def free_port() -> int:
    """Return a free port."""
    return free_ports(1)
