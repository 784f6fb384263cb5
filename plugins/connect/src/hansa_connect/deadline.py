"""A deadline for what has none: a call in a thread of its own, whose answer is not waited for any longer than that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from hansa import TimedOut

T = TypeVar("T")


def within(seconds: float, what: str, call: Callable[[], T], drop: Callable[[T], object]) -> T:
    """Call, and wait at most so long, then raise `TimedOut`; `drop` gets an answer that comes too late, to close it.

    It costs a thread, which may outlive the wait: for what is rare, such as connecting, with a library whose own time-out leaves
    something out, as most leave out the greeting of the server or the look-up of its name.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            answer = call()
        except BaseException as error:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
            return
        if future.set_running_or_notify_cancel():
            future.set_result(answer)
        else:
            drop(answer)

    threading.Thread(target=run, name=what, daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError as error:
        if future.done() and error is future.exception():
            raise
        if not future.cancel():
            return future.result()  # it came at the last moment
        raise TimedOut(f"{what}: no answer within {seconds:.3g} s") from None
