"""`hansa update password` and `hansa create user`: the admin, and users for channels, of a cluster."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from hansa import replace_file
from hansa_cli.access import USER, password_file
from hansa_cli.client import Client
from hansa_cli.failures import Refusal, Unreachable
from hansa_cli.location import Located, Trust

from .addresses import url
from .component import SERVER, Component
from .credentials import admin_password
from .failure import FAILED, INVALID, NOT_A_COMPONENT, Failure
from .https import server_certificates
from .programs import api_users

LIMIT: Final = 60.0
"""Seconds until every worker must know a new password."""
_ATTEMPTS: Final = 8
"""Requests that a server must accept; enough that a worker with the old password would show itself.
"""
_POLL: Final = 0.5
NOT_KNOWN_YET: Final = (
    "the new password is stored, but some workers do not know it yet: see the logs"
)


def create_user(component: Component, username: str, password: str) -> None:
    """Create a user for channels with `security basic`, in a running cluster; raises `Failure`."""
    settings = {"name": username, "username": username, "password": password}
    _call(_running_server(component), "admin.security.basic.create", settings)


def update_password(component: Component, username: str, password: str) -> None:
    """Change the password of the admin, or of a user for channels; raises `Failure`.

    That of the admin, and others that are kept in files, are changed on every server of the cluster;
    those that run take it at once, without losing a request.
    """
    if not password or "\n" in password:
        raise Failure("the password must be one line, and not empty", INVALID)
    servers = servers_of(component)
    if username != USER and not _is_in_files(servers, username):
        settings = {"name": username, "password": password}
        _call(_running_server(component), "admin.security.basic.edit", settings)
        return
    old = admin_password(component)
    _store_password(servers, username, password)
    running = [server for server in servers if server.pid() is not None]
    clients = [_client(server, old) for server in running]
    replaced = [_call(client, "admin.server.reload", {})["workers"] for client in clients]
    if username == USER:
        _wait_until_accepted([_client(server, password) for server in running])
    else:
        _wait_until_replaced(clients, {worker for workers in replaced for worker in workers})


def _is_in_files(servers: list[Component], username: str) -> bool:
    """Whether servers read the password of a user from their folders."""
    if username not in api_users():
        return False
    return any(user_password_file(server.folder, username).exists() for server in servers)


def user_password_file(folder: Path, username: str) -> Path:
    """Return the file with the password of a user that the servers read from their folders."""
    return password_file(folder) if username == USER else folder / f"{username}.password"


def servers_of(component: Component) -> list[Component]:
    """Return the servers of the cluster that the component is, or a part of, else the server
    itself.

    Raises `Failure` if there are none.
    """
    if component.home.exists:
        found = component.home.parts_of(SERVER)
    else:
        found = [component] if component.kind == SERVER else []
    if not found:
        raise Failure(f"{component.folder} has no servers", NOT_A_COMPONENT)
    return found


def _store_password(servers: list[Component], username: str, password: str) -> None:
    for server in servers:
        replace_file(user_password_file(server.folder, username), password + "\n")
    # the folder of a cluster has a copy for its users
    copy = user_password_file(servers[0].folder.parent, username)
    if copy.exists():
        replace_file(copy, password + "\n")


def _wait_until_accepted(clients: list[Client]) -> None:
    deadline = time.monotonic() + LIMIT
    while not all(_is_accepted(client) for client in clients):
        if time.monotonic() > deadline:
            raise Failure(NOT_KNOWN_YET, FAILED)
        time.sleep(_POLL)


def _wait_until_replaced(clients: list[Client], workers: set[str]) -> None:
    """Wait until these workers have ended: the others have read the new password."""
    deadline = time.monotonic() + LIMIT
    while clients and not workers.isdisjoint(_workers(clients[0])):
        if time.monotonic() > deadline:
            raise Failure(NOT_KNOWN_YET, FAILED)
        time.sleep(_POLL)


def _workers(client: Client) -> set[str]:
    """Return the workers of the cluster."""
    found = _call(client, "admin.cluster.status", {})
    return {worker["name"] for worker in found["workers"]}


def _is_accepted(client: Client) -> bool:
    """Whether every worker of a server accepts the password."""
    try:
        for _ in range(_ATTEMPTS):
            client.call("admin.server.status")
    except (Refusal, Unreachable):
        return False
    return True


def _running_server(component: Component) -> Client:
    """Return a client of a running server; raises `Failure` if there is none."""
    for server in servers_of(component):
        if server.pid() is not None:
            return _client(server, admin_password(server))
    raise Failure(f"no server of {component.folder} is running", FAILED)


def _client(server: Component, password: str) -> Client:
    trusted = server_certificates(server)
    scheme = "https" if trusted else "http"
    address = Located(url(server.addresses[0], scheme), str(server.config))
    given = Located(password, str(password_file(server.folder)))
    if not trusted:
        return Client(address, given)
    return Client(address, given, Trust(tuple(trusted), only=True))


def _call(client: Client, service: str, settings: dict[str, str]) -> Any:
    """Call an admin service and return its answer; raises `Failure`."""
    try:
        return client.call(service, settings)
    except Refusal as refusal:
        raise Failure(_faults(refusal), INVALID) from None
    except Unreachable as unreachable:
        raise Failure(unreachable.message, FAILED) from None


def _faults(refusal: Refusal) -> str:
    errors = refusal.problem.get("errors") or {}
    faults = [f"{name}: {fault}" for name, fault in errors.items()]
    return "; ".join(faults) or refusal.message
