"""What hansa-queue adds to a worker: the queue of asynchronous calls, and the admin services of
failed messages.
"""

from __future__ import annotations

from hansa import Server, Service, hookimpl

from .early import QueueSection
from .patterns import FanOutFinal
from .queue import RedisQueue
from .queue_services import OPERATIONS as QUEUE
from .replay_services import OPERATIONS as REPLAYS
from .services import OPERATIONS as FAILED


@hookimpl
def hansa_queue(server: Server) -> RedisQueue | None:
    """Return the queue, over the Redis that also carries the bus; None where there is none."""
    address = server.bus.address
    if address is None:
        return None
    return RedisQueue(server, address, server.bus.key("async"), server.section(QueueSection))


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services, and the service that ends a fan-out."""
    return [FanOutFinal, *FAILED, *REPLAYS, *QUEUE]
