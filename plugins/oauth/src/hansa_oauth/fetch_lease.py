"""The right to ask the issuer for a token, which one worker of the cluster has at a time."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from hansa import Server, Unavailable


class FetchLease:
    """The lease of one definition; it ends by itself `seconds` after it was taken.

    `is_needed` says whether asking without it does harm, as where the issuer takes a refresh token
    that is used twice for a stolen one. If it does not, it is done without while the bus of the
    cluster does not answer.
    """

    def __init__(
        self, server: Server, name: str, seconds: float, log: logging.Logger, *, is_needed: bool
    ) -> None:
        self._server = server
        self._lease = f"oauth2:{name}"
        self._holder = f"{server.id} {uuid.uuid4().hex}"
        self._seconds = seconds
        self._log = log
        self._is_needed = is_needed

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Take the lease for the block; the value is False if another worker has it. Raises
        `Unavailable` if nobody knows, and it is needed.
        """
        is_taken = self._take()
        try:
            yield is_taken
        finally:
            if is_taken:
                self._give_back()

    def _take(self) -> bool:
        try:
            return self._server.bus.acquire(self._lease, self._holder, self._seconds) is not None
        except Exception as error:  # whatever the bus raises
            if self._is_needed:
                unavailable = Unavailable("access tokens cannot be renewed at the moment")
                unavailable.reason = f"{type(error).__name__}: {error}"
                raise unavailable from error
            self._log.warning("the token is fetched for this worker alone: %s", error)
            return True

    def _give_back(self) -> None:
        try:
            self._server.bus.release(self._lease, self._holder)
        except Exception as error:  # it ends by itself
            self._log.info("the lease %s cannot be given back: %s", self._lease, error)
