"""How a supervisor starts workers: as forks of a template, or, where there is none, each as an
interpreter of its own.

A template imports plugins only once a worker that was forked from it serves with them: what ends or
hangs the process that imports it does so in a worker, which tells what it was.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .children import Child, ForkedChild, Ledger, spawn
from .restart import RestartSchedule
from .template import END_LIMIT, LOOK, Template, early, spawn_template

log = logging.getLogger("hansa.supervisor")

# PERF: what is made while a worker starts stays; looking for garbage in it would only slow the
# start
_WORKER = "import gc; gc.disable(); from hansa.process.worker import main; main()"


@dataclass(frozen=True)
class SpawnedWorker:
    """A worker process that waits for its job, and our end of its control pipe."""

    child: Child
    control: socket.socket


class Spawner:
    """Starts the workers of one server, and keeps the template of which they are forks.

    With `renew` comes another template, of what is installed now. The former is kept until it is
    known whether that code serves. `environment` are the variables that workers get with their job.
    """

    def __init__(self, ledger: Ledger, schedule: RestartSchedule) -> None:
        self.environment: Mapping[str, str] = {}
        self._ledger = ledger
        self._schedule = schedule
        self._template: Template | None = None
        self._former: Template | None = None
        self._ended: list[Template] = []
        self._adopted: list[ForkedChild] = []
        self._fault = ""
        self._began: float | None = None
        self._imports_plugins = True

    def begin(self) -> None:
        """Take the template that the program has forked, or make one."""
        if early:
            self._take(early.pop())
        else:
            self._make()

    def spawn(self) -> SpawnedWorker:
        """Start a worker, which waits for its job: without the template, unless that is settled.
        Raises OSError.
        """
        spawned = _with_pipe(self._fork) or _with_pipe(_interpreter)
        if spawned is None:
            raise OSError("no worker could be started")
        # a template is older than what the supervisor has allowed itself and its children
        with contextlib.suppress(OSError, ValueError):
            files = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.prlimit(spawned.child.pid, resource.RLIMIT_NOFILE, files)
        return spawned

    def _fork(self, control: socket.socket) -> Child | None:
        template = self._template
        if template is None or not template.settled():
            return None
        try:
            child = template.fork(control)
        finally:
            self._adopted += template.adopted
        self._look()
        return child

    # -- the template ------------------------------------------------------------------------------

    def settled(self, seconds: float = 0.0) -> bool:
        """Whether a worker is to be started now; waits for that, so long.

        A template that imports is waited for, but not for as long as imports may take.
        """
        template = self._template
        if template is None:
            return True
        settled = template.settled(seconds)
        self._look()
        return settled or template.slow

    def import_modules(self, modules: Sequence[str]) -> None:
        """Have the template import the plugins with which a worker has served, unless it has."""
        template = self._template
        if template is not None and modules and self._imports_plugins and template.settled():
            template.import_modules(modules, self.environment)

    def renew(self) -> None:
        """Start workers from what is installed now."""
        self.drop_former()
        self._former = self._template
        self._imports_plugins = True
        self._make()

    def go_back(self) -> None:
        """Start workers from what was installed before `renew` again, as far as that is there."""
        if self._former is not None:
            if self._template is not None:
                self._end(self._template)
            self._template = self._former
            self._former = None

    def drop_former(self) -> None:
        """Forget what was installed before `renew`."""
        if self._former is not None:
            self._end(self._former)
            self._former = None

    def watch(self) -> None:
        """Make another template if there is none; forget those that have ended."""
        self._forget_ended()
        if self._template is not None:
            self._template.look()
            self.settled()
        if self._template is None and self._schedule.due("template", self._began, self._fault):
            self._make()

    def stop(self) -> None:
        """End all templates."""
        self.drop_former()
        if self._template is not None:
            self._end(self._template)
            self._template = None
        deadline = time.monotonic() + END_LIMIT
        while self._ended and time.monotonic() < deadline:
            self._forget_ended()
            time.sleep(LOOK)

    def _forget_ended(self) -> None:
        for ended in list(self._ended):
            if ended.child.poll() is not None:
                self._ended.remove(ended)
                self._ledger.remove(ended.child.pid)
        self._adopted = [child for child in self._adopted if child.poll() is None]

    def _make(self) -> None:
        self._template = None
        try:
            self._take(spawn_template())
        except OSError as error:
            self._fault = f"no template of workers could be started ({error})"

    def _take(self, template: Template) -> None:
        self._template = template
        self._ledger.add(template.child.pid)

    def _look(self) -> None:
        """Let go of a template that is of no use: workers are started without it meanwhile."""
        template = self._template
        if template is None or not template.fault:
            return
        template.look()
        self._fault = f"the template of workers {template.fault}"
        self._began = template.began
        if template.importing:
            # the workers that import these themselves tell what is wrong with them
            self._imports_plugins = False
        self._end(template)
        self._template = None

    def _end(self, template: Template) -> None:
        template.end()
        self._ended.append(template)


def _interpreter(control: socket.socket) -> Child:
    return spawn([sys.executable, "-P", "-c", _WORKER], stdin=control)


def _with_pipe(start: Callable[[socket.socket], Child | None]) -> SpawnedWorker | None:
    """Start a worker in one of several ways; each has a pipe of its own, so that a fork of a template
    that has ended before it told of it hears nothing, and ends.
    """
    ours, theirs = socket.socketpair()
    child = None
    try:
        with theirs:
            child = start(theirs)
    finally:
        if child is None:
            ours.close()
    return None if child is None else SpawnedWorker(child, ours)
