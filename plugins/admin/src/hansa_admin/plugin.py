"""Entry point of the admin plugin in workers: its services, and the definitions that serve them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hansa import Channel, NotFound, PlainSettings, Request, Server, Service, hookimpl
from hansa_cli.access import USER
from hansa_http.frontend import HttpFrontend

from . import (
    cluster,
    configuration,
    definition_change,
    definition_list,
    keys,
    orphans,
    packages,
    problem_services,
    registered_types,
    search,
    servers,
    services,
    workers,
)
from .administration import Administration
from .api import NAME, PREFIX, AdminApi
from .derived import operations
from .guard import SECURITY, is_door, refuse_other_sites, refuse_shut_out
from .operation import Operation
from .pages import Docs, DocsFile, OpenApi, Page
from .password import password_reference
from .user_api import UserApiPage, UserOpenApi

Guard: TypeAlias = Callable[[Request], None]
"""Looks at a request, and raises what refuses it."""
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
        *keys.OPERATIONS,
        *orphans.OPERATIONS,
        *registered_types.OPERATIONS,
        *definition_list.OPERATIONS,
        *definition_change.OPERATIONS,
        *search.OPERATIONS,
        *problem_services.OPERATIONS,
        *workers.OPERATIONS,
        *operations(server.registry),
    ]


@hookimpl
def hansa_startup(server: Server) -> Administration:
    """Return how the admin API is guarded."""
    return Administration()


@hookimpl
def hansa_serve(server: Server) -> None:
    """Leave the operations that run services to the threads of services."""
    try:
        frontend = server.resource(HttpFrontend)
    except NotFound:
        return  # the plugin http is blocked
    for service in server.registry.services():
        if issubclass(service.cls, Operation) and service.cls.runs_services:
            frontend.shared_paths.add(f"{PREFIX}/{service.name}")


@hookimpl
def hansa_guard(channel: Channel, service: type[Service]) -> Guard | None:
    """Guard every door to administrative services; pages may be opened from those of other sites."""
    login = channel.server.resource(Administration).login
    if not is_door(channel, service, login):
        return None
    if issubclass(service, Page):
        return refuse_shut_out

    def guard(request: Request) -> None:
        refuse_shut_out(request)
        refuse_other_sites(request)

    return guard


@hookimpl
def hansa_definitions(server: Server) -> list[BuiltIn]:
    """Return the user `admin` and the channels of the admin API."""
    login = server.resource(Administration).login
    user = {"username": USER, "password": password_reference(server.dir), "realm": "Hansa admin"}
    return [
        ("security", "basic", SECURITY, user),
        _channel(NAME, "POST", f"{PREFIX}/{{service}}", login),
        _channel(OpenApi.name, "GET", f"{PREFIX}/openapi.json", login),
        _channel(Docs.name, "GET", f"{PREFIX}/docs", login),
        _channel(DocsFile.name, "GET", f"{PREFIX}/docs/{{file}}", login),
        _channel(UserOpenApi.name, "GET", "/hansa/openapi.json", login),
        _channel(UserApiPage.name, "GET", "/hansa/openapi", login),
    ]


def _channel(service: str, method: str, path: str, login: str) -> BuiltIn:
    settings = {
        "url_path": path,
        "method": method,
        "service": service,
        "security": login,
    }
    return "channel", "http", service, settings
