"""Which deliveries of a broker are to be acknowledged, with as few calls as possible."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .delivery import Delivery


class Acknowledgements:
    """The deliveries of one channel that are in hand, in the order in which they came.

    `handled` may be called from any thread, the other methods only from the one that talks to the
    broker.
    """

    def __init__(self) -> None:
        self._in_hand: deque[Delivery] = deque()
        self._handled: deque[Delivery] = deque()

    def taken(self, delivery: Delivery) -> None:
        """Note a delivery."""
        self._in_hand.append(delivery)

    def handled(self, delivery: Delivery) -> None:
        """Note that a delivery may be acknowledged."""
        self._handled.append(delivery)

    def due(self) -> Iterator[tuple[Delivery, bool]]:
        """Return what to acknowledge now: a delivery, and whether all before it are meant as well.

        That is one call for all up to the oldest delivery that is still being handled, and one for
        each that was handled after it.
        """
        handled = [self._handled.popleft() for _ in range(len(self._handled))]
        for delivery in handled:
            delivery.state = "handled"
        last: Delivery | None = None
        while self._in_hand and self._in_hand[0].state != "open":
            oldest = self._in_hand.popleft()
            if oldest.state == "handled":
                oldest.state = "acknowledged"
                last = oldest
        if last is not None:
            yield last, True
        for delivery in handled:
            if delivery.state == "handled":
                delivery.state = "acknowledged"
                yield delivery, False
