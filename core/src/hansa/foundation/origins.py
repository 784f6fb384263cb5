"""In which start each thread of a process was begun, so that what a thread does can be laid to a
plugin or a definition.

Only `Thread.start` looks: nothing here is on the request path.
"""

from __future__ import annotations

import _thread
import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

NOTHING: Mapping[str, object] = MappingProxyType({})

ThreadStarted = Callable[[threading.Thread], None]


class ThreadOrigins:
    """The starts in which threads were begun, by the names that journals have for them."""

    def __init__(self) -> None:
        self._current = threading.local()
        self._subjects: weakref.WeakKeyDictionary[threading.Thread, str]
        self._subjects = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def within(self, subject: str) -> Iterator[None]:
        """Count what this thread does, and the threads that it begins, as part of a start as long
        as this block lasts.
        """
        before = getattr(self._current, "subject", "")
        self._current.subject = subject
        try:
            yield
        finally:
            self._current.subject = before

    def note(self, thread: threading.Thread) -> None:
        """Note where a thread is begun, which is now and in this thread."""
        subject = self.subject
        if subject:
            with self._lock:
                self._subjects[thread] = subject

    @property
    def subject(self) -> str:
        """The start that this thread is in, or was begun in, by itself or by the thread that began
        it; empty if it is none.
        """
        own: str = getattr(self._current, "subject", "")
        return own or self._subjects.get(threading.current_thread(), "")


origins = ThreadOrigins()
"""Those of this process."""


def on_thread_start(note: ThreadStarted) -> None:
    """Have a function called with each thread that is started from now on in this process, by the
    thread that starts it.
    """
    start = threading.Thread.start

    def noted(thread: threading.Thread) -> None:
        note(thread)
        start(thread)

    # the only place that all threads pass, except those that `inherit_origins` sees to
    threading.Thread.start = noted  # type: ignore[method-assign, assignment]  # see above


def inherit_origins() -> None:
    """Have threads that are begun by `_thread.start_new_thread` from now on in this process, which
    have no `Thread`, count as part of the start that begins them.
    """
    begin = _thread.start_new_thread

    def begin_within(
        function: Callable[..., object],
        arguments: tuple[object, ...],
        options: Mapping[str, object] = NOTHING,
        /,
    ) -> int:
        subject = origins.subject

        def run(*arguments: object, **options: object) -> None:
            with origins.within(subject):
                function(*arguments, **options)

        return begin(run if subject else function, arguments, dict(options))

    # `threading` has its own name for the function, so that only others are seen here
    _thread.start_new_thread = begin_within
    _thread.start_new = begin_within
