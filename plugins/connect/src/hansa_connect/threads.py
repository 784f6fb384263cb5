"""Threads for calls that block, such as those of services, which an event loop waits for.

Those of concurrent.futures cost several times as much for each call.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from hansa import Unavailable

from .calls import ended

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class _Task:
    """A call, and the future of its result."""

    future: asyncio.Future[Any]
    function: Callable[[Any], Any]
    argument: Any


class Threads:
    """At most `most` threads, which start when they are needed; `what` names them and their owner.

    `call` is called in one event loop, `end` from any other thread.
    """

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._lock = threading.Lock()
        self._ended = False

    def call(self, function: Callable[[Any], ResultT], argument: object) -> asyncio.Future[ResultT]:
        """Call a function in one of the threads, and return a future of its result.

        Raises `Unavailable` after `end`.
        """
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._ended:
                raise Unavailable(f"{self._what} was stopped")
            if len(self._threads) < min(self._unfinished + 1, self._most):
                self._start_thread()
            self._unfinished += 1
            self._tasks.put(_Task(future, function, argument))
        return future

    def end(self) -> None:
        """Wait for the calls that were begun, and cancel the others."""
        with self._lock:
            self._ended = True
        with contextlib.suppress(Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is not None:
                    _tell(task.future, task.future.cancel)
        threads = list(self._threads)
        for _ in threads:
            self._tasks.put(None)
        for thread in threads:
            thread.join()

    def _start_thread(self) -> None:
        name = f"{self._what} {len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if task.future.cancelled():  # nobody waits for it any more
                _tell(task.future, self._finished, task.future, None)
                continue
            try:
                result = task.function(task.argument)
            except (SystemExit, KeyboardInterrupt) as error:
                _tell(task.future, self._failed, task.future, ended(error))
            except BaseException as error:
                _tell(task.future, self._failed, task.future, error)
            else:
                _tell(task.future, self._finished, task.future, result)
                del result
            del task

    # -- in the loop -------------------------------------------------------------------------------

    def _finished(self, future: asyncio.Future[Any], result: object) -> None:
        self._unfinished -= 1
        if not future.done():
            future.set_result(result)

    def _failed(self, future: asyncio.Future[Any], error: BaseException) -> None:
        self._unfinished -= 1
        if isinstance(error, StopIteration):  # no future takes it, as no coroutine raises it
            cause = error
            error = RuntimeError("the call raised StopIteration")
            error.__cause__ = cause
        if not future.done():
            future.set_exception(error)


def _tell(future: asyncio.Future[Any], call: Callable[..., object], *arguments: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended
        future.get_loop().call_soon_threadsafe(call, *arguments)
