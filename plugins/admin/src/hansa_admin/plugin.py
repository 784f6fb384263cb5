"""Entry point of the admin plugin in workers: its services, and the definitions that make them reachable."""

from __future__ import annotations

from typing import Any

from hansa import Service, hookimpl
from hansa_cli.access import USER

from . import cluster, configuration, packages, servers, services
from .api import NAME, PREFIX, AdminApi
from .derived import operations
from .pages import Docs, DocsFile, OpenApi
from .password import password_reference

SECURITY = "admin"


@hookimpl
def hansa_services(server: Any) -> list[type[Service]]:
    """Give the admin services: those of every type, derived from it, and those of services, plugins, server, configuration."""
    fixed = (
        *services.OPERATIONS,
        *packages.OPERATIONS,
        *servers.OPERATIONS,
        *cluster.OPERATIONS,
        *configuration.OPERATIONS,
    )
    return [AdminApi, OpenApi, Docs, DocsFile, *fixed, *operations(server.registry)]


@hookimpl
def hansa_definitions(server: Any) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Give the user `admin` and the channels of the admin API."""
    user = {"username": USER, "password": password_reference(server.dir), "realm": "Hansa admin"}

    def channel(name: str, method: str, path: str) -> tuple[str, str, str, dict[str, Any]]:
        return (
            "channel",
            "http",
            name,
            {"url_path": PREFIX + path, "method": method, "service": name, "security": SECURITY},
        )

    return [
        ("security", "basic", SECURITY, user),
        channel(NAME, "POST", "/{service}"),
        channel(OpenApi.name, "GET", "/openapi.json"),
        channel(Docs.name, "GET", "/docs"),
        channel(DocsFile.name, "GET", "/docs/{file}"),
    ]
