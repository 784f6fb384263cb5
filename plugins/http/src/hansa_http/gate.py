"""The gate of a worker: whether it wants requests."""

from __future__ import annotations

from collections.abc import Callable


def _always_ready() -> str:
    return ""


class Gate:
    """Whether this worker wants requests: `draining` once it is to end; `unready` returns why not,
    or an empty text.
    """

    def __init__(self, unready: Callable[[], str] = _always_ready) -> None:
        self.draining = False
        self.unready = unready

    def refusal(self) -> str:
        """Return why no requests are wanted; an empty text if they are."""
        return "draining" if self.draining else self.unready()
