"""Signatures of OAuth 1.0 (RFC 5849, section 3.4), by Authlib's functions, and hashes of bodies
(OAuth Request Body Hash, draft 4).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import TypeAlias

from authlib.oauth1.rfc5849.signature import (
    normalize_base_string_uri,
    normalize_parameters,
    plaintext_signature,
)
from authlib.oauth1.rfc5849.util import escape

Parameters: TypeAlias = list[tuple[str, str]]
"""Names and values, decoded; a name may come several times."""

PLAINTEXT = "PLAINTEXT"
_HASHES = {"HMAC-SHA256": "sha256", "HMAC-SHA1": "sha1"}
_NOT_SIGNED = ("oauth_signature", "realm")


def base_string(method: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return what is signed of a request (section 3.4.1); `url` is taken without its query, whose
    parameters are among the others.

    Authlib's own function of this purpose decodes protocol parameters once more, so that a nonce
    could be spelt in several ways under one signature, and a request be replayed. Hence its parts.
    """
    signed = [pair for pair in parameters if pair[0] not in _NOT_SIGNED]
    # the stubs of Authlib leave this one without types
    uri: str = normalize_base_string_uri(url)  # type: ignore[no-untyped-call]
    parts = (method.upper(), uri, normalize_parameters(signed))
    return "&".join(escape(part) for part in parts)


def sign(signature_method: str, text: str, secrets: tuple[str, str]) -> str:
    """Return the signature of a base string, by the secrets of consumer and token (sections 3.4.2
    and 3.4.4); raises KeyError for an unknown method.
    """
    key = plaintext_signature(*secrets)
    if signature_method == PLAINTEXT:
        return key
    digest = hmac.digest(key.encode(), text.encode(), _HASHES[signature_method])
    return base64.b64encode(digest).decode()


def body_hash(signature_method: str, body: bytes) -> str:
    """Return the hash of a body that is no form, by the hash of the signature method (section 3.2);
    raises KeyError for PLAINTEXT, which signs nothing.
    """
    return _hashed(body, _HASHES[signature_method])


def is_hash_of(body: bytes, presented: str) -> bool:
    """Whether this is the hash of a body: by SHA-256, or by SHA-1 as the draft has it and libraries
    send with any method.
    """
    right = {_hashed(body, name) for name in _HASHES.values()}
    return presented in right


def _hashed(body: bytes, name: str) -> str:
    return base64.b64encode(hashlib.new(name, body).digest()).decode()
