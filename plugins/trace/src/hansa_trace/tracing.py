"""The steps of one worker: a thread keeps once a second what calls have left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from hansa import PeriodicFlush, Server, new_cid

from .early import TraceSection
from .hop import Batch
from .odb_store import OdbStore
from .recording import Recorder, Taken
from .redis_store import RedisStore
from .store import Store

log = logging.getLogger("hansa.trace")

MOST = 2000
"""Steps of one batch."""
JOURNAL = "trace.steps"


def store_of(server: Server, section: TraceSection) -> Store:
    """Return where the steps of a cluster are: in its Redis, or where there is none in its ODB."""
    seconds = section.max_age * 3600
    client = server.bus.redis
    if client is None:
        return OdbStore(server.journal(JOURNAL), seconds, section.max_steps)
    return RedisStore(client, server.bus, seconds, section.max_steps)


class Tracing:
    """Keeps the steps of one worker with those of the cluster.

    A batch that could not be kept is tried again; steps of the meantime wait, as many as there is
    room for.
    """

    def __init__(self, server: Server, store: Store | None = None) -> None:
        self.section = server.section(TraceSection)
        self.store = store or store_of(server, self.section)
        self.recorder = Recorder()
        self._worker = server.id
        self._grace = server.grace
        self._unsent: Batch | None = None
        self._watchers: list[Callable[[Taken], None]] = []
        self._flushing = threading.Lock()
        self._flushes = PeriodicFlush(
            self.flush,
            name="hansa-trace",
            log=log,
            failing="steps of messages wait in this worker for their store",
        )

    def start(self) -> None:
        """Begin to keep steps once a second."""
        if self.section.enabled:
            self._flushes.start()

    def stop(self) -> None:
        """Keep what is left, and end; waits no longer than work gets to finish."""
        if not self._flushes.stop(self._grace):
            log.warning("the last steps of messages are lost, since their store does not answer")

    def watch(self, watcher: Callable[[Taken], None]) -> None:
        """Have another plugin learn of all steps, in the thread that keeps them, before they are
        kept; `watcher` must be quick, and not raise.
        """
        self._watchers.append(watcher)

    def flush(self) -> None:
        """Keep what calls have left, at once; raises what keeps it from being done.

        PERF: what calls leave meanwhile is for the next time: kept at once, too, it would be batches
        of a few steps without end, for which the worker and the store took 25 us of each request.
        """
        with self._flushing:
            self._send()
            for _ in range(0, self.recorder.waiting, MOST):
                self._take()
                self._send()

    def _send(self) -> None:
        if self._unsent is not None:
            self.store.add(self._unsent)
            self._unsent = None

    def _take(self) -> None:
        """Make a batch of what waits, if anything does."""
        taken = self.recorder.take(MOST)
        if taken.dropped:
            log.warning("%s steps of messages are not kept: too many wait", taken.dropped)
        if not taken.steps:
            return
        for watcher in self._watchers:
            watcher(taken)
        self._unsent = Batch(
            new_cid(), self._worker, time.time(), taken.places, taken.steps, taken.dropped
        )
