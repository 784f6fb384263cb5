"""The supervisor of one server: binds sockets, starts engines and workers, watches them, replaces
workers one by one.

It imports little: no ODB, no protocol. What it needs of plugins are the hooks of their early
modules.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import resource
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

from ..contract.engine import Engine
from ..foundation.errors import Invalid, describe
from ..foundation.files import StatusFile
from ..foundation.output import print_lines
from ..foundation.processes import process_mark
from ..foundation.starts import STARTS, SUPERVISOR, DeathLedger, Starts
from ..plugins.check import check_plugins
from ..plugins.configuration import LISTEN_VARIABLE, Config, read_config
from ..plugins.discovery import Plugins, load_plugins, required_starts
from ..plugins.early_trial import try_early_modules
from ..plugins.installed import EARLY
from ..plugins.lock import LOCK, lock_differences
from .children import Ledger
from .engines import Engines
from .hanging import HangWatch
from .logs import rotate_log, rotate_output, set_up
from .replacement import Replacement
from .restart import RestartSchedule
from .spawning import Spawner
from .workers import WorkerProcess, Workers

log = logging.getLogger("hansa.supervisor")

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOOK = 0.2
QUICK_LOOK = 0.02
START_LOOK = 0.05
"""Seconds to listen to workers at a time: usually, while something is to happen soon, and while
they start.
"""
ROTATED_LOGS = ("server", "access")
ENOUGH_FILES = 4096
"""Open files that a worker may need: the default of connections, and what its services open."""
SERVED_WELL = 1.0
"""Seconds of service after which a worker that ends is started again at once."""
CONSOLE_LOG = "console"
"""The log into which `hansa start` has a server in the background print."""


class Supervisor:
    """Runs one server until it is told to end. `lock` is that of its folder."""

    def __init__(
        self, config: Config, plugins: Plugins, overrides: dict[str, Any], lock: IO[str]
    ) -> None:
        self.config = config
        self._lock = lock
        self.plugins = plugins
        self.overrides = overrides
        self.run_dir: Path = config.dir / "run"
        self.about = StatusFile(self.run_dir / "server.json")
        self.sockets: dict[str, socket.socket] = {}
        ledger = Ledger(self.run_dir / "processes.json")
        self.ledger = ledger
        self.engines = Engines(config.dir, ledger, RestartSchedule())
        self.deaths = DeathLedger(config.dir / STARTS)
        # a worker reports when it serves
        schedule = RestartSchedule(well=SERVED_WELL)
        grace = config.server.grace
        self.spawner = Spawner(ledger, RestartSchedule())
        self.workers = Workers(ledger, schedule, self.deaths, grace, self._hear, self.spawner)
        self.replacement = Replacement(self.workers)
        self._stop = False
        self._again = False
        self._trouble = ""

    # -- the whole ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Start, watch until SIGTERM, SIGINT or a restart, stop; then, for a restart, become a new
        process. Raises `Invalid`.
        """
        os.chmod(self.config.dir, 0o700)
        set_up(self.config.dir, self.config.log)
        _allow_open_files()
        leftovers = self.ledger.end_leftovers()
        self.deaths.forget_all()
        if leftovers:
            log.warning(
                "ended %s processes that an earlier run left behind: %s", len(leftovers), leftovers
            )
        for difference in lock_differences(self.config.path.parent):
            log.warning("%s: %s", LOCK, difference)
        for number in SIGNALS:
            signal.signal(number, self._request_stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        try:
            # what workers need is imported while engines start
            self.spawner.begin()
            self._listen()
            self._start_engines()
            self._start_workers()
            while not self._stop:
                self._turn()
        finally:
            self._shut_down()
            self.plugins.starts.end()
            self._lock.close()
        if self._again:
            self._start_over()

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True
        self._again = False

    def _start_over(self) -> None:
        """Become a new process of the same id, unless somebody ends the server at the last moment."""
        # whoever ends the server now ends the next run of it
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if self._again:
            _become_another()

    # -- start -------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self.plugins.call_early("hansa_listen", self.config, self.sockets.update)
        for name, bound in self.sockets.items():
            self.config.listening[name] = _address(bound)
        self.about.write(json.dumps(self._describe()))

    @property
    def _addresses(self) -> dict[str, str]:
        """Where the server listens, as URLs by name."""
        return {name: f"{name}://{address}" for name, address in self.config.listening.items()}

    def _describe(self) -> dict[str, object]:
        """What `run/server.json` says of the server."""
        return {"pid": os.getpid(), "name": self.config.server.name, **self._addresses}

    def _start_engines(self) -> None:
        def start(engines: list[Engine]) -> None:
            self.engines.start(engines, lambda: self._stop)

        self.plugins.call_early("hansa_engines", self.config, start)

    def _start_workers(self) -> None:
        workers = self.workers
        workers.sockets = self.sockets
        # definitions and modules may name them
        listening = {
            LISTEN_VARIABLE + name.upper(): address for name, address in self._addresses.items()
        }
        self.spawner.environment = listening
        workers.job = {
            "config": str(self.config.path),
            "dir": str(self.config.dir),
            "overrides": self.overrides,
            "environment": listening,
            "engines": self.engines.addresses,
            "failed": self.plugins.taken_out,
        }
        # as far as they did not end in good order
        for pid, start in self.ledger.ended.items():
            workers.note_end(process_mark(self.config.dir, pid, start))
        for index in range(self.config.server.workers):
            self._start_worker(index)
            if index == 0 and not self._stop:
                # those that follow need not import them
                if self.config.server.workers > 1:
                    self.spawner.import_modules(workers.serving[0].modules)
                self._say()
        # who waits for the whole server looks for `workers` in it
        self.about.write(json.dumps({**self._describe(), "workers": len(workers.serving)}))
        log.info("server %s runs with %s workers", self.config.server.name, len(workers.serving))

    def _start_worker(self, index: int) -> None:
        """Start a worker and wait until it is ready.

        If the first one ends while it starts something, another is started at once: after three
        deaths, that is left out.
        """
        workers = self.workers
        while not self._stop:
            if not self.spawner.settled(START_LOOK):
                continue
            process = workers.spawn(index)
            workers.serving[index] = process
            workers.give_job(process)
            self._wait_for(process)
            if process.ready or index > 0:
                return
            if not self._stop:
                process.child.kill()
                workers.let_go(process)

    def _wait_for(self, process: WorkerProcess) -> None:
        """Wait until a worker is ready, or has ended while it started something; raises `Invalid`
        with what keeps it from starting.

        Another than the first that ends without a word is started again later.
        """
        first = process.index == 0
        while not process.ready and not self._stop:
            if process.over and not first:
                return
            self.workers.listen(START_LOOK)
            if process.faults is None and not (process.over and first):
                continue
            # it may have said why, or that it is ready, just before it ended
            self.workers.listen(START_LOOK)
            if not process.ready:
                if self.workers.bury(process):
                    return
                silent = {f"worker {process.index}": f"did not start: {process.state}"}
                raise Invalid(process.faults or silent)

    def _say(self) -> None:
        """Print what the person who started the server is to know."""
        answers: list[list[str]] = []
        self.plugins.call_early("hansa_ready", self.config, answers.append)
        # from now on plugins do nothing here that could end the server
        self.plugins.starts.end()
        lines = [line for said in reversed(answers) for line in said]
        listening = self.config.listening
        for line in self.config.server.say:
            lines.append(re.sub(r"\{(\w+)\}", lambda m: listening.get(m[1], m[0]), line))
        print_lines(*lines)

    # -- run ---------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """One round of the loop: listen to workers, restart what ended, go on with a replacement.

        What fails for want of space or processes is tried again in the next round, and keeps
        nothing else from being done.
        """
        soon = self.replacement.running or not self.spawner.settled()
        self.workers.listen(QUICK_LOOK if soon else LOOK)
        trouble = ""
        steps = (
            self._rotate_logs,
            self.about.catch_up,
            self.spawner.watch,
            self.workers.start_again,
            self.workers.see_to_the_end,
            self.engines.watch,
            self.replacement.proceed,
        )
        for step in steps:
            try:
                step()
            except Exception as error:  # engines are the code of plugins
                trouble = describe(error)
        if trouble and trouble != self._trouble:
            log.error("something cannot be done now and is tried again: %s", trouble)
        self._trouble = trouble

    def _rotate_logs(self) -> None:
        logs = self.config.dir / "logs"
        section = self.config.log
        for name in ROTATED_LOGS:
            rotate_log(logs / f"{name}.log", section.max_size, section.kept)
        for path in (logs / f"{CONSOLE_LOG}.log", *self.engines.logs):
            rotate_output(path, section.max_size, section.kept)

    def _hear(self, event: dict[str, Any]) -> None:
        if event["event"] == "restart":
            log.info("restarting, as was asked for")
            if not self._stop:
                self._again = True
            self._stop = True
        elif event["event"] == "replace":
            log.error("worker %s is replaced: %s", event["index"], event["why"])
            self.replacement.want_one(event["index"], event["generation"])
        else:
            self.replacement.want(event["revision"])

    # -- end ---------------------------------------------------------------------------------------

    def _shut_down(self) -> None:
        self.spawner.stop()
        self.workers.ask_all_to_end()
        for bound in self.sockets.values():
            bound.close()
        while self.workers.ending:
            self.workers.listen(QUICK_LOOK)
            self.workers.see_to_the_end()
        self.engines.stop()
        self.about.remove()
        log.info("server %s ended", self.config.server.name)


def _become_another() -> NoReturn:
    """Begin this program again, in this process."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _allow_open_files() -> None:
    """Let this process and its children open as many files as a server under load needs, as far as
    the system lets them; logs where that is too few.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= ENOUGH_FILES:
        return
    allowed = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < ENOUGH_FILES:
        log.warning(
            "only %s open files are allowed to each process (ulimit -n), and each connection is one: "
            "allow %s, else connections are refused under load",
            allowed,
            ENOUGH_FILES,
        )


def _address(bound: socket.socket) -> str:
    """Return where a socket listens: `HOST:PORT`, or the path of a Unix socket."""
    name = bound.getsockname()
    if not isinstance(name, tuple):
        return str(name)
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def run_server(
    path: str, *, directory: str | None = None, overrides: dict[str, Any] | None = None
) -> None:
    """Run the server that a configuration file describes, in the foreground; raises `Invalid` with
    all faults.
    """
    config = read_config(path, directory=directory, overrides=overrides)
    lock = _lock(_folder(config))
    try:
        plugins = _load_early(config)
        Supervisor(config, plugins, overrides or {}, lock).run()
    except Invalid:
        # nothing serves without these, so the next start tries them again
        DeathLedger(config.dir / STARTS).forgive(*required_starts())
        raise


def _folder(config: Config) -> Path:
    """Return the folder of a server, which is made if it is new."""
    try:
        folder = config.dir
    except Invalid:
        check_plugins(config.path)  # which finds everything else that is wrong, too
        raise
    try:
        (folder / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Invalid({"server.dir": f"{folder} cannot be made: {error.strerror}"}) from None
    return folder


def _lock(folder: Path) -> IO[str]:
    """Return the lock of a server's folder, held as long as the server runs."""
    lock = open(folder / "run" / "server.lock", "w")  # noqa: SIM115 (see above)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        why = f"another server runs in {folder}: choose another --dir"
        raise Invalid({"server.dir": why}) from None
    return lock


def _load_early(config: Config) -> Plugins:
    """Load the early modules of plugins, after a trial; what is wrong with definitions, too, is
    told in the same breath.
    """
    folder = config.dir / STARTS
    blamed = DeathLedger(folder).bury(SUPERVISOR, "with the server")
    if blamed:
        log.error("the server ended when it was started last, in %s", blamed)

    def load(starts: Starts) -> Plugins:
        return load_plugins(config, set(), (EARLY,), starts=starts)

    starts = Starts(folder, name=SUPERVISOR)
    try:
        try_early_modules(load, folder)
        # the next run of the server leaves out what hangs in this one
        HangWatch(config.server.start_limit, starts, _become_another).start()
        return load(starts)
    except Invalid as invalid:
        try:
            check_plugins(config.path)  # as a worker, which knows the types of definitions
        except Invalid as more:
            raise Invalid({**invalid.errors, **more.errors}) from None
        raise
