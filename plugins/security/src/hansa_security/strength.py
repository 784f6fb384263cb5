"""What a password, key or token of callers must be to be accepted (NIST SP 800-63B, 3.1.1.2): long
enough, and not among those that are guessed first.
"""

from __future__ import annotations

import logging
from pathlib import Path

from .credential import is_hash
from .early import SecuritySection

log = logging.getLogger("hansa.security")

RECOMMENDED = 15
"""Length of a password that is the only proof of its user, in characters; shorter ones are warned
of.
"""
FEWEST_DIFFERENT = 4
"""Minimum number of different characters in a secret."""

_GUESSED_FIRST = frozenset((Path(__file__).with_name("guessed_first.txt")).read_text().split())
"""The first guesses of lists that are used, of at least eight characters, in lower case."""


class Requirements:
    """What secrets must be, as the section says; by default as its defaults say."""

    def __init__(self) -> None:
        self._section = SecuritySection()

    def apply(self, section: SecuritySection) -> None:
        """Require what the section says from now on."""
        self._section = section

    def fault_of(self, secret: str, user: str = "") -> str:
        """Return why a secret of a caller is refused; an empty text if it is not, or is a hash."""
        minimum = self._section.minimum_secret
        if not minimum or is_hash(secret):
            return ""
        if len(secret) < minimum:
            return f"must have at least {minimum} characters (security.minimum_secret)"
        weakness = _weakness(secret, user)
        return f"{weakness} (security.minimum_secret)" if weakness else ""

    def warn(self, definition: str, secret: str, user: str = "") -> None:
        """Log that a secret is weaker than it should be; `definition` names where it is."""
        if is_hash(secret):
            return
        weakness = _weakness(secret, user)
        if not weakness and len(secret) < RECOMMENDED:
            weakness = f"has less than {RECOMMENDED} characters"
        if weakness:
            log.warning(
                "a secret of the security definition %s is weak: it %s", definition, weakness
            )


def _weakness(secret: str, user: str) -> str:
    plain = secret.casefold()
    if plain in _GUESSED_FIRST:
        return "is among those that are guessed first"
    if len(set(plain)) < FEWEST_DIFFERENT:
        return f"must have at least {FEWEST_DIFFERENT} different characters"
    name = user.casefold()
    if name and plain.rstrip("0123456789!?.#-_") in (name, name + name, name[::-1]):
        return "is the user name"
    return ""


requirements = Requirements()
"""The requirements of this process, which `prepare` of a type has no server to ask for."""
