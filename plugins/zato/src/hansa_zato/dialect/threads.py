"""`self.run_in_thread` and `self.sleep`: what a service does beside its own thread, and waiting."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable

from hansa import deadline

log = logging.getLogger("hansa.zato.threads")


def sleep(seconds: float) -> None:
    """Wait for so many seconds."""
    time.sleep(seconds)


def in_thread(action: Callable[..., object], *args: object, **kwargs: object) -> threading.Thread:
    """Run a function in a thread that ends with the worker at the latest; what it raises is logged.

    It keeps the correlation id of its caller, and not the deadline, which it may outlive.
    """
    context = contextvars.copy_context()

    def act() -> None:
        with deadline(None):
            action(*args, **kwargs)

    def run() -> None:
        try:
            context.run(act)
        except Exception:
            log.exception("a thread of a service failed")

    made = threading.Thread(target=run, name="zato-service", daemon=True)
    made.start()
    return made
