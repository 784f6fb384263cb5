"""How often a message was begun whose delivery was lost: kept outside of the worker, which the message may be about to end."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from pathlib import Path
from typing import Any

from hansa import Unavailable

log = logging.getLogger("hansa.begun")
REMEMBERED = 86_400  # seconds


class Begun:
    """Counts of one channel: in the Redis of the cluster if there is one, else, and while that is down, in files under `DIR/begun`.

    Without Redis each server counts what its own workers began. It is for what dies with a process, so nothing is synced to disk.
    """

    def __init__(self, server: Any, owner: str) -> None:
        try:
            self._redis: Any = server.redis
            self._key = str(server.bus.key("begun", owner))
        except (
            AttributeError,
            Unavailable,
        ):  # a cluster without Redis, or a test without a cluster
            self._redis = None
        self._folder = Path(
            server.dir,
            "begun",
            hashlib.sha256(owner.encode(errors="surrogatepass")).hexdigest()[:16],
        )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in self._folder.iterdir():  # of messages that another server came to an end with
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - REMEMBERED:
                    file.unlink()

    def count(self, message: str) -> int:
        """Note that a message begins, and tell the how manieth time it is; raises what keeps it from being noted."""
        if self._redis is not None:
            key = f"{self._key}:{message}"
            try:
                times = int(self._redis.incr(key))
                self._redis.expire(key, REMEMBERED)
                return times
            except Exception as error:  # whatever it is, a file will do
                log.warning("counting in a file, since Redis does not: %s", error)
        with open(
            self._folder / message, "ab"
        ) as file:  # a byte each time: nothing that a crash could leave half done
            file.write(b".")
            return file.tell()

    def forget(self, message: str) -> None:
        """Count no more: somebody came to an end with it."""
        (self._folder / message).unlink(missing_ok=True)
        if self._redis is not None:
            try:
                self._redis.delete(f"{self._key}:{message}")
            except Exception as error:  # it expires
                log.warning("Redis does not forget a count: %s", error)


def digest(body: bytes, *about: object) -> str:
    """A name for a message that can be part of a file's name or a key."""
    return hashlib.blake2b(
        body,
        key=hashlib.sha256(repr(about).encode(errors="surrogatepass")).digest(),
        digest_size=20,
    ).hexdigest()
