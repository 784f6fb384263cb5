"""Messages of a consumer of JetStream as a channel asks for them: many with one request.

The client of the library makes a task and a timer for each message, which costs more than all the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from typing import TYPE_CHECKING

from hansa import Unavailable

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

LATE = 1.0
"""Seconds after its end by which the server has told that a request has ended."""
SHORTEST = 0.001
"""Seconds of the shortest request: one of 0 seconds would have no end."""
_ENDED = ("404", "408", "409 Leadership Change", "409 Server Shutdown")
"""How the server tells that a request has ended, and another one may be made: none there, time over,
moved. What else ends one, such as 409 for more than the consumer allows, would end each.
"""


class Pulls:
    """The messages of one consumer; all is called in the loop, `fetch` by one task at a time.

    One request is open at a time, for as many messages as were asked for. What has come is returned
    at once, and the rest of the request counts for the next `fetch`, so that there are never more
    messages here than were asked for.
    """

    def __init__(self, client: Client, stream: str, consumer: str) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = client.new_inbox()
        self._come: deque[Msg] = deque()
        self._changed = asyncio.Event()
        self._open = 0
        self._ends = 0.0
        self._refusal = ""
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Subscribe to what is asked for."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self._take)

    async def fetch(self, limit: int, wait: float) -> list[Msg]:
        """Return messages, at most `limit`; waits for so many seconds, or less, while there are none.

        Raises `Unavailable` for a refusal.
        """
        if not self._come:
            await self._ask(limit, wait)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()
        if self._refusal:
            refusal = self._refusal
            self._refusal = ""
            raise Unavailable(f"the consumer gives no messages: {refusal}")
        return [self._come.popleft() for _ in range(min(limit, len(self._come)))]

    async def stop(self) -> list[Msg]:
        """Have no more sent, and return what has come and was not fetched."""
        if self._subscription is not None:
            await self._subscription.unsubscribe()
        found = list(self._come)
        self._come.clear()
        return found

    async def _ask(self, limit: int, wait: float) -> None:
        """Make a request, unless one is open."""
        self._changed.clear()
        now = asyncio.get_running_loop().time()
        if self._open and now < self._ends:
            return
        self._open = limit
        self._ends = now + wait + LATE
        request = {"batch": limit, "expires": int(max(wait, SHORTEST) * 1e9)}
        await self._client.publish(self._subject, json.dumps(request).encode(), self._inbox)

    async def _take(self, message: Msg) -> None:
        if message.reply:
            self._come.append(message)
            self._open = max(0, self._open - 1)
        else:
            self._take_status(message.headers or {})
        self._changed.set()

    def _take_status(self, headers: dict[str, str]) -> None:
        told = f"{headers.get('Status', '')} {headers.get('Description', '')}".strip()
        if told.startswith("1"):  # a sign of life
            return
        self._open = 0
        if not told.startswith(_ENDED):
            self._refusal = told
