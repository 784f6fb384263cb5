"""Decide whether a token is right: its form, signature and claims (RFC 7515, 7519, 8725)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import CompactSignature, JWSRegistry
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from .principal import Claims, TokenPrincipal
from .ring import Verified

if TYPE_CHECKING:
    from .settings import JwtSettings

_UNREADABLE = (
    JoseError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What reading a malformed token may raise: whatever it is, the token is not valid."""
_FARTHEST = 2**53
"""The latest time that is reckoned with, in seconds since 1970."""
_LONGEST_NAME = 1024


class InvalidToken(Exception):
    """A token that is not valid; the reason is for the log alone.

    `is_forged` if no key of the issuer has signed it.
    """

    def __init__(self, reason: str, *, is_forged: bool = True) -> None:
        super().__init__(reason)
        self.is_forged = is_forged


class AllowedAlgorithms(JWSRegistry):
    """The algorithms that a definition accepts, and limits on the parts of a token, in characters.

    Header parameters that are not known are ignored (RFC 7515, section 4).
    """

    max_header_length = 4096
    max_payload_length = 16_384
    max_signature_length = 1400

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)


class TokenChecker:
    """Checks tokens by the settings of the definition `name`."""

    def __init__(self, name: str, settings: JwtSettings) -> None:
        self._name = name
        self._settings = settings
        self._registry = AllowedAlgorithms(settings.algorithms)
        self._type = _media_type(settings.token_type)
        options: dict[str, ClaimsOption] = {
            "iss": {"essential": True, "value": settings.issuer},
            "aud": {"essential": True, "values": settings.audience},
            "exp": {"essential": True},
        }
        self._claims = JWTClaimsRegistry(None, settings.clock_skew, **options)

    def read(self, token: str) -> CompactSignature:
        """Return a token with its header read and nothing verified; raises `InvalidToken`.

        Extensions that a token declares critical are refused, since none is implemented (RFC 7515,
        section 4.1.11), and so are unencoded payloads (RFC 7797, section 7).
        """
        try:
            found = jws.extract_compact(token.encode("ascii"), registry=self._registry)
            header = found.headers()
            if not isinstance(header, dict):
                raise InvalidToken("its header is not a JSON object")
            if "crit" in header or "b64" in header:
                raise InvalidToken("its header has critical extensions")
            self._registry.check_header(header)
            self._registry.get_alg(header["alg"])
        except _UNREADABLE as error:
            raise InvalidToken(f"its form or algorithm: {_told(error)}") from None
        if self._type and _media_type(str(header.get("typ", ""))) != self._type:
            raise InvalidToken("its type is another one")
        return found

    def verify(self, found: CompactSignature, keys: Iterable[Key]) -> Verified:
        """Return who a token names, if one of the keys has signed it; raises `InvalidToken`."""
        if not any(self._is_signed_by(found, key) for key in keys):
            raise InvalidToken("no key of the issuer has signed it")
        try:
            payload = found.payload.decode()
            claims: Claims = json.loads(
                payload, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
            )
            if not isinstance(claims, dict):
                raise InvalidToken("its claims are not a JSON object", is_forged=False)
            self._claims.validate(claims)
            self._check_required(claims)
            until = min(claims["exp"], _FARTHEST) + self._settings.clock_skew
        except _UNREADABLE as error:
            raise InvalidToken(f"its claims: {_told(error)}", is_forged=False) from None
        return Verified(self._principal(claims, payload), until)

    def _is_signed_by(self, found: CompactSignature, key: Key) -> bool:
        try:
            return jws.validate_compact(found, key, registry=self._registry)
        except _UNREADABLE:
            return False

    def _check_required(self, claims: Claims) -> None:
        for name in self._settings.required_claims:
            if claims.get(name) in (None, "", [], {}):
                raise InvalidToken("a required claim is missing", is_forged=False)

    def _principal(self, claims: Claims, payload: str) -> TokenPrincipal:
        name = claims.get(self._settings.principal_claim)
        if not isinstance(name, str) or not name.strip():
            raise InvalidToken("the claim that names the caller is not a text", is_forged=False)
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise InvalidToken("the name of the caller is not printable", is_forged=False)
        return TokenPrincipal(name, self._name, payload)


def subject_of(found: CompactSignature) -> str:
    """Return whom a token claims to be of, unverified: only to count failures by it."""
    try:
        return str(json.loads(found.payload)["sub"])[:_LONGEST_NAME]
    except _UNREADABLE:
        return ""


def _media_type(name: str) -> str:
    """Return the header typ as it is compared (RFC 7515, section 4.1.9)."""
    return name.lower().removeprefix("application/")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _told(error: Exception) -> str:
    """Return what a library says, briefly, without line breaks."""
    text = error.description if isinstance(error, JoseError) else str(error)
    return f"{type(error).__name__} {text[:100]!a}"
