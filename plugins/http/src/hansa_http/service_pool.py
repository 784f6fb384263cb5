"""The threads that run services: as many as calls need that wait for others, within two bounds."""

from __future__ import annotations

import logging
import time

from waitress.task import ThreadedTaskDispatcher

from .core_load import BUSY, WINDOW, CoreLoad
from .serving import Waiting

AT_ONCE = 16
"""Threads that are started at most before connections are looked after again."""
KEEP = 30.0
"""Seconds for which threads must not have been needed before they end."""
RESTING = 1.0


class _Task:
    """One request in the threads of services."""

    __slots__ = ("connection", "pool")

    def __init__(self, connection: Waiting, pool: ServicePool) -> None:
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
    """At least `least` threads, and up to `most` while requests stand in line because calls wait;
    it knows since when each has been busy.

    What calls a service wait for, such as a back end, needs no processor, and the next request can
    run meanwhile. Where they compute instead, a thread more would only take from the others.
    """

    def __init__(self, least: int, most: int) -> None:
        super().__init__()
        self.running: dict[_Task, float] = {}
        self._least = least
        self._most = max(least, most)
        self._load = CoreLoad()
        self._standing_since: float | None = None
        self._unneeded = 0
        self._unneeded_since = time.monotonic()
        self.queue_logger.setLevel(logging.ERROR)
        self.set_thread_count(least)

    @property
    def size(self) -> int:
        """The number of threads."""
        found: int = len(self.threads) - self.stop_count
        return found

    @property
    def is_largest(self) -> bool:
        """Whether it may have no thread more."""
        return self.size >= self._most

    def add_task(self, task: Waiting) -> None:
        """Have a connection's request answered by the next thread that is free."""
        super().add_task(_Task(task, self))

    def adapt(self) -> float:
        """Start threads for requests that stand in line while calls wait, and end those that were
        not needed for long; returns the seconds after which this is to be called again.
        """
        now = time.monotonic()
        idle = self.size - self.active_count
        standing = len(self.queue) - idle
        self._note_unneeded(idle, now)
        if standing <= 0:
            self._standing_since = None
        elif self._standing_since is None:
            self._standing_since = now
        if standing <= 0 or self.is_largest:
            self._load.forget()
            return RESTING
        load = self._load.measure()
        if load is not None and load < BUSY:
            self.set_thread_count(min(self._most, self.size + min(standing, AT_ONCE)))
        return WINDOW

    def _note_unneeded(self, idle: int, now: float) -> None:
        """End the threads that stayed idle all the time for which threads are kept."""
        self._unneeded = min(self._unneeded, idle)
        if now - self._unneeded_since < KEEP:
            return
        if self._unneeded > 0 and self.size > self._least:
            self.set_thread_count(max(self._least, self.size - self._unneeded))
        self._unneeded = self.size
        self._unneeded_since = now

    @property
    def stuck(self) -> float:
        """The seconds for which every thread has been busy with one request and no other could be
        started, because there may be no more of them, or because calls that compute keep requests
        in line; 0.0 if a thread is free, or one may be started for the next request.
        """
        began = list(self.running.values())
        if not began or len(began) < len(self.threads):
            return 0.0
        since = max(began)
        if not self.is_largest:
            standing_since = self._standing_since
            if standing_since is None:
                return 0.0
            since = max(since, standing_since)
        return time.monotonic() - since

    def take_waiting(self) -> list[Waiting]:
        """Take out what waits for a thread."""
        with self.lock:
            waiting = [task.connection for task in self.queue]
            self.queue.clear()
        return waiting
