"""The supervisor of one server: binds sockets, starts engines and workers, watches them, replaces workers one by one.

It imports little: no ODB, no protocol. What it needs of plugins are the hooks of their early modules.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..foundation.errors import Invalid
from ..plugins.configuration import Config, read_config
from ..plugins.discovery import EARLY, Plugins, check_plugins, load_plugins
from .children import Ledger, early, spawn, spawn_worker
from .logs import rotate_log, set_up

log = logging.getLogger("hansa.supervisor")
START_LIMIT = 60.0
FIRST_RESTART, LAST_RESTART, RAN_WELL = 0.2, 10.0, 60.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Process:
    """One worker process, from its start to its end."""

    index: int
    generation: int
    child: Any
    control: socket.socket
    began: float = field(default_factory=time.monotonic)
    ready: bool = False
    stopping: float = 0.0
    faults: dict[str, str] | None = None
    buffer: bytes = b""

    @property
    def over(self) -> bool:
        """Whether it ended, or did not get ready in time."""
        return self.child.poll() is not None or (
            not self.ready and time.monotonic() - self.began > START_LIMIT
        )

    @property
    def state(self) -> str:
        """How it stands, in words."""
        status = self.child.poll()
        return (
            f"not ready after {START_LIMIT:g} s"
            if status is None
            else f"ended with status {status}"
        )


class Supervisor:
    """Runs one server until it is told to end."""

    def __init__(self, config: Config, plugins: Plugins, overrides: dict[str, Any]) -> None:
        self.config, self.plugins, self.overrides = config, plugins, overrides
        self.sockets: dict[str, socket.socket] = {}
        self.engines: list[tuple[Any, Any, float]] = []
        self.workers: dict[int, Process] = {}
        self.ending: list[Process] = []
        self.new: Process | None = None
        self.generation = 0
        self._restarts: dict[Any, tuple[float, float]] = {}
        self._reload_wanted = False
        self._reloaded_for = 0
        self._reloading: Iterator[None] | None = None
        self._stop = self._again = False
        self._selector = selectors.DefaultSelector()
        self.run_dir: Path = config.dir / "run"

    # -- the whole ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Start, watch until SIGTERM, SIGINT or a restart, stop; then, for a restart, become a new process. Raises `Invalid`."""
        self.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(self.config.dir, 0o700)
        set_up(self.config.dir, self.config.log)
        lock = self._lock()
        self.ledger = Ledger(self.run_dir / "processes.json")
        if leftovers := self.ledger.end_leftovers():
            log.warning(
                "ended %s processes that an earlier run left behind: %s", len(leftovers), leftovers
            )
        for number in SIGNALS:
            signal.signal(number, self._request_stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        try:
            self._listen()
            # PERF: the first worker imports while engines start; it gets its job when they are there
            self.workers[0] = self._spawn(0)
            self._start_engines()
            self._start_workers()
            while not self._stop:
                self._turn()
        finally:
            self._shut_down()
            lock.close()
        if self._again:
            signal.pthread_sigmask(
                signal.SIG_BLOCK, SIGNALS
            )  # whoever ends the server now ends the next run of it
            if self._again:
                os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    def _request_stop(self, *_: Any) -> None:
        self._stop, self._again = True, False

    def _lock(self) -> Any:
        lock = open(self.run_dir / "server.lock", "w")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Invalid(
                {"server.dir": f"another server runs in {self.config.dir}: choose another --dir"}
            ) from None
        return lock

    # -- engines and sockets -----------------------------------------------------------------------------------------

    def _start_engines(self) -> None:
        for engines in self.plugins.hook.hansa_engines(config=self.config):
            self.engines += [self._start_engine(engine) for engine in engines]
        deadline = time.monotonic() + START_LIMIT
        for engine, child, _ in self.engines:
            while not engine.ready() and not self._stop:
                if child.poll() is not None or time.monotonic() > deadline:
                    logs = self.config.dir / "logs" / f"{engine.name}.log"
                    raise Invalid(
                        {
                            f"engine {engine.name}": f"did not start (exit status {child.poll()}); see {logs}"
                        }
                    )
                time.sleep(0.005)

    def _start_engine(self, engine: Any) -> tuple[Any, Any, float]:
        environment = {**os.environ, **engine.environment()}
        with open(self.config.dir / "logs" / f"{engine.name}.log", "ab") as out:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
            child = spawn(engine.command(), env=environment, cwd=engine.directory, **streams)
        self.ledger.add(child.pid)
        return engine, child, time.monotonic()

    def _listen(self) -> None:
        for sockets in self.plugins.hook.hansa_listen(config=self.config):
            self.sockets.update(sockets)
        listening = self.config.listening = {
            name: _address(bound) for name, bound in self.sockets.items()
        }
        found = {name: f"{name}://{address}" for name, address in listening.items()}
        # definitions may name it: address = { "$env" = "HANSA_LISTEN_HTTP" }
        self.environment = {
            f"HANSA_LISTEN_{name.upper()}": address for name, address in found.items()
        }
        about = {"pid": os.getpid(), "name": self.config.server.name, **found}
        (self.run_dir / "server.json").write_text(json.dumps(about))

    # -- workers -----------------------------------------------------------------------------------------------------

    def _spawn(self, index: int) -> Process:
        """Start a worker process, which imports and then waits for its job."""
        self.generation += 1
        child, control = early.pop() if early else spawn_worker()
        self.ledger.add(child.pid)
        process = Process(index, self.generation, child, control)
        self._selector.register(control, selectors.EVENT_READ, process)
        return process

    def _give_job(self, process: Process) -> None:
        """Tell a worker what it is, once everything it needs is there."""
        job: dict[str, Any] = {
            "index": process.index,
            "generation": process.generation,
            "overrides": self.overrides,
        }
        job |= {
            "config": str(self.config.path),
            "dir": str(self.config.dir),
            "environment": self.environment,
        }
        job |= {
            "sockets": list(self.sockets),
            "engines": {one.name: one.address for one, _, _ in self.engines},
        }
        try:
            numbers = [bound.fileno() for bound in self.sockets.values()]
            socket.send_fds(process.control, [json.dumps(job).encode() + b"\n"], numbers)
        except OSError:
            log.error("worker %s ended before it got its job", process.index)

    def _start_workers(self) -> None:
        there = self.config.listening
        for index in range(self.config.server.workers):
            process = self.workers[index] = self.workers.get(index) or self._spawn(index)
            self._give_job(process)
            while (
                not process.ready and not self._stop and not (index and process.over)
            ):  # then it is started again
                self._look(0.05)
                if process.faults is not None or (process.over and not index):
                    self._look(
                        0.05
                    )  # it may have told why, or that it is ready, just before it ended
                    if not process.ready:
                        raise Invalid(
                            process.faults or {f"worker {index}": f"did not start: {process.state}"}
                        )
            if index == 0 and not self._stop:
                said = [
                    line
                    for lines in reversed(self.plugins.hook.hansa_ready(config=self.config))
                    for line in lines
                ]
                said += [
                    re.sub(r"\{(\w+)\}", lambda m: there.get(m[1], m[0]), line)
                    for line in self.config.server.say
                ]
                print(*said, sep="\n", flush=True)
        file = (
            self.run_dir / "server.json"
        )  # who waits for the whole server looks for `workers` in it
        file.write_text(json.dumps({**json.loads(file.read_text()), "workers": len(self.workers)}))
        log.info("server %s runs with %s workers", self.config.server.name, len(self.workers))

    def _turn(self) -> None:
        """One round of the loop: listen to workers, restart what ended, go on with a replacement."""
        self._look(0.2 if self._reloading is None else 0.02)
        for name in ("server", "access"):
            rotate_log(
                self.config.dir / "logs" / f"{name}.log",
                self.config.log.max_size,
                self.config.log.kept,
            )
        for index, process in list(self.workers.items()):
            if process.over:
                process.child.kill()  # one that hangs while it starts
                if self._due(index, process.began, f"worker {index} {process.state}"):
                    self.ledger.remove(process.child.pid)
                    self.workers[index] = self._spawn(index)
                    self._give_job(self.workers[index])
        self._see_to_the_end()
        for place, (engine, child, began) in enumerate(self.engines):
            why = f"engine {engine.name} ended with status {child.poll()}"
            if child.poll() is not None and self._due(engine.name, began, why):
                self.ledger.remove(child.pid)
                self.engines[place] = self._start_engine(engine)
        if self._reload_wanted and self._reloading is None:
            self._reload_wanted, self._reloading = False, self._reload()
        if self._reloading is not None and next(self._reloading, True):
            self._reloading = None

    def _look(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            process: Process = key.data
            data = b""
            with contextlib.suppress(OSError):
                data = process.control.recv(65536)
            if not data:
                self._selector.unregister(process.control)
                process.control.close()
            *lines, process.buffer = (process.buffer + data).split(b"\n")
            for line in lines:
                self._hear(process, json.loads(line))

    def _hear(self, process: Process, message: dict[str, Any]) -> None:
        event = message["event"]
        if event == "ready":
            process.ready = True
        elif event == "failed":
            process.faults = message["faults"]
            log.error("worker %s could not start: %s", process.index, process.faults)
        elif event == "restart":
            log.info("restarting, as was asked for")
            self._stop, self._again = True, not self._stop or self._again
        elif not (revision := message["revision"]) or revision > self._reloaded_for:
            self._reloaded_for, self._reload_wanted = max(self._reloaded_for, revision), True

    def _due(self, key: Any, began: float, what: str) -> bool:
        """Whether to start again now what has ended: each time later, unless it ran well for a while."""
        delay, since = self._restarts.get(key, (FIRST_RESTART, 0.0))
        now = time.monotonic()
        if since < began:
            delay = FIRST_RESTART if now - began > RAN_WELL else delay
            log.error("%s, starting another in %g s", what, delay)
            self._restarts[key] = (delay, now)
        elif now - since >= delay:
            self._restarts[key] = (min(delay * 2, LAST_RESTART), 0.0)
            return True
        return False

    def _reload(self) -> Iterator[None]:
        """Replace the workers one by one: a new one serves before the old one is asked to finish."""
        log.info("replacing %s workers", len(self.workers))
        for index in sorted(self.workers):
            new = self.new = self._spawn(index)
            self._give_job(new)
            while not new.ready:
                if new.over:
                    log.error(
                        "the new worker %s did not start, the old ones go on: %s",
                        index,
                        new.faults or new.state,
                    )
                    self._ask_to_end(new, closing=False)
                    self.new = None
                    return
                yield
            # not the one of the beginning: that may have ended, and another may run in its place
            old, self.workers[index], self.new = self.workers[index], new, None
            self._ask_to_end(old, closing=False)
            while old in self.ending:
                yield
        log.info("replaced %s workers", len(self.workers))

    # -- the end -----------------------------------------------------------------------------------------------------

    def _ask_to_end(self, process: Process, *, closing: bool) -> None:
        process.stopping = time.monotonic()
        self.ending.append(process)
        if not process.ready:
            process.child.terminate()  # it does not listen yet
        try:
            process.control.sendall(
                json.dumps({"event": "stop", "closing": closing}).encode() + b"\n"
            )
        except OSError:
            process.child.terminate()

    def _see_to_the_end(self) -> None:
        for process in list(self.ending):
            if process.child.poll() is not None:
                self.ending.remove(process)
                self.ledger.remove(process.child.pid)
            elif time.monotonic() - process.stopping > self.config.server.grace * 2 + 5:
                log.error("worker %s did not end, killing it", process.index)
                process.child.kill()

    def _shut_down(self) -> None:
        for process in [*self.workers.values(), self.new]:
            if process is not None and process.child.poll() is None:
                self._ask_to_end(process, closing=True)
        for bound in self.sockets.values():
            bound.close()
        while self.ending:
            self._look(0.02)
            self._see_to_the_end()
        for engine, child, _ in reversed(self.engines):
            child.send_signal(getattr(engine, "stop_signal", signal.SIGTERM))
        for engine, child, _ in reversed(self.engines):
            try:
                child.wait(getattr(engine, "stop_timeout", 10))
            except subprocess.TimeoutExpired:
                log.error("engine %s did not end, killing it", engine.name)
                child.kill()
                child.wait()
            self.ledger.remove(child.pid)
        (self.run_dir / "server.json").unlink(missing_ok=True)
        log.info("server %s ended", self.config.server.name)


def _address(bound: socket.socket) -> str:
    name = bound.getsockname()
    if not isinstance(name, tuple):
        return str(name)
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def run_server(
    path: str, *, directory: str | None = None, overrides: dict[str, Any] | None = None
) -> None:
    """Run the server that a configuration file describes, in the foreground; raises `Invalid` with all faults."""
    config = read_config(path, directory=directory, overrides=overrides)
    try:
        plugins = load_plugins(config, set(), (EARLY,))
    except Invalid as invalid:
        # a worker knows the types of definitions too: tell their faults in the same breath
        try:
            check_plugins(config.path)
        except Invalid as more:
            raise Invalid({**invalid.errors, **more.errors}) from None
        raise
    try:
        config.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Invalid({"server.dir": f"{config.dir} cannot be made: {error.strerror}"}) from None
    Supervisor(config, plugins, overrides or {}).run()
