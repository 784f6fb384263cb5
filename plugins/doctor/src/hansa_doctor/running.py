"""What a running server says of its cluster, asked as the admin whose password is in its folder."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any, Final, TypeAlias

from hansa_quickstart.component import Component
from hansa_quickstart.failure import Failure
from hansa_quickstart.https import server_certificates

Answer: TypeAlias = dict[str, Any]

LIMIT: Final = 10.0
"""Seconds that an answer may take."""
_PASSWORD: Final = "admin.password"


def ask(component: Component, service: str, settings: Answer | None = None) -> Answer | None:
    """Call an admin service of a server, over HTTPS where it has a certificate; None for one that does
    not run or refuses the caller.
    """
    if not component.exists or component.pid() is None:
        return None
    password = _password(component.folder)
    login = b64encode(f"admin:{password}".encode()).decode()
    try:
        files = server_certificates(component)
        address = component.addresses[0]
        context = _context(files)
    except (Failure, OSError):  # what is wrong with them is found by their own examinations
        return None
    request = urllib.request.Request(
        f"http{'s' if files else ''}://{address}/hansa/api/{service}",
        data=json.dumps(settings or {}).encode(),
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
    )
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
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


def _context(files: list[Path]) -> ssl.SSLContext:
    """Return how TLS knows the server: by its authority's certificate or its own, whatever the
    name of this machine is.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for file in files:
        if file.exists():
            context.load_verify_locations(file)
    return context


def _password(folder: Path) -> str:
    try:
        return (folder / _PASSWORD).read_text().strip()
    except OSError:
        return ""
