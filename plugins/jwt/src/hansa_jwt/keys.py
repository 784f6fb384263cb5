"""Keys of tokens, read from settings or from a JSON Web Key Set (RFC 7517).

A key is of one kind, and verifies only the algorithms of that kind, whatever a token says: a public
key is never the secret of an HMAC, and a curve never stands in for another.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, Key, OctKey, OKPKey, RSAKey

if TYPE_CHECKING:
    from .settings import JwtSettings

# keys that are too small are refused here, and EdDSA is only a name (RFC 9864): nothing to warn of
warnings.simplefilter("ignore", SecurityWarning)

MOST_KEYS = 50
"""Maximum keys of a key set; further ones are ignored."""
_LARGEST_RSA = 8192
_SMALLEST_RSA = 2048
"""Sizes in bits: smaller moduli are forbidden (RFC 7518, section 3.3), larger ones take too long.
"""

_OF_RSA = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))
_OF_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_OF_ED25519 = frozenset(("EdDSA", "Ed25519"))
_HASH_SIZES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Bytes that a secret must have at least (RFC 7518, section 3.2)."""
_PUBLIC = ("kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y")
"""The members of a JSON Web Key that are read from a key set: none that is private."""
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm, RecursionError)


def algorithms_of(key: Key) -> frozenset[str]:
    """Return the algorithms of signatures that a key is for; none if it must not be used for any."""
    operations = key.get("key_ops")
    if key.get("use") == "enc" or (operations and not {"verify", "sign"} & set(operations)):
        return frozenset()
    found = _suitable(key)
    return found & {key.alg} if key.alg else found


def _suitable(key: Key) -> frozenset[str]:
    native = key.raw_value
    if isinstance(native, bytes):
        return frozenset(name for name, size in _HASH_SIZES.items() if len(native) >= size)
    if isinstance(native, RSAPublicKey | RSAPrivateKey):
        return _OF_RSA if _SMALLEST_RSA <= native.key_size <= _LARGEST_RSA else frozenset()
    if isinstance(native, EllipticCurvePublicKey | EllipticCurvePrivateKey):
        found = _OF_CURVES.get(native.curve.name)
        return frozenset([found] if found else [])
    if isinstance(native, Ed25519PublicKey | Ed25519PrivateKey):
        return _OF_ED25519
    return frozenset()


# -- reading ---------------------------------------------------------------------------------------


def read_key_set(text: bytes) -> list[Key]:
    """Return the usable keys of a JSON Web Key Set; raises ValueError for what is not one.

    Keys that cannot be read, are of unknown types, or secret are ignored (RFC 7517, section 5).
    """
    try:
        found = json.loads(text.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise ValueError("is not a JSON Web Key Set (RFC 7517)")
    keys = []
    for entry in entries[:MOST_KEYS]:
        key = _public_jwk(entry)
        if key is not None and algorithms_of(key):
            keys.append(key)
    return keys


def _public_jwk(entry: object) -> Key | None:
    if not isinstance(entry, dict):
        return None
    try:
        return JWKRegistry.import_key({name: entry[name] for name in _PUBLIC if name in entry})
    except _UNREADABLE:
        return None


def read_public_key(text: str) -> Key:
    """Return a public key in PEM (a certificate, too) or as a JSON Web Key; raises ValueError."""
    key = _read_pem(text, private=False) if "-----BEGIN" in text else _read_jwk(text)
    if key.is_private:
        raise ValueError("is a private key or a secret: only the public half belongs here")
    return key


def read_secret(text: str) -> Key:
    """Return a shared secret, given as text or as a JSON Web Key; raises ValueError."""
    if text.lstrip().startswith("{"):
        key = _read_jwk(text)
        if not isinstance(key, OctKey):
            raise ValueError("is a JSON Web Key of another type than oct")
        return key
    if "-----BEGIN" in text:
        raise ValueError("is a key of a pair, and no secret")
    try:
        return OctKey.import_key(text)
    except _UNREADABLE:
        raise ValueError("is empty, or a key of a pair and no secret") from None


def read_signing_key(settings: JwtSettings) -> Key:
    """Return the key that signs outgoing calls; raises ValueError if it is not one."""
    text = str(settings.signing_key)
    return read_secret(text) if settings.is_symmetric else read_private_key(text)


def read_private_key(text: str) -> Key:
    """Return a private key in PEM or as a JSON Web Key; raises ValueError."""
    key = _read_pem(text, private=True) if "-----BEGIN" in text else _read_jwk(text)
    if not key.is_private:
        raise ValueError("is a public key: the private one signs")
    return key


def signing_algorithm(settings: JwtSettings, key: Key) -> str:
    """Return the first of the algorithms that suits a key; an empty text if none does."""
    suitable = algorithms_of(key)
    return next((name for name in settings.algorithms if name in suitable), "")


def _read_pem(text: str, *, private: bool) -> Key:
    try:
        content = text.strip().encode("ascii")
        native: object
        if "CERTIFICATE" in text and not private:
            native = load_pem_x509_certificate(content).public_key()
        elif private or "PRIVATE" in text:
            native = load_pem_private_key(content, password=None)
        else:
            native = load_pem_public_key(content)
    except _UNREADABLE:
        raise ValueError("cannot be read as a key in PEM without a passphrase") from None
    if isinstance(native, RSAPublicKey | RSAPrivateKey):
        return RSAKey.import_key(native)
    if isinstance(native, EllipticCurvePublicKey | EllipticCurvePrivateKey):
        if native.curve.name not in _OF_CURVES:
            raise ValueError("is on another curve than P-256, P-384 and P-521")
        return ECKey.import_key(native)
    if isinstance(native, Ed25519PublicKey | Ed25519PrivateKey):
        return OKPKey.import_key(native)
    raise ValueError("is neither RSA, nor EC, nor Ed25519")


def _read_jwk(text: str) -> Key:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise ValueError("is neither a key in PEM nor a JSON Web Key")
    try:
        return JWKRegistry.import_key(entry)
    except _UNREADABLE:
        raise ValueError("cannot be read as a JSON Web Key") from None


# -- of settings -----------------------------------------------------------------------------------


def keys_of(settings: JwtSettings) -> list[Key]:
    """Return the keys in the settings that verify tokens; raises ValueError for one that is none."""
    if settings.secrets:
        return [read_secret(text) for text in settings.secrets]
    if settings.public_keys or settings.signing_key is None:
        return [read_public_key(text) for text in settings.public_keys]
    return [public_half(read_signing_key(settings))]


def public_half(key: Key) -> Key:
    """Return the key that verifies what a key signs; a secret verifies by itself."""
    if isinstance(key, OctKey):
        return key
    named: dict[str, str] = {"kid": key.kid} if key.kid else {}
    return JWKRegistry.import_key({**key.as_dict(private=False), **named})


def faults_of_keys(settings: JwtSettings) -> dict[str, str]:
    """Return what is wrong with the keys in the settings, by setting."""
    found = {
        f"public_keys[{index}]": _fault(partial(read_public_key, text), settings)
        for index, text in enumerate(settings.public_keys)
    }
    for index, secret in enumerate(settings.secrets):
        found[f"secrets[{index}]"] = _fault(partial(read_secret, secret), settings)
    if settings.signing_key is not None:
        found["signing_key"] = _fault(partial(read_signing_key, settings), settings)
    return {name: fault for name, fault in found.items() if fault}


def _fault(read: Callable[[], Key], settings: JwtSettings) -> str:
    """Return what is wrong with the key that `read` returns; an empty text if nothing is."""
    try:
        key = read()
    except ValueError as error:
        return str(error)
    if signing_algorithm(settings, key):
        return ""
    if settings.is_symmetric and not _suitable(key).intersection(settings.algorithms):
        least = min(_HASH_SIZES[name] for name in settings.algorithms)
        return f"is too short: at least {least} bytes are needed (RFC 7518, section 3.2)"
    return "suits none of the algorithms: they need another type, curve, size or use of key"
