"""Settings of the security type `oauth1`."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from hansa import Invalid, Model, Secret, setting
from hansa_security.credential import fault_of, is_hash

SignatureMethod = Literal["HMAC-SHA256", "HMAC-SHA1", "PLAINTEXT"]
"""How requests are signed (RFC 5849, section 3.4). RSA-SHA1 is not offered: SHA-1 is broken as the
hash of a signature that everybody can verify, since two texts with the same hash can be made.
"""

_is_realm = re.compile(r'[^"\\\x00-\x1f\x7f]*').fullmatch


class OAuth1Settings(Model):
    """OAuth 1.0.

    What a definition of OAuth 1.0 holds. Times are seconds.
    """

    consumer_key: Annotated[
        str,
        setting("Key of the consumer (client)", min_length=1, max_length=256, example="partner"),
    ]
    consumer_secret: Annotated[
        Secret,
        setting("Secret of the consumer; encrypted, since signatures are computed from its text"),
    ]
    token: Annotated[
        Secret | None,
        setting("Access token that goes with each request; without one, two-legged"),
    ] = None
    token_secret: Annotated[Secret | None, setting("Secret of the access token")] = None
    signature_methods: Annotated[
        list[SignatureMethod],
        setting(
            "Signature methods that callers may use, the first of which also signs outgoing calls; "
            "PLAINTEXT is accepted and sent over TLS only",
            min_length=1,
        ),
    ] = ["HMAC-SHA256", "HMAC-SHA1"]
    signs: Annotated[bool, setting("Whether it also signs outgoing calls")] = False
    clock_skew: Annotated[
        int,
        setting(
            "Tolerated difference between a request's timestamp and the server's clock, in seconds; "
            "nonces are remembered for twice as long",
            ge=1,
            le=86400,
        ),
    ] = 300
    require_body_hash: Annotated[
        bool,
        setting(
            "Whether callers must sign bodies that are no forms (oauth_body_hash); where it is sent "
            "it is always checked"
        ),
    ] = False
    body_hash: Annotated[
        bool,
        setting(
            "Whether the bodies of outgoing calls that are no forms are signed (oauth_body_hash)",
            advanced=True,
        ),
    ] = True
    address: Annotated[
        str,
        setting(
            "Scheme, host and port that callers have signed, where a proxy before the server changes "
            "them; by default those of the request",
            max_length=1024,
            advanced=True,
            example="https://api.example.com",
        ),
    ] = ""
    realm: Annotated[
        str,
        setting(
            "Name of the protected area as callers see it (RFC 9110); empty is hansa. Outgoing calls "
            "send it, if it is given",
            max_length=256,
            advanced=True,
        ),
    ] = ""

    @property
    def secrets(self) -> tuple[str, str]:
        """The secrets of the consumer and of the token, which may be empty."""
        return str(self.consumer_secret), str(self.token_secret or "")

    def check(self) -> None:
        """Refuse secrets that are hashes, a token without its other half, and what headers cannot
        carry.
        """
        faults: dict[str, str] = {}
        fault = _fault_of_secret(self.consumer_secret)
        if fault:
            faults["consumer_secret"] = fault
        if self.token_secret is not None:
            fault = _fault_of_secret(self.token_secret)
            if fault:
                faults["token_secret"] = fault
            elif not self.token:
                faults["token"] = "required, since there is a token_secret"
        if not self.consumer_key.isprintable():
            faults["consumer_key"] = "must not contain control characters"
        fault = "" if self.token is None else fault_of(self.token)
        if fault:
            faults["token"] = fault
        if not _is_realm(self.realm):
            faults["realm"] = "must not contain quotes, backslashes or control characters"
        fault = _fault_of_address(self.address)
        if fault:
            faults["address"] = fault
        if faults:
            raise Invalid(faults)


def _fault_of_secret(secret: str) -> str:
    fault = fault_of(secret)
    if not fault and is_hash(secret):
        return "is a hash, from which no signature can be computed: give the secret itself"
    return fault


def _fault_of_address(address: str) -> str:
    """Return what is wrong with the address that callers sign; an empty text if nothing is."""
    if not address:
        return ""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "must be http:// or https://, a host, and a port if it is not the usual one"
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return "must not contain more than scheme, host and port"
    return ""
