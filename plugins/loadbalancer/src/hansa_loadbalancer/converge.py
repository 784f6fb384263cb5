"""Make the servers of a running HAProxy those of the configuration, without a reload where that can
be.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path

from hansa import Conflict

from .generate import BACKEND, server_options, weight
from .runtime import LiveServer, RuntimeSocket, escaped
from .settings import BalancedServer, LoadBalancerSection

_NOWHERE = (1, 2)
"""Ports that a server which is to be removed gets in turn; in maintenance it is not connected to."""
PATIENCE = 1.0
"""Seconds that a server to be removed gets to become idle, before a reload removes it."""


def converge(
    runtime: RuntimeSocket,
    section: LoadBalancerSection,
    before: LoadBalancerSection,
    folder: Path,
) -> bool:
    """Add, change and remove servers live; returns False if a reload is needed for what cannot be
    done so.

    `before` is what HAProxy was made or last changed from, `folder` is that of the configuration. A
    reload never does harm: what is half done here, it completes.
    """
    old = {server.name: server for server in before.servers}
    live = runtime.servers()
    wanted = {server.name: server for server in section.servers}
    try:
        for server in section.servers:
            if server.name not in live:
                _add(runtime, server, section, folder)
            elif needs_reload(server, section, old.get(server.name), before):
                return False
            else:
                _change(runtime, server, live[server.name])
        for name in live:
            if name not in wanted and not _remove(runtime, name):
                return False
    except Conflict:
        return False
    return _as_wanted(runtime.servers(), wanted)


def needs_reload(
    server: BalancedServer,
    section: LoadBalancerSection,
    server_before: BalancedServer | None,
    before: LoadBalancerSection,
) -> bool:
    """Whether a server differs from before in what HAProxy cannot change live: all but its weight and
    its state.
    """
    if server_before is None:
        return True
    return _fixed(server, section) != _fixed(server_before, before)


def _fixed(server: BalancedServer, section: LoadBalancerSection) -> str:
    return server_options(replace(server, weight=1, state="ready"), section)


def _add(
    runtime: RuntimeSocket, server: BalancedServer, section: LoadBalancerSection, folder: Path
) -> None:
    target = f"{BACKEND}/{server.name}"
    authority = escaped(str(folder / section.server_ca)) if section.server_ca else ""
    options = server_options(server, section, authority)
    runtime.change(f"add server {target} {options}", expected="New server registered")
    runtime.change(f"enable health {target}")
    if server.state != "maint":
        _begin(runtime, target)


def _change(runtime: RuntimeSocket, server: BalancedServer, live: LiveServer) -> None:
    target = f"{BACKEND}/{server.name}"
    if live.weight != weight(server):
        runtime.change(f"set server {target} weight {weight(server)}")
    if not live.maintenance and server.state == "maint":
        runtime.change(f"set server {target} state maint")
    if live.maintenance and server.state != "maint":
        _begin(runtime, target)


def _begin(runtime: RuntimeSocket, target: str) -> None:
    """Let a server take requests once a check has found it ready, which HAProxy would take for
    granted.
    """
    runtime.change(f"set server {target} state ready; set server {target} health down")


def _remove(runtime: RuntimeSocket, name: str) -> bool:
    """Remove a server; returns whether it could be removed: not while it still answers a request."""
    target = f"{BACKEND}/{name}"
    runtime.change(f"set server {target} state maint")
    deadline = time.monotonic() + PATIENCE
    ports = itertools.cycle(_NOWHERE)
    while True:
        port = next(ports)
        # HAProxy closes idle connections to a server whose address changes, and removes none that has some
        runtime.change(f"set server {target} addr 127.0.0.1 port {port}", expected="changed from")
        try:
            runtime.change(f"del server {target}", expected="Server deleted")
            return True
        except Conflict:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)


def _as_wanted(live: dict[str, LiveServer], wanted: dict[str, BalancedServer]) -> bool:
    if live.keys() != wanted.keys():
        return False
    for name, server in wanted.items():
        if live[name].weight != weight(server):
            return False
        if live[name].maintenance != (server.state == "maint"):
            return False
    return True
