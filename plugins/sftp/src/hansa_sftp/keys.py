"""Private keys and host keys, read from the text of settings."""

from __future__ import annotations

import contextlib
import io

import paramiko
from hansa import Invalid
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

SSH_PORT = 22
_KEY_TYPES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_KEY_TYPE_PREFIXES = ("ssh-", "ecdsa-")


def parse_private_key(text: str, passphrase: str | None) -> paramiko.PKey:
    """Return the private key in a text in the format of OpenSSH or PEM; raises `Invalid`."""
    for key_type in _KEY_TYPES:
        with contextlib.suppress(paramiko.SSHException, ValueError):
            return key_type.from_private_key(io.StringIO(text.strip() + "\n"), passphrase)
    raise Invalid(
        {
            "key": "is not a private key of a known type (Ed25519, ECDSA, RSA),"
            " or the passphrase is wrong"
        }
    )


def parse_known_hosts(text: str, host: str, port: int) -> list[tuple[str, paramiko.PKey]]:
    """Return the host keys in lines of known_hosts, by host name; raises `Invalid`.

    A line without host names is for this host and port.
    """
    here = host if port == SSH_PORT else f"[{host}]:{port}"
    found: list[tuple[str, paramiko.PKey]] = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        entry = _parse_line(f"{here} {line}" if line.startswith(_KEY_TYPE_PREFIXES) else line)
        if entry is None:
            raise Invalid({"known_hosts": f"is not a line of known_hosts: {line[:80]!r}"})
        found += [(name, entry.key) for name in entry.hostnames]
    return found


def _parse_line(line: str) -> HostKeyEntry | None:
    with contextlib.suppress(InvalidHostKey, paramiko.SSHException, ValueError):
        return HostKeyEntry.from_line(line)
    return None
