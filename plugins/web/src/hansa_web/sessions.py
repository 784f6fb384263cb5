"""Who is logged in: sessions in the memory of the process, known by the SHA-256 of their token."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TypeAlias

from .api import Access, JsonObject
from .drawn import DrawnPage

TOKEN_BYTES = 32
"""Random bytes of a session's token (256 bits) and of its token against forged requests."""
MOST_SESSIONS = 10_000
"""Sessions that are kept at once; the one that was unused for longest goes first."""
MOST_ENDED = 1000
"""Ended sessions of which is known whose they were; the first to end go first."""


SeenForm: TypeAlias = tuple[str, str, str, int]
"""Kind, type, name and revision of the definition of a form."""


@dataclass(frozen=True)
class Notice:
    """What the next page says: of a change with its `revision`, and a `secret` that is never shown
    again.
    """

    text: str
    revision: int = 0
    secret: str = ""


@dataclass
class Session:
    """One browser that is logged in: to which clusters, and how it proves itself there.

    `began` and `used` are seconds of `time.monotonic()`; `notices` are shown by the next page.
    `seen` has the settings that the last forms were shown with, `former` the user in each cluster
    whose API knows the session no more, `drawn` what the last poll was answered with.
    """

    began: float
    used: float
    form_token: str
    access: dict[str, Access] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    seen: dict[SeenForm, JsonObject] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)
    drawn: DrawnPage | None = None

    def take_notices(self) -> list[Notice]:
        """Return what the next page is to say, once."""
        notices = self.notices
        self.notices = []
        return notices


@dataclass(frozen=True)
class EndedSession:
    """What is left of a session that has ended by itself: its user in each cluster, and what tells its
    forms from others. It permits nothing.
    """

    users: dict[str, str]
    form_token: str
    seen: dict[SeenForm, JsonObject]


class Sessions:
    """All sessions; they end `idle` seconds after their last use, and `longest` seconds after their
    begin.
    """

    def __init__(self, idle: float, longest: float) -> None:
        self._idle = idle
        self._longest = longest
        self._by_digest: dict[bytes, Session] = {}
        self._ended: dict[bytes, EndedSession] = {}
        self._lock = threading.Lock()

    def begin(self, access: dict[str, Access]) -> tuple[str, Session]:
        """Begin a session; returns its token, which is kept nowhere, and the session."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now = time.monotonic()
        session = Session(now, now, secrets.token_urlsafe(TOKEN_BYTES), access)
        with self._lock:
            self._forget_ended(now)
            self._by_digest[_digest(token)] = session
        return token, session

    def find(self, token: str, *, is_use: bool = True) -> Session | None:
        """Return the session of a token; None if there is none, or it has ended."""
        now = time.monotonic()
        with self._lock:
            session = self._by_digest.get(_digest(token))
            if session is None:
                return None
            if self._has_ended(session, now):
                self._end(_digest(token))
                return None
            if is_use:
                session.used = now
            return session

    def renew(self, token: str) -> str:
        """Give a session a new token in place of its former one; returns the new one, or the former
        one of a session that has ended meanwhile.
        """
        renewed = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            session = self._by_digest.pop(_digest(token), None)
            if session is None:
                return token
            self._by_digest[_digest(renewed)] = session
        return renewed

    def find_ended(self, token: str) -> EndedSession | None:
        """Return what is known of a session that has ended by itself; None if there was none."""
        self.find(token, is_use=False)
        with self._lock:
            return self._ended.get(_digest(token))

    def end(self, token: str) -> Session | None:
        """End the session of a token; returns it if there was one."""
        with self._lock:
            return self._by_digest.pop(_digest(token), None)

    def _has_ended(self, session: Session, now: float) -> bool:
        return now - session.used > self._idle or now - session.began > self._longest

    def _forget_ended(self, now: float) -> None:
        ended = [key for key, one in self._by_digest.items() if self._has_ended(one, now)]
        for key in ended:
            self._end(key)
        if len(self._by_digest) >= MOST_SESSIONS:
            oldest = min(self._by_digest, key=lambda key: self._by_digest[key].used)
            self._end(oldest)

    def _end(self, key: bytes) -> None:
        """End a session by itself; whose it was is known for what is still posted with it."""
        session = self._by_digest.pop(key)
        users = {cluster: access.user for cluster, access in session.access.items()}
        self._ended[key] = EndedSession(users, session.form_token, session.seen)
        if len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
