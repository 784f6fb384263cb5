"""One-time tokens by which components join: the text that is handed over, and what the authority
keeps of it, which does not reveal it.

The text carries where the authority is, the fingerprint of its certificate, and a secret of 256
bits. The authority keeps the SHA-256 of the secret, what the token is good for, and until when.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from hansa import replace_file
from hansa_quickstart.failure import INVALID, Failure

FOLDER: Final = "tokens"
"""The folder of an authority with what it keeps of tokens."""
LONGEST: Final = 4096
"""Characters of the longest token that is read."""
_PREFIX: Final = "hansa1."
_REFUSED: Final = (
    "the token is not valid: it was used already, has expired, or is of another authority"
)


@dataclass(frozen=True)
class Token:
    """What the text of a token says: HOST:PORT of the authority, the fingerprint of its certificate,
    the role of who joins, and the secret.
    """

    address: str
    fingerprint: str
    role: str
    secret: str

    def __str__(self) -> str:
        content = json.dumps([self.address, self.fingerprint, self.role, self.secret])
        return _PREFIX + base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Token:
        """Return what a text says; raises `Failure` for one that is no token."""
        given = text.strip()
        try:
            if not given.startswith(_PREFIX) or len(given) > LONGEST:
                raise ValueError("another prefix, or too long")
            encoded = given.removeprefix(_PREFIX)
            content = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
            address, fingerprint, role, secret = map(str, content)
        except (ValueError, TypeError):
            message = "TOKEN: this is no token of `hansa create token`, or not all of it"
            raise Failure(message, INVALID) from None
        return cls(address, fingerprint, role, secret)


@dataclass(frozen=True)
class Permission:
    """What a token is good for: the role, the name of the component (empty for the next one that is
    free), and further hosts and addresses that its certificate may be for. `expires` is in seconds
    of the Unix epoch.
    """

    role: str
    name: str
    hosts: tuple[str, ...]
    expires: float


def new_secret() -> str:
    """Return a secret of 256 random bits, as text."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is kept of a secret, which is random and long, so that this does not reveal it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same(kept: str, secret: str) -> bool:
    """Whether a secret is the one of which this is kept; takes as long for any other."""
    return hmac.compare_digest(kept, digest(secret))


def keep(authority: Path, secret: str, permission: Permission) -> None:
    """Have an authority accept a token's secret once; forgets those that have expired."""
    for file, found in _kept(authority):
        if found.expires < time.time():
            file.unlink(missing_ok=True)
    replace_file(
        authority / FOLDER / f"{digest(secret)}.json", json.dumps(asdict(permission)), durable=True
    )


def permission_of(authority: Path, secret: str) -> Permission:
    """Return what a token is good for, which can still be used afterwards; raises `Failure`."""
    return _find(authority, secret)[1]


def redeem(authority: Path, secret: str) -> Permission:
    """Return what a token is good for, and accept it never again; of several who come with it at the
    same moment, one succeeds. Raises `Failure`.
    """
    file, permission = _find(authority, secret)
    try:
        file.unlink()
    except FileNotFoundError:
        raise Failure(_REFUSED, INVALID) from None
    return permission


def _find(authority: Path, secret: str) -> tuple[Path, Permission]:
    found = None
    for file, permission in _kept(authority):
        if same(file.stem, secret) and permission.expires >= time.time():
            found = file, permission
    if found is None:
        raise Failure(_REFUSED, INVALID)
    return found


def _kept(authority: Path) -> Iterator[tuple[Path, Permission]]:
    for file in sorted((authority / FOLDER).glob("*.json")):
        try:
            content = json.loads(file.read_text())
        except FileNotFoundError:
            continue  # it has just been used
        content["hosts"] = tuple(content["hosts"])
        yield file, Permission(**content)
