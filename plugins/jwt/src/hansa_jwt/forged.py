"""Counts the tokens that no key of an issuer has signed."""

from __future__ import annotations

from hansa_security.throttle import Throttle


class ForgedTokens:
    """The forged tokens that this worker has seen, by definition, subject and address.

    They have a table of their own, and none in the cluster: a signature cannot be guessed, and who
    sends such tokens must not hold up those who log in at the same address.
    """

    def __init__(self) -> None:
        self._throttle = Throttle()

    def count(self, attempt: bytes, definition: str, subject: str, peer: str) -> float:
        """Count a token, unless too many came before it; returns the seconds to wait, 0 if it was
        counted.

        `attempt` is a digest of the token: the same one again is not counted.
        """
        # with the address in its name, since forged tokens from elsewhere say nothing of a subject
        return self._throttle.count(attempt, f"{definition} {subject} {peer}", peer)
