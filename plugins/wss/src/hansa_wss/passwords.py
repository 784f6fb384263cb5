"""Decides whether the user and password of a token are right, in constant time, and holds up those
who guess.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
from time import monotonic
from typing import Protocol

from hansa_security.credential import Credential, fingerprint
from hansa_security.tables import drop_oldest
from hansa_security.throttle import Throttle
from hansa_security.verification import LIFETIME, Verification

from .faults import CHALLENGE
from .header import UsernameToken

MOST_KNOWN = 1024
"""Maximum number of addresses that are remembered, for each definition."""


def digest_of(nonce: bytes, created: str, password: str) -> bytes:
    """Return the digest of a password (UTP 1.1.1, section 3.1): SHA-1 of nonce, time and password."""
    return hashlib.sha1(nonce + created.encode() + password.encode()).digest()


class Passwords(Protocol):
    """The right user and password of a definition."""

    def accept(self, token: UsernameToken, peer: str) -> bool:
        """Return whether a token from this address is right; raises `Refused` with `Retry-After`
        where too many were wrong.
        """


class TextPasswords:
    """Tokens with the password as text; `password` may be stored as a hash."""

    def __init__(self, username: str, password: str, throttle: Throttle) -> None:
        self._verification = Verification(
            username, Credential(password), CHALLENGE, throttle=throttle
        )
        self._verified = self._verification.verified

    def accept(self, token: UsernameToken, peer: str) -> bool:
        """Return whether the text is the password; what was right once is remembered for a while."""
        if token.is_digest:
            return False
        attempt = fingerprint(f"{token.username}\0{token.password}")
        if self._verified.get(attempt, 0.0) > monotonic():
            return True
        return self._verification.accept(attempt, token.username, token.password, peer)


class DigestPasswords:
    """Tokens with a digest of the password.

    No two digests are the same, so what is remembered of one that was right is its address: as long
    as no wrong one comes from there, others are judged without a look at the counters of failures.
    """

    def __init__(self, username: str, password: str, throttle: Throttle) -> None:
        self._username = username
        self._password = password
        self._throttle = throttle
        self._guessable = Credential(password).guessable
        self._known: dict[str, float] = {}
        # one guess after the other, so that many at the same moment are no way around
        self._judging = threading.Lock()

    def accept(self, token: UsernameToken, peer: str) -> bool:
        """Return whether the digest is that of the password."""
        if not token.is_digest:
            return False
        if not self._guessable:
            return self._is_right(token)
        if self._known.get(peer, 0.0) > monotonic():
            if self._is_right(token):
                return True
            self._known.pop(peer, None)
        with self._judging:
            return self._judge(token, peer)

    def _judge(self, token: UsernameToken, peer: str) -> bool:
        attempt = fingerprint(f"{token.created}\0{token.password}")
        standing = self._throttle.look(attempt, token.username, peer)
        standing.check(CHALLENGE)
        right = self._is_right(token)
        if right:
            self._throttle.succeed(standing)
            self._remember(peer)
        else:
            self._throttle.fail(standing).check(CHALLENGE)
        return right

    def _is_right(self, token: UsernameToken) -> bool:
        right_digest = digest_of(token.nonce, token.created, self._password)
        same_digest = hmac.compare_digest(_decoded(token.password), right_digest)
        same_user = hmac.compare_digest(token.username.encode(), self._username.encode())
        return same_user and same_digest

    def _remember(self, peer: str) -> None:
        """Note that an address has had a right digest."""
        drop_oldest(self._known, MOST_KNOWN)
        self._known[peer] = monotonic() + LIFETIME


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
