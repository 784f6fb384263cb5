"""What must hold before a component is started: it is not running, and its ports are free."""

from __future__ import annotations

import errno
import json
import socket
import time
from dataclasses import dataclass
from typing import Final

from hansa import started_at

from .component import Component
from .failure import RUNNING, Failure

PATIENCE: Final = 10.0
"""Seconds that the processes of a killed component have to free its ports."""
_POLL: Final = 0.1


@dataclass(frozen=True)
class _Listener:
    pid: int
    program: str


def check_pidfile(component: Component) -> str:
    """Remove the pidfile of a process that has ended; returns a line that says so, else nothing.

    Raises `Failure` if the component is running.
    """
    running = component.pid()
    if running is not None:
        raise Failure(f"{component.name} is already running (process {running})", RUNNING)
    if not component.pidfile.exists():
        return ""
    noted = component.noted()
    component.forget()
    which = "a process" if noted is None else f"process {noted[0]}"
    return f"{component.name}: removed the pidfile of {which}, which has ended"


def check_ports(component: Component, *, left_behind: bool = False) -> None:
    """Check that nothing else listens at the component's addresses.

    With `left_behind`, processes of the component may still be ending, and are waited for. Raises
    `Failure`, which names what listens there.
    """
    deadline = time.monotonic() + (PATIENCE if left_behind else 0)
    for address in (*component.addresses, *component.https_addresses):
        fault = _port_fault(component, address)
        while fault and time.monotonic() < deadline:
            time.sleep(_POLL)
            fault = _port_fault(component, address)
        if fault:
            raise Failure(f"{component.name}: {fault}")


def _port_fault(component: Component, address: str) -> str:
    """Return why a component cannot listen at an address; empty if it can."""
    host, _, port = address.rpartition(":")
    bound = "" if host == "*" else host.strip("[]")
    try:
        found = socket.getaddrinfo(
            bound or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, ValueError) as error:
        return f"{address} is not an address to listen at: {error}"
    family, _, _, _, place = found[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"cannot listen at {address}: {error.strerror}"
        else:
            return ""
    listener = _listener(int(port))
    if listener is None:
        return f"{address} is in use by another program"
    if listener.pid in _workers_left(component):
        return ""  # the server ends them itself when it starts
    return f"{address} is in use by {listener.program} (process {listener.pid})"


def _listener(port: int) -> _Listener | None:
    """Return the process that listens at a port, as far as this user may know it."""
    import psutil

    try:
        for found in psutil.net_connections("tcp"):
            if found.status != psutil.CONN_LISTEN or not found.laddr:
                continue
            if found.laddr.port == port and found.pid:
                return _Listener(found.pid, psutil.Process(found.pid).name())
    except psutil.Error:
        return None
    return None


def _workers_left(component: Component) -> set[int]:
    """Return the processes that a killed server has left, from the list that it kept of them."""
    try:
        listed: dict[str, int] = json.loads(
            (component.folder / "run" / "processes.json").read_text()
        )
        return {int(pid) for pid, start in listed.items() if started_at(int(pid)) == start}
    except (OSError, ValueError, AttributeError):
        return set()
