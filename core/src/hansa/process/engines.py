"""The engines of one server: programs that run beside the workers, started before them and ended
after them.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..contract.engine import Engine
from ..foundation.errors import Invalid
from .children import Ledger, spawn
from .restart import RestartSchedule

log = logging.getLogger("hansa.supervisor")

START_LIMIT = 60.0
"""Seconds that engines may take to get ready."""
LOOK = 0.005


@dataclass
class RunningEngine:
    """An engine, its process, and when that began (`time.monotonic()`)."""

    engine: Engine
    child: subprocess.Popen[bytes]
    began: float


class Engines:
    """Starts, watches and ends the engines. What they print goes to `logs/NAME.log` under the
    server's folder.
    """

    def __init__(self, directory: Path, ledger: Ledger, schedule: RestartSchedule) -> None:
        self._directory = directory
        self._ledger = ledger
        self._schedule = schedule
        self._running: list[RunningEngine] = []

    @property
    def addresses(self) -> dict[str, str]:
        """Where workers reach them, by name."""
        return {one.engine.name: one.engine.address for one in self._running}

    def start(self, engines: Iterable[Engine], stopped: Callable[[], bool]) -> None:
        """Start all, and wait until they are ready or the server is to stop.

        Raises `Invalid` for one that does not start; then none of them is kept.
        """
        kept = len(self._running)
        try:
            self._start_all(engines, stopped)
        except BaseException:
            for one in self._running[kept:]:
                one.child.kill()
                one.child.wait()
                self._ledger.remove(one.child.pid)
            del self._running[kept:]
            raise

    def _start_all(self, engines: Iterable[Engine], stopped: Callable[[], bool]) -> None:
        for engine in engines:
            self._running.append(self._start(engine))
        deadline = time.monotonic() + START_LIMIT
        for one in self._running:
            while not one.engine.ready() and not stopped():
                if one.child.poll() is not None or time.monotonic() > deadline:
                    raise self._failed(one)
                time.sleep(LOOK)

    def _start(self, engine: Engine) -> RunningEngine:
        environment = {**os.environ, **engine.environment()}
        with open(self._log(engine), "ab") as out:
            child = spawn(
                engine.command(),
                env=environment,
                cwd=engine.directory,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._ledger.add(child.pid)
        return RunningEngine(engine, child, time.monotonic())

    @property
    def logs(self) -> list[Path]:
        """The files to which the engines write what they print."""
        return [self._log(one.engine) for one in self._running]

    def _log(self, engine: Engine) -> Path:
        return self._directory / "logs" / f"{engine.name}.log"

    def _failed(self, one: RunningEngine) -> Invalid:
        status = one.child.poll()
        log_file = self._log(one.engine)
        return Invalid(
            {f"engine {one.engine.name}": f"did not start (exit status {status}); see {log_file}"}
        )

    def watch(self) -> None:
        """Start again what ended by itself; raises OSError or `HansaError` for one that cannot be
        started now, and is tried again later.
        """
        for place, one in enumerate(self._running):
            status = one.child.poll()
            if status is None:
                continue
            name = one.engine.name
            what = f"engine {name} ended with status {status}"
            if self._schedule.due(f"engine {name}", one.began, what):
                self._ledger.remove(one.child.pid)
                self._running[place] = self._start(one.engine)

    def stop(self) -> None:
        """End all, the last one started first; what does not end in time is killed."""
        for one in reversed(self._running):
            one.child.send_signal(one.engine.stop_signal)
        for one in reversed(self._running):
            try:
                one.child.wait(one.engine.stop_timeout)
            except subprocess.TimeoutExpired:
                log.error("engine %s did not end, killing it", one.engine.name)
                one.child.kill()
                one.child.wait()
            self._ledger.remove(one.child.pid)
