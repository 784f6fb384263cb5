"""Call: one asynchronous invocation on its way, and how it is written into Redis and read again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from hansa import Invalid, Model, dump


class Report(msgspec.Struct, omit_defaults=True):
    """Who is told of the final state of a call, good or bad: what patterns are made of.

    `to` are services, `group` the fan-out whose last member starts its end. The rest is repeated in what they are told.
    """

    kind: Literal["target", "retry"]
    target: str
    source: str
    requested: str
    to: list[str] = []
    group: str = ""
    context: Any = None
    orig_cid: str = ""
    repeats: int = 0
    seconds: float = 0.0


class Attempt(msgspec.Struct, omit_defaults=True):
    """What came of one attempt, or what was done with the message by hand."""

    at: float
    cause: str
    attempt: int = 0
    worker: str = ""


class Call(msgspec.Struct, omit_defaults=True):
    """One asynchronous invocation: what to call with what, how often it was tried and what came of it.

    `raw` is a payload of bytes. `max_attempts` and `retry_seconds` (a fixed pause) override the section `[queue]`.
    """

    service: str
    payload: Any = None
    raw: bytes | None = None
    cid: str = ""
    attempt: int = 1
    max_attempts: int = 0
    retry_seconds: float | None = None
    callback: list[str] = []
    in_reply_to: str = ""
    extra: dict[str, Any] = {}
    created: float = 0.0
    history: list[Attempt] = []
    report: Report | None = None


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return dump(value, str)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    for method in ("model_dump", "to_dict", "to_data"):
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    raise TypeError(type(value).__name__)


_encode = msgspec.json.Encoder(enc_hook=_plain).encode
encode = msgspec.json.encode
decode = msgspec.json.Decoder(Call).decode


def make(service: str, payload: Any, **options: Any) -> bytes:
    """A call as it is queued; raises `Invalid` for a payload that JSON cannot hold."""
    given: dict[str, Any] = {"raw": payload} if isinstance(payload, bytes) else {"payload": payload}
    try:
        return _encode(Call(service, **given, **options))
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        raise Invalid(
            f"the payload for {service} cannot be queued, since JSON does not hold it: {error}"
        ) from None


def plain(value: Any) -> Any:
    """The same value as JSON gives it back; raises `Invalid`."""
    try:
        return msgspec.json.decode(_encode(value))
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        raise Invalid(f"JSON does not hold it: {error}") from None


def now_iso() -> str:
    """This moment in UTC, as ISO 8601 without an offset."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()
