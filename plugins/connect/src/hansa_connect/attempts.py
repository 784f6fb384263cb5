"""Counts deliveries of messages that may end their worker, in a place that outlives it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from pathlib import Path

from hansa import Server

log = logging.getLogger("hansa.attempts")

REMEMBERED = 86_400.0
"""Seconds after which a count that nobody adds to is forgotten."""


class AttemptCounter:
    """How often each message of a channel was begun whose earlier delivery was lost.

    Counts are kept in the records of the cluster, and in files of this server, below `DIR/begun`,
    while those do not answer. `owner` names the channel.
    """

    def __init__(self, server: Server, owner: str) -> None:
        self._records = server.records("begun")
        self._owner = owner
        folder = hashlib.sha256(owner.encode(errors="surrogatepass")).hexdigest()[:16]
        self._fallback = _CountFiles(server.dir / "begun" / folder)

    def count(self, message: str) -> int:
        """Note that a message, named by its digest, begins.

        Returns how often it has begun, this time included. Raises OSError if it cannot be noted
        anywhere.
        """
        try:
            return self._records.count(self._name(message), REMEMBERED)
        except Exception as error:  # whatever it is, a file will do
            log.warning("attempts are counted in a file, the cluster's records fail: %s", error)
        return self._fallback.count(message)

    def forget(self, message: str) -> None:
        """Drop the count of a message that was handled or given up."""
        self._fallback.delete(message)
        try:
            self._records.delete(self._name(message))
        except Exception as error:  # it expires
            log.warning("a count of attempts was not deleted: %s", error)

    def _name(self, message: str) -> str:
        return f"{self._owner}:{message}"


class _CountFiles:
    """Counters as files that grow by a byte, which a crash cannot leave half written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drop_expired()

    def count(self, name: str) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self._folder / name, "ab") as file:
            file.write(b".")
            return file.tell()

    def delete(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    def _drop_expired(self) -> None:
        if not self._folder.exists():
            return
        oldest = time.time() - REMEMBERED
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


def message_digest(body: bytes, *about: object) -> str:
    """Return 40 hexadecimal digits that name a message in file names and keys."""
    key = hashlib.sha256(repr(about).encode(errors="surrogatepass")).digest()
    return hashlib.blake2b(body, key=key, digest_size=20).hexdigest()
