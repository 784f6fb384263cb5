"""A stored credential: how a password or key is kept, and how what a caller presents is compared
with it.

Four forms are distinguished by how the stored text begins: an argon2id hash (passwords), `sha256$`
and 64 hexadecimal digits (long random keys, which nobody can guess, so that a fast hash is enough),
a hash by PBKDF2 that another program has made, and clear text (credentials that also sign outgoing
calls, and those that come from a file or the environment).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
from collections.abc import Iterable

import argon2
from argon2.low_level import Type
from hansa import Misused, Secret, Unavailable

from .pbkdf2 import fault_of_cost, is_pbkdf2, verify

# 19 MiB, two passes, one lane: OWASP Password Storage Cheat Sheet, argon2id.
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_SHA256 = re.compile(r"sha256\$[0-9a-f]{64}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# Each verification takes a core for some 30 ms and 19 MiB, so that more at once would be an easy
# way to stop the server.
_gate = threading.BoundedSemaphore(2)
PATIENCE = 5.0
"""Seconds that a verification waits for its turn before it is refused as the server is busy."""

_fingerprint = hashlib.blake2b(key=os.urandom(32), digest_size=16)


def fingerprint(text: str) -> bytes:
    """Return a keyed digest of what a caller sent, to remember it by without keeping it; the key is
    random and of this process.

    PERF: copying a keyed state takes two thirds of the time of making one.
    """
    state = _fingerprint.copy()
    state.update(text.encode("utf-8", "surrogatepass"))
    return state.digest()


def new_key() -> str:
    """Return a random key of 256 bits, in 43 characters that need no quoting in headers and
    addresses.
    """
    return secrets.token_urlsafe(32)


def hash_password(password: str) -> Secret:
    """Return the argon2id hash of a password, at most two at a time; raises `Unavailable` if its
    turn does not come.
    """
    with _Turn():
        return Secret(_hasher.hash(password))


def hash_key(key: str) -> Secret:
    """Return the SHA-256 form of a long random key; a key that could be guessed gets an argon2id
    hash, as a password does.
    """
    if not is_random(key):
        return hash_password(key)
    return Secret(f"sha256${hashlib.sha256(key.encode()).hexdigest()}")


def check_signs(name: str, signs: bool) -> None:
    """Raise `Misused` for a definition that keeps no more than hashes of its secrets."""
    if not signs:
        raise Misused(
            f"the security definition {name} neither signs outgoing calls nor logs in:"
            " its setting signs is off"
        )


def is_random(key: str) -> bool:
    """Whether a key is long and mixed enough that nobody will guess it."""
    return len(key) >= 32 and len(set(key)) >= 10


def is_hash(stored: str) -> bool:
    """Whether a stored text is a hash already; a text that only resembles one is not."""
    return bool(_SHA256.match(stored)) or _is_argon2(stored) or is_pbkdf2(stored)


def fault_of(clear: str) -> str:
    """Return what is wrong with a new password or key, or a hash given in its place; an empty
    string if nothing is.
    """
    if not clear:
        return "must not be empty"
    if len(clear) > 1024:
        return "must not be longer than 1024 characters"
    if _CONTROL.search(clear):
        return "must not contain control characters"
    if _is_argon2(clear):
        cost = argon2.extract_parameters(clear)
        if cost.memory_cost > 64 * 1024 or cost.time_cost > 10 or cost.parallelism > 4:
            return "is a hash that costs too much to verify; the maximum is 64 MiB, 10 passes and 4 lanes"
    return fault_of_cost(clear) if is_pbkdf2(clear) else ""


def _is_argon2(stored: str) -> bool:
    if not stored.startswith("$argon2id$"):
        return False
    try:
        argon2.extract_parameters(stored)
    except argon2.exceptions.InvalidHashError:
        return False
    return len(stored) < 256


class _Turn:
    """One of the two places for argon2; raises `Unavailable` when none becomes free in time."""

    def __enter__(self) -> None:
        if not _gate.acquire(timeout=PATIENCE):
            raise Unavailable(
                "too many credentials are being verified at the moment", retry_after=2
            )

    def __exit__(self, *_: object) -> None:
        _gate.release()


turn = _Turn()
"""Held while something `slow` is compared."""


class Credential:
    """One stored password or key; `slow` if comparing takes a slow hash, `guessable` if attempts must be
    counted.
    """

    __slots__ = ("_digest", "_is_foreign", "_stored", "guessable", "slow")

    def __init__(self, stored: str) -> None:
        self._stored = stored
        self._is_foreign = is_pbkdf2(stored)
        self.slow = self._is_foreign or _is_argon2(stored)
        key = bool(_SHA256.match(stored))
        self.guessable = self.slow or not (key or is_random(stored))
        if key:
            self._digest = bytes.fromhex(stored.removeprefix("sha256$"))
        else:
            self._digest = b"" if self.slow else _sha256(stored)

    def matches(self, presented: str) -> bool:
        """Whether this is the right password or key, in a time that does not reveal how much of it
        is.
        """
        if self._is_foreign:
            return verify(self._stored, presented.encode("utf-8", "surrogatepass"))
        if self.slow:
            try:
                return _hasher.verify(self._stored, presented.encode("utf-8", "surrogatepass"))
            except argon2.exceptions.VerificationError:
                return False
        return hmac.compare_digest(self._digest, _sha256(presented))


class AnyCredential:
    """Several credentials, of which any one is right; `slow` and `guessable` if one of them is."""

    __slots__ = ("_credentials", "guessable", "slow")

    def __init__(self, stored: Iterable[str]) -> None:
        self._credentials = [Credential(one) for one in stored]
        self.slow = any(one.slow for one in self._credentials)
        self.guessable = any(one.guessable for one in self._credentials)

    def matches(self, presented: str) -> bool:
        """Whether one of them is this; all are compared, so that the time does not reveal which."""
        found = [one.matches(presented) for one in self._credentials]
        return any(found)


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
