"""A login to the vault that lasts: its token is renewed before it ends, and made anew when lost."""

from __future__ import annotations

import logging
import threading
from time import monotonic

from .client import Denied, Token, VaultClient

log = logging.getLogger("hansa.vault")

_RENEWED_AFTER = 2 / 3
"""The part of its life after which a token is renewed."""


class VaultSession:
    """Reads secrets with one token, shared by all threads of this worker."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renewed_at = 0.0

    def close(self) -> None:
        """Close the connections; the token ends by itself."""
        self._client.close()

    def read(self, path: str) -> dict[str, object]:
        """Return the fields of a secret; raises `Missing`, `Denied` or `Unavailable`.

        A token that the vault no longer accepts is made anew, once.
        """
        token = self._current()
        try:
            return self._client.read(path, token)
        except Denied:
            if self._client.accepts(token):
                raise
        return self._client.read(path, self._replace(token))

    def renew(self) -> bool:
        """Renew the token if it is time, and return whether it was; raises `Denied` or
        `Unavailable`.
        """
        with self._lock:
            token = self._token
            if token is None or not self._is_due(token):
                return False
            if token.renewable:
                try:
                    self._keep(self._client.renew(token))
                    return True
                except Denied:
                    log.warning("the vault does not renew the token: logging in again")
            self._keep(self._client.log_in())
            return True

    def _is_due(self, token: Token) -> bool:
        age = monotonic() - self._renewed_at
        return 0 < token.lease_duration * _RENEWED_AFTER <= age

    def _current(self) -> Token:
        with self._lock:
            return self._token or self._keep(self._client.log_in())

    def _replace(self, refused: Token) -> Token:
        """Return another token than the one that was refused, unless another thread got one."""
        with self._lock:
            if self._token is None or self._token.client_token == refused.client_token:
                self._token = self._keep(self._client.log_in())
            return self._token

    def _keep(self, token: Token) -> Token:
        self._token = token
        self._renewed_at = monotonic()
        return token
