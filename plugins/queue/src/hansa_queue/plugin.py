"""What hansa-queue adds to a worker: the queue of asynchronous invocations, and the admin services of failed messages."""

from __future__ import annotations

from typing import Any

from hansa import Service, hookimpl
from hansa_redis.bus import RedisBus

from .patterns import FanOutFinal
from .queue import Queue
from .services import OPERATIONS


@hookimpl
def hansa_queue(server: Any) -> Queue | None:
    """Give the queue, over the Redis that also carries the bus; none where that is not there."""
    if not isinstance(server.bus, RedisBus):
        return None
    return Queue(server, server.bus.address, server.bus.key("async"), server.section("queue"))


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Give the admin services, and what gathers the states of a fan-out."""
    return [FanOutFinal, *OPERATIONS]
