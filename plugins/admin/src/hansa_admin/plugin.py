"""Entry point of the admin plugin in workers: its services, and the definitions that serve them."""

from __future__ import annotations

from typing import TypeAlias

from hansa import PlainSettings, Server, Service, hookimpl
from hansa_cli.access import USER

from . import cluster, configuration, packages, servers, services
from .api import NAME, PREFIX, AdminApi
from .derived import operations
from .pages import Docs, DocsFile, OpenApi
from .password import password_reference
from .user_api import UserApiPage, UserOpenApi

SECURITY = "admin"

BuiltIn: TypeAlias = tuple[str, str, str, PlainSettings]
"""A definition that comes with the plugin: its kind, type, name and settings."""


@hookimpl
def hansa_services(server: Server) -> list[type[Service]]:
    """Return the admin services: those derived from every type, and those of everything else."""
    return [
        AdminApi,
        OpenApi,
        Docs,
        DocsFile,
        UserOpenApi,
        UserApiPage,
        *services.OPERATIONS,
        *packages.OPERATIONS,
        *servers.OPERATIONS,
        *cluster.OPERATIONS,
        *configuration.OPERATIONS,
        *operations(server.registry),
    ]


@hookimpl
def hansa_definitions(server: Server) -> list[BuiltIn]:
    """Return the user `admin` and the channels of the admin API."""
    user = {"username": USER, "password": password_reference(server.dir), "realm": "Hansa admin"}
    return [
        ("security", "basic", SECURITY, user),
        _channel(NAME, "POST", f"{PREFIX}/{{service}}"),
        _channel(OpenApi.name, "GET", f"{PREFIX}/openapi.json"),
        _channel(Docs.name, "GET", f"{PREFIX}/docs"),
        _channel(DocsFile.name, "GET", f"{PREFIX}/docs/{{file}}"),
        _channel(UserOpenApi.name, "GET", "/hansa/openapi.json"),
        _channel(UserApiPage.name, "GET", "/hansa/openapi"),
    ]


def _channel(service: str, method: str, path: str) -> BuiltIn:
    settings = {
        "url_path": path,
        "method": method,
        "service": service,
        "security": SECURITY,
    }
    return "channel", "http", service, settings
