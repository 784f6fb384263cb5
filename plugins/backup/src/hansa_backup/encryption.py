"""Encryption of a backup with a passphrase, in pieces of which none can be changed, moved, repeated
or left out: AES-256-GCM, with the key by scrypt (RFC 7914) and nonces as in the STREAM construction.

The file: `MAGIC`, the salt, the beginning of all nonces, and pieces of `PIECE` bytes, each with its
tag of 16 bytes. The nonce of a piece ends with its number (4 bytes) and 1 if it is the last one.
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO, Final, cast

from hansa_quickstart.failure import INVALID, Failure

MAGIC: Final = b"hansa backup, encrypted, 1\n"
PIECE: Final = 2**20
"""Bytes that are encrypted together."""
_TAG: Final = 16
_SALT: Final = 16
_BEGINNING: Final = 7
_COST: Final = 2**16
"""Rounds of scrypt: 64 MiB, and a tenth of a second or two."""


class Cipher:
    """Encrypts or decrypts the pieces of one file, which must be handed over in order."""

    def __init__(self, passphrase: str, salt: bytes, beginning: bytes) -> None:
        # takes 50 ms to import
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        key = Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(
            passphrase.encode(errors="surrogateescape")
        )
        self._cipher = AESGCM(key)
        self._beginning = beginning
        self._associated = MAGIC + salt + beginning
        self._number = 0

    def encrypt(self, piece: bytes, *, last: bool) -> bytes:
        """Return a piece encrypted, with its tag."""
        return self._cipher.encrypt(self._nonce(last), piece, self._associated)

    def decrypt(self, piece: bytes, *, last: bool) -> bytes:
        """Return a piece decrypted; raises `Failure` if it is not what was encrypted."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(self._nonce(last), piece, self._associated)
        except InvalidTag:
            message = "the passphrase is not the one of this backup, or the file was changed"
            raise Failure(message, INVALID) from None

    def _nonce(self, last: bool) -> bytes:
        number = self._number.to_bytes(4, "big")
        self._number += 1
        return self._beginning + number + bytes([last])


class EncryptedWriter(io.RawIOBase):
    """A file that is encrypted while it is written; `close` writes the last piece, and leaves the
    file beneath open.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        salt = os.urandom(_SALT)
        beginning = os.urandom(_BEGINNING)
        self._file = file
        self._cipher = Cipher(passphrase, salt, beginning)
        self._waiting = bytearray()
        file.write(MAGIC + salt + beginning)

    def writable(self) -> bool:
        """It can be written."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # tarfile hands over bytes
        """Take data; returns how many bytes."""
        self._waiting += data
        # the last piece is known at the end alone
        while len(self._waiting) > PIECE:
            self._file.write(self._cipher.encrypt(bytes(self._waiting[:PIECE]), last=False))
            del self._waiting[:PIECE]
        return len(data)

    def close(self) -> None:
        """Write the last piece."""
        if not self.closed:
            self._file.write(self._cipher.encrypt(bytes(self._waiting), last=True))
        super().close()


class EncryptedReader(io.RawIOBase):
    """A file that is decrypted while it is read; raises `Failure` for one that was changed or cut."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        file.seek(len(MAGIC))
        salt = file.read(_SALT)
        self._cipher = Cipher(passphrase, salt, file.read(_BEGINNING))
        self._next = file.read(PIECE + _TAG)
        self._clear = b""

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any that is writable
        """Read some bytes; 0 at the end."""
        if not self._clear and self._next:
            following = self._file.read(PIECE + _TAG)
            self._clear = self._cipher.decrypt(self._next, last=not following)
            self._next = following
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._clear))
        target[:count] = self._clear[:count]
        self._clear = self._clear[count:]
        return count


def decrypting(file: BinaryIO, passphrase: str) -> BinaryIO:
    """Return a file that is decrypted while it is read; raises `Failure` as it is read."""
    return io.BufferedReader(cast(io.RawIOBase, EncryptedReader(file, passphrase)), PIECE)


def is_encrypted(file: BinaryIO) -> bool:
    """Whether a file begins as an encrypted backup; leaves it at its beginning."""
    found = file.read(len(MAGIC)) == MAGIC
    file.seek(0)
    return found
