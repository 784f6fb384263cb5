"""The channel ibmmq: consumes a queue of IBM MQ, at least once, by browsing and deleting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hansa import HansaError, Invalid, TimedOut, Unavailable
from hansa_connect.delivery import Delivery
from hansa_connect.pulling import PullingChannel

from .mqweb import MqwebConnections
from .settings import GettingSettings

if TYPE_CHECKING:
    from hansa_http.response import HttpResponse

MOST_UNREADABLE = 1000
"""Messages that are no text, and stay in the queue, before the channel gives up."""
IN_HAND = float("inf")
_DESCRIPTOR = "ibm-mq-md-"
_USER = "ibm-mq-usr"
_COPIED = ("correlationid", "replyto", "priority")
"""Fields of the descriptor that a dead letter has, too."""


class IbmmqChannel(MqwebConnections[GettingSettings], PullingChannel[GettingSettings]):
    """Consumes a queue of IBM MQ over its messaging REST API.

    The API has no transactions, and what it gets is gone. So a message is browsed, handled, and
    deleted by its id once its service is done, in one worker of the cluster. A message that cannot
    be handled is put to the queue of dead letters, and deleted after that.
    """

    type = "ibmmq"
    placement = "cluster"
    exclusive = True  # two objects would browse the same messages
    flags_redelivery = False

    def connect(self) -> None:
        """Log in, and look at the queue."""
        self._guard = threading.Lock()
        self._taken: dict[str, float] = {}
        self._unreadable: set[str] = set()
        self.open_mqweb(lambda why: None)  # what `fetch` raises says it
        self.mqweb.listed(self.config.queue, 1)

    def disconnect(self) -> None:
        """Close all connections."""
        self.close_mqweb()

    def abort(self) -> None:
        """Close the connections, also those that wait."""
        self.close_mqweb()

    def fetch(self, limit: int, wait: float) -> Iterable[Delivery]:
        """Browse messages that nobody has in hand, or that are due again."""
        found: list[Delivery] = []
        for message in self._new(limit):
            delivery = self._browsed(message)
            if delivery is not None:
                found.append(delivery)
        return found

    def _new(self, limit: int) -> list[str]:
        """Take the first messages that may be handled, and return their ids."""
        with self._guard:
            asked = limit + len(self._taken) + len(self._unreadable)
        listed = self.mqweb.listed(self.config.queue, asked)
        now = time.monotonic()
        with self._guard:
            if len(listed) < asked:
                self._forget_all_but(set(listed))
            found = [
                message
                for message in listed
                if message not in self._unreadable and self._taken.get(message, 0.0) <= now
            ][:limit]
            for message in found:
                self._taken[message] = IN_HAND
        return found

    def _forget_all_but(self, there: set[str]) -> None:
        """Forget what others have taken out of the queue."""
        if self._unreadable and not self._unreadable & there:
            self.trouble("")
        self._unreadable &= there
        gone = [
            message
            for message, due in self._taken.items()
            if due != IN_HAND and message not in there
        ]
        for message in gone:
            del self._taken[message]

    def _browsed(self, message: str) -> Delivery | None:
        """Return a message; None for one that is gone, or is no text and stays where it is."""
        if not message.removeprefix("ID:").strip("0"):
            # it would select whatever message comes first
            self._leave_unread(message, Invalid("its message id is that of no message"))
            return None
        try:
            answer = self.mqweb.browsed(self.config.queue, message)
        except (Unavailable, TimedOut):
            raise
        except HansaError as error:
            self._leave_unread(message, error)
            return None
        if answer is None:
            with self._guard:
                self._taken.pop(message, None)
            return None
        return _delivery(message, answer, self.config.queue)

    def _leave_unread(self, message: str, error: HansaError) -> None:
        self.log.error("%s stays in the queue, it cannot be read: %s", message, error.explanation)
        with self._guard:
            self._taken.pop(message, None)
            self._unreadable.add(message)
            count = len(self._unreadable)
        if count > MOST_UNREADABLE:
            raise Unavailable(
                f"more than {MOST_UNREADABLE} messages in the queue {self.config.queue} are no texts"
            )
        self.trouble(f"{count} messages in the queue {self.config.queue} cannot be read")

    def acknowledge(self, delivery: Delivery) -> None:
        """Delete a message."""
        if not self.mqweb.delete(self.config.queue, delivery.tag):
            self.log.warning("%s: another program took it from the queue, too", delivery.cid)
        with self._guard:
            self._taken.pop(delivery.tag, None)

    def put_back(self, delivery: Delivery, delay: float) -> None:
        """Have a message be browsed again; nothing tells the queue manager of it."""
        with self._guard:
            self._taken[delivery.tag] = time.monotonic() + delay

    def give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        """Put a copy to the queue of dead letters, and delete the message after that."""
        queue = self.config.dead_letter_queue
        headers = {f"{_DESCRIPTOR}persistence": "persistent", **delivery.properties}
        try:
            copy = self.mqweb.put(queue, delivery.body, headers)
        except Invalid as refused:
            self.log.warning("%s: its headers are left out: %s", delivery.cid, refused.explanation)
            headers = {f"{_DESCRIPTOR}persistence": "persistent"}
            copy = self.mqweb.put(queue, delivery.body, headers)
        self.log.warning("%s: %s is the dead letter %s", delivery.cid, delivery.tag, copy)
        self.acknowledge(delivery)


def _delivery(message: str, answer: HttpResponse, queue: str) -> Delivery:
    fields = {
        name.lower().removeprefix(_DESCRIPTOR): value
        for name, value in answer.headers.items()
        if name.lower().startswith(_DESCRIPTOR)
    }
    kept = {f"{_DESCRIPTOR}{name}": fields[name] for name in _COPIED if name in fields}
    user = {name: value for name, value in answer.headers.items() if name.lower().startswith(_USER)}
    kept |= user
    extra: dict[str, object] = {
        "message_id": message,
        "correlation_id": fields.get("correlationid", ""),
        "reply_to": fields.get("replyto", ""),
        "priority": fields.get("priority", ""),
        "persistence": fields.get("persistence", ""),
        "expiry": fields.get("expiry", ""),
        "user_properties": ", ".join(user.values()),
    }
    fault = ""
    try:
        body = answer.utf8
    except HansaError as error:
        body = answer.content
        fault = f"its text cannot be read: {error}"
    return Delivery(
        message,
        body,
        {},
        origin={"queue": queue},
        identity=message,
        extra=extra,
        properties=kept,
        fault=fault,
    )
