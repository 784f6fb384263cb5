"""`hansa update password` and `hansa create user`: the admin, and users for channels, of a cluster."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from typing import Any

from .component import QUICKSTART, SERVER, Component, write_private
from .failure import FAILED, INVALID, NOT_A_COMPONENT, Failure
from .life import password as admin_password

ADMIN = "admin"
LIMIT = 60.0


class Api:
    """The admin API of one server, asked directly."""

    def __init__(self, server: Component, password: str) -> None:
        host, _, port = server.addresses[0].rpartition(":")
        host = "127.0.0.1" if host in ("", "*", "0.0.0.0") else host
        self.url, self.password = f"http://{host}:{port}/hansa/api/", password
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, service: str, **settings: Any) -> Any:
        """The answer of an admin service; raises `Failure`."""
        login = base64.b64encode(f"{ADMIN}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + service, json.dumps(settings).encode(), headers)
        try:
            with self._opener.open(request, timeout=60) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read()) from None
        except OSError as error:
            raise Failure(f"no server answers at {self.url}: {error}", FAILED) from None

    def lets_in(self) -> bool:
        """Whether the password is the one that the server knows."""
        try:
            self.call("admin.server.status")
        except Failure:
            return False
        return True


def _refusal(status: int, body: bytes) -> Failure:
    try:
        problem = json.loads(body)
        faults = [f"{key}: {fault}" for key, fault in (problem.get("errors") or {}).items()]
        return Failure(
            "; ".join(faults) or str(problem.get("detail") or problem.get("title")), INVALID
        )
    except (ValueError, AttributeError):
        return Failure(f"the server answered with status {status}", FAILED)


def servers_of(component: Component) -> list[Component]:
    """The servers of a cluster, of which the component is one, or a part, or the whole; raises `Failure`."""
    home = component if component.kind == QUICKSTART else Component(component.folder.parent)
    try:
        found = [part for part in home.parts if part.kind == SERVER]
    except Failure:
        found = [component] if component.kind == SERVER else []
    if not found:
        raise Failure(f"{component.folder} has no servers", NOT_A_COMPONENT)
    return found


def create_user(component: Component, username: str, password: str) -> None:
    """Create a user that channels can ask for, `security basic`, in a running cluster; raises `Failure`."""
    _any(component).call(
        "admin.security.basic.create", name=username, username=username, password=password
    )


def update_password(component: Component, username: str, password: str) -> None:
    """Give the admin, or a user for channels, another password; raises `Failure`.

    The admin's is that of every server of the cluster; those that run learn it at once, losing no request.
    """
    if not password or "\n" in password:
        raise Failure("the password must be one line, and not empty", INVALID)
    if username != ADMIN:
        _any(component).call("admin.security.basic.edit", name=username, password=password)
        return
    old = admin_password(component)
    servers = servers_of(component)
    home = Component(servers[0].folder.parent)
    for keeper in (*servers, *([home] if (home.folder / "admin.password").exists() else [])):
        write_private(keeper.folder / "admin.password", password + "\n")
    running = [server for server in servers if server.pid() is not None]
    for server in running:
        Api(server, old).call("admin.server.reload")
    deadline = time.monotonic() + LIMIT
    # each worker is asked often enough that one with the old password would have shown itself
    while not all(all(Api(server, password).lets_in() for _ in range(8)) for server in running):
        if time.monotonic() > deadline:
            raise Failure(
                "the new password is stored, and not every worker has it yet: see the servers' logs",
                FAILED,
            )
        time.sleep(0.5)


def _any(component: Component) -> Api:
    for server in servers_of(component):
        if server.pid() is not None:
            return Api(server, admin_password(server))
    raise Failure(f"no server of {component.folder} runs", FAILED)
