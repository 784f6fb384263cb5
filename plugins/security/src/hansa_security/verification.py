"""Decide whether presented credentials are right, remember for a while that they are, and hold up
those who guess.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable

from .credential import AnyCredential, Credential, fingerprint, turn
from .tables import drop_oldest
from .throttle import Throttle

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

    `name` is what failures are counted by where callers present no user. `challenge` is the
    WWW-Authenticate header of those who are held up. `verified` maps the fingerprint of what was
    presented to the time until which no second look is needed; callers read it themselves. PERF:
    that is the whole cost of a request by somebody known, about a microsecond.
    """

    def __init__(
        self,
        user: str,
        credential: Credential | AnyCredential,
        challenge: str = "",
        *,
        throttle: Throttle,
        name: str = "",
        clock: Callable[[], float] = time.monotonic,
        size: int = 1024,
    ) -> None:
        self.verified: dict[bytes, float] = {}
        self._refused: dict[bytes, float] = {}
        self._user = fingerprint(user)
        self._credential = credential
        self._challenge = challenge
        self._name = name
        # one guess after the other, so that many at the same moment are no way around
        self._judging = threading.Lock()
        self._throttle = throttle
        self._clock = clock
        self._size = size

    def accept(self, attempt: bytes, user: str, presented: str, peer: str) -> bool:
        """Whether this user with this password or key is the right one; `attempt` is the
        fingerprint of the whole.

        A wrong user costs what a wrong password costs. Raises `Refused` with `Retry-After` when
        this user or address has failed too often, `Unavailable` when too many are being verified.
        What was right once is never held up by others' failures, and a long random key that is
        right never is.
        """
        now = self._clock()
        if self._refused.get(attempt, 0.0) > now:
            return False
        if not self._credential.guessable:
            return self._judge(attempt, user, presented, peer)
        if not self._credential.slow:
            with self._judging:
                return self._judge(attempt, user, presented, peer)
        if self._can_be_held_up(attempt):
            self._throttle.look(attempt, user or self._name, peer).check(self._challenge)
        with turn:
            # while this one waited, the same credentials may have been verified for another request
            if self.verified.get(attempt, 0.0) > self._clock():
                return True
            return self._judge(attempt, user, presented, peer)

    def _judge(self, attempt: bytes, user: str, presented: str, peer: str) -> bool:
        standing = self._throttle.look(attempt, user or self._name, peer)
        if self._can_be_held_up(attempt):
            standing.check(self._challenge)
        right_secret = self._credential.matches(presented)
        right = hmac.compare_digest(fingerprint(user), self._user) and right_secret
        if right:
            self._throttle.succeed(standing)
            self._remember(self.verified, attempt)
        else:
            standing.check(self._challenge)
            self._throttle.fail(standing).check(self._challenge)
            self._remember(self._refused, attempt)
        return right

    def _can_be_held_up(self, attempt: bytes) -> bool:
        """Whether an attempt may be refused without being judged: to judge it would help those who
        guess.
        """
        return self._credential.guessable and attempt not in self.verified

    def _remember(self, table: dict[bytes, float], attempt: bytes) -> None:
        drop_oldest(table, self._size)
        table[attempt] = self._clock() + LIFETIME
