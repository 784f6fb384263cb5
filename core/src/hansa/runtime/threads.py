"""Which threads the start of an object has begun, so that those which its `stop` leaves running are
named in the log.

Only `Thread.start` looks whose start it is in: nothing here is on the request path.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from collections.abc import Iterator

from ..contract.kinds import Definition
from ..foundation.origins import on_thread_start

log = logging.getLogger("hansa.objects")

PATIENCE = 2.0
"""Seconds that threads may go on for after `stop` has returned."""


class ThreadOwners:
    """The objects of this process whose start has begun threads, and these threads' own.

    `patience` is in seconds.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._starting = threading.local()
        self._owners: weakref.WeakKeyDictionary[threading.Thread, weakref.ref[Definition]]
        self._owners = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def install(self) -> None:
        """Note every thread that is started from now on in this process."""
        on_thread_start(self._note)

    def _note(self, thread: threading.Thread) -> None:
        owner = getattr(self._starting, "owner", None)
        if owner is None:
            # one that a thread of an object starts is the object's, too
            owner = self._owners.get(threading.current_thread())
        if owner is not None:
            with self._lock:
                self._owners[thread] = owner

    @contextlib.contextmanager
    def starting(self, owner: Definition) -> Iterator[None]:
        """Count the threads that this thread starts in this block as those of an object."""
        self._starting.owner = weakref.ref(owner)
        try:
            yield
        finally:
            self._starting.owner = None

    def report_left(self, stopped: Definition) -> None:
        """Log the threads of an object that has been stopped if they go on for too long."""
        left = self._alive(stopped)
        if left:
            label = f"{stopped.kind} {stopped.type} {stopped.name!r}"
            timer = threading.Timer(self._patience, self._report, (label, left))
            timer.daemon = True
            timer.start()

    def _alive(self, owner: Definition) -> list[threading.Thread]:
        with self._lock:
            return [
                thread
                for thread, reference in self._owners.items()
                if reference() is owner and thread.is_alive()
            ]

    def _report(self, label: str, threads: list[threading.Thread]) -> None:
        names = [thread.name for thread in threads if thread.is_alive()]
        if names:
            log.warning(
                "%s was stopped and left %s of its threads running: %s",
                label,
                len(names),
                ", ".join(names),
            )


owners = ThreadOwners()
"""Those of this process; a worker has them installed."""
