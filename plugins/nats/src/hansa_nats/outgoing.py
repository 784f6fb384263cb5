"""The outgoing connection nats: publishes messages, stores them in streams, and asks for answers."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from hansa import (
    HansaError,
    Invalid,
    NotFound,
    Outgoing,
    TimedOut,
    TooLarge,
    Unavailable,
    current_cid,
    new_cid,
    trace_headers,
)

from .connection import ServerConnection
from .settings import PublishingSettings, subject_fault
from .streams import ensure_stream

if TYPE_CHECKING:
    from nats.js.client import JetStreamContext

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a stream has a message; `duplicate`: it had one of this message id before."""

    stream: str
    sequence: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody has answered to a request."""

    raw: bytes
    headers: dict[str, str] = field(default_factory=dict)


class NatsOutgoing(ServerConnection[PublishingSettings], Outgoing[PublishingSettings]):
    """Publishes messages, and asks for answers: `self.outgoing.nats["name"].publish("text")`.

    Safe in many threads.
    """

    type = "nats"

    _context: JetStreamContext

    def start(self) -> None:
        """Connect; raises if the server is not there."""
        self.open_connection()
        # the loop keeps the time of each call
        self._context = self.client.jetstream(timeout=None)
        config = self.config
        if config.declare:
            work = ensure_stream(self.client, config.stream, config.subject)
            self.loop.run(work, config.timeout)

    def stop(self) -> None:
        """Close the connection."""
        self.close_connection()

    def publish(
        self,
        message: str | bytes,
        subject: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        reply: str = "",
        timeout: float = 0,
    ) -> None:
        """Publish a message to whoever subscribes to a subject now; returns once the server has it.

        Subject and `timeout` (seconds) are those of the settings if not given. Raises `Invalid` for
        what cannot be sent, `TooLarge` for more than the server takes, `Unavailable` and
        `TimedOut`.
        """
        target = self._subject(subject)
        own = self._headers(headers)
        body = self._body(message, own)
        self._call(self._publish(target, body, own, reply), timeout, target)

    def store(
        self,
        message: str | bytes,
        subject: str = "",
        *,
        message_id: str = "",
        headers: Mapping[str, str] | None = None,
        timeout: float = 0,
    ) -> Stored:
        """Publish a message to a stream, and return where it is once JetStream has stored it.

        JetStream stores a `message_id` once within the time that the stream remembers it, two
        minutes by default; a new one is made if none is given. Raises as `publish` does, and
        `Unavailable` if no stream takes the subject; after that and `TimedOut` it may have been
        stored all the same: storing it again with the same `message_id` does not duplicate it.
        """
        target = self._subject(subject)
        own = self._headers(headers)
        own["Nats-Msg-Id"] = message_id or new_cid()
        if self.config.stream:
            own["Nats-Expected-Stream"] = self.config.stream
        body = self._body(message, own)
        return self._call(self._store(target, body, own), timeout, target)

    def request(
        self,
        message: str | bytes,
        subject: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 0,
    ) -> Answer:
        """Send a request, and return the first answer.

        Raises as `publish` does, and `NotFound` if nobody subscribes to the subject.
        """
        target = self._subject(subject)
        own = self._headers(headers)
        body = self._body(message, own)
        work = self._request(target, body, own, timeout or self.config.timeout)
        return self._call(work, timeout, target)

    def _call(self, work: Coroutine[Any, Any, ResultT], timeout: float, subject: str) -> ResultT:
        limit = timeout or self.config.timeout
        try:
            with self.observed():
                return self.loop.run(work, limit)
        except HansaError:
            raise
        except Exception as error:
            raise self._fault(error, subject, limit) from None

    def _fault(self, error: Exception, subject: str, timeout: float) -> HansaError:
        from nats import errors
        from nats.js import errors as stream_errors

        if isinstance(error, errors.NoRespondersError):
            return NotFound(f"nobody answers requests to {subject!r}")
        if isinstance(error, stream_errors.NoStreamResponseError):
            return Unavailable(f"no stream takes what is published to {subject!r}")
        if isinstance(error, errors.TimeoutError | TimeoutError):
            return TimedOut(
                f"the server at {self.where}: no answer within {timeout:g} s, the limit that the "
                "setting timeout sets"
            )
        if isinstance(error, errors.BadSubjectError | errors.BadHeaderError | ValueError):
            return Invalid(f"the message cannot be sent: {error}")
        return self.unavailable(error)

    async def _publish(
        self, subject: str, message: bytes, headers: dict[str, str], reply: str
    ) -> None:
        known = self.refused(subject)
        if known is None:
            await self.client.publish(subject, message, reply=reply, headers=headers)
            await self.flush()
            known = self.refused(subject)
        if known is not None:
            raise known

    async def _store(self, subject: str, message: bytes, headers: dict[str, str]) -> Stored:
        found = await self._context.publish(subject, message, headers=headers)
        return Stored(found.stream, found.seq, bool(found.duplicate))

    async def _request(
        self, subject: str, message: bytes, headers: dict[str, str], timeout: float
    ) -> Answer:
        found = await self.client.request(subject, message, timeout=timeout + 1, headers=headers)
        return Answer(found.data, dict(found.headers or {}))

    def _body(self, message: object, headers: Mapping[str, str]) -> bytes:
        body = _bytes(message)
        if not self.fits(body, headers):
            most = self.client.max_payload
            raise TooLarge(
                f"the server at {self.where} takes messages of {most} bytes, with their headers"
            )
        return body

    def _subject(self, subject: str) -> str:
        if subject:
            if fault := subject_fault(subject):
                raise Invalid({"subject": fault})
            return subject
        if not self.config.subject:
            raise Invalid({"subject": "the settings name none: give one"})
        return self.config.subject  # which was checked with the settings

    def _headers(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        faults = {
            f"headers.{name}": fault
            for name, value in (headers or {}).items()
            if (fault := _header_fault(name, value))
        }
        if faults:
            raise Invalid(faults)
        cid = current_cid.get()
        own = {"x-hansa-cid": new_cid() if cid == "-" else cid, **trace_headers()}
        return {**own, **(headers or {})}


def _header_fault(name: object, value: object) -> str:
    if not isinstance(name, str) or not name.isascii() or not name.isprintable():
        return "the name must be printable ASCII"
    if not name or ":" in name or " " in name:
        return "the name must have no colon and no space"
    if not isinstance(value, str) or "\r" in value or "\n" in value:
        return "must be text of one line"
    if value != value.strip():
        return "must not begin or end with a space"
    return ""


def _bytes(message: object) -> bytes:
    if isinstance(message, bytes):
        return message
    if not isinstance(message, str):
        raise Invalid(f"a message is text or bytes, not {type(message).__name__}")
    try:
        return message.encode()
    except UnicodeEncodeError:
        raise Invalid("the message has characters that UTF-8 does not have") from None
