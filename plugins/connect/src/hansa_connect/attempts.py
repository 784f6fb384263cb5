"""Counts deliveries of messages that may end their worker, in a place that outlives it."""

from __future__ import annotations

import hashlib
import logging

from hansa import FileRecords, Server

log = logging.getLogger("hansa.attempts")

REMEMBERED = 86_400.0
"""Seconds after which a count that nobody adds to is forgotten."""


class AttemptCounter:
    """How often each message of a channel was begun whose earlier delivery was lost.

    Counts are kept in the records of the cluster, and in files of this server, in `DIR/begun`,
    while those do not answer. `owner` names the channel.
    """

    def __init__(self, server: Server, owner: str) -> None:
        self._records = server.records("begun")
        self._owner = owner
        self._fallback = FileRecords(server.dir / "begun")

    def count(self, message: str) -> int:
        """Note that a message, named by its digest, begins.

        Returns how often it has begun, this time included. Raises OSError if it cannot be noted
        anywhere.
        """
        name = self._name(message)
        try:
            return self._records.count(name, REMEMBERED)
        except Exception as error:  # whatever it is, a file will do
            log.warning("attempts are counted in a file, the cluster's records fail: %s", error)
        return self._fallback.count(name, REMEMBERED)

    def forget(self, message: str) -> None:
        """Drop the count of a message that was handled or given up."""
        name = self._name(message)
        self._fallback.delete(name)
        try:
            self._records.delete(name)
        except Exception as error:  # it expires
            log.warning("a count of attempts was not deleted: %s", error)

    def _name(self, message: str) -> str:
        return f"{self._owner}:{message}"


def message_digest(body: bytes, *about: object) -> str:
    """Return 40 hexadecimal digits that name a message in file names and keys."""
    key = hashlib.sha256(repr(about).encode(errors="surrogatepass")).digest()
    return hashlib.blake2b(body, key=key, digest_size=20).hexdigest()
