"""One asynchronous call on its way, and how it is written into Redis and read again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

import msgspec
from hansa import Invalid, PlainSettings, current_caller, current_cid, trace_headers
from hansa_json.writing import write_with_secrets


class Report(msgspec.Struct, omit_defaults=True):
    """Who learns the final state of a call, good or bad: what patterns are made of.

    `to` are services, `group` the fan-out whose last member completes it. The rest is repeated in
    what is reported.
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
    """One attempt and why it failed, or a change that somebody made to the message.

    `code` is what ran: the file and the version of its service, or the plugin that it comes with.
    """

    at: float
    cause: str
    attempt: int = 0
    worker: str = ""
    code: str = ""


class Call(msgspec.Struct, omit_defaults=True):
    """One asynchronous call: the service and its input, the number of the attempt, and the attempts
    before.

    `raw` is a payload of bytes. `max_attempts` and `retry_seconds` (a fixed pause) override the
    section `[queue]`. `parent_cid` is the correlation id of the message whose service queued it,
    `caller` is that service where a plugin counts calls, and `headers` pass on its trace (W3C Trace
    Context). `replay` is the id of the replay that has sent it, if one has.
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
    parent_cid: str = ""
    caller: str = ""
    headers: dict[str, str] = {}
    extra: PlainSettings = {}
    created: float = 0.0
    history: list[Attempt] = []
    report: Report | None = None
    replay: str = ""


class Origin(TypedDict):
    """The message that a call comes from, as fields of `Call`."""

    parent_cid: str
    caller: str
    headers: dict[str, str]


def origin() -> Origin:
    """Return what a call that is queued now comes from: the message that this thread handles."""
    parent = current_cid.get()
    return {
        "parent_cid": "" if parent == "-" else parent,
        "caller": current_caller().service,
        "headers": trace_headers(),
    }


encode = msgspec.json.encode
decode = msgspec.json.Decoder(Call).decode
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What `decode` raises for what is no call; `ValueError` where a text is not UTF-8."""


def make(service: str, payload: object, **options: Any) -> bytes:
    """Return an encoded call; `options` are fields of `Call`.

    A payload of bytes stays bytes; any other is written by the rules of hansa-json, with its
    secrets. Raises `Invalid` for what JSON cannot hold.
    """
    call = Call(service, **options)
    if isinstance(payload, bytes | bytearray | memoryview):
        call.raw = bytes(payload)
    else:
        call.payload = payload
    try:
        return write_with_secrets(call)
    except Invalid as invalid:
        raise Invalid(
            f"the payload for {service} cannot be queued, since JSON does not hold it: {invalid}"
        ) from None


def plain(value: object) -> object:
    """Return a value as JSON returns it; raises `Invalid`."""
    try:
        found: object = msgspec.json.decode(write_with_secrets(value))
    except Invalid as invalid:
        raise Invalid(f"JSON does not hold it: {invalid}") from None
    return found


def now_iso() -> str:
    """Return the present time in UTC, as ISO 8601 without an offset."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()
