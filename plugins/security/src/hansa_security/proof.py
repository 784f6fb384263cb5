"""Decide whether a proof that a caller has made with a secret is right, such as a digest or a
signature, and hold up those who guess.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from .credential import Credential
from .tables import drop_oldest
from .throttle import Throttle
from .verification import LIFETIME

MOST_KNOWN = 1024
"""Maximum number of addresses that are remembered, for each definition."""


class ProofVerification:
    """The judgement of one definition whose callers prove that they have its `secret`.

    No two proofs are the same, so what is remembered of one that was right is its address: as long
    as no wrong one comes from there, others are judged without a look at the counters of failures.
    Proofs of a long random secret are never held up, since nobody can guess it. `challenge` is the
    WWW-Authenticate header of those who are.
    """

    def __init__(self, secret: str, challenge: str, throttle: Throttle) -> None:
        self._guessable = Credential(secret).guessable
        self._challenge = challenge
        self._throttle = throttle
        self._known: dict[str, float] = {}
        # one guess after the other, so that many at the same moment are no way around
        self._judging = threading.Lock()

    def accept(self, attempt: bytes, name: str, peer: str, is_right: Callable[[], bool]) -> bool:
        """Return what `is_right` returns, which compares in constant time; raises `Refused` with
        `Retry-After` where too many proofs were wrong.

        `attempt` is the fingerprint of the proof, `name` who the caller says it is.
        """
        if not self._guessable:
            return is_right()
        if self._known.get(peer, 0.0) > monotonic():
            if is_right():
                self._throttle.forgive(attempt, name, peer)
                return True
            self._known.pop(peer, None)
        with self._judging:
            return self._judge(attempt, name, peer, is_right)

    def _judge(self, attempt: bytes, name: str, peer: str, is_right: Callable[[], bool]) -> bool:
        standing = self._throttle.look(attempt, name, peer)
        standing.check(self._challenge)
        right = is_right()
        if right:
            self._throttle.succeed(standing)
            self._remember(peer)
        else:
            self._throttle.fail(standing).check(self._challenge)
        return right

    def _remember(self, peer: str) -> None:
        """Note that an address has had a right proof."""
        drop_oldest(self._known, MOST_KNOWN)
        self._known[peer] = monotonic() + LIFETIME
