"""What a running server says of its cluster, asked as the admin whose password is in its folder."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any, Final, TypeAlias

from hansa_quickstart.component import Component

Answer: TypeAlias = dict[str, Any]

LIMIT: Final = 10.0
"""Seconds that an answer may take."""
_PASSWORD: Final = "admin.password"


def ask(component: Component, service: str, settings: Answer | None = None) -> Answer | None:
    """Call an admin service of a server; None for one that does not run, speaks HTTPS alone or
    refuses the caller.
    """
    if not component.exists or component.pid() is None:
        return None
    password = _password(component.folder)
    login = b64encode(f"admin:{password}".encode()).decode()
    request = urllib.request.Request(
        f"http://{component.addresses[0]}/hansa/api/{service}",
        data=json.dumps(settings or {}).encode(),
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=LIMIT) as answer:
            found: Answer = json.load(answer)
            return found
    except (OSError, ValueError, urllib.error.URLError):
        return None


def plugins_that_run(component: Component) -> list[Answer]:
    """Return what a running server says of its plugins; nothing where it does not run."""
    answer = ask(component, "admin.plugin.list")
    return list(answer["items"]) if answer else []


def _password(folder: Path) -> str:
    try:
        return (folder / _PASSWORD).read_text().strip()
    except OSError:
        return ""
