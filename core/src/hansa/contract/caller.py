"""Which service works in a thread, so that what it calls can be counted by who calls."""

from __future__ import annotations

from contextvars import ContextVar
from threading import get_ident


class Caller:
    """The service that handles a message in this thread, and so calls others and connections: a
    plugin that counts calls sets it around each, and a queue passes it on. It is empty outside of
    one, and where no plugin sets it. `thread` is the identifier of the thread.
    """

    __slots__ = ("service", "thread")

    def __init__(self, service: str, thread: int) -> None:
        self.service = service
        self.thread = thread


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current_caller() -> Caller:
    """Return the caller of this thread, always the same one; threads that continue its work in a
    copy of its context begin with its service, and have one of their own.
    """
    # PERF: to set a context variable and to reset it takes 0.3 us, this with both 0.2 us
    found = _caller.get()
    thread = get_ident()
    if found is None or found.thread != thread:
        found = Caller("" if found is None else found.service, thread)
        _caller.set(found)
    return found
