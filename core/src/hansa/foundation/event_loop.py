"""The event loop of this process: services of the form `async def handle` run on it, and what leads
to them waits there without a thread of its own.

Plain code, such as a route with all that plugins put around a service, runs on the loop in a
greenlet: where it waits for something awaitable, the loop does other things meanwhile, and the code
need not know.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from .deadline import time_left
from .errors import TimedOut

if TYPE_CHECKING:
    import asyncio

    from .strand import Strand

log = logging.getLogger("hansa.event_loop")

T = TypeVar("T")
P = ParamSpec("P")

THREADS = 64
"""Threads at most for blocking calls of services on the loop, of each depth."""
CHECKS = 16
"""Threads at most in which callers are authenticated, and calls signed."""
_LATE = "there was no answer before the deadline"

_depth: ContextVar[int] = ContextVar("depth", default=0)
"""In how many calls inside each other, made by services on the loop, this thread is."""


class EventLoop:
    """One loop in a thread of its own, which begins when it is first needed.

    `steps` counts how often plain code was begun or gone on with: while it stays the same, one
    piece of code has the loop to itself.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.thread = 0
        self.busy = threading.Event()
        """Set when code is begun; whoever watches the loop clears it."""
        self.in_hand = 0
        """How much of plain code, and of what threads wait for, has begun and not ended."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beginning = threading.Lock()
        self._orders: deque[Callable[[], object]] = deque()
        self._is_woken = False
        self._pools: dict[int, Executor] = {}
        self._checks: Executor | None = None

    @property
    def is_current(self) -> bool:
        """Whether the code that asks is plain code on the loop, which waits by `wait`."""
        return self._strand() is not None

    def _strand(self) -> Strand | None:
        if threading.get_ident() != self.thread:
            return None
        # PERF: most processes have no use for greenlets, which take 1 MB
        from .strand import current_strand

        return current_strand()

    @staticmethod
    def kept_off(call: Callable[..., object]) -> None:
        """Mark a callable around a service as one that may block, or wait for a lock: what it is
        around keeps a thread, and never begins on the loop.
        """
        call.keeps_thread = True  # type: ignore[attr-defined]  # functions take attributes

    @staticmethod
    def is_kept_off(call: Callable[..., object]) -> bool:
        """Whether a callable is so marked."""
        return getattr(call, "keeps_thread", False) is True

    def place(self) -> int | asyncio.Task[Any]:
        """Return the task of the loop in which the code that asks runs; elsewhere, its thread."""
        thread = threading.get_ident()
        if thread != self.thread:
            return thread
        import asyncio

        task = asyncio.current_task(self._loop)
        return thread if task is None else task

    # -- plain code on the loop --------------------------------------------------------------------

    def start(self, function: Callable[[], object]) -> None:
        """Have plain code run on the loop, and return at once; it must not raise."""
        self._orders.append(function)
        if not self._is_woken:
            # PERF: one wake of the loop, which is a system call, for all that come until it wakes
            self._is_woken = True
            self._running().call_soon_threadsafe(self._take_orders)

    def _take_orders(self) -> None:
        self._is_woken = False
        loop = self._running()
        while self._orders:
            loop.create_task(self.run(self._orders.popleft()), context=Context())

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run plain code on the loop and return what it returns: what it waits for by `wait` keeps
        no thread.
        """
        from .strand import Strand

        strand = Strand(function)
        self._begin()
        try:
            self.steps += 1
            given = strand.switch(*args, **kwargs)
            while not strand.dead:
                try:
                    found = await given
                except BaseException as error:
                    self.steps += 1
                    given = strand.throw(error)
                else:
                    self.steps += 1
                    given = strand.switch(found)
        finally:
            self.in_hand -= 1
        result: T = given
        return result

    def _begin(self) -> None:
        self.in_hand += 1
        if not self.busy.is_set():
            self.busy.set()

    # -- waiting -----------------------------------------------------------------------------------

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Return what an awaitable of the loop gives, or raise what it raises, from plain code
        anywhere: on the loop others go on meanwhile, in a thread this one waits.

        At the deadline of the code that waits, it is cancelled, and `TimedOut` is raised.
        """
        strand = self._strand()
        if strand is not None:
            seconds = time_left()
            if seconds is not None:
                awaitable = _within(awaitable, seconds)
            found: T = strand.parent.switch(awaitable)
            return found
        if threading.get_ident() == self.thread:
            if isinstance(awaitable, Coroutine):
                awaitable.close()
            raise RuntimeError("an event loop cannot wait for itself: await the call")
        return self._wait_in_thread(awaitable)

    def _wait_in_thread(self, awaitable: Awaitable[T]) -> T:
        import asyncio

        ended = asyncio.run_coroutine_threadsafe(self._outcome(awaitable), self._running())
        try:
            found, error = ended.result(time_left())
        except TimeoutError:
            ended.cancel()
            raise TimedOut(_LATE) from None
        if error is not None:
            raise error
        return cast("T", found)

    async def _outcome(self, awaitable: Awaitable[T]) -> tuple[T | None, BaseException | None]:
        """Await; an exception becomes a value, since some, such as SystemExit, would end the loop."""
        import asyncio

        self._begin()
        try:
            return await awaitable, None
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            return None, error
        finally:
            self.in_hand -= 1

    def sleep(self, seconds: float) -> None:
        """Wait for so long: on the loop, others go on meanwhile."""
        if not self.is_current:
            time.sleep(seconds)
            return
        import asyncio

        self.wait(asyncio.sleep(seconds))

    # -- threads beside the loop -------------------------------------------------------------------

    async def in_thread(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a blocking call returns, which is made in another thread, with the
        correlation id, trace and deadline of the code that waits.
        """
        context = copy_context()
        depth = context.run(_descend)
        pool = self._pools.get(depth)
        if pool is None:
            # a call waits only for deeper ones, so none waits for a thread that waits for it
            pool = self._pools[depth] = _threads(THREADS, f"blocking-{depth}")
        call = partial(context.run, function, *args, **kwargs)
        return await self._running().run_in_executor(pool, call)

    def aside(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a short call returns that may block, such as a check of a password: in a
        thread kept for such calls where the code is on the loop, else here.
        """
        if not self.is_current:
            return function(*args, **kwargs)
        if self._checks is None:
            self._checks = _threads(CHECKS, "checks")
        call = partial(copy_context().run, function, *args, **kwargs)
        return self.wait(self._running().run_in_executor(self._checks, call))

    # -- life --------------------------------------------------------------------------------------

    def _running(self) -> asyncio.AbstractEventLoop:
        """Return the loop, which is started when it is first asked for."""
        if self._loop is not None:
            return self._loop
        # PERF: it takes 40 ms to import, and most workers have no use for it
        import asyncio

        with self._beginning:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                # what `asyncio.to_thread` of services uses
                loop.set_default_executor(_threads(THREADS, "to-thread"))
                started = threading.Event()
                arguments = (loop, started)
                threading.Thread(
                    target=self._keep_running, args=arguments, name="event loop", daemon=True
                ).start()
                started.wait()
                self._loop = loop
        return self._loop

    def _keep_running(self, loop: asyncio.AbstractEventLoop, started: threading.Event) -> None:
        self.thread = threading.get_ident()
        started.set()
        while True:
            try:
                loop.run_forever()
            except BaseException:  # such as a sys.exit() in a task that a service began
                log.exception("the event loop was ended from inside, and goes on")


def _descend() -> int:
    depth = _depth.get() + 1
    _depth.set(depth)
    return depth


def _threads(most: int, name: str) -> Any:
    from concurrent.futures import Future, ThreadPoolExecutor

    class Threads(ThreadPoolExecutor):
        def submit(
            self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
        ) -> Future[T]:
            return super().submit(_unstopped, function, *args, **kwargs)

    return Threads(most, thread_name_prefix=name)


def _unstopped(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call; what raises StopIteration fails as a coroutine would: no future of asyncio takes that
    exception, and who waits for one would wait for ever.
    """
    try:
        return function(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("a blocking call raised StopIteration") from error


async def _within(awaitable: Awaitable[T], seconds: float) -> T:
    """Await, at most for so long; raises `TimedOut`."""
    import asyncio

    timer = asyncio.timeout(seconds)
    try:
        async with timer:
            return await awaitable
    except TimeoutError:
        if not timer.expired():
            raise
        raise TimedOut(_LATE) from None


event_loop = EventLoop()
"""That of this process."""
