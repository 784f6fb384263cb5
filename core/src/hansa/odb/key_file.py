"""The file `secret.key` of a server: the cluster's key, and while it is rotated two of them."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from ..foundation.errors import Invalid
from ..foundation.files import replace_file

KEY_FILE = "secret.key"
SETTING = "server.secret_key"
REMEDY = "restore it from a backup, or copy it from another server of the cluster"
_KEY = re.compile("[A-Za-z0-9_-]{43}=")


def parse_keys(text: str) -> list[str]:
    """Return the keys of a text, which are separated by commas; raises `Invalid`."""
    keys = [part.strip() for part in text.split(",") if part.strip()]
    if not keys or not all(_KEY.fullmatch(key) for key in keys):
        why = "must be 32 random bytes in URL-safe base64 (44 characters); several with commas"
        raise Invalid({SETTING: why})
    return list(dict.fromkeys(keys))


class KeyFile:
    """A file of keys, separated by commas. The last one is the oldest; each change replaces the
    file as a whole, so that at every moment it has the key by which the cluster encrypts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def new_key() -> str:
        """Return a random key: 32 bytes in URL-safe base64."""
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()

    @staticmethod
    def fingerprint_of(key: str) -> str:
        """Return 64 hexadecimal digits that tell a key from any other; a random key cannot be found
        by them.
        """
        return hashlib.sha256(b"check" + key.encode()).hexdigest()

    def read(self) -> list[str]:
        """Return the keys; raises `Invalid` for a file that is missing or holds no key."""
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            raise Invalid({SETTING: f"{self.path} is missing: {REMEDY}"}) from None
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid({SETTING: f"{self.path} cannot be read: {error}"}) from None
        try:
            return parse_keys(text)
        except Invalid as invalid:
            raise Invalid({SETTING: f"{self.path}: {invalid.errors[SETTING]}; {REMEDY}"}) from None

    def fingerprints(self) -> list[str]:
        """Return the fingerprints of the keys, in the order of the file; raises `Invalid`."""
        return [self.fingerprint_of(key) for key in self.read()]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands from changing the file, which would lose the key of one of them.

        Raises `Invalid` while another one does so, and OSError.
        """
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._lock(folder)
            yield
        finally:
            os.close(folder)

    def _lock(self, folder: int) -> None:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Invalid({SETTING: f"another command is changing {self.path}"}) from None

    def announce(self, key: str, current: str) -> None:
        """Put a key that is to be used in front of the one with the fingerprint `current`.

        Raises `Invalid`, and OSError; the file is then untouched.
        """
        self._write([key, self._find(current)])

    def keep_only(self, current: str) -> list[Path]:
        """Leave the key with the fingerprint `current` alone in the file, and return the files into
        which the others went, beside it and only for their owner.

        Raises `Invalid`, and OSError; no key is lost then.
        """
        only = self._find(current)
        others = [key for key in self.read() if key != only]
        kept = [self._keep_aside(key) for key in others]
        if others:
            self._write([only])
        return kept

    def _find(self, fingerprint: str) -> str:
        for key in self.read():
            if self.fingerprint_of(key) == fingerprint:
                return key
        raise Invalid({SETTING: f"{self.path} does not hold the key of this cluster: {REMEDY}"})

    def _keep_aside(self, key: str) -> Path:
        path = self.path.with_name(f"{self.path.name}.old-{self.fingerprint_of(key)[:12]}")
        replace_file(path, key + "\n", durable=True)
        return path

    def _write(self, keys: list[str]) -> None:
        replace_file(self.path, ",".join(keys) + "\n", durable=True)
