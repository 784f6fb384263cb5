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


def marked(data: object, keys: Keys) -> object:
    """Return plain data, at any depth, with a mark in place of each encrypted secret; one that none
    of the keys can read stays as it is.
    """
    if isinstance(data, dict):
        return {
            name: _mark(value, keys)
            if name == ENCRYPTED and isinstance(value, str)
            else marked(value, keys)
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [marked(value, keys) for value in data]
    return data


def _mark(token: str, keys: Keys) -> str:
    try:
        secret = keys.decrypt(token)
    except Invalid:
        return token
    return hmac.new(_MARK_KEY, secret.encode(), hashlib.sha256).hexdigest()
