"""A call of a coroutine in an event loop, which a thread waits for.

asyncio can do the same by a future of its own and one of threads, each with callbacks of the other;
that costs twice as much.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from hansa import HansaError, TimedOut, Unavailable

ResultT = TypeVar("ResultT")


class Call(Generic[ResultT]):
    """One call of a coroutine within `timeout` seconds.

    `begin` is called in the loop, `wait` and `give_up` are by the thread that waits. `what` names
    the owner of the loop in errors, `limit` the time limit.
    """

    __slots__ = (
        "_done",
        "_error",
        "_expired",
        "_given_up",
        "_limit",
        "_loop",
        "_result",
        "_task",
        "_timeout",
        "_what",
        "_work",
    )

    def __init__(
        self, work: Coroutine[Any, Any, ResultT], timeout: float, what: str, limit: str
    ) -> None:
        self._work = work
        self._timeout = timeout
        self._what = what
        self._limit = limit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._result: ResultT
        self._error: BaseException | None = None
        self._expired = False
        self._given_up = False
        self._done = threading.Lock()
        self._done.acquire()

    # -- in the thread that waits ------------------------------------------------------------------

    def wait(self, seconds: float) -> bool:
        """Return whether it has ended within so many seconds."""
        return self._done.acquire(timeout=seconds)

    def result(self) -> ResultT:
        """Return what the coroutine has returned; raises what it has raised."""
        if self._error is None:
            return self._result
        error = self._error
        self._error = None  # else the two would hold each other
        try:
            raise error
        finally:
            del error

    def give_up(self) -> None:
        """Have it cancelled, or not begin, once the loop comes to that; nobody waits any more."""
        self._given_up = True
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._cancel)

    # -- in the loop -------------------------------------------------------------------------------

    def begin(self) -> None:
        """Have the coroutine run."""
        # first this and then that, and the other way round in `give_up`: one of the two sees it
        self._loop = asyncio.get_running_loop()
        if self._given_up:
            self._work.close()
            return
        self._task = self._loop.create_task(self._run(self._loop))

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        deadline = loop.call_later(self._timeout, self._expire)
        try:
            self._result = await self._work
        except asyncio.CancelledError:
            self._error = self._cancelled()
        except (SystemExit, KeyboardInterrupt) as error:
            self._error = ended(error)
        except BaseException as error:
            self._error = error
        finally:
            deadline.cancel()
            self._done.release()

    def _expire(self) -> None:
        self._expired = True
        self._cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _cancelled(self) -> HansaError:
        if self._expired:
            return TimedOut(f"{self._what}: no answer {self._limit}")
        return Unavailable(f"{self._what} was stopped")


def ended(error: BaseException) -> HansaError:
    """Return the error for a coroutine that would have ended the process, and ends only itself."""
    found = HansaError(f"it tried to end the process by {type(error).__name__}")
    found.__cause__ = error
    return found
