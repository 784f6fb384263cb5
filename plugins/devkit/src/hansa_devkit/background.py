"""Calls in the background, in threads that hold nobody up: neither a test that failed nor the end
of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


def in_background(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Call a function in a daemon thread of its own; the future tells what came of it."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=f"background {function.__name__}", daemon=True).start()
    return future
