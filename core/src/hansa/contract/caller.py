"""Which service works in a thread, or in a task of the event loop, so that what it calls can be
counted by who calls.
"""

from __future__ import annotations

from contextvars import ContextVar
from threading import get_ident

from ..foundation.event_loop import event_loop


class Caller:
    """The service that handles a message in this thread or task, and so calls others and
    connections: a plugin that counts calls sets it around each, and a queue passes it on. It is
    empty outside of one, and where no plugin sets it. `place` is the identifier of the thread, or
    the identity of the task.
    """

    __slots__ = ("place", "service")

    def __init__(self, service: str, place: int) -> None:
        self.service = service
        self.place = place


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current_caller() -> Caller:
    """Return the caller of this thread or task, always the same one; threads and tasks that continue
    its work in a copy of its context begin with its service, and have one of their own.
    """
    # PERF: to set a context variable and to reset it takes 0.3 us, this with both 0.2 us
    found = _caller.get()
    if found is None or found.place != get_ident():
        place = event_loop.place()
        # not the task itself, whose context would have it, and it would stay until it is collected
        number = place if isinstance(place, int) else id(place)
        if found is None or found.place != number:
            found = Caller("" if found is None else found.service, number)
            _caller.set(found)
    return found
