"""Plain code on the event loop, as a greenlet; for `event_loop` alone, which imports it when such code
is first there.
"""

from __future__ import annotations

from collections.abc import Callable

from greenlet import getcurrent, greenlet


class Strand(greenlet):  # type: ignore[misc]  # greenlet has no types
    """Plain code that runs on the loop."""

    # what SQLAlchemy waits for by a driver of asyncio, it may wait for in here
    __sqlalchemy_greenlet_provider__ = True

    def __init__(self, function: Callable[..., object]) -> None:
        driver = getcurrent()
        super().__init__(function, driver)
        self.gr_context = driver.gr_context


def current_strand() -> Strand | None:
    """Return the strand in which the code that asks runs, if it is one."""
    current = getcurrent()
    return current if isinstance(current, Strand) else None
