"""A pool of connections: at most so many, each call within its own deadline, broken ones replaced, and a lost peer told to core."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from hansa import TimedOut, Unavailable

CHECK_EVERY = 10.0  # seconds between looks at idle connections
IDLE = 60.0  # seconds after which all idle connections but one are closed


class Connection(Protocol):
    """What a pool holds. `broken` is set once the network or the peer failed it; `ends`, by the pool: by when a call must be over."""

    broken: bool
    ends: float

    def open(self, timeout: float) -> None:
        """Connect within so many seconds; raises what is wrong."""

    def close(self) -> None:
        """Close what is open; more than once, also after `open` failed."""

    def abort(self) -> None:
        """Make a call that waits for the peer fail, from any thread: shut the socket down, and leave it to `close` to close it."""

    def alive(self) -> bool:
        """Whether it seems usable, without asking the peer, who may have closed it."""

    def check(self) -> None:
        """Ask the peer; raises if it does not answer."""


C = TypeVar("C", bound=Connection)


class _Place(Generic[C]):
    """One of the pool's connections: since when it is idle, or by when the call that uses it must be over."""

    def __init__(self, connection: C) -> None:
        self.connection = connection
        self.opened = self.late = self.suspect = False
        self.ends = self.since = 0.0


class Pool(Generic[C]):
    """At most `limit` connections, opened when needed and kept for the next call; safe in many threads.

    `what` names the owner in errors. `make` gives a connection that is not open yet. `timeout` are the seconds that a call may
    take in all, waiting and connecting included. `lost` is called when the peer cannot be reached: a connection cannot be opened,
    and there is no other one. When one breaks or is closed by the peer, that is tried out at once, whether or not anybody calls.
    """

    def __init__(
        self,
        what: str,
        make: Callable[[], C],
        *,
        limit: int,
        timeout: float,
        lost: Callable[[BaseException], None],
    ) -> None:
        self.what, self.make, self.limit, self.timeout, self.lost = what, make, limit, timeout, lost
        self._idle: list[_Place[C]] = []
        self._using: set[_Place[C]] = set()
        self._changed, self._wake = threading.Condition(), threading.Event()
        self._closed, self._due = True, 0.0
        self._keeper: threading.Thread | None = None
        self._probe: threading.Thread | None = None

    def start(self) -> None:
        """Open a first connection, so that a peer that is not there is known at once; raises what is wrong."""
        self._closed = False
        keeper = threading.Thread(target=self._keep, name=f"pool of {self.what}", daemon=True)
        keeper.start()
        self._keeper = keeper
        with self.use():
            pass

    def close(self) -> None:
        """Close all connections, those in use too; their calls fail."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            for place in self._using:
                place.connection.abort()
            self._changed.notify_all()
        for place in idle:
            place.connection.close()
        self._wake.set()
        for thread in (self._keeper, self._probe):
            if thread is not None:
                thread.join(1.0)  # one that is just connecting ends by itself at its deadline
        self._keeper = self._probe = None

    @contextmanager
    def use(self, timeout: float | None = None) -> Iterator[C]:
        """A connection for one call, of `timeout` seconds in all; it is kept unless it broke or was ended at the deadline.

        Raises `Unavailable` when the pool is closed, `TimedOut` at the deadline, and what opening a connection raises.
        """
        seconds = self.timeout if timeout is None else timeout
        place = self._take(time.monotonic() + seconds, seconds)
        try:
            if not place.opened:
                self._open(place)
            yield place.connection
        except Exception as error:
            if place.late:
                raise TimedOut(f"{self.what} has not answered within {seconds:g} s") from error
            raise
        finally:
            self._give_back(place)

    def _take(self, ends: float, seconds: float) -> _Place[C]:
        """The connection used last, or a place to open one in."""
        with self._changed:
            while not self._closed:
                while self._idle:
                    place = self._idle.pop()
                    if place.connection.alive():
                        return self._begin(place, ends)
                    place.connection.close()
                if len(self._using) < self.limit:
                    return self._begin(_Place(self.make()), ends)
                if time.monotonic() >= ends:
                    raise TimedOut(
                        f"{self.what}: none of {self.limit} connections was free within {seconds:g} s"
                    )
                self._changed.wait(ends - time.monotonic())
        raise Unavailable(f"{self.what} is closed")

    def _begin(self, place: _Place[C], ends: float) -> _Place[C]:
        place.ends, place.late, place.connection.ends = ends, False, ends
        self._using.add(place)
        # PERF: the keeper wakes up before this anyway in nearly all cases, and waking it costs two switches
        if ends < self._due:
            self._wake.set()
        return place

    def _open(self, place: _Place[C]) -> None:
        try:
            place.connection.open(max(0.001, place.ends - time.monotonic()))
            place.opened = True
        except Exception as error:
            place.connection.broken = True
            self._tell(error)
            raise

    def _tell(self, error: BaseException) -> None:
        with self._changed:
            alone = (
                not self._closed and not self._idle and not any(each.opened for each in self._using)
            )
        if alone:
            self.lost(error)

    def _give_back(self, place: _Place[C]) -> None:
        broken = place.connection.broken or place.late
        with self._changed:
            self._using.discard(place)
            drop = [place] if broken or place.suspect or self._closed else []
            if not drop:
                place.since = time.monotonic()
                self._idle.append(place)
            elif broken and place.opened:
                # what broke one connection has mostly broken all: none of them is used again
                for each in self._using:
                    each.suspect = True
                drop, self._idle = [place, *self._idle], []
            self._changed.notify()
        for each in drop:
            each.connection.close()
        if broken and place.opened:
            self._try_out()

    # -- looking after them --------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """End calls at their deadline, and look at idle connections every so often."""
        check = time.monotonic() + CHECK_EVERY
        while not self._closed:
            with self._changed:
                self._due = min([check, *(place.ends for place in self._using if not place.late)])
            self._wake.wait(max(0.0, self._due - time.monotonic()))
            self._wake.clear()
            now = time.monotonic()
            with self._changed:
                for place in self._using:
                    if place.ends <= now and not place.late:
                        place.late = True
                        place.connection.abort()
                if now < check:
                    continue
                check = now + CHECK_EVERY
                old = [place for place in self._idle[:-1] if now - place.since > IDLE]
                self._idle = [place for place in self._idle if place not in old]
                if not self._using:
                    self._try_out()
            for place in old:
                place.connection.close()

    def _try_out(self) -> None:
        """Ask the peer in a thread of its own; `use` does the rest if it does not answer."""
        with self._changed:
            if self._closed or (self._probe is not None and self._probe.is_alive()):
                return
            self._probe = threading.Thread(
                target=self._ask, name=f"probe of {self.what}", daemon=True
            )
            self._probe.start()

    def _ask(self) -> None:
        for last in (
            False,
            True,
        ):  # if the first was a connection from before, the second is a new one
            try:
                with self.use() as connection:
                    return connection.check()
            except Exception as error:
                if last:
                    self._tell(error)
