"""The algorithms of signatures that are accepted, and those that are made."""

from __future__ import annotations

from typing import TypeAlias

import xmlsec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Transform: TypeAlias = object
"""An algorithm, as xmlsec names it."""

SHA_256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_DSIG_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_SHA1_SIGNATURES: dict[str, Transform] = {f"{_DSIG}rsa-sha1": xmlsec.Transform.RSA_SHA1}
_SHA1_DIGESTS: dict[str, Transform] = {f"{_DSIG}sha1": xmlsec.Transform.SHA1}
_SIGNATURES: dict[str, Transform] = {
    f"{_DSIG_MORE}rsa-sha256": xmlsec.Transform.RSA_SHA256,
    f"{_DSIG_MORE}rsa-sha384": xmlsec.Transform.RSA_SHA384,
    f"{_DSIG_MORE}rsa-sha512": xmlsec.Transform.RSA_SHA512,
    f"{_DSIG_MORE}ecdsa-sha256": xmlsec.Transform.ECDSA_SHA256,
    f"{_DSIG_MORE}ecdsa-sha384": xmlsec.Transform.ECDSA_SHA384,
    f"{_DSIG_MORE}ecdsa-sha512": xmlsec.Transform.ECDSA_SHA512,
}
_DIGESTS: dict[str, Transform] = {
    SHA_256: xmlsec.Transform.SHA256,
    f"{_DSIG_MORE}sha384": xmlsec.Transform.SHA384,
    "http://www.w3.org/2001/04/xmlenc#sha512": xmlsec.Transform.SHA512,
}
SMALLEST_RSA_KEY = 2048
"""Minimum size of RSA keys, in bits (NIST SP 800-57, part 1)."""


class Algorithms:
    """The algorithms that a definition accepts, by the URIs that name them; SHA-1 only if it says
    so.
    """

    def __init__(self, *, sha1: bool) -> None:
        self.signatures = dict(_SIGNATURES)
        self.digests = dict(_DIGESTS)
        if sha1:
            self.signatures.update(_SHA1_SIGNATURES)
            self.digests.update(_SHA1_DIGESTS)


def fault_of_key(key: object) -> str:
    """Return why a public key cannot be used; an empty text if it can."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < SMALLEST_RSA_KEY:
            return f"has an RSA key of {key.key_size} bits; the minimum is {SMALLEST_RSA_KEY}"
        return ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ""
    return "has a key that is neither RSA nor of an elliptic curve"


def method_for(key: object) -> Transform:
    """Return the algorithm that signs with the private key of this public key."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return xmlsec.Transform.ECDSA_SHA256
    return xmlsec.Transform.RSA_SHA256
