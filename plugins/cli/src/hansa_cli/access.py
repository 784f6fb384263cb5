"""What the admin API and its clients agree on: the user, where a server's folder has address and
password, and which states are as wanted.

The admin plugin serves what is named here, and takes these names from this module, which imports
nothing heavy.
"""

from __future__ import annotations

import json
from pathlib import Path

USER = "admin"
"""The user of the admin API that every server has."""

PASSWORD_VARIABLE = "HANSA_ADMIN_PASSWORD"
"""The environment variable with the password of the user `admin`, for servers and commands; it
takes precedence over the password file.
"""

RUNNING = "running"
ELSEWHERE = "elsewhere"
"""The state of a definition in a worker that leaves it to another one."""

RUNS = frozenset({RUNNING, "inactive", ELSEWHERE})
"""The states in which everything is as the definition wants it."""

FINAL = RUNS | {"retrying", "failed", "quarantined"}
"""The states that last until something else changes."""

DEFAULT_URL = "http://127.0.0.1:11223"
"""Where a server listens for HTTP unless it is configured otherwise."""


def password_file(directory: Path) -> Path:
    """Return the path of the file with the admin's password, in a server's folder."""
    return directory / "admin.password"


def address_file(directory: Path) -> Path:
    """Return the path of the file in which a running server leaves its addresses, in its folder."""
    return directory / "run" / "server.json"


def recorded_url(directory: Path) -> str | None:
    """Return the URL that the server of this folder listens at; None if no server has left one."""
    try:
        addresses = json.loads(address_file(directory).read_text())
        return str(addresses["http"] if "http" in addresses else addresses["https"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def recorded_trust(directory: Path) -> tuple[Path, ...]:
    """Return the files with the certificates of the server of this folder that are there: of its
    authority, and its own.
    """
    try:
        about = json.loads(address_file(directory).read_text())
        files = about["trust"] if "https" not in about else _own_certificates(directory)
        return tuple(file for file in map(Path, files) if file.is_file())
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _own_certificates(directory: Path) -> list[Path]:
    """Return where a server over HTTPS has the certificates of its authority and of itself."""
    folder = directory / "certificates"
    return [folder / "ca-cert.pem", folder / "cert.pem"]
