"""The threads that answer requests: those that run services, and a reserve that services cannot use
up, so that health checks and the admin API answer whatever services do.
"""

from __future__ import annotations

import logging
import time

from hansa import Unavailable
from waitress.task import ThreadedTaskDispatcher

from .connection import Connection
from .own_paths import ALWAYS_THERE, OWN_PREFIX
from .parser import Fault, Parser

ADMIN_THREADS = 4


class _Task:
    """One request in the threads of services."""

    __slots__ = ("connection", "pool")

    def __init__(self, connection: Connection, pool: ServicePool) -> None:
        self.connection = connection
        self.pool = pool

    def service(self) -> None:
        """Answer it, which is noted."""
        running = self.pool.running
        running[self] = time.monotonic()
        try:
            self.connection.service()
        finally:
            del running[self]

    def cancel(self) -> None:
        """Close its connection."""
        self.connection.cancel()


class ServicePool(ThreadedTaskDispatcher):  # type: ignore[misc]
    """The threads that run services; it knows since when each has been busy."""

    def __init__(self) -> None:
        super().__init__()
        self.running: dict[_Task, float] = {}

    def add_task(self, task: Connection) -> None:
        """Have a connection's request answered by the next thread that is free."""
        super().add_task(_Task(task, self))

    @property
    def stuck(self) -> float:
        """The seconds for which every thread has been busy with one request; 0.0 if one is free."""
        began = list(self.running.values())
        if not began or len(began) < len(self.threads):
            return 0.0
        return time.monotonic() - max(began)

    def take_waiting(self) -> list[Connection]:
        """Take out what waits for a thread."""
        with self.lock:
            waiting = [task.connection for task in self.queue]
            self.queue.clear()
        return waiting


class Lanes:
    """Which threads answer a request: those of services, of the admin API, or of health checks,
    which also refuse what never became a request.

    `shared` are paths of Hansa's own behind which services run: they are left to the threads of
    services.
    """

    def __init__(self, threads: int, max_queue: int) -> None:
        self.shared: set[str] = set()
        self.services = ServicePool()
        self._admin = ThreadedTaskDispatcher()
        self._health = ThreadedTaskDispatcher()
        self._max_queue = max_queue
        for pool, count in (
            (self.services, threads),
            (self._admin, ADMIN_THREADS),
            (self._health, 1),
        ):
            pool.queue_logger.setLevel(logging.ERROR)
            pool.set_thread_count(count)

    def add(self, connection: Connection) -> None:
        """Have the first request of a connection answered, or refused when too many wait."""
        request = connection.requests[0] if connection.requests else None
        pool = self._pool_of(request)
        if request is not None and request.error is None and len(pool.queue) >= self._max_queue:
            request.error = Fault(Unavailable("too many requests are waiting"))
            pool = self._health
        pool.add_task(connection)

    def _pool_of(self, request: Parser | None) -> ThreadedTaskDispatcher:
        if request is None:
            return self.services
        if request.error is not None:
            return self._health
        target = request.request_uri
        if not target.startswith(OWN_PREFIX):
            return self.services
        path = target.partition("?")[0]
        if path in ALWAYS_THERE:
            return self._health
        return self.services if path in self.shared else self._admin

    def refuse_waiting(self) -> None:
        """Refuse what waits for a thread of services; it has not begun, and may be sent again."""
        for connection in self.services.take_waiting():
            connection.requests[0].error = Fault(Unavailable("all threads are busy"))
            self._health.add_task(connection)

    def shut_down(self, seconds: float) -> None:
        """End all threads; one that is busy is waited for, at most so long."""
        for pool in (self.services, self._admin, self._health):
            pool.shutdown(timeout=seconds)
