"""Outgoing connections as services on the event loop use them: each method is to be awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from contextvars import Context, copy_context
from functools import partial
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..foundation.event_loop import event_loop

if TYPE_CHECKING:
    from .server import Named, OutgoingConnections

_END = object()


class AwaitedConnections:
    """All of them: `outgoing.TYPE["name"]`."""

    def __init__(self, connections: OutgoingConnections) -> None:
        self._connections = connections

    def __getattr__(self, type: str) -> AwaitedNames:
        return AwaitedNames(getattr(self._connections, type))

    def __getitem__(self, type: str) -> AwaitedNames:
        return AwaitedNames(self._connections[type])


class AwaitedNames:
    """Those of one type, by name."""

    def __init__(self, named: Named) -> None:
        self._named = named

    def __getitem__(self, name: str) -> Awaited:
        connection = self._named[name]
        # not inherited: what a subtype adds may block
        is_on_loop = vars(type(connection)).get("waits_on_loop", False)
        return Awaited(connection, None if is_on_loop else _in_thread)

    def names(self) -> list[str]:
        """Return the names that are defined, sorted."""
        return self._named.names()


class Awaited:
    """A connection, or what one of its methods returned in `async with`, with methods that are to be
    awaited; whatever else it has is there as it is.

    What waits on the loop itself runs there; other methods run in a thread, which `carry` chooses.
    """

    def __init__(self, inside: Any, carry: Carry | None) -> None:
        self._inside = inside
        self._carry = carry

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inside, name)
        return (
            partial(AwaitedCall, self._carry or event_loop.run, found) if callable(found) else found
        )


Carry = Callable[..., Any]
"""Makes a call and returns what is to be awaited for its answer: on the loop, or in a thread."""


def _in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return event_loop.in_thread(function, *args, **kwargs)


class AwaitedCall:
    """One call: awaited, entered by `async with` where it returns a context, or gone through by `async
    for` where it returns an iterator.
    """

    def __init__(self, carry: Carry, method: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._carry = carry
        self._call = partial(method, *args, **kwargs)
        self._entered: Any = None
        self._is_left = False
        self._context: Context | None = None
        self._turn = Lock()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._carry(self._call).__await__()  # type: ignore[no-any-return]  # of any type

    async def __aenter__(self) -> Any:
        # what a context leaves for its end, such as an earlier deadline, is known in one context
        self._context = copy_context()
        try:
            inside = await self._within(self._enter)
        except BaseException as error:
            # who waits may be cancelled while the thread goes on, and enters
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return Awaited(inside, self._within)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        import asyncio

        leaving = event_loop.in_thread(self._leave, kind, error, traceback)
        return await asyncio.shield(leaving)

    def _within(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return event_loop.in_thread(self._in_turn, function, *args, **kwargs)

    def _in_turn(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call while no other call is made in the context, such as one that nobody waits for since its
        deadline; raises RuntimeError once it has been left.
        """
        assert self._context is not None
        with self._turn:
            if self._is_left:
                raise RuntimeError("what was entered by `async with` has been left")
            return self._context.run(function, *args, **kwargs)

    def _enter(self) -> Any:
        entered = self._call()
        inside = entered.__enter__()
        self._entered = entered
        return inside

    def _leave(self, *raised: Any) -> Any:
        assert self._context is not None
        with self._turn:
            self._is_left = True
            if self._entered is None:
                return None
            return self._context.run(self._entered.__exit__, *raised)

    async def __aiter__(self) -> AsyncIterator[Any]:
        found = iter(await self)
        while True:
            item = await event_loop.in_thread(next, found, _END)
            if item is _END:
                return
            yield item
