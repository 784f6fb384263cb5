"""The cluster's key: encrypts secrets and authenticates sources in the ODB, and is itself never in it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any

from ..foundation.errors import Invalid

_KEY = re.compile("[A-Za-z0-9_-]{43}=")


class Keys:
    """Encryption of secrets (Fernet; several comma-separated keys rotate, the first encrypts) and the key for source MACs.

    Raises `Invalid` for a text that is no key.
    """

    def __init__(self, text: str) -> None:
        self._keys = [part.strip() for part in text.split(",") if part.strip()]
        if not self._keys or not all(_KEY.fullmatch(key) for key in self._keys):
            why = "must be 32 random bytes in URL-safe base64 (44 characters); several with commas"
            raise Invalid({"server.secret_key": why})
        # sources stay valid while keys rotate as long as the oldest key stays last
        self.mac = hashlib.sha256(b"sources" + self._keys[-1].encode()).digest()

    @cached_property
    def _cipher(self) -> Any:
        # PERF: imported where needed, most workers never decrypt anything
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self._keys])

    def encrypt(self, text: str) -> dict[str, str]:
        """The stored form of a secret."""
        return {"$encrypted": self._cipher.encrypt(text.encode()).decode()}

    def decrypt(self, token: str) -> str:
        """The secret of a stored form; raises `Invalid` if no key fits."""
        from cryptography.fernet import InvalidToken

        try:
            return str(self._cipher.decrypt(token.encode()).decode())
        except (InvalidToken, AttributeError, ValueError):
            raise Invalid("the secret was encrypted with another key") from None


def load_keys(directory: Path, given: str | None) -> Keys:
    """The key given in the settings, else that of the file `secret.key` (mode 0600), which is made at the first start."""
    if given:
        return Keys(given)
    path = directory / "secret.key"
    if not path.exists():
        fresh = directory / f"secret.key.{secrets.token_hex(4)}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
        # linked only when whole, so that nobody reads half a key; who comes second takes the first one's
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return Keys(path.read_text())
