"""The supervisor's end of a template: a process that has imported what workers need, and is forked
for each of them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence

from ..foundation.processes import how_ended, own_children
from .children import Child, ForkedChild, spawn
from .prctl import orphans_adopted

_TEMPLATE = "from hansa.process.forking import main; main()"

IMPORT_LIMIT = 60.0
"""Seconds that imports may take."""
PATIENCE = 10.0
"""Seconds for which imports are waited for."""
FORK_LIMIT = 2.0
"""Seconds that a fork may take, for which this process does nothing else."""
LATE = "did not do in time what it was asked for"
END_LIMIT = 1.0
"""Seconds within which a process has ended whose files are closed."""
LOOK = 0.001
ANSWER_SIZE = 65536


class Template:
    """A template that runs: `child`, and our end of its pipe.

    It imports what every worker needs first. `fault` says why it is of no use any more; `imported`
    are the further modules that it has imported, or imports, which is `importing`. `adopted` are
    children that this process has got by the last fork besides the worker.
    """

    def __init__(self, child: Child, pipe: socket.socket) -> None:
        self.child = child
        self.fault = ""
        self.imported: Sequence[str] = ()
        self.importing = False
        self.adopted: Sequence[ForkedChild] = ()
        self.began = time.monotonic()
        self._pipe = pipe
        self._asked = self.began
        self._deadline: float | None = self.began + IMPORT_LIMIT
        """Until when it may do what it was asked for; None if that is done."""

    @property
    def slow(self) -> bool:
        """Whether it still does what it was asked for, and is not waited for any more."""
        return self._deadline is not None and time.monotonic() - self._asked > PATIENCE

    def settled(self, seconds: float = 0.0) -> bool:
        """Whether it has done what it was asked for, or is of no use; waits for that, so long."""
        if self._deadline is not None and not self.fault:
            self._listen(seconds)
        return self._deadline is None or bool(self.fault)

    def import_modules(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        """Have it import further modules, once, with these environment variables besides its own; it
        is to be settled.
        """
        if self.imported or self.fault:
            return
        self.imported = modules
        self.importing = True
        self._ask({"modules": modules, "environment": dict(environment)}, IMPORT_LIMIT)

    def fork(self, control: socket.socket) -> ForkedChild | None:
        """Fork a worker that has `control` as its pipe, which becomes a child of this process.

        None if that cannot be done, which is then its fault. Raises OSError if there are no more
        processes. It is to be settled.
        """
        before = own_children()
        with orphans_adopted():
            self._ask({}, FORK_LIMIT, control)
            answer = self._listen(FORK_LIMIT)
        worker = answer.get("pid")
        more = own_children() - before
        self.adopted = [ForkedChild(pid) for pid in more if pid != worker]
        if answer.get("errno"):
            self.fault = ""
            raise OSError(answer["errno"], answer["fault"])
        if not isinstance(worker, int):
            self.fault = self.fault or LATE
            return None
        try:
            os.waitid(os.P_PID, worker, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            self.fault = "forks workers that are not children of the supervisor"
            return None
        return ForkedChild(worker)

    def look(self) -> None:
        """Note if it has ended."""
        status = self.child.poll()
        if status is not None and not self.fault:
            self.fault = how_ended(status)

    def end(self) -> None:
        """End it at once."""
        self.child.kill()
        self._pipe.close()

    def _ask(
        self, request: dict[str, object], limit: float, control: socket.socket | None = None
    ) -> None:
        self._asked = time.monotonic()
        self._deadline = self._asked + limit
        files = [] if control is None else [control.fileno()]
        try:
            self._pipe.settimeout(limit)
            socket.send_fds(self._pipe, [json.dumps(request).encode()], files)
        except OSError:
            self.fault = self._how_ended()

    def _listen(self, seconds: float) -> dict[str, object]:
        """Hear what it answers, within so many seconds; nothing if it does not."""
        if self.fault:
            return {}
        try:
            self._pipe.settimeout(seconds)
            message = self._pipe.recv(ANSWER_SIZE)
        except (TimeoutError, BlockingIOError):
            if self._deadline is not None and time.monotonic() > self._deadline:
                self.fault = LATE
            return {}
        except OSError:
            message = b""
        if not message:
            self.fault = self._how_ended()
            return {}
        self._deadline = None
        answer: dict[str, object] = json.loads(message)
        self.fault = str(answer.get("fault", ""))
        self.importing = self.importing and bool(self.fault)
        return answer

    def _how_ended(self) -> str:
        """Return how it ended, now that its pipe is closed: what a process has is closed just before
        its status is known.
        """
        deadline = time.monotonic() + END_LIMIT
        while time.monotonic() < deadline:
            status = self.child.poll()
            if status is not None:
                return how_ended(status)
            time.sleep(LOOK)
        return "has closed its pipe"


early: list[Template] = []
"""The template that the program has forked before the supervisor was there."""


def fork_template() -> Template:
    """Fork a template from this process, which is to have one thread and no files of its own: what
    it has imported, the template has, too.
    """
    supervisor = os.getpid()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        pid = os.fork()
        if pid == 0:
            from .forking import be_forked_template

            be_forked_template(theirs, supervisor)
    return Template(ForkedChild(pid), ours)


def spawn_template() -> Template:
    """Start a template as an interpreter of its own, which imports what is installed now."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-P", "-c", _TEMPLATE]
        child = spawn(command, death_signal=signal.SIGKILL, stdin=theirs)
    return Template(child, ours)
