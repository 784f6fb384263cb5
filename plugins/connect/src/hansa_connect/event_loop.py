"""An asyncio event loop in a thread of its own, for connectors whose client library is asyncio.

Each object has a loop of its own: what blocks one, or leaves something behind in it, disturbs no
other, and when the object stops, its tasks, connections and thread end with its loop. A loop costs
one thread and three file descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from hansa import ConfigT, Definition, TimedOut, Unavailable

from .calls import Call, ended

log = logging.getLogger("hansa.event_loop")

START_WAIT = 10.0
"""Seconds that the thread gets to begin."""
STOP_WAIT = 5.0
"""Seconds that tasks get to end after they were cancelled."""
BLOCKED_WAIT = 1.0
"""Seconds past its deadline after which a call is given up whose loop is blocked."""

ResultT = TypeVar("ResultT")
Context: TypeAlias = dict[str, Any]
"""What asyncio tells of an error that nobody handles."""


class EventLoop:
    """An event loop that runs in its own thread from `start` to `stop`; safe in many threads.

    `what` names the owner in errors and the thread. `fault` is called, in the thread of the loop,
    with the error of a background task, and with whatever else nobody handles there; the loop goes
    on.
    """

    def __init__(self, what: str, fault: Callable[[BaseException], None]) -> None:
        self.what = what
        self._fault = fault
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to run; raises `Unavailable` if the thread does not."""
        began = threading.Event()
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(self._unhandled)
        loop.call_soon(began.set)
        name = f"event loop of {self.what}"
        thread = threading.Thread(target=self._run, args=(loop,), name=name, daemon=True)
        try:
            thread.start()
        except BaseException:
            loop.close()
            raise
        with self._lock:
            self._loop = loop
            self._thread = thread
        if not began.wait(START_WAIT):
            raise Unavailable(f"the event loop of {self.what} does not begin")

    def stop(self) -> None:
        """Cancel all tasks, wait until they have ended, and end the thread.

        May be called more than once, and if it was never started. A task that does not end within
        5 seconds is reported in the log, and left behind with the loop.
        """
        with self._lock:
            loop = self._loop
            thread = self._thread
            self._loop = None
            self._thread = None
        if loop is None or thread is None:
            return
        with contextlib.suppress(RuntimeError):  # something that ran in it has closed it
            loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_WAIT * 2)
        if thread.is_alive():
            log.error("the event loop of %s does not end: something blocks it", self.what)

    def run(
        self, work: Coroutine[Any, Any, ResultT], timeout: float, setting: str = "timeout"
    ) -> ResultT:
        """Run a coroutine in the loop and return its result, from any other thread.

        Raises what it raises; `TimedOut`, which names the `setting`, if it has not ended within
        `timeout` seconds, after which it is cancelled; and `Unavailable` if the loop is not
        running, or stops meanwhile.
        """
        limit = f"within {timeout:g} s, the limit that the setting {setting} sets"
        call = Call(work, timeout, self.what, limit)
        self._submit(call, work)
        # the loop keeps the time; this is for one that is blocked, and cannot
        if not call.wait(timeout + BLOCKED_WAIT):
            call.give_up()
            raise TimedOut(f"the event loop of {self.what} is blocked: no answer {limit}")
        return call.result()

    def spawn(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Run a coroutine in the background, such as one that reads; `stop` cancels it.

        Called from any thread, that of the loop included. What it raises goes to `fault`. Raises
        `Unavailable` if the loop is not running.
        """
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._begin, work, name)
                return
        work.close()
        raise Unavailable(f"{self.what} is not running")

    def soon(self, call: Callable[..., object], *arguments: object) -> None:
        """Have something called in the loop that does not block; nobody waits for it.

        Costs a fraction of what a coroutine does. Called from any thread, that of the loop
        included; whatever was handed over before `stop` is still called. What it raises goes to
        `fault`. Raises `Unavailable` if the loop is not running.
        """
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, *arguments)
                return
        raise Unavailable(f"{self.what} is not running")

    def _submit(self, call: Call[ResultT], work: Coroutine[Any, Any, ResultT]) -> None:
        """Hand a call of a coroutine to the loop."""
        with self._lock:
            in_loop = threading.current_thread() is self._thread
            if self._loop is not None and not in_loop:
                self._loop.call_soon_threadsafe(call.begin)
                return
        work.close()
        if in_loop:
            raise RuntimeError("called in the event loop itself, which would wait for ever")
        raise Unavailable(f"{self.what} is not running")

    # -- in the thread of the loop -----------------------------------------------------------------

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            # each task is to have begun, so that no coroutine is left that was never awaited
            loop.run_until_complete(asyncio.sleep(0))
            self._cancel_all(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def _cancel_all(self, loop: asyncio.AbstractEventLoop) -> None:
        left = asyncio.all_tasks(loop)
        if not left:
            return
        for task in left:
            task.cancel()
        _, pending = loop.run_until_complete(asyncio.wait(left, timeout=STOP_WAIT))
        for task in pending:
            log.error("%s: a task does not end when it is cancelled: %r", self.what, task)

    def _begin(self, work: Coroutine[Any, Any, object], name: str) -> None:
        task = asyncio.get_running_loop().create_task(_contained(work), name=name)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._report(task.get_name(), error)

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        message = str(context.get("message", "an error that nobody handles"))
        self._report(message, context.get("exception") or RuntimeError(message))

    def _report(self, where: str, error: BaseException) -> None:
        log.warning("%s: %s: %s", self.what, where, error)
        try:
            self._fault(error)
        except Exception:
            log.exception("%s: a fault could not be reported", self.what)


async def _contained(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return what a coroutine returns; one that would end the process ends only itself."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        raise ended(error) from error


class Asynchronous(Definition[ConfigT]):
    """Mixed into channels and outgoing connections over an asyncio client.

    `start` calls `open_loop`, and `stop` calls `close_loop` last. The error of a background task is
    reported to core by `lost`, which replaces the object.
    """

    _loop: EventLoop | None = None

    @property
    def loop(self) -> EventLoop:
        """The loop; raises `Unavailable` before it is opened."""
        if self._loop is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not started")
        return self._loop

    def open_loop(self) -> None:
        """Begin to run the loop of this object."""
        self._loop = EventLoop(f"{self.kind} {self.type} {self.name!r}", self.lost)
        self._loop.start()

    def close_loop(self) -> None:
        """Cancel what runs in the loop and end it; may be called more than once."""
        if self._loop is not None:
            self._loop.stop()
