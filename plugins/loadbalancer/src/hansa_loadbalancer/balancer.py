"""The load-balancer as a component in the foreground: HAProxy watched, its configuration followed,
and nothing left behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from hansa import Invalid, Restarts, StatusFile, Unavailable, print_lines, replace_file, started_at

from .certificates import Stamps, stamps
from .converge import converge, needs_reload
from .files import ABOUT, LOCK, SOURCE, About, digest, locked
from .following import Following
from .generate import STATES, Source, generate
from .logs import log, rotate, set_up
from .process import Haproxy, end_leftover
from .program import check_limits, check_ports, check_source, find_program
from .server_states import server_states
from .settings import SECTION, LoadBalancerSection, addresses, is_secure, parse, read
from .trial import Trial, Verdict, answer, clean, taken

LOOK = 0.1
"""Seconds between looks at the configuration and at HAProxy."""


class Balancer:
    """Runs HAProxy from the configuration file at `path`, in `folder`, until it is told to end."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.run_folder = folder / "run"
        self._stop = False
        self._reload = False
        self._restarts = Restarts()
        self._restart_planned = False
        self._started = 0.0
        self._about_file = StatusFile(self.run_folder / ABOUT)
        self._states = StatusFile(self.run_folder / STATES)
        self._certificates: Stamps = ()
        self._trouble = ""

    def run(self) -> None:
        """Start, print the address once it answers, watch until SIGTERM or SIGINT, end. Raises
        `Invalid` with all faults.
        """
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
            clean(self.run_folder)
            self.program = find_program(self.section.haproxy)
            self.source = self._write(self.section)
            self._certificates = stamps(self.section, self.path.parent)
            check_ports(addresses(self.section))
            self.haproxy = Haproxy(self.program, self.folder, lambda: self._stop)
            following = Following(self.path, self.run_folder)
            try:
                self._states.write(server_states(self.section))
                self.haproxy.start()
                self._started = time.monotonic()
                self._announce(text)
                following.start()
                while not self._stop:
                    self._attempt_turn()
                    time.sleep(LOOK)
            finally:
                self._stop = True
                following.stop()
                self.haproxy.end(self.section.grace)
                self._about_file.remove()
                self._states.remove()
                clean(self.run_folder)

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = True

    def _ask_to_reload(self, *_: object) -> None:
        self._reload = True

    def _attempt_turn(self) -> None:
        """Look once at everything; what fails, as for want of space or processes, is tried again by
        the next turn, and never ends HAProxy.
        """
        trouble = ""
        try:
            self._turn()
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
            if trouble != self._trouble:
                unforeseen = None if isinstance(error, OSError) else error
                text = "something cannot be done now and is tried again: %s"
                log.error(text, trouble, exc_info=unforeseen)
        self._trouble = trouble

    def _turn(self) -> None:
        """Look once at HAProxy, at the configuration, and at what is written."""
        if self.haproxy.status is not None:
            self._start_again()
            return
        self._follow_configuration()
        trial = taken(self.run_folder)
        if trial is not None:
            answer(self.run_folder, self._judge(trial))
        self._about_file.catch_up()
        self.haproxy.pid_file.catch_up()
        rotate(self.folder / "logs")

    def _follow_configuration(self) -> None:
        try:
            now = digest(self.path.read_text())
        except (OSError, UnicodeDecodeError):  # between two versions of a file there may be none
            return
        present = stamps(self.section, self.path.parent)
        forced = self._reload or present != self._certificates
        if not forced and now == self.about.considered:
            return
        self._reload = False
        self._certificates = present
        try:
            self._consider(now, forced=forced)
        except OSError:
            self._reload = self._reload or forced
            raise

    def _start_again(self) -> None:
        """Start HAProxy anew after a pause, which grows as long as it keeps ending."""
        if not self._restart_planned:
            delay = self._restarts.ended(self._started)
            self._restart_planned = True
            log.error(
                "HAProxy ended with status %s, starting it again in %g s",
                self.haproxy.status,
                delay,
            )
        if not self._restarts.due:
            return
        self._restart_planned = False
        self._started = time.monotonic()
        try:
            check_ports(addresses(self.section))
            self._states.write(server_states(self.section))
            self.haproxy.start()
            log.info("HAProxy serves again")
        except Invalid as invalid:
            log.error("HAProxy cannot be started again: %s", invalid.detail)

    # -- the configuration -------------------------------------------------------------------------

    def _write(self, section: LoadBalancerSection, *, check_again: bool = False) -> Source:
        """Generate HAProxy's configuration, have it validated, and only then put it in place;
        raises `Invalid`.

        One that is in place already needs no space on the disk; it is validated where the files
        that it names may have changed.
        """
        check_limits(section)
        source = generate(section, self.path.parent)
        present = self.run_folder / SOURCE
        if _holds(present, source.text):
            if check_again:
                check_source(self.program, source, present)
            return source
        with self._checked(source) as trial:
            trial.replace(self.run_folder / SOURCE)
        return source

    @contextlib.contextmanager
    def _checked(self, source: Source) -> Iterator[Path]:
        """Yield a file with a configuration that HAProxy has found valid; raises `Invalid`."""
        trial = self.run_folder / f"new-{SOURCE}"
        replace_file(trial, source.text)
        try:
            check_source(self.program, source, trial)
            yield trial
        finally:
            trial.unlink(missing_ok=True)

    def _judge(self, trial: Trial) -> Verdict:
        """Say what would become of a configuration, as if it were in place, and change nothing."""
        try:
            section = parse(self.path, trial.stored)
            if section.haproxy != self.section.haproxy:
                find_program(section.haproxy)  # the next start would end with it
            check_ports(self._new_addresses(section))
            check_limits(section)
            source = generate(section, self.path.parent, trial.template)
            with self._checked(source):
                return Verdict(trial.id, {}, self._way_to(section, source), source.text)
        except Invalid as invalid:
            return Verdict(trial.id, invalid.errors)
        except Exception as error:  # whoever asks is told so, and need not wait
            log.exception("a configuration cannot be judged")
            return Verdict(trial.id, {SECTION: f"cannot be judged: {error}"})

    def _way_to(self, section: LoadBalancerSection, source: Source) -> str:
        """Return how a configuration would come into force, as far as can be said before."""
        if source.text == self.source.text:
            return ""
        before = {server.name: server for server in self.section.servers}
        stay = [server for server in section.servers if server.name in before]
        if source.core != self.source.core or any(
            needs_reload(server, section, before[server.name], self.section) for server in stay
        ):
            return "reload"
        return "live"

    def _consider(self, now: str, *, forced: bool) -> None:
        """Apply the configuration, live or by a reload; if it is refused, log that and go on as
        before.
        """
        how = ""
        faults: dict[str, str] = {}
        before = self.source
        try:
            section, text = read(self.path)
            now = digest(text)
            check_ports(self._new_addresses(section))
            certificates = stamps(section, self.path.parent)
            self.source = self._write(section, check_again=forced)
            only_servers = self.source.core == before.core and not forced
            if only_servers and self._converged(section):
                how = "live"
            else:
                how = "reload"
                self._states.write(server_states(section, self._ready_servers()))
                self.haproxy.reload()
            self.section = section
            self._certificates = certificates
            log.info("applied the configuration: %s servers, %s", len(section.servers), how)
        except Invalid as invalid:
            faults = invalid.errors
            if self.source is not before:
                self.source = before
                replace_file(self.run_folder / SOURCE, before.text)
            log.error(
                "the configuration is refused, everything goes on as before: %s", invalid.detail
            )
        about = self.about
        about.considered = now
        about.attempt += 1
        about.how = how
        about.faults = faults
        about.url = _url(self.section)
        self._about_file.write(about.as_json())

    def _new_addresses(self, section: LoadBalancerSection) -> dict[str, str]:
        """Return the addresses, by setting, at which it does not listen yet."""
        listening = set(addresses(self.section).values())
        wanted = addresses(section)
        return {name: address for name, address in wanted.items() if address not in listening}

    def _ready_servers(self) -> set[str]:
        """Return the servers that checks have found ready."""
        with contextlib.suppress(Unavailable):
            servers = self.haproxy.runtime.servers().values()
            return {server.name for server in servers if server.up}
        return set()

    def _converged(self, section: LoadBalancerSection) -> bool:
        """Whether the servers of a configuration could be made HAProxy's without a reload."""
        with contextlib.suppress(Unavailable):
            return converge(self.haproxy.runtime, section, self.section, self.path.parent)
        return False

    def _announce(self, text: str) -> None:
        """Write down where and what runs, and print the address."""
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
        self._about_file.write(self.about.as_json())
        log.info(
            "HAProxy %s (%s) serves at %s", self.program.version, self.program.path, self.about.url
        )
        print_lines(f"load-balancer: {self.about.url}")


def _holds(file: Path, text: str) -> bool:
    """Whether a file has this content."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return file.read_text() == text
    return False


def _url(section: LoadBalancerSection) -> str:
    """Return the URL for clients: over HTTP, where that is served."""
    name, address = next(iter(addresses(section).items()))
    scheme = "https" if is_secure(section, name) else "http"
    return f"{scheme}://{address.replace('*', '0.0.0.0')}"
