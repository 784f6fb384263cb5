"""The HTTP API of a vault, version 1, as far as it is needed: logins, tokens, and secrets of the
KV engine, version 2 (https://developer.hashicorp.com/vault/api-docs).
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec
from hansa import HansaError, Unavailable, deadline
from hansa_http.exchange import Exchange
from hansa_http.retry import NotSent

from .settings import VaultSection

LARGEST_ANSWER = 4 * 1024 * 1024
"""Maximum size of an answer of the vault, in bytes."""
_POOL_SIZE = 4

T = TypeVar("T")


class Denied(Exception):
    """The vault does not accept the token, or what it may read does not include this."""


class Missing(Exception):
    """There is no such secret, or its current version is deleted."""


class Token(msgspec.Struct, frozen=True):
    """A token: `lease_duration` is the seconds until it ends, 0 if it does not."""

    client_token: str
    lease_duration: int = 0
    renewable: bool = False


class _Login(msgspec.Struct):
    auth: Token


class _LookedUp(msgspec.Struct):
    ttl: int
    renewable: bool = False


class _LookUp(msgspec.Struct):
    data: _LookedUp


class _Version(msgspec.Struct):
    data: dict[str, object]


class _Read(msgspec.Struct):
    data: _Version


class VaultClient:
    """Asks a vault; safe in many threads.

    Each method raises `Unavailable` if the vault does not answer, is sealed or answers what it must
    not, and `Denied` if it refuses.
    """

    def __init__(self, section: VaultSection) -> None:
        self._section = section
        context = ssl.create_default_context(cafile=section.tls_ca or None)
        self._exchange = Exchange("the vault", context, _POOL_SIZE, LARGEST_ANSWER)

    def close(self) -> None:
        """Close all connections."""
        self._exchange.close()

    def log_in(self) -> Token:
        """Return a new token, or the one in the settings with the time that it has left."""
        section = self._section
        if section.token:
            return self._look_up(str(section.token))
        if section.role_id:
            mount = section.auth_mount or "approle"
            given = {"role_id": section.role_id, "secret_id": str(section.secret_id)}
        else:
            mount = section.auth_mount or "kubernetes"
            given = {"role": section.kubernetes_role, "jwt": self._service_account()}
        return self._post(f"auth/{mount}/login", given).auth

    def accepts(self, token: Token) -> bool:
        """Whether a token is valid, whatever it may read."""
        try:
            self._look_up(token.client_token)
        except Denied:
            return False
        return True

    def renew(self, token: Token) -> Token:
        """Return a token with its lease begun anew."""
        return self._post("auth/token/renew-self", {}, token.client_token).auth

    def read(self, path: str, token: Token) -> dict[str, object]:
        """Return the fields of the current version of a secret; raises `Missing`."""
        place = f"{self._section.mount}/data/{quote(path)}"
        body = self._send("GET", place, b"", token.client_token)
        return _decode(body, _Read).data.data

    def _look_up(self, token: str) -> Token:
        body = self._send("GET", "auth/token/lookup-self", b"", token)
        found = _decode(body, _LookUp).data
        return Token(token, found.ttl, found.renewable)

    def _service_account(self) -> str:
        try:
            return Path(self._section.kubernetes_token).read_text().strip()
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"the token of the service account cannot be read: {error}"
            ) from error

    def _post(self, path: str, given: dict[str, str], token: str = "") -> _Login:
        try:
            body = self._send("POST", path, msgspec.json.encode(given), token)
        except Missing:
            raise Unavailable(f"the vault has no login at {path}; see auth_mount") from None
        return _decode(body, _Login)

    def _send(self, method: str, path: str, content: bytes, token: str) -> bytes:
        section = self._section
        headers = {"X-Vault-Request": "true"}
        if token:
            headers["X-Vault-Token"] = token
        if section.namespace:
            headers["X-Vault-Namespace"] = section.namespace
        if content:
            headers["Content-Type"] = "application/json"
        url = f"{section.address.rstrip('/')}/v1/{path}"
        try:
            with deadline(section.timeout):
                status, _, body = self._exchange.send(
                    method, url, headers, content, section.timeout
                )
        except (NotSent, HansaError) as error:
            raise Unavailable(f"the vault cannot be asked: {error}") from error
        if status in (400, 403):
            # a wrong role or secret ID is 400, a token that has ended 403
            raise Denied(f"the vault refuses it with status {status}")
        if status == 404:
            raise Missing("the vault has no such secret")
        if status != 200:
            why = ": it is sealed" if status == 503 else ""
            raise Unavailable(f"the vault answered with status {status}{why}")
        return body


def _decode(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unavailable("the vault answered what is not its API") from error
