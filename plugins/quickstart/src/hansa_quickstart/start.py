"""`hansa start`: a whole quickstart cluster, or one component."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import click
from hansa import replace_file
from hansa_cli.access import address_file

from . import checks, readiness
from .addresses import url
from .component import CA, HOST, KVDB, LOAD_BALANCER, SERVER, WEB_ADMIN, Component
from .console import troubles_of_workers
from .failure import FAILED, NOT_A_COMPONENT, RUNNING, Failure
from .foreground import Foreground
from .https import server_certificates, trusted_certificates
from .launch import Launched, launch
from .locks import exclusive
from .programs import title
from .progress import Progress
from .sanity import check_pidfile, check_ports
from .signals import Termination
from .stop import stop, stop_order


class Start:
    """One start of components; what it has started is stopped again when it fails.

    The first server starts before the others: it stores what they then find declared, which takes
    less time than all servers storing it at once.
    """

    def __init__(self, component: Component, *, foreground: bool = False) -> None:
        self.component = component
        self.foreground = foreground
        self.termination = Termination()
        self.parts = component.parts if component.is_cluster else [component]
        self.running = [part for part in self.parts if part.pid() is not None]
        self.launched: dict[Component, Launched] = {}
        servers = [part for part in self.parts if part.kind == SERVER]
        self.first_server = servers[0] if servers else None
        checks_shown = 2 if servers else 0
        self.progress = Progress(len(self.parts) + checks_shown)
        self._others_launched = False

    def run(self, on_started: Callable[[], None] | None = None) -> None:
        """Check, start, call `on_started`, and in the foreground stay until told to end.

        Raises `Failure`.
        """
        self._check_state()
        with exclusive(self.component.folder):
            try:
                if self.foreground:
                    self.termination.interrupt()
                self._start()
                if self.foreground:
                    self.termination.note()
            except BaseException:
                self._undo()
                raise
        if on_started is not None:
            on_started()
        if self.foreground:
            Foreground(self.component, self.launched, self.termination).stay()

    def check_sanity(self) -> None:
        """Check everything that can be known before anything is started.

        Raises `Failure` with all faults.
        """
        faults: list[str] = []
        for part in self.parts:
            if not part.has_process or part in self.running:
                continue
            try:
                removed = check_pidfile(part)
                if removed:
                    click.echo(removed, err=True)
                check_ports(part, left_behind=bool(removed))
            except Failure as failure:
                faults.append(failure.message)
        if faults:
            raise Failure("\n".join(faults), FAILED)

    def _check_state(self) -> None:
        """Refuse to start what has no process, or runs already."""
        own = [part for part in self.parts if part.has_process]
        if not own:
            why = "has no process of its own: the load-balancer serves its port"
            raise Failure(f"{self.component.name} {why}", NOT_A_COMPONENT)
        if len(self.running) == len(own):
            raise Failure(f"{self.component.folder} is already running", RUNNING)

    def _start(self) -> None:
        if self.component.is_cluster:
            click.echo(f"Starting the {title()} {self.component.whole}")
        click.echo("Running sanity checks")
        self.check_sanity()
        if any(part.kind == KVDB for part in self.parts):
            # the server takes longest, so it starts first; it waits for its Valkey
            self._launch_first_server()
            self._launch(KVDB)
            self._await(KVDB)
            self._launch(LOAD_BALANCER)
            self._launch(WEB_ADMIN)
            self._check_first_server()
        else:
            # a Redis that is not the cluster's own is checked before a server uses it
            self._launch(CA)
            self._launch(LOAD_BALANCER)
            self._launch(WEB_ADMIN)
            self._check_first_server()
            self._launch_first_server()
        self._await(CA, LOAD_BALANCER, SERVER, WEB_ADMIN)
        if self.component.is_cluster:
            self._record_address()
            click.echo(f"{title()} {self.component.whole} started")

    def _check_first_server(self) -> None:
        """Show that the Redis and the ODB of the first server can be used."""
        if self.first_server is None:
            return
        for check in (checks.check_server_redis, checks.check_server_odb):
            found = check(self.first_server)
            for line in found.passed:
                self.progress.done(line)
            for warning in found.warnings:
                click.echo(f"Warning: {warning}", err=True)

    def _record_address(self) -> None:
        """Write the address of the cluster where commands look for that of a server, and with HTTPS
        which certificates are the cluster's: of the load-balancer, or, of a cluster on several
        hosts, of the first server here, since its load-balancers keep the admin API from clients.
        """
        is_host = self.component.kind == HOST
        servers = [self.first_server] if is_host and self.first_server else []
        front = next(iter([*servers, *self.component.parts_of(LOAD_BALANCER)]), None)
        if front is None:
            return
        certificates = server_certificates if front.kind == SERVER else trusted_certificates
        about: dict[str, object] = {"http": url(front.addresses[0])}
        trusted = certificates(front)
        if trusted:
            about["http"] = url(front.addresses[0], scheme="https")
            about["trust"] = [str(file) for file in trusted]
        replace_file(address_file(self.component.folder), json.dumps(about))

    # -- processes ---------------------------------------------------------------------------------

    def _launch(self, kind: str) -> None:
        """Start the processes of the components of a kind that do not run."""
        for part in self.parts:
            if part.kind == kind:
                self._launch_part(part)

    def _launch_first_server(self) -> None:
        servers = [part for part in self.parts if part.kind == SERVER and self._is_missing(part)]
        if servers:
            self._launch_part(servers[0])

    def _launch_part(self, part: Component) -> None:
        if not self._is_missing(part):
            return
        launched = launch(part, ends_with_us=self.foreground)
        try:
            part.note(launched.process.pid)
        except OSError as error:
            launched.process.kill()
            launched.process.wait()
            raise Failure(f"{part.pidfile} cannot be written: {error.strerror}") from None
        self.launched[part] = launched

    def _is_missing(self, part: Component) -> bool:
        return part.has_process and part not in self.running and part not in self.launched

    def _await(self, *kinds: str) -> None:
        """Wait for components, in order, and print each."""
        for part in self.parts:
            if part.kind not in kinds:
                continue
            if part in self.running:
                self.progress.done(f"{part.name} is already running")
            elif part.has_process or self._balancer_runs():
                launched = self.launched.get(part)
                process = None if launched is None else launched.process
                readiness.wait_ready(part, process, self.progress, self.meanwhile)
                self.progress.done(f"{part.name} started")
                troubles = troubles_of_workers(part, part.pid())
                if troubles:
                    click.echo(
                        f"{part.name} has had troubles with its workers:{troubles}", err=True
                    )
            if part == self.first_server:
                self._launch(SERVER)

    def _balancer_runs(self) -> bool:
        balancers = [part for part in self.parts if part.kind == LOAD_BALANCER]
        return all(part.pid() is not None for part in balancers)

    def meanwhile(self) -> None:
        """Launch the other servers once the first one answers; called while something is awaited.

        Raises KeyboardInterrupt if this process was told to end.
        """
        self.termination.check()
        if self._others_launched or self.first_server is None:
            return
        # asking may wait for the server, and the load-balancer shall not wait for that
        balancers = [part for part in self.parts if part.kind == LOAD_BALANCER]
        if any(self._is_missing(part) for part in balancers):
            return
        if readiness.answers(self.first_server):
            self._others_launched = True
            self._launch(SERVER)

    def _undo(self) -> None:
        """Stop what was started."""
        started = [part for part in self.launched if part.pid() is not None]
        if not started:
            return
        names = ", ".join(part.name for part in started)
        click.echo(f"Stopping what was started: {names}", err=True)
        for part in stop_order(started):
            stop(part, Progress(0), self.launched[part])


def run_in_place(component: Component) -> None:
    """Become a component's process, with its output on this terminal.

    Returns only by raising `Failure`.
    """
    with exclusive(component.folder):
        Start(component).check_sanity()
        if component.kind == SERVER:
            checks.check_server_redis(component)
            checks.check_server_odb(component)
        component.note(os.getpid())
    os.chdir(component.folder)
    command = component.command()
    os.execv(command[0], command)
