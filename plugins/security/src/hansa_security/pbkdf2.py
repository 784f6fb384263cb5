"""Hashes by PBKDF2 in the form of passlib, which Zato 3 and others write: verified here, never made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

MOST_ROUNDS = {"sha256": 600_000, "sha512": 250_000}
"""Rounds that are verified at most, which take about as long: those that OWASP asks for, and more."""
LEAST_ROUNDS = 1_000
"""Fewer hold up nobody who guesses (RFC 8018, 4.2)."""

_FORM = re.compile(
    r"\$pbkdf2-(sha256|sha512)\$([1-9][0-9]{0,8})\$([A-Za-z0-9./]{8,128})\$([A-Za-z0-9./]{40,128})\Z"
)


def is_pbkdf2(stored: str) -> bool:
    """Whether a stored text is such a hash, as long as its algorithm makes it."""
    found = _FORM.match(stored)
    if found is None or not (_is_base64(found[3]) and _is_base64(found[4])):
        return False
    return len(_bytes(found[4])) == hashlib.new(found[1]).digest_size


def fault_of_cost(stored: str) -> str:
    """Return why a hash is refused for what it costs; empty if it is not."""
    found = _FORM.match(stored)
    if found is None:
        return ""
    most = MOST_ROUNDS[found[1]]
    if int(found[2]) > most:
        return f"is a hash that costs too much to verify; the maximum is {most} rounds"
    if int(found[2]) < LEAST_ROUNDS:
        return f"is a hash that is guessed too fast; the minimum is {LEAST_ROUNDS} rounds"
    return ""


def verify(stored: str, presented: bytes) -> bool:
    """Whether a hash is that of this password, in a time that does not reveal how much of it is."""
    found = _FORM.match(stored)
    if found is None:
        return False
    made = hashlib.pbkdf2_hmac(found[1], presented, _bytes(found[3]), int(found[2]))
    return hmac.compare_digest(made, _bytes(found[4]))


def _is_base64(text: str) -> bool:
    return len(text) % 4 != 1


def _bytes(text: str) -> bytes:
    """Return the bytes of passlib's Base64, which has points for plus signs, and no padding."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))
