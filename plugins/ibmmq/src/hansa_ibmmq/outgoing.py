"""The outgoing connection ibmmq: puts texts to queues of IBM MQ."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator

from hansa import Invalid, Outgoing, TooLarge, deadline

from .mqweb import MqwebConnections
from .settings import PuttingSettings

LONGEST_EXPIRY = 99_999_999.9
"""Seconds that a message may wait to expire, at most."""
_QUEUE = re.compile(r"[A-Za-z0-9._/%]{1,48}")
_REPLY_TO = re.compile(r"[A-Za-z0-9._/%]{1,48}(@[A-Za-z0-9._/%]{1,48})?")
_LINE = re.compile(r"[!-~]([ -~]{0,254}[!-~])?")


class IbmmqOutgoing(MqwebConnections[PuttingSettings], Outgoing[PuttingSettings]):
    """Puts texts to queues: `self.outgoing.ibmmq["name"].send("text", "QUEUE")`.

    Safe in many threads.
    """

    type = "ibmmq"

    def start(self) -> None:
        """Log in; raises if mqweb is not there."""
        self.open_mqweb(self.trouble)

    def stop(self) -> None:
        """Close all connections."""
        self.close_mqweb()

    def ping(self) -> str:
        """Have mqweb say who is logged in, and return how long it took.

        Raises `Unavailable` or `TimedOut`.
        """
        began = time.perf_counter()
        self.mqweb.check()
        milliseconds = (time.perf_counter() - began) * 1000
        return f"{self.mqweb.place} answered in {milliseconds:.1f} ms"

    def send(
        self,
        message: str,
        queue: str | None = None,
        timeout: float = 0,
        *,
        correlation_id: str = "",
        reply_to: str = "",
        priority: int | None = None,
        time_to_live: float = 0,
        persistent: bool | None = None,
    ) -> str:
        """Put a text to a queue, and return its message id once the queue manager has it.

        The queue is that of the settings if none is given. `reply_to` is `QUEUE` or
        `QUEUE@QUEUE_MANAGER`; a priority of None is the queue's own. `timeout` and `time_to_live`
        are seconds, 0 for the timeout of the settings and for ever.

        Raises `Invalid` for what cannot be put, by the name of the argument, `TooLarge`,
        `RemoteNotFound` and `RemoteForbidden` for a queue, `Unavailable` if mqweb cannot be reached
        or the queue manager does not take the message now, and `TimedOut`; after the last two it
        may have arrived all the same.
        """
        config = self.config
        target = config.queue if queue is None else queue
        faults = dict(_faults(message, target, correlation_id, reply_to, priority, time_to_live))
        if faults:
            listed = "; ".join(f"{name} {fault}" for name, fault in faults.items())
            raise Invalid(faults, f"the message cannot be put: {listed}")
        body = message.encode()
        if len(body) > config.max_body:
            limit = config.max_body
            raise TooLarge(f"the message has {len(body)} bytes; max_body is {limit}")
        durable = config.persistent if persistent is None else persistent
        headers = {"ibm-mq-md-persistence": "persistent" if durable else "nonPersistent"}
        optional = {
            "ibm-mq-md-correlationId": correlation_id,
            "ibm-mq-md-replyTo": reply_to,
            "ibm-mq-md-priority": "" if priority is None else str(priority),
            "ibm-mq-md-expiry": str(round(time_to_live * 1000)) if time_to_live else "",
        }
        headers |= {name: value for name, value in optional.items() if value}
        with self.observed(), deadline(timeout or config.timeout):
            return self.mqweb.put(target, body, headers)


def _faults(
    message: object,
    queue: object,
    correlation_id: object,
    reply_to: object,
    priority: object,
    time_to_live: object,
) -> Iterator[tuple[str, str]]:
    found = {
        "message": _fault_of_text(message),
        "queue": "" if _fits(_QUEUE, queue) else "must be the name of a queue",
        "correlation_id": ""
        if correlation_id == "" or _fits(_LINE, correlation_id)
        else "must be printable ASCII, at most 256 characters",
        "reply_to": ""
        if reply_to == "" or _fits(_REPLY_TO, reply_to)
        else "must be QUEUE or QUEUE@QUEUE_MANAGER",
        "priority": _fault_of_priority(priority),
        "time_to_live": _fault_of_seconds(time_to_live),
    }
    yield from ((name, fault) for name, fault in found.items() if fault)


def _fits(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _fault_of_text(value: object) -> str:
    if not isinstance(value, str):
        return f"must be text, which is all that the REST API takes, not {type(value).__name__}"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "has characters that UTF-8 does not have"
    return ""


def _fault_of_priority(value: object) -> str:
    if value is None:
        return ""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return "" if whole and 0 <= int(str(value)) <= 9 else "must be a whole number from 0 to 9"


def _fault_of_seconds(value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    seconds = float(str(value)) if number else -1.0
    if math.isfinite(seconds) and 0 <= seconds <= LONGEST_EXPIRY:
        return ""
    return f"must be seconds up to {LONGEST_EXPIRY:.0f}, 0 for ever"
