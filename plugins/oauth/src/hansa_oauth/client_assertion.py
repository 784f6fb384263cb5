"""Tokens by which a client proves to the token endpoint that it has its private key (RFC 7523,
section 2.2).
"""

from __future__ import annotations

import uuid
from time import time

from hansa_jwt.checker import AllowedAlgorithms
from hansa_jwt.keys import algorithms_of, read_private_key
from joserfc import jwt
from joserfc.jwk import Key

from .oauth2_settings import OAuth2Settings

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME = 60
"""Seconds until a token expires."""
_PREFERRED = ("RS256", "ES256", "ES384", "ES512", "EdDSA")


class ClientAssertion:
    """Makes tokens by the settings of a definition, each for one request."""

    def __init__(self, settings: OAuth2Settings) -> None:
        self._client_id = settings.client_id
        self._audience = settings.assertion_audience or settings.token_url
        self._key = read_private_key(str(settings.private_key))
        self._algorithm = _algorithm_for(self._key, settings.key_algorithm)
        self._header = {"alg": self._algorithm, "typ": "JWT"}
        kid = settings.key_id or self._key.kid
        if kid:
            self._header["kid"] = kid

    def make(self) -> str:
        """Return a new token."""
        now = int(time())
        claims: dict[str, object] = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._audience,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": uuid.uuid4().hex,
        }
        registry = AllowedAlgorithms([self._algorithm])
        return jwt.encode(self._header, claims, self._key, registry=registry)


def fault_of_key(text: str, algorithm: str) -> str:
    """Return what is wrong with a private key for an algorithm, an empty text for its own; an empty
    text if nothing is.
    """
    try:
        key = read_private_key(text)
    except ValueError as error:
        return str(error)
    if _algorithm_for(key, algorithm):
        return ""
    return "does not suit the algorithm: it needs another type, curve, size or use of key"


def _algorithm_for(key: Key, wanted: str) -> str:
    """Return the algorithm to sign with, empty if the key suits none."""
    suitable = algorithms_of(key)
    if wanted:
        return wanted if wanted in suitable else ""
    preferred = [name for name in _PREFERRED if name in suitable]
    return next(iter(preferred), min(suitable, default=""))
