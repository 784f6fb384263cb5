"""What hansa-redis adds to a worker: the type `outgoing redis`."""

from __future__ import annotations

from typing import Any

from hansa import hookimpl

from .bus import RedisBus
from .outgoing import RedisOutgoing
from .queue import Queue


@hookimpl
def hansa_transports() -> list[type]:
    """Give the outgoing connection."""
    return [RedisOutgoing]


@hookimpl
def hansa_bus(server: Any) -> Any:
    """Give the cluster's bus over the Redis that the section names, or the embedded one, with the asynchronous queue."""
    section = server.section("redis")
    bus = RedisBus(server.engines.get("redis") or section.address, server.config.server.cluster)
    bus.queue = Queue(bus, server, section.async_threads, section.max_queued)
    return bus
