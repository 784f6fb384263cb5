"""Which requests a worker has in hand, so that what was replaced is stopped after its last user."""

from __future__ import annotations


class InFlight:
    """The requests in hand, each with the epoch in which it began.

    A new epoch begins whenever an object is taken out of use: requests that began before may still
    be using it.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.requests: dict[int, int] = {}
        """The epoch of each request by a number that is its own; routes write here without a lock.
        """

    @property
    def oldest(self) -> int:
        """The epoch of the oldest request in hand; the present epoch when there is none."""
        return min(list(self.requests.values()), default=self.epoch)
