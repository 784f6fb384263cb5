"""`hansa stop`: a cluster, or one component, finishes what it has accepted, and ends."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from typing import Final

import click

from .component import CA, KVDB, LOAD_BALANCER, SERVER, WEB_ADMIN, Component
from .failure import FAILED, Failure
from .launch import Launched
from .locks import exclusive
from .programs import title
from .progress import Progress

DEFAULT_GRACE: Final = 30.0
"""The default of `server.grace` in config.toml, in seconds."""
STOP_LIMIT: Final = 60.0
"""Seconds that a component other than a server has to end."""
KILL_LIMIT: Final = 10.0
"""Seconds until a killed process is gone."""
_ORDER: Final = (CA, WEB_ADMIN, LOAD_BALANCER, SERVER, KVDB)
"""First what brings requests in, last what everything else needs."""


def stop_order(parts: list[Component]) -> list[Component]:
    """Return components in the order in which they are stopped."""
    return sorted(parts, key=lambda part: _ORDER.index(part.kind))


def stop_all(component: Component) -> None:
    """Stop a cluster, or one component, and wait for its end; raises `Failure`."""
    with exclusive(component.folder):
        stop_parts(component, component.parts if component.is_cluster else [component])


def stop_parts(
    component: Component,
    parts: list[Component],
    launched: Mapping[Component, Launched] | None = None,
) -> None:
    """Stop parts of a component in order, and print each step.

    `launched` has the processes that are children of this one. Raises `Failure`.
    """
    children = launched or {}
    own = [part for part in stop_order(parts) if part.has_process]
    was_running = {part for part in own if _pid(part, children.get(part)) is not None}
    servers = [part for part in own if part.kind == SERVER]
    progress = Progress(len(own))
    if component.is_cluster:
        click.echo(f"Stopping the {title()} {component.whole}")
    for part in own:
        if part in servers[:1]:
            _ask_to_end(servers)  # all servers finish at the same time
        stop(part, progress, children.get(part))
        state = "stopped" if part in was_running else "was not running"
        progress.done(f"{part.name} {state}")
    if component.is_cluster:
        click.echo(f"{title()} {component.whole} stopped")


def _ask_to_end(components: list[Component]) -> None:
    for component in components:
        pid = component.pid()
        if pid is not None:
            # `stop` reports what fails
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)


def stop(component: Component, progress: Progress, launched: Launched | None = None) -> None:
    """Have a component finish what it has accepted, and wait for its end.

    It is killed when that takes too long. Raises `Failure`.
    """
    pid = _pid(component, launched)
    if pid is None:
        component.forget()
        return

    def ended() -> bool:
        return _pid(component, launched) is None

    what = f"the end of {component.name}"
    for number, seconds in (
        (signal.SIGTERM, seconds_to_end(component)),
        (signal.SIGKILL, KILL_LIMIT),
    ):
        _send(component, pid, number)
        if progress.wait(what, ended, seconds):
            component.forget()
            return
    raise Failure(f"{component.name}: process {pid} does not end", FAILED)


def _pid(component: Component, launched: Launched | None) -> int | None:
    """Return the id of a component's process if it runs; that of a child of this process also if
    there was no space for its pidfile.
    """
    # a child that nobody waits for keeps its process id
    if launched is not None and launched.process.poll() is None:
        return launched.process.pid
    return component.pid()


def _send(component: Component, pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has just ended
    except PermissionError:
        message = f"{component.name}: process {pid} belongs to another user"
        raise Failure(message) from None


def seconds_to_end(component: Component) -> float:
    """Return the seconds that a component has to end.

    A server has twice its period of grace, and some more to stop the programs that it runs.
    """
    if component.kind != SERVER:
        return STOP_LIMIT
    grace = float(component.section("server").get("grace", DEFAULT_GRACE))
    return grace * 2 + 30
