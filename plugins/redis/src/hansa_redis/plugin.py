"""What hansa-redis adds to a worker: the type `outgoing redis`."""

from __future__ import annotations

from typing import Any

from hansa import hookimpl

from .bus import RedisBus
from .outgoing import RedisOutgoing


@hookimpl
def hansa_transports() -> list[type]:
    """Give the outgoing connection."""
    return [RedisOutgoing]


@hookimpl
def hansa_bus(server: Any) -> RedisBus:
    """Give the cluster's bus over the Redis that the section names, or the embedded one."""
    address = server.engines.get("redis") or server.section("redis").address
    return RedisBus(address, server.cluster.name)
