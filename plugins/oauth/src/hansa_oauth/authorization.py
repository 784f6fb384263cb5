"""The Authorization header of OAuth 1.0, as callers send it (RFC 5849, section 3.5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from .signature import Parameters

LONGEST = 8192
"""Maximum length of an Authorization header, in characters; longer ones are refused unread."""
_LONGEST_NONCE = 256

_PARAMETER = re.compile(r'[ \t]*([A-Za-z0-9._~%-]{1,128})="([^"\\]*)"[ \t]*(,|\Z)')
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class InvalidCredentials(Exception):
    """Credentials that are not accepted; the reason is for the log alone."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller presents: the protocol parameters that it sent, an empty text for those that it
    did not, and `parameters`, all that the header has, which count in the signature.
    """

    consumer_key: str
    token: str
    signature_method: str
    signature: str
    timestamp: str
    nonce: str
    body_hash: str
    parameters: Parameters


def read_authorization(header: str) -> Credentials:
    """Return the credentials in an Authorization header; raises `InvalidCredentials`."""
    if len(header) > LONGEST or not header.isascii() or not header.isprintable():
        raise InvalidCredentials("the header is too long, or has characters that it must not have")
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "oauth":
        raise InvalidCredentials("the header is not of the scheme OAuth")
    found = _read_parameters(rest)
    if found.get("oauth_version", "1.0") != "1.0":
        raise InvalidCredentials("the version is not 1.0")
    nonce = found.get("oauth_nonce", "")
    if len(nonce) > _LONGEST_NONCE or not nonce.isprintable():
        raise InvalidCredentials("the nonce is too long, or has control characters")
    return Credentials(
        consumer_key=found.get("oauth_consumer_key", ""),
        token=found.get("oauth_token", ""),
        signature_method=found.get("oauth_signature_method", ""),
        signature=found.get("oauth_signature", ""),
        timestamp=found.get("oauth_timestamp", ""),
        nonce=nonce,
        body_hash=found.get("oauth_body_hash", ""),
        parameters=list(found.items()),
    )


def _read_parameters(text: str) -> dict[str, str]:
    """Return the parameters of a header by name, without the realm, which is not signed."""
    found: dict[str, str] = {}
    names = set()
    position = 0
    while position < len(text) or position == 0:
        match = _PARAMETER.match(text, position)
        if match is None:
            raise InvalidCredentials("the header is malformed")
        position = match.end()
        name = _decoded(match[1])
        if name in names:
            raise InvalidCredentials("the header names a parameter twice")
        names.add(name)
        if name != "realm":
            found[name] = _decoded(match[2])
    return found


def _decoded(text: str) -> str:
    """Return percent-encoded text as it was (RFC 5849, section 3.6)."""
    if _STRAY_PERCENT.search(text):
        raise InvalidCredentials(
            "the header has a % that is not followed by two hexadecimal digits"
        )
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise InvalidCredentials("the header is not UTF-8") from None
