"""Where the workers of a cluster share a definition's token, and where it outlives them: encrypted,
in the cluster's Redis or in a file of the server.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cached_property
from typing import NamedTuple

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from hansa import Records

from .access_token import AccessToken
from .oauth2_settings import OAuth2Settings

_KEY_COST = 2**14
"""Work factor N of scrypt: 16 MiB and some 50 ms, once in each worker."""


class TokenStore:
    """The record with the token of the definition `name`.

    Its name and its key are derived from the settings that a token depends on, secrets included.
    So who reads the store alone learns nothing, an edited secret or a new refresh token begins with
    a record of its own, and workers that have not applied the edit yet do not write into it.
    """

    def __init__(self, records: Records, name: str, settings: OAuth2Settings) -> None:
        self._records = records
        self._name = name
        self._settings = settings

    def read(self) -> AccessToken | None:
        """Return the token, None if there is none; raises what the store raises."""
        sealed = self._records.read(self._record.name)
        if sealed is None:
            return None
        try:
            return msgspec.json.decode(self._record.cipher.decrypt(sealed), type=AccessToken)
        except (InvalidToken, msgspec.MsgspecError):
            return None

    def write(self, token: AccessToken) -> None:
        """Keep a token; raises what the store raises."""
        sealed = self._record.cipher.encrypt(msgspec.json.encode(token))
        self._records.write(self._record.name, sealed)

    @cached_property
    def _record(self) -> _Record:
        settings = self._settings
        material = [
            settings.token_url,
            settings.client_id,
            str(settings.client_secret or ""),
            str(settings.private_key or ""),
            str(settings.refresh_token or ""),
            settings.grant,
            settings.scope,
            settings.audience,
            settings.resource,
            sorted(settings.parameters.items()),
        ]
        password = json.dumps(material).encode()
        salt = f"hansa-oauth {self._name}".encode()
        derived = hashlib.scrypt(password, salt=salt, n=_KEY_COST, r=8, p=1, dklen=48)
        key, label = derived[:32], derived[32:]
        return _Record(f"{self._name} {label.hex()}", Fernet(base64.urlsafe_b64encode(key)))


class _Record(NamedTuple):
    name: str
    cipher: Fernet
