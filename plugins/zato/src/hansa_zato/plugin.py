"""What the plugin zato gives to Hansa in workers: its built-in services, and the channels that lead to them."""

from __future__ import annotations

from typing import Any

from hansa import NotFound, Service, hookimpl

from .confirmation import confirm_deployments
from .gateway import Invoke, JSONGateway
from .zato.server.service.internal import Ping, Ping2
from .zato.server.service.internal.helpers import Echo, InputLogger

ADMIN = "admin"


@hookimpl
def hansa_services() -> list[type[Service]]:
    """The services `zato.ping`, `zato.ping2`, `zato.helpers.*` and those behind Zato's API."""
    return [Ping, Ping2, Echo, InputLogger, JSONGateway, Invoke]


@hookimpl
def hansa_definitions(server: Any) -> list[tuple[str, str, str, dict[str, Any]]]:
    """The channels `/zato/ping`, and, where the security definition `admin` guards them, Zato's API.

    None without the plugins http and json.
    """
    if not (_known(server, "channel", "http") and _known(server, "format", "json")):
        return []
    found = [
        (
            "channel",
            "http",
            "zato.ping",
            {"url_path": "/zato/ping", "service": "zato.ping", "format": "json"},
        )
    ]
    admin = server.plugins.found.get(ADMIN)
    if admin is not None and admin.status == "loaded":
        for name, path in (
            ("zato.json-gateway", "/zato/json/{service}"),
            ("zato.service.invoke", "/zato/admin/invoke"),
        ):
            found.append(
                (
                    "channel",
                    "http",
                    name,
                    {
                        "url_path": path,
                        "service": name,
                        "format": "json",
                        "method": "POST",
                        "security": ADMIN,
                    },
                )
            )
    return found


@hookimpl
def hansa_startup(server: Any) -> None:
    """Have hot-deployments confirmed in Zato's words too."""
    confirm_deployments(server)


def _known(server: Any, kind: str, type: str) -> bool:
    try:
        server.registry.type(kind, type)
    except NotFound:
        return False
    return True
