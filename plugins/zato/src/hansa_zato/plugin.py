"""The hooks of hansa-zato in workers: its built-in services, and the channels to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from hansa import NotFound, Service, hookimpl

from .administration.catalogue import classes
from .administration.gateways import Alive, APIGateway, SOAPGateway
from .administration.users import api_users, logins
from .administration.wsdl import WSDL
from .cache_rest import ManyKeys, SingleKey, cache_channels
from .confirmation import Uploads
from .correlation import accept_zato_cids
from .dialect.targets import TargetCall, TargetSpread
from .gateway import InvocationRight, Invoke, JSONGateway
from .payloads import PlainDict
from .pubsub_rest import SERVICES as PUBSUB, pubsub_channels
from .section import ZatoSection
from .startup import call_startup_services
from .zato.server.service.internal import Ping, Ping2
from .zato.server.service.internal.helpers import Echo, InputLogger

if TYPE_CHECKING:
    from hansa import PackageVersion, Server

BuiltIn: TypeAlias = tuple[str, str, str, PlainDict]
"""A definition that comes with the plugin: its kind, type, name and settings."""

ADMIN: Final = "admin"
"""The plugin that guards Zato's API."""
GATEWAYS: Final = (JSONGateway, APIGateway, SOAPGateway, Invoke, InvocationRight, Alive, WSDL)
PATHS: Final = {
    JSONGateway.name: "/zato/json/{service}",
    APIGateway.name: "/zato/api/invoke/{service}",
    Invoke.name: "/zato/admin/invoke",
}
"""The paths of the gateways in JSON."""


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return `zato.ping`, `zato.ping2`, `zato.helpers.*`, and the services behind Zato's API."""
    built_in: list[type[Service]] = [Ping, Ping2, Echo, InputLogger, SingleKey, ManyKeys, *GATEWAYS]
    return [*built_in, TargetCall, TargetSpread, *PUBSUB, *classes()]


@hookimpl
def hansa_definitions(server: Server) -> list[BuiltIn]:
    """Return the channel of `/zato/ping`, and those of Zato's API where a login guards them.

    The login is the one of the admin API: that of accounts, where the plugin roles knows them.

    There are none without the plugins http and json.
    """
    if not _has_format(server, "json"):
        return []
    ping = {"url_path": "/zato/ping", "service": "zato.ping", "format": "json"}
    alive = {"url_path": "/zato-lb-alive", "service": Alive.name}
    found = [_channel("zato.ping", ping), _channel(Alive.name, alive), *cache_channels(server)]
    found += pubsub_channels(server)
    if _has_format(server, "soap"):
        found.append(
            _channel(WSDL.name, {"url_path": "/zato/wsdl", "service": WSDL.name, "method": "GET"})
        )
    if ADMIN not in server.plugins.loaded:
        return found
    login = logins(server)
    for service, path in PATHS.items():
        posted = {"url_path": path, "service": service, "format": "json", "method": "POST"}
        found.append(_channel(service, {**posted, "security": login}))
    if _has_format(server, "soap"):
        soap = {"url_path": "/zato/soap", "service": SOAPGateway.name, "security": login}
        found.append(("channel", "soap", SOAPGateway.name, {**soap, "wsdl": False}))
    return [*found, *api_users(server)]


def _channel(name: str, settings: PlainDict) -> BuiltIn:
    return "channel", "http", name, settings


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
    """Accept Zato's correlation ids, before any request is accepted, and call startup services."""
    accept_zato_cids(server)
    call_startup_services(server)


@hookimpl
def hansa_deployed(server: Server, package: PackageVersion) -> None:
    """Confirm a hot-deployment in Zato's words, too."""
    server.resource(Uploads).confirm(package)


def _has_format(server: Server, name: str) -> bool:
    """Whether a format is there, and channels over HTTP."""
    try:
        server.registry.type("channel", "http")
        server.registry.format(name)
    except NotFound:
        return False
    return True
