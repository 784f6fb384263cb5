"""Decide whether presented credentials are right, remember for a while that they are, and hold up
those who guess.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

from hansa import Refused

from .credential import AnyCredential, Credential, fingerprint, turn
from .throttle import Throttle, failures

LIFETIME = 300.0
"""Seconds for which right credentials are remembered, and wrong ones too; both are forgotten with
the definition.
"""


class Principal(str):
    """Who called: the user's name, as text, and the security definition that vouches for it."""

    __slots__ = ("definition",)
    definition: str

    def __new__(cls, name: str, definition: str) -> Principal:
        """Make the principal `name`, never empty."""
        self = super().__new__(cls, name)
        object.__setattr__(self, "definition", definition)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a principal is what it was made as."""
        raise AttributeError(f"a principal cannot be changed ({name})")

    def __reduce__(self) -> tuple[type[Principal], tuple[str, str]]:
        """Let it be copied."""
        return Principal, (str(self), self.definition)

    @property
    def name(self) -> str:
        """The user's name."""
        return str(self)


class Verification:
    """The judgement of one definition: its user, its credential, and what it has verified so far.

    `challenge` is the WWW-Authenticate header of those who are held up. `verified` maps the
    fingerprint of what was presented to the time until which no second look is needed; callers read
    it themselves. PERF: that is the whole cost of a request by somebody known, about a microsecond.
    """

    def __init__(
        self,
        user: str,
        credential: Credential | AnyCredential,
        challenge: str = "",
        *,
        throttle: Throttle = failures,
        clock: Callable[[], float] = time.monotonic,
        size: int = 1024,
    ) -> None:
        self.verified: dict[bytes, float] = {}
        self._refused: dict[bytes, float] = {}
        self._user = fingerprint(user)
        self._credential = credential
        self._challenge = challenge
        self._throttle = throttle
        self._clock = clock
        self._size = size

    def accept(self, attempt: bytes, user: str, presented: str, peer: str) -> bool:
        """Whether this user with this password or key is the right one; `attempt` is the
        fingerprint of the whole.

        A wrong user costs what a wrong password costs. Raises `Refused` with `Retry-After` when
        this user or address has failed too often, `Unavailable` when too many are being verified.
        What was right once is never held up by others' failures.
        """
        now = self._clock()
        if self._refused.get(attempt, 0.0) > now:
            return False
        who = fingerprint(user)
        counts = self._credential.guessable and attempt not in self.verified
        if counts:
            self._hold_up(self._throttle.wait(who, peer))
        if not self._credential.slow:
            return self._judge(attempt, who, presented, peer, counts)
        with turn:
            # while this one waited, the same credentials may have been verified for another request
            if self.verified.get(attempt, 0.0) > self._clock():
                return True
            return self._judge(attempt, who, presented, peer, counts)

    def _judge(self, attempt: bytes, who: bytes, presented: str, peer: str, counts: bool) -> bool:
        if counts:
            self._hold_up(self._throttle.count(attempt, who, peer))
        right_secret = self._credential.matches(presented)
        right = hmac.compare_digest(who, self._user) and right_secret
        if right and counts:
            self._throttle.forgive(attempt, who, peer)
        self._remember(self.verified if right else self._refused, attempt)
        return right

    def _remember(self, table: dict[bytes, float], attempt: bytes) -> None:
        while len(table) >= self._size:
            try:
                del table[next(iter(table))]
            except (KeyError, RuntimeError, StopIteration):
                continue  # another thread makes room at this moment
        table[attempt] = self._clock() + LIFETIME

    def _hold_up(self, seconds: float) -> None:
        if seconds > 0:
            refused = Refused("too many failed attempts; try again later", self._challenge)
            refused.headers["Retry-After"] = str(int(seconds) + 1)
            raise refused
