"""The load-balancer as a component in the foreground: HAProxy watched, its configuration followed, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from hansa import Invalid, Unavailable, started_at

from .converge import converge
from .files import ABOUT, LOCK, SOURCE, About, digest, locked, write_private
from .generate import Source, generate
from .logs import log, set_up
from .process import Haproxy, end_leftover
from .program import check_limits, check_ports, check_source, find_program
from .settings import LoadBalancerSection, read

FIRST_RESTART, LAST_RESTART = 0.2, 10.0
LOOK = 0.1  # seconds between looks at the configuration and at HAProxy


class Balancer:
    """Runs HAProxy from the configuration file at `path`, in `folder`, until it is told to end."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder, self.run_folder = path, folder, folder / "run"
        self._stop = self._reload = False
        self._delay, self._started = FIRST_RESTART, 0.0
        self._retry_at = 0.0

    def run(self) -> None:
        """Start, tell the address once it answers, watch until SIGTERM or SIGINT, end. Raises `Invalid` with all faults."""
        self.section, text = read(self.path)
        self.run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.run_folder.chmod(0o700)
        set_up(self.folder / "logs")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGHUP, self._ask_to_reload)
        with locked(self.run_folder / LOCK, wait=False) as ours:
            if not ours:
                raise Invalid({"--dir": f"another load-balancer runs in {self.folder}"})
            end_leftover(self.run_folder)
            self.program = find_program(self.section.haproxy)
            self.source = self._write(self.section)
            check_ports(_addresses(self.section))
            self.haproxy = Haproxy(self.program, self.folder, lambda: self._stop)
            try:
                self.haproxy.start()
                self._started = time.monotonic()
                self._announce(text)
                while not self._stop:
                    self._turn()
                    time.sleep(LOOK)
            finally:
                self._stop = True
                self.haproxy.end(self.section.grace)
                (self.run_folder / ABOUT).unlink(missing_ok=True)

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = True

    def _ask_to_reload(self, *_: object) -> None:
        self._reload = True

    def _turn(self) -> None:
        """One look: at HAProxy, and at the configuration."""
        if self.haproxy.status is not None:
            self._start_again()
            return
        if time.monotonic() - self._started > LAST_RESTART:
            self._delay = FIRST_RESTART
        try:
            now = digest(self.path.read_text())
        except (OSError, UnicodeDecodeError):  # between two versions of a file there may be none
            return
        if self._reload or now != self.about.considered:
            forced, self._reload = self._reload, False
            self._consider(now, forced=forced)

    def _start_again(self) -> None:
        """Start HAProxy anew after a pause, which grows as long as it keeps ending."""
        if not self._retry_at:
            log.error(
                "HAProxy ended with status %s, starting it again in %g s",
                self.haproxy.status,
                self._delay,
            )
            self._retry_at = time.monotonic() + self._delay
            self._delay = min(self._delay * 2, LAST_RESTART)
        if time.monotonic() < self._retry_at:
            return
        self._retry_at = 0.0
        try:
            check_ports(_addresses(self.section))
            self.haproxy.start()
            self._started = time.monotonic()
            log.info("HAProxy serves again")
        except Invalid as invalid:
            log.error("HAProxy cannot be started again: %s", invalid.detail)

    # -- the configuration -------------------------------------------------------------------------------------------

    def _write(self, section: LoadBalancerSection) -> Source:
        """Generate, have it validated, and only then put it in place; raises `Invalid`."""
        check_limits(section)
        source = generate(section, self.path.parent)
        trial = self.run_folder / f"new-{SOURCE}"
        write_private(trial, source.text)
        try:
            check_source(self.program, source, trial)
            trial.replace(self.run_folder / SOURCE)
        finally:
            trial.unlink(missing_ok=True)
        return source

    def _consider(self, now: str, *, forced: bool) -> None:
        """Take what the file says, live or by a reload; when something is wrong with it, say so and go on as before."""
        how, faults, before = "", {}, self.source
        try:
            section, text = read(self.path)
            now = digest(text)
            check_ports(
                {
                    name: new
                    for name, new in _addresses(section).items()
                    if new not in _listening(self.section)
                }
            )
            self.source = self._write(section)
            how = (
                "live"
                if self.source.core == before.core and not forced and self._converged(section)
                else "reload"
            )
            if how == "reload":
                self.haproxy.reload()
            self.section = section
            log.info("took the configuration: %s servers, %s", len(section.servers), how)
        except Invalid as invalid:
            faults = invalid.errors
            if self.source is not before:
                self.source = before
                write_private(self.run_folder / SOURCE, before.text)
            log.error(
                "the configuration is refused, everything goes on as before: %s", invalid.detail
            )
        about = self.about
        about.considered, about.attempt, about.how, about.faults = (
            now,
            about.attempt + 1,
            how,
            faults,
        )
        about.url = _url(self.section)
        about.write(self.run_folder)

    def _converged(self, section: LoadBalancerSection) -> bool:
        with contextlib.suppress(Unavailable):
            return converge(self.haproxy.runtime, section, self.section)
        return False

    def _announce(self, text: str) -> None:
        """Tell those who wait, and those who want to control it."""
        if self._stop:
            return
        self.about = About(
            pid=os.getpid(),
            start=started_at(os.getpid()) or 0,
            config=str(self.path),
            url=_url(self.section),
            haproxy=self.program.path,
            version=self.program.version,
            considered=digest(text),
            how="start",
        )
        self.about.write(self.run_folder)
        log.info(
            "HAProxy %s (%s) serves at %s", self.program.version, self.program.path, self.about.url
        )
        print(f"load-balancer: {self.about.url}", flush=True)


def _addresses(section: LoadBalancerSection) -> dict[str, str]:
    """Where it listens, by setting."""
    return {
        "bind": section.bind,
        **({"admin_bind": section.admin_bind} if section.admin_bind else {}),
    }


def _listening(section: LoadBalancerSection) -> set[str]:
    return set(_addresses(section).values())


def _url(section: LoadBalancerSection) -> str:
    return f"{'https' if section.certificate else 'http'}://{section.bind.replace('*', '0.0.0.0')}"
