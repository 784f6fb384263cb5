"""Where the workers of a cluster share a definition's token, and where it outlives them: encrypted,
in the cluster's Redis or in a file of the server.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cached_property

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from hansa import Records

from .access_token import AccessToken
from .oauth2_settings import OAuth2Settings

_KEY_COST = 2**14
"""Work factor N of scrypt: 16 MiB and some 50 ms, once in each worker."""


class TokenStore:
    """The record with the token of the definition `name`.

    Its key is derived from the settings that a token depends on, secrets included: what was stored
    under others cannot be read, and does not count. So an edited secret or a new refresh token
    begins anew, and who reads the store alone learns nothing.
    """

    def __init__(self, records: Records, name: str, settings: OAuth2Settings) -> None:
        self._records = records
        self._name = name
        self._settings = settings

    def read(self) -> AccessToken | None:
        """Return the token, None if there is none of these settings; raises what the store raises."""
        sealed = self._records.read(self._name)
        if sealed is None:
            return None
        try:
            return msgspec.json.decode(self._fernet.decrypt(sealed), type=AccessToken)
        except (InvalidToken, msgspec.MsgspecError):
            return None

    def write(self, token: AccessToken) -> None:
        """Keep a token; raises what the store raises."""
        self._records.write(self._name, self._fernet.encrypt(msgspec.json.encode(token)))

    @cached_property
    def _fernet(self) -> Fernet:
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
        key = hashlib.scrypt(password, salt=salt, n=_KEY_COST, r=8, p=1, dklen=32)
        return Fernet(base64.urlsafe_b64encode(key))
