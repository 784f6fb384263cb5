"""Decides whether the user and password of a token are right, in constant time, and holds up those
who guess.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import partial
from time import monotonic
from typing import Protocol

from hansa_security.credential import Credential, fingerprint
from hansa_security.proof import ProofVerification
from hansa_security.throttle import Throttle
from hansa_security.verification import Verification

from .faults import CHALLENGE
from .header import UsernameToken


def digest_of(nonce: bytes, created: str, password: str) -> bytes:
    """Return the digest of a password (UTP 1.1.1, section 3.1): SHA-1 of nonce, time and password."""
    return hashlib.sha1(  # noqa: S324 - the specification demands it
        nonce + created.encode() + password.encode()
    ).digest()


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
    """Tokens with a digest of the password."""

    def __init__(self, username: str, password: str, throttle: Throttle) -> None:
        self._username = username
        self._password = password
        self._verification = ProofVerification(password, CHALLENGE, throttle)

    def accept(self, token: UsernameToken, peer: str) -> bool:
        """Return whether the digest is that of the password."""
        if not token.is_digest:
            return False
        attempt = fingerprint(f"{token.created}\0{token.password}")
        is_right = partial(self._is_right, token)
        return self._verification.accept(attempt, token.username, peer, is_right)

    def _is_right(self, token: UsernameToken) -> bool:
        right_digest = digest_of(token.nonce, token.created, self._password)
        same_digest = hmac.compare_digest(_decoded(token.password), right_digest)
        same_user = hmac.compare_digest(token.username.encode(), self._username.encode())
        return same_user and same_digest


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
