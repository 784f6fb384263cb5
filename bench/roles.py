"""Roles: what the authorization of a route costs a request of a caller who may, in process.

`python -m bench roles` measures.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from hansa import Channel, Dispatch, NoSettings, Request, Response, Service
from hansa_devkit import LocalServer
from hansa_roles.authorization import authorized
from hansa_roles.kinds import Account, Role
from hansa_roles.settings import AccountSettings, RoleSettings
from hansa_security.verification import Principal

from .measure import Figure, several

CALLS = 100_000
ROLES = 100
"""Roles of which the service's callers need one."""


class Orders(Service):
    """The service that is called."""

    name = "orders.list"


class Local(Channel[NoSettings]):
    """The channel to it."""

    type = "local"


def answered(request: Request) -> Response:
    """Answer without any work."""
    return _ANSWER


_ANSWER = Response()


def guarded(server: LocalServer) -> Dispatch:
    """A route whose callers need one of many roles; bob has an account with one."""
    for number in range(ROLES):
        Role(f"role{number}", RoleSettings(services=["orders.*"]), server).start()
    settings = AccountSettings(credentials=["bob"], roles=["role7"])
    Account("bob", settings, server).start()
    return authorized(Local("orders", NoSettings(), server), Orders, answered)


def cpu_us(call: Dispatch, request: Request) -> float:
    """Microseconds of CPU of one call."""
    began = time.process_time()
    for _ in range(CALLS):
        call(request)
    return (time.process_time() - began) / CALLS * 1e6


def roles(folder: Path) -> Iterator[Figure]:
    """The cost of the authorization, above that of the call alone."""
    server = LocalServer(directory=folder / "roles")
    call = guarded(server)
    request = Request()
    request.principal = Principal("bob", "bob")
    try:
        yield several(
            "in process: a caller with a role, 100 roles, above no role",
            lambda: cpu_us(call, request) - cpu_us(answered, request),
            bound=2,
            note="µs of CPU",
        )
    finally:
        server.close()
