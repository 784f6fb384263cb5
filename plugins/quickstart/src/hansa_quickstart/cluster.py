"""`hansa start` and `hansa stop`: a whole quickstart cluster, or one component."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import click

from . import checks, life
from .addresses import url
from .component import (
    KVDB,
    LOAD_BALANCER,
    QUICKSTART,
    SERVER,
    WEB_ADMIN,
    Component,
    busy,
    exclusive,
    write_private,
)
from .failure import FAILED, NOT_A_COMPONENT, RUNNING, Failure
from .progress import Progress
from .words import title

RESTART_DELAY, LONGEST_DELAY, LONG_ENOUGH = 1.0, 30.0, 60.0


class Start:
    """One start of components; what it started is stopped again when it fails."""

    def __init__(self, component: Component, *, foreground: bool = False) -> None:
        self.component, self.foreground = component, foreground
        self.cluster = component.kind == QUICKSTART
        self.parts = component.parts if self.cluster else [component]
        self.running = [part for part in self.parts if part.pid() is not None]
        self.children: dict[Component, subprocess.Popen[bytes]] = {}
        self.began: dict[Component, float] = {}
        servers = [part for part in self.parts if part.kind == SERVER]
        self.checked = servers[:1]
        self.progress = Progress(len(self.parts) + 2 * len(self.checked))
        self._gone_on = False
        self._told: list[int] = []

    def run(self, started: Callable[[], None] | None = None) -> None:
        """Check, start, call `started`, and in the foreground stay until told to end. Raises `Failure`."""
        own = [part for part in self.parts if part.runs_itself]
        if not own:
            raise Failure(
                f"{self.component.name} has no process of its own: the load-balancer serves its port",
                NOT_A_COMPONENT,
            )
        if len(self.running) == len(own):
            raise Failure(f"{self.component.folder} runs already", RUNNING)
        with exclusive(self.component.folder):
            try:
                self._heed(self._interrupt)
                self._start()
                self._heed(lambda number, frame: self._told.append(number))
            except BaseException:
                self._undo()
                raise
        if started is not None:
            started()
        if self.foreground:
            self._stay()

    def _heed(self, handler: Callable[[int, Any], None]) -> None:
        """In the foreground, have this done when it is told to end."""
        for number in (signal.SIGTERM, signal.SIGINT) if self.foreground else ():
            signal.signal(number, handler)

    def _interrupt(self, number: int, frame: Any) -> None:
        """End a start. What is raised while an object is finalised gets lost, so that it is noted, too."""
        self._told.append(number)
        raise KeyboardInterrupt

    def _start(self) -> None:
        if self.cluster:
            click.echo(f"Starting the {title()} quickstart environment")
        click.echo("Running sanity checks")
        self._sanity()
        # PERF: a server takes longest, so it goes first, but further ones once it answers: they find declared what it has declared.
        # A Redis that is not the cluster's own is looked at before a server uses it
        own = any(part.kind == KVDB for part in self.parts)
        self._launch(SERVER, at_most=own)
        self._launch(KVDB)
        self._await(KVDB)
        self._launch(LOAD_BALANCER)
        for server in self.checked:
            line, warnings = checks.check_server_redis(server)
            self.progress.done(line)
            for warning in warnings:
                click.echo(f"Warning: {warning}", err=True)
            self.progress.done(checks.check_server_odb(server))
        self._launch(SERVER, at_most=not own)
        self._await(LOAD_BALANCER, SERVER, WEB_ADMIN)
        if self.cluster:
            # where the commands look for the address of a server, given its folder
            balancer = self.component.parts_of(LOAD_BALANCER)[0]
            (self.component.folder / "run").mkdir(mode=0o700, exist_ok=True)
            write_private(
                self.component.folder / "run" / "server.json",
                json.dumps({"http": url(balancer.addresses[0])}),
            )
            click.echo(f"{title()} quickstart environment started")

    def _sanity(self) -> None:
        """Everything that can be known before anything is started, all faults at once."""
        faults = []
        for part in self.parts:
            if not part.runs_itself or part in self.running:
                continue
            try:
                removed = checks.check_pidfile(part)
                if removed:
                    click.echo(removed, err=True)
                checks.check_ports(part, left_behind=bool(removed))
            except Failure as failure:
                faults.append(failure.message)
        if faults:
            raise Failure("\n".join(faults), FAILED)

    def _launch(self, *kinds: str, at_most: int = 1000) -> None:
        """Start the processes of components that do not run."""
        new = [part for part in self.parts if part.kind in kinds and part not in self.running]
        for part in [part for part in new if part not in self.children][:at_most]:
            self._run(part)

    def _run(self, part: Component) -> None:
        self.children[part], self.began[part] = (
            life.launch(part, below=self.foreground),
            time.monotonic(),
        )

    def _await(self, *kinds: str) -> None:
        """Wait for components, in order, telling each."""
        for part in self.parts:
            if part.kind not in kinds:
                continue
            if part in self.running:
                self.progress.done(f"{part.name} runs already")
            elif part.runs_itself or all(
                other.pid() for other in self.parts if other.kind == LOAD_BALANCER
            ):
                life.wait_ready(part, self.children.get(part), self.progress, self._go_on)
                self.progress.done(f"{part.name} started")
            if part in self.checked:
                self._launch(SERVER)

    def _go_on(self) -> None:
        """Start the other servers once the first one answers, for which this waits; raises `KeyboardInterrupt` if told to end."""
        if self._told:
            raise KeyboardInterrupt
        if self._gone_on or not self.checked:
            return
        # asking waits for the server, and nothing that is still to be launched may wait for that
        there = {*self.running, *self.children}
        if any(part.kind == LOAD_BALANCER and part not in there for part in self.parts):
            return
        if not life.answers(self.checked[0]):
            return
        self._gone_on = True
        self._launch(SERVER)

    def _undo(self) -> None:
        started = [part for part in self.children if part.pid() is not None]
        if started:
            names = ", ".join(part.name for part in started)
            click.echo(f"Stopping what was started: {names}", err=True)
            for part in stop_order(started):
                life.stop(part, Progress(0), self.children[part])

    # -- in the foreground --------------------------------------------------------------------------------------------

    def _stay(self) -> None:
        """Start again what ends by itself, until SIGTERM or SIGINT; then stop everything."""
        click.echo(
            f"Logs are in {self.component.folder}{'/*' if self.cluster else ''}/logs. Ctrl-C stops."
        )
        delays: dict[Component, tuple[float, float]] = {}
        while not self._told and self.children:
            for part, child in list(self.children.items()):
                if child.poll() is None or busy(part.folder) or busy(self.component.folder):
                    continue
                if not part.pidfile.exists():  # `hansa stop` has seen to it
                    del self.children[part]
                    continue
                self._again(part, child, delays)
            time.sleep(0.2)
        with exclusive(self.component.folder):
            stop_parts(self.component, list(self.children), self.children)

    def _again(
        self, part: Component, child: Any, delays: dict[Component, tuple[float, float]]
    ) -> None:
        """Start a component again that ended, later each time unless it ran well for a while."""
        delay, due = delays.get(part, (RESTART_DELAY, 0.0))
        now = time.monotonic()
        if not due:
            delay = RESTART_DELAY if now - self.began[part] > LONG_ENOUGH else delay
            click.echo(
                f"{part.name} ended with status {child.returncode}, starting it again in {delay:g} s",
                err=True,
            )
            delays[part] = (delay, now + delay)
        elif now >= due:
            self._run(part)
            delays[part] = (min(delay * 2, LONGEST_DELAY), 0.0)


def run_in_place(component: Component) -> None:
    """Become a component's process, with its output on this terminal; returns only by raising `Failure`."""
    with exclusive(component.folder):
        Start(component)._sanity()
        if component.kind == SERVER:
            checks.check_server_redis(component)
            checks.check_server_odb(component)
        component.note(os.getpid())
    os.chdir(component.folder)
    command = component.command()
    os.execv(command[0], command)


def stop_order(parts: list[Component]) -> list[Component]:
    """First what brings requests in, last what everything else needs."""
    order = [WEB_ADMIN, LOAD_BALANCER, SERVER, KVDB]
    return sorted(parts, key=lambda part: order.index(part.kind))


def stop_all(component: Component) -> None:
    """Stop a cluster or a component, gracefully, and wait for the end. Raises `Failure`."""
    with exclusive(component.folder):
        stop_parts(component, component.parts if component.kind == QUICKSTART else [component])


def stop_parts(
    component: Component,
    parts: list[Component],
    children: dict[Component, subprocess.Popen[bytes]] | None = None,
) -> None:
    """Stop some parts, in order, telling each step."""
    own = [part for part in stop_order(parts) if part.runs_itself]
    cluster = component.kind == QUICKSTART
    progress = Progress(len(own))
    if cluster:
        click.echo(f"Stopping the {title()} quickstart environment")
    ran = [part for part in own if part.pid() is not None]
    servers = [part for part in own if part.kind == SERVER]
    for part in own:
        if part in servers[:1]:
            life.ask_to_end(servers)  # PERF: they end at the same time
        life.stop(part, progress, (children or {}).get(part))
        progress.done(f"{part.name} stopped" if part in ran else f"{part.name} was not running")
    if cluster:
        click.echo(f"{title()} quickstart environment stopped")
