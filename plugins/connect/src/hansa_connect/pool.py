"""A pool of connections, with a deadline for each call, that reports a peer that is gone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from hansa import TimedOut, Unavailable

from .remedies import CHECK_ADDRESS, advised
from .sockets import SHORTEST

log = logging.getLogger("hansa.pool")

CHECK_EVERY = 10.0
"""Seconds between two checks of idle connections."""
IDLE = 60.0
"""Seconds after which all idle connections but one are closed."""
CLOSE_WAIT = 1.0
"""Seconds to wait for the pool's own threads when it is closed."""


class Connection(Protocol):
    """What a pool holds.

    `broken` is set, by the connection, once the network or the peer failed it. `ends` is set by the
    pool: the `time.monotonic()` by which the call must be over.
    """

    broken: bool
    ends: float

    def open(self, timeout: float) -> None:
        """Connect within so many seconds; raises what is wrong."""

    def close(self) -> None:
        """Close what is open; may be called more than once, and after `open` failed."""

    def abort(self) -> None:
        """Make a call that waits for the peer fail, from any thread.

        Shut the socket down, and leave it to `close` to close it.
        """

    def alive(self) -> bool:
        """Return whether it seems usable, without asking the peer, which may have closed it."""

    def check(self) -> None:
        """Ask the peer; raises if it does not answer."""


C = TypeVar("C", bound=Connection)


class _Slot(Generic[C]):
    """One of the pool's connections: idle since a moment, or in use until its deadline."""

    def __init__(self, connection: C) -> None:
        self.connection = connection
        self.opened = False
        self.overdue = False
        self.suspect = False
        self.ends = 0.0
        self.idle_since = 0.0


class Pool(Generic[C]):
    """At most `limit` connections, opened when needed and kept for the next call.

    Safe in many threads. `what` names the owner in errors. `make` returns a connection that is not
    open yet. `timeout` is the time limit of a call in seconds, waiting and connecting included.
    `lost` is called when the peer cannot be reached: a connection cannot be opened, and there is no
    other one. When one breaks or is closed by the peer, that is tried at once, whether or not
    anybody calls. `silence` is what errors advise when a peer does not answer to be connected to.
    """

    def __init__(
        self,
        what: str,
        make: Callable[[], C],
        *,
        limit: int,
        timeout: float,
        lost: Callable[[BaseException], None],
        silence: str = CHECK_ADDRESS,
    ) -> None:
        self.what = what
        self.make = make
        self.limit = limit
        self.timeout = timeout
        self.lost = lost
        self.silence = silence
        self._idle: list[_Slot[C]] = []
        self._using: set[_Slot[C]] = set()
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._closed = True
        self._due = 0.0
        self._keeper: threading.Thread | None = None
        self._probe: threading.Thread | None = None

    def start(self) -> None:
        """Open a first connection, so that a peer that is not there is known at once.

        Raises what is wrong.
        """
        self._closed = False
        keeper = threading.Thread(target=self._keep, name=f"pool of {self.what}", daemon=True)
        keeper.start()
        self._keeper = keeper
        with self.use():
            pass

    def close(self) -> None:
        """Close all connections; calls that use one fail."""
        with self._changed:
            self._closed = True
            idle = self._idle
            self._idle = []
            for slot in self._using:
                slot.connection.abort()
            self._changed.notify_all()
        for slot in idle:
            slot.connection.close()
        self._wake.set()
        for thread in (self._keeper, self._probe):
            if thread is not None:
                # one that is just connecting ends by itself at its deadline
                thread.join(CLOSE_WAIT)
        self._keeper = None
        self._probe = None

    @contextmanager
    def use(self, timeout: float | None = None) -> Iterator[C]:
        """Lend a connection to one call of `timeout` seconds.

        It is kept unless it broke or missed the deadline. Raises `Unavailable` when the pool is
        closed, `TimedOut` at the deadline, and what opening a connection raises.
        """
        seconds = self.timeout if timeout is None else timeout
        slot = self._take(time.monotonic() + seconds, seconds)
        try:
            if not slot.opened:
                self._open(slot)
            yield slot.connection
        except Exception as error:
            # a library's own time limit may end the call just before the keeper does
            self._end_overdue(time.monotonic())
            if slot.overdue:
                fault = f"{self.what} has not answered within {seconds:g} s"
                remedy = "" if slot.opened else self.silence
                raise TimedOut(advised(fault, remedy)) from error
            raise
        finally:
            self._give_back(slot)

    def _take(self, ends: float, seconds: float) -> _Slot[C]:
        """Return the connection used last, or a slot to open one in."""
        with self._changed:
            while not self._closed:
                while self._idle:
                    slot = self._idle.pop()
                    if slot.connection.alive():
                        return self._begin(slot, ends)
                    slot.connection.close()
                if len(self._using) < self.limit:
                    return self._begin(_Slot(self.make()), ends)
                if time.monotonic() >= ends:
                    raise TimedOut(
                        f"{self.what}: none of {self.limit} connections was free"
                        f" within {seconds:g} s"
                    )
                self._changed.wait(ends - time.monotonic())
        raise Unavailable(f"{self.what} is closed")

    def _begin(self, slot: _Slot[C], ends: float) -> _Slot[C]:
        slot.ends = ends
        slot.overdue = False
        slot.connection.ends = ends
        self._using.add(slot)
        # the keeper nearly always looks again before this deadline anyway, and need not be woken
        if ends < self._due:
            self._wake.set()
        return slot

    def _open(self, slot: _Slot[C]) -> None:
        try:
            slot.connection.open(max(SHORTEST, slot.ends - time.monotonic()))
            slot.opened = True
        except Exception as error:
            slot.connection.broken = True
            self._report(error)
            raise

    def _report(self, error: BaseException) -> None:
        """Call `lost`, unless another connection still works or the pool is closed."""
        with self._changed:
            in_use = any(slot.opened for slot in self._using)
            alone = not self._closed and not self._idle and not in_use
        if alone:
            self.lost(error)

    def _give_back(self, slot: _Slot[C]) -> None:
        broken = slot.connection.broken or slot.overdue
        broke_in_use = broken and slot.opened
        dropped: list[_Slot[C]] = []
        with self._changed:
            self._using.discard(slot)
            if broken or slot.suspect or self._closed:
                dropped.append(slot)
            else:
                slot.idle_since = time.monotonic()
                self._idle.append(slot)
            if broke_in_use:
                # what broke one connection has mostly broken all: none of them is used again
                for other in self._using:
                    other.suspect = True
                dropped += self._idle
                self._idle = []
            self._changed.notify()
        for each in dropped:
            each.connection.close()
        if broke_in_use:
            self._probe_peer()

    # -- the pool's own threads --------------------------------------------------------------------

    def _keep(self) -> None:
        """End calls at their deadline, and look after idle connections every 10 seconds."""
        check = time.monotonic() + CHECK_EVERY
        while not self._closed:
            with self._changed:
                deadlines = [slot.ends for slot in self._using if not slot.overdue]
                self._due = min([check, *deadlines])
            self._wake.wait(max(0.0, self._due - time.monotonic()))
            self._wake.clear()
            now = time.monotonic()
            self._end_overdue(now)
            if now >= check:
                check = now + CHECK_EVERY
                self._look_after_idle(now)

    def _end_overdue(self, now: float) -> None:
        with self._changed:
            for slot in self._using:
                if slot.ends <= now and not slot.overdue:
                    slot.overdue = True
                    slot.connection.abort()

    def _look_after_idle(self, now: float) -> None:
        with self._changed:
            old = [slot for slot in self._idle[:-1] if now - slot.idle_since > IDLE]
            self._idle = [slot for slot in self._idle if slot not in old]
            unused = not self._using
        if unused:
            self._probe_peer()
        for slot in old:
            slot.connection.close()

    def _probe_peer(self) -> None:
        """Ask the peer, in a thread of its own, unless that is being done.

        `use` does the rest if it does not answer.
        """
        with self._changed:
            if self._closed or (self._probe is not None and self._probe.is_alive()):
                return
            name = f"probe of {self.what}"
            self._probe = threading.Thread(target=self._ask_peer, name=name, daemon=True)
            self._probe.start()

    def _ask_peer(self) -> None:
        try:
            self._check_one()
            return
        except Exception as error:
            # it may have been a connection from before, so a new one has to tell
            log.debug("%s: a kept connection does not answer: %s", self.what, error)
        try:
            self._check_one()
        except Exception as error:
            self._report(error)

    def _check_one(self) -> None:
        with self.use() as connection:
            connection.check()
