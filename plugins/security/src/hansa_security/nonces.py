"""The nonces that were used, remembered for all workers of the cluster, so that no proof counts
twice (UsernameToken Profile 1.1.1, section 3.1; RFC 5849, section 3.3).
"""

from __future__ import annotations

import hashlib

from hansa import HansaError, Records, Unavailable


class UsedNonces:
    """The nonces of one definition's user; each is remembered for `seconds`.

    They are counters in `records`: in the cluster's Redis, or where there is none in files, which
    all workers of the server share, and no other server.
    """

    def __init__(self, records: Records, seconds: int) -> None:
        self._records = records
        self._seconds = seconds

    def use(self, username: str, nonce: bytes) -> bool:
        """Return whether a user's nonce is used for the first time; raises `Unavailable` if nobody
        knows.
        """
        user = hashlib.sha256(username.encode()).digest()
        name = hashlib.sha256(user + nonce).hexdigest()[:32]
        try:
            return self._records.claim(name, self._seconds)
        except HansaError:
            raise
        except Exception as error:  # whatever the store raises
            reason = f"{type(error).__name__}: {error}"
            unavailable = Unavailable("security tokens cannot be checked at the moment")
            unavailable.reason = reason
            raise unavailable from error
