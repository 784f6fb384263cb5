"""Marks that stand for secrets where settings are compared: equal for equal secrets, and of no use to
anybody who sees them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from ..foundation.errors import Invalid
from .keys import ENCRYPTED, Keys

_MARK_KEY = secrets.token_bytes(32)
"""Known to nobody, so that no mark can be compared with that of a guess."""
HASHED = "hashed:"
"""What the mark of a salted hash begins with."""
_SALTED_HASH = "$argon2"
_COST = 2**12
"""The cost (n) of scrypt, RFC 7914: some 10 ms and 4 MB for each mark, and for each guess."""


def marked(data: object, keys: Keys, salt: bytes = b"") -> object:
    """Return plain data, at any depth, with a mark in place of each encrypted secret; one that none
    of the keys can read stays as it is.

    With a salt, which then has to be new for each comparison, marks are the same in all clusters.
    Whoever knows it may try guesses, slowly. The mark of a password that is stored as a salted hash
    begins with `hashed:`: where it differs, the password need not.
    """
    if isinstance(data, dict):
        return {
            name: _mark(value, keys, salt)
            if name == ENCRYPTED and isinstance(value, str)
            else marked(value, keys, salt)
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [marked(value, keys, salt) for value in data]
    return data


def _mark(token: str, keys: Keys, salt: bytes) -> str:
    try:
        secret = keys.decrypt(token)
    except Invalid:
        return token
    if salt:
        mark = hashlib.scrypt(secret.encode(), salt=salt, n=_COST, r=8, p=1, dklen=32).hex()
        return f"{HASHED}{mark}" if secret.startswith(_SALTED_HASH) else mark
    return hmac.new(_MARK_KEY, secret.encode(), hashlib.sha256).hexdigest()
