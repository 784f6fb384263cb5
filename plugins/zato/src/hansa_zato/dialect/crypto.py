"""`self.crypto`: encrypts with the server's key, hashes and makes up secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hansa import Invalid, KeyFile, Unavailable

from ..section import ZatoSection

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet
    from hansa import Server

KEY_FILE: Final = "secret.key"
_PURPOSE: Final = b"self.crypto of hansa-zato"
# OWASP Password Storage Cheat Sheet, scrypt
_LOG_COST: Final = 15
_BLOCKS: Final = 8
_LANES: Final = 3
_MOST_MEMORY: Final = 64 * 1024 * 1024
_MOST_ROUNDS: Final = 10_000_000
"""The rounds of PBKDF2 that are verified at most."""


class Crypto:
    """Encryption by the key of this server, or by `zato.crypto_key`; hashes of secrets."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def encrypt(self, data: str | bytes) -> str:
        """Return the token of a secret (Fernet)."""
        raw = data.encode() if isinstance(data, str) else data
        return self._cipher().encrypt(raw).decode()

    def decrypt(self, token: str | bytes) -> str:
        """Return the secret of a token; raises ValueError for one that no key fits."""
        from cryptography.fernet import InvalidToken

        try:
            return self._cipher().decrypt(token).decode()
        except InvalidToken:
            raise ValueError("the token was not made with a key of this server") from None

    def hash_secret(self, data: str | bytes, name: str = "zato.default") -> str:
        """Return the salted hash of a secret (scrypt); `name` has no effect."""
        salt = secrets.token_bytes(16)
        found = _scrypt(_bytes(data), salt, _LOG_COST, _BLOCKS, _LANES)
        cost = f"ln={_LOG_COST},r={_BLOCKS},p={_LANES}"
        return f"$scrypt${cost}${_text(salt)}${_text(found)}"

    def verify_hash(
        self, given: str | bytes, expected: str | bytes, name: str = "zato.default"
    ) -> bool:
        """Whether a secret has a hash: one of `hash_secret`, or of Zato's (PBKDF2)."""
        stored = expected.decode() if isinstance(expected, bytes) else expected
        try:
            wanted, found = _both(_bytes(given), stored)
        except (ValueError, KeyError, TypeError):
            raise ValueError("this is not the hash of a secret") from None
        return hmac.compare_digest(wanted, found)

    def generate_secret(self, bits: int = 256) -> str:
        """Return a random text of so many bits."""
        return base64.urlsafe_b64encode(secrets.token_bytes(max(bits, 128) // 8)).decode()

    def generate_password(self, bits: int = 192, to_str: bool = True) -> str:
        """Return a random password of so many bits, in letters and digits."""
        return secrets.token_hex(max(bits, 128) // 8)

    def generate_key(self) -> str:
        """Return a random key for encryption (Fernet)."""
        return KeyFile.new_key()

    def _cipher(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet  # lazy: few services encrypt

        return MultiFernet([Fernet(key) for key in self._keys()])

    def _keys(self) -> list[bytes]:
        """Return the keys, that which encrypts first."""
        given = self._server.section(ZatoSection).crypto_key
        if given is not None:
            return [key.strip().encode() for key in given.split(",")]
        file = KeyFile(Path(self._server.dir) / KEY_FILE)
        try:
            keys = file.read()
        except Invalid as invalid:
            raise Unavailable(
                "self.crypto has no key: the server's is not in a file, so set zato.crypto_key"
            ) from invalid
        # there are several while keys are rotated
        current = self._server.cluster.current_key()
        keys.sort(key=lambda each: KeyFile.fingerprint_of(each) != current)
        return [_derived(key) for key in keys]


def cipher_in(path: Path) -> MultiFernet:
    """Return what encrypts by the key of a server, in its folder, or by the keys of a file, separated
    by commas; raises `Invalid` for what holds no key.
    """
    from cryptography.fernet import Fernet, MultiFernet  # lazy: as above

    is_server = path.is_dir()
    keys = KeyFile(path / KEY_FILE if is_server else path).read()
    return MultiFernet([Fernet(_derived(key) if is_server else key.encode()) for key in keys])


def _derived(key: str) -> bytes:
    """Return a key of its own, so that nobody takes a service's token for a stored secret."""
    found = hmac.digest(key.encode(), _PURPOSE, "sha256")
    return base64.urlsafe_b64encode(found)


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _raw(text: str) -> bytes:
    """Return the bytes of a text in base64, also with the alphabet of passlib's hashes."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)


def _scrypt(data: bytes, salt: bytes, log_cost: int, blocks: int, lanes: int) -> bytes:
    cost = 2**log_cost
    return hashlib.scrypt(data, salt=salt, n=cost, r=blocks, p=lanes, maxmem=_MOST_MEMORY, dklen=32)


def _both(given: bytes, stored: str) -> tuple[bytes, bytes]:
    """Return the hash that is stored, and that of what is given; raises ValueError."""
    _, kind, cost, salt, digest = stored.split("$")
    wanted = _raw(digest)
    if kind == "scrypt":
        numbers = dict(part.split("=") for part in cost.split(","))
        log_cost, blocks, lanes = (int(numbers[name]) for name in ("ln", "r", "p"))
        if log_cost > 20 or lanes > 16:
            raise ValueError("costs too much")
        return wanted, _scrypt(given, _raw(salt), log_cost, blocks, lanes)
    algorithm = kind.removeprefix("pbkdf2-")
    rounds = int(cost)
    if algorithm not in ("sha256", "sha512") or rounds > _MOST_ROUNDS:
        raise ValueError("is not one of Zato's")
    return wanted, hashlib.pbkdf2_hmac(algorithm, given, _raw(salt), rounds)
