"""Replacing the workers of a server one by one: a new one serves before the old one is asked to
finish.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from .workers import WorkerProcess, Workers

log = logging.getLogger("hansa.supervisor")


class Replacement:
    """At most one replacement at a time, of all workers or of some; one that is wanted meanwhile
    follows.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._wanted = False
        self._stuck: dict[int, int] = {}
        """Workers that cannot go on: the generation of each by its index."""
        self._newest = 0
        self._steps: Iterator[None] | None = None

    @property
    def running(self) -> bool:
        """Whether workers are being replaced now."""
        return self._steps is not None

    def want(self, revision: int) -> None:
        """Have the workers replaced; once for each revision of the change log, which all of them
        ask for, and each time for 0.
        """
        if revision == 0 or revision > self._newest:
            self._newest = max(self._newest, revision)
            self._wanted = True

    def want_one(self, index: int, generation: int) -> None:
        """Have one worker replaced that cannot go on, unless another has its place by then."""
        self._stuck[index] = generation

    def proceed(self) -> None:
        """Take the next step, if there is one to take."""
        if self._steps is None:
            renewed = self._wanted
            indexes = self._next()
            if indexes:
                self._steps = self._replace(indexes, renewed=renewed)
        if self._steps is not None:
            try:
                next(self._steps)
            except StopIteration:
                self._steps = None

    def _next(self) -> list[int]:
        """Return the workers that are to be replaced now; all of them include those that are stuck."""
        serving = self._workers.serving
        if self._wanted:
            found = list(serving)
        else:
            found = [
                index
                for index, generation in self._stuck.items()
                if index in serving and serving[index].generation == generation
            ]
        self._wanted = False
        self._stuck.clear()
        return sorted(found)

    def _replace(self, indexes: list[int], *, renewed: bool) -> Iterator[None]:
        """Replace workers, `renewed` by what is installed now, else by what the others run."""
        workers = self._workers
        spawner = workers.spawner
        log.info("replacing %s workers", len(indexes))
        if renewed:
            spawner.renew()
        for index in indexes:
            while not spawner.settled():
                yield
            try:
                new = workers.spawn(index)
            except OSError as error:
                self._give_up(index, str(error))
                return
            workers.new = new
            workers.give_job(new, workers.serving[index].plugins)
            while not new.ready:
                if new.over:
                    blamed = workers.bury(new)
                    self._give_up(index, _why(new, blamed))
                    workers.ask_to_end(new, closing=False)
                    workers.new = None
                    return
                yield
            spawner.drop_former()
            if len(indexes) > 1:
                spawner.import_modules(new.modules)
            # not the one of the beginning: that may have ended, and another may run in its place
            old = workers.serving[index]
            workers.serving[index] = new
            workers.new = None
            workers.ask_to_end(old, closing=False)
            while old in workers.ending:
                yield
        log.info("replaced %s workers", len(indexes))

    def _give_up(self, index: int, why: str) -> None:
        log.error("the new worker %s did not start, the old ones go on: %s", index, why)
        self._workers.spawner.go_back()
        self._workers.tell_serving("kept", why=why)


def _why(process: WorkerProcess, blamed: Sequence[str]) -> str:
    """Return what kept a worker from starting; `blamed` is what it was starting when it ended."""
    if process.faults is None:
        during = f" while it started {', '.join(blamed)}" if blamed else ""
        return process.state + during
    faults = process.faults.items()
    return "; ".join(f"{name}: {fault}" if name else fault for name, fault in faults)
