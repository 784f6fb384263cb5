"""The cluster's key, which is never in the ODB: it encrypts secrets and authenticates sources."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..foundation.errors import Invalid
from ..foundation.files import create_file
from .identity import NOTE

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_FILE = "secret.key"
REMEDY = "restore it from a backup, or copy it from another server of the cluster"
_KEY = re.compile("[A-Za-z0-9_-]{43}=")


class Keys:
    """Encryption of secrets (Fernet; several comma-separated keys rotate, the first encrypts) and
    the key for source MACs.

    Raises `Invalid` for a text that is not a key.
    """

    def __init__(self, text: str) -> None:
        self._keys = [part.strip() for part in text.split(",") if part.strip()]
        if not self._keys or not all(_KEY.fullmatch(key) for key in self._keys):
            why = "must be 32 random bytes in URL-safe base64 (44 characters); several with commas"
            raise Invalid({"server.secret_key": why})
        # sources stay valid while keys rotate as long as the oldest key stays last
        oldest = self._keys[-1].encode()
        self.mac = hashlib.sha256(b"sources" + oldest).digest()
        self.fingerprint = hashlib.sha256(b"check" + oldest).hexdigest()
        """What tells the oldest key from any other; a random key cannot be found by it."""

    @cached_property
    def _cipher(self) -> MultiFernet:
        # imported where it is needed: most workers never decrypt anything
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self._keys])

    def encrypt(self, text: str) -> dict[str, str]:
        """Return the stored form of a secret."""
        return {"$encrypted": self._cipher.encrypt(text.encode()).decode()}

    def decrypt(self, token: str) -> str:
        """Return the secret of a stored form; raises `Invalid` if no key fits."""
        from cryptography.fernet import InvalidToken

        try:
            return self._cipher.decrypt(token.encode()).decode()
        except (InvalidToken, AttributeError, ValueError):
            raise Invalid("the secret was encrypted with another key") from None


def load_keys(directory: Path, given: str | None) -> Keys:
    """Return the given key, else that of the file `secret.key` (0600), which the first start makes.

    Raises `Invalid` if the file of a server that was started before is missing, or holds no key.
    """
    path = directory / KEY_FILE
    if not given and not path.exists() and not (directory / NOTE).exists():
        fresh = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        # of several that start at once, one makes the file, and the others take its key
        create_file(path, fresh + "\n")
    return read_keys(directory, given)


def read_keys(directory: Path, given: str | None) -> Keys:
    """Return the given key, else that of the file `secret.key`; raises `Invalid` if there is none."""
    if given:
        return Keys(given)
    path = directory / KEY_FILE
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise Invalid({"server.secret_key": f"{path} is missing: {REMEDY}"}) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid({"server.secret_key": f"{path} cannot be read: {error}"}) from None
    try:
        return Keys(text)
    except Invalid as invalid:
        why = invalid.errors["server.secret_key"]
        raise Invalid({"server.secret_key": f"{path}: {why}; {REMEDY}"}) from None
