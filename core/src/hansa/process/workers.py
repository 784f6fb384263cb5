"""The workers of one server, as their supervisor sees them: started, heard, started again, replaced
and ended.
"""

from __future__ import annotations

import contextlib
import json
import logging
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..foundation.processes import count_oom_kills, how_ended, process_mark, started_at
from ..foundation.starts import DeathLedger
from .children import Child, Ledger
from .restart import RestartSchedule
from .spawning import Spawner

log = logging.getLogger("hansa.supervisor")

START_LIMIT = 60.0
"""Seconds that a worker may take to get ready."""
FROM_OUTSIDE = tuple(-number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
"""Exit statuses of workers that somebody else has ended, whatever they were doing, unless they say
that they did it themselves, or the kernel did it for want of memory.
"""
ENDS_TOLD = 10.0
"""Seconds for which new workers are told of those that have ended: as long as leases may last."""
END_MARGIN = 5.0
"""Seconds beyond twice the grace period after which a worker that does not end is killed."""


@dataclass
class WorkerProcess:
    """One worker process, from its start to its end; `began`, `served_since` and `stopping` are of
    `time.monotonic()`.

    `mark` tells it from any other process (`process_mark`); `is_end_told` whether others know that it
    has ended. `faults` are what kept it from starting, as it reported them; `plugins` those that it has
    loaded, and `modules` what it has imported for them.
    """

    index: int
    generation: int
    child: Child
    control: socket.socket
    mark: str = ""
    began: float = field(default_factory=time.monotonic)
    served_since: float | None = None
    stopping: float = 0.0
    faults: dict[str, str] | None = None
    buffer: bytes = b""
    buried: bool = False
    is_end_told: bool = False
    plugins: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        """Whether it has reported that it serves."""
        return self.served_since is not None

    @property
    def over(self) -> bool:
        """Whether it ended, or did not get ready in time."""
        late = not self.ready and time.monotonic() - self.began > START_LIMIT
        return late or self.child.poll() is not None

    @property
    def state(self) -> str:
        """How it stands, in words."""
        status = self.child.poll()
        if status is None:
            return f"was not ready after {START_LIMIT:g} s"
        return how_ended(status)


@dataclass(frozen=True)
class EndedWorker:
    """A worker that did not end in good order, of this run if it has a place: `INDEX.GENERATION`."""

    place: str
    at: float = field(default_factory=time.monotonic)


class Workers:
    """All worker processes of one server.

    `job` is what each is told, besides its index and generation; `sockets` are handed to each.
    `heard(process, event)` is called for every event of a worker that is not about its own start.
    `deaths` is told what workers died of; `grace` is in seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        schedule: RestartSchedule,
        deaths: DeathLedger,
        grace: float,
        heard: Callable[[dict[str, Any]], None],
        spawner: Spawner,
    ) -> None:
        self.serving: dict[int, WorkerProcess] = {}
        self.ending: list[WorkerProcess] = []
        self.new: WorkerProcess | None = None
        self.job: Mapping[str, object] = {}
        self.sockets: Mapping[str, socket.socket] = {}
        self.spawner = spawner
        self._ledger = ledger
        self._schedule = schedule
        self._deaths = deaths
        self._grace = grace
        self._heard = heard
        self._generation = 0
        self._ended: dict[str, EndedWorker] = {}
        self._oom_kills = count_oom_kills()
        self._selector = selectors.DefaultSelector()

    # -- start -------------------------------------------------------------------------------------

    def spawn(self, index: int) -> WorkerProcess:
        """Start a worker process, which waits for its job."""
        self._generation += 1
        spawned = self.spawner.spawn()
        pid = spawned.child.pid
        self._ledger.add(pid)
        mark = process_mark(Path(str(self.job["dir"])), pid, started_at(pid))
        process = WorkerProcess(index, self._generation, spawned.child, spawned.control, mark)
        self._selector.register(spawned.control, selectors.EVENT_READ, process)
        return process

    def give_job(self, process: WorkerProcess, needed: Sequence[str] = ()) -> None:
        """Tell a worker what it is, once everything it needs is there; without the plugins `needed`
        it does not serve.
        """
        job = {
            **self.job,
            "index": process.index,
            "generation": process.generation,
            "sockets": list(self.sockets),
            "needed": list(needed),
        }
        numbers = [bound.fileno() for bound in self.sockets.values()]
        try:
            socket.send_fds(process.control, [json.dumps(job).encode() + b"\n"], numbers)
        except OSError:
            log.error("worker %s ended before it got its job", process.index)
            return
        oldest = time.monotonic() - ENDS_TOLD
        self._ended = {mark: one for mark, one in self._ended.items() if one.at > oldest}
        for mark, ended in self._ended.items():
            _tell_of_end(process, mark, ended.place)

    def start_again(self) -> None:
        """Start again what ended by itself, or hangs while it starts."""
        for index, process in list(self.serving.items()):
            if not process.over:
                continue
            self._tell_end(process)
            self.bury(process)
            process.child.kill()
            # in a server of one worker, its template imports plugins only now
            self.spawner.import_modules(process.modules)
            if not self.spawner.settled():
                continue
            what = f"worker {index}"
            if self._schedule.due(what, process.served_since, f"{what} {process.state}"):
                self.let_go(process)
                self.serving[index] = self.spawn(index)
                self.give_job(self.serving[index])

    def bury(self, process: WorkerProcess) -> list[str]:
        """Note what a worker that is over was starting, and return what is blamed for its end.

        Nothing is, if it said what kept it from starting, or was killed from outside.
        """
        if process.buried:
            return []
        process.buried = True
        pid = process.child.pid
        if process.faults is not None or self._was_killed_from_outside(process):
            self._say_what_is_not_known(process)
            self._deaths.forget(pid)
            return []
        hung = process.child.poll() is None
        blamed = self._deaths.bury(pid, process.state, hung=hung)
        if blamed:
            log.error("worker %s %s while it started %s", process.index, process.state, blamed)
        for subject in blamed:
            deaths = self._deaths.quarantined(subject)
            if deaths is not None:
                log.error("%s is quarantined: %s", subject, deaths)
        return blamed

    def _say_what_is_not_known(self, process: WorkerProcess) -> None:
        """Log what a worker was starting when another process ended it, which may be one that this
        has begun: who sends a signal, the kernel does not say.
        """
        starting = self._deaths.last_starts(process.child.pid)
        if process.faults is None and starting:
            log.error(
                "worker %s %s while it started %s, and another process has sent the signal; it is "
                "not known which, so nothing is blamed: a program that one of these has run may have",
                process.index,
                process.state,
                starting,
            )

    def _was_killed_from_outside(self, process: WorkerProcess) -> bool:
        """Whether a worker that is over was ended neither by what it ran nor for its memory."""
        status = process.child.poll()
        if status not in FROM_OUTSIDE or self._deaths.has_ended_itself(process.child.pid):
            return False
        if status != -signal.SIGKILL:
            return True
        before = self._oom_kills
        self._oom_kills = count_oom_kills()
        if self._oom_kills == before:
            return True
        log.error("worker %s was killed by the kernel, for want of memory", process.index)
        return False

    # -- listen ------------------------------------------------------------------------------------

    def listen(self, seconds: float) -> None:
        """Hear what workers say, for at most so long."""
        for key, _ in self._selector.select(seconds):
            process: WorkerProcess = key.data
            data = b""
            with contextlib.suppress(OSError):
                data = process.control.recv(65536)
            if not data:
                self._selector.unregister(process.control)
                process.control.close()
            *lines, process.buffer = (process.buffer + data).split(b"\n")
            for line in lines:
                self._hear(process, json.loads(line))

    def _hear(self, process: WorkerProcess, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            process.served_since = time.monotonic()
            process.plugins = event["plugins"]
            process.modules = event["modules"]
        elif event["event"] == "failed":
            process.faults = event["faults"]
            log.error("worker %s could not start: %s", process.index, process.faults)
        else:
            self._heard(event)

    # -- end ---------------------------------------------------------------------------------------

    def let_go(self, process: WorkerProcess) -> None:
        """Forget a worker that has ended, or was killed and is about to."""
        self._tell_end(process)
        if process.child.poll() is None:
            process.stopping = time.monotonic()
            self.ending.append(process)
        self._ledger.remove(process.child.pid)

    def ask_to_end(self, process: WorkerProcess, *, closing: bool) -> None:
        """Ask a worker to finish what it has; `closing` says that the whole server ends."""
        process.stopping = time.monotonic()
        self.ending.append(process)
        if not process.ready:
            process.child.terminate()  # it does not listen yet
        line = json.dumps({"event": "stop", "closing": closing})
        try:
            process.control.sendall(line.encode() + b"\n")
        except OSError:
            process.child.terminate()

    def see_to_the_end(self) -> None:
        """Forget those that have ended, and kill those that do not."""
        for process in list(self.ending):
            if process.child.poll() is not None:
                self._tell_end(process)
                self.ending.remove(process)
                self._ledger.remove(process.child.pid)
                self._deaths.forget(process.child.pid)
            elif time.monotonic() - process.stopping > self._grace * 2 + END_MARGIN:
                log.error("worker %s did not end, killing it", process.index)
                process.child.kill()

    def tell_serving(self, event: str, **more: object) -> None:
        """Send an event to every worker that serves."""
        line = json.dumps({"event": event, **more}).encode() + b"\n"
        for process in self.serving.values():
            # one that has ended meanwhile needs to know nothing
            with contextlib.suppress(OSError):
                process.control.sendall(line)

    def note_end(self, mark: str, place: str = "") -> None:
        """Have workers give back what the process with a mark held in the cluster: it has ended, as
        its exit status says. `place` is the index and generation of a worker of this run.
        """
        self._ended[mark] = EndedWorker(place)
        for process in self.serving.values():
            _tell_of_end(process, mark, place)

    def _tell_end(self, process: WorkerProcess) -> None:
        """Have others go on with what a worker had that did not end in good order, once."""
        # a status of 0 may also be that of one which another has waited for
        has_failed = process.child.poll() not in (None, 0)
        if has_failed and process.mark and not process.is_end_told:
            process.is_end_told = True
            self.note_end(process.mark, f"{process.index}.{process.generation}")

    def ask_all_to_end(self) -> None:
        """Ask every worker to finish what it has, since the whole server ends."""
        for process in [*self.serving.values(), self.new]:
            if process is not None and process.child.poll() is None:
                self.ask_to_end(process, closing=True)


def _tell_of_end(process: WorkerProcess, mark: str, place: str) -> None:
    line = json.dumps({"event": "ended", "mark": mark, "place": place}).encode() + b"\n"
    # one that has ended meanwhile, or has not read for long, needs not know: leases end by themselves
    with contextlib.suppress(OSError):
        process.control.send(line, socket.MSG_DONTWAIT)
