"""The sessions of the cluster, as one worker knows them."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hansa import Journal, Unavailable
from hansa_security.cells import Limit, LocalCells, Step
from hansa_security.tables import drop_oldest
from hansa_security.throttle import network_of

from .session import Session, digest_of, new_token, refused
from .session_events import AnyEvent, Begun, Ended, Used, event_in, text_of

log = logging.getLogger("hansa.roles")

JOURNAL = "sessions"
LOOK = 1.0
"""Seconds after which a worker looks for what others have written down, when a session is used."""
PAGE = 1000
UNKNOWN = Limit(20, 6.0)
"""Tokens of one address that are not known, for each of which a worker looks into the journal: beyond
it, such tokens are judged by what others have it look for, once a second.
"""
MOST_UNKNOWN = 10_000
"""Tokens that are remembered not to be those of any session."""
PER_USER = 50
"""Maximum number of sessions of one user; one more ends the one that was unused for longest."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds after which a session ends: unused, and in any case; and after which its user has to
    prove again who it is, before what is final.
    """

    idle: float
    maximum: float
    confirm_after: float

    @property
    def noted_every(self) -> float:
        """Seconds between two uses that are written down."""
        return min(60.0, self.idle / 10)


@dataclass(slots=True)
class LiveSession:
    """A session that has not ended: when it was used last, and when a use was written down last.

    `number` is that of the record by which it began.
    """

    session: Session
    number: int
    used: float
    noted: float


class Sessions:
    """Begins, finds and ends sessions. Reads what other workers write down once a second at most,
    and when a token is not known, which an address may ask for so many times and no more.

    While the operational database (ODB) cannot be reached, sessions that are known go on.
    """

    def __init__(
        self,
        journal: Callable[[], Journal],
        lifetimes: Lifetimes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lifetimes = lifetimes
        self.clock = clock
        self._journal = journal
        self._live: dict[str, LiveSession] = {}
        self._read_through = 0
        self._look_at = 0.0
        self._lock = threading.RLock()
        self._unknown: dict[str, float] = {}
        self._cells = LocalCells(clock=clock)

    def begin(self, make: Callable[[str], Session]) -> tuple[str, Session]:
        """Begin the session that `make` returns for a new token; returns both. Raises `Unavailable`
        if it cannot be stored.
        """
        token = new_token()
        session = make(token)
        with self._lock:
            self._read()
            self._drop_expired()
            own = [one for one in self._live.values() if _is_same_user(one.session, session)]
            if len(own) >= PER_USER:
                self.end(min(own, key=lambda one: one.used).session.digest)
            self._write(Begun.of(session), drop_through=self._needed_from() - 1)
            self._read()
        return token, session

    def find(self, token: str, peer: str = "") -> LiveSession | None:
        """Return the session of a token that comes from an address; None if there is none any more.

        Raises `Unavailable` if nobody knows, and `Refused` with `Retry-After` if it is not known and
        the address has sent too many such tokens.
        """
        digest = digest_of(token)
        with self._lock:
            if digest in self._unknown:
                return None
            if digest not in self._live:
                self._look_for(digest, peer)
            elif self.clock() >= self._look_at:
                self._read_if_possible()
            found = self._live.get(digest)
            if found is None or self._is_over(found):
                return None
            return found

    def _look_for(self, digest: str, peer: str) -> None:
        """Read what others have written down, and count a token that is not among it; a token that
        was nobody's once is never anybody's, since a session is written down before its token is
        handed out.
        """
        counted = f"unknown:{network_of(peer, 64)}"
        (wait,) = self._cells.apply([Step(counted, UNKNOWN)])
        if wait and self.clock() < self._look_at:
            refusal = refused()
            refusal.headers["Retry-After"] = str(math.ceil(LOOK))
            raise refusal
        self._read()
        if digest not in self._live:
            drop_oldest(self._unknown, MOST_UNKNOWN)
            self._unknown[digest] = self.clock()
            self._cells.apply([Step(counted, UNKNOWN, 1)])

    def known(self, digest: str) -> LiveSession | None:
        """Return the session of the digest of a token, if this worker knows it."""
        return self._live.get(digest)

    def use(self, live: LiveSession) -> None:
        """Note that a session is used now; written down now and then."""
        now = self.clock()
        with self._lock:
            live.used = max(live.used, now)
            if now - live.noted < self.lifetimes.noted_every:
                return
            live.noted = now
        try:
            self._write(Used(digest=live.session.digest, at=now))
        except Unavailable as error:
            log.warning("the use of a session could not be written down: %s", error)

    def end(self, digest: str) -> bool:
        """End a session in the whole cluster; returns whether it was there; raises `Unavailable`."""
        with self._lock:
            self._read()
            if digest not in self._live:
                return False
            self._write(Ended(digest=digest, at=self.clock()))
            self._live.pop(digest, None)
            return True

    def all(self) -> list[LiveSession]:
        """Return the sessions that have not ended, the newest first; raises `Unavailable`."""
        with self._lock:
            self._read()
            self._drop_expired()
            return sorted(self._live.values(), key=lambda one: -one.session.began)

    def ends(self, session: Session) -> float:
        """Return when a session ends in any case, in seconds of the Unix epoch."""
        return session.began + self.lifetimes.maximum

    def confirmed_until(self, session: Session) -> float:
        """Return until when a session may do what is final, in seconds of the Unix epoch."""
        return session.began + self.lifetimes.confirm_after

    def is_confirmed(self, digest: str) -> bool:
        """Whether the user of a session proved lately who it is."""
        live = self.known(digest)
        return live is not None and self.clock() < self.confirmed_until(live.session)

    def _is_over(self, live: LiveSession) -> bool:
        now = self.clock()
        return now >= self.ends(live.session) or now >= live.used + self.lifetimes.idle

    def _drop_expired(self) -> None:
        for digest in [key for key, live in self._live.items() if self._is_over(live)]:
            del self._live[digest]

    def _needed_from(self) -> int:
        """Return the number of the oldest record that is still needed."""
        return min((one.number for one in self._live.values()), default=self._read_through + 1)

    # -- the journal -------------------------------------------------------------------------------

    def _write(self, event: AnyEvent, *, drop_through: int = 0) -> None:
        text = text_of(event)
        self._journal().append(lambda number, last: text, drop_through=max(0, drop_through))

    def _read_if_possible(self) -> None:
        try:
            self._read()
        except Unavailable as error:
            self._look_at = self.clock() + LOOK
            log.warning("whether sessions have ended elsewhere is not known: %s", error)

    def _read(self) -> None:
        """Take in what was written down since the last look."""
        journal = self._journal()
        while page := journal.read(after=self._read_through, limit=PAGE):
            for record in page:
                event = event_in(record.text)
                if event is not None:
                    self._take(event, record.number)
            self._read_through = page[-1].number
        self._look_at = self.clock() + LOOK

    def _take(self, event: AnyEvent, number: int) -> None:
        if isinstance(event, Begun):
            self._live[event.digest] = LiveSession(event.session(), number, event.at, event.at)
            return
        live = self._live.get(event.digest)
        if live is None:
            return
        if isinstance(event, Ended):
            del self._live[event.digest]
        else:
            live.used = max(live.used, event.at)
            live.noted = max(live.noted, event.at)


def _is_same_user(one: Session, other: Session) -> bool:
    return one.principal.definition == other.principal.definition and (
        one.principal == other.principal
    )
