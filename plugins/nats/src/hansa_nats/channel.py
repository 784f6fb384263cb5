"""The channel nats: subscribes to a subject, or consumes a stream of JetStream."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hansa import Guarantee, Response, TooLarge, Unavailable
from hansa_connect.delivery import Delivery, cause_of, essential_headers
from hansa_connect.pulling import PullingChannel

from .connection import ServerConnection
from .pulls import Pulls
from .settings import SubscriptionSettings
from .streams import pulls

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

LONGEST_WAIT = 0.5
"""Seconds that one request to JetStream is held open; what comes after its end is not lost."""
_HISTORY = "x-hansa-history"
_is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
"""What the name of a header may be (RFC 9110, section 5.6.2); nats-py sends no other."""


class NatsChannel(ServerConnection[SubscriptionSettings], PullingChannel[SubscriptionSettings]):
    """Subscribes to a subject, or consumes a stream of JetStream.

    A message of a stream is acknowledged once its service has handled it, and given up with its
    cause. Who sends a request to a subject gets the answer of the service.
    """

    type = "nats"

    _pulls: Pulls | None = None
    _subscription: Subscription | None = None

    @classmethod
    def delivery_of(cls, config: SubscriptionSettings) -> Guarantee:
        """Return at least once for a stream, and at most once for a subject without one."""
        return "at_least_once" if config.stream else "at_most_once"

    def connect(self) -> None:
        """Connect and subscribe."""
        self.open_connection()
        self._waiting: asyncio.Queue[Msg] = asyncio.Queue(self.config.prefetch)
        self._unfetched: list[Msg] = []
        self._in_work: dict[int, Msg] = {}
        self._handled: deque[Msg] = deque()
        self._acknowledging = False
        self.loop.run(self._subscribe(), self.config.timeout)

    def disconnect(self) -> None:
        """Close the connection."""
        self.close_connection()

    def fetch(self, limit: int, wait: float) -> Iterable[Delivery]:
        """Return messages that have come."""
        end = time.monotonic() + wait
        while not self._stopping.is_set():
            left = min(LONGEST_WAIT, end - time.monotonic())
            if left <= 0:
                break
            found = self.loop.run(self._fetch(limit, left), self.config.timeout + wait)
            if found:
                return [self._delivery(message) for message in found]
            if self.client.is_closed:
                raise Unavailable(f"the server at {self.where}: the connection is closed")
        return []

    def delivers_again(self, delivery: Delivery) -> bool:
        """Return whether there is a stream, which does."""
        return bool(self.config.stream)

    def cancel(self) -> None:
        """Have nothing more sent: what a stream has sent goes back, what a subject has is taken in."""
        if self._pulls is not None:
            self.loop.run(self._end_pulls(self._pulls), self.config.timeout)
        if self._subscription is not None:
            self.loop.run(self._drain(self._subscription), self.config.timeout)

    def unfetched(self) -> Iterable[Delivery]:
        """Take out what a subject has sent."""
        if self.config.stream:
            return []
        return [self._delivery(message) for message in self.loop.run(self._take_out(), 1)]

    def acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge a message of a stream."""
        if self.config.stream:
            self._in_work.pop(id(delivery), None)
            self._handled.append(delivery.tag)
            # waking the loop costs more than all the rest: once for all that are handled meanwhile
            if not self._acknowledging:
                self._acknowledging = True
                self.loop.spawn(self._acknowledge(), "acknowledgements")

    def put_back(self, delivery: Delivery, delay: float) -> None:
        """Have JetStream deliver a message again; one without a stream is gone."""
        if self.config.stream:
            self._in_work.pop(id(delivery), None)
            self.loop.run(delivery.tag.nak(delay or None), self.config.timeout)
        else:
            self.log.warning("%s: lost, since the subject has no stream", delivery.cid)

    def give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        """Publish a dead letter, if there is a subject for them, and terminate the message."""
        if self.config.stream:
            self.loop.run(self._give_up_message(delivery, error), self.config.timeout)
            self._in_work.pop(id(delivery), None)

    def answered(self, delivery: Delivery, response: Response) -> None:
        """Send the answer to who has asked for it."""
        message: Msg = delivery.tag
        if self.config.stream or not message.reply:
            return
        headers = {"x-hansa-cid": delivery.cid}
        if not response.ok:
            headers["Nats-Service-Error-Code"] = str(response.status)
            headers["Nats-Service-Error"] = type(response.error).__name__
        raw = response.raw
        fits = self.fits(raw, headers)
        if not fits:
            raw = b""
            headers["Nats-Service-Error-Code"] = str(TooLarge.status)
            headers["Nats-Service-Error"] = TooLarge.__name__
        work = self.client.publish(message.reply, raw, headers=headers)
        self.loop.run(work, self.config.timeout)
        if not fits:
            most = self.client.max_payload
            raise TooLarge(f"the answer has {len(response.raw)} bytes; the server takes {most}")

    # -- in the loop -------------------------------------------------------------------------------

    async def _subscribe(self) -> None:
        config = self.config
        if config.stream:
            consumer = config.consumer or f"hansa-{self.name}"
            self._pulls = await pulls(self.client, config, consumer)
            self.loop.spawn(self._keep_in_work(), "progress")
        else:
            queue = config.queue or f"hansa.{self.name}"
            subscribe = self.client.subscribe
            self._subscription = await subscribe(config.subject, queue, cb=self._waiting.put)
            await self.flush()

    async def _fetch(self, limit: int, wait: float) -> list[Msg]:
        from nats.errors import Error

        try:
            if self._pulls is not None:
                return await self._pulls.fetch(limit, wait)
            async with asyncio.timeout(wait):
                found = [await self._waiting.get()]
        except TimeoutError:
            return []
        except Error as error:
            raise self.unavailable(error) from None
        with contextlib.suppress(asyncio.QueueEmpty):
            while len(found) < limit:
                found.append(self._waiting.get_nowait())
        return found

    async def _end_pulls(self, ending: Pulls) -> None:
        from nats.errors import Error

        try:
            for message in await ending.stop():
                await message.nak()
        except Error as error:
            self.log.info("what was sent last comes again by itself, not put back: %s", error)

    async def _acknowledge(self) -> None:
        """Acknowledge what was handled, also while this goes on."""
        self._acknowledging = False
        while self._handled:
            await self._handled.popleft().ack()

    async def _drain(self, subscription: Subscription) -> None:
        """Unsubscribe, and take in what the library has; `_waiting` may be full by then."""
        from nats.errors import Error

        taking = asyncio.create_task(self._take_in())
        try:
            # drain() alone drops what the server had assigned to this member, and sends after its
            # answer: it forgets the subscription after one round trip
            await self.client._send_unsubscribe(subscription._id)
            await self.flush()
            await self.flush()
            await subscription.drain()  # type: ignore[no-untyped-call]
        except Error as error:
            raise self.unavailable(error) from None
        finally:
            taking.cancel()

    async def _take_in(self) -> None:
        while True:
            self._unfetched.append(await self._waiting.get())

    async def _take_out(self) -> list[Msg]:
        found = self._unfetched
        self._unfetched = []
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                found.append(self._waiting.get_nowait())
        return found

    async def _keep_in_work(self) -> None:
        """Tell JetStream that messages are still being handled, before `ack_wait` has passed."""
        while True:
            await asyncio.sleep(self.config.ack_wait / 3)
            for message in list(self._in_work.values()):
                await message.in_progress()

    async def _give_up_message(self, delivery: Delivery, error: BaseException | None) -> None:
        from nats.errors import Error

        message: Msg = delivery.tag
        subject = self.config.dead_letter_subject
        cause = " ".join(cause_of(error).split())
        try:
            if subject:
                headers = self._dead_headers(delivery, error)
                context = self.client.jetstream(timeout=self.config.timeout)
                await context.publish(subject, message.data, headers=headers or None)
            await self.client.publish(message.reply, f"+TERM {cause}".encode())
        except Error as failed:
            fault = f"no dead letter at {subject!r}: {failed}; check dead_letter_subject"
            raise Unavailable(f"the server at {self.where}: {fault}") from None

    def _dead_headers(self, delivery: Delivery, error: BaseException | None) -> dict[str, str]:
        """Return as many headers of a dead letter as the server has room for."""
        failed = delivery.failure_headers(error, self.name)
        for headers in (_headers(failed), _headers(essential_headers(failed))):
            if self.fits(delivery.body, headers):
                return headers
        self.log.warning("%s: a dead letter without headers, it is too large", delivery.cid)
        return {}

    def _delivery(self, message: Msg) -> Delivery:
        headers = _with_history(message.headers or {})
        origin = {"subject": message.subject}
        extra: dict[str, object] = {"subject": message.subject, "reply": ""}
        identity = ""
        again = False
        if self.config.stream:
            about = message.metadata
            origin |= {"stream": about.stream, "sequence": str(about.sequence.stream)}
            again = about.num_delivered > 1
            identity = f"{about.stream} {about.sequence.stream}"
            extra |= {
                "stream": about.stream,
                "sequence": about.sequence.stream,
                "stored": about.timestamp.isoformat(),
                "redelivered": again,
            }
        else:
            extra["reply"] = message.reply
        delivery = Delivery(
            message,
            message.data,
            headers,
            redelivered=again,
            origin=origin,
            identity=identity,
            extra=extra,
        )
        if self.config.stream:
            self._in_work[id(delivery)] = message
        return delivery


def _with_history(headers: dict[str, str]) -> dict[str, object]:
    """Return headers in which a history is a list again."""
    found: dict[str, object] = dict(headers)
    if _HISTORY in headers:
        try:
            found[_HISTORY] = json.loads(headers[_HISTORY])
        except (ValueError, RecursionError):
            del found[_HISTORY]
    return found


def _headers(headers: dict[object, object]) -> dict[str, str]:
    """Return headers as nats-py sends them: text of one line, under names that are tokens."""
    found = {}
    for name, value in headers.items():
        if not _is_token(str(name)):
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        found[str(name)] = " ".join(text.split())
    found.pop("Nats-Msg-Id", None)  # else a stream that takes both drops the dead letter
    return found
