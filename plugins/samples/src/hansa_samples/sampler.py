"""What keeps the samples of one worker: a bounded queue, and a thread that masks and stores what is
in it, so that no request waits for either.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass

from hansa import PeriodicFlush, Request, Response, Server

from .exchange import Exchange, exchange_of
from .index import DAY, Changed, Index, Offer, added
from .masking import sample_of
from .origin import ChannelSections, Origin
from .sample import Why
from .settings import SamplesSection
from .store import Store, store_of
from .switchboard import Rule, Switchboard

log = logging.getLogger("hansa.samples")

PRUNE_EVERY = 3600.0
"""Seconds between looks for samples that are too old."""
MOST_WAITING = 200
"""Samples that wait in a worker; of those that are one in so many, half as many."""
MOST_BYTES = 8_000_000
"""Bytes that wait in a worker."""
TOLD_EVERY = 60.0
"""Seconds between two log lines of samples that were dropped."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that is to be kept."""

    exchange: Exchange
    service: str
    origin: Origin
    rule: Rule


class Sampler:
    """Keeps samples of the calls of one worker."""

    def __init__(self, server: Server, store: Store | None = None) -> None:
        self.switchboard = Switchboard()
        self.sections = ChannelSections()
        self.store = store or store_of(server)
        self._bounds = server.section(SamplesSection)
        self._worker = server.id
        self._grace = server.grace
        self._queue: deque[Waiting] = deque()
        self._queued_bytes = 0
        self._dropped: Counter[str] = Counter()
        self._queueing = threading.Lock()
        self._offers: list[Offer] = []
        self._flushing = threading.Lock()
        self._told_at = float("-inf")
        self._untold = 0
        self._pruned_at = time.monotonic()
        self._flushes = PeriodicFlush(
            self.flush,
            name="hansa-samples",
            log=log,
            failing="samples wait in this worker until they can be stored",
            then=self._try_to_prune,
        )

    def start(self) -> None:
        """Begin to store samples once a second."""
        self._flushes.start()

    def stop(self) -> None:
        """Store what is left, and end; waits no longer than work gets to finish."""
        is_answering = self._flushes.stop(self._grace)
        while is_answering and self.waiting:
            is_answering = self._flushes.attempt()
        if not is_answering:
            log.warning("the last samples are lost, since their store does not answer")

    def keep(
        self,
        rule: Rule,
        why: Why,
        request: Request,
        ended: Response | BaseException,
        nanoseconds: int,
        *,
        service: str,
        origin: Origin,
    ) -> None:
        """Have a call kept, unless too many wait; never raises."""
        if not self._has_room(why):
            self._dropped[service] += 1
            return
        try:
            ms = nanoseconds / 1e6
            exchange = exchange_of(
                request,
                ended,
                at=time.time() - ms / 1000,
                ms=ms,
                why=why,
                limit=rule.settings.max_body,
            )
        except Exception:
            log.exception("a sample of service %s cannot be taken", service)
            return
        with self._queueing:
            self._queue.append(Waiting(exchange, service, origin, rule))
            self._queued_bytes += exchange.size

    def _has_room(self, why: Why) -> bool:
        """Whether a sample may wait; slow requests and errors have room where others have not."""
        most = MOST_WAITING // 2 if why == "every" else MOST_WAITING
        return len(self._queue) < most and self._queued_bytes < MOST_BYTES

    @property
    def waiting(self) -> int:
        """The number of samples that are not stored yet."""
        return len(self._queue) + len(self._offers)

    def flush(self) -> None:
        """Mask and store the oldest of what waits, as many as the store takes at once; raises what
        keeps them from being stored.
        """
        with self._flushing:
            self._mask()
            dropped = self._take_dropped()
            if not self._offers and not dropped:
                return
            try:
                self._store(self._offers, dropped)
            except BaseException:
                self._dropped.update(dropped)
                raise
            self._offers = []

    def prune(self) -> None:
        """Take out the samples that are too old."""
        index = self.store.index()
        oldest = time.time() - self._bounds.max_age * DAY
        if index.heads and index.heads[0].at < oldest:
            self._store([], {})

    def _store(self, offers: list[Offer], dropped: dict[str, int]) -> None:
        def change(index: Index) -> Changed:
            return added(index, offers, dropped, self._bounds, time.time())

        self.store.change(change)

    def _mask(self) -> None:
        """Mask as much of what waits as is stored at once."""
        for one in self._next(self.store.most_at_once - len(self._offers)):
            try:
                rules = one.origin.rules(one.rule.settings.masks)
                sample = sample_of(one.exchange, one.service, self._worker, rules)
            except Exception:
                log.exception(
                    "a sample of service %s cannot be masked, and is not kept", one.service
                )
                continue
            self._offers.append(Offer(sample, one.rule.settings.keep))

    def _next(self, number: int) -> list[Waiting]:
        """Take the oldest of what waits."""
        with self._queueing:
            taken = [self._queue.popleft() for _ in range(min(number, len(self._queue)))]
            self._queued_bytes -= sum(one.exchange.size for one in taken)
        return taken

    def _take_dropped(self) -> dict[str, int]:
        """Return how many were dropped since this was last called, and say so in the log."""
        counts = {service: self._dropped.pop(service) for service in list(self._dropped)}
        self._untold += sum(counts.values())
        if self._untold and time.monotonic() >= self._told_at + TOLD_EVERY:
            log.warning("%d samples were dropped, since more were to be kept", self._untold)
            self._told_at = time.monotonic()
            self._untold = 0
        return counts

    def _try_to_prune(self) -> None:
        if time.monotonic() < self._pruned_at + PRUNE_EVERY:
            return
        self._pruned_at = time.monotonic()
        try:
            self.prune()
        except Exception as error:
            log.warning("old samples are kept, and removed later: %s", error)
