"""The access token of a definition: one for all workers, and renewed before it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from hansa import TimedOut, time_left

from .access_token import AccessToken
from .oauth2_settings import OAuth2Settings
from .token_source import TokenSource

_SPARE = 1.0
"""Seconds that callers wait beyond the time-out of the source."""


class SharedToken:
    """The current token, as this worker knows it. Safe in many threads.

    A thread of its own gets tokens, so that a caller who cannot wait does not end what others wait
    for, and nobody waits while the token is valid.
    """

    def __init__(self, label: str, settings: OAuth2Settings, source: TokenSource) -> None:
        self._label = label
        self._settings = settings
        self._source = source
        self._lock = threading.Lock()
        self._pending: Future[AccessToken] | None = None
        self._thread: threading.Thread | None = None

    def get(self) -> AccessToken:
        """Return a valid token; one that ends soon is renewed in the background meanwhile.

        Raises `BadAnswer`, `TimedOut` or `Unavailable` if there is none, and none can be had.
        """
        token = self._source.current
        now = time.time()
        if token is None or not token.is_valid(now):
            return self._obtain(_is_valid)
        is_due = token.is_due(now, self._settings.renew_before)
        if is_due and time.monotonic() >= self._source.retry_at:
            self._begin(self._is_not_due)
        return token

    def replace(self, rejected: str) -> bool:
        """Return whether there is another token than one that a peer has refused, after asking for
        it unless that one is brand-new; raises what `get` raises.
        """

        def is_another(token: AccessToken) -> bool:
            return _is_valid(token) and token.value != rejected

        current = self._source.current
        if current is not None and not is_another(current):
            age = time.time() - current.obtained_at
            if age < self._settings.retry_interval:
                return False  # the peer refuses whatever it is sent
        return is_another(self._obtain(is_another))

    def stop(self) -> None:
        """Wait for a token that is being asked for."""
        thread = self._thread
        if thread is not None:
            thread.join(self._settings.timeout + _SPARE)

    def _is_not_due(self, token: AccessToken) -> bool:
        return not token.is_due(time.time(), self._settings.renew_before)

    def _obtain(self, is_wanted: Callable[[AccessToken], bool]) -> AccessToken:
        """Return a token that is wanted, at once or after waiting for it."""
        token = self._source.current
        if token is not None and is_wanted(token):
            return token
        pending = self._begin(is_wanted)
        try:
            return pending.result(time_left(self._settings.timeout + _SPARE))
        except TimeoutError:
            raise TimedOut(f"{self._label}: no access token in time") from None

    def _begin(self, is_wanted: Callable[[AccessToken], bool]) -> Future[AccessToken]:
        """Return the token that is being asked for; ask for one if none is."""
        with self._lock:
            if self._pending is None:
                future: Future[AccessToken] = Future()
                name = f"token of {self._label}"
                arguments = (future, is_wanted)
                thread = threading.Thread(target=self._run, args=arguments, name=name, daemon=True)
                thread.start()
                self._thread = thread
                self._pending = future
            return self._pending

    def _run(self, future: Future[AccessToken], is_wanted: Callable[[AccessToken], bool]) -> None:
        token: AccessToken | None = None
        failure: BaseException | None = None
        try:
            token = self._source.obtain(is_wanted)
        except BaseException as error:  # it is raised where somebody waits
            failure = error
        with self._lock:
            self._pending = None
        if token is not None:
            future.set_result(token)
        else:
            future.set_exception(failure)


def _is_valid(token: AccessToken) -> bool:
    return token.is_valid(time.time())
