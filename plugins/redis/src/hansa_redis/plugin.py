"""What hansa-redis adds to a worker: the cluster's bus over Redis, the types `channel redis` and
`outgoing redis`, and the admin services that run commands.
"""

from __future__ import annotations

from hansa import Channel, Outgoing, Server, Service, hookimpl

from .bus import RedisBus
from .channel import RedisChannel
from .early import RedisSection
from .outgoing import RedisOutgoing
from .services import OPERATIONS


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [RedisChannel, RedisOutgoing]


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services that run commands."""
    return list(OPERATIONS)


@hookimpl
def hansa_bus(server: Server) -> RedisBus | None:
    """Return the cluster's bus over the embedded Valkey, or over the Redis that the section
    `[redis]` names.
    """
    address = server.engines.get("redis") or server.section(RedisSection).address
    if not address:
        return None
    return RedisBus(str(address), server.cluster.name)
