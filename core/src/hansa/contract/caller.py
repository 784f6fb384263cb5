"""Which service works in a thread, so that what it calls can be counted by who calls."""

from __future__ import annotations

from contextvars import ContextVar


class Caller:
    """The service that handles a message in this thread, and so calls others and connections: a
    plugin that counts calls sets it around each, and a queue passes it on. It is empty outside of
    one, and where no plugin sets it.
    """

    __slots__ = ("service",)

    def __init__(self) -> None:
        self.service = ""


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current_caller() -> Caller:
    """Return the caller of this thread, always the same one; threads that continue its work in a
    copy of its context share it.
    """
    # PERF: to set a context variable and to reset it takes 0.3 us, this with both 0.1 us
    found = _caller.get()
    if found is None:
        found = Caller()
        _caller.set(found)
    return found
