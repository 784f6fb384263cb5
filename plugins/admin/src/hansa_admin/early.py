"""What the supervisor needs of the admin plugin: the password, and the lines at start."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from hansa import hookimpl
from hansa_cli.access import DEFAULT_URL, PASSWORD_VARIABLE, USER, password_file, recorded_url

from .password import ensure_password

_made: set[str] = set()


@hookimpl
def hansa_engines(config: Any) -> list[Any]:
    """Make the password before any worker needs it; there is no engine."""
    if ensure_password(config.dir):
        _made.add(str(config.dir))
    return []


@hookimpl
def hansa_ready(config: Any) -> list[str]:
    """Tell how to reach the admin API: user, password or where it is kept, the page, and a command that works."""
    address = recorded_url(config.dir) or DEFAULT_URL
    return introduction(address, address, config.dir, fresh=str(config.dir) in _made)


def introduction(address: str, page: str, directory: Path, *, fresh: bool) -> list[str]:
    """Lines that tell how to reach the admin API: at `address`, and at `page` in a browser; a `fresh` password is shown."""
    if os.environ.get(PASSWORD_VARIABLE):
        shown, given = (
            f"password from the environment variable {PASSWORD_VARIABLE}",
            f"${PASSWORD_VARIABLE}",
        )
    else:
        file = password_file(directory)
        given = f"$(cat {shlex.quote(str(file))})"
        shown = f"password in {file}"
        if fresh:
            shown = f"password {file.read_text().strip()} (kept in {file}, shown this once)"
    return [
        f"admin: user {USER}, {shown}",
        f"admin API: {page}/hansa/api/docs shows it",
        f"""  curl -u "{USER}:{given}" -H 'Content-Type: application/json' -d '{{}}' {address}/hansa/api/admin.server.status""",
    ]
