"""Sanity checks before a start, and `hansa check-config`: configuration, ODB, Redis, ports, files of process ids."""

from __future__ import annotations

import errno
import json
import socket
import time
from typing import Any

from hansa import Invalid, check_plugins, started_at

from . import kvdb, odb
from .component import KVDB, SERVER, Component
from .failure import INVALID, RUNNING, Failure

PATIENCE = 10.0
"""Seconds that what a killed component left behind gets to give its port free."""


def check_configuration(component: Component) -> None:
    """Have a server's configuration read as a worker reads it, plugins and all; raises `Failure` with all faults."""
    try:
        check_plugins(component.config, component.folder)
    except Invalid as invalid:
        lines = [
            f"  {key}: {fault}" if key else f"  {fault}" for key, fault in invalid.errors.items()
        ]
        raise Failure("\n".join([f"{component.config} is not valid:", *lines]), INVALID) from None


def check_server_odb(component: Component) -> str:
    """Reach a server's ODB; gives the line that says so. Raises `Failure`."""
    section = component.section("odb")
    odb.check_odb(str(section.get("url") or f"sqlite:///{component.folder / 'odb.sqlite'}"))
    return "SQL ODB connection OK"


def check_server_redis(component: Component) -> tuple[str, list[str]]:
    """Reach the Redis of a server or of the cluster; gives the line that says so, and warnings. Raises `Failure`."""
    address = kvdb.address_of(component)
    own = component if component.kind == KVDB else component.part(KVDB)
    if not address and component.kind == SERVER:
        return "Redis: the embedded Valkey of this server, which starts it", []
    if own is not None and address == kvdb.address_of(own):
        if own.pid() is None:
            return f"Redis: the embedded Valkey in {own.folder}, which is not running yet", []
        # PERF: what is known of it needs no redis-py, which takes long to import
        engine = kvdb.engine_of(own)
        if engine.durability == "durable" and engine.ready():
            return "Redis connection OK", []
    durability = component.section("redis").get("durability")
    return "Redis connection OK", kvdb.check_redis(address, durability)


def check_pidfile(component: Component) -> str:
    """Remove the file of a process that is gone; gives a line that says so, or nothing. Raises `Failure` if it runs."""
    running, noted = component.pid(), component.noted()
    if running is not None:
        raise Failure(f"{component.name} runs already (process {running})", RUNNING)
    if component.pidfile.exists():
        component.forget()
        which = f"process {noted[0]}" if noted else "a process that cannot be read"
        return f"{component.name}: removed the file of {which}, which is gone"
    return ""


def check_ports(component: Component, *, left_behind: bool = False) -> None:
    """Make sure that nobody else listens where the component will; raises `Failure` naming who does.

    With `left_behind` it was killed, and what it left may take a moment to end.
    """
    deadline = time.monotonic() + (PATIENCE if left_behind else 0)
    for address in component.addresses:
        while (fault := _port_fault(component, address)) and time.monotonic() < deadline:
            time.sleep(0.1)
        if fault:
            raise Failure(f"{component.name}: {fault}")


def _port_fault(component: Component, address: str) -> str:
    host, _, port = address.rpartition(":")
    host = {"*": "", "": ""}.get(host, host.strip("[]"))
    try:
        family, _, _, _, where = socket.getaddrinfo(
            host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, ValueError) as error:
        return f"{address} is no address to listen at: {error}"
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
            return ""
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"{address} cannot be listened at: {error.strerror}"
    pid, owner = _listener(int(port))
    if pid is not None and pid in _left_workers(component):
        return ""  # the start itself ends what an earlier run left behind
    return f"{address} is in use{f' by {owner} (process {pid})' if pid else ' by another program'}"


def _listener(port: int) -> tuple[int | None, str]:
    import psutil

    try:
        for found in psutil.net_connections("tcp"):
            if found.status != psutil.CONN_LISTEN or not found.laddr:
                continue
            if found.laddr.port == port and found.pid:
                return found.pid, psutil.Process(found.pid).name()
    except psutil.Error:  # another user's process
        pass
    return None, ""


def _left_workers(component: Component) -> set[int]:
    """Processes that a killed server left, by the list that it kept of them."""
    try:
        listed: dict[str, Any] = json.loads(
            (component.folder / "run" / "processes.json").read_text()
        )
        return {int(pid) for pid, start in listed.items() if started_at(int(pid)) == start}
    except (OSError, ValueError, AttributeError):
        return set()
