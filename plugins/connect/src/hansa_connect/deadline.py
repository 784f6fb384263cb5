"""A time limit for calls that have none of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from hansa import TimedOut

T = TypeVar("T")


def call_within(
    seconds: float, what: str, call: Callable[[], T], discard: Callable[[T], object]
) -> T:
    """Return what `call` returns, or raise what it raises.

    Raises `TimedOut` if it takes longer than `seconds`. An answer that comes too late goes to
    `discard`, to be closed. The call has a thread of its own, which may outlive this function: use
    it for rare calls, such as connecting, where a library's own time-out leaves something out (the
    look-up of the name, the greeting of the server).
    """
    future: Future[T] = Future()
    arguments = (future, call, discard)
    threading.Thread(target=_run, args=arguments, name=what, daemon=True).start()
    wait([future], seconds)
    if future.cancel():
        raise TimedOut(f"{what}: no answer within {seconds:.3g} s")
    return future.result()


def _run(future: Future[T], call: Callable[[], T], discard: Callable[[T], object]) -> None:
    # the future stays pending while the call runs, so that it can be cancelled until it answers
    try:
        answer = call()
    except BaseException as error:
        if future.set_running_or_notify_cancel():
            future.set_exception(error)
        return
    if future.set_running_or_notify_cancel():
        future.set_result(answer)
    else:
        discard(answer)
