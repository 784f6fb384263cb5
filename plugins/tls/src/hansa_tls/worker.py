"""What the plugin keeps in each worker."""

from __future__ import annotations

from hansa_security.throttle import Throttle

from .expiry import ExpiryWatch


class TlsWorker:
    """The watch over certificates that end, and the count of client certificates that were refused.

    Refused certificates have a table of their own, and none in the cluster: nobody can guess a
    signature, and who presents such certificates must not hold up those who log in at the same
    address by a password.
    """

    def __init__(self) -> None:
        self.expiry = ExpiryWatch()
        self._refused = Throttle()

    def count_refused(self, attempt: bytes, definition: str, peer: str) -> float:
        """Count a certificate that was refused, unless too many came before it; returns the seconds
        to wait, 0 if it was counted.

        `attempt` is a digest of the certificate: the same one again is not counted.
        """
        return self._refused.count(attempt, f"{definition} {peer}", peer)
