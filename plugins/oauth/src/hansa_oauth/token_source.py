"""Where a token comes from: another worker of the cluster, through the store, or the issuer."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable

from hansa import HansaError, TimedOut, Unavailable

from .access_token import AccessToken
from .fetch_lease import FetchLease
from .oauth2_settings import OAuth2Settings
from .token_endpoint import TokenEndpoint
from .token_store import TokenStore

_POLL = 0.05
"""Seconds between looks at the store while another worker asks the issuer."""


class TokenSource:
    """Gets tokens, in one thread at a time; `current` is the newest that this worker knows.

    `trouble` is called with what is wrong with the issuer, and with an empty text once it answers
    again. `retry_at` is when it may be asked again after a failure, as `time.monotonic()`.
    """

    def __init__(
        self,
        label: str,
        settings: OAuth2Settings,
        endpoint: TokenEndpoint,
        store: TokenStore,
        lease: FetchLease,
        trouble: Callable[[str], None],
        log: logging.Logger,
    ) -> None:
        self.current: AccessToken | None = None
        self.retry_at = 0.0
        self._label = label
        self._settings = settings
        self._endpoint = endpoint
        self._store = store
        self._lease = lease
        self._trouble = trouble
        self._log = log
        self._failure: HansaError | None = None
        self._failed_at = 0.0
        self._is_stored = True

    def obtain(self, is_wanted: Callable[[AccessToken], bool]) -> AccessToken:
        """Return a token that is wanted: the one in the store, or a new one.

        Raises `BadAnswer`, `TimedOut` or `Unavailable`, from `retry_at` on after asking again.
        """
        try:
            return self._wait_for(is_wanted)
        except HansaError:
            raise
        except Exception as error:
            self._log.exception("no access token")
            failure = Unavailable(f"{self._label}: there is no access token")
            failure.reason = type(error).__name__
            self._note_failure(failure)
            raise failure from error

    def _wait_for(self, is_wanted: Callable[[AccessToken], bool]) -> AccessToken:
        ends = time.monotonic() + self._settings.timeout
        while True:
            token = self._known(is_wanted) or self._ask(is_wanted)
            if token is not None:
                return token
            if time.monotonic() >= ends:
                raise TimedOut(f"{self._label}: no access token in time")
            time.sleep(_POLL)

    def _known(self, is_wanted: Callable[[AccessToken], bool]) -> AccessToken | None:
        """Return the token of this worker, or else the one in the store, if it is wanted."""
        if self.current is None or not is_wanted(self.current):
            self._take_stored()
        token = self.current
        return token if token is not None and is_wanted(token) else None

    def _ask(self, is_wanted: Callable[[AccessToken], bool]) -> AccessToken | None:
        """Return a new token of the issuer, None while another worker asks it; raises what went
        wrong last, until it is time to ask again.
        """
        if self._failure is not None and time.monotonic() < self.retry_at:
            raise copy.copy(self._failure)
        with self._lease.taken() as is_taken:
            if not is_taken:
                return None
            # another worker may have had the lease just before
            return self._known(is_wanted) or self._fetch()

    def _fetch(self) -> AccessToken:
        try:
            token = self._endpoint.fetch(self._refresh_token())
        except HansaError as error:
            self._note_failure(error)
            raise
        self.current = token
        self._keep()
        self._note_success()
        return token

    def _note_success(self) -> None:
        if self._failure is not None:
            self._failure = None
            self._trouble("")

    def _note_failure(self, error: HansaError) -> None:
        self._failed_at = time.time()
        self.retry_at = time.monotonic() + self._settings.retry_interval
        if self._failure is None:
            self._log.warning("no access token from the issuer (%s)", error.explanation)
            self._trouble(error.explanation)
        self._failure = error

    def _refresh_token(self) -> str:
        """Return the refresh token that is valid now: the one that came last."""
        if self._settings.grant != "refresh_token":
            return ""
        current = self.current
        if current is not None and current.refresh_token:
            return current.refresh_token
        return str(self._settings.refresh_token)

    # -- the store ---------------------------------------------------------------------------------

    def _take_stored(self) -> None:
        """Take the token from the store, if it is newer than that of this worker.

        Raises `Unavailable` if the store does not answer, and a refresh token may be in it.
        """
        if not self._is_stored:
            self._keep()
        try:
            stored = self._store.read()
        except Exception as error:  # whatever the store raises
            if self._settings.grant == "refresh_token":
                unavailable = Unavailable(f"{self._label}: the token cannot be read")
                unavailable.reason = f"{type(error).__name__}: {error}"
                raise unavailable from error
            self._log.warning("the token of the other workers cannot be read: %s", error)
            return
        current = self.current
        if stored is not None and (current is None or stored.obtained_at > current.obtained_at):
            self.current = stored
            if stored.obtained_at > self._failed_at:
                self._note_success()  # the issuer has answered another worker since

    def _keep(self) -> None:
        """Store the token of this worker; if that fails, it is tried again before the next one is
        asked for.
        """
        token = self.current
        if token is None:
            return
        self._is_stored = False
        try:
            self._store.write(token)
        except Exception as error:  # whatever the store raises
            self._log.error("the token cannot be stored for other workers: %s", error)
            return
        self._is_stored = True
