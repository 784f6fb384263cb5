"""The cluster's key, which is never in the ODB: it encrypts secrets and authenticates sources.

While keys are rotated a server holds several, and the ODB says by a fingerprint which of them the
cluster uses.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..foundation.errors import Invalid
from ..foundation.files import create_file
from .identity import NOTE
from .key_file import KEY_FILE, KeyFile, parse_keys

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

log = logging.getLogger("hansa.server")

ENCRYPTED = "$encrypted"
"""The reference that a secret is stored as."""
RENEW = ""
"""The fingerprint with which an ODB takes that of the next server which starts, whatever is stored:
for an administrator who has lost the key.
"""
Stamp: TypeAlias = tuple[int, int, int] | None
"""What tells one content of a file from the next: inode, size, time of change; None if missing."""


class SecretKey:
    """One key; `mac` is the key of the MACs that it makes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fingerprint = KeyFile.fingerprint_of(text)
        self.mac = hashlib.sha256(b"sources" + text.encode()).digest()

    @cached_property
    def cipher(self) -> Fernet:
        """What encrypts with it; imported when first used: most workers never decrypt anything."""
        from cryptography.fernet import Fernet

        return Fernet(self.text)

    def encrypt(self, text: str) -> str:
        """Return the token of a secret."""
        return self.cipher.encrypt(text.encode()).decode()

    def sign(self, content: bytes) -> str:
        """Return the MAC of a content, in hexadecimal digits."""
        return hmac.new(self.mac, content, hashlib.sha256).hexdigest()


class Keys:
    """The keys of a server (Fernet), separated by commas: `current` encrypts and makes MACs, all of
    them decrypt and verify.

    Until the ODB says which is current, it is the last one, which is the oldest. With `file` they
    are those that a file had at `stamp`; it is read again when it is replaced. Raises `Invalid` for
    a text that is not a key.
    """

    def __init__(self, text: str, file: Path | None = None, stamp: Stamp = None) -> None:
        self.file = file
        self._stamp = stamp
        self._keys = [SecretKey(key) for key in parse_keys(text)]
        self._dropped: list[SecretKey] = []
        self.current = self._keys[-1]

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the current key."""
        return self.current.fingerprint

    @property
    def fingerprints(self) -> list[str]:
        """The fingerprints of all keys, in the order in which they were given."""
        return [key.fingerprint for key in self._keys]

    def find(self, fingerprint: str) -> SecretKey | None:
        """Return the key with a fingerprint; None if it is not there."""
        return next((key for key in self._keys if key.fingerprint == fingerprint), None)

    def fits(self, fingerprint: str | None) -> bool:
        """Whether the key with the fingerprint that an ODB has is there, or the ODB has none."""
        return fingerprint is None or fingerprint == RENEW or self.find(fingerprint) is not None

    def follow(self, fingerprint: str | None) -> bool:
        """Make the key with the fingerprint that the ODB has the current one; returns whether that
        is there.

        A file that was replaced is read first.
        """
        self.refresh(fingerprint)
        found = self.find(fingerprint) if fingerprint else None
        if found is not None:
            self.current = found
        return self.fits(fingerprint)

    def refresh(self, fingerprint: str | None) -> None:
        """Read the file again if it was replaced; it counts if the key with this fingerprint is in
        it.
        """
        stamp = stamp_of(self.file)
        if self.file is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            fresh = read_keys(self.file.parent, None)
        except Invalid as invalid:
            log.error("the keys that were read before are used: %s", invalid)
            return
        if not fresh.fits(fingerprint):
            log.error("%s was replaced, and does not hold the key of this cluster", self.file)
            return
        # what was read from the ODB before may still be decrypted
        self._dropped += [key for key in self._keys if not fresh.find(key.fingerprint)]
        self._keys = fresh._keys
        self.current = fresh.find(self.fingerprint) or fresh.current

    def encrypt(self, text: str) -> dict[str, str]:
        """Return the stored form of a secret."""
        return {ENCRYPTED: self.current.encrypt(text)}

    def decrypt(self, token: str) -> str:
        """Return the secret of a stored form; raises `Invalid` if no key fits."""
        from cryptography.fernet import InvalidToken, MultiFernet

        ciphers = [key.cipher for key in (*self._keys, *self._dropped)]
        try:
            return MultiFernet(ciphers).decrypt(token.encode()).decode()
        except (InvalidToken, AttributeError, ValueError):
            raise Invalid("the secret was encrypted with another key") from None

    def sign(self, content: bytes) -> str:
        """Return the MAC of a content, in hexadecimal digits."""
        return self.current.sign(content)

    def verify(self, mac: str, content: bytes) -> bool:
        """Whether one of the keys made this MAC of a content."""
        return any(hmac.compare_digest(mac, key.sign(content)) for key in self._keys)


def signed_source(file: str, source: str) -> bytes:
    """Return what the MAC of a package's source is made of."""
    return f"{file}\0{source}".encode()


def stamp_of(file: Path | None) -> Stamp:
    """Return what tells the present content of a file from a later one."""
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def load_keys(directory: Path, given: str | None) -> Keys:
    """Return the given keys, else those of the file `secret.key` (0600), which the first start
    makes.

    Raises `Invalid` if the file of a server that was started before is missing, or holds no key.
    """
    path = directory / KEY_FILE
    if not given and not path.exists() and not (directory / NOTE).exists():
        # of several that start at once, one makes the file, and the others take its key
        create_file(path, KeyFile.new_key() + "\n")
    return read_keys(directory, given)


def read_keys(directory: Path, given: str | None) -> Keys:
    """Return the given keys, else those of the file `secret.key`; raises `Invalid` if there are
    none.
    """
    if given:
        return Keys(given)
    file = directory / KEY_FILE
    stamp = stamp_of(file)
    return Keys(",".join(KeyFile(file).read()), file, stamp)
