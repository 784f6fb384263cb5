"""The threads that answer requests: those that run services, and a reserve that services cannot use
up, so that health checks and the admin API answer whatever services do.
"""

from __future__ import annotations

import logging

from hansa import Unavailable
from waitress.task import ThreadedTaskDispatcher

from .own_paths import ALWAYS_THERE, OWN_PREFIX
from .parser import Fault
from .service_pool import ServicePool
from .serving import Target, Waiting

ADMIN_THREADS = 4


class Lanes:
    """Which threads answer a request: those of services, of the admin API, or of health checks,
    which also refuse what never became a request.

    `shared` are paths of Hansa's own behind which services run: they are left to the threads of
    services.
    """

    def __init__(self, threads: int, max_threads: int, max_queue: int) -> None:
        self.shared: set[str] = set()
        self.services = ServicePool(threads, max_threads)
        self._admin = ThreadedTaskDispatcher()
        self._health = ThreadedTaskDispatcher()
        self._max_queue = max_queue
        for pool, count in ((self._admin, ADMIN_THREADS), (self._health, 1)):
            pool.queue_logger.setLevel(logging.ERROR)
            pool.set_thread_count(count)

    def add(self, connection: Waiting) -> None:
        """Have the first request of a connection answered, or refused when too many wait."""
        request = connection.requests[0] if connection.requests else None
        pool = self._pool_of(request)
        if request is not None and request.error is None and len(pool.queue) >= self._max_queue:
            request.error = Fault(Unavailable("too many requests are waiting"))
            pool = self._health
        pool.add_task(connection)

    def _pool_of(self, request: Target | None) -> ThreadedTaskDispatcher:
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
