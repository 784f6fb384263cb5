"""Make tokens that sign outgoing calls."""

from __future__ import annotations

import uuid
from time import time
from typing import TYPE_CHECKING

from joserfc import jwt

from .checker import AllowedAlgorithms
from .keys import read_signing_key, signing_algorithm
from .principal import Claims

if TYPE_CHECKING:
    from .settings import JwtSettings


class TokenSigner:
    """Makes tokens by the settings of a definition; each is used for half of its lifetime."""

    def __init__(self, settings: JwtSettings) -> None:
        self._settings = settings
        self._key = read_signing_key(settings)
        self._algorithm = signing_algorithm(settings, self._key)
        self._registry = AllowedAlgorithms([self._algorithm])
        self._current: tuple[float, str] = (0.0, "")

    def token(self) -> str:
        """Return a token that is valid for at least half of its lifetime."""
        renewed_at, token = self._current
        now = time()
        lifetime = self._settings.signing_lifetime
        if not renewed_at <= now < renewed_at + lifetime / 2:
            token = self._make(int(now))
            self._current = (now, token)
        return token

    def _make(self, now: int) -> str:
        settings = self._settings
        header = {"alg": self._algorithm}
        if settings.token_type:
            header["typ"] = settings.token_type
        kid = settings.signing_key_id or self._key.kid
        if kid:
            header["kid"] = kid
        audience = settings.audience
        claims: Claims = {
            **settings.signing_claims,
            "iss": settings.issuer,
            "sub": settings.signing_subject or settings.issuer,
            "aud": audience[0] if len(audience) == 1 else audience,
            "iat": now,
            "exp": now + settings.signing_lifetime,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(header, claims, self._key, registry=self._registry)
