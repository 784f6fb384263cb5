"""What this plugin keeps in a worker: the gates of channels, the counters of rates, and the
idempotency keys of the cluster.
"""

from __future__ import annotations

import threading

from hansa import Bus, Channel, Unavailable

from .cells import Cells, LocalCells, SharedCells
from .gate import Gate
from .keys import Keys


class WorkerLimits:
    """The gates of one worker by channel, the counters of rates by scope, and its keys, which
    connect to the cluster's Redis when they are first used.

    Gates and counters outlive edits of channels.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._gates: dict[tuple[str, str], Gate] = {}
        own = LocalCells()
        self.cells: dict[str, Cells] = {"worker": own, "cluster": SharedCells(bus, own)}
        self._keys: Keys | None = None
        self._lock = threading.Lock()

    def gate(self, channel: Channel) -> Gate:
        """Return the gate of a channel, the same for all its routes, one after the other."""
        key = (channel.type, channel.name)
        with self._lock:
            if key not in self._gates:
                self._gates[key] = Gate(f"{channel.type} {channel.name!r}")
            return self._gates[key]

    @property
    def keys(self) -> Keys:
        """The idempotency keys of the cluster; raises `Unavailable` where no Redis carries its bus."""
        with self._lock:
            if self._keys is None:
                address = self._bus.address
                if address is None:
                    raise Unavailable("idempotency keys need Redis: install hansa-redis")
                self._keys = Keys(address, self._bus.key("idempotency"))
            return self._keys

    def close(self) -> None:
        """Store the last answers, and end the keys' heartbeat."""
        with self._lock:
            keys = self._keys
            self._keys = None
        if keys is not None:
            keys.stop()
