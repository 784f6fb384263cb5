"""One sample, as it is kept: masked, and within bounds."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from hansa_admin.writable import write_kept

Why: TypeAlias = Literal["every", "slow", "error"]
"""Why a request was kept: it was one in so many, it was slow, or it failed."""


class Message(msgspec.Struct, omit_defaults=True):
    """A request or an answer: `text`, or `base64` of what is no text. `size` is that of the whole
    message, in bytes; `note` says why less of it is kept.
    """

    headers: dict[str, str] = {}
    content_type: str = ""
    size: int = 0
    text: str = ""
    base64: str = ""
    note: str = ""


class Head(msgspec.Struct, omit_defaults=True):
    """What lists show of a sample, none of which is a payload.

    `at` is when its call began, in seconds of the Unix epoch, `ms` how long it took, `outcome` `ok`
    or the code of an error, `cause` what happened, without what differs from one failure to the
    next, `by` the name of its caller, `definition` what vouches for the caller.
    `bytes` is the size of what is kept; `slot` is where.
    """

    id: str
    at: float
    service: str
    why: Why
    ms: float
    outcome: str
    status: int = 0
    cid: str = ""
    channel: str = ""
    by: str = ""
    definition: str = ""
    address: str = ""
    worker: str = ""
    request_size: int = 0
    answer_size: int = 0
    bytes: int = 0
    slot: int = 0
    cause: str = ""


class Sample(msgspec.Struct, omit_defaults=True):
    """A sample. `parameters` are those of path and query, `error` is the text of the error that
    ended the call.
    """

    head: Head
    method: str = ""
    path: str = ""
    parameters: dict[str, str] = {}
    request: Message = msgspec.field(default_factory=Message)
    answer: Message = msgspec.field(default_factory=Message)
    error: str = ""


def encoded(sample: Sample) -> str:
    """Return a sample as it is stored."""
    return write_kept(sample).decode()


def decoded(text: str) -> Sample:
    """Return a sample that was stored."""
    return msgspec.json.decode(text, type=Sample)
