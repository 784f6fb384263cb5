"""Which requests a worker has in hand: so that what was replaced is stopped after its last user, and
calls that take too long are told of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..contract.message import Request

if TYPE_CHECKING:
    from asyncio import Task


class Call(NamedTuple):
    """A request in hand: the epoch in which it began, when by `time.monotonic()`, and its thread, or
    its task of the event loop.
    """

    epoch: int
    began: float
    thread: int | Task[Any]
    request: Request


class InFlight:
    """The requests in hand, each with the epoch in which it began.

    A new epoch begins whenever an object is taken out of use: requests that began before may still
    be using it.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.requests: dict[int, Call] = {}
        """Each request by a number that is its own; routes write here without a lock."""

    @property
    def oldest(self) -> int:
        """The epoch of the oldest request in hand; the present epoch when there is none."""
        return min((call.epoch for call in list(self.requests.values())), default=self.epoch)
