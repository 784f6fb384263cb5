"""The keys of an issuer at one moment, and the tokens that they have verified."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hansa_security.tables import drop_oldest
from joserfc.jwk import Key

from .keys import algorithms_of
from .principal import TokenPrincipal

MOST_VERIFIED = 2048
"""Maximum verified tokens that are remembered."""


class Verified:
    """A token that was found to be right: who it names, and until when it is, as `time.time()`."""

    __slots__ = ("principal", "until")

    def __init__(self, principal: TokenPrincipal, until: float) -> None:
        self.principal = principal
        self.until = until


class KeyRing:
    """Keys by algorithm and key ID, and the tokens that they have verified.

    `verified` maps the fingerprint of an Authorization header to what it proved; it goes with its
    keys, so that a key that is withdrawn takes what it has verified with it.
    """

    def __init__(self, keys: Iterable[Key] = (), algorithms: Collection[str] = ()) -> None:
        self.verified: dict[bytes, Verified] = {}
        self._by_algorithm: dict[str, list[Key]] = {}
        self._ids: set[str | None] = set()
        for key in keys:
            for name in algorithms_of(key).intersection(algorithms):
                self._by_algorithm.setdefault(name, []).append(key)
                self._ids.add(key.kid)

    @property
    def ids(self) -> list[str]:
        """The key IDs, sorted; a key without one is `-`."""
        return sorted("-" if kid is None else kid for kid in self._ids)

    def __bool__(self) -> bool:
        return bool(self._ids)

    def knows(self, kid: str | None) -> bool:
        """Whether a token with this key ID can be verified: there is such a key, or one without ID."""
        if kid is None:
            return bool(self._ids)
        return kid in self._ids or None in self._ids

    def find(self, algorithm: str, kid: str | None) -> list[Key]:
        """Return the keys that may have signed a token with this algorithm and key ID."""
        keys = self._by_algorithm.get(algorithm, [])
        if kid is None:
            return keys
        return [key for key in keys if key.kid in (kid, None)]

    def remember(self, attempt: bytes, verified: Verified) -> None:
        """Remember a verified token by the fingerprint of its header; the oldest make room."""
        drop_oldest(self.verified, MOST_VERIFIED)
        self.verified[attempt] = verified
