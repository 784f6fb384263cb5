"""The hooks of hansa-zato in workers: its built-in services, and the channels to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hansa import NotFound, Service, hookimpl

from .confirmation import Uploads
from .correlation import accept_zato_cids
from .gateway import Invoke, JSONGateway
from .payloads import PlainDict
from .section import ZatoSection
from .zato.server.service.internal import Ping, Ping2
from .zato.server.service.internal.helpers import Echo, InputLogger

if TYPE_CHECKING:
    from hansa import PackageVersion, Server

ADMIN: Final = "admin"
"""The plugin, and its security definition, that guards Zato's API."""


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return `zato.ping`, `zato.ping2`, `zato.helpers.*`, and the services behind Zato's API."""
    return [Ping, Ping2, Echo, InputLogger, JSONGateway, Invoke]


@hookimpl
def hansa_definitions(server: Server) -> list[tuple[str, str, str, PlainDict]]:
    """Return the channel of `/zato/ping`, and those of Zato's API where a login guards them.

    The login is the security definition `admin` of the plugin admin.

    There are none without the plugins http and json.
    """
    if not _has_json_over_http(server):
        return []
    ping = {"url_path": "/zato/ping", "service": "zato.ping", "format": "json"}
    found: list[tuple[str, str, str, PlainDict]] = [("channel", "http", "zato.ping", ping)]
    if ADMIN not in server.plugins.loaded:
        return found
    for service, path in (
        ("zato.json-gateway", "/zato/json/{service}"),
        ("zato.service.invoke", "/zato/admin/invoke"),
    ):
        settings = {
            "url_path": path,
            "service": service,
            "format": "json",
            "method": "POST",
            "security": ADMIN,
        }
        found.append(("channel", "http", service, settings))
    return found


@hookimpl
def hansa_dialects(server: Server) -> list[str]:
    """Return what reads sources that may have been written for Python 2, unless it is off."""
    return ["hansa_zato.python2.dialect"] if server.section(ZatoSection).python2_names else []


@hookimpl
def hansa_startup(server: Server) -> Uploads:
    """Return what numbers the deployments."""
    return Uploads(server)


@hookimpl(tryfirst=True)
def hansa_serve(server: Server) -> None:
    """Accept Zato's correlation ids, before any request is accepted."""
    accept_zato_cids(server)


@hookimpl
def hansa_deployed(server: Server, package: PackageVersion) -> None:
    """Confirm a hot-deployment in Zato's words, too."""
    server.resource(Uploads).confirm(package)


def _has_json_over_http(server: Server) -> bool:
    try:
        server.registry.type("channel", "http")
        server.registry.format("json")
    except NotFound:
        return False
    return True
