"""The service that the benchmarks call: the same typed message of 1 KB in, the same answer out, as
its peers have.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from hansa import Model, Service, setting


class Echo(Service):
    """Answers with what came."""

    class Input(Model):
        """The body."""

        number: Annotated[int, setting("Number", ge=0)]
        customer: Annotated[str, setting("Who orders", min_length=1)]
        reference: str
        urgent: bool
        price: float
        weights: list[float]
        note: str

    class Output(Model):
        """The answer."""

        number: int
        customer: str
        note: str

    def handle(self) -> Output:
        """Answer."""
        given = self.request.input
        return self.Output(number=given.number, customer=given.customer, note=given.note)


class Busy(Service):
    """Uses the CPU for 2 ms of its thread's time."""

    def handle(self) -> bytes:
        """Count in vain."""
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            sum(range(100))
        return b"{}"


class Wait(Service):
    """Waits 100 ms, as a service does for a back end."""

    def handle(self) -> bytes:
        """Wait."""
        time.sleep(0.1)
        return b"{}"


class Awaiting(Service):
    """Waits 100 ms on the event loop, as a service of the form `async def` does for a back end."""

    async def handle(self) -> bytes:
        """Wait."""
        await asyncio.sleep(0.1)
        return b"{}"
