"""The statistics of one worker: a thread counts once a second what calls have left, and adds it to
those of the cluster.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from hansa import PeriodicFlush, Server, new_cid

from .history import History
from .odb_store import OdbStore
from .recording import Recorder
from .redis_store import RedisStore
from .slots import MINUTE, slot_at
from .store import Batch, Store
from .tally import Table, merge_tables

log = logging.getLogger("hansa.stats")


def store_of(server: Server) -> Store:
    """Return where the tallies of a cluster are: in its Redis, or where there is none in its ODB."""
    client = server.bus.redis
    return OdbStore(server.journal) if client is None else RedisStore(client, server.bus)


class Statistics:
    """Counts the calls of one worker, and adds them to those of the cluster.

    A batch that could not be added is added again, as the same one: it is counted once even if only
    the answer was lost. Calls of the meantime are in the next one.
    """

    def __init__(self, server: Server, store: Store | None = None) -> None:
        self.recorder = Recorder()
        self.history = History(store or store_of(server))
        self._writer = f"{server.id} {new_cid()}"
        self._grace = server.grace
        self._number = 0
        self._unsent: Batch | None = None
        self._waiting: Table = {}
        self._watchers: list[Callable[[Table], None]] = []
        self._rolled_at = 0
        self._flushing = threading.Lock()
        self._flushes = PeriodicFlush(
            self.flush,
            name="hansa-stats",
            log=log,
            failing="statistics wait in this worker until they can be stored",
            then=self._try_to_roll_up,
        )

    def start(self) -> None:
        """Begin to count once a second."""
        self._flushes.start()

    def stop(self) -> None:
        """Add what is left, and end; waits no longer than work gets to finish."""
        if not self._flushes.stop(self._grace):
            log.warning("the last statistics are lost, since their store does not answer")

    def watch(self, watcher: Callable[[Table], None]) -> None:
        """Have another plugin learn of what is counted, in the thread that counts, whether it can be
        stored or not; `watcher` must be quick, not raise, and not keep the tallies.
        """
        self._watchers.append(watcher)

    def flush(self) -> None:
        """Add what calls have left to the statistics of the cluster, at once; raises what keeps it
        from being done.
        """
        with self._flushing:
            counted = self.recorder.take()
            for watcher in self._watchers:
                watcher(counted)
            merge_tables(self._waiting, counted)
            self._send()
            if self._waiting:
                self._number += 1
                minute = slot_at(MINUTE, self.history.clock())
                self._unsent = Batch(minute, self._writer, self._number, self._waiting)
                self._waiting = {}
                self._send()

    def _send(self) -> None:
        batch = self._unsent
        if batch is None:
            return
        if batch.minute.number <= self.history.closed_minute():
            now = slot_at(MINUTE, self.history.clock())
            batch = self._unsent = Batch(now, batch.writer, batch.number, batch.table)
        self.history.store.add(batch)
        self._unsent = None

    def _try_to_roll_up(self) -> None:
        """Put closed minutes together, once a minute, unless their store is away."""
        closed = self.history.closed_minute()
        if self._flushes.is_failing or closed == self._rolled_at:
            return
        self._rolled_at = closed
        try:
            self.history.roll_up()
        except Exception as error:
            log.warning("statistics of hours and days will be put together later: %s", error)
